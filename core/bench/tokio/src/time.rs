//! Rows of timers, and the memory of a task that sleeps: the twin of core/bench/time_rows.cc.

use crate::row::{in_task, Countdown, Kind, Row, Run, Work};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::{spawn, yield_now, JoinHandle};
use tokio::time::{sleep, timeout};

const HOUR: Duration = Duration::from_secs(3600);

async fn spawn_sleepers(run: &Run, handles: &mut Vec<JoinHandle<u64>>) {
    let asleep = Countdown::leak(run.count);
    handles.reserve(run.count as usize);
    for number in 0..run.count {
        handles.push(spawn(async move {
            asleep.down();
            sleep(HOUR + Duration::from_millis(number % 60_000)).await;
            1
        }));
    }
    asleep.zero().await;
}

async fn abort(handles: &mut Vec<JoinHandle<u64>>) -> u64 {
    for handle in handles.iter() {
        handle.abort();
    }
    let mut done = 0;
    for handle in handles.drain(..) {
        done += match handle.await {
            Ok(one) => one,
            Err(error) => error.is_cancelled() as u64,
        };
    }
    done
}

fn timers_set(run: &mut Run) -> Work {
    Box::pin(async move {
        let mut handles = Vec::new();
        run.begin();
        spawn_sleepers(run, &mut handles).await;
        run.end();
        abort(&mut handles).await
    })
}

fn timers_cancelled(run: &mut Run) -> Work {
    Box::pin(async move {
        let mut handles = Vec::new();
        spawn_sleepers(run, &mut handles).await;
        run.begin();
        let done = abort(&mut handles).await;
        run.end();
        done
    })
}

fn timers_fired(run: &mut Run) -> Work {
    Box::pin(async move {
        let awake = Countdown::leak(run.count);
        run.begin();
        for number in 0..run.count {
            spawn(async move {
                sleep(Duration::from_millis(1 + number * 7919 % 500)).await;
                awake.down();
            });
        }
        awake.zero().await;
        run.end();
        run.count
    })
}

fn timeout_in_time(run: &mut Run) -> Work {
    Box::pin(async move {
        let mut done = 0;
        run.begin();
        for _ in 0..run.count {
            let soon = async {
                yield_now().await;
                1
            };
            done += timeout(Duration::from_secs(1), soon).await.unwrap();
        }
        run.end();
        done
    })
}

static TASKS_ASLEEP: AtomicU64 = AtomicU64::new(0);

fn sleeping_task(run: &mut Run) -> Work {
    Box::pin(async move {
        run.begin();
        for i in 0..run.count {
            spawn(async {
                TASKS_ASLEEP.fetch_add(1, Ordering::Relaxed);
                sleep(HOUR).await;
            });
            if i % 100 == 0 {
                yield_now().await;
            }
        }
        while TASKS_ASLEEP.load(Ordering::Relaxed) < run.count {
            yield_now().await;
        }
        run.end();
        TASKS_ASLEEP.load(Ordering::Relaxed)
    })
}

pub const ROWS: &[Row] = &[
    Row {
        name: "timers_set",
        kind: Kind::Once,
        count: 1_000_000,
        run: |runtime, run| in_task(runtime, run, timers_set),
    },
    Row {
        name: "timers_cancelled",
        kind: Kind::Once,
        count: 1_000_000,
        run: |runtime, run| in_task(runtime, run, timers_cancelled),
    },
    Row {
        name: "timers_fired",
        kind: Kind::Once,
        count: 1_000_000,
        run: |runtime, run| in_task(runtime, run, timers_fired),
    },
    Row {
        name: "timeout_in_time",
        kind: Kind::One,
        count: 300_000,
        run: |runtime, run| in_task(runtime, run, timeout_in_time),
    },
    Row {
        name: "sleeping_task",
        kind: Kind::Memory,
        count: 200_000,
        run: |runtime, run| in_task(runtime, run, sleeping_task),
    },
];
