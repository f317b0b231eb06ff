//! `atomic`, `idempotency` and `outside`: which calls are transactions, and what they cannot take back.

use std::time::Duration;

use crate::{
    app::{Atomic, Idempotency, Outside},
    read::{Fields, Item, Reader},
    wrong::{Wrong, shown},
};

const ATOMIC_KEYS: &[&str] = &["default", "methods", "jobs", "runs"];
const IDEMPOTENCY_KEYS: &[&str] = &["caller", "keep", "required"];
const MAX_RUNS: u32 = 100;
const MAX_KEEP: Duration = Duration::from_secs(30 * 24 * 3600);

/// `true`, `false`, or a map.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Atomic> {
    if item.is_scalar() {
        return Some(Atomic { default: reader.flag(item)?, ..Atomic::default() });
    }
    let base = Atomic::default();
    let fields = reader.fields_or(item, "`true`, `false` or a map", ATOMIC_KEYS)?;
    let default = fields.or("default", true, |item| reader.flag(item));
    let methods = fields.get("methods").and_then(|item| reader.entries(&item)).unwrap_or_default();
    let methods = crate::read::each(&methods, |(key, item)| Some(((*key).clone(), reader.flag(item)?)));
    let jobs = fields.or("jobs", None, |item| reader.flag(item).map(Some));
    let runs = fields.or("runs", base.runs, |item| reader.count_up_to(item, MAX_RUNS));
    Some(Atomic { default: default?, methods, jobs: jobs?, runs: runs? })
}

/// The key `atomic` of a trigger.
pub(crate) fn own(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<bool> {
    fields.get("atomic").and_then(|item| reader.flag(&item))
}

/// `true`, `false`, or a map.
pub(crate) fn idempotency(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Option<Idempotency>> {
    if item.is_scalar() {
        return Some(reader.flag(item)?.then(Idempotency::default));
    }
    let base = Idempotency::default();
    let fields = reader.fields_or(item, "`true`, `false` or a map", IDEMPOTENCY_KEYS)?;
    let caller = fields.or("caller", None, |item| reader.parse(item, header).map(Some));
    let keep = fields.or("keep", base.keep, |item| reader.duration_up_to(item, MAX_KEEP, "30d"));
    let required = fields.or("required", false, |item| reader.flag(item));
    Some(Some(Idempotency { caller: caller?, keep: keep?, required: required? }))
}

fn header(text: &str) -> Result<String, Wrong> {
    let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    match !text.is_empty() && text.bytes().all(is_token) {
        true => Ok(text.to_ascii_lowercase()),
        false => {
            Err(Wrong::new(format!("{} is no header", shown(text))).help("write it as in `authorization`"))
        }
    }
}

/// `allow`, and `safe` where that means something.
pub(crate) fn outside(reader: &mut Reader<'_>, fields: &Fields<'_>, has_safe: bool) -> Option<Outside> {
    let with_safe = [("allow", Outside::Allow), ("safe", Outside::Safe)];
    let choices = if has_safe { &with_safe[..] } else { &with_safe[..1] };
    fields.or("outside", Outside::Forbidden, |item| reader.choice(item, "way out of a transaction", choices))
}
