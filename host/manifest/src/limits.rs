//! The `limits` of a component, and those that a route has of its own: what may be used up.

use crate::{
    app::Limits,
    read::{Item, Reader},
    units,
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &[
    "memory",
    "wall-time",
    "concurrency",
    "fuel",
    "request-body",
    "request-headers",
    "handles",
    "stdio",
    "random",
    "invoke-payload",
    "held-body",
    "transaction-entries",
    "transaction-size",
];

/// Those that a route may have of its own.
pub(crate) const ROUTE_KEYS: &[&str] = &["fuel"];

/// Each may hold as much of the host's memory as a set of headers does.
const MAX_HANDLES: u32 = 10_000;

/// What 32-bit WebAssembly can address.
const MAX_MEMORY: u64 = 4 << 30;

/// Half of what one host call may hand over.
const MAX_PAYLOAD: u64 = 4 << 20;

/// As many calls as may run hold as much, twice.
const MAX_HELD: u64 = 16 << 20;

/// What one commit may have to check and apply, while no other does.
const MAX_ENTRIES: u32 = 100_000;
const MAX_TRANSACTION: u64 = 256 << 20;

/// The defaults, with what the manifest gives in their place.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Limits> {
    let fields = reader.fields(item, KEYS)?;
    let base = Limits::default();
    let memory = fields.or("memory", base.memory, |item| size_up_to(reader, item, MAX_MEMORY, "4GiB"));
    let wall_time = fields.or("wall-time", base.wall_time, |item| reader.parse(item, units::duration));
    let concurrency = fields.or("concurrency", base.concurrency, |item| reader.count32(item));
    let fuel = fields.or("fuel", base.fuel, |item| fuel(reader, item));
    let request_body = fields.or("request-body", base.request_body, |item| size(reader, item).map(Some));
    let request_headers = fields.or("request-headers", base.request_headers, |item| size(reader, item));
    let handles = fields.or("handles", base.handles, |item| reader.count_up_to(item, MAX_HANDLES));
    let stdio = fields.or("stdio", base.stdio, |item| size(reader, item));
    let random = fields.or("random", base.random, |item| size(reader, item));
    let invoke_payload = fields
        .or("invoke-payload", base.invoke_payload, |item| size_up_to(reader, item, MAX_PAYLOAD, "4MiB"));
    let held_body =
        fields.or("held-body", base.held_body, |item| size_up_to(reader, item, MAX_HELD, "16MiB"));
    let transaction_entries = fields
        .or("transaction-entries", base.transaction_entries, |item| reader.count_up_to(item, MAX_ENTRIES));
    let transaction_size = fields.or("transaction-size", base.transaction_size, |item| {
        size_up_to(reader, item, MAX_TRANSACTION, "256MiB")
    });
    Some(Limits {
        memory: memory?,
        wall_time: wall_time?,
        concurrency: concurrency?,
        fuel: fuel?,
        request_body: request_body?,
        request_headers: request_headers?,
        handles: handles?,
        stdio: stdio?,
        random: random?,
        invoke_payload: invoke_payload?,
        held_body: held_body?,
        transaction_entries: transaction_entries?,
        transaction_size: transaction_size?,
    })
}

/// The fuel that a route limits its calls to, if it does.
pub(crate) fn of_route(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Option<u64>> {
    let fields = reader.fields(item, ROUTE_KEYS)?;
    fields.or("fuel", None, |item| fuel(reader, item))
}

fn fuel(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Option<u64>> {
    reader.count(item, u64::MAX).map(Some)
}

/// A size that is not zero.
pub(crate) fn size(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<u64> {
    reader.parse(item, |text| match units::size(text)? {
        0 => Err(Wrong::new("a limit of zero").help("to have the default, leave the key out")),
        bytes => Ok(bytes),
    })
}

/// A size that is neither zero nor above `max`, which people write as `name`.
pub(crate) fn size_up_to(reader: &mut Reader<'_>, item: &Item<'_>, max: u64, name: &str) -> Option<u64> {
    let bytes = size(reader, item)?;
    let text = reader.text(item)?;
    let wrong = || Wrong::new(format!("{} is too large", shown(text))).help(format!("at most `{name}`"));
    reader.accept(item, if bytes <= max { Ok(bytes) } else { Err(wrong()) })
}
