//! Events that come in over HTTP, and that go out over HTTP.

use mecha_tests::{client::Response, courier::World, host::until, receiver::Receiver};
use serde_json::{Value, json};

use super::{courier, topic};

/// A topic that takes what is posted to `/in`.
fn ingress() -> World {
    topic(
        "embedded",
        "max-event: 2KiB",
        "http: /in, type: com.example.posted",
        "  all: { topic: news, to: courier }",
    )
}

fn post(world: &World, headers: &[(&str, &str)], body: &str) -> Response {
    world.host.client().send("POST", "/in", headers, body)
}

fn taken(answer: &Response) -> String {
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.json()["id"].as_str().unwrap().to_owned()
}

const STRUCTURED: (&str, &str) = ("content-type", "application/cloudevents+json; charset=utf-8");
const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+json");

#[test]
fn a_structured_event_is_taken_as_it_is() {
    let world = ingress();
    let event = json!({
        "specversion": "1.0", "type": "com.example.someevent", "source": "/mycontext", "id": "A234-1234-1234",
        "time": "2018-04-05T17:31:00Z", "comexampleextension1": "value", "comexampleothervalue": 5,
        "datacontenttype": "application/json", "subject": "s", "partitionkey": "k",
        "data": { "appinfoA": "abc", "appinfoB": 123, "appinfoC": true },
    });
    assert_eq!(taken(&post(&world, &[STRUCTURED], &event.to_string())), "A234-1234-1234");
    let given = world.courier().given("all", "A234-1234-1234");
    for (name, attribute) in
        [("type", "type"), ("source", "source"), ("time", "time"), ("subject", "subject"), ("data", "data")]
    {
        assert_eq!(given[name], event[attribute], "{given}");
    }
    assert_eq!(given["extensions"]["comexampleextension1"], "value");
    assert_eq!(given["extensions"]["comexampleothervalue"], "5");
    assert_eq!(given["key"], "k", "the partition key orders");
    let bytes = json!({
        "specversion": "1.0", "type": "t", "source": "/s", "id": "b", "data_base64": "AAEC/w==",
        "datacontenttype": "application/octet-stream",
    });
    taken(&post(&world, &[STRUCTURED], &bytes.to_string()));
    assert_eq!(world.courier().given("all", "b")["size"], 4);
}

#[test]
fn nobody_outside_speaks_in_the_name_of_a_component() {
    let world = ingress();
    let event =
        |source: &str| json!({ "specversion": "1.0", "type": "t", "source": source, "id": "1" }).to_string();
    let refused = post(&world, &[STRUCTURED], &event("/post/courier"));
    assert_eq!((refused.status, &refused.json()["attribute"]), (403, &json!("source")), "{}", refused.text());
    taken(&post(&world, &[STRUCTURED], &event("/post/ingress")));
    taken(&post(&world, &[STRUCTURED], &event("/poster/courier")));
}

#[test]
fn a_binary_event_is_taken_from_its_headers() {
    let world = ingress();
    let headers = [
        ("ce-specversion", "1.0"),
        ("ce-type", "com.example.someevent"),
        ("ce-source", "/mycontext"),
        ("ce-id", "1"),
        ("ce-subject", "Euro%20%E2%82%AC"),
        ("ce-rank", "3"),
        ("content-type", "application/xml"),
    ];
    assert_eq!(taken(&post(&world, &headers, "<much wow=\"xml\"/>")), "1");
    let given = world.courier().given("all", "1");
    assert_eq!((&given["subject"], &given["extensions"]["rank"]), (&json!("Euro €"), &json!("3")));
    assert_eq!(
        (&given["content-type"], &given["data"]),
        (&json!("application/xml"), &json!("<much wow=\"xml\"/>"))
    );
}

