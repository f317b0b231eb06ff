//! `when`: what comes in, one step or a list of them.

use mecha_primitives::{
    clock::Timestamp,
    pubsub::event::{self, Defaults, Draft},
};

use crate::{
    app::{App, InputKind, Span},
    headers,
    read::{Fields, Item, Reader, each},
    suite::{Action, Event, Input, Invoke, Request, Step, answers, data, expected, lists, names, words},
    tree::Value,
    wrong::{Wrong, nearest, shown},
};

/// Steps of a case, those that are at once included.
pub(super) const MAX: usize = 1_000;

pub(crate) const REQUEST_KEYS: &[&str] = &["request", "headers", "body", "then"];
pub(crate) const EVENT_KEYS: &[&str] =
    &["event", "type", "id", "source", "subject", "content-type", "data", "extensions", "then"];
pub(crate) const TICK_KEYS: &[&str] = &["tick", "then"];
pub(crate) const INPUT_KEYS: &[&str] = &["input", "file", "content", "then"];
pub(crate) const INVOKE_KEYS: &[&str] = &["invoke", "data", "content-type", "idempotency-key", "then"];
pub(crate) const WAIT_KEYS: &[&str] = &["wait", "then"];
pub(crate) const AT_ONCE_KEYS: &[&str] = &["at-once", "then"];

/// What can happen: each has its own name as its first key.
const KINDS: [&[&str]; 7] =
    [REQUEST_KEYS, EVENT_KEYS, TICK_KEYS, INPUT_KEYS, INVOKE_KEYS, WAIT_KEYS, AT_ONCE_KEYS];

pub(super) fn read(reader: &mut Reader<'_>, item: &Item<'_>, app: &App) -> Option<Vec<Step>> {
    if item.is_map() {
        return step(reader, item, app, true).map(|step| vec![step]);
    }
    if !item.is_list() {
        reader.expected(item, "a step or a list of steps");
        return None;
    }
    let items = lists::bounded(reader, item, "steps")?;
    if items.is_empty() {
        let wrong = Wrong::new("nothing happens");
        return reader
            .accept(item, Err(wrong.help("write at least one step, as in `when: { request: GET / }`")));
    }
    let steps = each(&items, |item| step(reader, item, app, true));
    let inner = |step: &Step| match &step.action {
        Action::AtOnce(steps) => steps.len(),
        _ => 1,
    };
    let count: usize = steps.iter().map(inner).sum();
    if count > MAX {
        let wrong = Wrong::new(format!("a case of {count} steps"));
        return reader.accept(item, Err(wrong.help(format!("at most {MAX}"))));
    }
    Some(steps)
}

/// `alone` if it does not happen at once with others.
fn step(reader: &mut Reader<'_>, item: &Item<'_>, app: &App, alone: bool) -> Option<Step> {
    let (kind, fields) = kind(reader, item)?;
    let this = fields.get(kind)?;
    let action = match kind {
        "request" => request(reader, &this, &fields).map(Action::Request),
        "event" => event(reader, &this, &fields, app).map(Action::Event),
        "tick" => {
            let schedule = reader.parse(&this, |text| names::schedule(app, text));
            schedule.map(|schedule| Action::Tick(schedule.name.clone()))
        }
        "input" => input(reader, item.at(), &this, &fields, app).map(Action::Input),
        "invoke" => invoke(reader, &this, &fields, app).map(Action::Invoke),
        "wait" | "at-once" if !alone => {
            let wrong = Wrong::new(format!("`{kind}` within `at-once`"));
            let help = "what is at once begins at the same time: write it as a step before or after";
            reader.accept(&this, Err(wrong.help(help)))
        }
        "wait" => reader.duration(&this).map(Action::Wait),
        _ => at_once(reader, &this, app),
    };
    let then = fields.or("then", None, |item| expected::read(reader, item, app).map(Some));
    Some(Step { at: item.at(), action: action?, then: then? })
}

