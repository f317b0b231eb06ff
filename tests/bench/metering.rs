//! Metering: what it costs to count fuel, beside a host that does not, in the same run.

use std::time::Duration;

use crate::{
    load::round,
    median,
    serving::{Server, guest, host},
};

const ROUNDS: usize = 7;
const TIME: Duration = Duration::from_secs(2);

/// CPU of a request, metered and not, in turn: one that is mostly the host's work, and two in which the guest computes.
pub fn cost() {
    println!(
        "\nfuel metered (serve --meter), {ROUNDS} rounds of {TIME:?} in turn, medians of CPU us/request"
    );
    println!("{:<28} {:>12} {:>12} {:>8}", "", "not metered", "metered", "ratio");
    for (name, program, path) in [
        ("a hello", "hello.wasm", "/"),
        ("1,000 words counted", "probe.wasm", "/compute?words=1000"),
        ("100,000 words counted", "probe.wasm", "/compute?words=100000"),
    ] {
        let servers = [
            Server::start("mecha-host serve", host().arg(guest(program))),
            Server::start("mecha-host serve --meter", host().arg("--meter").arg(guest(program))),
        ];
        let cost = |server: &Server, time| round(server.address, &server.child, path, 1, time).cpu_us;
        for server in &servers {
            cost(server, Duration::from_millis(500));
        }
        let mut rounds = [vec![], vec![]];
        for _ in 0..ROUNDS {
            for (server, rounds) in servers.iter().zip(&mut rounds) {
                rounds.push(cost(server, TIME));
            }
        }
        let [without, with] = rounds.map(median);
        println!("{name:<28} {without:>12.1} {with:>12.1} {:>8.2}", with / without);
    }
}