#[test]
fn a_batch_is_taken_event_by_event() {
    let world = ingress();
    let event = |id: &str, data: &str| json!({ "specversion": "1.0", "type": "t", "source": "/s", "id": id, "data": data });
    let answer = post(&world, &[BATCH], &json!([event("a", "x"), event("b", "y")]).to_string());
    assert_eq!((answer.status, answer.json()), (202, json!([{ "id": "a" }, { "id": "b" }])));
    world.courier().wait_for_count("all", 2);
    let answer = post(&world, &[BATCH], &json!([event("c", &"x".repeat(3000)), event("d", "y")]).to_string());
    assert_eq!(answer.status, 413);
    assert_eq!((&answer.json()[0]["error"], &answer.json()[1]["id"]), (&json!("too-large"), &json!("d")));
    _ = world.courier().given("all", "d");
    assert_eq!(post(&world, &[BATCH], "[]").json(), json!([]));
}

#[test]
fn any_other_body_becomes_the_data_of_an_event() {
    let world = ingress();
    let id = taken(&post(&world, &[("content-type", "text/csv")], "a,b"));
    let given = world.courier().given("all", &id);
    assert_eq!((&given["type"], &given["source"]), (&json!("com.example.posted"), &json!("/post/ingress")));
    assert_eq!((&given["content-type"], &given["data"]), (&json!("text/csv"), &json!("a,b")));
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let id = taken(&post(&world, &[("traceparent", &parent)], "x"));
    let found = world.courier().given("all", &id)["extensions"]["traceparent"].clone();
    assert!(found.as_str().unwrap().contains(trace), "{found}");
}

#[test]
fn a_malformed_event_is_refused_by_the_name_of_its_attribute() {
    let world = ingress();
    let good = json!({ "specversion": "1.0", "type": "t", "source": "/s", "id": "a" });
    let with = |name: &str, value: Value| {
        let mut event = good.clone();
        event[name] = value;
        event
    };
    let cases = [
        ("id", with("id", json!(""))),
        ("id", with("id", Value::Null)),
        ("source", with("source", json!(""))),
        ("type", with("type", json!(""))),
        ("specversion", with("specversion", json!("0.3"))),
        ("time", with("time", json!("yesterday"))),
        ("subject", with("subject", json!(""))),
        ("dataschema", with("dataschema", json!("no scheme"))),
        ("Upper", with("Upper", json!("x"))),
        ("ext", with("ext", json!({ "a": 1 }))),
        ("data_base64", with("data_base64", json!("???"))),
    ];
    for (name, event) in cases {
        let answer = post(&world, &[STRUCTURED], &event.to_string());
        assert_eq!(answer.status, 400, "{event}: {}", answer.text());
        assert_eq!(answer.json()["attribute"], name, "{event}: {}", answer.text());
    }
    let headers = [("ce-specversion", "1.0"), ("ce-type", "t"), ("ce-source", "/s")];
    assert_eq!(post(&world, &headers, "x").json()["attribute"], "id", "it is not there at all");
    let headers = [("ce-specversion", "1.0"), ("ce-type", "t"), ("ce-source", "/s"), ("ce-id", "%zz")];
    assert_eq!(post(&world, &headers, "x").json()["attribute"], "id");
    for body in ["", "{", "[]", "1"] {
        assert_eq!(post(&world, &[STRUCTURED], body).status, 400, "{body:?}");
    }
    assert_eq!(post(&world, &[("content-type", "application/cloudevents+avro")], "x").status, 400);
    assert_eq!(world.host.get("/in").status, 405);
    world.wait_for_events("news", 0);
    assert_eq!(world.courier().count("all"), 0);
}

#[test]
fn a_topic_that_is_full_is_told_to_who_posts() {
    let limits = "max-size: 64KiB, max-event: 32KiB";
    let world = topic("embedded", limits, "http: /in", "  all: { topic: news, to: courier, paused: true }");
    let status = || post(&world, &[("content-type", "text/plain")], &"x".repeat(20_000)).status;
    assert_eq!((status(), status()), (202, 202));
    until("there is no more room", || status() == 507);
    world.ask(&["topics", "resume", "all"]);
    world.wait_for_events("news", 0);
    assert_eq!(status(), 202);
}

