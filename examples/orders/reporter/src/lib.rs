//! Counts all orders, each time that it is its turn.

use mecha_guest::{
    jobs::{Nack, Run, Worker},
    state::Store,
};
use serde::{Deserialize, Serialize};

struct Reporter;

impl Worker for Reporter {
    fn handle(run: Run) -> Result<(), Nack> {
        let orders = Store::open("orders")?;
        let mut totals = Totals { orders: 0, pieces: 0, due_ms: run.due_ms };
        for entry in orders.scan("").limit(1000) {
            let order: Order = entry?.item.json()?;
            totals.orders += 1;
            totals.pieces += u64::from(order.quantity);
        }
        // Counted anew each time, and not added up: a run that is repeated writes the same again.
        Store::open("totals")?.set_json("totals", &totals)?;
        say(&totals);
        Ok(())
    }
}

mecha_guest::jobs::export!(Reporter);

#[derive(Deserialize)]
struct Order {
    quantity: u32,
}

#[derive(Serialize)]
struct Totals {
    orders: u64,
    pieces: u64,
    /// When the run was due that counted this.
    due_ms: u64,
}

#[expect(clippy::print_stdout, reason = "a line of the host's log")]
fn say(totals: &Totals) {
    println!("{} orders, {} pieces", totals.orders, totals.pieces);
}
