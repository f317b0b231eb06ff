//! Conditions on events: CEL over an event's attributes and data.

use mecha_primitives::pubsub::filter::{self, Filter};

use crate::{
    app::Spanned,
    read::{Item, Reader},
    wrong::{Wrong, shown},
};

pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Spanned<String>> {
    let text = reader.parse(item, |text| check(text).map(|()| text.to_owned()))?;
    Some(Spanned { value: text, at: item.at() })
}

/// What can be said of a condition before there is an event.
pub(crate) fn check(text: &str) -> Result<(), Wrong> {
    if text.trim().is_empty() {
        return Err(Wrong::new("an empty condition")
            .help("write an expression, as in `event.type == \"order.placed\" && data.total > 100`"));
    }
    let wrong = |wrong: filter::Wrong| {
        let place = wrong.at.map(|at| format!(" (at character {})", at + 1)).unwrap_or_default();
        let what =
            Wrong::new(format!("the condition {} cannot be used: {}{place}", shown(text), wrong.message));
        wrong.help.map_or_else(
            || Wrong { help: None, message: what.message.clone() },
            |help| Wrong::new(what.message.clone()).help(help),
        )
    };
    Filter::parse(text).map(drop).map_err(wrong)
}
