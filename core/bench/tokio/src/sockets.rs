//! Rows of sockets: the twin of core/bench/socket_rows.cc.

use crate::row::{in_task, sum_of, Countdown, Kind, Row, Run, Work};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::spawn;

const MESSAGE: usize = 64;
const CONNECTING: u64 = 10;
const DATAGRAM_CLIENTS: u64 = 10;
const ANY_PORT: &str = "127.0.0.1:0";

fn allow_many_descriptors() {
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &limit), 0);
    }
}

/// With the backlog that ours has.
fn listen() -> TcpListener {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(ANY_PORT.parse().unwrap()).unwrap();
    socket.listen(4096).unwrap()
}

fn share(count: u64, parts: u64, index: u64) -> u64 {
    count / parts + (index < count % parts) as u64
}

async fn echo(mut stream: TcpStream, ended: &'static Countdown) {
    let mut bytes = [0u8; 512];
    loop {
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => break,
            Ok(got) => {
                if stream.write_all(&bytes[..got]).await.is_err() {
                    break;
                }
            }
        }
    }
    drop(stream);
    ended.down();
}

async fn accept_echoes(listener: &TcpListener, count: u64, ended: &'static Countdown) {
    for _ in 0..count {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        spawn(echo(stream, ended));
    }
}

async fn ask(mut stream: TcpStream, count: u64) -> (TcpStream, u64) {
    let mut bytes = [0u8; MESSAGE];
    let mut done = 0;
    while done < count {
        if stream.write_all(&bytes).await.is_err() || stream.read_exact(&mut bytes).await.is_err() {
            break;
        }
        done += 1;
    }
    (stream, done)
}

async fn ask_all(streams: &mut Vec<TcpStream>, count: u64) -> u64 {
    let connections = streams.len() as u64;
    let mut handles = Vec::new();
    for (index, stream) in streams.drain(..).enumerate() {
        handles.push(spawn(ask(stream, share(count, connections, index as u64))));
    }
    let mut sum = 0;
    for handle in handles {
        let (stream, done) = handle.await.unwrap();
        streams.push(stream);
        sum += done;
    }
    sum
}

async fn tcp_echo(run: &mut Run, most: u64) -> u64 {
    allow_many_descriptors();
    let connections = most.min(run.count);
    let listener = listen();
    let address = listener.local_addr().unwrap();
    let ended = Countdown::leak(connections);
    spawn(async move { accept_echoes(&listener, connections, ended).await });
    let mut streams = Vec::new();
    for _ in 0..connections {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        streams.push(stream);
    }
    ask_all(&mut streams, connections).await;
    run.begin();
    let done = ask_all(&mut streams, run.count).await;
    run.end();
    streams.clear();
    ended.zero().await;
    done
}

fn tcp_echo_1(run: &mut Run) -> Work {
    Box::pin(tcp_echo(run, 1))
}

fn tcp_echo_100(run: &mut Run) -> Work {
    Box::pin(tcp_echo(run, 100))
}

fn tcp_echo_4000(run: &mut Run) -> Work {
    Box::pin(tcp_echo(run, 4000))
}

async fn connect_and_read_end(to: SocketAddr, count: u64) -> u64 {
    let mut done = 0;
    for _ in 0..count {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        if let Ok(0) = stream.read(&mut [0u8; 1]).await {
            done += 1;
        }
    }
    done
}

fn accept_close(run: &mut Run) -> Work {
    Box::pin(async move {
        let listener = listen();
        let address = listener.local_addr().unwrap();
        let mut handles = Vec::new();
        run.begin();
        for index in 0..CONNECTING {
            handles.push(spawn(connect_and_read_end(address, share(run.count, CONNECTING, index))));
        }
        for _ in 0..run.count {
            listener.accept().await.unwrap();
        }
        let done = sum_of(&mut handles).await;
        run.end();
        done
    })
}

async fn ask_by_datagrams(to: SocketAddr, count: u64) -> u64 {
    let socket = UdpSocket::bind(ANY_PORT).await.unwrap();
    socket.connect(to).await.unwrap();
    let mut bytes = [0u8; MESSAGE];
    let mut done = 0;
    for _ in 0..count {
        socket.send(&bytes).await.unwrap();
        let (got, _) = socket.recv_from(&mut bytes).await.unwrap();
        done += (got == MESSAGE) as u64;
    }
    done
}

fn udp_echo(run: &mut Run) -> Work {
    Box::pin(async move {
        let server = UdpSocket::bind(ANY_PORT).await.unwrap();
        let address = server.local_addr().unwrap();
        let mut handles = Vec::new();
        run.begin();
        for index in 0..DATAGRAM_CLIENTS {
            handles.push(spawn(ask_by_datagrams(address, share(run.count, DATAGRAM_CLIENTS, index))));
        }
        let mut bytes = [0u8; 1024];
        for _ in 0..run.count {
            let (got, from) = server.recv_from(&mut bytes).await.unwrap();
            server.send_to(&bytes[..got], from).await.unwrap();
        }
        let done = sum_of(&mut handles).await;
        run.end();
        done
    })
}

fn idle_connection(run: &mut Run) -> Work {
    Box::pin(async move {
        allow_many_descriptors();
        let listener = listen();
        let address = listener.local_addr().unwrap();
        let clients: Vec<std::net::TcpStream> =
            (0..run.count).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let ended = Countdown::leak(run.count);
        run.begin();
        accept_echoes(&listener, run.count, ended).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        run.end();
        let done = clients.len() as u64;
        drop(clients);
        ended.zero().await;
        done
    })
}

pub const ROWS: &[Row] = &[
    Row {
        name: "tcp_echo_1",
        kind: Kind::One,
        count: 10_000,
        run: |runtime, run| in_task(runtime, run, tcp_echo_1),
    },
    Row {
        name: "tcp_echo_100",
        kind: Kind::One,
        count: 15_000,
        run: |runtime, run| in_task(runtime, run, tcp_echo_100),
    },
    Row {
        name: "tcp_echo_4000",
        kind: Kind::Once,
        count: 20_000,
        run: |runtime, run| in_task(runtime, run, tcp_echo_4000),
    },
    Row {
        name: "accept_close",
        kind: Kind::One,
        count: 2_000,
        run: |runtime, run| in_task(runtime, run, accept_close),
    },
    Row {
        name: "udp_echo",
        kind: Kind::One,
        count: 15_000,
        run: |runtime, run| in_task(runtime, run, udp_echo),
    },
    Row {
        name: "idle_connection",
        kind: Kind::Memory,
        count: 4_000,
        run: |runtime, run| in_task(runtime, run, idle_connection),
    },
];
