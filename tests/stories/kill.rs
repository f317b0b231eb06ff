//! What was acknowledged is there, whenever the host is killed.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use mecha_tests::{
    client::Client,
    host::{App, Host, until},
};

const KEEPER: &str = "
name: keeper
components:
  keeper:
    source: '{guests}/keeper.wasm'
    http: [/]
    stores: { main: read-write }
stores: { main: embedded }
";

#[test]
fn killed_twenty_times_in_the_middle_of_writes_the_host_loses_nothing_that_it_acknowledged() {
    let app = App::new(KEEPER);
    let written = Arc::<Mutex<Vec<(String, String)>>>::default();
    let next = Arc::new(AtomicU64::new(0));
    for round in 0..20 {
        let host = app.serve();
        check(&host, &written.lock().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let before = written.lock().unwrap().len();
        let writers: Vec<_> = (0..4)
            .map(|_| {
                let (client, written) = (host.client(), written.clone());
                let (next, stop) = (next.clone(), stop.clone());
                thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        write_one(client, &next, &written);
                    }
                })
            })
            .collect();
        // In the middle of writes: after a number of them that differs from round to round.
        until("some writes are acknowledged", || written.lock().unwrap().len() >= before + 5 + round * 3);
        host.kill();
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.join().unwrap();
        }
    }
    let written = written.lock().unwrap();
    assert!(written.len() >= 100);
    check(&app.serve(), &written);
}

fn write_one(client: Client, next: &AtomicU64, written: &Mutex<Vec<(String, String)>>) {
    let id = next.fetch_add(1, Ordering::Relaxed);
    let (key, value) = (format!("key-{id}"), format!("value-{id}"));
    let call = serde_json::json!({ "store": "main", "op": "set", "key": key, "value": value });
    let answer = client.try_send("POST", "/call", &[], call.to_string());
    // Only an answer that arrived in full is an acknowledgement.
    if answer.is_ok_and(|answer| answer.status == 200 && answer.text().contains("etag")) {
        written.lock().unwrap().push((key, value));
    }
}

fn check(host: &Host, written: &[(String, String)]) {
    for chunk in written.chunks(200) {
        let calls: Vec<_> = chunk
            .iter()
            .map(|(key, _)| serde_json::json!({ "store": "main", "op": "get", "key": key }))
            .collect();
        let found = host.post("/call", serde_json::to_vec(&calls).unwrap()).json();
        for ((key, value), found) in chunk.iter().zip(found.as_array().unwrap()) {
            assert_eq!(found["item"]["value"], *value, "{key} was acknowledged: {found}");
        }
    }
}

#[test]
fn a_host_that_crashes_at_a_write_has_kept_the_writes_before_it_and_nothing_of_that_one() {
    let app = App::new(KEEPER);
    let host = Host::start(app.path(), &["--fault", "state.set=crash@3"]);
    let set =
        |n: u32| serde_json::json!({ "store": "main", "op": "set", "key": format!("k{n}"), "value": "v" });
    for n in 1..=2 {
        assert_eq!(host.post("/call", set(n).to_string()).status, 200);
    }
    assert!(host.client().try_send("POST", "/call", &[], set(3).to_string()).is_err());
    drop(host);
    let host = app.serve();
    let keys = serde_json::json!({ "store": "main", "op": "scan-keys", "limit": 10 });
    assert_eq!(host.post("/call", keys.to_string()).json()["keys"], serde_json::json!(["k1", "k2"]));
}
