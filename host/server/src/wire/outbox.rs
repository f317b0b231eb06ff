//! Outboxes: for each output that atomic calls use, a topic of the host's own, with a group that carries out what is in it.
//!
//! They are topics and subscriptions like others, so an operator sees, pauses, and replays them as such.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use mecha_manifest::{self as manifest, App, OutputKind, Outside};
use mecha_primitives::{
    bindings::{
        Output,
        deferred::{self, Deferring},
    },
    commit::{self, Engine},
    delivery::Retry,
    name,
    pubsub::{
        begin::Start,
        census,
        group::Group,
        layout::TopicKeys,
        queue::{self, Queue},
        topic::{Member, Options, Topic},
    },
};
use tokio::sync::{Notify, watch};

use super::{
    Engines,
    events::{Events, Sources, Subscription},
};
use crate::dispatch::lease;

/// The outboxes of an app: by output, and whether it is in memory.
#[derive(Debug, Default)]
pub(crate) struct Outboxes(BTreeMap<(name::Binding, bool), Arc<Topic>>);

/// One attempt at an operation that has no time of its own, at the most.
const LEASE: Duration = Duration::from_secs(120);
/// The largest operation: what an output takes, in the form that it has in an event.
const LARGEST: u64 = 8 << 20;
/// Where operations go that are given up.
const DEAD_LETTERS: &str = "dead-letters";

impl Outboxes {
    /// Makes them among the topics and subscriptions.
    ///
    /// # Errors
    /// If there is no storage for one, or an output's name is too long for a topic of that name.
    pub(super) fn new(
        app: &App,
        engines: &Engines,
        sources: Sources<'_>,
        events: &mut Events,
    ) -> anyhow::Result<Self> {
        let mut outboxes = Self::default();
        for component in app.components.iter().filter(|component| app.has_atomic(component)) {
            let in_memory = app.is_in_memory(component);
            for grant in component.outputs.iter().filter(|grant| grant.outside == Outside::Forbidden) {
                let of = (grant.output.clone(), in_memory);
                if let Entry::Vacant(vacant) = outboxes.0.entry(of) {
                    let topic = add(app, engines, sources, events, vacant.key())
                        .with_context(|| format!("the outbox of the output `{}`", grant.output))?;
                    vacant.insert(topic);
                }
            }
        }
        Ok(outboxes)
    }

    /// An output as a component has it.
    pub(super) fn wrapped(
        &self,
        app: &App,
        meta: &manifest::Component,
        grant: &manifest::OutputGrant,
        output: Arc<dyn Output>,
        sources: Sources<'_>,
    ) -> Arc<dyn Output> {
        if !app.has_atomic(meta) {
            return output;
        }
        match self.0.get(&(grant.output.clone(), app.is_in_memory(meta))) {
            Some(topic) if grant.outside == Outside::Forbidden => {
                Arc::new(Deferring::new(output, topic.clone(), sources.0.clone()))
            }
            _ => Arc::new(deferred::Outside(output)),
        }
    }

    /// The outputs, with the places of their outboxes among the subscriptions.
    pub(super) fn carried(&self) -> impl Iterator<Item = (&name::Binding, &Arc<Topic>)> {
        self.0.iter().map(|((output, _), topic)| (output, topic))
    }
}

/// Outboxes that the manifest no longer asks for, with how many operations are left in each: nobody carries them out.
///
/// # Errors
/// Those of the engine.
pub(super) async fn left(
    engine: &dyn Engine,
    app: &name::App,
    is_meant: impl Fn(&name::Topic) -> bool,
) -> Result<Vec<(name::Topic, u64)>, commit::Error> {
    let before = format!("{app}/pubsub/");
    let (start, end) = (Bytes::from(format!("{before}outbox.")), Bytes::from(format!("{before}outbox/")));
    let mut left = vec![];
    for account in commit::accounts(&*engine.snapshot().await?, start, end).await? {
        let name = account[..account.len() - 1].get(before.len()..);
        let topic = name.and_then(|name| std::str::from_utf8(name).ok()?.parse().ok());
        if let Some(topic) = topic.filter(|topic| !is_meant(topic)) {
            let operations = census::events(engine, &TopicKeys::new(app, &topic)).await?;
            left.extend((operations > 0).then_some((topic, operations)));
        }
    }
    Ok(left)
}

