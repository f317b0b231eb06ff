//! What of an app is granted and was not used.

use std::collections::BTreeSet;

use mecha_manifest::{
    Access, Allowed, App, Caller, Component, InvokeGrant, Outbound, Outside, Publish, StoreGrant,
};

use super::{
    edit::{Change, Step},
    used::{Use, Used},
};
use crate::testing::{fuel::words::grouped, receipts};

/// A change, and why.
#[derive(Debug, Clone)]
pub struct Proposal {
    pub component: String,
    /// The part of it: `stores.carts`.
    pub what: String,
    pub why: String,
    pub(super) path: Vec<Step>,
    pub(super) change: Change,
}

impl Proposal {
    /// What is to be done, as a person reads it.
    #[must_use]
    pub fn told(&self) -> String {
        let Self { component, what, why, change, .. } = self;
        match change {
            Change::Remove => format!("components.{component}.{what}: remove it; {why}"),
            Change::Set(value) => {
                let key: Vec<_> = self.path.iter().map(Step::as_text).collect();
                format!("{}: {value}; {why}", key.join("."))
            }
        }
    }

    /// The key that it is in: a grant's, or a limit's own.
    pub(super) fn key(&self) -> &str {
        match self.path.get(2) {
            Some(Step::Key(key)) if key == "limits" => match self.path.get(3) {
                Some(Step::Key(key)) => key,
                _ => "",
            },
            Some(Step::Key(key)) => key,
            _ => "",
        }
    }

    /// Places may have moved.
    pub(super) fn is_about_the_same(&self, other: &Self) -> bool {
        self.component == other.component && self.what == other.what
    }
}

impl Step {
    fn as_text(&self) -> String {
        match self {
            Self::Key(key) => key.clone(),
            Self::Index(index) => index.to_string(),
        }
    }
}

/// All that is to be changed; what a callee lets comes last, since whoever may call has to be let.
#[must_use]
pub fn propose(app: &App, used: &Used) -> Vec<Proposal> {
    let mut proposals = vec![];
    for component in &app.components {
        let Some(used) = used.components.get(component.name.as_str()) else { continue };
        let mut about = About { component, used, proposals: &mut proposals };
        component.stores.iter().for_each(|grant| about.store(grant));
        component.outbound.iter().enumerate().for_each(|(index, grant)| about.outbound(index, grant));
        component.publish.iter().enumerate().for_each(|(index, grant)| about.publish(index, grant, app));
        component.invoke.iter().enumerate().for_each(|(index, grant)| about.invoke(index, grant));
        about.outputs();
        about.jobs();
        about.limits();
    }
    for component in &app.components {
        callers(app, component, used, &mut proposals);
    }
    proposals
}

/// One component, and what it used.
struct About<'a> {
    component: &'a Component,
    used: &'a Use,
    proposals: &'a mut Vec<Proposal>,
}

fn key(text: &str) -> Step {
    Step::Key(text.to_owned())
}

fn proposal(component: &Component, what: String, path: Vec<Step>, change: Change, why: &str) -> Proposal {
    let name = component.name.to_string();
    let path = [vec![key("components"), key(&name)], path].concat();
    Proposal { component: name, what, why: why.to_owned(), path, change }
}

const NEVER: &str = "no call used it";
const LESS: &str = "calls used no more of it";

