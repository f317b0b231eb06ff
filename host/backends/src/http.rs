//! The output `http`: one upstream, with what the guest need not know of it: its URL, its secrets, and how often to try.
//!
//! A request is repeated if nothing was sent, if the upstream says that it is too busy (429, 503), and for any failure of
//! the upstream (5xx, a connection that breaks) if doing it twice is harmless: by its method, or because it carries an
//! idempotency key. Redirects are not followed: they are answers.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use mecha_primitives::{
    bindings::{self, Effect, Error, Key, Operation, Request, Response, excerpt},
    clock::{Clock, Timestamp},
    delivery::Retry,
    random::Random,
};

mod base;
mod client;
mod resolver;

pub use base::{Base, Invalid};
pub use client::{Answer, Client, Failure, Outgoing, secret_header};

const PATH: Key = Key {
    name: "path",
    summary: "Appended to the upstream's URL; percent-encoded. It cannot lead out of it.",
    required: false,
};
const QUERY: Key =
    Key { name: "query", summary: "The query, percent-encoded, without `?`.", required: false };
const HEADER: Key = Key {
    name: "header-*",
    summary: "A header of the request. Those of connections and those that the upstream is configured with are refused.",
    required: false,
};
const IDEMPOTENCY: Key = Key {
    name: "idempotency-key",
    summary: "Sent as the header `idempotency-key`. With it the request may be repeated after any failure.",
    required: false,
};
const KEYS: &[Key] = &[PATH, QUERY, HEADER, IDEMPOTENCY];

/// What the output can be asked to do. The answer's headers are its metadata, and `status` its status; 400 and above is
/// rejected with the status as its code.
pub const OPERATIONS: &[Operation] = &[
    Operation { name: "get", summary: "Sends GET.", keys: KEYS, effect: Effect::Safe },
    Operation { name: "head", summary: "Sends HEAD.", keys: KEYS, effect: Effect::Safe },
    Operation { name: "post", summary: "Sends POST with the data.", keys: KEYS, effect: Effect::Deferrable },
    Operation { name: "put", summary: "Sends PUT with the data.", keys: KEYS, effect: Effect::Deferrable },
    Operation { name: "patch", summary: "Sends PATCH with the data.", keys: KEYS, effect: Effect::Immediate },
    Operation { name: "delete", summary: "Sends DELETE.", keys: KEYS, effect: Effect::Deferrable },
];

/// One upstream.
#[derive(Debug, Clone)]
pub struct Options {
    pub base: Base,
    /// Sent with every request. Made by [`secret_header`], they are never shown.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Of one operation, repetitions included.
    pub timeout: Duration,
    pub retry: Retry,
    /// The largest body of an answer, in bytes.
    pub max_response: usize,
}

/// The output binding `http`.
#[derive(Debug)]
pub struct Output {
    name: String,
    options: Options,
    client: Client,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Output {
    #[must_use]
    pub fn new(
        name: &str,
        options: Options,
        client: Client,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self { name: name.to_owned(), options, client, clock, random }
    }

    fn outgoing(&self, request: &Request) -> Result<(Outgoing, bool), Error> {
        let operation = bindings::select(OPERATIONS, request)?;
        let method = method_of(operation.name);
        if !request.data.is_empty() && matches!(method, Method::GET | Method::HEAD | Method::DELETE) {
            return Err(Error::InvalidArgument(format!("the operation `{}` sends no data", operation.name)));
        }
        let uri =
            self.options.base.join(request.get(PATH.name).unwrap_or_default(), request.get(QUERY.name))?;
        let harmless = is_idempotent(&method) || request.get(IDEMPOTENCY.name).is_some();
        let outgoing = Outgoing {
            method,
            uri,
            headers: self.headers(request)?,
            body: request.data.clone(),
            timeout: self.options.timeout.min(request.timeout.unwrap_or(Duration::MAX)),
            max_response: self.options.max_response,
        };
        Ok((outgoing, harmless))
    }

    fn headers(&self, request: &Request) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = &request.content_type {
            headers.insert(header::CONTENT_TYPE, value("content-type", content_type)?);
        }
        // First: a component that sets the header itself has its way, also where the host has added a key.
        if let Some(key) = request.get(IDEMPOTENCY.name) {
            headers.insert("idempotency-key", value(IDEMPOTENCY.name, key)?);
        }
        for (key, text) in &request.metadata {
            if let Some(name) = key.strip_prefix("header-") {
                headers.insert(self.allowed(name)?, value(key, text)?);
            }
        }
        // Last: what the operator says cannot be said otherwise by a guest.
        for (name, value) in &self.options.headers {
            headers.insert(name.clone(), value.clone());
        }
        Ok(headers)
    }

