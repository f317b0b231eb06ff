//! `mecha:state`: looks the store up in the call's grants, passes the gate, calls, converts.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _};
use mecha_primitives::{
    class::Class,
    commit::{Expect, Version},
    state::{self as seam, Action, Applied, Failure, Key, Page, Range, Step, StoreExt as _},
};
use wasmtime::{
    Result,
    component::{HasSelf, Linker, Resource},
};

use crate::{
    bindings::mecha::state::{
        bulk::{self, DeleteRequest, SetRequest},
        counters, stores,
        transactions::{self, StepFailure, TransactionError},
        types::{self, Entry, Error, Item, KeyPage, Precondition, SetOptions},
    },
    call::{Call, Data},
    gate::{Entered, Need, Operation, Refused},
    grants::{Access, Store as Grant},
};

/// An open store in a guest's hands.
pub struct Handle(Grant);

/// Keys in one bulk request at the most.
const MAX_BULK: usize = 1000;
/// Writes of one bulk request that are queued at once: they share a sync, and leave room for others.
const BULK_AT_ONCE: usize = 128;

pub(super) fn link(linker: &mut Linker<Data>) -> Result<()> {
    types::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)?;
    stores::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)?;
    bulk::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)?;
    transactions::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)?;
    counters::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)
}

type Answer<T> = Result<Result<T, Error>>;

/// A store that a call has in its hands.
struct Opened {
    call: Call,
    grant: Grant,
}

impl Data {
    fn opened(&self, handle: &Resource<Handle>) -> Result<Opened> {
        Ok(Opened { call: self.call.clone(), grant: self.table.get(handle)?.0.clone() })
    }
}

impl Opened {
    fn pass(&self, verb: &'static str, access: Access, key: &str) -> Result<Entered, Error> {
        let need = Need::Key(&self.grant, access, key);
        self.call.enter(Operation { primitive: "state", verb, need }).map_err(Error::from)
    }

    async fn read(&self, verb: &'static str, key: &str) -> Result<Option<seam::Item>, Error> {
        let entered = self.pass(verb, Access::Read, key)?;
        done(entered, async {
            let key = Key::new(key)?;
            if verb == "peek" { self.grant.store.peek(&key).await } else { self.grant.store.get(&key).await }
        })
        .await
    }

    async fn write(
        &self,
        verb: &'static str,
        access: Access,
        key: &str,
        step: impl FnOnce(&Self) -> Result<Step, seam::Error>,
    ) -> Result<Applied, Error> {
        let entered = self.pass(verb, access, key)?;
        done(entered, async { self.grant.store.apply_one(step(self)?).await }).await
    }

