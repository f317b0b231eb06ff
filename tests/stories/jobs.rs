//! Work that is due: schedules of the manifest, and jobs that a component gives itself.

use mecha_tests::{
    courier::{Courier, World},
    host::{App, target, until},
};
use serde_json::{Value, json};

fn manifest(schedules: &str) -> String {
    format!(
        "
name: post
components:
  courier:
    source: '{{guests}}/courier.wasm'
    http: [/]
    stores: {{ seen: read-write }}
    jobs: true
stores: {{ seen: embedded }}
schedules:
  # One that is never due while a story lasts.
  yearly: {{ cron: '0 0 1 1 *', to: courier }}
{schedules}
"
    )
}

fn world(schedules: &str) -> World {
    World::new(&manifest(schedules))
}

/// The same app with another manifest.
fn changed(world: World, schedules: &str) -> World {
    let guests = target().join("wasm32-wasip2/release");
    let manifest = manifest(schedules).replace("{guests}", guests.to_str().unwrap());
    World::of(world.stopped().with_file("mecha.yaml", manifest))
}

fn due(run: &Value) -> u64 {
    run["due"].as_u64().unwrap_or_else(|| panic!("{run}"))
}

fn schedule(courier: &Courier, job: &Value) {
    let answer = courier.send("POST", "/jobs", job.to_string());
    assert_eq!(answer.status, 204, "{job}: {}", answer.text());
}

