//! Rows of channels and of what wakes a task: the twin of core/bench/channel_rows.cc.

use crate::row::{in_task, sum_of, Countdown, Kind, Row, Run, Work};
use tokio::sync::{broadcast, mpsc, oneshot, watch, Notify};
use tokio::task::spawn;

const BATCH: u64 = 5_000;
const SENDERS: u64 = 8;
const OF_EACH_SENDER: u64 = 1_000;
const LISTENERS: u64 = 100;
const WATCHERS: u64 = 10;
const AT_ONCE: u64 = 16;

fn mpsc_uncontended(run: &mut Run) -> Work {
    Box::pin(async move {
        let (sender, mut receiver) = mpsc::channel::<u64>(BATCH as usize);
        let mut sum = 0;
        let mut done = 0;
        run.begin();
        while done < run.count {
            for i in 0..BATCH {
                let _ = sender.send(i).await;
            }
            for _ in 0..BATCH {
                sum += receiver.recv().await.unwrap();
            }
            done += BATCH;
        }
        run.end();
        sum
    })
}

async fn send_numbers(sender: mpsc::Sender<u64>, count: u64) {
    for i in 0..count {
        let _ = sender.send(i).await;
    }
}

async fn contention(run: &mut Run, capacity: u64) -> u64 {
    let mut sum = 0;
    let mut done = 0;
    run.begin();
    while done < run.count {
        let (sender, mut receiver) = mpsc::channel(capacity as usize);
        for _ in 0..SENDERS {
            spawn(send_numbers(sender.clone(), OF_EACH_SENDER));
        }
        drop(sender);
        while let Some(number) = receiver.recv().await {
            sum += number;
        }
        done += SENDERS * OF_EACH_SENDER;
    }
    run.end();
    sum
}

struct Question {
    number: u64,
    answer: oneshot::Sender<u64>,
}

async fn answer_all(mut questions: mpsc::Receiver<Question>) {
    while let Some(question) = questions.recv().await {
        let _ = question.answer.send(question.number + 1);
    }
}

fn oneshot_request(run: &mut Run) -> Work {
    Box::pin(async move {
        let (questions, receiver) = mpsc::channel(64);
        spawn(answer_all(receiver));
        let mut sum = 0;
        run.begin();
        for number in 0..run.count {
            let (answer, answered) = oneshot::channel();
            let _ = questions.send(Question { number, answer }).await;
            sum += answered.await.unwrap();
        }
        run.end();
        sum
    })
}

async fn listen(mut news: broadcast::Receiver<u64>, countdown: &'static Countdown) -> u64 {
    let mut sum = 0;
    let mut count = 0;
    loop {
        match news.recv().await {
            Ok(value) => sum += value,
            Err(broadcast::error::RecvError::Closed) => return sum,
            Err(broadcast::error::RecvError::Lagged(_)) => panic!("it never lags"),
        }
        count += 1;
        if count % AT_ONCE == 0 {
            countdown.down();
        }
    }
}

fn broadcast_100(run: &mut Run) -> Work {
    Box::pin(async move {
        let (sender, unused) = broadcast::channel(64);
        drop(unused);
        let countdown = Countdown::leak(0);
        let mut handles = Vec::new();
        for _ in 0..LISTENERS {
            handles.push(spawn(listen(sender.subscribe(), countdown)));
        }
        run.begin();
        let mut done = 0;
        while done < run.count {
            countdown.start(LISTENERS);
            for i in 0..AT_ONCE {
                let _ = sender.send(done + i);
            }
            countdown.zero().await;
            done += AT_ONCE * LISTENERS;
        }
        run.end();
        drop(sender);
        sum_of(&mut handles).await
    })
}

async fn follow(mut state: watch::Receiver<u64>, countdown: &'static Countdown) -> u64 {
    let mut sum = 0;
    while state.changed().await.is_ok() {
        sum += *state.borrow_and_update();
        countdown.down();
    }
    sum
}

fn watch_10(run: &mut Run) -> Work {
    Box::pin(async move {
        let (sender, receiver) = watch::channel(0);
        let countdown = Countdown::leak(0);
        let mut handles = Vec::new();
        for _ in 0..WATCHERS {
            handles.push(spawn(follow(receiver.clone(), countdown)));
        }
        run.begin();
        let mut done = 0;
        while done < run.count {
            countdown.start(WATCHERS);
            let _ = sender.send(done);
            countdown.zero().await;
            done += WATCHERS;
        }
        run.end();
        drop(sender);
        sum_of(&mut handles).await
    })
}

fn notify(run: &mut Run) -> Work {
    Box::pin(async move {
        let ping: &'static Notify = Box::leak(Box::new(Notify::new()));
        let pong: &'static Notify = Box::leak(Box::new(Notify::new()));
        let count = run.count;
        let other = spawn(async move {
            for _ in 0..count {
                ping.notified().await;
                pong.notify_one();
            }
            count
        });
        run.begin();
        for _ in 0..run.count {
            ping.notify_one();
            pong.notified().await;
        }
        run.end();
        other.await.unwrap()
    })
}

async fn feed(left: mpsc::Sender<u64>, right: mpsc::Sender<u64>, count: u64) {
    for i in 0..count {
        let _ = if i % 2 == 0 { left.send(i).await } else { right.send(i).await };
    }
}

fn select_2(run: &mut Run) -> Work {
    Box::pin(async move {
        let (left_sender, mut left) = mpsc::channel(64);
        let (right_sender, mut right) = mpsc::channel(64);
        let mut sum = 0;
        let mut got = 0;
        run.begin();
        spawn(feed(left_sender.clone(), right_sender.clone(), run.count));
        while got < run.count {
            tokio::select! {
                Some(number) = left.recv() => sum += number,
                Some(number) = right.recv() => sum += number,
            }
            got += 1;
        }
        run.end();
        sum
    })
}

pub const ROWS: &[Row] = &[
    Row {
        name: "mpsc_uncontended",
        kind: Kind::One,
        count: 1_000_000,
        run: |runtime, run| in_task(runtime, run, mpsc_uncontended),
    },
    Row {
        name: "mpsc_contention_8",
        kind: Kind::Tasks,
        count: 800_000,
        run: |runtime, run| {
            in_task(runtime, run, |run| Box::pin(contention(run, SENDERS * OF_EACH_SENDER)))
        },
    },
    Row {
        name: "mpsc_contention_8_full",
        kind: Kind::Tasks,
        count: 400_000,
        run: |runtime, run| in_task(runtime, run, |run| Box::pin(contention(run, 100))),
    },
    Row {
        name: "oneshot_request",
        kind: Kind::Tasks,
        count: 200_000,
        run: |runtime, run| in_task(runtime, run, oneshot_request),
    },
    Row {
        name: "broadcast_100",
        kind: Kind::Tasks,
        count: 800_000,
        run: |runtime, run| in_task(runtime, run, broadcast_100),
    },
    Row {
        name: "watch_10",
        kind: Kind::Tasks,
        count: 400_000,
        run: |runtime, run| in_task(runtime, run, watch_10),
    },
    Row {
        name: "notify",
        kind: Kind::Tasks,
        count: 300_000,
        run: |runtime, run| in_task(runtime, run, notify),
    },
    Row {
        name: "select_2",
        kind: Kind::Tasks,
        count: 200_000,
        run: |runtime, run| in_task(runtime, run, select_2),
    },
];
