//! What a call is about to do, and with what of the others it can be exchanged.

use crate::testing::{finders::explore::Move, recorder::Passing};

/// A host call, or a step that is none, at the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    pub component: String,
    pub primitive: &'static str,
    pub verb: &'static str,
    pub about: String,
    pub changes: bool,
    reach: Reach,
}

/// What it may depend on, or others on it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reach {
    /// Nobody notices when it happens.
    Own,
    /// Everything that is kept may be read, or change.
    All,
    Key(String),
    /// Keys that begin with this, to read them.
    Keys(String),
    /// Something that has one order for all who use it: a topic, an output, a host, a component.
    Thing(String),
}

impl Op {
    #[must_use]
    pub fn of(passing: &Passing<'_>) -> Self {
        Self {
            component: passing.component.to_string(),
            primitive: passing.primitive,
            verb: passing.verb,
            about: passing.about.to_owned(),
            changes: passing.changes,
            reach: reach(passing),
        }
    }

    /// Whether it can happen whenever it likes: no other call notices.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.reach == Reach::Own
    }

    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self.reach, Reach::Key(_) | Reach::Keys(_)) && !self.changes
    }
}

fn reach(passing: &Passing<'_>) -> Reach {
    let Passing { primitive, verb, about, in_unit, .. } = *passing;
    let thing = |name: &str| Reach::Thing(format!("{primitive} {name}"));
    match (primitive, verb) {
        ("call", "begin" | "commit") => Reach::All,
        ("call", _) | (_, "open") => Reach::Own,
        // Held back until the commit, and read from one moment.
        ("state" | "pubsub" | "jobs", _) if in_unit => Reach::Own,
        // What is first read afterwards is read at that moment.
        _ if in_unit => Reach::All,
        // A step of a state transaction, which happens with the whole.
        ("state", verb) if verb.starts_with("execute-") => Reach::Own,
        ("state", "execute") => Reach::All,
        ("state", _) => match about.strip_suffix('*').filter(|_| verb.starts_with("scan")) {
            Some(prefix) => Reach::Keys(prefix.to_owned()),
            None => Reach::Key(about.to_owned()),
        },
        ("pubsub", _) => thing(about),
        ("jobs", _) => thing(passing.component.as_str()),
        // An output and its operation, a component and its method.
        ("bindings" | "invoke", _) => thing(about.split('.').next().unwrap_or_default()),
        ("http", _) => thing(host(about)),
        _ => Reach::All,
    }
}

/// The host of `POST https://api.example.com/charges`.
fn host(about: &str) -> &str {
    let url = about.split_once(' ').map_or(about, |(_, url)| url);
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

impl Move for Op {
    fn depends_on(&self, other: &Self) -> bool {
        use Reach::{All, Key, Keys, Own, Thing};
        match (&self.reach, &other.reach) {
            (Own, _) | (_, Own) => false,
            (All, _) | (_, All) => true,
            (Key(one), Key(other_key)) => one == other_key && (self.changes || other.changes),
            (Key(key), Keys(prefix)) => self.changes && key.starts_with(prefix),
            (Keys(prefix), Key(key)) => other.changes && key.starts_with(prefix),
            (Keys(_), Keys(_)) => false,
            (Thing(one), Thing(other)) => one == other,
            (Key(_) | Keys(_), Thing(_)) | (Thing(_), Key(_) | Keys(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(text: &str) -> Op {
        let (text, in_unit) = text.strip_prefix("unit ").map_or((text, false), |text| (text, true));
        let (operation, about) = text.split_once(' ').unwrap_or((text, ""));
        let (primitive, verb) = operation.split_once('.').unwrap();
        Op::of(&Passing {
            index: 0,
            call: 0,
            cause: None,
            component: &"shop".parse().unwrap(),
            attempt: 1,
            depth: 0,
            in_unit,
            primitive: String::from(primitive).leak(),
            verb: String::from(verb).leak(),
            about,
            changes: !matches!(verb, "get" | "peek" | "scan" | "open" | "begin" | "commit"),
        })
    }

    #[test]
    fn what_cannot_be_exchanged_depends() {
        let dependent = [
            ("state.get a/x", "state.set a/x"),
            ("state.set a/x", "state.set a/x"),
            ("state.scan a/x*", "state.set a/x:1"),
            ("state.execute", "state.get a/x"),
            ("state.get a/x*", "state.set a/x*"),
            ("pubsub.publish orders", "pubsub.publish orders"),
            ("jobs.schedule one", "jobs.cancel other"),
            ("bindings.invoke payments.post", "bindings.invoke payments.get"),
            ("http.send GET https://a.example/1", "http.send POST https://a.example/2?x"),
            ("invoke.call pricing.quote", "invoke.call pricing.refuse"),
            ("call.begin", "state.set a/x"),
            ("call.commit", "call.begin"),
            ("call.commit", "pubsub.publish orders"),
            ("unit http.send GET https://a.example/1", "state.set a/x"),
        ];
        let independent = [
            ("state.get a/x", "state.get a/x"),
            ("state.set a/x", "state.set a/y"),
            ("state.set a/x", "state.set b/x"),
            ("state.scan a/x*", "state.set a/y"),
            ("state.scan a/x*", "state.scan a/*"),
            ("state.scan a/x*", "state.get a/x"),
            ("state.open a", "state.set a/x"),
            ("state.execute-set a/x", "state.set a/x"),
            ("pubsub.publish orders", "pubsub.publish others"),
            ("pubsub.publish orders", "state.set a/x"),
            ("bindings.invoke payments.post", "bindings.invoke mails.post"),
            ("http.send GET https://a.example/1", "http.send GET https://b.example/1"),
            ("unit state.set a/x", "state.set a/x"),
            ("unit state.get a/x", "call.commit"),
            ("call.end", "state.set a/x"),
        ];
        for (pairs, expected) in [(&dependent[..], true), (&independent[..], false)] {
            for (one, other) in pairs {
                assert_eq!(op(one).depends_on(&op(other)), expected, "{one}, {other}");
                assert_eq!(op(other).depends_on(&op(one)), expected, "{other}, {one}");
            }
        }
    }
}
