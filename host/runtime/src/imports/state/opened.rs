//! A store in a call's hands: each operation passes the gate here.

use std::sync::Arc;

use bytes::Bytes;
use mecha_primitives::state::{
    self as seam, Action, Applied, Failure, Key, Page, Range, Step, StoreExt as _,
};
use wasmtime::{Result, component::Resource};

use super::{
    Handle,
    convert::{after, at, cursor_behind, step, ttl},
};
use crate::{
    bindings::mecha::state::{
        transactions::{self, TransactionError},
        types::{self, Error, SetOptions},
    },
    call::{Call, Data},
    gate::{Entered, Need, Operation},
    grants::{Access, Store as Grant},
};

/// A store that a call has in its hands.
pub(super) struct Opened {
    call: Call,
    pub(super) grant: Grant,
}

impl Data {
    pub(super) fn opened(&self, handle: &Resource<Handle>) -> Result<Opened> {
        Ok(Opened { call: self.call.clone(), grant: self.table.get(handle)?.0.clone() })
    }
}

impl Opened {
    async fn pass(&self, verb: &'static str, access: Access, key: &str) -> Result<Entered, Error> {
        let need = Need::Key(&self.grant, access, key);
        self.call.enter(Operation { primitive: "state", verb, need }).await.map_err(Error::from)
    }

    pub(super) async fn read(&self, verb: &'static str, key: &str) -> Result<Option<seam::Item>, Error> {
        let entered = self.pass(verb, Access::Read, key).await?;
        let read = async {
            let key = Key::new(key)?;
            if verb == "peek" { self.grant.store.peek(&key).await } else { self.grant.store.get(&key).await }
        };
        let read = done(entered, read, |found: &Option<seam::Item>, entered| match found {
            Some(item) => entered.got_value(&item.value),
            None => entered.got(0, || "nothing".to_owned()),
        });
        read.await
    }

    pub(super) async fn write(
        &self,
        verb: &'static str,
        access: Access,
        key: &str,
        step: impl FnOnce(&Self) -> Result<Step, seam::Error>,
    ) -> Result<Applied, Error> {
        let mut entered = self.pass(verb, access, key).await?;
        let step = match step(self) {
            Ok(step) => step,
            Err(error) => {
                entered.fail(error.class());
                return Err(error.into());
            }
        };
        entered.gave(step.weight());
        let applied = done(entered, self.grant.store.apply_one(step), |applied, entered| {
            if let Some(sum) = applied.sum {
                entered.got(0, || sum.to_string());
            }
        });
        applied.await
    }

    pub(super) async fn list(
        &self,
        verb: &'static str,
        range: types::Range,
        limit: u32,
        cursor: Option<String>,
    ) -> Result<(seam::Listing, Option<String>), Error> {
        let need = Need::Keys(&self.grant, Access::Read, &range.prefix);
        let entered = self.call.enter(Operation { primitive: "state", verb, need }).await?;
        let page = Page { limit: limit as usize, values: verb == "scan" };
        let listed = async {
            let after = cursor.as_deref().map(after).transpose()?;
            let types::Range { prefix, start, end, reverse } = range;
            self.grant.store.scan(&Range { prefix, start, end, reverse, after }, page).await
        };
        let listing = done(entered, listed, |listing: &seam::Listing, entered| {
            let bytes = listing.entries.iter().map(|(key, item)| key.as_str().len() + item.value.len()).sum();
            entered.got(bytes, || format!("{} keys", listing.entries.len()));
        });
        let listing = listing.await?;
        let last = listing.entries.last().filter(|_| listing.more);
        let next = last.map(|(key, _)| cursor_behind(key));
        Ok((listing, next))
    }

    /// Gives each write of the call its version.
    pub(super) fn set_step(
        &self,
        key: &str,
        value: Vec<u8>,
        options: Option<SetOptions>,
    ) -> Result<Step, seam::Error> {
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

    /// `told`: whether the guest is told the sum.
    pub(super) fn add_step(
        &self,
        key: &str,
        delta: i64,
        ttl_ms: Option<u64>,
        told: bool,
    ) -> Result<Step, seam::Error> {
        let version = self.call.identity.next_version();
        step(key, None, Action::Add { delta, ttl: ttl(ttl_ms)?, version, told })
    }

    async fn transaction_step(&self, step: transactions::Step) -> Result<Step, Error> {
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
            Wit::Add(s) => ("execute-add", Access::Write, self.add_step(&s.key, s.delta, None, false)),
        };
        let step = made?;
        let mut entered = self.pass(verb, access, step.key.as_str()).await?;
        entered.gave(step.weight());
        entered.succeed()?;
        Ok(step)
    }

    pub(super) async fn execute(
        &self,
        steps: Vec<transactions::Step>,
    ) -> Result<Vec<Applied>, TransactionError> {
        let mut meant = Vec::with_capacity(steps.len());
        for (index, step) in steps.into_iter().enumerate() {
            let step = self.transaction_step(step).await;
            meant.push(step.map_err(|error| TransactionError::Step(at(index, error)))?);
        }
        // The keys have passed one by one; the transaction as a whole is one operation more.
        let mut entered = self
            .call
            .enter(Operation { primitive: "state", verb: "execute", need: Need::Nothing })
            .await
            .map_err(|refused| TransactionError::Failed(refused.into()))?;
        match self.grant.store.apply(meant).await {
            Ok(applied) => {
                entered.succeed().map_err(|refused| TransactionError::Failed(refused.into()))?;
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
pub(super) fn guarded(has_precondition: bool) -> Access {
    if has_precondition { Access::ReadWrite } else { Access::Write }
}

pub(super) fn set_access(options: Option<&SetOptions>) -> Access {
    guarded(options.is_some_and(|options| options.precondition.is_some()))
}

/// Runs an operation that has passed, and notes how it ended.
async fn done<T>(
    mut entered: Entered,
    operation: impl Future<Output = Result<T, seam::Error>>,
    got: impl FnOnce(&T, &mut Entered),
) -> Result<T, Error> {
    match operation.await {
        Ok(value) => {
            got(&value, &mut entered);
            entered.succeed()?;
            Ok(value)
        }
        Err(error) => {
            entered.fail(error.class());
            Err(error.into())
        }
    }
}
