//! Rows of tasks: the twin of core/bench/spawn_rows.cc.

use crate::row::{in_task, sum_of, Countdown, Kind, Row, Run, Work};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::{spawn, yield_now, JoinSet};
use tokio::time::sleep;

const BATCH: u64 = 10_000;
const SHORT_BATCH: u64 = 1_000;
const YIELDERS: u64 = 200;
const SPINS: u64 = 500_000;

async fn one() -> u64 {
    1
}

fn spawn_many_local(run: &mut Run) -> Work {
    Box::pin(async move {
        let countdown = Countdown::leak(0);
        let mut done = 0;
        run.begin();
        while done < run.count {
            let batch = BATCH.min(run.count - done);
            countdown.start(batch);
            for _ in 0..batch {
                spawn(async move { countdown.down() });
            }
            countdown.zero().await;
            done += batch;
        }
        run.end();
        done
    })
}

fn spawn_many_remote(runtime: &Runtime, run: &mut Run) -> u64 {
    let mut handles = Vec::with_capacity(BATCH as usize);
    let mut done = 0;
    run.begin();
    while done < run.count {
        let batch = BATCH.min(run.count - done);
        for _ in 0..batch {
            handles.push(runtime.spawn(one()));
        }
        done += runtime.block_on(sum_of(&mut handles));
    }
    run.end();
    done
}

async fn be_busy(stop: &'static AtomicBool, ended: &'static Countdown) {
    while !stop.load(Ordering::Relaxed) {
        yield_now().await;
    }
    ended.down();
}

fn spawn_many_remote_busy(runtime: &Runtime, run: &mut Run) -> u64 {
    let stop: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
    let ended = Countdown::leak(run.workers as u64);
    for _ in 0..run.workers {
        runtime.spawn(be_busy(stop, ended));
    }
    let done = spawn_many_remote(runtime, run);
    stop.store(true, Ordering::Relaxed);
    runtime.block_on(ended.zero());
    done
}

async fn yield_times(times: u64) -> u64 {
    for _ in 0..times {
        yield_now().await;
    }
    times
}

fn yield_many(run: &mut Run) -> Work {
    Box::pin(async move {
        let mut handles = Vec::with_capacity(YIELDERS as usize);
        run.begin();
        for _ in 0..YIELDERS {
            handles.push(spawn(yield_times(run.count / YIELDERS)));
        }
        let done = sum_of(&mut handles).await;
        run.end();
        done
    })
}

async fn ping(number: u64, sum: &'static AtomicU64, countdown: &'static Countdown) {
    let (ping, other_ping) = oneshot::channel::<u64>();
    let (other_pong, pong) = oneshot::channel::<u64>();
    spawn(async move {
        if let Ok(number) = other_ping.await {
            let _ = other_pong.send(number);
        }
    });
    let _ = ping.send(number);
    if let Ok(answer) = pong.await {
        sum.fetch_add(answer, Ordering::Relaxed);
    }
    countdown.down();
}

fn ping_pong(run: &mut Run) -> Work {
    Box::pin(async move {
        let sum: &'static AtomicU64 = Box::leak(Box::new(AtomicU64::new(0)));
        let countdown = Countdown::leak(0);
        run.begin();
        let mut done = 0;
        while done < run.count {
            let batch = SHORT_BATCH.min(run.count - done);
            countdown.start(batch);
            for i in 0..batch {
                spawn(ping(done + i, sum, countdown));
            }
            countdown.zero().await;
            done += batch;
        }
        run.end();
        sum.load(Ordering::Relaxed)
    })
}

fn link(left: u64, countdown: &'static Countdown) {
    if left == 0 {
        countdown.down();
    } else {
        spawn(async move { link(left - 1, countdown) });
    }
}

fn chained_spawn(run: &mut Run) -> Work {
    Box::pin(async move {
        let countdown = Countdown::leak(0);
        let mut done = 0;
        run.begin();
        while done < run.count {
            let batch = SHORT_BATCH.min(run.count - done);
            countdown.start(1);
            spawn(async move { link(batch, countdown) });
            countdown.zero().await;
            done += batch;
        }
        run.end();
        done
    })
}

fn join_set_1000(run: &mut Run) -> Work {
    Box::pin(async move {
        let mut done = 0;
        run.begin();
        while done < run.count {
            let batch = SHORT_BATCH.min(run.count - done);
            let mut set = JoinSet::new();
            for _ in 0..batch {
                set.spawn(one());
            }
            while let Some(outcome) = set.join_next().await {
                done += outcome.unwrap();
            }
        }
        run.end();
        done
    })
}

async fn compute(seed: u64) -> u64 {
    let mut x = seed;
    for _ in 0..SPINS {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    x
}

async fn fan_out(run: &mut Run, tasks: u64) -> u64 {
    let mut sum: u64 = 0;
    let mut handles = Vec::with_capacity(tasks as usize);
    let mut done = 0;
    while done < run.count {
        sleep(Duration::from_millis(3)).await;
        run.begin();
        for i in 1..=tasks {
            handles.push(spawn(compute(done + i)));
        }
        for handle in handles.drain(..) {
            sum = sum.wrapping_add(handle.await.unwrap());
        }
        run.end();
        done += tasks;
    }
    sum
}

pub const ROWS: &[Row] = &[
    Row {
        name: "spawn_many_local",
        kind: Kind::Tasks,
        count: 500_000,
        run: |runtime, run| in_task(runtime, run, spawn_many_local),
    },
    Row {
        name: "spawn_many_remote_idle",
        kind: Kind::Remote,
        count: 200_000,
        run: spawn_many_remote,
    },
    Row {
        name: "spawn_many_remote_busy",
        kind: Kind::Remote,
        count: 100_000,
        run: spawn_many_remote_busy,
    },
    Row {
        name: "yield_many",
        kind: Kind::Tasks,
        count: 1_000_000,
        run: |runtime, run| in_task(runtime, run, yield_many),
    },
    Row {
        name: "ping_pong",
        kind: Kind::Tasks,
        count: 200_000,
        run: |runtime, run| in_task(runtime, run, ping_pong),
    },
    Row {
        name: "chained_spawn",
        kind: Kind::Tasks,
        count: 500_000,
        run: |runtime, run| in_task(runtime, run, chained_spawn),
    },
    Row {
        name: "join_set_1000",
        kind: Kind::Tasks,
        count: 300_000,
        run: |runtime, run| in_task(runtime, run, join_set_1000),
    },
    Row {
        name: "fan_out_2",
        kind: Kind::Spread,
        count: 20,
        run: |runtime, run| in_task(runtime, run, |run| Box::pin(fan_out(run, 2))),
    },
    Row {
        name: "fan_out_3",
        kind: Kind::Spread,
        count: 21,
        run: |runtime, run| in_task(runtime, run, |run| Box::pin(fan_out(run, 3))),
    },
    Row {
        name: "fan_out_8",
        kind: Kind::Spread,
        count: 32,
        run: |runtime, run| in_task(runtime, run, |run| Box::pin(fan_out(run, 8))),
    },
    Row {
        name: "fan_out_64",
        kind: Kind::Spread,
        count: 64,
        run: |runtime, run| in_task(runtime, run, |run| Box::pin(fan_out(run, 64))),
    },
];
