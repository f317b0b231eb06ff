//! A small business of four components, and a host that is killed while it is busy.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use mecha_tests::{
    client::Client,
    courier::World,
    host::{App, project, until},
};
use serde_json::json;

/// The example `orders`, in a folder of its own.
pub(crate) fn app() -> App {
    let manifest = std::fs::read_to_string(project().join("examples/orders/mecha.yaml")).unwrap();
    App::new(&manifest.replace("../../target/wasm32-wasip2/release", "{guests}"))
        .with_file("written/.keep", "")
}

#[test]
fn killed_ten_times_while_orders_come_in_each_has_its_receipt_and_is_counted_once() {
    let mut world = World::of(app());
    let next = Arc::new(AtomicU64::new(0));
    let unanswered = Arc::<Mutex<Vec<u64>>>::default();
    for round in 0..10 {
        let stop = Arc::new(AtomicBool::new(false));
        let before = next.load(Ordering::Relaxed);
        let customers: Vec<_> = (0..3)
            .map(|_| {
                let (client, next) = (world.host.client(), next.clone());
                let (unanswered, stop) = (unanswered.clone(), stop.clone());
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let order = next.fetch_add(1, Ordering::Relaxed);
                        if !place(client, order) {
                            unanswered.lock().unwrap().push(order);
                            break;
                        }
                    }
                })
            })
            .collect();
        until("some orders came", || next.load(Ordering::Relaxed) >= before + 6 + round);
        world.host.kill();
        stop.store(true, Ordering::Relaxed);
        for customer in customers {
            customer.join().unwrap();
        }
        world = World::of(world.app);
        // Who got no answer sends the order again.
        for order in unanswered.lock().unwrap().drain(..) {
            assert!(place(world.host.client(), order), "order {order}");
        }
    }
    let orders = next.load(Ordering::Relaxed);
    let written = world.app.path().join("written");
    for order in 0..orders {
        let file = written.join(format!("o-{order}.txt"));
        let receipt = format!("order o-{order}: 2 x tea = 7.00\n");
        until(&format!("order {order} has its receipt"), || {
            std::fs::read_to_string(&file).is_ok_and(|found| found == receipt)
        });
    }
    world.wait_for_events("orders", 0);
    let names =
        std::fs::read_dir(written).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    // Temporary files are what a write leaves behind that was killed.
    let is_other = |name: &String| !name.starts_with("o-") && name != ".keep" && !name.starts_with(".mecha-");
    let others: Vec<_> = names.filter(is_other).collect();
    assert!(others.is_empty(), "{others:?}");
    until("each is counted once", || {
        let totals = world.host.get("/totals").json();
        (&totals["orders"], &totals["pieces"]) == (&json!(orders), &json!(2 * orders))
    });
    assert!(world.ask(&["dlq", "list"])["letters"].as_array().unwrap().is_empty());
}

/// Whether the order was answered with success.
fn place(client: Client, order: u64) -> bool {
    let (id, key) = (format!("o-{order}"), format!("\"key-{order}\""));
    let body = json!({ "id": id, "item": "tea", "quantity": 2 }).to_string();
    let headers = [("content-type", "application/json"), ("idempotency-key", &key)];
    client.try_send("POST", "/orders", &headers, body).is_ok_and(|answer| answer.status == 201)
}