    async fn list(
        &self,
        verb: &'static str,
        range: types::Range,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<(seam::Listing, Option<String>), Error> {
        let need = Need::Keys(&self.grant, Access::Read, &range.prefix);
        let entered = self.call.enter(Operation { primitive: "state", verb, need })?;
        let page = Page { limit: limit as usize, values: verb == "scan" };
        let listing = done(entered, async {
            let after = cursor.as_deref().map(after).transpose()?;
            let types::Range { prefix, start, end, reverse } = range;
            self.grant.store.scan(&Range { prefix, start, end, reverse, after }, page).await
        })
        .await?;
        let last = listing.entries.last().filter(|_| listing.more);
        let next = last.map(|(key, _)| cursor_behind(key));
        Ok((listing, next))
    }

    /// Gives each write of the call its version.
    fn set_step(&self, key: &str, value: Vec<u8>, options: Option<SetOptions>) -> Result<Step, seam::Error> {
        let SetOptions { precondition, ttl_ms, content_type } =
            options.unwrap_or(SetOptions { precondition: None, ttl_ms: None, content_type: None });
        let action = Action::Set {
            value: Bytes::from(value),
            content_type: content_type.filter(|text| !text.is_empty()).map(Arc::from),
            ttl: ttl(ttl_ms)?,
            version: self.call.identity.next_version(),
        };
        step(key, precondition, action)
    }

    fn add_step(&self, key: &str, delta: i64, ttl_ms: Option<u64>) -> Result<Step, seam::Error> {
        step(key, None, Action::Add { delta, ttl: ttl(ttl_ms)?, version: self.call.identity.next_version() })
    }

    fn transaction_step(&self, step: transactions::Step) -> Result<Step, Error> {
        use transactions::Step as Wit;
        let (verb, access, made) = match step {
            Wit::Set(s) => {
                let access = set_access(s.options.as_ref());
                ("execute-set", access, self.set_step(&s.key, s.value, s.options))
            }
            Wit::Delete(s) => {
                let access = guarded(s.precondition.is_some());
                ("execute-delete", access, self::step(&s.key, s.precondition, Action::Delete))
            }
            Wit::Check(s) => {
                ("execute-check", Access::Read, self::step(&s.key, Some(s.precondition), Action::Check))
            }
            Wit::Add(s) => ("execute-add", Access::Write, self.add_step(&s.key, s.delta, None)),
        };
        let step = made?;
        self.pass(verb, access, step.key.as_str())?.succeed();
        Ok(step)
    }

    async fn execute(&self, steps: Vec<transactions::Step>) -> Result<Vec<Applied>, TransactionError> {
        let steps = steps.into_iter().enumerate().map(|(index, step)| {
            self.transaction_step(step).map_err(|error| TransactionError::Step(at(index, error)))
        });
        let steps = steps.collect::<Result<Vec<_>, _>>()?;
        // The keys have passed one by one; the transaction as a whole is one operation more.
        let mut entered = self
            .call
            .enter(Operation { primitive: "state", verb: "execute", need: Need::Nothing })
            .map_err(|refused| TransactionError::Failed(refused.into()))?;
        match self.grant.store.apply(steps).await {
            Ok(applied) => {
                entered.succeed();
                Ok(applied)
            }
            Err(failure) => {
                let (Failure::Step(_, error) | Failure::Whole(error)) = &failure;
                entered.fail(error.class());
                Err(failure.into())
            }
        }
    }
}

/// What a write needs. A precondition tells what is there, as the new value of a counter does: that is reading too.
fn guarded(has_precondition: bool) -> Access {
    if has_precondition { Access::ReadWrite } else { Access::Write }
}

fn set_access(options: Option<&SetOptions>) -> Access {
    guarded(options.is_some_and(|options| options.precondition.is_some()))
}

/// Runs an operation that has passed, and notes how it ended.
async fn done<T>(
    mut entered: Entered,
    operation: impl Future<Output = Result<T, seam::Error>>,
) -> Result<T, Error> {
    match operation.await {
        Ok(value) => {
            entered.succeed();
            Ok(value)
        }
        Err(error) => {
            entered.fail(error.class());
            Err(error.into())
        }
    }
}

impl stores::Host for Data {
    async fn open(&mut self, name: String) -> Answer<Resource<Handle>> {
        let found = match self.call.enter(Operation { primitive: "state", verb: "open", need: Need::Nothing })
        {
            Err(refused) => Err(refused.into()),
            Ok(mut entered) => match self.call.shared.grants.store(&name) {
                Some(grant) => {
                    entered.succeed();
                    Ok(grant)
                }
                None => {
                    entered.fail(Class::NotFound);
                    Err(Error::NoSuchStore(name))
                }
            },
        };
        Ok(match found {
            Ok(grant) => Ok(self.table.push(Handle(grant))?),
            Err(error) => Err(error),
        })
    }
}

impl types::Host for Data {}

impl types::HostStore for Data {
    async fn name(&mut self, handle: Resource<Handle>) -> Result<String> {
        Ok(self.opened(&handle)?.grant.name.to_string())
    }

    async fn get(&mut self, handle: Resource<Handle>, key: String) -> Answer<Option<Item>> {
        let store = self.opened(&handle)?;
        Ok(store.read("get", &key).await.map(|found| found.map(Item::from)))
    }

    async fn peek(&mut self, handle: Resource<Handle>, key: String) -> Answer<Option<Item>> {
        let store = self.opened(&handle)?;
        Ok(store.read("peek", &key).await.map(|found| found.map(Item::from)))
    }

    async fn exists(&mut self, handle: Resource<Handle>, key: String) -> Answer<bool> {
        let store = self.opened(&handle)?;
        Ok(store.read("exists", &key).await.map(|found| found.is_some()))
    }

    async fn set(
        &mut self,
        handle: Resource<Handle>,
        key: String,
        value: Vec<u8>,
        options: Option<SetOptions>,
    ) -> Answer<String> {
        let store = self.opened(&handle)?;
        let access = set_access(options.as_ref());
        Ok(store.write("set", access, &key, |store| store.set_step(&key, value, options)).await.map(etag))
    }

    async fn delete(
        &mut self,
        handle: Resource<Handle>,
        key: String,
        precondition: Option<Precondition>,
    ) -> Answer<()> {
        let store = self.opened(&handle)?;
        Ok(store
            .write("delete", guarded(precondition.is_some()), &key, |_| {
                step(&key, precondition, Action::Delete)
            })
            .await
            .map(|_| ()))
    }

