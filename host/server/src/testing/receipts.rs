//! Receipts: what each call used and reached, a small JSON object a line.
//!
//! They hold where a call went, never what it carried: of keys, what they begin with; of requests, the host. Which pages of
//! memory a call wrote to is not told.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use cap_std::{
    ambient_authority,
    fs::{Dir, File},
};
use mecha_manifest::suite::{Case, Suite};
use serde::{Deserialize, Serialize};

use super::{
    report::Report,
    run::Summary,
    seen::{Call, End, HostCall, Seen},
    verdict::Tried,
};

/// The format that is written and read.
pub const FORMAT: u32 = 1;
/// What keys of a store begin with: so many at the most, of one call.
const PREFIXES: usize = 8;
/// What ends a part of a key.
const SEPARATORS: [char; 4] = ['/', ':', '.', '-'];
const PAGE: u64 = 64 << 10;

/// What one call used and reached. Documented in `docs/tighten.md`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Receipt {
    pub format: u32,
    pub app: String,
    pub component: String,
    /// `FILE::CASE`.
    pub case: String,
    /// `http`, `event`, `input`, `invoke` or `job`.
    pub trigger: String,
    pub attempt: u32,
    /// `answered`, `running` (the case ended before it did), or what kept it from answering.
    pub outcome: String,
    pub fuel: u64,
    /// The most that it had, in bytes, and in pages of 64 KiB.
    pub memory: u64,
    pub pages: u64,
    /// How often it asked for each operation, whatever came of it.
    pub host_calls: BTreeMap<String, u64>,
    /// Bytes that it gave to the host, and was given.
    pub gave: u64,
    pub got: u64,
    pub stores: BTreeMap<String, Keys>,
    /// The types that were published to each topic. `null`: they cannot be told.
    pub topics: BTreeMap<String, Option<BTreeSet<String>>>,
    /// Operations of each output.
    pub outputs: BTreeMap<String, BTreeSet<String>>,
    /// Methods of each component that was called.
    pub components: BTreeMap<String, BTreeSet<String>>,
    /// Methods of requests to each `scheme://host:port`.
    pub hosts: BTreeMap<String, BTreeSet<String>>,
}

/// What keys begin with, up to a separator. An empty text: with anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    pub read: BTreeSet<String>,
    pub written: BTreeSet<String>,
}

/// Writes the receipts of a run.
#[derive(Debug)]
pub struct Receipts {
    app: String,
    path: PathBuf,
    file: io::BufWriter<File>,
    wrong: Option<io::Error>,
}

impl Receipts {
    /// Begins the file anew, and the folders that it is to be in.
    ///
    /// # Errors
    /// As the system says.
    pub fn create(path: &Path, app: &str) -> anyhow::Result<Self> {
        let create = || -> io::Result<File> {
            let name = path.file_name().ok_or_else(|| io::Error::other("this path names no file"))?;
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Dir::create_ambient_dir_all(folder, ambient_authority())?;
            Dir::open_ambient_dir(folder, ambient_authority())?.create(name)
        };
        let file = create().with_context(|| format!("cannot write the receipts {}", path.display()))?;
        let file = io::BufWriter::new(file);
        Ok(Self { app: app.to_owned(), path: path.to_owned(), file, wrong: None })
    }

    /// # Errors
    /// If not all could be written.
    pub fn finish(mut self) -> anyhow::Result<()> {
        let flushed = self.file.flush();
        let written = self.wrong.map_or(flushed, Err);
        written.with_context(|| format!("cannot write the receipts {}", self.path.display()))
    }

    fn write(&mut self, tried: &Tried) -> io::Result<()> {
        let case = format!("{}::{}", tried.file, tried.case);
        for receipt in of(&self.app, &case, &tried.seen) {
            serde_json::to_writer(&mut self.file, &receipt)?;
            self.file.write_all(b"\n")?;
        }
        Ok(())
    }
}

impl Report for Receipts {
    fn tried(&mut self, tried: &Tried) {
        if self.wrong.is_none() {
            self.wrong = self.write(tried).err();
        }
    }

    fn not_run(&mut self, _: &Suite, _: &Case) {}

    fn end(&mut self, _: &Summary) {}
}

