//! A test component that asks for all that there is to ask for. It tests `courier` and `probe`; some of its cases are to
//! fail, and are called so.

use std::{
    process, thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mecha_guest::{
    http::Method,
    json::{Value, json},
    test::{Answer, app},
};

mecha_guest::test::export!(
    a_world_begins_as_said,
    an_event_is_delivered_before_the_test_goes_on,
    time_goes_on_only_if_somebody_waits,
    schedules_and_jobs_run_when_they_are_due,
    to_fail_without_an_input,
    components_are_called_and_answered_for,
    outputs_answer_in_order,
    hosts_outside_answer,
    stores_are_changed_from_outside,
    operations_go_wrong,
    what_was_used_and_printed_is_told,
    calls_that_fail_are_told,
    requests_at_once_are_answered_in_order,
    chance_is_seeded,
    to_fail_by_an_error,
    to_fail_by_an_assertion,
    to_fail_by_a_name,
    to_fail_by_an_exit,
    to_fail_by_a_second_beginning,
    to_fail_by_a_call_that_failed,
    to_fail_by_what_has_no_answer,
    to_fail_by_an_answer_for_who_answers,
);

fn a_world_begins_as_said() {
    app::given().clock_ms(1_000_000).seed(7).env("probe", "GREETING", "hi").begin();
    assert_eq!(app::now_ms(), 1_000_001);
}

fn an_event_is_delivered_before_the_test_goes_on() {
    app::event("news").event_type("t.here").id("e-1").subject("s").json(&json!({ "n": 1 })).publish();
    let seen = app::store("seen@courier").list("event/all/");
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(app::events("news"), [], "what the test published is not among it");
    let response = app::post("/publish/news").json(&json!({ "data": { "n": 2 }, "type": "t.there" })).send();
    assert_eq!(response.status() / 100, 2, "{}", response.text());
    let events = app::events("news");
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].event_type.as_str(), events[0].source.as_str()), ("t.there", "/post/courier"));
    assert_eq!(events[0].json::<Value>().unwrap(), json!({ "n": 2 }));
}

fn time_goes_on_only_if_somebody_waits() {
    let before = app::now_ms();
    assert_eq!(app::get("/context").send().status(), 200);
    assert!(app::now_ms() - before < 1000);
    app::wait(Duration::from_secs(30 * 24 * 3600));
    thread::sleep(Duration::from_secs(3600));
    let passed = app::now_ms() - before;
    assert!((2_595_600_000..2_595_602_000).contains(&passed), "{passed}");
    let own = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert_eq!(own.as_millis(), u128::from(app::now_ms()), "the test lives by the same time");
}

fn schedules_and_jobs_run_when_they_are_due() {
    app::tick("yearly");
    assert_eq!(app::store("seen@courier").list("runs/").len(), 1);
    assert!(app::now_ms() > 1_893_456_000_000);
    let job = json!({ "name": "later", "after-ms": 3_600_000, "data": { "n": 1 } });
    assert_eq!(app::post("/jobs").json(&job).send().status(), 204);
    let jobs = app::jobs("courier");
    assert_eq!(
        (jobs.len(), jobs[0].name.as_str(), jobs[0].data.as_slice()),
        (1, "later", b"{\"n\":1}".as_slice())
    );
    app::wait(Duration::from_secs(3601));
    assert_eq!(app::jobs("courier").len(), 0);
    assert!(app::store("seen@courier").get("runs/later").is_some());
}

fn to_fail_without_an_input() {
    app::put_file("inbox", "a.csv", "a,b");
    let seen: Vec<Value> = app::store("seen@courier").json("inputs/inbox").unwrap();
    assert_eq!(seen[0]["data"], "a,b");
}

fn components_are_called_and_answered_for() {
    app::given().callee("other").begin();
    let reply = app::invoke("courier", "echo").json(&[1]).idempotency_key("k").call().unwrap();
    assert_eq!(reply.json::<Value>()["idempotency-key"], "k");
    let fault = app::invoke("courier", "fail").json("not-found").call().unwrap_err();
    assert_eq!(fault.kind, "not-found");
    let other = app::callee("other");
    other.answer(Answer::json(&json!("always")));
    other.answer_to("once", Answer::refused("conflict", "taken").times(1));
    let call =
        |method: &str| app::post(format!("/call/other/{method}")).json(&json!(7)).send().json::<Value>();
    assert_eq!(call("once")["error"], "fault");
    assert_eq!(call("once"), json!({ "ok": "always" }));
    let methods: Vec<_> = other.calls().into_iter().map(|call| (call.method, call.data)).collect();
    assert_eq!(methods, vec![("once".to_owned(), b"7".to_vec()); 2]);
}

fn outputs_answer_in_order() {
    let out = app::output("out");
    out.answer(Answer::error("unavailable"));
    out.answer_to(
        "post",
        Answer::json(&json!({ "ok": true })).meta("status", "200").times(1).after(Duration::from_secs(2)),
    );
    let before = app::now_ms();
    let post = || app::post("/output/out/post?m-path=/a").text("hello").send();
    assert_eq!(post().json::<Value>()["metadata"]["status"], "200");
    assert!(app::now_ms() - before >= 2000);
    assert_eq!(post().json::<Value>()["error"], "unavailable");
    let calls = out.calls();
    assert_eq!(
        (calls.len(), calls[0].operation.as_str(), calls[0].data.as_slice()),
        (2, "post", b"hello".as_slice())
    );
    assert_eq!(calls[0].metadata, [("path".to_owned(), "/a".to_owned())]);
}

