//! A log of events, as a page, as JSON and as a stream.

use std::io::{BufRead as _, BufReader, Write as _};

use mecha_tests::{
    client::{read_head, read_response},
    host::{App, Host},
};

use super::{each, logged, until_logged};

const LOG: &str = "
name: news
topics:
  news: { embedded: {}, http: /news }
subscriptions:
  log: { topic: news, to: log, batch: { size: 100, wait: 50ms } }
components:
  log:
    source: '{guests}/event_log.wasm'
    http: [/log, /log/]
    env: { PREFIX: /log, KEEP: 1000 }
    stores: { log: read-write }
    limits: { wall-time: 30s }
stores:
  log: embedded
";

fn publish(host: &Host, id: &str) {
    publish_as(host, id, "news.v1");
}

fn publish_as(host: &Host, id: &str, kind: &str) {
    let event = serde_json::json!({ "specversion": "1.0", "id": id, "source": "/desk", "type": kind, "data": { "of": id } });
    let headers = [("content-type", "application/cloudevents+json")];
    let answer = host.client().send("POST", "/news", &headers, event.to_string());
    assert!((200..300).contains(&answer.status), "{}: {}", answer.status, answer.text());
}

/// The numbers of a stream's messages.
fn ids(stream: &str) -> Vec<u64> {
    stream.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect()
}

#[test]
fn what_a_subscription_sees_is_kept_once_and_in_order_also_across_a_kill() {
    let app = App::new(LOG);
    let host = app.serve();
    for id in ["a", "b", "c"] {
        publish(&host, id);
        until_logged(&host, 1);
    }
    let before = until_logged(&host, 3);
    let numbers: Vec<_> = before.iter().map(|event| event["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(before[0]["topic"], "news");
    assert_eq!(before[0]["subscription"], "log");
    let mut seen = each(&before, "id");
    seen.sort_unstable();
    assert_eq!(seen, ["a", "b", "c"]);
    host.kill();
    let host = app.serve();
    assert_eq!(logged(&host, 0), before);
    assert_eq!(logged(&host, 2), before[2..]);
    publish(&host, "a");
    publish(&host, "d");
    let after = until_logged(&host, 4);
    assert_eq!(after[..3], before);
    assert_eq!(each(&after[3..], "id"), ["d"], "`a` is there already");
}

#[test]
fn only_the_newest_events_are_kept() {
    let app = App::new(&LOG.replace("KEEP: 1000", "KEEP: 2"));
    let host = app.serve();
    for (count, id) in (1..).zip(["a", "b", "c", "d"]) {
        publish(&host, id);
        mecha_tests::host::until("it is there", || {
            logged(&host, 0).last().is_some_and(|event| event["number"] == count)
        });
    }
    assert_eq!(each(&logged(&host, 0), "id"), ["c", "d"]);
    assert_eq!(host.get("/log/events.json?limit=1").json()["more"], true);
}

#[test]
fn a_stream_ends_in_time_and_goes_on_where_it_was() {
    let app = App::new(&LOG.replace("wall-time: 30s", "wall-time: 4s"));
    let host = app.serve();
    for id in ["a", "b"] {
        publish(&host, id);
    }
    until_logged(&host, 2);
    let stream = |last: &str| {
        let headers = [("accept", "text/event-stream"), ("last-event-id", last)];
        let answer = host.client().send("GET", "/log/events", &headers, "");
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        answer.text()
    };
    let first = stream("0");
    assert!(first.starts_with("retry: "), "{first}");
    assert_eq!(ids(&first), [1, 2], "{first}");
    publish(&host, "c");
    until_logged(&host, 3);
    let second = stream("2");
    assert_eq!(ids(&second), [3], "{second}");
    assert!(second.contains("\"id\":\"c\""), "{second}");
    assert_eq!(host.metric("mecha_calls_total", &["outcome=\"deadline\""]), 0.0, "none was cut off");
}

#[test]
fn what_is_published_comes_while_the_stream_is_open() {
    let app = App::new(LOG);
    let host = app.serve();
    publish(&host, "before");
    until_logged(&host, 1);
    let mut connection = host.client().connect().unwrap();
    connection.write_all(b"GET /log/events HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut reader = BufReader::new(connection);
    assert_eq!(read_head(&mut reader).unwrap().status, 200);
    let mut lines = reader.lines().map(|line| line.unwrap());
    assert!(lines.any(|line| line.starts_with("retry: ")));
    publish(&host, "now");
    let data = lines.find(|line| line.starts_with("data: ")).unwrap();
    assert!(data.contains("\"id\":\"now\""), "{data}");
}

#[test]
fn the_page_shows_events_as_text_whatever_is_in_them() {
    let app = App::new(LOG);
    let host = app.serve();
    publish_as(&host, "a", "<script>alert(1)</script>");
    until_logged(&host, 1);
    let moved = host.get("/log");
    assert_eq!((moved.status, moved.header("location")), (301, Some("/log/")));
    let page = host.get("/log/");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").unwrap().starts_with("default-src 'none'"));
    let text = page.text();
    assert!(text.contains("<b>&lt;script&gt;alert(1)&lt;/script&gt;</b>"), "{text}");
    assert_eq!(text.matches("<script>").count(), 1, "its own");
    assert!(text.contains("data-newest=\"1\""), "the script goes on from there");
}

#[test]
fn what_is_asked_wrongly_is_said() {
    let app = App::new(LOG);
    let host = app.serve();
    for path in [
        "/log/events.json?after=x",
        "/log/events.json?limit=0",
        "/log/events.json?limit=1001",
        "/log/events?after=-1",
    ] {
        assert_eq!(host.get(path).status, 400, "{path}");
    }
    assert_eq!(host.get("/log/other").status, 404);
    assert_eq!(host.post("/log/events", "x").status, 405);
    let mut connection = host.client().connect().unwrap();
    connection.write_all(b"HEAD /log/events.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    assert_eq!(read_response(&mut BufReader::new(connection)).unwrap().status, 200);
}
