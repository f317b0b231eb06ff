//! The `publish` list of a component: the topics that it may publish to.

use mecha_primitives::name::{Topic, TopicPattern};

use crate::{
    app::Publish,
    pattern::TypePattern,
    read::{Item, Reader, each, named},
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &["topic", "types"];

/// All of a component's grants.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>) -> Vec<Publish> {
    let items = reader.list(item).unwrap_or_default();
    let mut grants: Vec<Publish> = Vec::new();
    for item in items {
        let Some(grant) = one(reader, &item) else { continue };
        if let Some(first) = grants.iter().find(|first| first.topics == grant.topics) {
            let wrong = Wrong::new(format!("{} is granted twice", shown(grant.topics.as_str())));
            let help = format!("the first is at line {}; write all its `types` there", first.at.line);
            reader.error(grant.at, item.key.as_str(), wrong.help(help));
        }
        grants.push(grant);
    }
    grants
}

/// One grant: a topic or a pattern, or a map.
fn one(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Publish> {
    let at = item.at();
    if item.is_scalar() {
        return Some(Publish { topics: pattern(reader, item)?, types: vec![], at });
    }
    let fields = reader.fields_or(item, "a topic, a pattern or a map", KEYS)?;
    let topics = reader.require(&fields, at, "topic", "write the topic, as in `topic: orders`");
    let topics = topics.and_then(|item| pattern(reader, &item));
    let types = fields.or("types", vec![], |item| {
        let items = reader.list(item)?;
        if items.is_empty() {
            let wrong = Wrong::new("an empty list of types");
            reader.error(item.at(), item.key.as_str(), wrong.help("for any type, leave `types` out"));
        }
        Some(each(&items, |item| reader.parse(item, TypePattern::parse)))
    });
    Some(Publish { topics: topics?, types: types?, at })
}

/// A topic, or a pattern of topics.
pub(crate) fn pattern(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<TopicPattern> {
    const PATTERN: &str = "a pattern has `*` for one part between dots, and a last `>` for all that follow";
    reader.parse(item, |text| {
        if text.contains(['*', '>']) {
            let wrong = || Wrong::new(format!("{} is no pattern of topics", shown(text))).help(PATTERN);
            return TopicPattern::new(text).map_err(|_| wrong());
        }
        // It has to be the name of a topic then, which is shorter than a pattern may be.
        named::<Topic>(text, "a topic")?;
        TopicPattern::new(text).map_err(|invalid| Wrong::new(invalid.to_string()))
    })
}