fn hosts_outside_answer() {
    let fetch = || app::get("/fetch?url=https://api.example.com/price/lamp").send();
    app::upstream("https://api.example.com/price/*").method(&Method::Get).status(202).text("3").add();
    assert_eq!((fetch().status(), fetch().text()), (200, "3"));
    app::upstream("https://api.example.com/*").error("timeout").times(1).add();
    assert_ne!(fetch().text(), "3");
    let sent = app::sent_requests();
    assert_eq!((sent.len(), sent[0].url.as_str()), (3, "https://api.example.com/price/lamp"));
}

fn stores_are_changed_from_outside() {
    let seen = app::store("seen@courier");
    seen.set_json("count/all", &7);
    assert_eq!(app::get("/count/all").send().json::<Value>()["count"], 7);
    seen.set("text", "ä");
    assert_eq!(seen.text("text").as_deref(), Some("ä"));
    seen.delete("count/all");
    assert_eq!(seen.list(""), [("text".to_owned(), "ä".as_bytes().to_vec())]);
    assert_eq!(app::get("/count/all").send().json::<Value>()["count"], 0);
}

fn operations_go_wrong() {
    let count = || app::get("/count/all").send().status();
    app::fail("state.get", "unavailable").of("courier").nth(2).begin();
    assert_eq!([count(), count(), count()], [200, 503, 200]);
    app::delay("state.get", Duration::from_secs(5)).nth(1).begin();
    let before = app::now_ms();
    assert_eq!(count(), 200);
    assert!(app::now_ms() - before >= 5000);
    app::lose("pubsub.publish").begin();
    let response = app::post("/publish/news").json(&json!({ "data": 1 })).send();
    assert_eq!(response.json::<Value>()["error"], "timeout");
    assert_eq!(app::events("news").len(), 1, "it happened");
}

#[expect(clippy::print_stdout, reason = "that is what is tested")]
fn what_was_used_and_printed_is_told() {
    assert_eq!(app::used().fuel, 0);
    assert_eq!(app::get("/count/all").send().status(), 200);
    let once = app::used();
    assert!(once.fuel > 1000 && once.host_calls == 2 && once.memory > 0, "{once:?}");
    assert_eq!(app::get("/count/all").send().status(), 200);
    assert_eq!(app::used().fuel, 2 * once.fuel, "the same work uses the same fuel");
    println!("printed by the test");
    app::fail("state.get", "busy").begin();
    assert_eq!(app::get("/count/all").send().status(), 503);
    let lines = app::lines();
    assert!(lines.iter().all(|line| line.component == "courier" && line.stream == "stderr"), "{lines:?}");
    assert!(!lines.is_empty());
}

fn calls_that_fail_are_told() {
    let fault = app::invoke("courier", "trap").call().unwrap_err();
    assert_eq!(fault.kind, "internal");
    let failures = app::failures();
    assert_eq!(
        (failures.len(), failures[0].component.as_str(), failures[0].kind.as_str()),
        (1, "courier", "trap")
    );
}

fn requests_at_once_are_answered_in_order() {
    let sleep = |ms: u64| app::post("/call/other/sleep").json(&ms);
    let before = app::now_ms();
    let responses = app::at_once([sleep(3000), app::get("/nothing"), sleep(1000)]);
    let statuses: Vec<_> = responses.iter().map(|response| response.status()).collect();
    assert_eq!(statuses, [200, 404, 200]);
    assert!(app::now_ms() - before < 4000, "they sleep at the same time");
}

#[expect(clippy::print_stdout, reason = "a story compares it")]
fn chance_is_seeded() {
    let id = app::get("/context").send().json::<Value>()["id"].clone();
    let drawn = mecha_guest::wasi::random::random::get_random_u64();
    println!("{id} {drawn}");
    assert_ne!(id, format!("{drawn:032x}"));
}

fn to_fail_by_an_error() -> Result<(), String> {
    Err("this is why".to_owned())
}

fn to_fail_by_an_assertion() {
    assert_eq!(app::get("/nothing").send().status(), 200, "there is nothing");
}

fn to_fail_by_a_name() {
    app::store("sen").set("a", "b");
}

#[expect(clippy::print_stderr, reason = "that is what is tested")]
fn to_fail_by_an_exit() {
    eprintln!("nothing to be done");
    process::exit(1);
}

fn to_fail_by_a_second_beginning() {
    app::get("/context").send();
    app::given().begin();
}

fn to_fail_by_a_call_that_failed() {
    assert!(app::invoke("courier", "trap").call().is_err());
}

fn to_fail_by_what_has_no_answer() {
    app::post("/output/out/post").text("hello").send();
}

fn to_fail_by_an_answer_for_who_answers() {
    app::callee("other").answer(Answer::empty());
}