/// The receipts of a case, in the order in which its calls began.
#[must_use]
pub fn of(app: &str, case: &str, seen: &Seen) -> Vec<Receipt> {
    let mut steps: BTreeMap<usize, Vec<&HostCall>> = BTreeMap::new();
    for step in &seen.steps {
        steps.entry(step.call).or_default().push(step);
    }
    let types = types(seen);
    let one = |(index, call): (usize, &Call)| {
        let mut receipt = Receipt {
            format: FORMAT,
            app: app.to_owned(),
            component: call.component.to_string(),
            case: case.to_owned(),
            trigger: call.trigger.kind().to_owned(),
            attempt: call.attempt,
            outcome: match &call.end {
                End::Running => "running",
                End::Answered => "answered",
                End::Failed(kind, _) => kind.as_str(),
            }
            .to_owned(),
            fuel: call.fuel,
            memory: call.memory,
            pages: call.memory.div_ceil(PAGE),
            ..Receipt::default()
        };
        let steps = steps.get(&index).map_or(&[][..], Vec::as_slice);
        steps.iter().for_each(|step| receipt.count(step, &types));
        for keys in receipt.stores.values_mut() {
            keys.read = fewer(std::mem::take(&mut keys.read));
            keys.written = fewer(std::mem::take(&mut keys.written));
        }
        receipt
    };
    seen.calls.iter().enumerate().map(one).collect()
}

impl Receipt {
    fn count(&mut self, step: &HostCall, types: &Types) {
        *self.host_calls.entry(format!("{}.{}", step.primitive, step.verb)).or_default() += 1;
        self.gave = self.gave.saturating_add(step.gave);
        self.got = self.got.saturating_add(step.got);
        // What was not granted was not reached.
        let is_open = step.verb == "open";
        if step.outcome == Some("denied") || is_open && step.outcome == Some("not-found") {
            return;
        }
        let about = step.about.as_str();
        let (name, rest) = match step.primitive {
            "state" => about.split_once('/').unwrap_or((about, "")),
            "bindings" | "invoke" => about.split_once('.').unwrap_or((about, "")),
            _ => (about, ""),
        };
        let named = |map: &mut BTreeMap<String, BTreeSet<String>>| {
            let names = map.entry(name.to_owned()).or_default();
            if !is_open {
                names.insert(rest.to_owned());
            }
        };
        match step.primitive {
            // The keys of a transaction have come one by one.
            "state" if !name.is_empty() => {
                let keys = self.stores.entry(name.to_owned()).or_default();
                match step.verb {
                    "open" => {}
                    "get" | "peek" | "exists" | "execute-check" => {
                        keys.read.insert(prefix(rest).to_owned());
                    }
                    "scan" | "scan-keys" => {
                        keys.read.insert(prefix(rest.strip_suffix('*').unwrap_or(rest)).to_owned());
                    }
                    _ => {
                        keys.written.insert(prefix(rest).to_owned());
                    }
                }
            }
            "pubsub" => {
                let known = types.get(name).cloned().flatten();
                self.topics.entry(name.to_owned()).or_insert(known);
            }
            "bindings" => named(&mut self.outputs),
            "invoke" => named(&mut self.components),
            "http" => {
                if let Some((host, method)) = host(about) {
                    self.hosts.entry(host).or_default().insert(method);
                }
            }
            _ => {}
        }
    }
}

type Types = BTreeMap<String, Option<BTreeSet<String>>>;

/// The types of what was published to each topic in a case, by whomever. `None`: there was more than what is to be seen.
fn types(seen: &Seen) -> Types {
    let mut published: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for step in seen.steps.iter().filter(|step| step.primitive == "pubsub" && step.verb != "open") {
        if step.outcome == Some("denied") {
            continue;
        }
        let is_kept = seen.calls.get(step.call).is_some_and(|call| call.end == End::Answered);
        let (count, are_kept) = published.entry(&step.about).or_insert((0, true));
        *count += 1;
        *are_kept &= is_kept && step.outcome == Some("ok");
    }
    let mut types = Types::new();
    for (topic, (count, are_kept)) in published {
        let events = || seen.events.iter().filter(|(name, _)| name.as_str() == topic);
        let all = are_kept && count <= events().count();
        let kinds = || events().map(|(_, event)| event.kind().to_owned()).collect();
        types.insert(topic.to_owned(), all.then(kinds));
    }
    types
}

/// What a key begins with: all up to its last separator, and that.
#[must_use]
pub fn prefix(key: &str) -> &str {
    key.rfind(SEPARATORS).map_or("", |at| &key[..=at])
}

/// The same prefixes, shortened by parts until they are few.
fn fewer(mut prefixes: BTreeSet<String>) -> BTreeSet<String> {
    while prefixes.len() > PREFIXES {
        let parts = |text: &str| text.matches(SEPARATORS).count();
        let most = prefixes.iter().map(|text| parts(text)).max().unwrap_or_default();
        let shorten = |text: String| match text.pop_part() {
            Some(shorter) if parts(&text) == most => shorter.to_owned(),
            _ => text,
        };
        prefixes = prefixes.into_iter().map(shorten).collect();
    }
    prefixes
}

trait PopPart {
    fn pop_part(&self) -> Option<&str>;
}

impl PopPart for str {
    /// Without its last part. `None`: it has none.
    fn pop_part(&self) -> Option<&str> {
        let mut chars = self.chars();
        chars.next_back()?;
        Some(prefix(chars.as_str()))
    }
}

