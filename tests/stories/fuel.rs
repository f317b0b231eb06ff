//! Fuel: what a call may burn by its component and its route, what becomes of one that wants more, and what is told of it.

use mecha_tests::{
    client::{Client, Response},
    courier::World,
    gate::Gate,
    host::{App, Host, until},
    teller::{add, just},
};
use serde_json::{Value, json};

/// One component without a limit, one that may burn nearly nothing, and routes of theirs that know better.
const ROUTES: &str = "
name: fuel
components:
  probe:
    source: '{guests}/probe.wasm'
    http:
      - /
      - { path: /loop, limits: { fuel: 3000000 } }
      - { path: /slow-body, limits: { fuel: 3000000 } }
      - { path: /env, limits: { fuel: 100 } }
  frugal:
    source: '{guests}/probe.wasm'
    http:
      - { host: frugal, path: / }
      - { host: frugal, path: /time, limits: { fuel: 100000000 } }
    limits: { fuel: 100 }
  hello:
    source: '{guests}/hello.wasm'
    http: [{ host: hello, path: / }]
";

/// A courier that may burn some, who calls it, and whatever else triggers it.
const COURIER: &str = "
name: post
components:
  courier:
    source: '{guests}/courier.wasm'
    http: [/]
    stores: { seen: read-write }
    publish: [news]
    jobs: true
    callers: { front: all }
    limits: { fuel: 50000000 }
  front:
    source: '{guests}/courier.wasm'
    http: [{ host: front, path: / }]
    invoke: [courier]
topics: { news: embedded }
subscriptions:
  all: { topic: news, to: courier, retry: { attempts: 2, min: 1ms, max: 1ms } }
schedules:
  yearly: { cron: '0 0 1 1 *', to: courier }
  often: { every: 1s, to: courier, data: '{\"do\": \"loop\"}', retry: { attempts: 2, min: 1ms, max: 1ms } }
inputs:
  inbox: { file: { directory: ./inbox, failed: ./failed }, to: courier, retry: { attempts: 2, min: 1ms, max: 1ms } }
  hook: { http: { path: /hook }, to: courier }
stores: { seen: embedded }
";

fn host(client: Client, name: &str, path: &str) -> Response {
    client.send("GET", path, &[("host", name)], "")
}

fn label(name: &str, value: &str) -> String {
    format!("{name}=\"{value}\"")
}

/// Calls of a component that fuel ended.
fn ended(host: &Host, component: &str) -> f64 {
    let component = label("component", component);
    let ended = host.metric("mecha_calls_total", &[&component, &label("outcome", "fuel")]);
    assert_eq!(host.metric("mecha_refusals_total", &[&component, &label("limit", "fuel")]), ended);
    ended
}

/// What calls of a component that were triggered so have burned.
fn burned(host: &Host, component: &str, trigger: &str) -> f64 {
    host.metric("mecha_fuel_total", &[&label("component", component), &label("trigger", trigger)])
}

#[test]
fn a_route_lowers_and_raises_the_fuel_of_its_calls() {
    let app = App::new(ROUTES).serve();
    let client = app.client();
    let answer = client.get("/loop");
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(client.get("/env").status, 503);
    assert_eq!(client.get("/time").status, 200, "the component itself has no limit");
    assert_eq!(ended(&app, "probe"), 2.0);
    assert!(burned(&app, "probe", "http") > 3_000_100.0);
    app.wait_for_log("call failed");
    let log = app.log();
    let call = answer.json()["call"].as_str().unwrap().to_owned();
    let told: Vec<_> = log.lines().filter(|line| line.contains(&call)).collect();
    assert!(matches!(&*told, [one] if one.contains("fault=\"fuel\"")), "one line: {told:?}");

    assert_eq!(host(client, "frugal", "/time").status, 200, "its route lets it");
    assert_eq!(host(client, "frugal", "/env").status, 503, "as its component says");
    assert_eq!(ended(&app, "frugal"), 1.0);
    assert_eq!(host(client, "hello", "/").status, 200);
    assert_eq!(burned(&app, "hello", "http"), 0.0, "nobody asked for a meter");
    assert!(!app.log().contains("call used"), "nor for a line each");
}

#[test]
fn a_body_that_runs_out_of_fuel_breaks_off() {
    let app = App::new(ROUTES).serve();
    let raw = |chunks: u64| {
        let path = format!("/slow-body?chunks={chunks}&ms=0");
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        app.client().raw(request.as_bytes()).unwrap()
    };
    let whole = raw(10);
    assert!(whole.starts_with("HTTP/1.1 200") && whole.ends_with("\r\n0\r\n\r\n"), "{whole}");
    let broken = raw(1_000_000);
    assert!(broken.starts_with("HTTP/1.1 200") && broken.len() > whole.len(), "{broken}");
    assert!(!broken.ends_with("\r\n0\r\n\r\n"), "{} bytes", broken.len());
    until("it is counted", || ended(&app, "probe") == 1.0);
}

