//! The app's `stores`, and a component's grants of them.

use mecha_primitives::name;

use crate::{
    app::{Access, Span, Spanned, Store, StoreGrant, StoreKind},
    limits::{size, size_up_to},
    read::{Item, Reader},
    wrong::{Wrong, nearest, shown},
};

pub(crate) const KEYS: &[&str] = &["embedded", "memory", "shared"];
pub(crate) const KIND_KEYS: &[&str] = &["max-size", "max-value"];
pub(crate) const GRANT_KEYS: &[&str] = &["access", "prefix"];

const KINDS: &[(&str, StoreKind)] = &[("embedded", StoreKind::Embedded), ("memory", StoreKind::Memory)];
const ACCESS: &[(&str, Access)] =
    &[("read", Access::Read), ("write", Access::Write), ("read-write", Access::ReadWrite)];

const DEFAULT_MAX_VALUE: u64 = 4 << 20;
const MAX_MAX_VALUE: u64 = 6 << 20;

/// A store: a kind, or a map with one kind as its key.
pub(crate) fn read(reader: &mut Reader<'_>, key: &Spanned<String>, item: &Item<'_>) -> Option<Store> {
    let name: Option<name::Store> = reader.key_name(key, item, "a store");
    let store = |kind, shared, (max_size, max_value)| {
        Some(Store { name: name?, kind, shared, max_size, max_value, at: key.at })
    };
    if item.is_scalar() {
        let kind = reader.choice(item, "kind of store", KINDS)?;
        return store(kind, false, (None, DEFAULT_MAX_VALUE));
    }
    let fields = reader.fields_or(item, "a kind of store or a map", KEYS)?;
    let kind = reader.kind(&fields, key.at, "store", KINDS);
    let kind = kind.and_then(|(kind, options)| Some((kind, sizes(reader, &options)?)));
    let shared = fields.or("shared", false, |item| reader.flag(item));
    let (kind, sizes) = kind?;
    store(kind, shared?, sizes)
}

/// `max-size` and `max-value`. Nothing at all, as in `embedded:`, stands for the defaults.
fn sizes(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<(Option<u64>, u64)> {
    if item.is_null() {
        return Some((None, DEFAULT_MAX_VALUE));
    }
    let fields = reader.fields(item, KIND_KEYS)?;
    let max_size = fields.or("max-size", None, |item| size(reader, item).map(Some));
    let max_value =
        fields.or("max-value", DEFAULT_MAX_VALUE, |item| size_up_to(reader, item, MAX_MAX_VALUE, "6MiB"));
    Some((max_size?, max_value?))
}

/// A grant: an access, or a map.
pub(crate) fn read_grant(
    reader: &mut Reader<'_>,
    key: &Spanned<String>,
    item: &Item<'_>,
) -> Option<StoreGrant> {
    let store: Option<name::Store> = reader.key_name(key, item, "a store");
    if item.is_scalar() {
        let access = reader.choice(item, "access", ACCESS)?;
        return Some(StoreGrant { store: store?, access, prefix: None, at: key.at });
    }
    let fields = reader.fields_or(item, "an access or a map", GRANT_KEYS)?;
    let access = reader.require(&fields, key.at, "access", "it is one of: read, write, read-write");
    let access = access.and_then(|item| reader.choice(&item, "access", ACCESS));
    let prefix = fields.or("prefix", None, |item| {
        reader.parse(item, |text| match text {
            "" => Err(Wrong::new("an empty prefix").help("for all keys, leave `prefix` out")),
            text => Ok(Some(text.to_owned())),
        })
    });
    Some(StoreGrant { store: store?, access: access?, prefix: prefix?, at: key.at })
}

/// A grant as `check` needs it: it counts even if something else about it is wrong.
pub(crate) struct Granted {
    pub(crate) store: String,
    pub(crate) at: Span,
    pub(crate) key: String,
}

/// Compares what is granted with what is declared.
pub(crate) fn check(reader: &mut Reader<'_>, declared: &[Spanned<String>], granted: &[Granted]) {
    for grant in granted {
        if declared.iter().any(|store| store.value == grant.store) {
            continue;
        }
        let help = match nearest(&grant.store, declared.iter().map(|store| store.value.as_str())) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add it to the app's `stores`, as in `stores: {{ {}: embedded }}`", grant.store),
        };
        let wrong = Wrong::new(format!("the store {} is not declared", shown(&grant.store)));
        reader.error(grant.at, grant.key.as_str(), wrong.help(help));
    }
    for store in declared {
        if !granted.iter().any(|grant| grant.store == store.value) {
            let wrong = Wrong::new(format!("no component is granted the store {}", shown(&store.value)));
            let help = format!("grant it in a component's `stores`, as in `{}: read-write`", store.value);
            reader.warn(store.at, format!("stores.{}", store.value), wrong.help(help));
        }
    }
}
