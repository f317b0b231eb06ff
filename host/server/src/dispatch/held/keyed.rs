//! Requests that are recognized when they come again.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, request::Parts};
use mecha_primitives::{
    clock::{Clock, Timestamp},
    commit::{self, Engine, Version},
    idempotency::{self, Fingerprint, Found, Guard, InFlight, Key, Request, Scope, Stored, Terms},
    unit::Unit,
};

use super::super::{
    atomic::Frame,
    http::{Answer, described, explained},
};
use crate::{apps::Target, triggers::http::host};

/// How a route recognizes requests that come again.
#[derive(Debug)]
pub struct Keys {
    pub engine: Arc<dyn Engine>,
    pub clock: Arc<dyn Clock>,
    /// As the manifest has it: keys of different routes do not meet.
    pub route: String,
    /// Whether the route has many hosts: each has keys of its own.
    pub many_hosts: bool,
    /// The header that says who calls. `None`: all callers are one.
    pub caller: Option<HeaderName>,
    pub keep: Duration,
    pub required: bool,
    pub in_flight: Guard,
}

/// Bytes that the kept answers of one component may hold.
const KEPT: u64 = 256 << 20;

impl Keys {
    /// The key of a request; `None` if it has none and needs none.
    pub(super) fn of(
        &self,
        target: &Target,
        parts: &Parts,
        body: &Bytes,
    ) -> Result<Option<Keyed<'_>>, Refusal> {
        let wrong = |detail: &str| Refusal(StatusCode::BAD_REQUEST, detail.to_owned());
        let mut found = parts.headers.get_all("idempotency-key").iter();
        let header = match (found.next(), found.next()) {
            (Some(header), None) => header,
            (None, _) if self.required => return Err(wrong("this request needs an Idempotency-Key")),
            (None, _) => return Ok(None),
            (Some(_), Some(_)) => return Err(wrong("a request has one Idempotency-Key at the most")),
        };
        let key = Key::parse(header.as_bytes()).map_err(|invalid| wrong(&invalid.to_string()))?;
        let caller = self.caller.as_ref().and_then(|name| parts.headers.get(name)).map(HeaderValue::as_bytes);
        let route = match self.many_hosts {
            true => &format!("{} {}", host(&parts.uri, &parts.headers).unwrap_or_default(), self.route),
            false => &self.route,
        };
        let scope = Scope { app: &target.app, component: &target.component, route, caller };
        let fingerprint = Fingerprint::of(&Request {
            method: parts.method.as_str(),
            path_and_query: parts.uri.path_and_query().map_or("", |path| path.as_str()),
            content_type: parts.headers.get(http::header::CONTENT_TYPE).map(HeaderValue::as_bytes),
            body,
        });
        let key = scope.record(&key);
        let text = "a request with this Idempotency-Key is being carried out";
        let taken = || Refusal(StatusCode::CONFLICT, text.to_owned());
        let in_flight = self.in_flight.enter(&key).ok_or_else(taken)?;
        Ok(Some(Keyed { keys: self, key, fingerprint, _in_flight: in_flight }))
    }
}

/// Why a request is not carried out.
pub(super) struct Refusal(StatusCode, String);

impl Refusal {
    pub(super) fn answer(self) -> Answer {
        explained(self.0, &self.1)
    }
}

/// A request with its key. Nobody else has the key until this is dropped.
pub(super) struct Keyed<'k> {
    pub(super) keys: &'k Keys,
    key: Bytes,
    fingerprint: Fingerprint,
    _in_flight: InFlight,
}

impl Keyed<'_> {
    /// What is to be answered without a call, if there is something.
    pub(super) async fn answer(&self, engine: &dyn Engine) -> Result<Option<Response<Bytes>>, commit::Error> {
        Ok(match idempotency::find(engine, &self.key, &self.fingerprint).await? {
            Found::New => None,
            Found::Replay(stored) => Some(replayed(stored)?),
            Found::Mismatch => Some(described(StatusCode::UNPROCESSABLE_ENTITY, &[("detail", MISMATCH)])),
        })
    }

    /// Keeps the first answer. An answer of a server's fault is none: the request may be tried again.
    pub(super) async fn keep(
        &self,
        engine: &dyn Engine,
        version: Version,
        response: &Response<Bytes>,
    ) -> Result<(), commit::Error> {
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        let status = response.status().as_u16();
        let stored = Stored::new(self.fingerprint, status, headers, response.body().clone());
        let Some(stored) = stored else { return Ok(()) };
        let expires_at: Timestamp = self.keys.clock.now() + self.keys.keep;
        let terms = Terms { expires_at, version, only_if_absent: true, max_bytes: Some(KEPT) };
        idempotency::keep(engine, &self.key, &stored, terms).await.map(drop)
    }
}

const MISMATCH: &str = "this Idempotency-Key was used for another request";

fn replayed(stored: Stored) -> Result<Response<Bytes>, commit::Error> {
    let wrong = || commit::Error::Unavailable("an answer kept for an Idempotency-Key is no answer".into());
    let mut response = Response::new(stored.body);
    *response.status_mut() = StatusCode::from_u16(stored.status).map_err(|_| wrong())?;
    for (name, value) in stored.headers {
        let name = HeaderName::try_from(name).map_err(|_| wrong())?;
        response.headers_mut().append(name, HeaderValue::try_from(value).map_err(|_| wrong())?);
    }
    Ok(response)
}

/// The frame of an atomic request: its answer is kept in its own commit.
pub(super) struct Recognized<'f, 'k> {
    pub(super) key: Option<&'f Keyed<'k>>,
    pub(super) version: Version,
}

#[async_trait]
impl Frame<Response<Bytes>> for Recognized<'_, '_> {
    async fn begin(&self, unit: &Unit) -> Result<Option<Response<Bytes>>, commit::Error> {
        match self.key {
            Some(key) => key.answer(unit).await,
            None => Ok(None),
        }
    }

    fn succeeded(&self, response: &Response<Bytes>) -> bool {
        response.status().as_u16() < 500
    }

    async fn end(&self, unit: &Unit, response: &Response<Bytes>) -> Result<(), commit::Error> {
        match self.key {
            Some(key) => key.keep(unit, self.version, response).await,
            None => Ok(()),
        }
    }
}
