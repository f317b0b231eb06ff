//! A load of HTTP requests, and what it costs a server.

use std::{
    net::SocketAddr,
    process::Child,
    time::{Duration, Instant},
};

use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;

/// What a round gave.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    pub per_second: f64,
    /// Of the server's process, in microseconds for each request.
    pub cpu_us: f64,
}

/// Sends GET requests over keep-alive connections for some time.
pub fn round(
    address: SocketAddr,
    server: &Child,
    path: &'static str,
    connections: usize,
    time: Duration,
) -> Round {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (cpu, began) = (cpu_time(server), Instant::now());
    let requests: usize = runtime.block_on(async {
        let callers: Vec<_> =
            (0..connections).map(|_| tokio::spawn(caller(address, path, began + time))).collect();
        let mut requests = 0;
        for caller in callers {
            requests += caller.await.unwrap();
        }
        requests
    });
    let (took, spent) = (began.elapsed(), cpu_time(server) - cpu);
    Round {
        per_second: requests as f64 / took.as_secs_f64(),
        cpu_us: spent.as_secs_f64() * 1e6 / requests as f64,
    }
}

async fn caller(address: SocketAddr, path: &str, until: Instant) -> usize {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut send, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut requests = 0;
    while Instant::now() < until {
        send.ready().await.unwrap();
        let request = Request::get(path).header("host", "bench").body(Empty::<Bytes>::new()).unwrap();
        let response = send.send_request(request).await.unwrap();
        assert!(response.status().is_success(), "{response:?}");
        response.into_body().collect().await.unwrap();
        requests += 1;
    }
    requests
}

/// User and system time that a process has used. (proc(5), /proc/pid/stat, fields 14 and 15, in ticks of 10 ms)
pub fn cpu_time(process: &Child) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
