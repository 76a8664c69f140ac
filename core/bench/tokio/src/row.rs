//! Row: the twin of core/bench/row.h.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// With how many workers a row is run, and what is measured of it.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Tasks,
    Remote,
    One,
    Spread,
    Once,
    Memory,
}

/// What a row is told, and what it has measured; in nanoseconds and bytes.
#[derive(Default)]
pub struct Run {
    pub count: u64,
    pub workers: usize,
    pub wall: i64,
    pub cpu: i64,
    pub resident: i64,
    wall_begin: i64,
    cpu_begin: i64,
    resident_begin: i64,
}

fn read(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

fn resident() -> i64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: i64 = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) }
}

impl Run {
    pub fn new(count: u64, workers: usize) -> Run {
        Run { count, workers, ..Default::default() }
    }
    pub fn begin(&mut self) {
        self.resident_begin = resident();
        self.wall_begin = read(libc::CLOCK_MONOTONIC);
        self.cpu_begin = read(libc::CLOCK_PROCESS_CPUTIME_ID);
    }
    pub fn end(&mut self) {
        self.cpu += read(libc::CLOCK_PROCESS_CPUTIME_ID) - self.cpu_begin;
        self.wall += read(libc::CLOCK_MONOTONIC) - self.wall_begin;
        self.resident = resident() - self.resident_begin;
    }
}

pub struct Row {
    pub name: &'static str,
    pub kind: Kind,
    pub count: u64,
    pub run: fn(&Runtime, &mut Run) -> u64,
}

/// What a future that a row is made of looks like.
pub type Work<'a> = Pin<Box<dyn Future<Output = u64> + Send + 'a>>;

/// Runs `main` in a task, on a worker: block_on runs in the calling thread.
pub fn in_task(runtime: &Runtime, run: &mut Run, main: for<'a> fn(&'a mut Run) -> Work<'a>) -> u64 {
    let mut own = std::mem::take(run);
    let (done, own) = runtime.block_on(async move {
        let task = tokio::spawn(async move {
            let done = main(&mut own).await;
            (done, own)
        });
        task.await.unwrap()
    });
    *run = own;
    done
}

/// So many tasks have something to do; one waits until the last of them has done it. It lives for
/// ever: the tasks need not count references, as they need not in C++.
pub struct Countdown {
    left: AtomicU64,
    zero: Notify,
}

impl Countdown {
    pub fn leak(count: u64) -> &'static Countdown {
        Box::leak(Box::new(Countdown { left: AtomicU64::new(count), zero: Notify::new() }))
    }
    pub fn start(&self, count: u64) {
        self.left.store(count, Ordering::Relaxed);
    }
    pub fn down(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.zero.notify_one();
        }
    }
    pub async fn zero(&self) {
        self.zero.notified().await
    }
}

/// Of tasks that bring a number.
pub async fn sum_of(handles: &mut Vec<JoinHandle<u64>>) -> u64 {
    let mut sum = 0;
    for handle in handles.drain(..) {
        sum += handle.await.unwrap();
    }
    sum
}
