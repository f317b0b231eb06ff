//! Whether an import of one component and an export of another are the same interface, and what differs.

use std::fmt::Write as _;

use wasmtime::component::types::{ComponentFunc, ComponentItem, Type};

use crate::component::Component;

/// A function, or something else, that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub name: String,
    /// As the caller imports it.
    pub imported: String,
    /// As the callee exports it.
    pub exported: String,
    /// Why it cannot be linked at all, whether both sides agree or not: `has a stream`.
    pub unfit: Option<String>,
}

/// Compares what `caller` imports under `import` with what `callee` exports under `export`: structurally, whatever the
/// types are called. What the caller does not import does not matter.
#[must_use]
pub fn compare(caller: &Component, import: &str, callee: &Component, export: &str) -> Vec<Mismatch> {
    let mut found = vec![];
    for (name, item) in caller.items_of_import(import) {
        let other = callee.item_of_export(export, &name);
        let (imported, unfit) = match &item {
            ComponentItem::ComponentFunc(ours) => (shown(ours), unfit(ours)),
            ComponentItem::Resource(_) => ("resource".to_owned(), Some("is a resource".to_owned())),
            _ => continue,
        };
        let exported = match (&item, &other) {
            (ComponentItem::ComponentFunc(ours), Some(ComponentItem::ComponentFunc(theirs))) => {
                if unfit.is_none() && is_same(ours, theirs) {
                    continue;
                }
                shown(theirs)
            }
            (ComponentItem::Resource(_), Some(ComponentItem::Resource(_))) => "resource".to_owned(),
            (_, Some(_)) => "something else of that name".to_owned(),
            (_, None) => "nothing of that name".to_owned(),
        };
        found.push(Mismatch { name, imported, exported, unfit });
    }
    found
}

fn is_same(ours: &ComponentFunc, theirs: &ComponentFunc) -> bool {
    ours.async_() == theirs.async_()
        && ours.params().map(|(_, ty)| ty).eq(theirs.params().map(|(_, ty)| ty))
        && ours.results().eq(theirs.results())
}

/// That a function has a type of which no value leaves its component.
fn unfit(function: &ComponentFunc) -> Option<String> {
    let types = function.params().map(|(_, ty)| ty).chain(function.results());
    types.into_iter().find_map(|ty| handle_in(&ty, 0)).map(|found| format!("has {found}"))
}

/// How deep types are looked at. Components are validated with a bound of their own; this one is for the stack.
const DEPTH: usize = 64;

fn handle_in(ty: &Type, depth: usize) -> Option<String> {
    if depth > DEPTH {
        return Some("a type that is nested too deep".into());
    }
    let within = |ty: Type| handle_in(&ty, depth + 1);
    match ty {
        Type::Own(_) => Some("a resource".into()),
        Type::Borrow(_) => Some("a borrowed resource".into()),
        Type::Future(_) => Some("a future".into()),
        Type::Stream(_) => Some("a stream".into()),
        Type::ErrorContext => Some("an error context".into()),
        Type::List(list) => within(list.ty()),
        Type::FixedLengthList(list) => within(list.ty()),
        Type::Map(map) => within(map.key()).or_else(|| within(map.value())),
        Type::Option(option) => within(option.ty()),
        Type::Record(record) => record.fields().find_map(|field| within(field.ty)),
        Type::Tuple(tuple) => tuple.types().find_map(within),
        Type::Variant(variant) => variant.cases().find_map(|case| case.ty.and_then(within)),
        Type::Result(result) => result.ok().and_then(within).or_else(|| result.err().and_then(within)),
        _ => None,
    }
}

/// A function in WIT's own words.
fn shown(function: &ComponentFunc) -> String {
    let mut text = String::from(if function.async_() { "async func(" } else { "func(" });
    for (index, (name, ty)) in function.params().enumerate() {
        // A string takes whatever is written to it.
        _ = write!(text, "{}{name}: {}", if index > 0 { ", " } else { "" }, type_shown(&ty, 0));
    }
    text.push(')');
    if let Some(result) = function.results().next() {
        _ = write!(text, " -> {}", type_shown(&result, 0));
    }
    text
}

/// Types are shown down to this depth: what is deeper hardly fits a line.
const SHOWN: usize = 6;

fn type_shown(ty: &Type, depth: usize) -> String {
    if depth > SHOWN {
        return "…".into();
    }
    let inner = |ty: &Type| type_shown(ty, depth + 1);
    let optional = |ty: Option<Type>| ty.map_or_else(|| "_".to_owned(), |ty| inner(&ty));
    let joined = |parts: Vec<String>| parts.join(", ");
    match ty {
        Type::List(list) => format!("list<{}>", inner(&list.ty())),
        Type::FixedLengthList(list) => format!("list<{}, {}>", inner(&list.ty()), list.len()),
        Type::Map(map) => format!("map<{}, {}>", inner(&map.key()), inner(&map.value())),
        Type::Option(option) => format!("option<{}>", inner(&option.ty())),
        Type::Tuple(tuple) => format!("tuple<{}>", joined(tuple.types().map(|ty| inner(&ty)).collect())),
        Type::Result(result) => format!("result<{}, {}>", optional(result.ok()), optional(result.err())),
        Type::Record(record) => {
            let fields = record.fields().map(|field| format!("{}: {}", field.name, inner(&field.ty)));
            format!("record {{ {} }}", joined(fields.collect()))
        }
        Type::Variant(variant) => {
            let cases = variant.cases().map(|case| match case.ty {
                Some(ty) => format!("{}({})", case.name, inner(&ty)),
                None => case.name.to_owned(),
            });
            format!("variant {{ {} }}", joined(cases.collect()))
        }
        Type::Enum(names) => format!("enum {{ {} }}", joined(names.names().map(str::to_owned).collect())),
        Type::Flags(names) => format!("flags {{ {} }}", joined(names.names().map(str::to_owned).collect())),
        Type::Own(_) => "resource".into(),
        Type::Borrow(_) => "borrow".into(),
        Type::Future(_) => "future".into(),
        Type::Stream(_) => "stream".into(),
        Type::ErrorContext => "error-context".into(),
        Type::Float32 => "f32".into(),
        Type::Float64 => "f64".into(),
        Type::Bool => "bool".into(),
        Type::S8 => "s8".into(),
        Type::U8 => "u8".into(),
        Type::S16 => "s16".into(),
        Type::U16 => "u16".into(),
        Type::S32 => "s32".into(),
        Type::U32 => "u32".into(),
        Type::S64 => "s64".into(),
        Type::U64 => "u64".into(),
        Type::Char => "char".into(),
        Type::String => "string".into(),
    }
}
