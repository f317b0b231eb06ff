//! Outgoing HTTP: to granted hosts only, and to addresses that were checked.
//!
//! A name is resolved once, by the connector; the addresses that it gives are checked there and the
//! connection goes to one of those: a name that changes its mind between check and connection gains nothing.
//! Connections are pooled for each component by itself, so that no component reads what another's left.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response, Uri, uri::Scheme};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        self,
        connect::{HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
pub use mecha_primitives::address::is_public;
use mecha_primitives::{class::Class, identity::Identity};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::{
    call::Call,
    gate::{Entered, Need, Operation, Refused},
    limits::{BODY_CHUNK, HOSTCALL_BYTES},
};

/// Hosts that a component may send requests to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub https: bool,
    pub host: Host,
    /// `None`: the scheme's own.
    pub port: Option<u16>,
    /// Whether loopback, private and link-local addresses are meant too.
    pub private: bool,
    /// What of it an atomic call may do: it cannot be undone.
    pub outside: Outside,
}

/// Which requests may leave an atomic call before it is known whether it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outside {
    #[default]
    None,
    /// Those that change nothing. (RFC 9110, section 9.2.1)
    Safe,
    All,
}

impl Outside {
    fn lets(self, method: &Method) -> bool {
        match self {
            Self::None => false,
            Self::Safe => method.is_safe(),
            Self::All => true,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    Exact(String),
    /// Every name that ends with a dot and this.
    Subdomains(String),
}

/// Where a request wants to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    https: bool,
    host: String,
    port: u16,
}

impl Target {
    fn of(uri: &Uri) -> Option<Self> {
        let https = uri.scheme() == Some(&Scheme::HTTPS);
        let host = uri.host()?.trim_start_matches('[').trim_end_matches([']', '.']).to_ascii_lowercase();
        Some(Self { https, host, port: uri.port_u16().unwrap_or(default_port(https)) })
    }

    /// The address, if the host is one and no name.
    fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", if self.https { "https" } else { "http" }, self.host, self.port)
    }
}

fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

impl Destination {
    pub(crate) fn covers(&self, target: &Target) -> bool {
        let host = match &self.host {
            Host::Exact(host) => *host == target.host,
            Host::Subdomains(domain) => target
                .host
                .strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        };
        host && self.https == target.https && self.port.unwrap_or(default_port(self.https)) == target.port
    }
}

type Pool = legacy::Client<HttpsConnector<HttpConnector<Resolver>>, WasiBody>;

/// The pooled connections of one component.
#[derive(Debug)]
pub(crate) struct Client {
    /// Requests on their way. Each may need a connection, and connections are the host's, not the component's.
    places: Arc<Semaphore>,
    public: OnceLock<Pool>,
    /// Connections that may go to private addresses are never mixed with those that may not.
    private: OnceLock<Pool>,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);
const IDLE_PER_HOST: usize = 8;

/// Requests of one component on their way at once.
const REQUESTS: usize = 256;

impl Default for Client {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(REQUESTS));
        Self { places, public: OnceLock::new(), private: OnceLock::new() }
    }
}

impl Client {
    fn pool(&self, private: bool) -> Result<&Pool, rustls::Error> {
        let slot = if private { &self.private } else { &self.public };
        if let Some(pool) = slot.get() {
            return Ok(pool);
        }
        let mut connector = HttpConnector::new_with_resolver(Resolver { private });
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // The trust store of the system, or what SSL_CERT_FILE names.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = match HttpsConnectorBuilder::new().with_provider_and_native_roots(provider.clone()) {
            Ok(tls) => tls,
            Err(error) => {
                tracing::error!(%error, "no certificates to trust: outgoing HTTPS cannot work");
                HttpsConnectorBuilder::new().with_tls_config(trusting_nobody(provider)?)
            }
        };
        let connector = tls.https_or_http().enable_http1().enable_http2().wrap_connector(connector);
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .pool_timer(hyper_util::rt::TokioTimer::new())
            .build(connector);
        Ok(slot.get_or_init(|| pool))
    }
}

