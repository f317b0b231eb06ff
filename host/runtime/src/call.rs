//! One call: who it is for, what it may do; and the data that its instance needs meanwhile.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use mecha_primitives::{clock::Clock, identity::Identity, random::Random};
use rand::rngs::StdRng;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{
    gate::{Director, Observer},
    grants::{Granted, Grants},
    imports::test::Driver,
    limits::{Limits, Meter},
    outbound::{Client, Hooks, Upstream},
    stdio, wasi,
};

/// A call. Cheap to clone; [`enter`](Call::enter) is the gate to everything that it may reach.
#[derive(Debug, Clone)]
pub struct Call {
    pub identity: Arc<Identity>,
    pub(crate) shared: Arc<Shared>,
}

impl Call {
    /// What was granted, as it is, or as a part of the call's unit of work, which not all can be.
    pub(crate) fn joined<G: Granted>(&self, granted: G) -> Option<G> {
        match &self.identity.unit {
            None => Some(granted),
            Some(unit) => granted.over(unit, &self.identity),
        }
    }
}

/// What all calls of one component share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) services: Arc<Services>,
    pub(crate) output: stdio::Budget,
    pub(crate) client: Client,
    /// The app that a test component tests.
    pub(crate) driver: Option<Tested>,
}

/// An app under test, behind who drives it.
pub(crate) struct Tested(pub(crate) Arc<dyn Driver>);

impl fmt::Debug for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tested")
    }
}

/// What all calls of the host share.
pub struct Services {
    pub clock: Arc<dyn Clock>,
    /// Gives each call its own source of random numbers.
    pub random: Arc<dyn Fn() -> StdRng + Send + Sync>,
    /// For what the host itself draws: ids of calls and events.
    pub lots: Arc<dyn Random>,
    pub observer: Arc<dyn Observer>,
    /// Stands at the gate, if there is one.
    pub director: Option<Arc<dyn Director>>,
    /// Whether guests live by `clock` alone: their monotonic clock is made from it as well.
    pub virtual_time: bool,
    /// Answers requests to the outside in place of the network, if there is one.
    pub upstream: Option<Arc<dyn Upstream>>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// What the instance's wasmtime store holds. Contexts that many guests never ask for are made when they are
/// first asked for.
pub struct Data {
    /// Before `table`, which holds what the guest has not finished: it is dropped in this order.
    pub(crate) end: End,
    pub(crate) call: Call,
    pub(crate) table: ResourceTable,
    wasi: Option<WasiCtx>,
    http: WasiHttpCtx,
    hooks: Hooks,
    pub(crate) memory: Meter,
}

impl Data {
    pub(crate) fn new(call: Call) -> Self {
        let limits = &call.shared.limits;
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles as usize);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(usize::try_from(limits.headers).unwrap_or(usize::MAX));
        let memory = Meter::new(limits.memory);
        Self { end: End::default(), hooks: Hooks::new(call.clone()), call, table, wasi: None, http, memory }
    }
}

/// Tells how an instance ended, before what it held is gone: a body whose writer has disappeared is whole if the
/// guest ended well, or is still running, and cut off otherwise.
#[derive(Debug, Default)]
pub(crate) struct End(Arc<Outcome>);

#[derive(Debug, Default)]
pub(crate) struct Outcome {
    well: AtomicBool,
    gone: AtomicBool,
}

impl End {
    pub(crate) fn outcome(&self) -> Arc<Outcome> {
        self.0.clone()
    }

    pub(crate) fn well(&self) {
        self.0.well.store(true, Ordering::Release);
    }
}

impl Outcome {
    /// Whether the instance is gone, and did not end well.
    pub(crate) fn is_bad(&self) -> bool {
        self.gone.load(Ordering::Acquire) && !self.well.load(Ordering::Acquire)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.0.gone.store(true, Ordering::Release);
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Data({:?})", self.call)
    }
}

impl WasiView for Data {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let ctx = self.wasi.get_or_insert_with(|| wasi::context(&self.call));
        WasiCtxView { ctx, table: &mut self.table }
    }
}

impl WasiHttpView for Data {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}