    async fn scan(
        &mut self,
        handle: Resource<Handle>,
        range: types::Range,
        limit: u32,
        cursor: Option<String>,
    ) -> Answer<types::Page> {
        let store = self.opened(&handle)?;
        Ok(store.list("scan", range, limit, cursor).await.map(|(listing, cursor)| {
            let entry =
                |(key, item): (Key, seam::Item)| Entry { key: key.as_str().to_owned(), item: item.into() };
            types::Page { entries: listing.entries.into_iter().map(entry).collect(), cursor }
        }))
    }

    async fn scan_keys(
        &mut self,
        handle: Resource<Handle>,
        range: types::Range,
        limit: u32,
        cursor: Option<String>,
    ) -> Answer<KeyPage> {
        let store = self.opened(&handle)?;
        Ok(store.list("scan-keys", range, limit, cursor).await.map(|(listing, cursor)| {
            let keys = listing.entries.into_iter().map(|(key, _)| key.as_str().to_owned());
            KeyPage { keys: keys.collect(), cursor }
        }))
    }

    async fn drop(&mut self, handle: Resource<Handle>) -> Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl bulk::Host for Data {
    async fn get_many(
        &mut self,
        handle: Resource<Handle>,
        keys: Vec<String>,
    ) -> Answer<Vec<Result<Option<Item>, Error>>> {
        let store = self.opened(&handle)?;
        if let Err(error) = bounded(keys.len()) {
            return Ok(Err(error));
        }
        let mut found = Vec::with_capacity(keys.len());
        let mut left = seam::MAX_VALUES;
        for key in keys {
            let item = if left == 0 {
                Err(Error::TooLarge(seam::MAX_VALUES as u64))
            } else {
                store.read("get", &key).await
            };
            if let Ok(Some(item)) = &item {
                left = left.saturating_sub(item.value.len());
            }
            found.push(item.map(|item| item.map(Item::from)));
            // Reads seldom wait: others must run all the same.
            tokio::task::consume_budget().await;
        }
        Ok(Ok(found))
    }

    async fn set_many(
        &mut self,
        handle: Resource<Handle>,
        requests: Vec<SetRequest>,
    ) -> Answer<Vec<Result<String, Error>>> {
        let store = self.opened(&handle)?;
        let bytes: usize = requests.iter().map(|request| request.value.len()).sum();
        if bytes > seam::MAX_VALUES {
            return Ok(Err(Error::TooLarge(seam::MAX_VALUES as u64)));
        }
        if let Err(error) = bounded(requests.len()) {
            return Ok(Err(error));
        }
        // Queued at once, so that they share one sync of the disk.
        let writes = requests.into_iter().map(async |SetRequest { key, value, options }| {
            let access = set_access(options.as_ref());
            store.write("set", access, &key, |store| store.set_step(&key, value, options)).await
        });
        let applied: Vec<_> = stream::iter(writes).buffered(BULK_AT_ONCE).collect().await;
        Ok(Ok(applied.into_iter().map(|applied| applied.map(etag)).collect()))
    }

    async fn delete_many(
        &mut self,
        handle: Resource<Handle>,
        requests: Vec<DeleteRequest>,
    ) -> Answer<Vec<Result<(), Error>>> {
        let store = self.opened(&handle)?;
        if let Err(error) = bounded(requests.len()) {
            return Ok(Err(error));
        }
        let writes = requests.into_iter().map(async |DeleteRequest { key, precondition }| {
            store
                .write("delete", guarded(precondition.is_some()), &key, |_| {
                    step(&key, precondition, Action::Delete)
                })
                .await
        });
        let applied: Vec<_> = stream::iter(writes).buffered(BULK_AT_ONCE).collect().await;
        Ok(Ok(applied.into_iter().map(|applied| applied.map(|_| ())).collect()))
    }
}

impl transactions::Host for Data {
    async fn execute(
        &mut self,
        handle: Resource<Handle>,
        steps: Vec<transactions::Step>,
    ) -> Result<Result<Vec<Option<String>>, TransactionError>> {
        let store = self.opened(&handle)?;
        let applied = store.execute(steps).await;
        Ok(applied.map(|steps| steps.into_iter().map(|step| step.version.map(|v| v.to_string())).collect()))
    }
}

impl counters::Host for Data {
    async fn increment(
        &mut self,
        handle: Resource<Handle>,
        key: String,
        delta: i64,
        ttl_ms: Option<u64>,
    ) -> Answer<i64> {
        let store = self.opened(&handle)?;
        let added = store
            .write("increment", Access::ReadWrite, &key, |store| store.add_step(&key, delta, ttl_ms))
            .await;
        Ok(added.map(|applied| applied.sum.unwrap_or_default()))
    }

