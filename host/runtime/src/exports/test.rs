//! Calls a test component's `mecha:test/suite`.

use std::sync::Arc;

use mecha_primitives::identity::Identity;

use super::{lacking, run};
use crate::{bindings::exports::mecha::test::suite::Guest, fault::Fault, micrologic::Micrologic};

/// The interface, without its version.
pub const INTERFACE: &str = "mecha:test/suite";

/// Asks for the names of the cases.
///
/// # Errors
/// What ended the call instead.
pub async fn cases(micrologic: &Micrologic, identity: Arc<Identity>) -> Result<Vec<String>, Fault> {
    let indices = micrologic.handlers().suite.as_ref().ok_or_else(|| lacking(INTERFACE))?;
    run(micrologic, identity, async |store, instance| {
        let guest: Guest = indices.load(&mut *store, instance)?;
        guest.call_cases(&mut *store).await
    })
    .await
}

/// Runs a case. The inner error is the test's own: what it expected and did not find.
///
/// # Errors
/// What ended the call instead.
pub async fn case(
    micrologic: &Micrologic,
    identity: Arc<Identity>,
    name: &str,
) -> Result<Result<(), String>, Fault> {
    let indices = micrologic.handlers().suite.as_ref().ok_or_else(|| lacking(INTERFACE))?;
    run(micrologic, identity, async |store, instance| {
        let guest: Guest = indices.load(&mut *store, instance)?;
        guest.call_run(&mut *store, name).await
    })
    .await
}
