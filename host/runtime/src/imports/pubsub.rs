//! `mecha:pubsub/topics`: looks the topic up in the call's grants, passes the gate, publishes.

use std::time::Duration;

use bytes::Bytes;
use mecha_primitives::{
    class::Class,
    pubsub::{
        self as seam, MAX_KEY, MAX_MESSAGES, MAX_TIME,
        event::{Defaults, Draft},
    },
    random::Random,
};
use wasmtime::{
    Result,
    component::{HasSelf, Linker, Resource},
};

use super::{granted, millis};
use crate::{
    bindings::mecha::pubsub::{
        topics,
        types::{self, Error, Message},
    },
    call::{Call, Data},
    gate::{Entered, Need, Operation, Refused},
    grants::Topic as Grant,
};

/// An open topic in a guest's hands.
pub struct Handle(Grant);

pub(super) fn link(linker: &mut Linker<Data>) -> Result<()> {
    types::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)?;
    topics::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)
}

type Answer<T> = Result<Result<T, Error>>;

impl topics::Host for Data {
    async fn open(&mut self, name: String) -> Answer<Resource<Handle>> {
        Ok(match granted(&self.call, ("pubsub", &name), |grants| grants.topic(&name)).await {
            Ok(Some(grant)) => Ok(self.table.push(Handle(grant))?),
            Ok(None) => Err(Error::NoSuchTopic(name)),
            Err(refused) => Err(refused.into()),
        })
    }
}

impl types::Host for Data {}

impl types::HostTopic for Data {
    async fn name(&mut self, handle: Resource<Handle>) -> Result<String> {
        Ok(self.table.get(&handle)?.0.name.to_string())
    }

    async fn publish(&mut self, handle: Resource<Handle>, message: Message) -> Answer<String> {
        let opened = Opened { call: self.call.clone(), grant: self.table.get(&handle)?.0.clone() };
        let outcome = opened.publish("publish", vec![message]).await;
        let missing = || Err(Error::Other("the topic gave no outcome".into()));
        Ok(outcome.and_then(|mut outcomes| outcomes.pop().unwrap_or_else(missing)))
    }

    async fn publish_many(
        &mut self,
        handle: Resource<Handle>,
        messages: Vec<Message>,
    ) -> Answer<Vec<Result<String, Error>>> {
        if messages.len() > MAX_MESSAGES {
            let message = format!("at most {MAX_MESSAGES} messages at once; these are {}", messages.len());
            return Ok(Err(Error::InvalidArgument(message)));
        }
        let opened = Opened { call: self.call.clone(), grant: self.table.get(&handle)?.0.clone() };
        Ok(opened.publish("publish-many", messages).await)
    }

    async fn drop(&mut self, handle: Resource<Handle>) -> Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

/// A topic that a call has in its hands.
struct Opened {
    call: Call,
    grant: Grant,
}

type Outcomes = Vec<Result<String, Error>>;

impl Opened {
    /// All messages pass the gate as one operation; each is checked by itself.
    async fn publish(&self, verb: &'static str, messages: Vec<Message>) -> Result<Outcomes, Error> {
        let mut entered: Entered = self
            .call
            .enter(Operation { primitive: "pubsub", verb, need: Need::Publish(&self.grant) })
            .await?;
        entered.gave(messages.iter().map(|message| message.data.len()).sum());
        let mut checked = Vec::with_capacity(messages.len());
        let mut good = Vec::with_capacity(messages.len());
        for message in messages {
            checked.push(self.check(message).map(|message| good.push(message)));
        }
        let mut published = self.published(good).await.into_iter();
        let missing = || Err(seam::Error::Unavailable("the topic gave no outcome".into()));
        let outcomes: Vec<Result<String, seam::Error>> = checked
            .into_iter()
            .map(|outcome| outcome.and_then(|()| published.next().unwrap_or_else(missing)))
            .collect();
        match outcomes.iter().find_map(|outcome| outcome.as_ref().err()) {
            Some(error) => entered.fail(error.class()),
            None => entered.succeed()?,
        }
        Ok(outcomes.into_iter().map(|outcome| outcome.map_err(Error::from)).collect())
    }