impl About<'_> {
    fn propose(&mut self, what: String, path: Vec<Step>, change: Change, why: &str) {
        self.proposals.push(proposal(self.component, what, path, change, why));
    }

    fn store(&mut self, grant: &StoreGrant) {
        let name = grant.store.as_str();
        let (what, path) = (format!("stores.{name}"), vec![key("stores"), key(name)]);
        let Some(keys) = self.used.stores.get(name) else {
            return self.propose(what, path, Change::Remove, NEVER);
        };
        let access = match grant.access {
            Access::ReadWrite if keys.written.is_empty() => Access::Read,
            access => access,
        };
        let prefix = grant.prefix.clone().or_else(|| common(keys.read.iter().chain(&keys.written)));
        if access == grant.access && prefix == grant.prefix {
            return;
        }
        let access = match access {
            Access::Read => "read",
            Access::Write => "write",
            Access::ReadWrite => "read-write",
        };
        let value = match prefix {
            None => access.to_owned(),
            Some(prefix) => format!("{{ access: {access}, prefix: {} }}", scalar(&prefix)),
        };
        self.propose(what, path, Change::Set(value), LESS);
    }

    fn outbound(&mut self, index: usize, grant: &Outbound) {
        let covers = |reached: &String| {
            let Some((scheme, rest)) = reached.split_once("://") else { return false };
            let Some((host, port)) = rest.rsplit_once(':') else { return false };
            let granted = grant.port.unwrap_or(grant.scheme.default_port());
            scheme == grant.scheme.to_string() && port == granted.to_string() && grant.host.matches(host)
        };
        if !self.used.hosts.iter().any(covers) {
            let path = vec![key("outbound"), Step::Index(index)];
            self.propose(format!("outbound {grant}"), path, Change::Remove, "no call reached it");
        }
    }

    fn publish(&mut self, index: usize, grant: &Publish, app: &App) {
        let meant = app.topics.iter().filter(|topic| topic.meant_by(&grant.topics));
        let published: Vec<_> = meant.filter_map(|topic| self.used.topics.get(topic.name.as_str())).collect();
        let what = format!("publish {}", grant.topics.as_str());
        let path = vec![key("publish"), Step::Index(index)];
        if published.is_empty() {
            return self.propose(what, path, Change::Remove, "no call published to it");
        }
        // Of some the types cannot be told.
        let Some(types) = published.into_iter().cloned().collect::<Option<Vec<_>>>() else { return };
        let types: BTreeSet<_> = types.into_iter().flatten().collect();
        let types: Vec<_> = match &*grant.types {
            [] => types.into_iter().collect(),
            granted => {
                let used = granted.iter().filter(|granted| types.iter().any(|used| granted.matches(used)));
                used.map(ToString::to_string).collect()
            }
        };
        if !types.is_empty() && types.len() != grant.types.len() {
            let topic = scalar(grant.topics.as_str());
            let value = format!("{{ topic: {topic}, types: {} }}", list(&types));
            self.propose(what, path, Change::Set(value), LESS);
        }
    }

    fn invoke(&mut self, index: usize, grant: &InvokeGrant) {
        let name = grant.component.as_str();
        let what = format!("invoke.{name}");
        let Some(methods) = self.used.components.get(name) else {
            let path = vec![key("invoke"), Step::Index(index)];
            return self.propose(what, path, Change::Remove, NEVER);
        };
        let Some(fewer) = fewer(&grant.methods, methods) else { return };
        // A list of components has no place for methods.
        let one = |(i, grant): (usize, &InvokeGrant)| {
            let methods = if i == index { list(&fewer) } else { allowed(&grant.methods) };
            format!("{}: {}", grant.component, with_outside("methods", methods, grant.outside))
        };
        let all: Vec<_> = self.component.invoke.iter().enumerate().map(one).collect();
        let value = format!("{{ {} }}", all.join(", "));
        self.propose(what, vec![key("invoke")], Change::Set(value), LESS);
    }

    fn outputs(&mut self) {
        for grant in &self.component.outputs {
            let name = grant.output.as_str();
            let (what, path) = (format!("outputs.{name}"), vec![key("outputs"), key(name)]);
            let Some(operations) = self.used.outputs.get(name) else {
                self.propose(what, path, Change::Remove, NEVER);
                continue;
            };
            if let Some(fewer) = fewer(&grant.operations, operations) {
                let value = with_outside("operations", list(&fewer), grant.outside);
                self.propose(what, path, Change::Set(value), LESS);
            }
        }
    }

    fn jobs(&mut self) {
        if self.component.jobs && !self.used.has_jobs {
            self.propose("jobs".to_owned(), vec![key("jobs")], Change::Remove, "no call used jobs");
        }
    }

    fn limits(&mut self) {
        let Use { memory, fuel, .. } = *self.used;
        let limits = &self.component.limits;
        let path = |limit| vec![key("limits"), key(limit)];
        let mib = memory.saturating_mul(2).div_ceil(1 << 20);
        if mib > 0 && limits.memory > mib << 20 {
            let why = format!("calls had {} at the most", crate::summary::size(memory));
            self.propose("limits.memory".to_owned(), path("memory"), Change::Set(format!("{mib}MiB")), &why);
        }
        let enough = rounded(fuel.saturating_mul(4));
        if enough > 0 && limits.fuel.is_none_or(|fuel| fuel > enough) {
            let why = format!("calls burned {} at the most", grouped(fuel));
            self.propose("limits.fuel".to_owned(), path("fuel"), Change::Set(enough.to_string()), &why);
        }
    }
}

