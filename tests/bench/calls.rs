//! Calls between components, beside a call over HTTP on the loopback: CPU of the host for each, and for each KiB.

use std::time::Duration;

use crate::{
    load::round,
    median,
    serving::{Server, guest, host},
};

const ROUNDS: usize = 5;
const CALLS: usize = 100;

pub fn calls() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        "name: calls\ncomponents:\n  dialer:\n    source: {}\n    http: [/]\n    invoke: [answerer]\n    \
         link: {{ \"test:echo/echoing\": answerer }}\n  answerer:\n    source: {}\n    \
         callers: {{ dialer: all }}\n",
        guest("dialer.wasm").display(),
        guest("answerer.wasm").display()
    );
    std::fs::write(folder.path().join("mecha.yaml"), manifest).unwrap();
    let server = Server::start("mecha-host serve", host().arg(folder.path()));
    let answerer = Server::start("mecha-host serve", host().arg(guest("answerer.wasm")));
    let cost = |path: String| {
        let path: &'static str = path.leak();
        let time = Duration::from_secs(1);
        let rounds = (0..ROUNDS).map(|_| round(server.address, &server.child, path, 1, time).cpu_us);
        median(rounds.collect())
    };
    let of = |kind: &str, size: usize| {
        let (many, few) =
            (cost(format!("/{kind}?n={CALLS}&size={size}")), cost(format!("/none?n=1&size={size}")));
        (many - few) / CALLS as f64
    };
    println!("\na call of another component in the same host, us of CPU (a fresh sandbox for each)");
    println!("{:<28} {:>8} {:>8} {:>8}", "", "16 B", "1 KiB", "64 KiB");
    for (kind, name) in
        [("invoke", "invoke (bytes)"), ("typed", "linked, list<u8>"), ("text", "linked, string")]
    {
        println!("{name:<28} {:>8.1} {:>8.1} {:>8.1}", of(kind, 16), of(kind, 1024), of(kind, 65536));
    }
    let rounds =
        (0..ROUNDS).map(|_| round(answerer.address, &answerer.child, "/", 1, Duration::from_secs(1)).cpu_us);
    println!(
        "the same component asked over HTTP on the loopback: {:.1} (the server's part only)",
        median(rounds.collect())
    );
}