    /// In a task of its own: a call that ends meanwhile does not keep the groups from being told.
    async fn published(&self, messages: Vec<seam::Message>) -> Vec<Result<String, seam::Error>> {
        if messages.is_empty() {
            return vec![];
        }
        let (publisher, deadline) = (self.grant.publisher.clone(), self.call.identity.deadline);
        let count = messages.len();
        let published = tokio::spawn(async move { publisher.publish(messages, deadline).await });
        published.await.unwrap_or_else(|_| vec![Err(seam::Error::Timeout); count])
    }

    /// The message as the topic takes it, with everything filled in that the guest left out.
    fn check(&self, message: Message) -> Result<seam::Message, seam::Error> {
        let time = |ms: Option<u64>, what| match ms.map(Duration::from_millis) {
            Some(time) if time > MAX_TIME => {
                Err(seam::Error::InvalidArgument(format!("{what} is at most {} ms", MAX_TIME.as_millis())))
            }
            Some(time) if time.is_zero() && what == "ttl-ms" => {
                Err(seam::Error::InvalidArgument("ttl-ms of 0: the message would never be delivered".into()))
            }
            time => Ok(time),
        };
        let (delay, ttl) = (time(message.delay_ms, "delay-ms")?, time(message.ttl_ms, "ttl-ms")?);
        if message.ordering_key.as_ref().is_some_and(|key| key.is_empty() || key.len() > MAX_KEY) {
            let message = format!("an ordering key has 1 to {MAX_KEY} bytes");
            return Err(seam::Error::InvalidArgument(message));
        }
        let recognizable = message.id.is_some();
        let draft = Draft {
            id: message.id,
            source: message.source,
            kind: message.event_type,
            subject: message.subject,
            time: None,
            content_type: message.content_type,
            schema: message.schema,
            // The host says which trace an event belongs to.
            extensions: message.extensions.into_iter().filter(|(name, _)| !is_trace(name)).collect(),
            data: Some(Bytes::from(message.data)),
        };
        let event = complete(&self.call, draft, &self.grant.default_type)?;
        if !self.grant.allows(event.kind()) {
            let message = format!(
                "on topic `{}` events of type `{}` may not be published",
                self.grant.name,
                event.kind()
            );
            return Err(seam::Error::Denied(message));
        }
        let key = message.ordering_key.map(std::sync::Arc::from);
        Ok(seam::Message { event, recognizable, key, delay, ttl })
    }
}

fn is_trace(extension: &str) -> bool {
    matches!(extension, "traceparent" | "tracestate")
}

/// Fills in what a draft lacks.
fn complete(call: &Call, draft: Draft, default_type: &str) -> Result<seam::Event, seam::Error> {
    let (identity, services) = (&call.identity, &call.shared.services);
    let id = draft.id.is_none().then(|| event_id(&*services.lots));
    let source = format!("/{}/{}", identity.app, identity.component);
    let defaults = Defaults {
        id: id.as_deref().unwrap_or_default(),
        source: &source,
        kind: default_type,
        time: services.clock.now(),
        traceparent: identity.traceparent.as_deref(),
    };
    draft.complete(&defaults).map_err(|wrong| seam::Error::InvalidArgument(wrong.to_string()))
}

/// An id for an event that has none: a random UUID.
#[must_use]
pub fn event_id(random: &dyn Random) -> String {
    uuid(random.call_id().0)
}

/// RFC 9562, section 5.4.
fn uuid(random: u128) -> String {
    let bits = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Denied(missing) => Self::AccessDenied(missing),
            Refused::Injected(class) => match class {
                Class::Busy(after) => Self::Busy(after.map(millis)),
                Class::Timeout => Self::Timeout,
                Class::Quota => Self::QuotaExceeded("injected".into()),
                _ => Self::Unavailable("injected".into()),
            },
        }
    }
}

impl From<seam::Error> for Error {
    fn from(error: seam::Error) -> Self {
        match error {
            seam::Error::InvalidArgument(text) => Self::InvalidArgument(text),
            seam::Error::Denied(text) => Self::AccessDenied(text),
            seam::Error::TooLarge(max) => Self::TooLarge(max),
            seam::Error::QuotaExceeded(text) => Self::QuotaExceeded(text),
            seam::Error::Busy(after) => Self::Busy(after.map(millis)),
            seam::Error::Timeout => Self::Timeout,
            seam::Error::Unavailable(text) => Self::Unavailable(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_says_that_it_is_random() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
