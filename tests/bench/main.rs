//! What mecha-host costs, beside its peers, in one run: `cargo run --release -p mecha-tests --bin bench`.
//!
//! Wall-clock figures of a shared machine are noise: what counts are the ratios to a peer that was measured in
//! turn with it, and CPU time for each request (user and system, of the server's process). The load generator
//! runs on the same cores.
//!
//! `cargo build --release` and `cargo guests` must have run. The peer `wasmtime serve` is looked for as
//! `$WASMTIME`, then in `target/peers/bin`; without it its rows are left out, and the command that installs it
//! is printed. `--hello` ends after the first table; `--meter`, `--events`, `--calls` and `--atomic` print only those.

mod atomic;
mod calls;
mod events;
mod languages;
mod load;
mod metering;
mod native;
mod schedules;
mod serving;
mod storage;

fn main() {
    if std::env::args().any(|arg| arg == "--native-server") {
        return native::serve();
    }
    println!("{}", machine());
    if std::env::args().any(|arg| arg == "--events") {
        events::latency();
        events::sustained();
        events::fan_out();
        schedules::lateness();
        return events::backlog();
    }
    if std::env::args().any(|arg| arg == "--atomic") {
        return atomic::calls();
    }
    if std::env::args().any(|arg| arg == "--calls") {
        calls::calls();
        return languages::instances();
    }
    if std::env::args().any(|arg| arg == "--meter") {
        return metering::cost();
    }
    serving::hello();
    if std::env::args().any(|arg| arg == "--hello") {
        return;
    }
    metering::cost();
    serving::one_get();
    storage::durable_sets();
    storage::reopen();
    serving::start();
    events::latency();
    events::sustained();
    events::fan_out();
    schedules::lateness();
    calls::calls();
    atomic::calls();
    languages::instances();
    events::backlog();
}

fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("", |(_, m)| m);
    format!("{cpus} cores, {model}; the load generator shares them")
}

/// The middle one.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