/// `scheme://host:port` and the method of a request: `GET https://api.example.com/prices`.
fn host(about: &str) -> Option<(String, String)> {
    let (method, uri) = about.split_once(' ')?;
    let uri: http::Uri = uri.parse().ok()?;
    let (scheme, host) = (uri.scheme_str()?, uri.host()?);
    let port = uri.port_u16().unwrap_or(if scheme == "http" { 80 } else { 443 });
    Some((format!("{scheme}://{host}:{port}"), method.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{
        report::samples,
        verdict::{Tried, Verdict},
    };

    fn step(operation: (&'static str, &'static str), about: &str, outcome: &'static str) -> HostCall {
        let seen = samples::tried("a", 1, Verdict::Passed).seen;
        let outcome = Some(outcome);
        let (primitive, verb) = operation;
        HostCall {
            primitive,
            verb,
            about: about.to_owned(),
            outcome,
            gave: 2,
            got: 3,
            ..seen.steps[0].clone()
        }
    }

    fn receipt(steps: Vec<HostCall>) -> Receipt {
        let seen = Seen { steps, ..samples::tried("a", 1, Verdict::Passed).seen };
        of("shop", "a::b", &seen).remove(0)
    }

    fn set(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_was_reached_is_told_and_what_was_denied_is_not() {
        let receipt = receipt(vec![
            step(("state", "open"), "carts", "ok"),
            step(("state", "open"), "secrets", "not-found"),
            step(("state", "get"), "carts/de/7:2", "ok"),
            step(("state", "get"), "carts/total", "timeout"),
            step(("state", "get"), "carts/x/1", "denied"),
            step(("state", "scan"), "carts/de/*", "ok"),
            step(("state", "execute-set"), "carts/eu/7", "ok"),
            step(("state", "execute"), "", "ok"),
            step(("pubsub", "publish"), "orders", "ok"),
            step(("bindings", "open"), "mail", "ok"),
            step(("bindings", "invoke"), "files.create", "ok"),
            step(("invoke", "call"), "pricing.a.b", "ok"),
            step(("http", "send"), "GET https://api.example.com/a", "ok"),
            step(("http", "send"), "PUT http://[::1]:8080/a", "unavailable"),
        ]);
        let carts = Keys { read: set(&["", "de/", "de/7:"]), written: set(&["eu/"]) };
        assert_eq!(receipt.stores, BTreeMap::from([("carts".to_owned(), carts)]));
        assert_eq!(receipt.topics, BTreeMap::from([("orders".to_owned(), None)]), "the call has failed");
        let outputs = [("files".to_owned(), set(&["create"])), ("mail".to_owned(), set(&[]))];
        assert_eq!(receipt.outputs, BTreeMap::from(outputs));
        assert_eq!(receipt.components, BTreeMap::from([("pricing".to_owned(), set(&["a.b"]))]));
        let hosts = [
            ("http://[::1]:8080".to_owned(), set(&["PUT"])),
            ("https://api.example.com:443".to_owned(), set(&["GET"])),
        ];
        assert_eq!(receipt.hosts, BTreeMap::from(hosts));
        assert_eq!(receipt.host_calls["state.get"], 3);
        assert_eq!((receipt.gave, receipt.got), (28, 42));
        assert_eq!((receipt.outcome.as_str(), receipt.memory, receipt.pages), ("trap", 1_179_648, 18));
    }

    #[test]
    fn prefixes_are_few() {
        let keys: Vec<_> = (0..20).map(|i| step(("state", "get"), &format!("s/a/{i}/x"), "ok")).collect();
        assert_eq!(receipt(keys).stores["s"].read, set(&["a/"]));
        let keys: Vec<_> = (0..20).map(|i| step(("state", "get"), &format!("s/{i}-x"), "ok")).collect();
        assert_eq!(receipt(keys).stores["s"].read, set(&[""]));
        let keys: Vec<_> = (0..8).map(|i| step(("state", "get"), &format!("s/{i}-x"), "ok")).collect();
        assert_eq!(receipt(keys).stores["s"].read.len(), 8);
    }

    #[test]
    fn they_are_written_a_line_each_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/receipts.jsonl");
        let mut receipts = Receipts::create(&path, "shop").unwrap();
        let tried: Tried = samples::tried("a cart", 1, Verdict::Passed);
        receipts.tried(&tried);
        receipts.tried(&tried);
        receipts.finish().unwrap();
        let text = String::from_utf8(crate::files::read(&path).unwrap()).unwrap();
        let read: Vec<Receipt> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let expected = of("shop", "tests/orders.yaml::a cart", &tried.seen).remove(0);
        assert_eq!(read, [expected.clone(), expected]);
    }
}
