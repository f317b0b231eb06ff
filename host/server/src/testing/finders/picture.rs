//! What a case left, so that it can be compared with what it left another time.
//!
//! A picture is a multiset of facts: what is kept, what was published, what is due, what systems outside were made to do.
//! How it came about, and when, is no part of it.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use bytes::Bytes;
use mecha_manifest::suite::StoreRef;
use mecha_primitives::{
    bindings::{Effect, excerpt_of},
    pubsub::event::{Event, rfc3339},
};

use super::masks::Masks;
use crate::testing::{
    case::Run,
    seen::{CalleeCall, HttpCall, Job, OutputCall, Reply, Seen},
};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture {
    /// In order.
    pub(super) facts: Vec<Fact>,
}

/// One thing that can be seen afterwards.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fact {
    pub kind: Kind,
    /// Where: a store, a topic, an output.
    pub place: String,
    /// A key, or what happened.
    pub name: String,
    pub value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    State,
    Event,
    Job,
    Output,
    Request,
    Callee,
    /// What whoever did a step of the case was told at last.
    Answer,
}

/// Something that is not as it was the other time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub kind: Kind,
    pub sort: Sort,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// It is there, as something else.
    Changed,
    /// There is less of it.
    Missing,
    /// There is more of it.
    Double,
}

impl Picture {
    /// Without what anybody was answered.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self::of_seen(&run.seen)
    }

    #[must_use]
    pub fn of_seen(seen: &Seen) -> Self {
        let state = seen.state.iter().map(|((store, key), value)| Fact {
            kind: Kind::State,
            place: store_name(store),
            name: key.clone(),
            value: text(value),
        });
        let mut facts: Vec<_> = state.collect();
        facts.extend(seen.jobs.iter().map(job));
        let mut known = HashSet::new();
        for (topic, event) in &seen.events {
            if known.insert((topic, event.source(), event.id())) {
                facts.push(published(topic.as_str(), event));
            }
        }
        // What can be recognized when it comes again, whoever is asked recognizes.
        let mut known = HashSet::new();
        let calls = seen.outputs.iter().filter(|call| call.answered && call.effect != Effect::Safe);
        let calls = calls.map(|call| (output(call), key_of(&call.metadata)));
        let requests = seen.requests.iter().filter(|call| has_effect(call));
        let calls = calls.chain(requests.map(|call| (request(call), request_key(call))));
        let asked = seen.callees.iter().filter(|call| call.answered);
        for (fact, key) in calls.chain(asked.map(|call| (callee(call), call.idempotency_key.clone()))) {
            if key.is_none_or(|key| known.insert((fact.clone(), key))) {
                facts.push(fact);
            }
        }
        facts.sort();
        Self { facts }
    }

    /// The same, and what whoever did the steps of the case was told.
    #[must_use]
    pub fn with_answers<'a>(mut self, replies: impl IntoIterator<Item = &'a Reply>) -> Self {
        let answers = replies.into_iter().enumerate();
        self.facts.extend(answers.filter_map(|(index, reply)| answer(index + 1, reply)));
        self.facts.sort();
        self
    }

    /// How this, which was found, is not as `usual`. Values that are drawn, or times, are no difference.
    #[must_use]
    pub fn differs_from(&self, usual: &Self, masks: &Masks) -> Vec<Difference> {
        let (found, usual) = (self.masked(masks), usual.masked(masks));
        let mut places: Vec<_> = found.keys().chain(usual.keys()).collect();
        places.sort();
        places.dedup();
        let none = BTreeMap::new();
        let mut differences = vec![];
        for place in places {
            let (found, usual) = (found.get(place).unwrap_or(&none), usual.get(place).unwrap_or(&none));
            differences.extend(compare(place, found, usual));
        }
        differences
    }

    /// Values and how often each is there, for each thing that they are values of.
    fn masked(&self, masks: &Masks) -> BTreeMap<Thing, BTreeMap<String, usize>> {
        let mut things: BTreeMap<Thing, BTreeMap<String, usize>> = BTreeMap::new();
        for fact in &self.facts {
            let Fact { kind, place, name, value } = masks.cover(fact);
            *things.entry((kind, place, name)).or_default().entry(value).or_default() += 1;
        }
        things
    }
}

type Thing = (Kind, String, String);

