//! tokio-relay PORT UPSTREAM_PORT WORKERS [PORT UPSTREAM_PORT]: what one would write first on Tokio,
//! between 127.0.0.1:PORT and 127.0.0.1:UPSTREAM_PORT, and between a second pair. Reads of 16 KiB (copy_bidirectional's are 8 KiB, and
//! slower). No limits, no timeouts, no log.

use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpSocket, TcpStream};

const BACKLOG: u32 = 4096;
const READ_BYTES: usize = 16 << 10;

async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let size = from.read(&mut buffer).await?;
        if size == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..size]).await?;
    }
}

async fn relay(mut client: TcpStream, upstream: SocketAddr) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut server = TcpStream::connect(upstream).await?;
    server.set_nodelay(true)?;
    let (client_read, client_write) = client.split();
    let (server_read, server_write) = server.split();
    tokio::try_join!(pump(client_read, server_write), pump(server_read, client_write))?;
    Ok(())
}

async fn serve(port: u16, upstream_port: u16) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    let listener = socket.listen(BACKLOG)?;
    let upstream = ([127, 0, 0, 1], upstream_port).into();
    loop {
        if let Ok((client, _)) = listener.accept().await {
            tokio::spawn(relay(client, upstream));
        }
    }
}

fn main() -> io::Result<()> {
    let numbers: Vec<u16> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    if let [port, upstream_port, workers, ref second @ ..] = numbers[..] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(workers.into())
            .enable_all()
            .build()?;
        if let [port, upstream_port] = *second {
            runtime.spawn(serve(port, upstream_port));
        }
        return runtime.block_on(serve(port, upstream_port));
    }
    eprintln!("usage: tokio-relay PORT UPSTREAM_PORT WORKERS [PORT UPSTREAM_PORT]");
    std::process::exit(2)
}