#[test]
fn an_answer_that_fuel_prevented_is_not_kept_for_its_key() {
    let keyed = "http: [{ path: /, idempotency: true, limits: { fuel: 50000000 } }, \
                 { path: /least, atomic: false, idempotency: true, limits: { fuel: 50000000 } },";
    let manifest = crate::atomic::teller("embedded", &Gate::closed(), "", "").replace("http: [/,", keyed);
    let world = World::new(&manifest);
    let send = |path, script: &[Value]| {
        world.teller().at(path).call_with(&[("idempotency-key", "\"k\"")], script).status
    };
    let beyond = [add("count", 1), just("loop")];
    assert_eq!(send("/", &beyond), 503);
    assert_eq!(world.value("count"), None, "it was atomic: nothing of it has happened");
    assert_eq!(send("/", &[add("count", 1)]), 200, "the key is free, for another request too");
    assert_eq!(send("/least", &beyond), 503);
    assert_eq!(world.value("count").as_deref(), Some("2"), "it was not atomic");
    assert_eq!(send("/least", &[add("count", 1)]), 200);
    assert_eq!(ended(&world.host, "teller"), 2.0);
}

#[test]
fn what_triggers_a_call_that_runs_out_of_fuel_is_tried_again() {
    let app = App::new(COURIER).with_file("inbox/bad", r#"{"do": "loop"}"#).with_file("failed/.keep", "");
    let world = World::of(app);
    let courier = world.courier();
    courier.published("news", &json!({ "id": "bad", "data": { "do": "loop" } }));
    let letter = world.wait_for_letters(1).remove(0);
    assert_eq!((&letter["attempts"], &letter["reason"]), (&json!(2), &json!("fuel")));
    assert_eq!(courier.attempts("all", "bad", 2).len(), 2);

    let runs = courier.runs("often", 2);
    assert_eq!((&runs[0]["due"], &runs[1]["attempt"]), (&runs[1]["due"], &json!(2)));
    world.host.wait_for_log("run is given up");

    let given = courier.inputs("inbox", 2);
    assert_eq!((&given[0]["id"], &given[1]["attempt"]), (&given[1]["id"], &json!(2)));
    world.host.wait_for_log("file is given up");
    let log = world.host.log();
    for kind in ["event is given up", "run is given up", "file is given up"] {
        let line = log.lines().find(|line| line.contains(kind)).unwrap();
        assert!(line.contains("why=\"fuel\""), "{line}");
    }
    assert_eq!(world.host.post("/hook", r#"{"do": "loop"}"#).status, 503, "who sent it sends it again");
    assert_eq!(world.host.post("/hook", r#"{"do": "ok"}"#).status, 200);
}

#[test]
fn who_calls_a_component_that_runs_out_of_fuel_is_told_and_goes_on() {
    let world = World::of(App::new(COURIER).with_file("inbox/.keep", "").with_file("failed/.keep", ""));
    let front = world.named("front");
    let answer = front.call("courier", "loop", &Value::Null);
    assert_eq!((answer.status, &answer.json()["error"]), (503, &json!("crashed")), "{}", answer.text());
    assert!(answer.text().contains("`courier` ended with fuel"), "{}", answer.text());
    assert_eq!(front.called("courier", "size", &json!(3)), json!("xxx"));
    let ok = [label("component", "front"), label("outcome", "ok")];
    until("the caller's own calls are well", || {
        world.host.metric("mecha_calls_total", &[&ok[0], &ok[1]]) == 2.0
    });
}

#[test]
fn with_meter_every_call_is_told_and_none_is_limited() {
    let manifest = COURIER.replace("    limits: { fuel: 50000000 }\n", "").replace("\"loop\\\"", "\"ok\\\"");
    let app = App::new(&manifest).with_file("inbox/good", "x").with_file("failed/.keep", "");
    let world = World { host: Host::start(app.path(), &["--meter"]), app };
    let courier = world.courier();
    courier.published("news", &json!({ "id": "good" }));
    _ = courier.given("all", "good");
    _ = courier.runs("often", 1);
    _ = courier.inputs("inbox", 1);
    _ = world.named("front").called("courier", "echo", &json!(1));
    for trigger in ["http", "event", "job", "input", "invoke"] {
        until("it is counted", || burned(&world.host, "courier", trigger) > 0.0);
        let trigger = label("trigger", trigger);
        let parts = ["fuel: call used", "component=courier", &trigger, " fuel=", " memory="];
        until(&format!("a line has all of {parts:?}"), || {
            world.host.log().lines().any(|line| parts.iter().all(|part| line.contains(part)))
        });
    }
    assert!(burned(&world.host, "front", "http") > 0.0, "each component");
    let labels = [label("component", "courier"), label("trigger", "event")];
    assert_eq!(world.host.metric("mecha_call_fuel_count", &[&labels[0], &labels[1]]), 1.0);
    assert_eq!(ended(&world.host, "courier"), 0.0);
    assert!(world.host.log().contains("concurrency 100, fuel metered"), "{}", world.host.log());
}

#[test]
fn with_meter_the_limits_of_the_manifest_hold() {
    let app = App::new(ROUTES);
    let metered = Host::start(app.path(), &["--meter"]);
    let client = metered.client();
    assert_eq!(client.get("/loop").status, 503);
    assert_eq!(client.get("/compute?words=100000").status, 200, "more than that route may");
    assert_eq!(host(client, "hello", "/").status, 200);
    until("it is counted", || burned(&metered, "hello", "http") > 0.0);
    assert!(burned(&metered, "hello", "http") < 1e6);
    // All that it was given.
    metered.wait_for_log(&format!("{} fuel=3000000 ", label("trigger", "http")));
}
