//! `atomic`, `outside` and `idempotency`, as they are written.

use std::time::Duration;

use crate::{
    allowed,
    app::{Allowed, Atomic, Idempotency, Outside, Spanned},
    headers,
    read::{Item, Reader, each},
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &["default", "methods", "jobs", "runs"];
pub(crate) const IDEMPOTENCY_KEYS: &[&str] = &["caller", "keep", "required"];

const MAX_RUNS: u32 = 100;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_KEEP: Duration = Duration::from_secs(30 * 24 * 60 * 60);

const ALLOW: &[(&str, Outside)] = &[("allow", Outside::Allow)];
const ALLOW_OR_SAFE: &[(&str, Outside)] = &[("allow", Outside::Allow), ("safe", Outside::Safe)];

/// A component's `atomic`: a flag, or a map.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Atomic> {
    let base = Atomic::default();
    if !item.is_map() {
        return Some(Atomic { default: flag_or_map(reader, item)?, ..base });
    }
    let fields = reader.fields(item, KEYS)?;
    let default = fields.or("default", base.default, |item| reader.flag(item));
    let methods = fields.or("methods", vec![], |item| {
        let entries = reader.entries_or(item, "a map from methods to `true` or `false`")?;
        Some(each(&entries, |(key, item)| method(reader, key, item)))
    });
    let jobs = fields.or("jobs", None, |item| reader.flag(item).map(Some));
    let runs = fields.or("runs", base.runs, |item| reader.count_up_to(item, MAX_RUNS));
    Some(Atomic { default: default?, methods: methods?, jobs: jobs?, runs: runs? })
}

fn method(
    reader: &mut Reader<'_>,
    key: &Spanned<String>,
    item: &Item<'_>,
) -> Option<(Spanned<String>, bool)> {
    let name = allowed::valid(&key.value).map_err(|wrong| reader.error(key.at, item.key.as_str(), wrong));
    let atomic = reader.flag(item);
    name.ok()?;
    Some((key.clone(), atomic?))
}

/// A route's `idempotency`: a flag, or a map.
pub(crate) fn idempotency(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Option<Idempotency>> {
    if !item.is_map() {
        let on = flag_or_map(reader, item)?;
        return Some(on.then_some(Idempotency { caller: None, keep: DAY, required: false }));
    }
    let fields = reader.fields(item, IDEMPOTENCY_KEYS)?;
    let caller = fields.or("caller", None, |item| reader.parse(item, headers::name).map(Some));
    let keep = fields.or("keep", DAY, |item| reader.duration_up_to(item, MAX_KEEP, "30d"));
    let required = fields.or("required", false, |item| reader.flag(item));
    Some(Some(Idempotency { caller: caller?, keep: keep?, required: required? }))
}

fn flag_or_map(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<bool> {
    if item.is_scalar() {
        return reader.flag(item);
    }
    reader.expected(item, "`true`, `false` or a map");
    None
}

/// The `outside` of a grant of outgoing requests.
pub(crate) fn outside_of_requests(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Outside> {
    reader.choice(item, "value", ALLOW_OR_SAFE)
}

/// The `outside` of any other grant.
pub(crate) fn outside(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Outside> {
    if item.scalar() == Some("safe") {
        let wrong = Wrong::new(format!("{} is for `outbound` only", shown("safe")));
        let help = "here it is `outside: allow`, or nothing: what is safe is let through anyway";
        return reader.accept(item, Err(wrong.help(help)));
    }
    reader.choice(item, "value", ALLOW)
}

/// A grant of names: `all`, a list of `what`, or a map that also has `outside`. `what` is a key of it.
pub(crate) fn grant(reader: &mut Reader<'_>, item: &Item<'_>, what: &str) -> Option<(Allowed, Outside)> {
    if !item.is_map() {
        return Some((allowed::read(reader, item, what)?, Outside::default()));
    }
    let fields = reader.fields(item, &[what, "outside"])?;
    let help = format!("write which, as in `{what}: all`");
    let names = reader.require(&fields, item.at(), what, &help);
    let names = names.and_then(|item| allowed::read(reader, &item, what));
    let outside = fields.or("outside", Outside::default(), |item| outside(reader, item));
    Some((names?, outside?))
}