fn refusal(courier: &Courier, job: &Value) -> (u16, String) {
    let answer = courier.send("POST", "/jobs", job.to_string());
    (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_owned())
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

#[test]
fn a_schedule_of_the_manifest_is_kept() {
    let world = world(
        "
  often: { every: 1s, to: courier, data: '{\"a\": 1}', content-type: application/json }
  ticks: { cron: '* * * * * *', to: courier, time-zone: Europe/Berlin, data: text }",
    );
    let runs = world.courier().runs("often", 3);
    for two in runs.windows(2) {
        assert_eq!(due(&two[1]) - due(&two[0]), 1000, "{runs:?}");
    }
    for run in &runs {
        assert_eq!((&run["attempt"], &run["data"]), (&json!(1), &json!({ "a": 1 })));
        assert_eq!(run["content-type"], "application/json");
        assert!(run["at"].as_u64().unwrap() >= due(run), "never early: {run}");
    }
    let ticks = world.courier().runs("ticks", 2);
    assert_eq!(due(&ticks[0]) % 1000, 0, "on the second");
    assert_eq!(
        (&ticks[0]["data"], &ticks[0]["content-type"]),
        (&json!("text"), &json!("text/plain; charset=utf-8"))
    );
}

#[test]
fn a_run_that_fails_is_repeated_under_its_own_time() {
    let world = world(
        "
  fails: { every: 1s, to: courier, data: '{\"do\": {\"fail-until\": 3}}', retry: { attempts: 5, min: 1ms, max: 5ms } }
  gives-up: { every: 1s, to: courier, data: '{\"do\": \"trap\"}', retry: { attempts: 2, min: 1ms, max: 5ms } }",
    );
    let runs = world.courier().runs("fails", 6);
    let seen: Vec<_> =
        runs[..6].iter().map(|run| (due(run) - due(&runs[0]), run["attempt"].as_u64().unwrap())).collect();
    let next = seen[3].0;
    assert_eq!(seen, [(0, 1), (0, 2), (0, 3), (next, 1), (next, 2), (next, 3)]);
    assert!(next > 0 && next % 1000 == 0);
    let runs = world.courier().runs("gives-up", 3);
    assert_eq!((due(&runs[0]), &runs[1]["attempt"]), (due(&runs[1]), &json!(2)));
    assert!(due(&runs[2]) > due(&runs[1]), "it goes on with the next");
    world.host.wait_for_log("run is given up");
}

#[test]
fn a_component_gives_itself_jobs() {
    let world = world("");
    let courier = world.courier();
    let at = now_ms() + 600;
    schedule(&courier, &json!({ "name": "at", "at": at, "data": { "a": 1 } }));
    schedule(&courier, &json!({ "name": "after", "after-ms": 300 }));
    schedule(&courier, &json!({ "name": "every", "every-ms": 200, "max-runs": 3 }));
    schedule(&courier, &json!({ "name": "cron", "cron": "0 0 1 1 *", "time-zone": "Asia/Tokyo" }));
    let run = courier.runs("at", 1).remove(0);
    assert_eq!((due(&run), &run["data"]), (at, &json!({ "a": 1 })));
    assert_eq!(courier.runs("after", 1).len(), 1);
    let runs = courier.runs("every", 3);
    assert_eq!(due(&runs[2]) - due(&runs[1]), 200, "{runs:?}");
    let names = |prefix: &str| {
        let list = courier.show(&format!("/jobs?prefix={prefix}"));
        list.as_array()
            .unwrap()
            .iter()
            .map(|job| job["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    until("only what is still due is left", || names("") == ["cron"]);
    assert_eq!(names("cr"), ["cron"]);
    assert_eq!(names("x"), Vec::<String>::new());
    assert_eq!(courier.runs("every", 3).len(), 3, "no more than it was to run");
}

#[test]
fn a_job_is_replaced_and_cancelled_by_its_name() {
    let world = world("");
    let courier = world.courier();
    let late = json!({ "name": "job", "after-ms": 86_400_000, "data": 1 });
    schedule(&courier, &late);
    assert_eq!(refusal(&courier, &late), (409, "already-exists".to_owned()));
    schedule(&courier, &json!({ "name": "job", "after-ms": 1, "data": 2, "replace": true }));
    assert_eq!(courier.runs("job", 1)[0]["data"], 2);
    schedule(&courier, &json!({ "name": "other", "after-ms": 86_400_000, "replace": true }));
    for _ in 0..2 {
        assert_eq!(courier.send("DELETE", "/jobs/other", "").status, 204, "also if it is gone");
    }
    until("none is left", || courier.show("/jobs") == json!([]));
}

#[test]
fn a_job_that_makes_no_sense_is_refused() {
    let world = world("");
    let courier = world.courier();
    let refused = |job: Value| refusal(&courier, &job);
    assert_eq!(refused(json!({ "name": "", "after-ms": 1 })), (400, "invalid-argument".to_owned()));
    assert_eq!(refused(json!({ "name": "x".repeat(300), "after-ms": 1 })).0, 400);
    assert_eq!(refused(json!({ "name": "x", "cron": "nonsense" })).0, 400);
    assert_eq!(refused(json!({ "name": "x", "cron": "* * * * *", "time-zone": "Nowhere/Land" })).0, 400);
    assert_eq!(refused(json!({ "name": "x", "after-ms": 1, "max-runs": 0 })).0, 400);
    assert_eq!(
        refused(json!({ "name": "x", "after-ms": 1, "data": "x".repeat(70_000) })),
        (413, "too-large".to_owned())
    );
    assert_eq!(courier.show("/jobs"), json!([]));
}

#[test]
fn jobs_outlive_the_host() {
    let world = world("");
    let at = now_ms() + 2500;
    schedule(&world.courier(), &json!({ "name": "later", "at": at, "data": "x" }));
    schedule(&world.courier(), &json!({ "name": "much-later", "after-ms": 86_400_000 }));
    let world = world.killed();
    assert_eq!(due(&world.courier().runs("later", 1)[0]), at);
    until("only the other is left", || {
        let left = world.courier().show("/jobs");
        left.as_array().unwrap().len() == 1 && left[0]["name"] == "much-later"
    });
}

#[test]
fn a_run_that_the_host_died_in_is_run_again_under_its_own_time() {
    let world = world("");
    schedule(&world.courier(), &json!({ "name": "job", "after-ms": 1, "data": { "do": { "sleep": 3000 } } }));
    _ = world.courier().runs("job", 1);
    let world = world.killed();
    let runs = world.courier().runs("job", 2);
    assert_eq!(due(&runs[0]), due(&runs[1]));
    assert_eq!(runs[1]["attempt"], 2);
    until("it is done", || world.courier().show("/jobs") == json!([]));
}

#[test]
fn killed_again_and_again_a_schedule_that_runs_for_all_leaves_nothing_out() {
    let every = "  often: { every: 1s, to: courier, missed: run-all, retry: { attempts: forever, min: 1ms, max: 1ms } }";
    let mut world = world(every);
    for count in [1, 3, 4, 6] {
        _ = world.courier().runs("often", count);
        world = world.killed();
    }
    let runs = world.courier().runs("often", 9);
    let mut last: Option<u64> = None;
    for run in &runs {
        let first = run["attempt"] == 1;
        if let Some(last) = last {
            assert_eq!(due(run) - last, if first { 1000 } else { 0 }, "{runs:?}");
        }
        last = Some(due(run));
    }
}

#[test]
fn what_was_missed_is_made_up_for_as_the_manifest_says() {
    let world = world(
        "
  skip: { every: 1s, to: courier, missed: skip }
  once: { every: 1s, to: courier, missed: run-once }
  all: { every: 1s, to: courier, missed: run-all }",
    );
    for name in ["skip", "once", "all"] {
        _ = world.courier().runs(name, 1);
    }
    let app = world.stopped();
    let down = now_ms();
    until("the host was down for some runs", || now_ms() > down + 4500);
    let world = World::of(app);
    let up = now_ms();
    let missed = |name: &str| {
        // All that was missed comes before what is due from now on.
        let mut runs = vec![];
        until("a run is due again", || {
            runs = world.courier().runs(name, 1);
            runs.last().map(due) > Some(up)
        });
        runs.iter().filter(|run| due(run) > down && due(run) + 1000 < up).map(due).collect::<Vec<_>>()
    };
    assert_eq!(missed("skip"), Vec::<u64>::new());
    assert!(missed("once").len() <= 1, "{:?}", missed("once"));
    let all = missed("all");
    assert!(all.len() >= 3, "{all:?}");
    assert!(all.windows(2).all(|two| two[1] - two[0] == 1000), "each, in order: {all:?}");
}

#[test]
fn a_schedule_that_is_no_longer_in_the_manifest_is_gone() {
    let world = world("  often: { every: 1s, to: courier }\n  other: { every: 1s, to: courier }");
    _ = world.courier().runs("often", 1);
    let world = changed(world, "  other: { every: 1s, to: courier }");
    let (often, other) = (world.courier().runs("often", 1).len(), world.courier().runs("other", 1).len());
    _ = world.courier().runs("other", other + 2);
    assert_eq!(world.courier().runs("often", 1).len(), often);
    assert!(world.host.log().contains("no longer in the manifest"), "{}", world.host.log());
    // And again there, it begins anew.
    let world = changed(world, "  often: { every: 1s, to: courier }");
    _ = world.courier().runs("often", often + 1);
}

#[test]
fn the_jobs_of_one_component_are_none_of_anothers() {
    let second = "
  second: { source: '{guests}/courier.wasm', http: [{ path: /, host: second }], stores: { seen: read-write }, jobs: true }
stores:";
    let world = World::new(&manifest("").replace("\nstores:", second));
    schedule(&world.courier(), &json!({ "name": "job", "after-ms": 86_400_000 }));
    schedule(&world.named("second"), &json!({ "name": "job", "after-ms": 1, "data": 2 }));
    assert_eq!(world.named("second").runs("job", 1)[0]["data"], 2);
    assert_eq!(world.named("second").send("DELETE", "/jobs/job", "").status, 204);
    assert_eq!(world.courier().show("/jobs")[0]["name"], "job");
}

#[test]
fn jobs_need_a_grant() {
    let app = App::new(&manifest("").replace("    jobs: true\n", ""));
    let world = World::of(app);
    let (status, error) = refusal(&world.courier(), &json!({ "name": "x", "after-ms": 1 }));
    assert_eq!((status, &*error), (403, "access-denied"));
}
