//! The app's `outputs`, and a component's grants of them.

use std::time::Duration;

use mecha_primitives::{delivery::Retry, name};

use crate::{
    app::{Allowed, Component, LogLevel, Output, OutputGrant, OutputKind, Spanned, Upstream},
    atomic, headers,
    limits::size_up_to,
    read::{Item, Reader, each},
    retry, url,
    wrong::{Wrong, nearest, shown},
};

pub(crate) const KEYS: &[&str] = &["file", "http", "log"];
pub(crate) const FILE_KEYS: &[&str] = &["directory"];
pub(crate) const HTTP_KEYS: &[&str] = &["url", "headers", "timeout", "retry", "private", "max-response"];
pub(crate) const LOG_KEYS: &[&str] = &["level"];

#[derive(Clone, Copy)]
enum Kind {
    File,
    Http,
    Log,
}

const KINDS: &[(&str, Kind)] = &[("file", Kind::File), ("http", Kind::Http), ("log", Kind::Log)];
const LEVELS: &[(&str, LogLevel)] = &[
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
];

/// Somebody waits for the answer: fewer and quicker attempts than at an event.
const RETRY: Retry = Retry {
    max_attempts: Some(3),
    max_age: None,
    min: Duration::from_millis(200),
    max: Duration::from_secs(5),
};
const MAX_MAX_RESPONSE: u64 = 4 << 20;

/// An output: a map with one kind as its key, or `log`.
pub(crate) fn read(reader: &mut Reader<'_>, key: &Spanned<String>, item: &Item<'_>) -> Option<Output> {
    let name: Option<name::Binding> = reader.key_name(key, item, "an output");
    if item.scalar() == Some("log") {
        return Some(Output { name: name?, kind: OutputKind::Log { level: LogLevel::Info }, at: key.at });
    }
    let fields = reader.fields_or(item, "a map with a kind of output, or `log`", KEYS)?;
    let (kind, options) = reader.kind(&fields, key.at, "output", KINDS)?;
    let kind = match kind {
        Kind::File => file(reader, &options),
        Kind::Http => http(reader, &options),
        Kind::Log => log(reader, &options),
    };
    Some(Output { name: name?, kind: kind?, at: key.at })
}

fn file(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<OutputKind> {
    const HELP: &str = "write the folder's path, as in `directory: ./receipts`";
    let fields = reader.fields(item, FILE_KEYS)?;
    let directory = reader.require(&fields, item.at(), "directory", HELP)?;
    Some(OutputKind::File { directory: reader.words_at(&directory, HELP)? })
}

fn http(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<OutputKind> {
    let fields = reader.fields(item, HTTP_KEYS)?;
    let url = reader.require(
        &fields,
        item.at(),
        "url",
        "write the base URL, as in `url: https://api.example.com/v1`",
    );
    let url = url.and_then(|item| reader.parse(&item, url::parse_base));
    let headers = fields.or("headers", vec![], |item| headers::read(reader, item, |_| None));
    let timeout = fields.or("timeout", Duration::from_secs(10), |item| reader.duration(item));
    let retry = fields.or("retry", RETRY, |item| retry::read(reader, item, RETRY));
    let private = fields.or("private", false, |item| reader.flag(item));
    let max_response =
        fields.or("max-response", 1 << 20, |item| size_up_to(reader, item, MAX_MAX_RESPONSE, "4MiB"));
    Some(OutputKind::Http(Box::new(Upstream {
        url: url?,
        headers: headers?,
        timeout: timeout?,
        retry: retry?,
        private: private?,
        max_response: max_response?,
    })))
}

fn log(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<OutputKind> {
    let base = LogLevel::Info;
    if item.is_null() {
        return Some(OutputKind::Log { level: base });
    }
    let fields = reader.fields(item, LOG_KEYS)?;
    let level = fields.or("level", base, |item| reader.choice(item, "level", LEVELS))?;
    Some(OutputKind::Log { level })
}

/// All of a component's grants: a map from outputs to operations.
pub(crate) fn read_grants(reader: &mut Reader<'_>, item: &Item<'_>) -> Vec<OutputGrant> {
    let entries = reader.entries(item).unwrap_or_default();
    each(&entries, |(key, item)| {
        let output: Option<name::Binding> = reader.key_name(key, item, "an output");
        let grant = atomic::grant(reader, item, "operations");
        let (operations, outside) = grant?;
        Some(OutputGrant { output: output?, operations, outside, at: key.at })
    })
}

/// Compares what is granted with what is declared. `declared` has those too that could not be read.
pub(crate) fn check(
    reader: &mut Reader<'_>,
    declared: &[Spanned<String>],
    outputs: &[Output],
    components: &[Component],
) {
    for component in components {
        for grant in &component.outputs {
            let key = format!("components.{}.outputs.{}", component.name, grant.output);
            let name = grant.output.as_str();
            match outputs.iter().find(|output| output.name == grant.output) {
                Some(output) => operations(reader, &key, output, grant),
                None if declared.iter().any(|output| output.value == name) => {}
                None => {
                    let help = match nearest(name, declared.iter().map(|output| output.value.as_str())) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("add it to the app's `outputs`, as in `outputs: {{ {name}: log }}`"),
                    };
                    let wrong = Wrong::new(format!("the output {} is not declared", shown(name)));
                    reader.error(grant.at, key, wrong.help(help));
                }
            }
        }
    }
}

/// What is declared, and nobody may use.
pub(crate) fn warn(reader: &mut Reader<'_>, outputs: &[Output], components: &[Component]) {
    for output in outputs {
        let granted =
            |component: &Component| component.outputs.iter().any(|grant| grant.output == output.name);
        if !components.iter().any(granted) {
            let wrong =
                Wrong::new(format!("no component is granted the output {}", shown(output.name.as_str())));
            let help = format!("grant it in a component's `outputs`, as in `{}: all`", output.name);
            reader.warn(output.at, format!("outputs.{}", output.name), wrong.help(help));
        }
    }
}

fn operations(reader: &mut Reader<'_>, key: &str, output: &Output, grant: &OutputGrant) {
    let Allowed::Only(names) = &grant.operations else { return };
    let valid = output.kind.operations();
    for operation in names.iter().filter(|operation| !valid.contains(&operation.value.as_str())) {
        let kind = output.kind.name();
        let wrong = Wrong::new(format!(
            "an output of the kind `{kind}` has no operation {}",
            shown(&operation.value)
        ));
        let valid_names = format!("it has: {}", valid.join(", "));
        let help = match nearest(&operation.value, valid.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? {valid_names}"),
            None => valid_names,
        };
        reader.error(operation.at, key, wrong.help(help));
    }
}