fn compare(
    (kind, place, name): &Thing,
    found: &BTreeMap<String, usize>,
    usual: &BTreeMap<String, usize>,
) -> Vec<Difference> {
    let difference = |sort, text| Difference { kind: *kind, sort, text };
    let mut less = vec![];
    let mut more = vec![];
    let mut values: Vec<_> = found.keys().chain(usual.keys()).collect();
    values.sort();
    values.dedup();
    for value in values {
        let count = |of: &BTreeMap<String, usize>| of.get(value).copied().unwrap_or_default();
        match (count(found), count(usual)) {
            (now, before) if now < before => less.push((value, now, before)),
            (now, before) if now > before => more.push((value, now, before)),
            _ => {}
        }
    }
    let what = kind.what(place, name);
    if let ([(before, 0, 1)], [(now, 1, 0)]) = (&less[..], &more[..])
        && kind.is_one()
    {
        let text = format!("{what} is {} instead of {}", short(now), short(before));
        return vec![difference(Sort::Changed, text)];
    }
    let missing = less
        .into_iter()
        .map(|(value, now, before)| difference(Sort::Missing, kind.counted(&what, value, now, before)));
    let double = more
        .into_iter()
        .map(|(value, now, before)| difference(Sort::Double, kind.counted(&what, value, now, before)));
    missing.chain(double).collect()
}

impl Kind {
    /// Whether there is one of a name at the most.
    pub(super) fn is_one(self) -> bool {
        matches!(self, Self::State | Self::Job | Self::Answer)
    }

    fn what(self, place: &str, name: &str) -> String {
        let name = excerpt_of(name, SHOWN);
        match self {
            Self::State => format!("state {place}/{name}"),
            Self::Event => format!("event {place}: {name}"),
            Self::Job => format!("job {place}/{name}"),
            Self::Output => format!("output {place}: {name}"),
            Self::Request => format!("request {name} {place}"),
            Self::Callee => format!("call {place}.{name}"),
            Self::Answer => format!("answer {name}"),
        }
    }

    fn counted(self, what: &str, value: &str, now: usize, before: usize) -> String {
        let value = short(value);
        if self.is_one() {
            return match (now, before) {
                (0, 1) => format!("{what} is not there instead of {value}"),
                (1, 0) => format!("{what} is {value} instead of not there"),
                _ => format!("{what} is {value} {} instead of {}", times(now), times(before)),
            };
        }
        let verb = match self {
            Self::Event => "was published",
            Self::Request => "was sent",
            _ => "happened",
        };
        let space = if value.is_empty() { "" } else { " " };
        format!("{what}{space}{value} {verb} {} instead of {}", times(now), times(before))
    }
}

fn times(count: usize) -> String {
    match count {
        0 => "not at all".to_owned(),
        1 => "once".to_owned(),
        more => format!("{more} times"),
    }
}

/// Characters of a value that are shown.
const SHOWN: usize = 200;

