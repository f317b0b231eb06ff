//! `given.faults`: which host call goes wrong, and how.

use crate::{
    app::App,
    read::{Item, Reader},
    suite::{Fault, Strike, answers, names, words},
    wrong::{Wrong, choose, nearest, shown},
};

pub(crate) const KEYS: &[&str] = &["at", "of", "nth", "with"];
pub(crate) const WITH_KEYS: &[&str] = &["slow"];

/// What a component can ask of the host, as the gate calls it: a primitive, and its operations.
pub const OPERATIONS: &[(&str, &[&str])] = &[
    (
        "state",
        &[
            "open",
            "get",
            "peek",
            "exists",
            "scan",
            "scan-keys",
            "set",
            "delete",
            "increment",
            "add",
            "execute",
            "execute-set",
            "execute-delete",
            "execute-check",
            "execute-add",
        ],
    ),
    ("pubsub", &["open", "publish", "publish-many"]),
    ("bindings", &["open", "invoke"]),
    ("invoke", &["open", "call", "link"]),
    ("jobs", &["schedule", "get", "cancel", "list-jobs"]),
    ("http", &["send"]),
];

/// Beside the classes of errors.
pub(crate) const STRIKES: [(&str, Strike); 3] =
    [("lost", Strike::Lost), ("crash-before", Strike::CrashBefore), ("crash-after", Strike::CrashAfter)];

pub(super) fn read(reader: &mut Reader<'_>, item: &Item<'_>, app: &App) -> Option<Fault> {
    const AT: &str = "write the operation that goes wrong, as in `at: state.set`";
    const WITH: &str = "write how it goes wrong, as in `with: unavailable`";
    let fields = reader.fields(item, KEYS)?;
    let operation = reader.require(&fields, item.at(), "at", AT);
    let operation = operation.and_then(|item| reader.parse(&item, operation_of));
    let component = fields.or("of", None, |item| {
        reader.parse(item, |text| names::component(app, text)).map(|found| Some(found.name.clone()))
    });
    let nth = fields.or("nth", Some(1), |item| match item.scalar() {
        Some("all") => Some(None),
        Some(_) if item.is_text() => {
            reader.expected(item, "`all` or a whole number");
            None
        }
        _ => words::from_one(reader, item).map(Some),
    });
    let strike = reader.require(&fields, item.at(), "with", WITH);
    let strike = strike.and_then(|item| strike_of(reader, &item));
    Some(Fault { at: item.at(), operation: operation?, component: component?, nth: nth?, strike: strike? })
}

/// `PRIMITIVE.OPERATION`, or `PRIMITIVE.*`.
fn operation_of(text: &str) -> Result<String, Wrong> {
    let (primitive, verb) = match text.split_once('.') {
        Some((primitive, verb)) => (primitive, Some(verb)),
        None => (text, None),
    };
    let Some((_, verbs)) = OPERATIONS.iter().find(|(name, _)| *name == primitive) else {
        let all: Vec<&str> = OPERATIONS.iter().map(|(name, _)| *name).collect();
        let valid = format!("it begins with one of: {}", all.join(", "));
        let help = match nearest(primitive, all.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? {valid}"),
            None => valid,
        };
        return Err(Wrong::new(format!("{} is no operation of the host", shown(text))).help(help));
    };
    let has = format!("`{primitive}` has: {}; all of them are `{primitive}.*`", verbs.join(", "));
    match verb {
        Some(verb) if verb == "*" || verbs.contains(&verb) => Ok(text.to_owned()),
        Some(verb) => {
            let help = match nearest(verb, verbs.iter().copied()) {
                Some(near) => format!("did you mean `{primitive}.{near}`? {has}"),
                None => has,
            };
            Err(Wrong::new(format!("{} is no operation of the host", shown(text))).help(help))
        }
        None => Err(Wrong::new(format!("{} is no operation, but has some", shown(text))).help(has)),
    }
}

fn strike_of(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Strike> {
    if !item.is_scalar() {
        let fields = reader.fields_or(item, "a word or `{ slow: 5s }`", WITH_KEYS)?;
        let slow =
            reader.require(&fields, item.at(), "slow", "write how late it happens, as in `slow: 5s`")?;
        return reader.duration(&slow).map(Strike::Slow);
    }
    let text = item.scalar()?;
    if let Some((_, strike)) = STRIKES.iter().find(|(name, _)| *name == text) {
        return Some(strike.clone());
    }
    if text == "slow" {
        let wrong = Wrong::new("`slow` without a duration");
        return reader.accept(item, Err(wrong.help("write how late it happens, as in `with: { slow: 5s }`")));
    }
    let classes = answers::classes().into_iter().map(|(name, _)| name);
    let all: Vec<(&str, &str)> =
        classes.chain(STRIKES.iter().map(|(name, _)| *name)).map(|name| (name, name)).collect();
    reader
        .parse(item, |text| choose(text, "way to go wrong", &all))
        .map(|class| Strike::Fail(class.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_those_of_the_gate() {
        for text in ["state.set", "state.*", "jobs.list-jobs", "http.send", "invoke.link"] {
            assert_eq!(operation_of(text).unwrap(), text);
        }
        let wrong = [
            ("state.put", "`state` has: open, get, peek,"),
            ("state.sett", "did you mean `state.set`?"),
            ("stat.set", "did you mean `state`?"),
            ("state", "`state` has: open, get,"),
            ("*", "it begins with one of: state, pubsub,"),
            ("", "it begins with one of: state, pubsub,"),
            ("http.*.x", "`http` has: send; all of them are `http.*`"),
        ];
        for (text, help) in wrong {
            let found = operation_of(text).unwrap_err().help.unwrap();
            assert!(found.starts_with(help), "{text}: {found}");
        }
    }
}
