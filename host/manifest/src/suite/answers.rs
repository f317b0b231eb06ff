//! What is answered in place of systems outside and of components: a list of answers, or one.

use std::time::Duration;

use mecha_primitives::{class::Class, invoke::FaultKind};

use crate::{
    allowed,
    app::{Output, Span, Spanned},
    headers as header,
    read::{Fields, Item, Reader, each},
    suite::{Answer, CalleeAnswer, Failure, HttpAnswer, OutputAnswer, UpstreamAnswer, data, lists, words},
    wrong::{Wrong, choose, nearest, shown},
};

pub(crate) const OUTPUT_KEYS: &[&str] =
    &["operation", "times", "after", "data", "content-type", "metadata", "error"];
pub(crate) const UPSTREAM_KEYS: &[&str] =
    &["request", "times", "after", "status", "headers", "body", "error"];
pub(crate) const CALLEE_KEYS: &[&str] =
    &["method", "times", "after", "data", "content-type", "metadata", "error", "fault"];
pub(crate) const REJECTED_KEYS: &[&str] = &["rejected", "message"];
pub(crate) const FAULT_KEYS: &[&str] = &["kind", "message"];

/// The class of a failure that an output's system has a code for.
pub const REJECTED: &str = "rejected";
/// The code of a failure that a component reports: its class is the kind of the fault.
pub const FAULT: &str = "fault";

/// Errors by their words.
pub(crate) fn classes() -> Vec<(&'static str, Class)> {
    Class::ALL.map(|class| (class.as_str(), class)).to_vec()
}

/// Faults of components by their words.
pub(crate) fn kinds() -> Vec<(&'static str, FaultKind)> {
    FaultKind::ALL.map(|kind| (kind.as_str(), kind)).to_vec()
}

pub(super) fn outputs(
    reader: &mut Reader<'_>,
    item: &Item<'_>,
    output: &Output,
) -> Option<Vec<OutputAnswer>> {
    several(reader, item, |reader, item| {
        let fields = reader.fields(item, OUTPUT_KEYS)?;
        let asked =
            fields.or("operation", None, |item| reader.parse(item, |text| operation(text, output)).map(Some));
        let (times, after) = often(reader, &fields);
        let failure = fields.or("error", None, |item| rejected(reader, item).map(Some));
        let answer = answer(reader, &fields);
        instead(reader, &fields, "error", &["data", "content-type", "metadata"]);
        let (failure, answer) = (failure?, answer?);
        Some(OutputAnswer {
            operation: asked?,
            times: times?,
            after: after?,
            answer: failure.map_or(Ok(answer), Err),
        })
    })
}

