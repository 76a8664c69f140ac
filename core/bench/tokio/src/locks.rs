//! Rows of locks that wait without blocking a thread: the twin of core/bench/lock_rows.cc.

use crate::row::{in_task, sum_of, Kind, Row, Run, Work};
use tokio::sync::{Mutex, RwLock, Semaphore};
use tokio::task::{spawn, yield_now, JoinHandle};

const TASKS: u64 = 8;
const PERMITS: usize = 4;

async fn of_eight(run: &mut Run, body: impl Fn(u64) -> JoinHandle<u64>) -> u64 {
    let mut handles = Vec::new();
    run.begin();
    for _ in 0..TASKS {
        handles.push(body(run.count / TASKS));
    }
    let done = sum_of(&mut handles).await;
    run.end();
    done
}

fn semaphore_contention(run: &mut Run) -> Work {
    Box::pin(async move {
        let semaphore: &'static Semaphore = Box::leak(Box::new(Semaphore::new(PERMITS)));
        of_eight(run, |times| {
            spawn(async move {
                for _ in 0..times {
                    let _permit = semaphore.acquire().await.unwrap();
                    yield_now().await;
                }
                times
            })
        })
        .await
    })
}

fn mutex_contention(run: &mut Run) -> Work {
    Box::pin(async move {
        let mutex: &'static Mutex<u64> = Box::leak(Box::new(Mutex::new(0)));
        of_eight(run, |times| {
            spawn(async move {
                for _ in 0..times {
                    let mut guard = mutex.lock().await;
                    yield_now().await;
                    *guard += 1;
                }
                0
            })
        })
        .await;
        let guard = mutex.lock().await;
        *guard
    })
}

fn rwlock_readers(run: &mut Run) -> Work {
    Box::pin(async move {
        let lock: &'static RwLock<u64> = Box::leak(Box::new(RwLock::new(1)));
        of_eight(run, |times| {
            spawn(async move {
                let mut sum = 0;
                for _ in 0..times {
                    sum += *lock.read().await;
                }
                sum
            })
        })
        .await
    })
}

pub const ROWS: &[Row] = &[
    Row {
        name: "semaphore_contention",
        kind: Kind::Tasks,
        count: 400_000,
        run: |runtime, run| in_task(runtime, run, semaphore_contention),
    },
    Row {
        name: "mutex_contention",
        kind: Kind::Tasks,
        count: 400_000,
        run: |runtime, run| in_task(runtime, run, mutex_contention),
    },
    Row {
        name: "rwlock_readers",
        kind: Kind::Tasks,
        count: 1_000_000,
        run: |runtime, run| in_task(runtime, run, rwlock_readers),
    },
];
