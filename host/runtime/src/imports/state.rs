//! `mecha:state`: looks the store up in the call's grants, passes the gate, calls, converts.

use futures_util::stream::{self, StreamExt as _};
use mecha_primitives::state::{self as seam, Action, Key};
use wasmtime::{
    Result,
    component::{HasSelf, Linker, Resource},
};

use super::granted;
use crate::{
    bindings::mecha::state::{
        bulk::{self, DeleteRequest, SetRequest},
        counters, stores,
        transactions::{self, TransactionError},
        types::{self, Entry, Error, Item, KeyPage, Precondition, SetOptions},
    },
    call::Data,
    grants::{Access, Store as Grant},
};

mod convert;
mod opened;

use convert::{etag, step};
use opened::{guarded, set_access};

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

impl stores::Host for Data {
    async fn open(&mut self, name: String) -> Answer<Resource<Handle>> {
        Ok(match granted(&self.call, ("state", &name), |grants| grants.store(&name)).await {
            Ok(Some(grant)) => Ok(self.table.push(Handle(grant))?),
            Ok(None) => Err(Error::NoSuchStore(name)),
            Err(refused) => Err(refused.into()),
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
            .write("increment", Access::ReadWrite, &key, |store| store.add_step(&key, delta, ttl_ms, true))
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
            store.write("add", Access::Write, &key, |store| store.add_step(&key, delta, ttl_ms, false)).await;
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