fn trusting_nobody(
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<rustls::ClientConfig, rustls::Error> {
    let builder =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

/// Resolves a name and gives only addresses that may be connected to.
#[derive(Debug, Clone)]
struct Resolver {
    private: bool,
}

/// All addresses of a name are out of bounds.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` has only addresses that need `private: true` in the grant")]
struct Prohibited(String);

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let private = self.private;
        Box::pin(async move {
            let mut found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let any = !found.is_empty();
            found.retain(|address| private || is_public(address.ip()));
            if any && found.is_empty() {
                return Err(io::Error::other(Prohibited(name.as_str().to_owned())));
            }
            Ok(found.into_iter())
        })
    }
}

/// What wasi:http asks of the host, for one call.
#[derive(Clone)]
pub(crate) struct Hooks(Call);

/// Answers requests to the outside in place of the network.
#[async_trait]
pub trait Upstream: fmt::Debug + Send + Sync + 'static {
    /// # Errors
    /// What the guest is told instead of an answer.
    async fn answer(&self, identity: &Identity, request: Request<Bytes>) -> Result<Response<Bytes>, Error>;
}

impl Hooks {
    pub(crate) fn new(call: Call) -> Self {
        Self(call)
    }

    /// Passes the gate, and says whether private addresses are meant.
    async fn admit(&self, method: &Method, uri: &Uri) -> Result<(Entered, bool), Error> {
        let target = Target::of(uri).ok_or(Error::HttpRequestUriInvalid)?;
        let operation =
            Operation { primitive: "http", verb: "send", need: Need::Connect(&target, method, uri) };
        let mut entered = self.0.enter(operation).await.map_err(|refused| match refused {
            Refused::Denied(missing) => {
                let Identity { app, component, .. } = &*self.0.identity;
                tracing::warn!(%app, %component, %missing, "outgoing request denied: grant it with `outbound`");
                Error::HttpRequestDenied
            }
            Refused::Injected(class) => injected(class),
        })?;
        let covering = || self.0.shared.grants.outbound.iter().filter(|grant| grant.covers(&target));
        if self.0.identity.unit.is_some() && !covering().any(|grant| grant.outside.lets(method)) {
            let Identity { app, component, .. } = &*self.0.identity;
            tracing::warn!(%app, %component, %method, %target, "an atomic call may not send this: grant it with `outside: allow`");
            entered.fail(Class::Denied);
            return Err(Error::HttpRequestDenied);
        }
        let private = covering().any(|grant| grant.private);
        // The connector resolves names only; what is an address already is checked here.
        if target.address().is_some_and(|address| !private && !is_public(address)) {
            return Err(Error::DestinationIpProhibited);
        }
        Ok((entered, private))
    }
}

type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (hooks, shared) = (self.clone(), self.0.shared.clone());
        Box::new(async move {
            let (mut entered, private) = hooks.admit(request.method(), request.uri()).await?;
            if let Some(upstream) = &shared.services.upstream {
                return directed(&**upstream, &hooks.0.identity, request, entered).await;
            }
            let pool = shared.client.pool(private).map_err(|_| Error::TlsCertificateError)?;
            let place = shared.client.places.clone().try_acquire_owned().map_err(|_| {
                entered.fail(Class::Busy(None));
                Error::ConnectionLimitReached
            })?;
            let response = send(pool, place, request, options.unwrap_or_default())
                .await
                .inspect_err(|_| entered.fail(Class::Unavailable))?;
            if let Err(Refused::Injected(class)) = entered.succeed() {
                return Err(injected(class));
            }
            Ok((response, Box::new(std::future::ready(Ok(()))) as Box<_>))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }
}

/// Sends a request to whoever answers in place of the network.
async fn directed(
    upstream: &dyn Upstream,
    identity: &Identity,
    request: Request<WasiBody>,
    mut entered: Entered,
) -> Sent {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, HOSTCALL_BYTES).collect().await;
    let body = body.map_err(|_| Error::HttpRequestBodySize(None))?.to_bytes();
    entered.gave(body.len());
    let answer = upstream.answer(identity, Request::from_parts(parts, body)).await;
    let response = answer.inspect_err(|_| entered.fail(Class::Unavailable))?;
    entered.got(response.body().len(), || response.status().to_string());
    if let Err(Refused::Injected(class)) = entered.succeed() {
        return Err(injected(class));
    }
    let response = response.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync());
    Ok((response, Box::new(std::future::ready(Ok(())))))
}

