//! How a component calls the host: a file for each interface, which looks up the grant, calls and converts.

use std::time::Duration;

use mecha_primitives::class::Class;
use wasmtime::component::Linker;

use crate::{
    call::{Call, Data},
    gate::{Need, Operation, Refused},
    grants::{Granted, Grants},
};

pub(crate) mod bindings;
pub(crate) mod host;
pub(crate) mod invoke;
pub(crate) mod jobs;
pub(crate) mod pubsub;
pub(crate) mod state;
pub mod test;

pub use pubsub::event_id;

/// Links everything that the host has for components that are served. What a component may do with it, its grants decide.
pub(crate) fn link(linker: &mut Linker<Data>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    bindings::link(linker)?;
    host::link(linker)?;
    invoke::link(linker)?;
    jobs::link(linker)?;
    pubsub::link(linker)?;
    state::link(linker)
}

/// Looks a name up in what the call was granted: the gate's operation `open` of a primitive.
async fn granted<G: Granted>(
    call: &Call,
    (primitive, name): (&'static str, &str),
    find: impl FnOnce(&Grants) -> Option<G>,
) -> Result<Option<G>, Refused> {
    let mut entered = call.enter(Operation { primitive, verb: "open", need: Need::Named(name) }).await?;
    let Some(found) = find(&call.shared.grants) else {
        entered.fail(Class::NotFound);
        return Ok(None);
    };
    let Some(found) = call.joined(found) else {
        entered.fail(Class::Denied);
        let text = "it cannot take part in an atomic call; grant it with `outside: allow`";
        return Err(Refused::Denied(text.to_owned()));
    };
    entered.succeed()?;
    Ok(Some(found))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The interfaces that the host has, with the versions that it speaks: `(interface, version)`.
pub const SERVED: &[(&str, &str)] = &[
    ("mecha:bindings/outputs", "0.1"),
    ("mecha:bindings/types", "0.1"),
    ("mecha:host/context", "0.1"),
    ("mecha:invoke/targets", "0.1"),
    ("mecha:invoke/types", "0.1"),
    ("mecha:jobs/scheduler", "0.1"),
    ("mecha:jobs/types", "0.1"),
    ("mecha:pubsub/delivery-types", "0.1"),
    ("mecha:pubsub/topics", "0.1"),
    ("mecha:pubsub/types", "0.1"),
    ("mecha:state/bulk", "0.1"),
    ("mecha:state/counters", "0.1"),
    ("mecha:state/stores", "0.1"),
    ("mecha:state/transactions", "0.1"),
    ("mecha:state/types", "0.1"),
    ("wasi:cli/environment", "0.2"),
    ("wasi:cli/exit", "0.2"),
    ("wasi:cli/stderr", "0.2"),
    ("wasi:cli/stdin", "0.2"),
    ("wasi:cli/stdout", "0.2"),
    ("wasi:cli/terminal-input", "0.2"),
    ("wasi:cli/terminal-output", "0.2"),
    ("wasi:cli/terminal-stderr", "0.2"),
    ("wasi:cli/terminal-stdin", "0.2"),
    ("wasi:cli/terminal-stdout", "0.2"),
    ("wasi:clocks/monotonic-clock", "0.2"),
    ("wasi:clocks/wall-clock", "0.2"),
    ("wasi:filesystem/preopens", "0.2"),
    ("wasi:filesystem/types", "0.2"),
    ("wasi:http/outgoing-handler", "0.2"),
    ("wasi:http/types", "0.2"),
    ("wasi:io/error", "0.2"),
    ("wasi:io/poll", "0.2"),
    ("wasi:io/streams", "0.2"),
    ("wasi:random/insecure", "0.2"),
    ("wasi:random/insecure-seed", "0.2"),
    ("wasi:random/random", "0.2"),
    ("wasi:sockets/instance-network", "0.2"),
    ("wasi:sockets/ip-name-lookup", "0.2"),
    ("wasi:sockets/network", "0.2"),
    ("wasi:sockets/tcp", "0.2"),
    ("wasi:sockets/tcp-create-socket", "0.2"),
    ("wasi:sockets/udp", "0.2"),
    ("wasi:sockets/udp-create-socket", "0.2"),
];

/// What the host lacks of an import, and what it has instead. `None`: it has it.
#[must_use]
pub fn lacking(import: &str) -> Option<String> {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    if interface == test::INTERFACE {
        return Some(
            "only tests have it: put the component into `tests/` beside the manifest, and run `mecha-host test`"
                .to_owned(),
        );
    }
    match SERVED.iter().find(|(served, _)| *served == interface) {
        Some((_, served)) if is_compatible(version, served) => None,
        Some((_, served)) => Some(format!("this host has `{interface}` in version {served}")),
        None => {
            let package = interface.split('/').next().unwrap_or_default();
            let siblings: Vec<_> = SERVED
                .iter()
                .filter(|(served, _)| served.split('/').next() == Some(package))
                .map(|(served, version)| format!("{served}@{version}"))
                .collect();
            Some(match siblings.is_empty() {
                true => format!("this host has nothing of the package `{package}`"),
                false => format!("of `{package}` this host has {}", siblings.join(", ")),
            })
        }
    }
}

/// Below 1.0 versions are compatible if major and minor are the same. (Semantic Versioning 2.0.0, as wasmtime links.)
fn is_compatible(version: &str, served: &str) -> bool {
    version.strip_prefix(served).is_some_and(|rest| rest.starts_with('.') && !rest.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_said_with_what_there_is() {
        assert_eq!(lacking("wasi:http/types@0.2.0"), None);
        assert_eq!(lacking("wasi:http/types@0.2.9"), None);
        assert_eq!(lacking("mecha:state/stores@0.1.0"), None);
        let cases = [
            ("wasi:http/types@0.3.0", "this host has `wasi:http/types` in version 0.2"),
            ("wasi:http/types@0.20.0", "this host has `wasi:http/types` in version 0.2"),
            ("wasi:http/types@0.2.0-rc-1", "this host has `wasi:http/types` in version 0.2"),
            (
                "mecha:test/app@0.1.0",
                "only tests have it: put the component into `tests/` beside the manifest, and run `mecha-host test`",
            ),
            ("acme:x/y@1.0.0", "this host has nothing of the package `acme:x`"),
            (
                "wasi:random/better@0.2.0",
                "of `wasi:random` this host has wasi:random/insecure@0.2, wasi:random/insecure-seed@0.2, \
                 wasi:random/random@0.2",
            ),
        ];
        for (import, expected) in cases {
            assert_eq!(lacking(import).as_deref(), Some(expected));
        }
    }
}
