//! Rows of files, lines, frames and streams: the twin of core/bench/stream_rows.cc.

use crate::row::{in_task, Kind, Row, Run, Work};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use std::io::SeekFrom;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{spawn, yield_now};
use tokio_util::codec::{Framed, FramedRead, FramedWrite, LengthDelimitedCodec};

const PIECE: usize = 64 << 10;
const FILE: usize = 16 << 20;
const LINE: usize = 64;
const LINES_OF_BLOCK: u64 = 1024;
const FRAME: usize = 64;
const READ_AHEAD: usize = 8192;

/// A read of Tokio's brings 16 KiB at most: 64 KiB are four of them.
fn file_read_64k(run: &mut Run) -> Work {
    Box::pin(async move {
        let path = format!("/tmp/tokio-rows-{}", std::process::id());
        std::fs::write(&path, vec![b'x'; FILE]).unwrap();
        let mut file = File::open(&path).await.unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut bytes = vec![0u8; PIECE];
        let mut done = 0;
        let mut position = 0;
        run.begin();
        for _ in 0..run.count {
            let got = file.read_exact(&mut bytes).await.unwrap();
            done += got as u64;
            position += got;
            if position == FILE {
                file.seek(SeekFrom::Start(0)).await.unwrap();
                position = 0;
            }
        }
        run.end();
        done
    })
}

/// Client and server.
async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.set_nodelay(true).unwrap();
    let (server, _) = listener.accept().await.unwrap();
    server.set_nodelay(true).unwrap();
    (client, server)
}

async fn write_lines(mut stream: TcpStream, mut count: u64) {
    let mut line = [b'x'; LINE];
    line[LINE - 1] = b'\n';
    let block = line.repeat(LINES_OF_BLOCK as usize);
    while count > 0 {
        let some = count.min(LINES_OF_BLOCK);
        if stream.write_all(&block[..some as usize * LINE]).await.is_err() {
            return;
        }
        count -= some;
    }
}

/// The fastest form that Tokio has: into a string that is used again, not a new one for each line.
fn lines(run: &mut Run) -> Work {
    Box::pin(async move {
        let (client, server) = connected().await;
        let mut reader = BufReader::with_capacity(READ_AHEAD, server);
        let mut line = String::new();
        let mut done = 0;
        run.begin();
        spawn(write_lines(client, run.count));
        while reader.read_line(&mut line).await.unwrap() > 0 {
            done += line.trim_end_matches('\n').len() as u64;
            line.clear();
        }
        run.end();
        done
    })
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(PIECE).new_codec()
}

async fn send_frames(stream: TcpStream, count: u64) {
    let mut writer = FramedWrite::new(stream, codec());
    for _ in 0..count {
        if writer.feed(Bytes::from_static(&[0u8; FRAME])).await.is_err() {
            return;
        }
    }
    writer.flush().await.unwrap_or(());
}

fn frames(run: &mut Run) -> Work {
    Box::pin(async move {
        let (client, server) = connected().await;
        let mut reader = FramedRead::with_capacity(server, codec(), READ_AHEAD);
        let mut done = 0;
        run.begin();
        spawn(send_frames(client, run.count));
        while let Some(frame) = reader.next().await {
            done += frame.unwrap().len() as u64;
        }
        run.end();
        done
    })
}

fn frame_echo(run: &mut Run) -> Work {
    Box::pin(async move {
        let (client, server) = connected().await;
        spawn(async move {
            let mut stream = Framed::new(server, codec());
            while let Some(Ok(frame)) = stream.next().await {
                if stream.send(frame.freeze()).await.is_err() {
                    return;
                }
            }
        });
        let mut stream = Framed::new(client, codec());
        let mut done = 0;
        run.begin();
        for _ in 0..run.count {
            stream.send(Bytes::from_static(&[0u8; FRAME])).await.unwrap();
            done += stream.next().await.unwrap().unwrap().len() as u64;
        }
        run.end();
        done
    })
}

async fn after_yield(number: u64) -> u64 {
    yield_now().await;
    number
}

fn buffer_unordered_10(run: &mut Run) -> Work {
    Box::pin(async move {
        run.begin();
        let sum = futures::stream::iter(0..run.count)
            .map(after_yield)
            .buffer_unordered(10)
            .fold(0, |sum, number| std::future::ready(sum + number))
            .await;
        run.end();
        sum
    })
}

pub const ROWS: &[Row] = &[
    Row {
        name: "file_read_64k",
        kind: Kind::One,
        count: 4_000,
        run: |runtime, run| in_task(runtime, run, file_read_64k),
    },
    Row {
        name: "lines",
        kind: Kind::One,
        count: 500_000,
        run: |runtime, run| in_task(runtime, run, lines),
    },
    Row {
        name: "frames",
        kind: Kind::One,
        count: 500_000,
        run: |runtime, run| in_task(runtime, run, frames),
    },
    Row {
        name: "frame_echo",
        kind: Kind::One,
        count: 10_000,
        run: |runtime, run| in_task(runtime, run, frame_echo),
    },
    Row {
        name: "buffer_unordered_10",
        kind: Kind::One,
        count: 200_000,
        run: |runtime, run| in_task(runtime, run, buffer_unordered_10),
    },
];