    async fn add(
        &mut self,
        handle: Resource<Handle>,
        key: String,
        delta: i64,
        ttl_ms: Option<u64>,
    ) -> Answer<()> {
        let store = self.opened(&handle)?;
        let added =
            store.write("add", Access::Write, &key, |store| store.add_step(&key, delta, ttl_ms)).await;
        Ok(added.map(|_| ()))
    }
}

fn bounded(requests: usize) -> Result<(), Error> {
    if requests > MAX_BULK {
        let message = format!("a bulk request has at most {MAX_BULK} keys; this one has {requests}");
        return Err(Error::InvalidArgument(message));
    }
    Ok(())
}

fn step(key: &str, precondition: Option<Precondition>, action: Action) -> Result<Step, seam::Error> {
    Ok(Step { key: Key::new(key)?, expect: precondition.map(expect), action })
}

fn expect(precondition: Precondition) -> Expect {
    match precondition {
        Precondition::Absent => Expect::Absent,
        Precondition::Present => Expect::Present,
        // Tags are opaque, and guests pass on what clients send: one that is none is no version of this value.
        Precondition::Matches(etag) => Expect::Version(etag.parse().unwrap_or(Version::NEVER)),
    }
}

fn ttl(ms: Option<u64>) -> Result<Option<Duration>, seam::Error> {
    match ms {
        Some(0) => Err(seam::Error::InvalidArgument("a time to live of 0 ms: delete the key instead".into())),
        other => Ok(other.map(Duration::from_millis)),
    }
}

fn etag(applied: Applied) -> String {
    applied.version.map(|version| version.to_string()).unwrap_or_default()
}

/// A cursor names the last key shown. It cannot lead out of the range, nor out of the store's scope.
fn cursor_behind(last: &Key) -> String {
    format!("after:{}", last.as_str())
}

fn after(cursor: &str) -> Result<String, seam::Error> {
    let key = cursor.strip_prefix("after:").filter(|key| !key.is_empty());
    key.map(str::to_owned)
        .ok_or_else(|| seam::Error::InvalidArgument("this is no cursor that `scan` returned".into()))
}

impl From<seam::Item> for Item {
    fn from(item: seam::Item) -> Self {
        Self {
            value: item.value.into(),
            etag: item.version.to_string(),
            content_type: item.content_type.map(|text| text.to_string()),
            expires_at_ms: item.expires_at.map(|at| at.0),
        }
    }
}

impl From<seam::Error> for Error {
    fn from(error: seam::Error) -> Self {
        use seam::Error as E;
        let ms = |after: Duration| u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        match error {
            E::NoSuchStore(name) => Self::NoSuchStore(name),
            E::AccessDenied(why) => Self::AccessDenied(why),
            E::InvalidArgument(why) => Self::InvalidArgument(why),
            E::TooLarge(limit) => Self::TooLarge(limit),
            E::Conflict(found) => Self::Conflict(found.map(|version| version.to_string())),
            E::Unsupported(what) => Self::Unsupported(what),
            E::QuotaExceeded(why) => Self::QuotaExceeded(why),
            E::Busy(after) => Self::Busy(after.map(ms)),
            E::Timeout => Self::Timeout,
            // The operator's log has the reason; a path or an errno is not for guests.
            E::Unavailable(_) => Self::Unavailable("the store cannot be reached for now".into()),
            E::Other(why) => Self::Other(why),
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Denied(missing) => Self::AccessDenied(missing),
            Refused::Injected(class) => match class {
                Class::Busy(_) => Self::Busy(None),
                Class::Timeout => Self::Timeout,
                Class::Conflict => Self::Conflict(None),
                Class::Quota => Self::QuotaExceeded("injected".into()),
                Class::Unavailable => Self::Unavailable("injected".into()),
                other => Self::Other(format!("injected: {other}")),
            },
        }
    }
}

fn at(index: usize, error: Error) -> StepFailure {
    StepFailure { step: u32::try_from(index).unwrap_or(u32::MAX), error }
}

impl From<Failure> for TransactionError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Step(index, error) => Self::Step(at(index, error.into())),
            Failure::Whole(error) => Self::Failed(error.into()),
        }
    }
}
