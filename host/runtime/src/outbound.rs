//! Outgoing HTTP: to granted hosts only, and to addresses that were checked.
//!
//! A name is resolved once, by the connector; the addresses that it gives are checked there and the
//! connection goes to one of those: a name that changes its mind between check and connection gains nothing.
//! Connections are pooled for each component by itself, so that no component reads what another's left.

use std::{
    error::Error as _,
    fmt, io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Uri, uri::Scheme};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        self,
        connect::{HttpConnector, dns::Name},
    },
    rt::TokioExecutor,
};
use mecha_primitives::{class::Class, identity::Identity};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::{
    call::Call,
    gate::{Entered, Need, Operation, Refused},
    limits::BODY_CHUNK,
};

mod address;

pub use address::is_public;

/// Hosts that a component may send requests to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub https: bool,
    pub host: Host,
    /// `None`: the scheme's own.
    pub port: Option<u16>,
    /// Whether loopback, private and link-local addresses are meant too.
    pub private: bool,
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
        let host = uri.host()?.trim_end_matches('.').to_ascii_lowercase();
        Some(Self { https, host, port: uri.port_u16().unwrap_or(default_port(https)) })
    }

    /// The address, if the host is one and no name.
    fn address(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
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
#[derive(Debug, Default)]
pub(crate) struct Client {
    public: OnceLock<Pool>,
    /// Connections that may go to private addresses are never mixed with those that may not.
    private: OnceLock<Pool>,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);
const IDLE_PER_HOST: usize = 8;

impl Client {
    fn pool(&self, private: bool) -> io::Result<&Pool> {
        let slot = if private { &self.private } else { &self.public };
        if let Some(pool) = slot.get() {
            return Ok(pool);
        }
        let mut connector = HttpConnector::new_with_resolver(Resolver { private });
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // The trust store of the system, or what SSL_CERT_FILE names.
        let tls = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(Arc::new(rustls::crypto::ring::default_provider()))
            .inspect_err(
                |error| tracing::error!(%error, "no certificates to trust: outgoing HTTPS cannot work"),
            )?;
        let connector = tls.https_or_http().enable_http1().enable_http2().wrap_connector(connector);
        let pool = legacy::Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .pool_timer(hyper_util::rt::TokioTimer::new())
            .build(connector);
        Ok(slot.get_or_init(|| pool))
    }
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
pub(crate) struct Hooks(Call);

impl Hooks {
    pub(crate) fn new(call: Call) -> Self {
        Self(call)
    }

    /// Passes the gate, and says whether private addresses are meant.
    fn admit(&self, uri: &Uri) -> Result<(Entered, bool), Error> {
        let target = Target::of(uri).ok_or(Error::HttpRequestUriInvalid)?;
        let operation = Operation { primitive: "http", verb: "send", need: Need::Connect(&target) };
        let entered = self.0.enter(operation).map_err(|refused| match refused {
            Refused::Denied(missing) => {
                let Identity { app, component, .. } = &*self.0.identity;
                tracing::warn!(%app, %component, %missing, "outgoing request denied: grant it with `outbound`");
                Error::HttpRequestDenied
            }
            Refused::Injected(_) => Error::DestinationUnavailable,
        })?;
        let private =
            (self.0.shared.grants.outbound.iter()).any(|grant| grant.private && grant.covers(&target));
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
        let admitted = self.admit(request.uri());
        let shared = self.0.shared.clone();
        Box::new(async move {
            let (mut entered, private) = admitted?;
            let pool = shared.client.pool(private).map_err(|_| Error::TlsCertificateError)?;
            let response = send(pool, request, options.unwrap_or_default()).await.inspect_err(|error| {
                tracing::debug!(%error, "outgoing request failed");
                entered.fail(Class::Unavailable);
            })?;
            Ok((response, Box::new(std::future::ready(Ok(()))) as Box<_>))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }
}

async fn send(
    pool: &Pool,
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
    let between = options.between_bytes_timeout;
    Ok(response.map(|body| match between {
        Some(bound) => Patient { body, bound, timer: None }.boxed_unsync(),
        None => body.map_err(Error::from).boxed_unsync(),
    }))
}

/// What the guest is told of a failed request.
fn meaning(error: &legacy::Error) -> Error {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            if io.get_ref().is_some_and(is_prohibited) {
                return Error::DestinationIpProhibited;
            }
            if let Some(tls) = io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return match tls {
                    rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
                    _ => Error::TlsProtocolError,
                };
            }
            match io.kind() {
                io::ErrorKind::ConnectionRefused => return Error::ConnectionRefused,
                io::ErrorKind::TimedOut => return Error::ConnectionTimeout,
                io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
                    return Error::ConnectionTerminated;
                }
                _ => {}
            }
        }
        if error.to_string().contains("dns error") {
            return Error::DnsError { rcode: None, info_code: None };
        }
        cause = error.source();
    }
    if error.is_connect() { Error::DestinationUnavailable } else { Error::HttpProtocolError }
}

fn is_prohibited(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error.is::<Prohibited>()
}

/// A body that fails when nothing comes for too long.
struct Patient {
    body: hyper::body::Incoming,
    bound: Duration,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
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
        let bound = self.bound;
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
        let exact =
            Destination { https: true, host: Host::Exact("a.example".into()), port: None, private: false };
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
