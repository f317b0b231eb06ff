//! Things with several named parts, and what is wanted of them: a response, events, jobs, requests, lines.

use http::HeaderMap;
use mecha_manifest::{
    Span, Spanned,
    suite::{CalleePattern, EventPattern, JobPattern, OutputPattern, Pattern, RequestPattern},
};
use mecha_primitives::pubsub::event::{Event, rfc3339};

use super::{
    differences::Difference,
    found::Found,
    judge::{FARTHEST, Judge},
    texts, words,
};
use crate::testing::seen::{CalleeCall, HttpCall, Job, OutputCall};

/// What is wanted of one.
#[derive(Debug)]
pub struct Want<'a> {
    pub at: Span,
    parts: Vec<(Name<'a>, &'a Pattern)>,
}

/// One that is there.
#[derive(Debug)]
pub struct Item<'a> {
    parts: Vec<(Name<'a>, Found<'a>)>,
}

/// Of a part: of itself, or in a group of such as headers. What has no parts is one without a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name<'a> {
    group: &'static str,
    name: &'a str,
}

impl<'a> Want<'a> {
    /// What is not wanted in any way is left out.
    fn with<const N: usize>(at: Span, parts: [(&'static str, &'a Option<Pattern>); N]) -> Self {
        let parts = parts.into_iter().filter_map(|(name, part)| Some((Name::new(name), part.as_ref()?)));
        Self { at, parts: parts.collect() }
    }

    fn and(mut self, group: &'static str, parts: &'a [(String, Pattern)]) -> Self {
        self.parts.extend(parts.iter().map(|(name, part)| (Name { group, name }, part)));
        self
    }

    /// As a test file has it.
    #[must_use]
    pub fn shown(&self) -> String {
        match &*self.parts {
            [] => "anything".to_owned(),
            [(Name { name: "", .. }, part)] => words::pattern(part, false),
            parts => {
                let parts = parts.iter().map(|(name, part)| (name.shown(), words::notation(part)));
                words::json(&words::Named(parts.collect()))
            }
        }
    }
}

impl<'a> Item<'a> {
    /// One that has no parts.
    #[must_use]
    pub fn of(found: Found<'a>) -> Self {
        Self::with([("", found)])
    }

    fn with<const N: usize>(parts: [(&'static str, Found<'a>); N]) -> Self {
        Self { parts: parts.into_iter().map(|(name, part)| (Name::new(name), part)).collect() }
    }

    fn and(mut self, group: &'static str, parts: impl Iterator<Item = (&'a str, Found<'a>)>) -> Self {
        self.parts.extend(parts.map(|(name, part)| (Name { group, name }, part)));
        self
    }

    #[must_use]
    pub fn shown(&self) -> String {
        match &*self.parts {
            [(Name { name: "", .. }, part)] => words::found(part),
            _ => words::json(&self.named()),
        }
    }

    /// On one line, of so many characters.
    #[must_use]
    pub fn line(&self, most: usize) -> String {
        match &*self.parts {
            [(Name { name: "", .. }, part)] => texts::line(&words::found(part), most),
            _ => texts::line(&words::on_a_line(&self.named(), most * 4), most),
        }
    }

    fn named(&self) -> words::Named {
        let there = self.parts.iter().filter(|(_, part)| !is_empty(part));
        words::Named(there.map(|(name, part)| (name.shown(), words::part(part))).collect())
    }

    fn part(&self, name: Name<'_>) -> &Found<'a> {
        self.parts.iter().find(|(known, _)| *known == name).map_or(&Found::Nothing, |(_, part)| part)
    }
}

impl<'a> Name<'a> {
    fn new(name: &'static str) -> Self {
        Self { group: "", name }
    }

    fn shown(self) -> String {
        self.under("")
    }

    fn under(self, what: &str) -> String {
        match self {
            Self { group: "", name: "" } => what.to_owned(),
            Self { group: "", name } => texts::under(what, name),
            Self { group, name } => texts::under(&texts::under(what, group), name),
        }
    }
}

impl Judge {
    /// As of one value: the average of the parts.
    #[must_use]
    pub fn distance_of(&self, want: &Want<'_>, item: &Item<'_>) -> u32 {
        let apart =
            want.parts.iter().map(|(name, part)| self.distance(part, presence(part, item.part(*name))));
        let apart: u32 = apart.sum();
        let parts = u32::try_from(want.parts.len()).unwrap_or(u32::MAX).max(1);
        if apart == 0 { 0 } else { (apart / parts).clamp(1, FARTHEST) }
    }

