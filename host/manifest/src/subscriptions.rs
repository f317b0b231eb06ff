//! The app's `subscriptions`.

use std::time::Duration;

use mecha_primitives::{delivery::Retry, name};

use crate::{
    app::{Batch, Case, Spanned, Start, Subscription, Target},
    dead_letters,
    facts::Facts,
    filters, publish,
    read::{Item, Reader, each},
    retry, targets, units,
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &[
    "topic",
    "group",
    "to",
    "filter",
    "routes",
    "concurrency",
    "ordered",
    "batch",
    "start",
    "paused",
    "retry",
    "dead-letter",
    "atomic",
];
pub(crate) const ROUTE_KEYS: &[&str] = &["when", "to"];
pub(crate) const BATCH_KEYS: &[&str] = &["size", "wait"];

const DEFAULT_CONCURRENCY: u32 = 10;
const MAX_CONCURRENCY: u32 = 1000;
const MAX_BATCH: u32 = 1000;
const MAX_WAIT: Duration = Duration::from_secs(60);

pub(crate) fn read(
    reader: &mut Reader<'_>,
    key: &Spanned<String>,
    item: &Item<'_>,
    facts: &mut Facts,
) -> Option<Subscription> {
    let name: Option<name::Subscription> = reader.key_name(key, item, "a subscription");
    let fields = reader.fields(item, KEYS)?;
    let topics =
        reader.require(&fields, key.at, "topic", "write a topic or a pattern, as in `topic: orders`");
    let topics = topics.map(|item| topics_of(reader, &item)).unwrap_or_default();
    let group = match fields.get("group") {
        Some(item) => reader.name(&item, "a group"),
        None => name::Group::new(&key.value).ok(),
    };
    let routes = fields.get("routes").map(|item| {
        let items = reader.list(&item).unwrap_or_default();
        each(&items, |item| case(reader, item, facts))
    });
    let to = match &routes {
        Some(_) => fields.get("to"),
        None => reader.require(&fields, key.at, "to", "write who gets the events, as in `to: web`"),
    };
    let to = to.and_then(|item| targets::read(reader, &item, facts));
    let filter = fields.get("filter").and_then(|item| filters::read(reader, &item));
    let concurrency =
        fields.or("concurrency", DEFAULT_CONCURRENCY, |item| reader.count_up_to(item, MAX_CONCURRENCY));
    let ordered = fields.or("ordered", true, |item| reader.flag(item));
    let batch = fields.get("batch").and_then(|item| batch(reader, &item));
    let start = fields.or("start", Start::New, |item| reader.parse(item, start));
    let paused = fields.or("paused", false, |item| reader.flag(item));
    let retry = fields.or("retry", Retry::default(), |item| retry::read(reader, item, Retry::default()));
    let dead_letter = match fields.get("dead-letter") {
        Some(item) => dead_letters::read(reader, &item),
        None => dead_letters::default(key.at),
    };
    let routes = routes.unwrap_or_default();
    let atomic = fields.get("atomic").and_then(|item| reader.flag(&item));
    let mut targets = to.iter().chain(routes.iter().map(|case| &case.to)).peekable();
    let only_sinks = targets.peek().is_some() && targets.all(|to| matches!(to, Target::Sink(_)));
    if let Some(at) = fields.key_at("atomic").filter(|_| only_sinks) {
        let wrong = Wrong::new("`atomic` of a subscription that only goes to a URL");
        let help = "what is sent to a URL is sent at least once; it is for calls of components";
        reader.error(at, format!("{}.atomic", item.key), wrong.help(help));
    }
    Some(Subscription {
        name: name?,
        topics,
        group: group?,
        to,
        filter,
        routes,
        concurrency: concurrency.unwrap_or(DEFAULT_CONCURRENCY),
        ordered: ordered.unwrap_or(true),
        batch,
        start: start.unwrap_or(Start::New),
        paused: paused.unwrap_or(false),
        retry: retry.unwrap_or_default(),
        dead_letter,
        atomic,
        at: key.at,
    })
}

/// One topic or pattern, or a list of them.
fn topics_of(reader: &mut Reader<'_>, item: &Item<'_>) -> Vec<Spanned<name::TopicPattern>> {
    let one = |reader: &mut Reader<'_>, item: &Item<'_>| {
        publish::pattern(reader, item).map(|value| Spanned { value, at: item.at() })
    };
    if item.is_scalar() {
        return one(reader, item).into_iter().collect();
    }
    if !item.is_list() {
        reader.expected(item, "a topic, a pattern or a list of them");
        return vec![];
    }
    let items = reader.list(item).unwrap_or_default();
    if items.is_empty() {
        let wrong = Wrong::new("the subscription has no topic");
        reader.error(item.at(), item.key.as_str(), wrong.help("write at least one"));
    }
    each(&items, |item| one(reader, item))
}

fn case(reader: &mut Reader<'_>, item: &Item<'_>, facts: &mut Facts) -> Option<Case> {
    let at = item.at();
    let fields = reader.fields(item, ROUTE_KEYS)?;
    let when = reader.require(&fields, at, "when", "write a condition, or make it the subscription's `to`");
    let when = when.and_then(|item| filters::read(reader, &item));
    let to = reader.require(&fields, at, "to", "write who gets the events, as in `to: web`");
    let to = to.and_then(|item| targets::read(reader, &item, facts));
    Some(Case { when: when?, to: to?, at })
}

fn batch(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Batch> {
    let fields = reader.fields(item, BATCH_KEYS)?;
    let size =
        reader.require(&fields, item.at(), "size", "write how many events at the most, as in `size: 100`");
    let size = size.and_then(|item| reader.count_up_to(&item, MAX_BATCH));
    let wait =
        fields.or("wait", Duration::from_millis(100), |item| reader.duration_up_to(item, MAX_WAIT, "60s"));
    Some(Batch { size: size?, wait: wait? })
}

fn start(text: &str) -> Result<Start, Wrong> {
    match text {
        "new" => Ok(Start::New),
        "earliest" => Ok(Start::Earliest),
        _ => {
            let wrong = || {
                Wrong::new(format!("{} is no place to start", shown(text)))
                    .help("it is `new`, `earliest` or a time since 1970, as in `2026-01-01T00:00:00Z`")
            };
            units::moment(text).map(Start::At).ok_or_else(wrong)
        }
    }
}

#[cfg(test)]
mod tests {
    use mecha_primitives::clock::Timestamp;

    use super::*;

    #[test]
    fn where_to_start() {
        let cases = [
            ("new", Start::New),
            ("earliest", Start::Earliest),
            ("1970-01-01T00:00:01.5Z", Start::At(Timestamp(1500))),
            ("2026-01-01T01:00:00+01:00", Start::At(Timestamp(1_767_225_600_000))),
        ];
        for (text, expected) in cases {
            assert_eq!(start(text).unwrap(), expected, "{text}");
        }
        for wrong in
            ["", "News", "latest", "1969-12-31T23:59:59Z", "2026-01-01", "2026-01-01T00:00:00", "1767225600"]
        {
            assert!(start(wrong).is_err(), "{wrong:?}");
        }
    }
}
