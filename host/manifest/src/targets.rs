//! Where a subscription sends events: a component, or a URL.

use std::time::Duration;

use crate::{
    app::{Sink, SinkMode, Target},
    facts::Facts,
    headers,
    read::{Item, Reader},
    url,
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &["url", "headers", "mode", "timeout", "private"];

const MODES: &[(&str, SinkMode)] = &[("binary", SinkMode::Binary), ("structured", SinkMode::Structured)];

/// A component's name, or a map with a URL.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>, facts: &mut Facts) -> Option<Target> {
    if let Some(text) = item.scalar() {
        if text.contains("://") {
            let wrong = Wrong::new(format!("{} is no name of a component", shown(text)));
            reader.error(item.at(), item.key.as_str(), wrong.help("a URL is written as `{ url: … }`"));
            return None;
        }
        return facts.trigger(reader, item).map(Target::Component);
    }
    let fields = reader.fields_or(item, "a component or a map", KEYS)?;
    let url = reader.require(&fields, item.at(), "url", "write `url: https://…`, or a component's name");
    let url = url.and_then(|item| reader.parse(&item, url::parse));
    let headers = fields.or("headers", vec![], |item| headers::read(reader, item, own));
    let mode = fields.or("mode", SinkMode::Binary, |item| reader.choice(item, "mode", MODES));
    let timeout = fields.or("timeout", Duration::from_secs(30), |item| reader.duration(item));
    let private = fields.or("private", false, |item| reader.flag(item));
    Some(Target::Sink(Box::new(Sink {
        url: url?,
        headers: headers?,
        mode: mode?,
        timeout: timeout?,
        private: private?,
        at: item.at(),
    })))
}

fn own(header: &str) -> Option<&'static str> {
    (header == "content-type" || header.starts_with("ce-")).then_some("the event")
}