/// Which one of the kinds of steps it is, and its fields.
fn kind<'n>(reader: &mut Reader<'_>, item: &Item<'n>) -> Option<(&'static str, Fields<'n>)> {
    let all = KINDS.map(|keys| keys[0]);
    let has = || format!("a step has one of: {}", all.join(", "));
    let Value::Map(map) = &item.node.value else {
        reader.expected(item, "a step");
        return None;
    };
    let mut given = map.iter().filter_map(|(name, _)| {
        let keys = KINDS.iter().find(|keys| keys[0] == name.value)?;
        Some((name, *keys))
    });
    match (given.next(), given.next()) {
        (Some((_, keys)), None) => Some((keys[0], reader.fields(item, keys)?)),
        // Twice the same key is for the reader of the fields to tell.
        (Some((first, keys)), Some((second, _))) if first.value == second.value => {
            Some((keys[0], reader.fields(item, keys)?))
        }
        (Some((first, _)), Some((second, _))) => {
            let wrong = Wrong::new(format!("a step with both `{}` and `{}`", first.value, second.value));
            reader.error(
                second.at,
                item.key.as_str(),
                wrong.help("write each as a step of its own, in a list"),
            );
            None
        }
        (None, _) => {
            let near = map.iter().find_map(|(name, _)| Some((name, nearest(&name.value, all)?)));
            let (at, wrong) = match near {
                Some((name, near)) => {
                    let wrong = Wrong::new(format!("unknown step {}", shown(&name.value)));
                    (name.at, wrong.help(format!("did you mean `{near}`? {}", has())))
                }
                None => (item.at(), Wrong::new("a step in which nothing happens").help(has())),
            };
            reader.error(at, item.key.as_str(), wrong);
            None
        }
    }
}

fn request(reader: &mut Reader<'_>, item: &Item<'_>, fields: &Fields<'_>) -> Option<Request> {
    let request = reader.parse(item, words::request);
    let headers = fields.or("headers", vec![], |item| answers::headers(reader, item));
    let body = fields.or("body", None, |item| data::read(reader, item).map(Some));
    let (method, target) = request?;
    Some(Request { method, target, headers: headers?, body: body? })
}

fn event(reader: &mut Reader<'_>, item: &Item<'_>, fields: &Fields<'_>, app: &App) -> Option<Event> {
    let topic = reader.parse(item, |text| names::topic(app, text));
    let mut text =
        |name: &str| fields.or(name, None, |item| reader.text(item).map(|text| Some(text.to_owned())));
    let (kind, id, source) = (text("type"), text("id"), text("source"));
    let (subject, content_type) = (text("subject"), text("content-type"));
    let extensions = fields.or("extensions", vec![], |item| answers::texts(reader, item));
    let data = fields.or("data", None, |item| data::read(reader, item).map(Some));
    let topic = topic?;
    let event = Event {
        topic: topic.name.clone(),
        kind: kind?,
        id: id?,
        source: source?,
        subject: subject?,
        content_type: content_type?,
        data: data?,
        extensions: extensions?,
    };
    if let Err(wrong) = valid(&event, &topic.event_type) {
        let (at, key) = place(&wrong, item, fields);
        let found = match &wrong.attribute {
            Some(name) => format!("the attribute `{name}` of the event: {}", wrong.found),
            None => format!("the event: {}", wrong.found),
        };
        reader.error(at, key, Wrong::new(found).help(wrong.right));
        return None;
    }
    Some(event)
}

/// Whether it is one, by what CloudEvents says.
fn valid(event: &Event, kind: &str) -> Result<(), event::Wrong> {
    let draft = Draft {
        id: event.id.clone(),
        source: event.source.clone(),
        kind: event.kind.clone(),
        subject: event.subject.clone(),
        content_type: event.content_type.clone(),
        extensions: event.extensions.clone(),
        ..Draft::default()
    };
    let defaults = Defaults { id: "1", source: "/test", kind, time: Timestamp(0), traceparent: None };
    draft.complete(&defaults).map(drop)
}

