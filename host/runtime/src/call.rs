//! The data of one call: what its store holds.
//!
//! Contexts that many guests never ask for are made when they are first asked for.

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
    wasi,
};

/// What all calls of one component share.
#[derive(Debug)]
pub struct Shared {
    pub grants: Grants,
    pub limits: Limits,
    pub services: Arc<Services>,
    pub(crate) faults: Option<Arc<dyn Faults>>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) output: crate::stdio::Budget,
}

/// What all calls of the host share.
pub struct Services {
    pub clock: Arc<dyn Clock>,
    /// Gives each call its own source of random numbers.
    pub random: Arc<dyn Fn() -> StdRng + Send + Sync>,
    pub observer: Arc<dyn Observer>,
    pub faults: Option<Arc<dyn Faults>>,
    pub client: Client,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// One call.
pub struct Call {
    pub identity: Arc<Identity>,
    shared: Arc<Shared>,
    pub(crate) table: ResourceTable,
    wasi: Option<WasiCtx>,
    http: WasiHttpCtx,
    hooks: Hooks,
    pub(crate) memory: Meter,
}

impl Call {
    pub(crate) fn new(identity: Arc<Identity>, shared: Arc<Shared>) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(shared.limits.handles as usize);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(usize::try_from(shared.limits.headers).unwrap_or(usize::MAX));
        let hooks = Hooks::new(identity.clone(), shared.clone());
        let memory = Meter::new(shared.limits.memory);
        Self { identity, shared, table, wasi: None, http, hooks, memory }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(crate) fn memory_was_refused(&self) -> bool {
        self.memory.refused
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({})", self.identity.call)
    }
}

impl WasiView for Call {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let ctx = self.wasi.get_or_insert_with(|| wasi::context(&self.identity, &self.shared));
        WasiCtxView { ctx, table: &mut self.table }
    }
}

impl WasiHttpView for Call {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}
