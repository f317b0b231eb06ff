//! When to try again: the same keys for events, schedules and bindings.

use mecha_primitives::delivery::Retry;

use crate::{
    read::{Item, Reader},
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &["attempts", "min", "max", "age"];

/// The policy `base`, with what the manifest gives in its place.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>, base: Retry) -> Option<Retry> {
    let fields = reader.fields(item, KEYS)?;
    let max_attempts = fields.or("attempts", base.max_attempts, |item| attempts(reader, item));
    let min = fields.or("min", base.min, |item| reader.duration(item));
    let max = fields.or("max", base.max, |item| reader.duration(item));
    let max_age = fields.or("age", base.max_age, |item| reader.duration(item).map(Some));
    let retry = Retry { max_attempts: max_attempts?, max_age: max_age?, min: min?, max: max? };
    if retry.min > retry.max {
        let wrong = Wrong::new(format!("the shortest wait is {:?}, the longest {:?}", retry.min, retry.max));
        let given = fields.key_at("max").or(fields.key_at("min"));
        reader.error(
            given.unwrap_or(item.at()),
            item.key.as_str(),
            wrong.help("`min` is not above `max`; give both"),
        );
        return None;
    }
    Some(retry)
}

fn attempts(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Option<u32>> {
    if item.is_text() {
        return reader.parse(item, |text| match text {
            "forever" => Ok(None),
            _ => Err(Wrong::new(format!("{} is no number of attempts", shown(text)))
                .help("write a whole number, or `forever`")),
        });
    }
    reader.count32(item).map(Some)
}