pub(super) fn upstream(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<UpstreamAnswer>> {
    const REQUEST: &str = "write which requests are answered, as in `request: GET https://api.example.com/*`";
    several(reader, item, |reader, item| {
        let fields = reader.fields(item, UPSTREAM_KEYS)?;
        let request = reader.require(&fields, item.at(), "request", REQUEST);
        let request = request.and_then(|item| reader.parse(&item, words::upstream));
        let (times, after) = often(reader, &fields);
        let failure = fields.or("error", None, |item| error(reader, item).map(Some));
        let status = fields.or("status", 200, |item| status(reader, item));
        let headers = fields.or("headers", vec![], |item| headers(reader, item));
        let body = fields.or("body", None, |item| data::read(reader, item).map(Some));
        instead(reader, &fields, "error", &["status", "headers", "body"]);
        let ((method, url), failure) = (request?, failure?);
        let answer = HttpAnswer { status: status?, headers: headers?, body: body? };
        Some(UpstreamAnswer {
            method,
            url,
            times: times?,
            after: after?,
            answer: failure.map_or(Ok(answer), Err),
        })
    })
}

pub(super) fn callees(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<CalleeAnswer>> {
    several(reader, item, |reader, item| {
        let fields = reader.fields(item, CALLEE_KEYS)?;
        let method = fields.or("method", None, |item| reader.parse(item, method).map(Some));
        let (times, after) = often(reader, &fields);
        let failure = fields.or("error", None, |item| error(reader, item).map(Some));
        let fault = fields.or("fault", None, |item| fault(reader, item).map(Some));
        let answer = answer(reader, &fields);
        instead(reader, &fields, "error", &["fault", "data", "content-type", "metadata"]);
        instead(reader, &fields, "fault", &["data", "content-type", "metadata"]);
        let (failure, answer) = (fault?.or(failure?), answer?);
        Some(CalleeAnswer {
            method: method?,
            times: times?,
            after: after?,
            answer: failure.map_or(Ok(answer), Err),
        })
    })
}

/// A list, or one thing that stands for a list of one.
fn several<T>(
    reader: &mut Reader<'_>,
    item: &Item<'_>,
    mut read: impl FnMut(&mut Reader<'_>, &Item<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    if item.is_map() {
        return read(reader, item).map(|one| vec![one]);
    }
    if !item.is_list() {
        reader.expected(item, "an answer or a list of answers");
        return None;
    }
    let items = lists::bounded(reader, item, "answers")?;
    Some(each(&items, |item| read(reader, item)))
}

fn often(reader: &mut Reader<'_>, fields: &Fields<'_>) -> (Option<Option<u32>>, Option<Duration>) {
    let times = fields.or("times", None, |item| words::from_one(reader, item).map(Some));
    let after = fields.or("after", Duration::ZERO, |item| reader.duration(item));
    (times, after)
}

fn answer(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Answer> {
    let data = fields.or("data", None, |item| data::read(reader, item).map(Some));
    let content_type =
        fields.or("content-type", None, |item| reader.parse(item, header::content_type).map(Some));
    let metadata = fields.or("metadata", vec![], |item| texts(reader, item));
    Some(Answer { data: data?, content_type: content_type?, metadata: metadata? })
}

/// What cannot be beside `name`.
fn instead(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &str, others: &[&str]) {
    let Some(item) = fields.get(name) else { return };
    for (other, at) in others.iter().filter_map(|other| Some((*other, fields.key_at(other)?))) {
        let wrong = Wrong::new(format!("`{other}` beside `{name}`"));
        reader.error(
            at,
            item.key.as_str(),
            wrong.help("what fails answers nothing else: leave one of them out"),
        );
    }
}

pub(super) fn operation(text: &str, output: &Output) -> Result<String, Wrong> {
    let valid = output.kind.operations();
    if valid.contains(&text) {
        return Ok(text.to_owned());
    }
    let has = format!("it has: {}", valid.join(", "));
    let help = match nearest(text, valid.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {has}"),
        None => has,
    };
    Err(Wrong::new(format!("the output `{}` has no operation {}", output.name, shown(text))).help(help))
}

/// The name of a method of a component; which it has only its code knows.
pub(super) fn method(text: &str) -> Result<String, Wrong> {
    allowed::valid(text).map(|()| text.to_owned())
}

fn status(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<u16> {
    reader.parse(item, |text| match text.parse::<u16>() {
        Ok(status @ 200..=599) => Ok(status),
        _ => Err(Wrong::new(format!("{} is no status of an answer", shown(text)))
            .help("it is a number from 200 to 599")),
    })
}

/// A class.
fn error(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Failure> {
    if !item.is_scalar() {
        reader.expected(item, "a class of errors, as in `error: timeout`");
        return None;
    }
    let class = reader.choice(item, "class of errors", &classes())?;
    Some(failure(class.as_str(), item.at(), None, String::new()))
}

/// A class, or a code of the system behind an output.
fn rejected(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Failure> {
    const CODE: &str = "write the system's own code, as in `{ rejected: \"404\", message: no such order }`";
    if item.is_scalar() {
        return error(reader, item);
    }
    let fields = reader.fields_or(item, "a class of errors or a map", REJECTED_KEYS)?;
    let code = reader.require(&fields, item.at(), "rejected", CODE);
    let code = code.and_then(|item| reader.words_at(&item, CODE));
    let message = fields.or("message", String::new(), |item| reader.text(item).map(str::to_owned));
    let Spanned { value, at } = code?;
    Some(failure(REJECTED, at, Some(value), message?))
}

fn fault(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Failure> {
    const KIND: &str = "write what the caller can do about it, as in `kind: invalid-request`";
    if item.is_scalar() {
        let kind = reader.choice(item, "kind of faults", &kinds())?;
        return Some(failure(kind.as_str(), item.at(), Some(FAULT.to_owned()), String::new()));
    }
    let fields = reader.fields_or(item, "a kind of faults or a map", FAULT_KEYS)?;
    let kind = reader.require(&fields, item.at(), "kind", KIND);
    let kind = kind.and_then(|item| {
        let kind = reader.parse(&item, |text| choose(text, "kind of faults", &kinds()))?;
        Some(Spanned { value: kind.as_str(), at: item.at() })
    });
    let message = fields.or("message", String::new(), |item| reader.text(item).map(str::to_owned));
    let Spanned { value, at } = kind?;
    Some(failure(value, at, Some(FAULT.to_owned()), message?))
}

fn failure(class: &str, at: Span, code: Option<String>, message: String) -> Failure {
    Failure { class: Spanned { value: class.to_owned(), at }, code, message }
}

/// A map from names to texts.
pub(super) fn texts(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<(String, String)>> {
    let entries = reader.entries(item)?;
    let all = each(&entries, |(name, item)| Some((name.value.clone(), reader.text(item)?.to_owned())));
    (all.len() == entries.len()).then_some(all)
}

/// A map of headers; a list is a header that is there several times.
pub(super) fn headers(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<(String, String)>> {
    let mut all = Vec::new();
    for (key, item) in reader.entries(item)? {
        let name = header::name(&key.value).map_err(|wrong| match key.value.eq_ignore_ascii_case("host") {
            true => wrong.help("the host is that of the URL, as in `request: GET http://admin.example/`"),
            false => wrong,
        });
        let name = name.map_err(|wrong| reader.error(key.at, item.key.as_str(), wrong)).ok();
        let values = if item.is_list() { lists::bounded(reader, &item, "values")? } else { vec![item] };
        for item in &values {
            let value = reader.parse(item, |text| header::value(text).map(|()| text.to_owned()));
            if let (Some(name), Some(value)) = (&name, value) {
                all.push((name.clone(), value));
            }
        }
    }
    Some(all)
}