/// What a component lets others do, against what they did.
fn callers(app: &App, component: &Component, used: &Used, proposals: &mut Vec<Proposal>) {
    let name = component.name.as_str();
    for grant in &component.callers {
        let Caller::Component(caller) = &grant.caller else { continue };
        let Some(used) = used.components.get(caller.as_str()) else { continue };
        let linked = app.components.iter().filter(|component| component.name == *caller);
        let linked =
            linked.flat_map(|caller| &caller.links).filter(|link| link.component.value == component.name);
        // What is linked is no call by name, so that it cannot be told whether it was used.
        let mut called: BTreeSet<_> = linked.map(|link| link.interface.clone()).collect();
        let methods = used.components.get(name);
        called.extend(methods.into_iter().flatten().cloned());
        let (what, path) = (format!("callers.{caller}"), vec![key("callers"), key(caller.as_str())]);
        if called.is_empty() && methods.is_none() {
            proposals.push(proposal(component, what, path, Change::Remove, "it did not call"));
        } else if let Some(fewer) = fewer(&grant.methods, &called) {
            proposals.push(proposal(component, what, path, Change::Set(list(&fewer)), "it called no other"));
        }
    }
}

/// The names that would do, if they are fewer. Without any it cannot be told.
fn fewer(granted: &Allowed, used: &BTreeSet<String>) -> Option<Vec<String>> {
    let names: Vec<_> = match granted {
        Allowed::All => used.iter().cloned().collect(),
        Allowed::Only(names) => {
            names.iter().map(|name| name.value.clone()).filter(|name| used.contains(name)).collect()
        }
    };
    let is_fewer = match granted {
        Allowed::All => true,
        Allowed::Only(granted) => names.len() < granted.len(),
    };
    (is_fewer && !names.is_empty()).then_some(names)
}

/// What all keys begin with.
fn common<'a>(mut prefixes: impl Iterator<Item = &'a String>) -> Option<String> {
    let first = prefixes.next()?.clone();
    let common = prefixes.fold(first, |common, next| {
        let same = common.chars().zip(next.chars()).take_while(|(one, other)| one == other);
        let len = same.map(|(char, _)| char.len_utf8()).sum();
        receipts::prefix(&common[..len]).to_owned()
    });
    (!common.is_empty()).then_some(common)
}

/// Up, to two digits that count.
fn rounded(number: u64) -> u64 {
    let mut unit = 1_u64;
    while number / unit >= 100 {
        unit *= 10;
    }
    number.div_ceil(unit).saturating_mul(unit)
}

fn with_outside(key: &str, names: String, outside: Outside) -> String {
    if outside == Outside::Allow { format!("{{ {key}: {names}, outside: allow }}") } else { names }
}

fn allowed(allowed: &Allowed) -> String {
    match allowed {
        Allowed::All => "all".to_owned(),
        Allowed::Only(names) => list(&names.iter().map(|name| name.value.clone()).collect::<Vec<_>>()),
    }
}

fn list(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| scalar(name)).collect();
    format!("[{}]", names.join(", "))
}

/// A text in YAML, in quotes if it could be taken for something else.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 7] = ["true", "false", "null", "yes", "no", "on", "off"];
    let is_plain = text.starts_with(|char: char| char.is_ascii_alphabetic())
        && text.chars().all(|char| char.is_ascii_alphanumeric() || "-_./".contains(char))
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
