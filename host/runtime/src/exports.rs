//! How the host calls a component: a file for each handler that a component may export.
//!
//! All but HTTP's take a record and give one back: an instance of its own, one call, an end.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt as _;
use mecha_primitives::{bindings::excerpt_of, identity::Identity};
use wasmtime::{
    Store,
    component::{Instance, InstancePre},
};

use crate::{
    bindings::exports::mecha::{bindings, invoke as invocation, jobs as schedules, pubsub, test as testing},
    call::Data,
    fault::{Fault, Kind},
    micrologic::Micrologic,
};

pub mod events;
pub mod http;
pub mod inputs;
pub mod invoke;
pub mod jobs;
pub mod test;
pub mod typed;

/// The handlers that a component exports, found when it is linked.
#[derive(Clone, Default)]
pub(crate) struct Handlers {
    pub(crate) event: Option<pubsub::handler::GuestIndices>,
    pub(crate) batch: Option<pubsub::batch_handler::GuestIndices>,
    pub(crate) invoke: Option<invocation::handler::GuestIndices>,
    pub(crate) job: Option<schedules::handler::GuestIndices>,
    pub(crate) input: Option<bindings::input_handler::GuestIndices>,
    pub(crate) suite: Option<testing::suite::GuestIndices>,
}

impl Handlers {
    pub(crate) fn find(pre: &InstancePre<Data>, exports: impl Fn(&str) -> bool) -> wasmtime::Result<Self> {
        Ok(Self {
            event: exports(events::INTERFACE).then(|| pubsub::handler::GuestIndices::new(pre)).transpose()?,
            batch: exports(events::BATCH_INTERFACE)
                .then(|| pubsub::batch_handler::GuestIndices::new(pre))
                .transpose()?,
            invoke: exports(invoke::INTERFACE)
                .then(|| invocation::handler::GuestIndices::new(pre))
                .transpose()?,
            job: exports(jobs::INTERFACE).then(|| schedules::handler::GuestIndices::new(pre)).transpose()?,
            input: exports(inputs::INTERFACE)
                .then(|| bindings::input_handler::GuestIndices::new(pre))
                .transpose()?,
            suite: exports(test::INTERFACE).then(|| testing::suite::GuestIndices::new(pre)).transpose()?,
        })
    }
}

/// Makes an instance, and runs a call in it until its end or its deadline. The instance is gone hereafter.
pub(crate) async fn run<T>(
    micrologic: &Micrologic,
    identity: Arc<Identity>,
    call: impl AsyncFnOnce(&mut Store<Data>, &Instance) -> wasmtime::Result<T> + Send,
) -> Result<T, Fault> {
    let left = identity.deadline.since(micrologic.now());
    let mut store =
        micrologic.store(identity).map_err(|error| Fault::new(Kind::Host, format!("{error:?}")))?;
    let done = async {
        let instance = micrologic.pre().instantiate_async(&mut *store).await?;
        call(&mut store, &instance).await
    };
    let outcome = match tokio::time::timeout(left, AssertUnwindSafe(done).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => return Err(Fault::new(Kind::Host, panic_text(&*panic))),
        Err(_) => return Err(Fault::new(Kind::Deadline, format!("not done after {left:?}"))),
    };
    match outcome {
        Ok(value) => {
            store.data().end.well();
            Ok(value)
        }
        Err(error) => Err(Fault::of(&error, store.data())),
    }
}

/// A handler's reason, as the log and a dead letter may hold it.
pub(crate) fn reason(text: &str) -> Arc<str> {
    const MOST: usize = 1000;
    excerpt_of(text, MOST).into()
}

/// What a call ends with whose component has no such handler. The manifest's check does not let it come so far.
pub(crate) fn lacking(interface: &str) -> Fault {
    Fault::new(Kind::Host, format!("the component exports no `{interface}`"))
}

pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the host panicked: {}", text.unwrap_or("without a message"))
}
