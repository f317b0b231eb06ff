//! The HTTP trigger: accepts connections, routes requests, and outlives clients of every kind.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_io_timeout::TimeoutStream;

use crate::{
    apps::{Apps, Endpoint},
    body::Incoming,
    dispatch::{
        Dispatcher,
        http::{Answer, problem},
    },
    shutdown::Shutdown,
};

/// Connections at once, but no more than half of the file descriptors: storage and outgoing requests need some.
/// Beyond that new ones wait in the listener's backlog.
const CONNECTIONS: usize = 10_000;
/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a client may take no byte of an answer that is ready for it.
const STALLED: Duration = Duration::from_secs(30);
/// How long to wait after the system has refused a connection (no file descriptors, no memory).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Concurrent streams of one HTTP/2 connection.
const STREAMS: u32 = 200;

/// Serves HTTP on a listener until the shutdown begins, then finishes what is in flight.
pub struct Http {
    pub apps: Arc<Apps>,
    pub dispatcher: Dispatcher,
    pub shutdown: Shutdown,
    /// The largest head of a request, in bytes: the largest that any component takes.
    pub headers: usize,
}

impl Http {
    /// Accepts until the shutdown begins, then waits up to `grace` for open connections. How long it waited.
    pub async fn run(self, listener: TcpListener, grace: Duration) -> Duration {
        let http = Arc::new(self);
        let connections = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(connections_allowed()));
        let mut refusals = 0_u32;
        loop {
            let next = async {
                let place = places.clone().acquire_owned().await;
                (listener.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                biased;
                () = http.shutdown.begun() => break,
                next = next => next,
            };
            match accepted {
                Ok((stream, _)) => {
                    refusals = 0;
                    let connection = http.clone().connection(stream, &connections);
                    tokio::spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    refused(&error, refusals).await;
                    refusals += 1;
                }
            }
        }
        drop(listener);
        let began = tokio::time::Instant::now();
        if tokio::time::timeout(grace, connections.shutdown()).await.is_err() {
            tracing::warn!(?grace, "some connections were not finished within the grace period");
        }
        began.elapsed()
    }

    fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        connections: &GracefulShutdown,
    ) -> impl Future<Output = ()> + Send + 'static {
        // Answers are small and wanted at once.
        _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(STALLED));
        let mut server = auto::Builder::new(TokioExecutor::new());
        server
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(self.headers.max(8 << 10))
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Some(STALLED))
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(self.headers).unwrap_or(u32::MAX));
        let http = self.clone();
        let spoke = Arc::new(AtomicBool::new(false));
        let flag = spoke.clone();
        let service = service_fn(move |request| {
            flag.store(true, Ordering::Relaxed);
            let http = http.clone();
            async move { Ok::<_, Infallible>(http.answer(request).await) }
        });
        let stream = TokioIo::new(Box::pin(stream));
        let served = server.serve_connection(stream, service).into_owned();
        let served = connections.watch(served);
        async move {
            let mut served = std::pin::pin!(served);
            let ended = match tokio::time::timeout(HEAD_TIMEOUT, &mut served).await {
                Ok(ended) => ended,
                // Without a single request until now, it is somebody who only holds the place.
                Err(_) if !spoke.load(Ordering::Relaxed) => return,
                Err(_) => served.await,
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended");
            }
        }
    }

    /// Routes a request to who answers it. Whatever happens, there is an answer.
    pub async fn answer(&self, mut request: Request<impl Incoming>) -> Answer {
        // HTTP/1.0 did not know hosts yet, and simple health checkers still speak it.
        if request.version() < http::Version::HTTP_11 && !request.headers().contains_key(header::HOST) {
            request.headers_mut().insert(header::HOST, HeaderValue::from_static("localhost"));
        }
        let Some(host) = host(request.uri(), request.headers()) else {
            return problem(StatusCode::BAD_REQUEST, None);
        };
        let live = self.apps.live();
        let path = request.uri().path().to_owned();
        let Some(found) = live.routes.find(&host, &path) else {
            self.dispatcher.metrics.unrouted();
            return problem(StatusCode::NOT_FOUND, None);
        };
        let endpoint = found.target.clone();
        tell_captures(&mut request, &found.captures);
        drop(live);
        let mut answer = match endpoint {
            Endpoint::Component { target, fuel } => self.dispatcher.http(&target, fuel, request).await,
            Endpoint::Held(target, held) => self.dispatcher.http_held(&target, &held, request).await,
            Endpoint::Topic(ingress) => ingress.answer(request).await,
            Endpoint::Webhook(webhook) => webhook.answer(request).await,
        };
        if self.shutdown.has_begun() && answer.version() < http::Version::HTTP_2 {
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

/// The host that the request is for, in lowercase and without its port. `None` if there is none, or more than one
/// `Host`. The target's own authority goes before it. (RFC 9110, section 7.2; RFC 9112, sections 3.2 and 3.2.2)
pub(crate) fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let header = hosts.next();
    if hosts.next().is_some() {
        return None;
    }
    let authority = match (uri.authority(), header) {
        (Some(authority), _) => authority.clone(),
        (None, Some(header)) => header.to_str().ok()?.parse().ok()?,
        (None, None) => return None,
    };
    Some(authority.host().trim_end_matches('.').to_ascii_lowercase())
}

/// Tells the component what the route caught, as headers `mecha-path-NAME`. Nobody else can set those.
fn tell_captures<B>(request: &mut Request<B>, captures: &[(&str, &str)]) {
    const PREFIX: &str = "mecha-path-";
    let forged: Vec<HeaderName> =
        request.headers().keys().filter(|name| name.as_str().starts_with(PREFIX)).cloned().collect();
    for name in forged {
        request.headers_mut().remove(name);
    }
    for (name, text) in captures {
        let name = HeaderName::try_from(format!("{PREFIX}{name}"));
        if let (Ok(name), Ok(text)) = (name, HeaderValue::from_str(text)) {
            request.headers_mut().insert(name, text);
        }
    }
}

fn connections_allowed() -> usize {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    files.map_or(CONNECTIONS, |files| CONNECTIONS.min(usize::try_from(files / 2).unwrap_or(usize::MAX)))
}

/// The system could not give us a connection. Those that are open go on, and free what is lacking.
async fn refused(error: &io::Error, before: u32) {
    match error.kind() {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {}
        _ => {
            if before == 0 {
                tracing::warn!(%error, "cannot accept connections for now");
            }
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}
