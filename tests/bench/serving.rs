//! Serving: a hello beside its peers, one `state.get`, the start of a process.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    load::{Round, round},
    median,
};

const ROUNDS: usize = 5;
const TIME: Duration = Duration::from_secs(4);
const CONNECTIONS: usize = 32;

pub struct Server {
    name: &'static str,
    pub child: Child,
    pub address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Server {
    /// Starts a server and waits for the line that tells its address.
    pub fn start(name: &'static str, command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (sender, found) = std::sync::mpsc::sync_channel(2);
        for stream in [Box::new(out) as Box<dyn std::io::Read + Send>, Box::new(err)] {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if let Some((_, rest)) = line.split_once("http://")
                        && let Ok(address) = rest.trim_end_matches('/').parse::<SocketAddr>()
                    {
                        _ = sender.try_send(address);
                    }
                }
            });
        }
        drop(sender);
        let address = found.recv().unwrap_or_else(|_| panic!("{name} did not start"));
        Self { name, child, address }
    }
}

pub fn host() -> Command {
    let mut command = Command::new(target().join("release/mecha-host"));
    command.args(["--log", "error", "serve", "--listen", "127.0.0.1:0"]);
    command
}

pub fn target() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned()
}

pub fn guest(name: &str) -> PathBuf {
    target().join("wasm32-wasip2/release").join(name)
}

fn wasmtime() -> Option<PathBuf> {
    let named = std::env::var_os("WASMTIME").map(PathBuf::from);
    let found = named.unwrap_or_else(|| target().join("peers/bin/wasmtime"));
    if found.exists() {
        return Some(found);
    }
    println!(
        "no `wasmtime serve` to compare with; install it with\n  cargo install --root target/peers wasmtime-cli \
         --version 48.0.8 --locked --no-default-features --features \
         run,serve,cranelift,parallel-compilation,pooling-allocator,component-model,component-model-async"
    );
    None
}

/// Requests per second and CPU per request of a hello, each server in turn, five rounds.
pub fn hello() {
    println!("\na hello, {CONNECTIONS} connections, {ROUNDS} rounds of {TIME:?} in turn, medians");
    let hello = guest("hello.wasm");
    let mut servers = vec![
        Server::start("native hyper", Command::new(std::env::current_exe().unwrap()).arg("--native-server")),
        Server::start("mecha-host serve", host().arg(&hello)),
    ];
    if let Some(wasmtime) = wasmtime() {
        let mut command = Command::new(&wasmtime);
        command.args(["serve", "--addr", "127.0.0.1:0", "-S", "cli"]).arg(&hello);
        servers.push(Server::start("wasmtime serve", &mut command));
    }
    let mut rounds: Vec<Vec<Round>> = vec![vec![]; servers.len()];
    for server in &servers {
        round(server.address, &server.child, "/", CONNECTIONS, Duration::from_secs(1));
    }
    for _ in 0..ROUNDS {
        for (server, rounds) in servers.iter().zip(&mut rounds) {
            rounds.push(round(server.address, &server.child, "/", CONNECTIONS, TIME));
        }
    }
    let figures = |rounds: &[Round], of: fn(&Round) -> f64| median(rounds.iter().map(of).collect());
    let native = figures(&rounds[0], |round| round.per_second);
    println!("{:<18} {:>12} {:>8} {:>16}", "", "requests/s", "native=1", "CPU us/request");
    for (server, rounds) in servers.iter().zip(&rounds) {
        let per_second = figures(rounds, |round| round.per_second);
        let cpu = figures(rounds, |round| round.cpu_us);
        println!("{:<18} {per_second:>12.0} {:>8.2} {cpu:>16.1}", server.name, per_second / native);
    }
}

/// What one `state.get` costs a guest: CPU of a request with many, less that of one with none.
pub fn one_get() {
    const GETS: f64 = 1000.0;
    let data = tempfile::tempdir().unwrap();
    let server =
        Server::start("mecha-host serve", host().arg(guest("keeper.wasm")).arg("--data").arg(data.path()));
    let cost = |path| {
        let rounds =
            (0..ROUNDS).map(|_| round(server.address, &server.child, path, 1, Duration::from_secs(2)).cpu_us);
        median(rounds.collect())
    };
    round(server.address, &server.child, "/gets?n=0", 1, Duration::from_millis(100));
    let (with, without) = (cost("/gets?n=1001"), cost("/gets?n=1"));
    println!("\none state.get of 100 B from a guest: {:.2} us of CPU", (with - without) / GETS);
    println!("(a request with 1001 of them: {with:.0} us; with one: {without:.0} us)");
}

/// From the start of the process to its readiness, with compiled code in the cache and without.
pub fn start() {
    let cache = tempfile::tempdir().unwrap();
    println!("\nfrom exec to ready, median of {ROUNDS}");
    for name in ["hello.wasm", "keeper.wasm"] {
        let path = guest(name);
        let cold = started(&path, |command| command.arg("--no-cache"));
        started(&path, |command| command.arg("--cache").arg(cache.path().join("c")));
        let warm = started(&path, |command| command.arg("--cache").arg(cache.path().join("c")));
        let size = std::fs::metadata(&path).unwrap().len() / 1024;
        println!(
            "{name:<12} ({size} KiB): {:.0} ms compiled, {:.0} ms from the cache",
            cold * 1e3,
            warm * 1e3
        );
    }
}

fn started(path: &Path, with: impl Fn(&mut Command) -> &mut Command) -> f64 {
    let times = (0..ROUNDS).map(|_| {
        let data = tempfile::tempdir().unwrap();
        let mut command = host();
        with(command.arg(path).arg("--data").arg(data.path()));
        let began = Instant::now();
        let server = Server::start("mecha-host serve", &mut command);
        let took = began.elapsed().as_secs_f64();
        drop(server);
        took
    });
    median(times.collect())
}