fn add(
    app: &App,
    engines: &Engines,
    sources: Sources<'_>,
    events: &mut Events,
    (output, in_memory): &(name::Binding, bool),
) -> anyhow::Result<Arc<Topic>> {
    let engine: Arc<dyn Engine> = match in_memory {
        true => engines.memory.clone(),
        false => engines.embedded.clone().context("there is no storage for it")?,
    };
    let (dots, dashes) = if *in_memory { (".memory", "-memory") } else { ("", "") };
    let name: name::Topic = format!("outbox.{output}{dots}").parse().context("its name is too long")?;
    let subscription: name::Subscription =
        format!("outbox-{output}{dashes}").parse().context("its name is too long")?;
    if events.topic(&name).is_some() {
        anyhow::bail!("the app has a topic `{name}` of its own: give it another name");
    }
    if app.subscriptions.iter().any(|one| one.name == subscription) {
        anyhow::bail!("the app has a subscription `{subscription}` of its own: give it another name");
    }
    let by = || (sources.0.clone(), sources.1.clone());
    let dead: name::Topic = DEAD_LETTERS.parse().context("no topic")?;
    let dead = events.buried_at(dead, |dead| {
        Topic::new(&app.name, dead, engine.clone(), by(), Options::default(), vec![])
    });
    let changed = Arc::new(Notify::new());
    let group: name::Group = "outbox".parse().context("no group")?;
    let member = Member { group: group.clone(), filter: None, ordered: true, changed: changed.clone() };
    let options = Options { max_event: LARGEST, window: None, ..Options::default() };
    let topic = Arc::new(Topic::new(&app.name, name, engine.clone(), by(), options, vec![member.clone()]));
    let options =
        queue::Options { retry: Retry::default(), lease: lease_of(app, output), dead_letters: Some(dead) };
    let (clock, random) = by();
    let owner = random.next();
    let queue = Queue::new(&topic, group, changed.clone(), options, owner, clock, random);
    events.add(
        topic.clone(),
        Subscription {
            name: subscription,
            member,
            start: Start::New,
            topics: vec![topic.clone()],
            group: Arc::new(Group::new(vec![queue], changed)),
            paused: watch::channel(false).0,
            engine,
        },
    );
    Ok(topic)
}

/// As long as an attempt may take: an upstream that is slow must not be asked again meanwhile.
fn lease_of(app: &App, output: &name::Binding) -> Duration {
    let declared = app.outputs.iter().find(|declared| declared.name == *output);
    match declared.map(|declared| &declared.kind) {
        Some(OutputKind::Http(upstream)) => LEASE.max(lease(upstream.timeout)),
        _ => LEASE,
    }
}

#[cfg(test)]
mod tests {
    use mecha_backends::memory;
    use mecha_primitives::{
        clock::ManualClock,
        commit::{Action, Batch, Change, Record, Version},
        identity::CallId,
    };

    use super::*;

    #[test]
    fn outboxes_that_nobody_empties_any_more_are_found() {
        let engine = memory::Engine::new(Arc::new(ManualClock::default()));
        let keys = [
            "a/pubsub/orders/e/1",
            "a/pubsub/outbox.asked/e/1",
            "a/pubsub/outbox.empty/m/outbox",
            "a/pubsub/outbox.gone/e/1",
            "a/pubsub/outbox.gone/e/2",
            "a/pubsub/outbox.gone.memory/e/1",
            "a/pubsub/outboxes/e/1",
            "b/pubsub/outbox.other/e/1",
        ];
        let put = |key: &'static str| Change {
            key: Bytes::from(key),
            expect: None,
            action: Action::Put(Record {
                version: Version::new(CallId(1), 0, 0),
                expires_at: None,
                media_type: None,
                value: Bytes::new(),
            }),
        };
        let batch = Batch { changes: keys.into_iter().map(put).collect(), ..Batch::default() };
        let found = async {
            engine.commit(batch).await.unwrap();
            let is_meant = |topic: &name::Topic| topic.as_str() == "outbox.asked";
            left(&engine, &"a".parse().unwrap(), is_meant).await.unwrap()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(found);
        let found: Vec<_> = found.iter().map(|(topic, operations)| (topic.as_str(), *operations)).collect();
        assert_eq!(found, [("outbox.gone.memory", 1), ("outbox.gone", 2)]);
    }
}
