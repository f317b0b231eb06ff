//! Schedules and jobs: what a run does, and that it has run, are one commit.

use mecha_tests::{
    courier::World,
    gate::Gate,
    host::until,
    teller::{add, attempt, before_attempt, increase, just, schedule, set},
};
use serde_json::{Value, json};

use super::{teller, world};

/// A teller that has jobs, and a schedule that carries this out each second.
fn ticking(gate: &Gate, script: &[Value], keys: &str) -> World {
    let data = Value::from(script.to_vec()).to_string().replace('\'', "''");
    let sections = format!(
        "schedules: {{ often: {{ every: 1s, to: teller, data: '{data}', missed: run-all, \
         retry: {{ attempts: forever, min: 1ms, max: 5ms }} {keys} }} }}"
    );
    world("embedded", gate, "    jobs: true", &sections)
}

fn jobs(gate: &Gate) -> World {
    world("embedded", gate, "    jobs: true", "")
}

/// How often it ran, and for how many times that were due.
fn runs(world: &World) -> (u64, u64) {
    let count = world.value("count").map_or(0, |count| count.parse().unwrap());
    (count, world.plain().keys("due/").len() as u64)
}

#[test]
fn a_tick_and_what_it_does_are_one_commit_whenever_the_host_is_killed() {
    let gate = Gate::closed();
    let mut world = ticking(&gate, &[increase("count"), set("due/$id", "x"), gate.pass()], "");
    for round in 1..=3 {
        gate.wait_for(round);
        let before = runs(&world);
        world = world.killed();
        assert_eq!(runs(&world), before, "a run that was cut off has done nothing");
    }
    gate.open_for_all();
    until("it has run for some times", || runs(&world).0 >= 4);
    let (count, due) = runs(&world);
    assert!(count.abs_diff(due) <= 1, "each once: {count} runs, {due} times");
    world.host.stop();
    let world = World::of(world.app);
    let (count, due) = (runs(&world).0, runs(&world).1);
    assert!(count.abs_diff(due) <= 1, "each once: {count} runs, {due} times");
}

#[test]
fn a_tick_that_fails_leaves_nothing_but_its_repetition() {
    let fails = before_attempt(3, &[set("from", "a run that failed"), just("nack")]);
    let world = ticking(&Gate::closed(), &[add("count", 1), fails, set("due/$id", "$attempt")], "");
    until("two times are done", || runs(&world).1 >= 2);
    let dues = world
        .plain()
        .done(&[json!({ "do": "list", "prefix": "due/" }), json!({ "do": "get", "key": "count" })]);
    let (dues, count) = (dues[0].as_array().unwrap(), dues[1].as_str().unwrap());
    assert!(dues.iter().all(|due| due[1] == "3"), "{dues:?}");
    assert!(count.parse::<usize>().unwrap().abs_diff(dues.len()) <= 1);
    assert_eq!(world.value("from"), None);
}

#[test]
fn a_schedule_can_be_without_a_transaction() {
    let world = ticking(
        &Gate::closed(),
        &[add("count", 1), before_attempt(3, &[just("nack")]), set("due/$id", "x")],
        ", atomic: false",
    );
    until("a time is done", || runs(&world).1 >= 1);
    assert!(runs(&world).0 >= 3, "what failed attempts did is there");
}

#[test]
fn runs_of_own_jobs_can_be_without_a_transaction() {
    let manifest = teller("embedded", &Gate::closed(), "    jobs: true", "");
    let world = World::new(&manifest.replace("atomic: true", "atomic: { default: true, jobs: false }"));
    let script = [add("count", 1), before_attempt(2, &[just("trap")]), set("attempt", "$attempt")];
    world.teller().done(&[schedule("job", 1, &script)]);
    world.wait_for_value("attempt", "2");
    assert_eq!(world.value("count").as_deref(), Some("2"));
}

#[test]
fn a_job_is_there_with_the_call_that_schedules_it_or_not_at_all() {
    let world = jobs(&Gate::closed());
    let answered = |status: u16| json!({ "do": "answer", "status": status });
    world.teller().done(&[schedule("kept", 86_400_000, &[])]);
    assert_eq!(world.teller().call(&[schedule("undone", 86_400_000, &[]), answered(500)]).status, 500);
    let cancel = json!({ "do": "cancel", "name": "kept" });
    assert_eq!(world.teller().call(&[cancel.clone(), answered(500)]).status, 500);
    assert_eq!(world.plain().done(&[just("jobs")])[0], json!(["kept"]));
    let refused = world.teller().done(&[attempt(schedule("kept", 1, &[]))]);
    assert_eq!(refused[0]["error"], "AlreadyExists", "{refused:?}");
    world.teller().done(&[cancel, schedule("kept", 86_400_000, &[]), schedule("other", 86_400_000, &[])]);
    assert_eq!(world.plain().done(&[just("jobs")])[0], json!(["kept", "other"]));
}

#[test]
fn a_job_that_was_scheduled_in_a_call_runs_once() {
    let world = jobs(&Gate::closed());
    let fails = before_attempt(2, &[just("trap")]);
    world.teller().done(&[schedule("job", 1, &[add("count", 1), fails, set("attempt", "$attempt")])]);
    world.wait_for_value("attempt", "2");
    assert_eq!(world.value("count").as_deref(), Some("1"));
    assert_eq!(world.plain().done(&[just("jobs")])[0], json!([]), "as soon as what it did is seen");
}

/// A run finds its job settled, so that it can give itself the next one under the same name.
#[test]
fn a_job_schedules_itself_anew_in_its_own_run() {
    let gate = Gate::closed();
    let world = jobs(&gate);
    let last = [increase("count"), set("last", "1")];
    let second = [increase("count"), schedule("job", 1, &last)];
    let first = [increase("count"), schedule("job", 1, &second)];
    world.teller().done(&[schedule("job", 1, &first)]);
    world.wait_for_value("last", "1");
    assert_eq!(world.value("count").as_deref(), Some("3"));
    assert_eq!(world.plain().done(&[just("jobs")])[0], json!([]));
}

#[test]
fn killed_in_a_run_that_schedules_itself_anew_the_chain_goes_on_and_is_not_doubled() {
    let gate = Gate::closed();
    let world = jobs(&gate);
    let last = [increase("count"), set("last", "1")];
    let first = [increase("count"), schedule("job", 1, &last), gate.pass()];
    world.teller().done(&[schedule("job", 1, &first)]);
    gate.wait_for(1);
    let world = world.killed();
    assert_eq!(world.value("count"), None);
    gate.open_for_all();
    world.wait_for_value("last", "1");
    assert_eq!(world.value("count").as_deref(), Some("2"));
}
