//! What a call costs in each language: CPU of the host for a call in a fresh instance, and memory while it runs.
//! The components are those of `examples/polyglot`; without them the rows are left out.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use crate::serving::{Server, guest, host, target};

const CALLS: u32 = 40;

pub fn instances() {
    println!(
        "\na call in a fresh instance, one after the other, {CALLS} calls (CPU of the host; memory at its highest, above idle)"
    );
    let courier = ("Rust", guest("courier.wasm"), "echo", "{}");
    let line = r#"{"article":"tea","quantity":1}"#;
    let enrich = ("JavaScript", target().join("polyglot/enrich.wasm"), "quote", line);
    for (language, component, method, data) in [courier, enrich] {
        if !component.exists() {
            println!("{language}: left out, {} is not built", component.display());
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let manifest = format!(
            "name: calls\ncomponents:\n  callee:\n    source: {}\n    callers: {{ outside: all }}\n",
            component.display()
        );
        std::fs::write(folder.path().join("mecha.yaml"), manifest).unwrap();
        let admin = free_address();
        let server = Server::start("mecha-host serve", host().args(["--admin", &admin]).arg(folder.path()));
        let call = || {
            let sent = Command::new("curl")
                .args(["-s", "-o", "/dev/null", "-d", data])
                .arg(format!("http://{admin}/invoke/callee/{method}"))
                .status()
                .unwrap();
            assert!(sent.success());
        };
        let idle = status(server.child.id(), "VmRSS:");
        let began = crate::load::cpu_time(&server.child);
        let at = Instant::now();
        (0..CALLS).for_each(|_| call());
        let took = crate::load::cpu_time(&server.child) - began;
        let memory = status(server.child.id(), "VmHWM:").saturating_sub(idle);
        println!(
            "{language:<12} {:>8.2} ms of CPU   {:>6.1} MiB   (wall {:?} for all)",
            took.as_secs_f64() * 1e3 / f64::from(CALLS),
            memory as f64 / 1024.0,
            at.elapsed().max(Duration::ZERO)
        );
    }
}

/// An address that nobody had a moment ago.
fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn status(process: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