fn short(value: &str) -> String {
    excerpt_of(value, SHOWN)
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Bytes as text; those that are none by their number and digest.
fn text(bytes: &Bytes) -> String {
    std::str::from_utf8(bytes).map_or_else(
        |_| format!("({} bytes, digest {})", bytes.len(), &blake3::hash(bytes).to_hex()[..8]),
        str::to_owned,
    )
}

fn store_name(store: &StoreRef) -> String {
    match &store.component {
        Some(component) => format!("{}@{component}", store.store),
        None => store.store.to_string(),
    }
}

fn job(job: &Job) -> Fact {
    let due = job.due.map_or_else(|| "never due".to_owned(), |due| format!("due {}", rfc3339(due)));
    let data = text(&job.data);
    let space = if data.is_empty() { "" } else { " " };
    Fact {
        kind: Kind::Job,
        place: job.component.to_string(),
        name: job.name.clone(),
        value: format!("{due}{space}{data}"),
    }
}

fn published(topic: &str, event: &Event) -> Fact {
    let mut value = event.data().map(text).unwrap_or_default();
    let attributes = event.extensions().filter(|(name, _)| !matches!(*name, "traceparent" | "tracestate"));
    for (name, set) in event.subject().map(|subject| ("subject", subject)).into_iter().chain(attributes) {
        value = format!("{value} {name}={set}");
    }
    Fact {
        kind: Kind::Event,
        place: topic.to_owned(),
        name: event.kind().to_owned(),
        value: value.trim_start().to_owned(),
    }
}

fn output(call: &OutputCall) -> Fact {
    let mut value = text(&call.data);
    for (name, set) in call.metadata.iter().filter(|(name, _)| !is_key(name)) {
        value = format!("{value} {name}={set}");
    }
    Fact {
        kind: Kind::Output,
        place: call.output.to_string(),
        name: call.operation.clone(),
        value: value.trim_start().to_owned(),
    }
}

fn is_key(name: &str) -> bool {
    name.eq_ignore_ascii_case("idempotency-key")
}

fn key_of(metadata: &[(String, String)]) -> Option<String> {
    metadata.iter().find(|(name, _)| is_key(name)).map(|(_, key)| key.clone())
}

/// Whether it was carried out, and changes something there.
fn has_effect(call: &HttpCall) -> bool {
    let carried_out = call.answered.is_some_and(|status| status.as_u16() < 400);
    carried_out && !call.method.is_safe()
}

fn request(call: &HttpCall) -> Fact {
    Fact {
        kind: Kind::Request,
        place: call.url.clone(),
        name: call.method.to_string(),
        value: text(&call.body),
    }
}

/// Methods of which a repetition changes nothing need no key.
fn request_key(call: &HttpCall) -> Option<String> {
    let key = call.headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    key.map(str::to_owned).or_else(|| call.method.is_idempotent().then(String::new))
}

fn callee(call: &CalleeCall) -> Fact {
    Fact {
        kind: Kind::Callee,
        place: call.component.to_string(),
        name: call.method.clone(),
        value: text(&call.data),
    }
}

fn answer(number: usize, reply: &Reply) -> Option<Fact> {
    let value = match reply {
        Reply::None => return None,
        Reply::Lost => "none".to_owned(),
        Reply::Http { status, body: Ok(body) | Err(body), .. } => {
            format!("{} {}", status.as_u16(), text(body))
        }
        Reply::Invoked(Ok(answer)) => text(&answer.data),
        Reply::Invoked(Err(error)) => format!("{}: {}", error.kind, error.message),
    };
    Some(Fact { kind: Kind::Answer, place: String::new(), name: number.to_string(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(facts: &[(Kind, &str, &str, &str)]) -> Picture {
        let fact = |(kind, place, name, value): &(Kind, &str, &str, &str)| Fact {
            kind: *kind,
            place: (*place).to_owned(),
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        };
        let mut facts: Vec<_> = facts.iter().map(fact).collect();
        facts.sort();
        Picture { facts }
    }

    #[test]
    fn differences_are_told_as_a_person_reads_them() {
        use Kind::{Answer, Callee, Event, Job, Output, Request, State};
        let usual = picture(&[
            (State, "carts", "7", r#"{"total":10}"#),
            (State, "carts", "8", "x"),
            (Output, "payments", "post", r#"{"amount":5}"#),
            (Event, "orders", "order.placed", r#"{"id":1}"#),
            (Event, "orders", "order.placed", r#"{"id":2}"#),
            (Answer, "", "1", "201 done"),
        ]);
        let found = picture(&[
            (State, "carts", "7", r#"{"total":20}"#),
            (State, "carts", "9", "y"),
            (Output, "payments", "post", r#"{"amount":5}"#),
            (Output, "payments", "post", r#"{"amount":5}"#),
            (Event, "orders", "order.placed", r#"{"id":2}"#),
            (Job, "shop", "remind", "due 2030-01-01T00:00:00.000Z"),
            (Request, "https://a.example/x", "POST", ""),
            (Callee, "pricing", "quote", "1"),
            (Answer, "", "1", "500 no"),
        ]);
        let told = found.differs_from(&usual, &Masks::default());
        let told: Vec<_> = told.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                r#"state carts/7 is {"total":20} instead of {"total":10}"#,
                "state carts/8 is not there instead of x",
                "state carts/9 is y instead of not there",
                r#"event orders: order.placed {"id":1} was published not at all instead of once"#,
                "job shop/remind is due 2030-01-01T00:00:00.000Z instead of not there",
                r#"output payments: post {"amount":5} happened 2 times instead of once"#,
                "request POST https://a.example/x was sent once instead of not at all",
                "call pricing.quote 1 happened once instead of not at all",
                "answer 1 is 500 no instead of 201 done",
            ]
        );
        assert_eq!(found.differs_from(&found, &Masks::default()), []);
    }

    #[test]
    fn drawn_values_are_no_difference() {
        let run = |key: &str, time: &str, total: u32| {
            let value = format!(r#"{{"at":"{time}","total":{total}}}"#);
            picture(&[
                (Kind::State, "orders", &format!("order:{key}"), &value),
                (Kind::State, "orders", "count", "1"),
                (Kind::Event, "orders", "order.placed", &format!(r#"{{"id":"{key}"}}"#)),
            ])
        };
        let usual = run("a1b2", "2030-01-01T00:00:00.001Z", 10);
        let other = run("c3d4", "2030-01-01T00:01:01.001Z", 10);
        let masks = Masks::between(&usual, &other);
        assert_eq!(other.differs_from(&usual, &masks), []);
        let third = run("e5-f6", "2031-01-01T05:00:09.123Z", 10);
        assert_eq!(third.differs_from(&usual, &masks), []);
        let wrong = run("e5-f6", "2031-01-01T05:00:09.123Z", 20);
        let told = wrong.differs_from(&usual, &masks);
        assert_eq!(told.len(), 1);
        assert_eq!(
            told[0].to_string(),
            r#"state orders/order:… is {"at":"…","total":20} instead of {"at":"…","total":10}"#
        );
    }
}
