//! Each of these once took more than it was granted, or kept what was not its own. Found in review.

use std::io::{Read as _, Write as _};

use mecha_tests::host::{App, until};

const PROBE: &str = "
name: probe
components:
  probe:
    source: '{guests}/probe.wasm'
    http: [/]
    directories: [{ host: ./data, guest: /data }]
    limits: { wall-time: 1s, concurrency: 2 }
";

/// Folders were opened by their path at each call: a guest that could rename and link in one granted folder made
/// another, inside of it, lead to the whole machine.
#[test]
fn a_granted_folder_stays_the_one_that_was_opened_at_load() {
    let app = App::new(PROBE).with_file("data/mine", "mine").with_file("elsewhere/secret", "secret");
    let host = app.serve();
    assert_eq!(host.get("/files/mine").text(), "mine");
    std::fs::rename(app.path().join("data"), app.path().join("moved")).unwrap();
    std::os::unix::fs::symlink("elsewhere", app.path().join("data")).unwrap();
    assert!(!host.get("/files/secret").text().contains("secret"));
    assert_eq!(host.get("/files/mine").text(), "mine");
}

/// A guest ran only while its connection was asked for more of the body: with a client that did not read it kept
/// its permit for ever.
#[test]
fn a_client_that_does_not_read_cannot_keep_a_call_from_its_deadline() {
    let app = App::new(PROBE).with_file("data/x", "");
    let host = app.serve();
    let mut stubborn: Vec<_> = (0..2).map(|_| host.client().connect().unwrap()).collect();
    for connection in &mut stubborn {
        connection.write_all(b"GET /body?bytes=1000000000 HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    }
    until("both ended at their deadline", || {
        host.metric("mecha_calls_total", &["outcome=\"deadline\""]) == 2.0
    });
    assert_eq!(host.get("/time").status, 200);
}

/// All that a bulk read found was held at once: a thousand times the largest value.
#[test]
fn a_bulk_read_gives_no_more_than_it_may_hold() {
    let app = App::new(
        "
name: keeper
components:
  keeper: { source: '{guests}/keeper.wasm', http: [/], stores: { main: read-write } }
stores: { main: embedded }
",
    );
    let host = app.serve();
    let call = |call: serde_json::Value| host.post("/call", call.to_string()).json();
    let large = serde_json::json!({
        "store": "main", "op": "set", "key": "k", "value": "x", "value_repeat": 3 << 20
    });
    assert!(call(large)["etag"].is_string());
    let keys = vec!["k"; 10];
    let found = call(serde_json::json!({ "store": "main", "op": "get-many", "keys": keys }));
    let results = found["results"].as_array().unwrap_or_else(|| panic!("{:.300}", found.to_string()));
    let given = results.iter().filter(|result| result["error"].is_null()).count();
    assert_eq!(given, 2, "6 MiB, and no more");
    assert_eq!(results[9]["error"]["case"], "too-large");
}

/// The time for the head of a request began only once the protocol was known, which a silent client never tells.
#[test]
fn a_connection_on_which_nothing_is_said_is_closed() {
    let app = App::new(PROBE).with_file("data/x", "");
    let host = app.serve();
    let mut silent = host.client().connect().unwrap();
    let mut half = host.client().connect().unwrap();
    half.write_all(b"PRI * HT").unwrap();
    for connection in [&mut silent, &mut half] {
        let mut answer = vec![];
        // The client's own patience is a minute; the host's is shorter.
        assert_eq!(connection.read_to_end(&mut answer).unwrap_or_else(|error| panic!("{error}")), 0);
    }
}
