//! The client: sends one request to a checked address, and reads a bounded answer. It follows no redirect.
//!
//! What it says of a failure names neither headers nor addresses.

use std::{fmt, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use mecha_primitives::address::is_public;
use tokio::sync::Semaphore;

use super::{
    base::{self, Invalid},
    resolver::{Prohibited, Resolver},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);
const IDLE_PER_HOST: usize = 8;
/// Requests on their way at once: each may need a connection, and connections are the host's.
const REQUESTS: usize = 256;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No connection: nothing was sent.
    #[error("cannot connect: {0}")]
    Connect(&'static str),
    /// The host is in the neighbourhood of this one.
    #[error("the host has only addresses that need `private: true`")]
    Prohibited,
    /// It broke in the middle: the request may have been carried out.
    #[error("the connection broke")]
    Broken,
    #[error("no answer in time")]
    Timeout,
    /// There was an answer, with this status.
    #[error("the answer ({0}) is larger than {1} bytes")]
    TooLarge(StatusCode, usize),
    #[error("too many requests are on their way")]
    Busy,
    #[error("cannot be sent: {0}")]
    Invalid(#[from] Invalid),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// What `Retry-After` asks for, if that is a number of seconds. (A date would need its sender's clock.)
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?;
        // What is absurdly long is one day.
        let seconds = text.trim().parse::<u64>().ok()?.min(24 * 60 * 60);
        Some(Duration::from_secs(seconds))
    }
}

/// What a request goes out with.
#[derive(Debug, Clone)]
pub struct Outgoing {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Of the whole: connecting, sending, and reading the answer's last byte.
    pub timeout: Duration,
    /// The largest body of an answer, in bytes.
    pub max_response: usize,
}

/// Connections, pooled. A clone shares them.
#[derive(Clone)]
pub struct Client {
    pool: legacy::Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    private: bool,
    places: Arc<Semaphore>,
}

impl Client {
    /// Whether it connects to loopback, private and link-local addresses too is `private`. Connections that may are
    /// never mixed with those that may not: those are two clients.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(private: bool) -> Result<Self, rustls::Error> {
        let mut connector = HttpConnector::new_with_resolver(Resolver { private });
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // The trust store of the system, or what SSL_CERT_FILE names.
        let tls = match HttpsConnectorBuilder::new().with_provider_and_native_roots(provider.clone()) {
            Ok(tls) => tls,
            Err(error) => {
                tracing::error!(%error, "no certificates to trust: outgoing HTTPS cannot work");
                let config = rustls::ClientConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()?
                    .with_root_certificates(rustls::RootCertStore::empty())
                    .with_no_client_auth();
                HttpsConnectorBuilder::new().with_tls_config(config)
            }
        };
        let connector = tls.https_or_http().enable_http1().enable_http2().wrap_connector(connector);
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self { pool, private, places: Arc::new(Semaphore::new(REQUESTS)) })
    }

    /// Posts a body to a URL, once, and says with which status it was answered and after how long to try again, if that
    /// is said. The answer's body is not looked at.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn deliver(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<(StatusCode, Option<Duration>), Failure> {
        let uri = base::checked(url)?;
        let outgoing =
            Outgoing { method: Method::POST, uri, headers, body, timeout, max_response: MAX_IGNORED };
        match self.send(outgoing).await {
            Ok(answer) => Ok((answer.status, answer.retry_after())),
            // It was answered, at length.
            Err(Failure::TooLarge(status, _)) => Ok((status, None)),
            Err(failure) => Err(failure),
        }
    }

    /// Sends a request once.
    ///
    /// # Errors
    /// There is no answer, or it is too large.
    pub async fn send(&self, outgoing: Outgoing) -> Result<Answer, Failure> {
        let Outgoing { method, uri, headers, body, timeout, max_response } = outgoing;
        // The connector resolves names only; what is an address already is checked here.
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        if !self.private && host.parse().is_ok_and(|address| !is_public(address)) {
            return Err(Failure::Prohibited);
        }
        let _place = self.places.clone().try_acquire_owned().map_err(|_| Failure::Busy)?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let answer = async {
            let response = self.pool.request(request).await.map_err(|error| meaning(&error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, max_response).collect().await.map_err(|error| {
                if error.is::<http_body_util::LengthLimitError>() {
                    Failure::TooLarge(head.status, max_response)
                } else {
                    Failure::Broken
                }
            })?;
            Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
        };
        tokio::time::timeout(timeout, answer).await.map_err(|_| Failure::Timeout)?
    }
}

/// Read of an answer that nobody wants, so that its connection can be used again.
const MAX_IGNORED: usize = 64 << 10;

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("private", &self.private).finish_non_exhaustive()
    }
}

/// A header whose value is never shown.
///
/// # Errors
/// The name or the value is none; the text is not repeated.
pub fn secret_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "that is no name of a header")?;
    let mut value = HeaderValue::from_str(value).map_err(|_| "that is no value of a header")?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn meaning(error: &legacy::Error) -> Failure {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    let mut what = "the host cannot be reached";
    while let Some(this) = cause {
        if this.is::<Prohibited>() {
            return Failure::Prohibited;
        }
        if this.is::<rustls::Error>() {
            what = "TLS failed";
        }
        let io = this.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused) {
            what = "refused";
        }
        // What an `io::Error` holds is a cause of its own, which `source` would skip.
        let inner = io.and_then(|io| Some(io.get_ref()? as &(dyn std::error::Error + 'static)));
        cause = inner.or_else(|| this.source());
    }
    tracing::debug!(connect = error.is_connect(), what, "a request of a binding failed");
    if error.is_connect() { Failure::Connect(what) } else { Failure::Broken }
}