    fn allowed(&self, name: &str) -> Result<HeaderName, Error> {
        let refused = |why: &str| Error::InvalidArgument(format!("the header `{}` {why}", excerpt(name)));
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused("is none"))?;
        if is_of_the_connection(&parsed) {
            return Err(refused("is set by the host"));
        }
        if self.options.headers.iter().any(|(configured, _)| *configured == parsed) {
            return Err(refused("is set by the upstream's configuration"));
        }
        Ok(parsed)
    }

    /// Sends until there is an answer that is worth keeping, or no further attempt is.
    async fn send(&self, outgoing: &Outgoing, harmless: bool) -> Result<Answer, Failure> {
        let begin = self.clock.now();
        let mut attempt = 1;
        loop {
            let result = self.client.send(outgoing.clone()).await;
            let Some(asked) = repeats(&result, harmless) else { return result };
            let now = self.clock.now();
            match self.options.retry.next(attempt, begin, now, asked, &*self.random) {
                Some(at) if self.is_worth(begin, at, now, outgoing.timeout) => {
                    self.clock.sleep_until(at).await;
                }
                _ => return result,
            }
            attempt += 1;
        }
    }

    /// A pause that the upstream asks for and that is longer than the longest of the policy, or than the time left, is
    /// not waited for: the guest gets the answer and may.
    fn is_worth(&self, begin: Timestamp, at: Timestamp, now: Timestamp, timeout: Duration) -> bool {
        at.since(now) <= self.options.retry.max && at.since(begin) < timeout
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http {}", self.name)
    }
}

#[async_trait]
impl bindings::Output for Output {
    fn operations(&self) -> &'static [Operation] {
        OPERATIONS
    }

    fn check(&self, request: &Request) -> Result<(), Error> {
        self.outgoing(request).map(drop)
    }

    async fn invoke(&self, request: Request) -> Result<Response, Error> {
        let (outgoing, harmless) = self.outgoing(&request)?;
        let sent = tokio::time::timeout(outgoing.timeout, self.send(&outgoing, harmless));
        let answer = sent.await.unwrap_or(Err(Failure::Timeout)).map_err(|failure| error(&failure))?;
        response(answer)
    }
}

fn method_of(operation: &str) -> Method {
    match operation {
        "head" => Method::HEAD,
        "post" => Method::POST,
        "put" => Method::PUT,
        "patch" => Method::PATCH,
        "delete" => Method::DELETE,
        _ => Method::GET,
    }
}

/// RFC 9110, section 9.2.2.
fn is_idempotent(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::PUT | Method::DELETE)
}

/// What says how a message is framed or where it goes is the client's to say.
fn is_of_the_connection(name: &HeaderName) -> bool {
    const OTHERS: [&str; 5] =
        ["keep-alive", "proxy-connection", "http2-settings", "content-length", "forwarded"];
    [
        header::HOST,
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::TE,
        header::TRAILER,
        header::UPGRADE,
        header::EXPECT,
        header::PROXY_AUTHORIZATION,
        header::PROXY_AUTHENTICATE,
    ]
    .contains(name)
        || OTHERS.contains(&name.as_str())
}

fn value(key: &str, text: &str) -> Result<HeaderValue, Error> {
    let wrong = |_| Error::InvalidArgument(format!("`{}` is no value of a header", excerpt(key)));
    HeaderValue::from_str(text).map_err(wrong)
}

/// Whether to try again, and the pause that the upstream asks for.
#[allow(clippy::option_option, reason = "whether, and then after how long if it was said")]
fn repeats(result: &Result<Answer, Failure>, harmless: bool) -> Option<Option<Duration>> {
    match result {
        Ok(answer) => match answer.status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Some(answer.retry_after()),
            status if status.is_server_error() && harmless => Some(None),
            _ => None,
        },
        Err(Failure::Connect(_)) => Some(None),
        Err(Failure::Broken) if harmless => Some(None),
        Err(_) => None,
    }
}

fn error(failure: &Failure) -> Error {
    match failure {
        Failure::Connect(_) | Failure::Broken => Error::Unavailable(failure.to_string()),
        Failure::Prohibited => Error::AccessDenied(failure.to_string()),
        Failure::Timeout => Error::Timeout,
        // Whoever is refused is not told that it has happened.
        Failure::TooLarge(status, _) if status.as_u16() >= 400 => {
            Error::rejected(status.as_str(), failure.to_string())
        }
        Failure::TooLarge(..) => Error::rejected("too-large", failure.to_string()),
        Failure::Busy => Error::Busy(None),
        Failure::Invalid(_) => Error::InvalidArgument(failure.to_string()),
    }
}

fn response(answer: Answer) -> Result<Response, Error> {
    let Answer { status, headers, body } = answer;
    if status.as_u16() >= 400 {
        let beginning = body.get(..MAX_EXCERPT).unwrap_or(&body);
        return Err(Error::rejected(status.as_str(), excerpt(&String::from_utf8_lossy(beginning))));
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(Arc::from);
    let mut metadata = vec![("status".to_owned(), status.as_str().to_owned())];
    for (name, value) in &headers {
        // A value that is no text cannot cross; what it says of the connection means nothing beyond it.
        if let (Ok(text), false) = (value.to_str(), is_of_the_connection(name)) {
            metadata.push((format!("header-{name}"), text.to_owned()));
        }
    }
    Ok(Response { data: (!body.is_empty()).then_some(body), content_type, metadata, ..Response::default() })
}

/// The bytes of a refusal's body that are looked at.
const MAX_EXCERPT: usize = 1024;

#[cfg(test)]
mod tests;