/// What the guest is told of a failure that a test asked for.
fn injected(class: Class) -> Error {
    match class {
        Class::Timeout => Error::ConnectionReadTimeout,
        Class::Denied => Error::HttpRequestDenied,
        Class::Busy(_) => Error::ConnectionLimitReached,
        _ => Error::DestinationUnavailable,
    }
}

async fn send(
    pool: &Pool,
    place: OwnedSemaphorePermit,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<Response<WasiBody>, Error> {
    // A pooled connection has no time to connect, so that both bounds together are the bound of the first byte.
    let bound =
        options.first_byte_timeout.map(|first| first + options.connect_timeout.unwrap_or(CONNECT_TIMEOUT));
    let answer = pool.request(request);
    let response = match bound {
        Some(bound) => tokio::time::timeout(bound, answer).await.map_err(|_| Error::ConnectionReadTimeout)?,
        None => answer.await,
    };
    let response = response.map_err(|error| meaning(&error))?;
    let bound = options.between_bytes_timeout;
    Ok(response.map(|body| Patient { body, bound, timer: None, _place: place }.boxed_unsync()))
}

/// What the guest is told of a failed request: the innermost cause that says something.
fn meaning(error: &legacy::Error) -> Error {
    let chain = causes(error);
    tracing::debug!(
        chain = chain.iter().map(ToString::to_string).collect::<Vec<_>>().join(": "),
        "outgoing request failed"
    );
    for cause in chain.iter().rev() {
        if cause.is::<Prohibited>() {
            return Error::DestinationIpProhibited;
        }
        match cause.downcast_ref::<rustls::Error>() {
            Some(rustls::Error::InvalidCertificate(_)) => return Error::TlsCertificateError,
            Some(_) => return Error::TlsProtocolError,
            None => {}
        }
        match cause.downcast_ref::<io::Error>().map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => return Error::ConnectionRefused,
            Some(io::ErrorKind::TimedOut) => return Error::ConnectionTimeout,
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => {
                return Error::ConnectionTerminated;
            }
            _ => {}
        }
        if cause.to_string().contains("dns error") {
            return Error::DnsError { rcode: None, info_code: None };
        }
    }
    if error.is_connect() { Error::DestinationUnavailable } else { Error::HttpProtocolError }
}

/// An error and all its causes. What an `io::Error` holds is a cause of its own, which `source` would skip.
fn causes<'e>(error: &'e (dyn std::error::Error + 'static)) -> Vec<&'e (dyn std::error::Error + 'static)> {
    let mut chain = vec![error];
    while let Some(last) = chain.last() {
        let inner = last
            .downcast_ref::<io::Error>()
            .and_then(|io| Some(io.get_ref()? as &(dyn std::error::Error + 'static)));
        match inner.or_else(|| last.source()) {
            Some(cause) => chain.push(cause),
            None => break,
        }
    }
    chain
}

/// A body that fails when nothing comes for too long.
struct Patient {
    body: hyper::body::Incoming,
    bound: Option<Duration>,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
    /// Held until the body has been read or given up.
    _place: OwnedSemaphorePermit,
}

impl Body for Patient {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.timer = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        let Some(bound) = self.bound else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(bound)));
        timer.as_mut().poll(cx).map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str) -> Target {
        Target::of(&uri.parse().unwrap()).unwrap()
    }

    #[test]
    fn a_destination_covers_its_scheme_host_and_port_and_nothing_else() {
        let exact = Destination {
            https: true,
            host: Host::Exact("a.example".into()),
            port: None,
            private: false,
            outside: Outside::None,
        };
        assert!(exact.covers(&target("https://a.example/x")));
        assert!(exact.covers(&target("https://A.EXAMPLE.:443/")));
        for other in
            ["http://a.example/", "https://a.example:8443/", "https://b.a.example/", "https://xa.example/"]
        {
            assert!(!exact.covers(&target(other)), "{other}");
        }
        let below = Destination { host: Host::Subdomains("example".into()), ..exact };
        assert!(below.covers(&target("https://a.example/")));
        assert!(below.covers(&target("https://b.a.example/")));
        for other in ["https://example/", "https://xexample/", "https://.example/"] {
            assert!(!below.covers(&target(other)), "{other}");
        }
    }
}
