//! `then`: what is to be found.

use std::collections::BTreeSet;

use mecha_primitives::pubsub::event::rfc3339;

use crate::{
    app::{App, Output, Spanned},
    headers,
    read::{Fields, Item, Reader, each},
    suite::{
        AnswerPattern, CalleePattern, EventPattern, Expected, JobPattern, OutputPattern, Pattern,
        RequestPattern, ResponsePattern, StorePattern, answers, given, lists::listed, names, patterns, words,
    },
    wrong::{Wrong, choose, nearest, shown},
};

pub(crate) const KEYS: &[&str] =
    &["response", "answer", "state", "events", "jobs", "outputs", "requests", "callees", "logs", "faults"];
pub(crate) const RESPONSE_KEYS: &[&str] = &["status", "headers", "body"];
pub(crate) const ANSWER_KEYS: &[&str] = &["data", "content-type", "error"];
pub(crate) const EVENT_KEYS: &[&str] = &["type", "id", "source", "subject", "data", "extensions"];
pub(crate) const JOB_KEYS: &[&str] = &["name", "due", "data"];
pub(crate) const OUTPUT_KEYS: &[&str] = &["operation", "data", "metadata"];
pub(crate) const REQUEST_KEYS: &[&str] = &["method", "url", "headers", "body"];
pub(crate) const CALLEE_KEYS: &[&str] = &["method", "data"];

/// That nothing else is in a store.
pub(crate) const EXACTLY: &str = "$exactly";

/// How calls end that give no answer.
pub const FAULTS: &[&str] = &[
    "trap",
    "memory",
    "stack",
    "fuel",
    "deadline",
    "exit",
    "no-answer",
    "handles",
    "busy",
    "callee",
    "answer",
    "conflict",
    "quota",
    "commit",
    "unknown",
    "cancelled",
    "host",
];

pub(super) fn read(reader: &mut Reader<'_>, item: &Item<'_>, app: &App) -> Option<Expected> {
    let fields = reader.fields(item, KEYS)?;
    let response = fields.or("response", None, |item| response(reader, item).map(Some));
    let answer = fields.or("answer", None, |item| answer(reader, item).map(Some));
    let state = fields.or("state", vec![], |item| state(reader, item, app));
    let events = names::by_name(reader, &fields, "events", |reader, name, item| {
        let topic = names::at_key(reader, name.at, &item.key, names::topic(app, &name.value));
        let list = listed(reader, item, false, event);
        Some((spanned(name, topic?.name.clone()), list?))
    });
    let jobs = names::by_name(reader, &fields, "jobs", |reader, name, item| {
        let component = names::at_key(reader, name.at, &item.key, names::component(app, &name.value));
        let list = listed(reader, item, false, job);
        Some((spanned(name, component?.name.clone()), list?))
    });
    let outputs = names::by_name(reader, &fields, "outputs", |reader, name, item| {
        let found = names::at_key(reader, name.at, &item.key, names::output(app, &name.value))?;
        let list = listed(reader, item, false, |reader, item| output(reader, item, found));
        Some((spanned(name, found.name.clone()), list?))
    });
    let requests = fields.or("requests", None, |item| listed(reader, item, false, request).map(Some));
    let callees = names::by_name(reader, &fields, "callees", |reader, name, item| {
        let component = names::at_key(reader, name.at, &item.key, names::component(app, &name.value));
        let list = listed(reader, item, false, callee);
        Some((spanned(name, component?.name.clone()), list?))
    });
    let logs = fields.or("logs", None, |item| listed(reader, item, true, patterns::read).map(Some));
    let faults = fields.or("faults", None, |item| listed(reader, item, false, fault).map(Some));
    Some(Expected {
        response: response?,
        answer: answer?,
        state: state?,
        events,
        jobs,
        outputs,
        requests: requests?,
        callees,
        logs: logs?,
        faults: faults?,
    })
}

fn spanned<T>(name: &Spanned<String>, value: T) -> Spanned<T> {
    Spanned { value, at: name.at }
}

