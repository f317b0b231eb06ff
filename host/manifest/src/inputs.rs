//! The app's `inputs`.

use std::time::Duration;

use mecha_primitives::{delivery::Retry, name};

use crate::{
    app::{
        Encoding, EnvValue, FileInput, Input, InputKind, SettledFile, Signature, SignedTime, Span, Spanned,
        Webhook,
    },
    facts::Facts,
    headers,
    limits::size_up_to,
    pattern::FilePattern,
    read::{Fields, Item, Reader},
    retry, route,
    secrets::Secret,
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &["file", "http", "to", "retry", "concurrency", "atomic"];
pub(crate) const FILE_KEYS: &[&str] = &["directory", "pattern", "settled", "failed", "max-size"];
pub(crate) const SETTLED_KEYS: &[&str] = &["move"];
pub(crate) const HTTP_KEYS: &[&str] = &["path", "host", "signature", "id"];
pub(crate) const SIGNATURE_KEYS: &[&str] = &["secret", "header", "prefix", "encoding", "timestamp"];
pub(crate) const TIMESTAMP_KEYS: &[&str] = &["header", "tolerance"];

#[derive(Clone, Copy)]
enum Kind {
    File,
    Http,
}

const KINDS: &[(&str, Kind)] = &[("file", Kind::File), ("http", Kind::Http)];
const ENCODINGS: &[(&str, Encoding)] = &[("hex", Encoding::Hex), ("base64", Encoding::Base64)];

const MAX_CONCURRENCY: u32 = 1000;
const MAX_FILE: u64 = 4 << 20;

/// An input: a map with one kind as a key.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    key: &Spanned<String>,
    item: &Item<'_>,
    facts: &mut Facts,
) -> Option<Input> {
    let name: Option<name::Binding> = reader.key_name(key, item, "an input");
    let fields = reader.fields(item, KEYS)?;
    let to = reader.require(&fields, key.at, "to", "write the component that is triggered, as in `to: web`");
    let to = to.and_then(|item| facts.trigger(reader, &item));
    let atomic = fields.or("atomic", None, |item| reader.flag(item).map(Some));
    let kind = match reader.kind(&fields, key.at, "input", KINDS)? {
        (Kind::File, options) => file(reader, &fields, &options),
        (Kind::Http, options) => {
            for name in ["retry", "concurrency"] {
                if let Some(at) = fields.key_at(name) {
                    let wrong = Wrong::new(format!("`{name}` with `http`"));
                    let help = "a request is handled while its sender waits, who repeats what failed; how many \
                                at once is a limit of the component";
                    reader.error(at, format!("{}.{name}", item.key), wrong.help(help));
                }
            }
            webhook(reader, &options, key.at, facts)
        }
    };
    Some(Input { name: name?, kind: kind?, to: to?, atomic: atomic?, at: key.at })
}

fn file(reader: &mut Reader<'_>, outer: &Fields<'_>, item: &Item<'_>) -> Option<InputKind> {
    const DIRECTORY: &str = "write the folder's path, as in `directory: ./inbox`";
    const FAILED: &str = "write the folder's path, as in `failed: ./failed`";
    let retry = outer.or("retry", Retry::default(), |item| retry::read(reader, item, Retry::default()));
    let concurrency = outer.or("concurrency", 1, |item| reader.count_up_to(item, MAX_CONCURRENCY));
    let fields = reader.fields(item, FILE_KEYS)?;
    let directory = reader.require(&fields, item.at(), "directory", DIRECTORY);
    let directory = directory.and_then(|item| reader.words_at(&item, DIRECTORY));
    let pattern = fields.or("pattern", FilePattern::any(), |item| reader.parse(item, FilePattern::parse));
    let settled = fields.or("settled", SettledFile::Delete, |item| settled(reader, item));
    let failed = fields.or("failed", None, |item| reader.words_at(item, FAILED).map(Some));
    let max_size = fields.or("max-size", MAX_FILE, |item| size_up_to(reader, item, MAX_FILE, "4MiB"));
    let (directory, settled, failed) = (directory?, settled?, failed?);
    let moved = match &settled {
        SettledFile::Move(folder) => Some(folder),
        SettledFile::Delete => None,
    };
    for folder in moved.into_iter().chain(&failed).filter(|folder| same_folder(folder, &directory)) {
        let wrong =
            Wrong::new(format!("files are moved to the folder {} that they come from", shown(&folder.value)));
        reader.error(
            folder.at,
            item.key.as_str(),
            wrong.help("they would come in again: name another folder"),
        );
    }
    Some(InputKind::File(Box::new(FileInput {
        directory,
        pattern: pattern?,
        settled,
        failed,
        max_size: max_size?,
        retry: retry?,
        concurrency: concurrency?,
    })))
}