/// Where the attribute is written that is wrong.
fn place(wrong: &event::Wrong, item: &Item<'_>, fields: &Fields<'_>) -> (Span, String) {
    let name = match wrong.attribute.as_deref() {
        Some("datacontenttype") => "content-type",
        Some(name) if EVENT_KEYS.contains(&name) => name,
        Some(_) => "extensions",
        None => "event",
    };
    let found = fields.get(name);
    let found = found.as_ref().unwrap_or(item);
    (found.at(), found.key.clone())
}

fn input(
    reader: &mut Reader<'_>,
    at: Span,
    item: &Item<'_>,
    fields: &Fields<'_>,
    app: &App,
) -> Option<Input> {
    const FILE: &str = "write the file's name, as in `file: a.csv`";
    const CONTENT: &str = "write what is in the file, as in `content: \"a,b\"`";
    let found = reader.parse(item, |text| names::input(app, text));
    let folder = match found.map(|input| &input.kind) {
        Some(InputKind::Http(webhook)) => {
            let wrong = Wrong::new(format!(
                "{} is no folder, but a webhook",
                shown(item.scalar().unwrap_or_default())
            ));
            let help = format!("send it a request, as in `request: POST {}`", webhook.route.path);
            reader.error(item.at(), item.key.as_str(), wrong.help(help));
            return None;
        }
        Some(InputKind::File(folder)) => Some(folder),
        None => None,
    };
    let file = reader.require(fields, at, "file", FILE);
    let file = file.and_then(|item| {
        reader.parse(&item, |text| match folder {
            _ if matches!(text, "" | "." | "..") || text.contains(['/', '\\', '\0']) => {
                Err(Wrong::new(format!("{} is no name of a file", shown(text)))
                    .help("it is found in the input's folder itself"))
            }
            Some(folder) if !folder.pattern.matches(text) => {
                Err(Wrong::new(format!("the input does not take a file named {}", shown(text)))
                    .help(format!("its pattern is `{}`", folder.pattern)))
            }
            _ => Ok(text.to_owned()),
        })
    });
    let content = reader.require(fields, at, "content", CONTENT);
    let content = content.and_then(|item| data::read(reader, &item));
    Some(Input { input: found?.name.clone(), file: file?, content: content? })
}

fn invoke(reader: &mut Reader<'_>, item: &Item<'_>, fields: &Fields<'_>, app: &App) -> Option<Invoke> {
    let target = reader.parse(item, |text| {
        let Some((component, method)) = text.split_once('.') else {
            let wrong = Wrong::new(format!("{} is no method of a component", shown(text)));
            return Err(wrong.help("write the component and the method, as in `pricing.quote`"));
        };
        Ok((names::component(app, component)?.name.clone(), answers::method(method)?))
    });
    let data = fields.or("data", None, |item| data::read(reader, item).map(Some));
    let content_type =
        fields.or("content-type", None, |item| reader.parse(item, headers::content_type).map(Some));
    let key = fields.or("idempotency-key", None, |item| {
        reader.words(item, "write any text, as in `idempotency-key: k1`").map(|text| Some(text.to_owned()))
    });
    let (component, method) = target?;
    Some(Invoke { component, method, data: data?, content_type: content_type?, idempotency_key: key? })
}

fn at_once(reader: &mut Reader<'_>, item: &Item<'_>, app: &App) -> Option<Action> {
    let items = lists::bounded(reader, item, "steps")?;
    if items.len() < 2 {
        let wrong = Wrong::new("`at-once` of fewer than two steps");
        return reader.accept(item, Err(wrong.help("write the steps that begin at the same time")));
    }
    Some(Action::AtOnce(each(&items, |item| step(reader, item, app, false))))
}