    pub fn differences_of(&self, want: &Want<'_>, item: &Item<'_>, what: &str, into: &mut Vec<Difference>) {
        for (name, part) in &want.parts {
            self.differences(part, presence(part, item.part(*name)), &name.under(what), into);
        }
    }
}

/// Data that is empty is data that is not there, if that is what is asked about.
fn presence<'f, 'a>(pattern: &Pattern, found: &'f Found<'a>) -> &'f Found<'a> {
    match pattern {
        Pattern::Any | Pattern::Absent if is_empty(found) => &Found::Nothing,
        _ => found,
    }
}

fn is_empty(found: &Found<'_>) -> bool {
    match found {
        Found::Nothing => true,
        Found::Data(data) => data.bytes.is_empty(),
        Found::Text(_) | Found::Json(_) => false,
    }
}

impl<'a> From<&'a Spanned<Pattern>> for Want<'a> {
    fn from(wanted: &'a Spanned<Pattern>) -> Self {
        Self { at: wanted.at, parts: vec![(Name::new(""), &wanted.value)] }
    }
}

impl<'a> From<&'a Spanned<EventPattern>> for Want<'a> {
    fn from(wanted: &'a Spanned<EventPattern>) -> Self {
        let EventPattern { kind, id, source, subject, data, extensions } = &wanted.value;
        Self::with(
            wanted.at,
            [("type", kind), ("id", id), ("source", source), ("subject", subject), ("data", data)],
        )
        .and("extensions", extensions)
    }
}

impl<'a> From<&'a Event> for Item<'a> {
    fn from(event: &'a Event) -> Self {
        Self::with([
            ("type", Found::text(event.kind())),
            ("id", Found::text(event.id())),
            ("source", Found::text(event.source())),
            ("subject", Found::optional(event.subject())),
            ("data", event.data().map_or(Found::Nothing, |data| Found::data(data))),
        ])
        .and("extensions", event.extensions().map(|(name, value)| (name, Found::text(value))))
    }
}

impl<'a> From<&'a Spanned<JobPattern>> for Want<'a> {
    fn from(wanted: &'a Spanned<JobPattern>) -> Self {
        let JobPattern { name, due, data } = &wanted.value;
        Self::with(wanted.at, [("name", name), ("due", due), ("data", data)])
    }
}

impl<'a> From<&'a Job> for Item<'a> {
    fn from(job: &'a Job) -> Self {
        let due = job.due.map_or(Found::Nothing, |due| Found::text(rfc3339(due)));
        Self::with([("name", Found::text(&job.name)), ("due", due), ("data", Found::data(&job.data))])
    }
}

impl<'a> From<&'a Spanned<OutputPattern>> for Want<'a> {
    fn from(wanted: &'a Spanned<OutputPattern>) -> Self {
        let OutputPattern { operation, data, metadata } = &wanted.value;
        Self::with(wanted.at, [("operation", operation), ("data", data)]).and("metadata", metadata)
    }
}

impl<'a> From<&'a OutputCall> for Item<'a> {
    fn from(call: &'a OutputCall) -> Self {
        let metadata = call.metadata.iter().map(|(name, value)| (name.as_str(), Found::text(value)));
        Self::with([("operation", Found::text(&call.operation)), ("data", Found::data(&call.data))])
            .and("metadata", metadata)
    }
}

impl<'a> From<&'a Spanned<RequestPattern>> for Want<'a> {
    fn from(wanted: &'a Spanned<RequestPattern>) -> Self {
        let RequestPattern { method, url, headers, body } = &wanted.value;
        Self::with(wanted.at, [("method", method), ("url", url), ("body", body)]).and("headers", headers)
    }
}

impl<'a> From<&'a HttpCall> for Item<'a> {
    fn from(call: &'a HttpCall) -> Self {
        let headers = call.headers.keys().map(|name| (name.as_str(), header(&call.headers, name.as_str())));
        Self::with([
            ("method", Found::text(call.method.as_str())),
            ("url", Found::text(&call.url)),
            ("body", Found::data(&call.body)),
        ])
        .and("headers", headers)
    }
}

impl<'a> From<&'a Spanned<CalleePattern>> for Want<'a> {
    fn from(wanted: &'a Spanned<CalleePattern>) -> Self {
        let CalleePattern { method, data } = &wanted.value;
        Self::with(wanted.at, [("method", method), ("data", data)])
    }
}

impl<'a> From<&'a CalleeCall> for Item<'a> {
    fn from(call: &'a CalleeCall) -> Self {
        Self::with([("method", Found::text(&call.method)), ("data", Found::data(&call.data))])
    }
}

/// A header by its name in lowercase. Of several of one name the values are joined, as HTTP has it.
#[must_use]
pub fn header<'a>(headers: &'a HeaderMap, name: &str) -> Found<'a> {
    let mut values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    match (values.next(), values.next()) {
        (None, _) => Found::Nothing,
        (Some(only), None) => Found::Text(only),
        (Some(first), Some(second)) => {
            let all: Vec<_> = [first, second].into_iter().chain(values).collect();
            Found::text(all.join(", "))
        }
    }
}