/// As far as it can be told without looking at the disk.
fn same_folder(a: &Spanned<String>, b: &Spanned<String>) -> bool {
    let parts = |path: &Spanned<String>| {
        let parts = path.value.split('/').filter(|part| !matches!(*part, "" | "."));
        (path.value.starts_with('/'), parts.map(str::to_owned).collect::<Vec<_>>())
    };
    parts(a) == parts(b)
}

fn settled(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<SettledFile> {
    const MOVE: &str = "write the folder's path, as in `{ move: ./done }`";
    if item.is_scalar() {
        return reader.parse(item, |text| match text {
            "delete" => Ok(SettledFile::Delete),
            _ => Err(Wrong::new(format!("{} is not what can become of a file", shown(text)))
                .help("it is `delete`, or a map as in `{ move: ./done }`")),
        });
    }
    let fields = reader.fields_or(item, "`delete` or a map", SETTLED_KEYS)?;
    let folder = reader.require(&fields, item.at(), "move", MOVE)?;
    reader.words_at(&folder, MOVE).map(SettledFile::Move)
}

fn webhook(reader: &mut Reader<'_>, item: &Item<'_>, at: Span, facts: &mut Facts) -> Option<InputKind> {
    let fields = reader.fields(item, HTTP_KEYS)?;
    let route = route::exact_of(reader, item, &fields);
    if let Some(route) = &route {
        facts.routes.push((route.clone(), item.key.clone()));
    }
    let signature = fields.or("signature", None, |item| signature(reader, item).map(Some));
    if fields.get("signature").is_none() {
        let wrong = Wrong::new("anybody can send to this webhook");
        let help = "add a `signature`, as in `signature: { secret: \"${env:HOOK_SECRET}\" }`";
        reader.warn(at, item.key.as_str(), wrong.help(help));
    }
    let id = fields.or("id", None, |item| reader.parse(item, headers::name).map(Some));
    Some(InputKind::Http(Box::new(Webhook { route: route?, signature: signature?, id: id? })))
}

fn signature(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Signature> {
    let fields = reader.fields(item, SIGNATURE_KEYS)?;
    let secret = reader.require(&fields, item.at(), "secret", "write `secret: ${env:HOOK_SECRET}`");
    let secret = secret.and_then(|item| {
        let value = reader.interpolated(&item)?;
        reader.accept(&item, key(value))
    });
    let header = fields.or("header", "x-signature".to_owned(), |item| reader.parse(item, headers::name));
    let prefix = fields.or("prefix", String::new(), |item| reader.text(item).map(str::to_owned));
    let encoding = fields.or("encoding", Encoding::Hex, |item| reader.choice(item, "encoding", ENCODINGS));
    let timestamp = fields.or("timestamp", None, |item| timestamp(reader, item).map(Some));
    Some(Signature {
        secret: secret?,
        header: header?,
        prefix: prefix?,
        encoding: encoding?,
        timestamp: timestamp?,
    })
}

/// A signature made with an empty key is one that anybody can make.
fn key(value: EnvValue) -> Result<Secret, Wrong> {
    match value {
        value if value.expose().is_empty() => Err(Wrong::new("an empty secret")),
        EnvValue::Plain(text) => Ok(Secret::new(text)),
        EnvValue::Secret(secret) => Ok(secret),
    }
}

fn timestamp(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<SignedTime> {
    const HELP: &str = "write the header that has the time, as in `header: x-timestamp`";
    let fields = reader.fields(item, TIMESTAMP_KEYS)?;
    let header = reader.require(&fields, item.at(), "header", HELP);
    let header = header.and_then(|item| reader.parse(&item, headers::name));
    let tolerance = fields.or("tolerance", Duration::from_secs(300), |item| reader.duration(item));
    Some(SignedTime { header: header?, tolerance: tolerance? })
}
