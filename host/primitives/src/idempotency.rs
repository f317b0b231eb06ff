//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request that is sent again is given the
//! first answer again.
//!
//! The client makes up a [`Key`]. With the [`Scope`] in which it means something it makes the key of a record, under
//! which the answer is kept as [`Stored`], beside a [`Fingerprint`] of the request that it was given to. The verbs work
//! on any [`Engine`]: on a unit of work, the answer is committed with the call's effects, and what was looked for is
//! checked with what was read; on a plain one, it is kept after them.
//!
//! ```text
//!   Guard::enter ──taken──▶ 409
//!        │
//!       find ──Mismatch──▶ 422
//!        │ └───Replay────▶ the first answer
//!       New ──▶ the call ──▶ keep ──▶ its answer
//! ```
//!
//! ```
//! use mecha_primitives::idempotency::{Key, Scope};
//!
//! let (app, component) = ("shop".parse().unwrap(), "cart".parse().unwrap());
//! let scope = Scope { app: &app, component: &component, route: "/orders", caller: Some(b"ada") };
//! let key = Key::parse(br#""8f2c41d0-order-17""#).unwrap();
//! assert!(scope.record(&key).starts_with(b"shop/idempotency/cart/"));
//! assert_eq!(key, Key::parse(b"8f2c41d0-order-17").unwrap(), "quotes are no part of it");
//! ```
//!
//! Nothing here knows an HTTP server: who receives the request finds the header, holds the body, and chooses the status
//! of a refusal. Tenants have engines of their own, so a tenant is no part of a scope.
//!
//! # Laws                                                               checked by
//! - A key that nobody has used is new.                                 `an_unused_key_is_new`
//! - The first answer is given again, byte for byte.                    `the_first_answer_is_given_again`
//! - With another payload, the key is a mismatch.                       `another_payload_is_a_mismatch`
//! - Other apps, components, routes, callers and keys do not meet.      `other_scopes_do_not_meet`
//! - An answer is kept until its time, and then the key is new.         `an_answer_has_its_time`
//! - Of those who keep an answer at once, one does.                     `one_answer_is_the_first`
//! - An answer that may replace another does.                           `an_answer_can_be_replaced`
//! - An answer for which there is no room is refused, and others stay.  `an_answer_without_room_is_refused`
//! - A damaged record is an error, neither new nor an answer.           `a_damaged_record_is_an_error`
//! - In a unit of work, the answer is there with the effects or not.    `an_answer_comes_with_its_effects`
//! - Of two units at once with one key, one has effects and an answer.  `of_two_units_one_has_effects`

use bytes::Bytes;

use crate::{
    clock::Timestamp,
    commit::{self, Action, Batch, Change, Engine, Expect, Quota, Record, Version, account},
};

pub mod conformance;
mod fingerprint;
mod guard;
mod key;
mod scope;
mod stored;

pub use fingerprint::{Fingerprint, Request};
pub use guard::{Guard, InFlight};
pub use key::{Invalid, Key, MAX_LEN};
pub use scope::Scope;
pub use stored::Stored;

/// What there is for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing: the request is to be carried out.
    New,
    /// The answer that the same request was given.
    Replay(Stored),
    /// An answer that another request was given.
    Mismatch,
}

/// How an answer is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub expires_at: Timestamp,
    pub version: Version,
    /// Whether an answer that is there already stays.
    pub only_if_absent: bool,
    /// Bytes that the answers of the component may hold. Without a bound, a client can fill the disk with keys.
    pub max_bytes: Option<u64>,
}

/// Looks for the answer under `key`, which [`Scope::record`] makes, to a request of this fingerprint.
///
/// # Errors
/// The engine's. A record that cannot be read is [`Unavailable`](commit::Error::Unavailable): the request may have been
/// carried out, but nobody knows with what answer.
pub async fn find(
    engine: &dyn Engine,
    key: &Bytes,
    fingerprint: &Fingerprint,
) -> Result<Found, commit::Error> {
    let Some(record) = engine.snapshot().await?.get(key).await? else { return Ok(Found::New) };
    match Stored::decode(&record.value) {
        Some(stored) if stored.fingerprint == *fingerprint => Ok(Found::Replay(stored)),
        Some(_) => Ok(Found::Mismatch),
        None => {
            Err(commit::Error::Unavailable("an answer kept for an Idempotency-Key cannot be read".into()))
        }
    }
}

/// Keeps an answer under `key`; `false` if only an absent one was to be kept, and somebody was first.
///
/// # Errors
/// The engine's.
pub async fn keep(
    engine: &dyn Engine,
    key: &Bytes,
    stored: &Stored,
    terms: Terms,
) -> Result<bool, commit::Error> {
    let Terms { expires_at, version, only_if_absent, max_bytes } = terms;
    let record =
        Record { version, expires_at: Some(expires_at), media_type: None, value: stored.encode().into() };
    let expect = only_if_absent.then_some(Expect::Absent);
    let change = Change { key: key.clone(), expect, action: Action::Put(record) };
    let quota = max_bytes.map(|max_bytes| Quota { account: key.slice_ref(account(key)), max_bytes });
    let batch = Batch { changes: vec![change], quotas: quota.into_iter().collect(), ..Batch::default() };
    match engine.commit(batch).await {
        Ok(_) => Ok(true),
        Err(commit::Error::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A hash of parts, each with its length before it: no other parts make the same bytes.
fn hash(parts: &[&[u8]]) -> [u8; blake3::OUT_LEN] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests;
