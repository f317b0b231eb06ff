//! Looks at what there is in a world.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use mecha_manifest::suite::StoreRef;
use mecha_primitives::{
    commit::{Budget, Engine, Record, Span, Stamp},
    jobs::{self, Jobs, Scheduler as _, component_account},
    name,
    pubsub::{Event, layout::Stored},
};

use super::{
    recorder::Notes,
    seen::{Job, Seen},
    world::World,
};

/// Events that have been looked at, by where they are: those that time takes away stay here.
pub type Found = BTreeMap<(Stamp, name::Topic), Stored>;

impl World {
    /// Everything that can be looked at now. `found` are the events of former looks.
    ///
    /// # Errors
    /// Those of the engines.
    pub async fn look(&self, notes: Notes, found: &mut Found) -> anyhow::Result<Seen> {
        self.find_events(found).await?;
        let asked = self.outside.asked();
        let own = |topic: &name::Topic, event: &Event| {
            asked.given.contains(&(topic.clone(), event.source().to_owned(), event.id().to_owned()))
        };
        let events = found.iter().filter(|((_, topic), stored)| !own(topic, &stored.event));
        let events = events.map(|((_, topic), stored)| (topic.clone(), stored.event.clone())).collect();
        Ok(Seen {
            state: self.state().await?,
            events,
            jobs: self.jobs().await?,
            outputs: asked.outputs,
            requests: asked.requests,
            callees: asked.callees,
            lines: notes.lines,
            calls: notes.calls,
            steps: notes.steps,
        })
    }

    /// Notes the events that there are.
    ///
    /// # Errors
    /// Those of the engines.
    pub async fn find_events(&self, found: &mut Found) -> anyhow::Result<()> {
        for topic in self.events.topics() {
            if topic.name().as_str().starts_with("outbox.") {
                continue;
            }
            let prefix = topic.keys().events();
            for (key, record) in all(topic.engine(), &prefix).await? {
                let (Some(stamp), Some(stored)) = (Stamp::of(&key), Stored::decode(&record.value)) else {
                    continue;
                };
                found.insert((stamp, topic.name().clone()), stored);
            }
        }
        Ok(())
    }

    pub(super) async fn state(&self) -> anyhow::Result<BTreeMap<(StoreRef, String), Bytes>> {
        let mut state = BTreeMap::new();
        let prefix = format!("{}/state/", self.app.name);
        for engine in self.engines.embedded.iter().chain([&self.engines.memory]) {
            for (key, record) in all(engine, prefix.as_bytes()).await? {
                let Some((store, key)) = parse(&key[prefix.len()..]) else { continue };
                state.insert((store, key), record.value);
            }
        }
        Ok(state)
    }

    pub(super) async fn jobs(&self) -> anyhow::Result<Vec<Job>> {
        let Some(engine) = &self.engines.embedded else { return Ok(vec![]) };
        let mut found = vec![];
        for meta in self.app.components.iter().filter(|meta| meta.jobs) {
            let account = component_account(&self.app.name, &meta.name);
            let options = jobs::Options { lease: Duration::ZERO, retry: Default::default(), max_bytes: None };
            let lots = self.dispatcher.random.clone();
            let jobs = Jobs::new(engine.clone(), self.clock.clone(), lots, account, options);
            found.extend(jobs.list("", jobs::MAX_LIST).await?.jobs.into_iter().map(|status| Job {
                component: meta.name.clone(),
                name: status.job.name.to_string(),
                due: Some(status.next_run),
                data: status.job.data,
            }));
        }
        Ok(found)
    }
}

/// The store and the key of a record of state.
fn parse(key: &[u8]) -> Option<(StoreRef, String)> {
    let (scope, key) = std::str::from_utf8(key).ok()?.split_once('/')?;
    let (store, component) = match scope.split_once('@') {
        Some((store, component)) => (store, Some(component.parse().ok()?)),
        None => (scope, None),
    };
    Some((StoreRef { store: store.parse().ok()?, component }, key.to_owned()))
}

/// All keys that begin with this.
fn below(prefix: &[u8]) -> Span {
    // Prefixes end with a slash: the next byte is above all keys below it.
    let end = prefix.split_last().map(|(last, rest)| [rest, &[last + 1]].concat().into());
    Span { start: Bytes::copy_from_slice(prefix), end, reverse: false }
}

/// All live records whose keys begin with this.
async fn all(engine: &Arc<dyn Engine>, prefix: &[u8]) -> anyhow::Result<Vec<(Bytes, Record)>> {
    let snapshot = engine.snapshot().await?;
    let budget = Budget { records: 1000, bytes: 8 << 20, values: true };
    let mut span = below(prefix);
    let mut records = vec![];
    loop {
        let (found, more) = snapshot.scan(&span, budget).await?;
        if let Some((last, _)) = found.last() {
            span.start = [last, &[0][..]].concat().into();
        }
        records.extend(found);
        if !more {
            return Ok(records);
        }
    }
}
