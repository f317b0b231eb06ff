//! `given`: the world before anything happens.
//!
//! What a case leaves open is as the file's defaults say: one moment and one seed, a value for each key, a variable
//! for each name; answers and faults of the defaults come after the case's own.

use std::collections::{BTreeSet, HashSet};

use mecha_primitives::{clock::Timestamp, name, state};

use crate::{
    app::{App, Spanned},
    read::{Item, Reader, each},
    suite::{
        CalleeAnswer, Fault, Given, OutputAnswer, StoreRef, Stored, UpstreamAnswer, answers, data, faults,
        lists, names, words,
    },
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] =
    &["clock", "seed", "state", "env", "secrets", "outputs", "upstream", "callees", "faults"];

/// 2030-01-01T00:00:00Z.
const CLOCK: Timestamp = Timestamp(1_893_456_000_000);

/// A `given` with gaps.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    clock: Option<Timestamp>,
    seed: Option<u64>,
    state: Vec<Stored>,
    env: Vec<(name::Component, Vec<(String, String)>)>,
    secrets: Vec<(String, String)>,
    outputs: Vec<(name::Binding, Vec<OutputAnswer>)>,
    upstream: Vec<UpstreamAnswer>,
    callees: Vec<(name::Component, Vec<CalleeAnswer>)>,
    faults: Vec<Fault>,
}

pub(super) fn read(reader: &mut Reader<'_>, item: &Item<'_>, app: &App) -> Option<Part> {
    let fields = reader.fields(item, KEYS)?;
    let clock = fields.or("clock", None, |item| reader.parse(item, words::moment).map(Some));
    let seed = fields.or("seed", None, |item| words::from_zero(reader, item).map(Some));
    let state = fields.or("state", vec![], |item| state(reader, item, app));
    let env = names::by_name(reader, &fields, "env", |reader, name, item| {
        let component = names::at_key(reader, name.at, &item.key, names::component(app, &name.value));
        let variables = variables(reader, item);
        Some((component?.name.clone(), variables?))
    });
    let secrets = fields.or("secrets", vec![], |item| answers::texts(reader, item));
    let outputs = names::by_name(reader, &fields, "outputs", |reader, name, item| {
        let output = names::at_key(reader, name.at, &item.key, names::output(app, &name.value))?;
        Some((output.name.clone(), answers::outputs(reader, item, output)?))
    });
    let upstream = fields.or("upstream", vec![], |item| answers::upstream(reader, item));
    let callees = names::by_name(reader, &fields, "callees", |reader, name, item| {
        let component = names::at_key(reader, name.at, &item.key, names::component(app, &name.value))?;
        Some((component.name.clone(), answers::callees(reader, item)?))
    });
    let faults = fields.or("faults", vec![], |item| {
        let items = lists::bounded(reader, item, "faults")?;
        Some(each(&items, |item| faults::read(reader, item, app)))
    });
    Some(Part {
        clock: clock?,
        seed: seed?,
        state: state?,
        env,
        secrets: secrets?,
        outputs,
        upstream: upstream?,
        callees,
        faults: faults?,
    })
}

impl Part {
    /// The whole, with what this leaves open from the defaults.
    pub(super) fn over(self, base: &Self) -> Given {
        let own: BTreeSet<(&StoreRef, &str)> =
            self.state.iter().map(|stored| (&stored.store, stored.key.as_str())).collect();
        let others = base.state.iter().filter(|stored| !own.contains(&(&stored.store, stored.key.as_str())));
        let state = others.chain(&self.state).cloned().collect();
        Given {
            clock: self.clock.or(base.clock).unwrap_or(CLOCK),
            seed: self.seed.or(base.seed).unwrap_or(0),
            state,
            env: by_name(self.env, &base.env, merged),
            secrets: merged(self.secrets, &base.secrets),
            outputs: by_name(self.outputs, &base.outputs, followed),
            upstream: followed(self.upstream, &base.upstream),
            callees: by_name(self.callees, &base.callees, followed),
            faults: followed(self.faults, &base.faults),
        }
    }
}

/// What both have of one name is joined.
fn by_name<N: PartialEq + Clone, T: Clone>(
    mut own: Vec<(N, Vec<T>)>,
    base: &[(N, Vec<T>)],
    join: impl Fn(Vec<T>, &[T]) -> Vec<T>,
) -> Vec<(N, Vec<T>)> {
    for (name, more) in base {
        match own.iter_mut().find(|(known, _)| known == name) {
            Some((_, list)) => *list = join(std::mem::take(list), more),
            None => own.push((name.clone(), more.clone())),
        }
    }
    own
}

/// A variable has one value: the first.
fn merged(mut own: Vec<(String, String)>, base: &[(String, String)]) -> Vec<(String, String)> {
    let known: HashSet<String> = own.iter().map(|(name, _)| name.clone()).collect();
    own.extend(base.iter().filter(|(name, _)| !known.contains(name)).cloned());
    own
}

fn followed<T: Clone>(mut own: Vec<T>, base: &[T]) -> Vec<T> {
    own.extend_from_slice(base);
    own
}

fn state(reader: &mut Reader<'_>, item: &Item<'_>, app: &App) -> Option<Vec<Stored>> {
    let (mut stored, mut seen) = (Vec::new(), BTreeSet::new());
    for (name, item) in reader.entries(item)? {
        let store = store(reader, name, &item.key, app, &mut seen);
        for (name, item) in reader.entries(&item)? {
            let valid = key(&name.value);
            let key = names::at_key(reader, name.at, &item.key, valid);
            let value = data::read(reader, &item);
            if let (Some(store), Some(key), Some(value)) = (&store, key, value) {
                stored.push(Stored { store: store.clone(), key, value });
            }
        }
    }
    Some(stored)
}

/// A store, named by a key, and not twice under two names.
pub(super) fn store(
    reader: &mut Reader<'_>,
    name: &Spanned<String>,
    key: &str,
    app: &App,
    seen: &mut BTreeSet<StoreRef>,
) -> Option<StoreRef> {
    let store = names::at_key(reader, name.at, key, names::store(app, &name.value))?;
    if seen.insert(store.clone()) {
        return Some(store);
    }
    let wrong = Wrong::new(format!("{} names a store for the second time", shown(&name.value)));
    reader.error(name.at, key, wrong.help("write all of its keys in one place"));
    None
}

/// A key of a store.
pub(super) fn key(text: &str) -> Result<String, Wrong> {
    let wrong = |_| {
        Wrong::new(format!("{} is no key of a store", shown(text)))
            .help(format!("a key has 1 to {} bytes", state::MAX_KEY))
    };
    state::Key::new(text).map(|_| text.to_owned()).map_err(wrong)
}

/// A map of environment variables.
fn variables(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<(String, String)>> {
    let entries = reader.entries(item)?;
    Some(each(&entries, |(name, item)| {
        let valid = match name.value.is_empty() || name.value.contains(['=', '\0']) {
            true => Err(Wrong::new(format!("{} is no name of an environment variable", shown(&name.value)))
                .help("a name is not empty and has no `=` and no NUL")),
            false => Ok(name.value.clone()),
        };
        let name = names::at_key(reader, name.at, &item.key, valid);
        let value = reader.parse(item, |text| match text.contains('\0') {
            true => Err(Wrong::new("a value with a NUL character")),
            false => Ok(text.to_owned()),
        });
        Some((name?, value?))
    }))
}