/// Events of `news` go to this server.
fn sink(receiver: &Receiver, keys: &str) -> World {
    World::of(
        mecha_tests::host::App::new(&courier(
            "    publish: [news]",
            &format!(
                "
topics: {{ news: embedded }}
subscriptions:
  out:
    topic: news
    to: {{ url: '{}', private: true, headers: {{ Authorization: 'Bearer ${{file:token}}' }}, {keys} }}
    retry: {{ attempts: 5, min: 1ms, max: 5ms }}",
                receiver.url("/events")
            ),
        ))
        .with_file("token", "s3cr3t-t0ken"),
    )
}

#[test]
fn a_sink_is_sent_events_in_the_binary_mode_or_the_structured_one() {
    let message = json!({ "id": "a", "type": "t", "subject": "s p", "extensions": { "rank": "3" }, "data": { "n": 1 } });
    let receiver = Receiver::answering(&[]);
    let world = sink(&receiver, "mode: binary");
    world.courier().published("news", &message);
    let request = receiver.wait_for(1).remove(0);
    assert_eq!((&*request.method, &*request.target), ("POST", "/events"));
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-id", "a"),
        ("ce-type", "t"),
        ("ce-source", "/post/courier"),
        ("ce-subject", "s%20p"),
        ("ce-rank", "3"),
        ("content-type", "application/json"),
        ("authorization", "Bearer s3cr3t-t0ken"),
    ] {
        assert_eq!(request.header(name), Some(value), "{name} of {request:?}");
    }
    assert_eq!(request.json(), json!({ "n": 1 }));

    let receiver = Receiver::answering(&[]);
    let world = sink(&receiver, "mode: structured");
    world.courier().published("news", &message);
    let request = receiver.wait_for(1).remove(0);
    assert_eq!(request.header("content-type"), Some("application/cloudevents+json"));
    let event = request.json();
    assert_eq!(
        (&event["id"], &event["subject"], &event["data"]),
        (&json!("a"), &json!("s p"), &json!({ "n": 1 }))
    );
    world.wait_for_events("news", 0);
}

#[test]
fn a_sink_that_is_busy_is_asked_again_when_it_wants_to_be() {
    let receiver = Receiver::answering(&["503 Busy", "429 Slow down\r\nretry-after: 1", "500 Oops"]);
    let world = sink(&receiver, "");
    let id = world.courier().published("news", &json!({ "text": "x" }));
    let requests = receiver.wait_for(4);
    assert!(requests.iter().all(|request| request.header("ce-id") == Some(&id)));
    let (asked, again) = (requests[1].at, requests[2].at);
    assert!(again - asked >= std::time::Duration::from_secs(1), "it had asked for a second");
    world.wait_for_events("news", 0);
    assert!(world.ask(&["dlq", "list"])["letters"].as_array().unwrap().is_empty());
}

#[test]
fn what_a_sink_will_never_take_is_given_up_and_its_secrets_are_told_to_nobody() {
    let receiver = Receiver::answering(&["400 Never"]);
    let world = sink(&receiver, "");
    world.courier().published("news", &json!({ "id": "a" }));
    let letters = world.wait_for_letters(1);
    assert_eq!(letters[0]["attempts"], 1);
    assert!(letters[0]["reason"].as_str().unwrap().contains("400"), "{letters:?}");
    world.ask(&["dlq", "replay", "--all"]);
    assert_eq!(receiver.wait_for(2)[1].header("ce-id"), Some("a"));
    world.wait_for_events("news", 0);
    assert!(!world.host.log().contains("s3cr3t"), "{}", world.host.log());
}

#[test]
fn a_sink_in_the_hosts_own_network_needs_a_word_in_the_manifest() {
    let receiver = Receiver::answering(&[]);
    let url = receiver.url("/").replace("127.0.0.1", "localhost");
    let world = World::new(&courier(
        "    publish: [news]",
        &format!(
            "
topics: {{ news: memory }}
subscriptions: {{ out: {{ topic: news, to: {{ url: '{url}' }}, retry: {{ attempts: 1 }} }} }}"
        ),
    ));
    world.courier().published("news", &json!({ "id": "a" }));
    let letters = world.wait_for_letters(1);
    assert!(letters[0]["reason"].as_str().unwrap().contains("private"), "{letters:?}");
    assert!(receiver.received().is_empty());
}