fn response(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<ResponsePattern> {
    let fields = reader.fields(item, RESPONSE_KEYS)?;
    let status = fields.or("status", None, |item| {
        let pattern = scalar(reader, item, |text| match text.parse::<u16>() {
            Ok(100..=599) => Ok(()),
            _ => Err(Wrong::new(format!("{} is no status", shown(text)))
                .help("it is a number, as in `status: 201`")),
        })?;
        Some(Some(Spanned { value: pattern, at: item.at() }))
    });
    let headers = fields.or("headers", vec![], |item| headers_at(reader, item));
    let body = fields.or("body", None, |item| patterns::read_at(reader, item).map(Some));
    Some(ResponsePattern { status: status?, headers: headers?, body: body? })
}

fn answer(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<AnswerPattern> {
    let fields = reader.fields(item, ANSWER_KEYS)?;
    let data = fields.or("data", None, |item| patterns::read_at(reader, item).map(Some));
    let content_type = fields.or("content-type", None, |item| patterns::read_at(reader, item).map(Some));
    let error = fields.or("error", None, |item| {
        let kinds = answers::kinds().into_iter().map(|(name, _)| name);
        let words: BTreeSet<&str> =
            kinds.chain(answers::classes().into_iter().map(|(name, _)| name)).collect();
        let words: Vec<(&str, ())> = words.into_iter().map(|name| (name, ())).collect();
        let pattern = scalar(reader, item, |text| choose(text, "error", &words))?;
        Some(Some(Spanned { value: pattern, at: item.at() }))
    });
    Some(AnswerPattern { data: data?, content_type: content_type?, error: error? })
}

fn state(reader: &mut Reader<'_>, item: &Item<'_>, app: &App) -> Option<Vec<StorePattern>> {
    let mut seen = BTreeSet::new();
    let entries = reader.entries(item)?;
    Some(each(&entries, |(name, item)| {
        let store = given::store(reader, name, &item.key, app, &mut seen);
        let (mut exactly, mut keys) = (false, Vec::new());
        for (name, item) in reader.entries(item)? {
            if name.value == EXACTLY {
                exactly = reader.flag(&item)?;
                continue;
            }
            let valid = given::key(&name.value).and_then(|key| match key.starts_with('$') {
                true if nearest(&key, [EXACTLY].into_iter().chain(patterns::OPERATORS.iter().copied())).is_some() => {
                    Err(Wrong::new(format!("{} as a key of a store", shown(&key)))
                        .help("that nothing else is in a store is `$exactly: true`; all other keys are the store's own"))
                }
                _ => Ok(key),
            });
            let key = names::at_key(reader, name.at, &item.key, valid);
            let pattern = patterns::read(reader, &item);
            if let (Some(key), Some(pattern)) = (key, pattern) {
                keys.push((spanned(name, key), pattern));
            }
        }
        Some(StorePattern { at: name.at, store: store?, exactly, keys })
    }))
}

fn event(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<EventPattern> {
    let fields = reader.fields(item, EVENT_KEYS)?;
    let extensions = fields.or("extensions", vec![], |item| map(reader, item));
    Some(EventPattern {
        kind: pattern(reader, &fields, "type")?,
        id: pattern(reader, &fields, "id")?,
        source: pattern(reader, &fields, "source")?,
        subject: pattern(reader, &fields, "subject")?,
        data: pattern(reader, &fields, "data")?,
        extensions: extensions?,
    })
}

fn job(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<JobPattern> {
    let fields = reader.fields(item, JOB_KEYS)?;
    let due = fields.or("due", None, |item| {
        let Some(text) = item.scalar() else { return patterns::read(reader, item).map(Some) };
        // As it is compared, whatever the time zone that it is written in.
        let text = rfc3339(reader.accept(item, words::moment(text))?);
        Some(Some(Pattern::Scalar { json: text.clone().into(), text }))
    });
    let name = pattern(reader, &fields, "name");
    let data = pattern(reader, &fields, "data");
    Some(JobPattern { name: name?, due: due?, data: data? })
}

fn output(reader: &mut Reader<'_>, item: &Item<'_>, output: &Output) -> Option<OutputPattern> {
    let fields = reader.fields(item, OUTPUT_KEYS)?;
    let operation = fields.or("operation", None, |item| {
        scalar(reader, item, |text| answers::operation(text, output).map(drop)).map(Some)
    });
    let metadata = fields.or("metadata", vec![], |item| map(reader, item));
    let data = pattern(reader, &fields, "data");
    Some(OutputPattern { operation: operation?, data: data?, metadata: metadata? })
}

fn request(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<RequestPattern> {
    let fields = reader.fields(item, REQUEST_KEYS)?;
    let method = fields
        .or("method", None, |item| scalar(reader, item, |text| words::method(text).map(drop)).map(Some));
    let url = fields.or("url", None, |item| {
        let valid = |text: &str| match text.contains('*') {
            true => Err(Wrong::new(format!("{} is no URL that was asked for", shown(text)))
                .help("write it in full, or a part of it, as in `{ $contains: /price/ }`")),
            false => words::upstream(text).map(drop),
        };
        scalar(reader, item, valid).map(Some)
    });
    let headers = fields.or("headers", vec![], |item| headers_at(reader, item));
    let headers = headers.map(|all| all.into_iter().map(|(name, pattern)| (name, pattern.value)).collect());
    let body = pattern(reader, &fields, "body");
    Some(RequestPattern { method: method?, url: url?, headers: headers?, body: body? })
}

fn callee(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<CalleePattern> {
    let fields = reader.fields(item, CALLEE_KEYS)?;
    let method = fields
        .or("method", None, |item| scalar(reader, item, |text| answers::method(text).map(drop)).map(Some));
    let data = pattern(reader, &fields, "data");
    Some(CalleePattern { method: method?, data: data? })
}

fn fault(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Pattern> {
    let words: Vec<(&str, ())> = FAULTS.iter().map(|name| (*name, ())).collect();
    scalar(reader, item, |text| choose(text, "end of a call", &words))
}

/// A pattern that, if it is a scalar, is one of few.
fn scalar(
    reader: &mut Reader<'_>,
    item: &Item<'_>,
    valid: impl FnOnce(&str) -> Result<(), Wrong>,
) -> Option<Pattern> {
    if let Some(text) = item.scalar() {
        reader.accept(item, valid(text))?;
    }
    patterns::read(reader, item)
}

/// `Some(None)`: it is not given.
fn pattern(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str) -> Option<Option<Pattern>> {
    fields.or(name, None, |item| patterns::read(reader, item).map(Some))
}

fn map(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<(String, Pattern)>> {
    let entries = reader.entries(item)?;
    let all = each(&entries, |(name, item)| Some((name.value.clone(), patterns::read(reader, item)?)));
    (all.len() == entries.len()).then_some(all)
}

/// Names are in lowercase.
fn headers_at(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<(String, Spanned<Pattern>)>> {
    let entries = reader.entries(item)?;
    Some(each(&entries, |(name, item)| {
        let name = names::at_key(reader, name.at, &item.key, headers::any_name(&name.value));
        let pattern = patterns::read_at(reader, item);
        Some((name?, pattern?))
    }))
}
