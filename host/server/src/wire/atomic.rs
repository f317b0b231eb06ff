//! What atomic calls need: the engine that one commit of theirs covers, and who hears of their conflicts.

use std::{num::NonZero, sync::Arc};

use http::HeaderName;
use mecha_manifest::{self as manifest, HostPattern, Idempotency};
use mecha_primitives::{
    commit::Engine,
    unit::{Bounds, Transactions, transactions::Options},
};

use super::Wiring;
use crate::{
    apps::{Endpoint, Target},
    conflicts::Racing,
    dispatch::held::{Held, Keys},
    triggers::reply::Room,
};

impl Wiring<'_> {
    /// What makes transactions of a component's calls; `None` if no call of it is to be one.
    pub(super) fn transactions(&self, meta: &manifest::Component) -> Option<Arc<Transactions>> {
        let app = &self.loaded.app;
        let engine = self.engine_of(meta).filter(|_| app.has_atomic(meta))?;
        let racing = Racing {
            conflicts: self.conflicts.clone(),
            metrics: self.host.dispatcher.metrics.clone(),
            tenant: self.host.tenant.clone(),
            app: app.name.clone(),
            component: meta.name.clone(),
        };
        let services = &self.host.services;
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        let options = Options {
            runs: NonZero::new(meta.atomic.runs).unwrap_or(NonZero::<u32>::MIN),
            bounds: Bounds {
                entries: size(meta.limits.transaction_entries.into()),
                bytes: size(meta.limits.transaction_size),
            },
        };
        let (clock, lots) = (services.clock.clone(), services.lots.clone());
        Some(Arc::new(Transactions::new(engine, clock, lots, Arc::new(racing), options)))
    }

    /// Where all that a component keeps is, as far as its manifest was checked for that.
    fn engine_of(&self, meta: &manifest::Component) -> Option<Arc<dyn Engine>> {
        match self.loaded.app.is_in_memory(meta) {
            true => Some(self.engines.memory.clone()),
            false => self.engines.embedded.clone(),
        }
    }

    /// Who answers a component's route.
    pub(super) fn endpoint(
        &self,
        meta: &manifest::Component,
        route: &manifest::Route,
        target: &Arc<Target>,
    ) -> anyhow::Result<Endpoint> {
        let keys = match &route.idempotency {
            Some(asked) => self.keys(meta, route, asked)?,
            None => None,
        };
        if !route.atomic && keys.is_none() {
            return Ok(Endpoint::Component { target: target.clone(), fuel: route.fuel });
        }
        let held = Held { atomic: route.atomic, keys, room: Room::default(), fuel: route.fuel };
        Ok(Endpoint::Held(target.clone(), Arc::new(held)))
    }

    fn keys(
        &self,
        meta: &manifest::Component,
        route: &manifest::Route,
        asked: &Idempotency,
    ) -> anyhow::Result<Option<Keys>> {
        let Some(engine) = self.engine_of(meta) else { return Ok(None) };
        let host = route.host.as_ref().map(ToString::to_string).unwrap_or_default();
        Ok(Some(Keys {
            engine,
            clock: self.host.services.clock.clone(),
            route: format!("{host}{}", route.path),
            many_hosts: matches!(route.host, Some(HostPattern::Subdomains(_))),
            caller: asked.caller.as_deref().map(HeaderName::try_from).transpose()?,
            keep: asked.keep,
            required: asked.required,
            in_flight: self.in_flight.clone(),
        }))
    }
}
