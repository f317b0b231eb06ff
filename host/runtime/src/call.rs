//! One call: who it is for, what it may do; and the data that its instance needs meanwhile.

use std::{fmt, sync::Arc};

use mecha_primitives::{clock::Clock, identity::Identity};
use rand::rngs::StdRng;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::{
    gate::{Faults, Observer},
    grants::Grants,
    limits::{Limits, Meter},
    outbound::{Client, Hooks},
    stdio, wasi,
};

/// A call. Cheap to clone; [`enter`](Call::enter) is the gate to everything that it may reach.
#[derive(Debug, Clone)]
pub struct Call {
    pub identity: Arc<Identity>,
    pub(crate) shared: Arc<Shared>,
}

/// What all calls of one component share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) grants: Grants,
    pub(crate) limits: Limits,
    pub(crate) services: Arc<Services>,
    pub(crate) output: stdio::Budget,
    pub(crate) client: Client,
}

/// What all calls of the host share.
pub struct Services {
    pub clock: Arc<dyn Clock>,
    /// Gives each call its own source of random numbers.
    pub random: Arc<dyn Fn() -> StdRng + Send + Sync>,
    pub observer: Arc<dyn Observer>,
    pub faults: Option<Arc<dyn Faults>>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// What the instance's wasmtime store holds. Contexts that many guests never ask for are made when they are
/// first asked for.
pub struct Data {
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
        Self { hooks: Hooks::new(call.clone()), call, table, wasi: None, http, memory }
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
