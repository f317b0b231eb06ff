//! The JSON Schema of a test file.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, schema_for};

use super::{Name, Scalar, Size, Time, events::TopicName};

mod answers;
mod then;

use answers::{CalleeAnswer, Class, Data, OneOrMore, OutputAnswer, UpstreamAnswer};
use then::Then;

/// The JSON Schema of a test file. It knows every key, but not what the app has.
#[must_use]
pub fn suite_schema() -> Schema {
    schema_for!(Suite)
}

/// Tests of a mecha-host app.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields, title = "tests of mecha-host")]
struct Suite {
    /// What holds for every case of the file that does not say otherwise.
    #[schemars(default, with = "Defaults", skip_serializing_if = "Option::is_none")]
    defaults: Option<Defaults>,
    /// The cases, by name. Each is tried in a world of its own.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 1000))]
    cases: BTreeMap<String, TestCase>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Defaults {
    #[schemars(default, with = "Given", skip_serializing_if = "Option::is_none")]
    given: Option<Given>,
    #[schemars(default, with = "Within", skip_serializing_if = "Option::is_none")]
    within: Option<Within>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct TestCase {
    #[schemars(default, with = "Given", skip_serializing_if = "Option::is_none")]
    given: Option<Given>,
    /// What happens: a step, or a list of steps.
    when: When,
    /// What is to be found at the end.
    #[schemars(default, with = "Then", skip_serializing_if = "Option::is_none")]
    then: Option<Then>,
    #[schemars(default, with = "Within", skip_serializing_if = "Option::is_none")]
    within: Option<Within>,
}

/// The world before anything happens.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Given {
    /// The time, as RFC 3339 writes it.
    #[schemars(default, with = "String", extend("default" = "2030-01-01T00:00:00Z", "format" = "date-time"))]
    clock: Option<String>,
    /// Of all random numbers.
    #[schemars(default)]
    seed: u64,
    /// Stores, and the values of their keys. `STORE@COMPONENT` if several components have the store.
    #[schemars(default)]
    state: BTreeMap<String, BTreeMap<String, Data>>,
    /// Environment variables of components, over those of the manifest.
    #[schemars(default)]
    env: BTreeMap<Name, BTreeMap<String, Scalar>>,
    /// In place of the variables and files of the host that the manifest's secrets come from.
    #[schemars(default)]
    secrets: BTreeMap<String, Scalar>,
    /// What outputs answer: the first answer that fits.
    #[schemars(default)]
    outputs: BTreeMap<Name, OneOrMore<OutputAnswer>>,
    /// What hosts outside answer: the first answer that fits.
    #[schemars(default, with = "OneOrMore<UpstreamAnswer>", skip_serializing_if = "Option::is_none")]
    upstream: Option<OneOrMore<UpstreamAnswer>>,
    /// What components answer that are not called themselves: the first answer that fits.
    #[schemars(default)]
    callees: BTreeMap<Name, OneOrMore<CalleeAnswer>>,
    /// Host calls that go wrong.
    #[schemars(default)]
    faults: Vec<Fault>,
}

/// A host call that goes wrong.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Fault {
    /// The operation: `state.set`, `pubsub.publish`, `http.send`, …, or `state.*`.
    at: String,
    /// Only of this component.
    #[schemars(default, with = "Name", skip_serializing_if = "Option::is_none")]
    of: Option<Name>,
    /// Which of the calls that match, or `all`.
    #[schemars(default, with = "Nth", extend("default" = 1))]
    nth: Option<Nth>,
    /// How: with an error; it happens, but the component is told that it timed out (`lost`); later; or the host ends.
    with: Strike,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Nth {
    Number(#[schemars(range(min = 1))] u32),
    Word(All),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum All {
    All,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Strike {
    Class(Class),
    Word(StrikeWord),
    Slow(Slow),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum StrikeWord {
    /// It happens, and the component is told that it timed out.
    Lost,
    /// The host ends before it, and begins anew on what is on its disk.
    CrashBefore,
    /// The host ends after it, and begins anew on what is on its disk.
    CrashAfter,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Slow {
    slow: Time,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum When {
    One(Box<Step>),
    More(#[schemars(length(min = 1, max = 1000))] Vec<Step>),
}

/// Something that happens.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Step {
    Request(RequestStep),
    Event(EventStep),
    Tick(TickStep),
    Input(InputStep),
    Invoke(InvokeStep),
    Wait(WaitStep),
    AtOnce(AtOnceStep),
}

#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct RequestStep {
    /// `METHOD /path?query`, or `METHOD URL`.
    request: String,
    #[schemars(default)]
    headers: BTreeMap<String, OneOrMore<Scalar>>,
    #[schemars(default, with = "Data", skip_serializing_if = "Option::is_none")]
    body: Option<Data>,
    /// What is to be found right after it.
    #[schemars(default, with = "Then", skip_serializing_if = "Option::is_none")]
    then: Option<Then>,
}

/// An event that comes in from outside.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct EventStep {
    /// The topic.
    event: TopicName,
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[schemars(default, with = "Data", skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
    /// Further attributes of the event.
    #[schemars(default)]
    extensions: BTreeMap<String, Scalar>,
    /// What is to be found right after it.
    #[schemars(default, with = "Then", skip_serializing_if = "Option::is_none")]
    then: Option<Then>,
}

/// Time goes on until a schedule is due.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct TickStep {
    /// The schedule.
    tick: Name,
    /// What is to be found right after it.
    #[schemars(default, with = "Then", skip_serializing_if = "Option::is_none")]
    then: Option<Then>,
}

/// A file is found in the folder of an input.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct InputStep {
    /// The input.
    input: Name,
    /// The file's name.
    file: String,
    content: Data,
    /// What is to be found right after it.
    #[schemars(default, with = "Then", skip_serializing_if = "Option::is_none")]
    then: Option<Then>,
}

/// A component is called from outside.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct InvokeStep {
    /// `COMPONENT.METHOD`
    invoke: String,
    #[schemars(default, with = "Data", skip_serializing_if = "Option::is_none")]
    data: Option<Data>,
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[schemars(default, with = "String", skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    /// What is to be found right after it.
    #[schemars(default, with = "Then", skip_serializing_if = "Option::is_none")]
    then: Option<Then>,
}

/// Time goes on.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct WaitStep {
    wait: Time,
    /// What is to be found right after it.
    #[schemars(default, with = "Then", skip_serializing_if = "Option::is_none")]
    then: Option<Then>,
}

/// Steps that begin at the same time.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct AtOnceStep {
    #[schemars(length(min = 2))]
    at_once: Vec<Step>,
    /// What is to be found when all have ended.
    #[schemars(default, with = "Then", skip_serializing_if = "Option::is_none")]
    then: Option<Then>,
}

/// What a case may use.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case", deny_unknown_fields)]
struct Within {
    /// Units of fuel, of all calls together.
    #[schemars(default, with = "u64", range(min = 1), skip_serializing_if = "Option::is_none")]
    fuel: Option<u64>,
    /// Memory of the largest call.
    #[schemars(default, with = "Size", skip_serializing_if = "Option::is_none")]
    memory: Option<Size>,
    /// Host calls, of all calls together.
    #[schemars(default, with = "u64", skip_serializing_if = "Option::is_none")]
    host_calls: Option<u64>,
    /// What components print; 0 is nothing.
    #[schemars(default, with = "Printed", skip_serializing_if = "Option::is_none")]
    output: Option<Printed>,
    /// Of the case as a whole, by its own clock.
    #[schemars(default, with = "Time", skip_serializing_if = "Option::is_none")]
    wall_time: Option<Time>,
}

/// Bytes, from 0 on.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Printed {
    Bytes(u64),
    Text(#[schemars(regex(pattern = "^[0-9]+ *(B|KiB|MiB|GiB|KB|MB|GB)?$"))] String),
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{
        suite::{answers, case, expected, faults, given, lists, steps},
        wrong::sorted,
    };

    fn keys(of: &Value) -> Vec<&str> {
        of["properties"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn the_schema_has_the_keys_that_are_read() {
        let schema = suite_schema();
        assert_eq!(sorted(&keys(schema.as_value())), sorted(case::KEYS));
        let cases = [
            ("Answer", expected::ANSWER_KEYS),
            ("AtOnceStep", steps::AT_ONCE_KEYS),
            ("CalleeAnswer", answers::CALLEE_KEYS),
            ("CalleePattern", expected::CALLEE_KEYS),
            ("Defaults", case::DEFAULTS_KEYS),
            ("EventPattern", expected::EVENT_KEYS),
            ("EventStep", steps::EVENT_KEYS),
            ("Fault", faults::KEYS),
            ("FullCalleeFault", answers::FAULT_KEYS),
            ("FullRejected", answers::REJECTED_KEYS),
            ("Given", given::KEYS),
            ("InputStep", steps::INPUT_KEYS),
            ("InvokeStep", steps::INVOKE_KEYS),
            ("JobPattern", expected::JOB_KEYS),
            ("OutputAnswer", answers::OUTPUT_KEYS),
            ("OutputPattern", expected::OUTPUT_KEYS),
            ("RequestPattern", expected::REQUEST_KEYS),
            ("RequestStep", steps::REQUEST_KEYS),
            ("Response", expected::RESPONSE_KEYS),
            ("Slow", faults::WITH_KEYS),
            ("TestCase", case::CASE_KEYS),
            ("Then", expected::KEYS),
            ("TickStep", steps::TICK_KEYS),
            ("UpstreamAnswer", answers::UPSTREAM_KEYS),
            ("WaitStep", steps::WAIT_KEYS),
            ("Within", case::WITHIN_KEYS),
        ];
        for (name, read) in cases {
            assert_eq!(sorted(&keys(&schema.as_value()["$defs"][name])), sorted(read), "{name}");
        }
        let lists = ["Includes", "Exactly"].map(|name| {
            let defs = schema.as_value()["$defs"].as_object().unwrap();
            keys(defs.iter().find(|(def, _)| def.starts_with(name)).unwrap().1).join(", ")
        });
        assert_eq!(lists, [lists::OPERATORS[0], lists::OPERATORS[1]]);
    }

    #[test]
    fn the_schema_has_the_words_that_are_read() {
        let schema = suite_schema();
        let words = |name: &str| {
            let of = &schema.as_value()["$defs"][name];
            let plain = of["enum"].as_array().into_iter().flatten();
            let told = of["oneOf"].as_array().into_iter().flatten().map(|word| &word["const"]);
            sorted(&plain.chain(told).map(|word| word.as_str().unwrap()).collect::<Vec<_>>())
        };
        let of = |names: Vec<&str>| sorted(&names);
        assert_eq!(words("Class"), of(answers::classes().iter().map(|(name, _)| *name).collect()));
        assert_eq!(words("FaultKind"), of(answers::kinds().iter().map(|(name, _)| *name).collect()));
        assert_eq!(words("StrikeWord"), of(faults::STRIKES.iter().map(|(name, _)| *name).collect()));
    }

    #[test]
    fn nothing_is_null_by_default() {
        assert!(!serde_json::to_string(&suite_schema()).unwrap().contains(r#""default":null"#));
    }
}
