//! The socket in the data directory over which the command line asks a running host.

use std::{
    convert::Infallible,
    io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::fs::PermissionsExt as _,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Incoming, client::conn::http1 as client, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};

use super::{Control, Question, Reply};

const NAME: &str = "control.sock";
/// How long a host may think.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a question or an answer at the most.
const BODY: usize = 16 << 20;

/// Listens in the data directory. Whoever holds its lock is the only one.
///
/// # Errors
/// If the socket cannot be made.
pub fn listen(data: &Path) -> io::Result<UnixListener> {
    let place = Place::new(data)?;
    match std::fs::symlink_metadata(place.path()) {
        // Left by a host that was killed: the lock says that it is gone.
        Ok(_) => remove(&place.path())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(place.path())?;
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

#[expect(clippy::disallowed_methods, reason = "the socket is this file's own")]
fn remove(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}

/// A way to the socket that fits into an address, however long the directory's own is.
struct Place(OwnedFd);

impl Place {
    fn new(data: &Path) -> io::Result<Self> {
        use rustix::fs::{Mode, OFlags, open};
        Ok(Self(open(data, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?))
    }

    fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}/{NAME}", self.0.as_raw_fd()).into()
    }
}

/// Answers until the process ends.
pub async fn serve(listener: UnixListener, control: Arc<Control>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // Whatever the modes of the folder and of the socket are: who may ask is who runs the host, and the superuser.
        let own = rustix::process::geteuid().as_raw();
        if !stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0) {
            tracing::warn!("a question of another user over the control socket was refused");
            continue;
        }
        let control = control.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let control = control.clone();
                async move { Ok::<_, Infallible>(answer(&control, request).await) }
            });
            let mut server = http1::Builder::new();
            server.timer(TokioTimer::new());
            if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                tracing::debug!(%error, "control connection ended");
            }
        });
    }
}

/// Answers a question that came as an HTTP request.
pub async fn answer(control: &Control, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let reply = match question(request).await {
        Ok(question) => control.answer(&question).await,
        Err(reply) => reply,
    };
    let mut response = Response::new(Full::from(reply.body));
    *response.status_mut() = reply.status;
    if let Ok(value) = HeaderValue::try_from(reply.content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

async fn question(request: Request<Incoming>) -> Result<Question, Reply> {
    let (parts, body) = request.into_parts();
    let body = Limited::new(body, BODY).collect().await;
    let body = body.map_err(|error| Reply::wrong(http::StatusCode::PAYLOAD_TOO_LARGE, error))?.to_bytes();
    let path = parts.uri.path().split('/').filter(|part| !part.is_empty()).map(decoded).collect();
    let query = parts.uri.query().unwrap_or_default().split('&').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((decoded(name), decoded(value)))
    });
    Ok(Question { method: parts.method, path, query: query.collect(), headers: parts.headers, body })
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Asks the host that has the data directory. `None`: there is none that runs.
///
/// # Errors
/// If there is one, and it does not answer.
pub async fn ask(
    data: &Path,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<Option<(http::StatusCode, String, Bytes)>> {
    let Ok(place) = Place::new(data) else { return Ok(None) };
    let stream = match UnixStream::connect(place.path()).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let response = tokio::time::timeout(PATIENCE, sender.send_request(request)).await;
    let response = response.context("the host that has the data directory does not answer")??;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, BODY).collect().await.map_err(|error| anyhow::anyhow!(error))?.to_bytes();
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Ok(Some((parts.status, content_type.unwrap_or_default().to_owned(), body)))
}
