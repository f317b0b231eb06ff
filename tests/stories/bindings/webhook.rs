//! Webhooks: requests that prove where they come from.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac as _};
use mecha_tests::{client::Response, courier::World, host::App};
use serde_json::json;
use sha2::Sha256;

const SECRET: &str = "it-is-a-secret";

fn hook(signature: &str, keys: &str) -> World {
    let manifest = crate::events::courier(
        "",
        &format!(
            "inputs: {{ hook: {{ http: {{ path: /hook, signature: {{ secret: '${{file:secret}}', {signature} }}, \
             {keys} }}, to: courier }} }}"
        ),
    );
    World::of(App::new(&manifest).with_file("secret", SECRET))
}

fn sign(text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn post(world: &World, headers: &[(&str, &str)], body: &str) -> Response {
    world.host.client().send("POST", "/hook", headers, body)
}

#[test]
fn a_request_with_the_right_signature_is_handled_and_answered() {
    let world = hook("header: x-hub-signature-256, prefix: sha256=", "id: x-delivery");
    let body = r#"{"a":1}"#;
    let signature = format!("sha256={}", sign(body));
    let headers =
        [("x-hub-signature-256", &*signature), ("x-delivery", "d-1"), ("x-event", "push"), ("cookie", "c")];
    let answer = post(&world, &headers, body);
    assert_eq!((answer.status, answer.json()), (200, json!({ "got": 7 })), "its reply is the answer");
    let given = world.courier().inputs("hook", 1).remove(0);
    assert_eq!(
        (&given["id"], &given["data"], &given["attempt"]),
        (&json!("d-1"), &json!({ "a": 1 }), &json!(1))
    );
    let metadata = &given["metadata"];
    assert_eq!(metadata["x-event"], "push");
    assert!(metadata["x-hub-signature-256"].is_null() && metadata["cookie"].is_null(), "{metadata}");
}

#[test]
fn a_request_without_the_right_signature_is_refused_and_handled_by_nobody() {
    let world = hook("", "");
    let right = sign("body");
    let wrong = sign("other");
    let upper = right.to_uppercase();
    for (headers, status) in [
        (vec![], 401),
        (vec![("x-signature", &*wrong)], 401),
        (vec![("x-signature", "")], 401),
        (vec![("x-signature", &right[..62])], 401),
        (vec![("x-signature", "not hexadecimal")], 401),
        (vec![("x-signature", &*right)], 200),
        (vec![("x-signature", &*upper)], 200),
    ] {
        assert_eq!(post(&world, &headers, "body").status, status, "{headers:?}");
    }
    let given = world.courier().inputs("hook", 2);
    assert_eq!(given.len(), 2);
    assert_eq!(given[0]["id"], given[1]["id"], "the same body has the same id");
    assert_eq!(world.host.get("/hook").status, 405);
    world.host.wait_for_log("webhook refused");
    assert!(!world.host.log().contains(SECRET));
}

#[test]
fn a_request_that_is_replayed_later_is_refused() {
    let world = hook("timestamp: { header: x-timestamp, tolerance: 1m }", "");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let send = |time: &str, signed: &str| {
        let signature = sign(&format!("{signed}.body"));
        post(&world, &[("x-signature", &signature), ("x-timestamp", time)], "body").status
    };
    let (fresh, old, early) = (now.to_string(), (now - 90).to_string(), (now + 90).to_string());
    assert_eq!(send(&fresh, &fresh), 200);
    assert_eq!(send(&old, &old), 401, "too old");
    assert_eq!(send(&early, &early), 401, "from the future");
    assert_eq!(send(&fresh, &old), 401, "another time than was signed");
    assert_eq!(send("yesterday", "yesterday"), 401);
    assert_eq!(post(&world, &[("x-signature", &sign("body"))], "body").status, 401, "no time at all");
}

#[test]
fn the_sender_is_told_whether_to_send_it_again() {
    let world = hook("", "");
    let status = |body: &str| post(&world, &[("x-signature", &sign(body))], body).status;
    assert_eq!(status(r#"{"do":"ok"}"#), 200);
    assert_eq!(status(r#"{"do":"reject"}"#), 422, "never");
    assert_eq!(status(r#"{"do":"retry"}"#), 503, "later");
    assert_eq!(status(r#"{"do":"trap"}"#), 500);
}
