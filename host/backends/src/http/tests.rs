use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use mecha_primitives::{
    bindings::{Output as _, conformance::Fixture},
    random::Seeded,
};

use super::*;

/// A server that answers as it is told, and remembers what it was asked.
struct Upstream {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<VecDeque<http::Response<Full<Bytes>>>>>,
}

#[derive(Debug, Clone)]
struct Asked {
    line: String,
    headers: HeaderMap,
    body: Bytes,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Upstream {
    async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, answers) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::<Mutex<VecDeque<_>>>::default());
        let upstream = Self { address, asked: asked.clone(), answers: answers.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (asked, answers) = (asked.clone(), answers.clone());
                let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                    let (asked, answers) = (asked.clone(), answers.clone());
                    async move {
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let line = format!("{} {}", head.method, head.uri);
                        locked(&asked).push(Asked { line, headers: head.headers, body });
                        let answer = locked(&answers).pop_front();
                        Ok::<_, Infallible>(answer.unwrap_or_else(|| answer_of(200, &[], "fine")))
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        upstream
    }

    fn answer(&self, status: u16, headers: &[(&str, &str)], body: &str) {
        locked(&self.answers).push_back(answer_of(status, headers, body));
    }

    fn lines(&self) -> Vec<String> {
        locked(&self.asked).iter().map(|asked| asked.line.clone()).collect()
    }

    fn last(&self) -> Asked {
        locked(&self.asked).last().cloned().unwrap()
    }

    fn output(&self) -> Output {
        self.output_with(|_| {})
    }

    fn output_with(&self, change: impl FnOnce(&mut Options)) -> Output {
        output(&format!("http://{}/v1", self.address), true, change)
    }
}

fn answer_of(status: u16, headers: &[(&str, &str)], body: &str) -> http::Response<Full<Bytes>> {
    let builder = headers.iter().fold(http::Response::builder().status(status), |b, (k, v)| b.header(*k, *v));
    builder.body(Full::new(body.to_owned().into())).unwrap()
}

/// Time passes at once: nobody waits for a pause.
#[derive(Debug, Default)]
struct Impatient(Mutex<u64>);

impl Clock for Impatient {
    fn now(&self) -> Timestamp {
        Timestamp(*locked(&self.0))
    }

    fn sleep_until(&self, at: Timestamp) -> mecha_primitives::clock::Sleep {
        let mut now = locked(&self.0);
        *now = at.0.max(*now);
        Box::pin(std::future::ready(()))
    }
}

fn output(url: &str, private: bool, change: impl FnOnce(&mut Options)) -> Output {
    let second = Duration::from_secs(1);
    let mut options = Options {
        base: Base::parse(url).unwrap(),
        headers: vec![secret_header("authorization", "Bearer hunter2").unwrap()],
        timeout: 60 * second,
        retry: Retry { max_attempts: Some(3), max_age: None, min: second / 5, max: 5 * second },
        max_response: 100,
    };
    change(&mut options);
    let client = Client::new(private).unwrap();
    Output::new("mail", options, client, Arc::new(Impatient::default()), Arc::new(Seeded::new(1)))
}

fn request(operation: &str, metadata: &[(&str, &str)], data: &str) -> Request {
    Request {
        operation: operation.into(),
        data: data.to_owned().into(),
        metadata: metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ..Request::default()
    }
}

struct World(Upstream);

impl Fixture for World {
    fn output(&self) -> Arc<dyn bindings::Output> {
        Arc::new(self.0.output())
    }

    fn example(&self, operation: &str) -> Request {
        request(operation, &[("path", "things")], "")
    }

    /// What the upstream was asked to change.
    fn world(&self) -> String {
        let changing = |line: &String| !line.starts_with("GET ") && !line.starts_with("HEAD ");
        self.0.lines().into_iter().filter(changing).collect()
    }
}

mod laws {
    use super::{Upstream, World};

    mecha_primitives::bindings_conformance!(World(Upstream::new().await));
}

#[tokio::test]
async fn a_request_arrives_as_it_was_asked_for() {
    let upstream = Upstream::new().await;
    upstream.answer(201, &[("content-type", "text/plain"), ("x-id", "7"), ("keep-alive", "5")], "made");
    let metadata =
        [("path", "orders/7"), ("query", "dry=1"), ("header-X-Trace", "abc"), ("idempotency-key", "k1")];
    let mut ask = request("post", &metadata, "{}");
    ask.content_type = Some("application/json".into());
    let answer = upstream.output().invoke(ask).await.unwrap();
    assert_eq!(answer.data.unwrap(), "made");
    assert_eq!(answer.content_type.as_deref(), Some("text/plain"));
    let has = |key: &str, value: &str| answer.metadata.contains(&(key.to_owned(), value.to_owned()));
    assert!(has("status", "201") && has("header-x-id", "7") && !has("header-keep-alive", "5"));
    let asked = upstream.last();
    assert_eq!((asked.line.as_str(), &*asked.body), ("POST /v1/orders/7?dry=1", &b"{}"[..]));
    for (name, value) in [
        ("x-trace", "abc"),
        ("idempotency-key", "k1"),
        ("content-type", "application/json"),
        ("authorization", "Bearer hunter2"),
    ] {
        assert_eq!(asked.headers[name], value);
    }
    assert_eq!(asked.headers["host"], upstream.address.to_string());
}

#[tokio::test]
async fn a_header_of_the_guests_own_is_the_idempotency_key() {
    let upstream = Upstream::new().await;
    let (added, own) = (("idempotency-key", "the host's"), ("header-Idempotency-Key", "its own"));
    for metadata in [[added, own], [own, added]] {
        upstream.output().invoke(request("post", &metadata, "")).await.unwrap();
        let keys: Vec<_> = upstream.last().headers.get_all("idempotency-key").iter().cloned().collect();
        assert_eq!(keys, ["its own"], "{metadata:?}");
    }
}

#[tokio::test]
async fn a_guest_neither_sets_nor_sees_what_the_operator_configured() {
    let upstream = Upstream::new().await;
    let output = upstream.output();
    for header in [
        "authorization",
        "Authorization",
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "te",
        "upgrade",
        "keep-alive",
        "proxy-authorization",
        "a b",
        "x\r\ny",
    ] {
        let refused =
            output.invoke(request("get", &[(&format!("header-{header}"), "x")], "")).await.unwrap_err();
        assert!(matches!(refused, Error::InvalidArgument(_)), "{header}");
        assert!(!refused.to_string().contains("hunter2"));
    }
    let split =
        output.invoke(request("get", &[("header-x", "a\r\nauthorization: b")], "")).await.unwrap_err();
    assert!(matches!(split, Error::InvalidArgument(_)));
    assert!(upstream.lines().is_empty(), "none of them was sent");
    assert!(!format!("{output:?}").contains("hunter2"), "{output:?}");
}

#[tokio::test]
async fn a_refusal_carries_the_upstreams_status() {
    let upstream = Upstream::new().await;
    for (status, body, expected) in [
        (404, "no\u{1b}such", "rejected with 404: no\\u{1b}such".to_owned()),
        (422, &*"x".repeat(100), format!("rejected with 422: {}", "x".repeat(100))),
        (500, "", "rejected with 500: ".to_owned()),
    ] {
        upstream.answer(status, &[], body);
        assert_eq!(
            upstream.output().invoke(request("post", &[], "")).await.unwrap_err().to_string(),
            expected
        );
    }
    upstream.answer(302, &[("location", "http://elsewhere.example/")], "");
    let answer = upstream.output().invoke(request("get", &[], "")).await.unwrap();
    assert!(answer.metadata.contains(&("status".into(), "302".into())), "a redirect is an answer");
    upstream.answer(200, &[], &"x".repeat(101));
    let large = upstream.output().invoke(request("get", &[], "")).await.unwrap_err();
    assert!(matches!(large, Error::Rejected { code, .. } if code == "too-large"));
    upstream.answer(409, &[], &"x".repeat(101));
    let refused = upstream.output().invoke(request("post", &[], "")).await.unwrap_err();
    assert!(matches!(refused, Error::Rejected { code, .. } if code == "409"), "a long refusal is one, too");
}

#[tokio::test]
async fn it_is_tried_again_where_that_is_harmless() {
    let key = [("idempotency-key", "k")];
    for (operation, metadata, status, headers, requests) in [
        ("get", &[][..], 500, &[][..], 3),
        ("put", &[], 502, &[], 3),
        ("delete", &[], 504, &[], 3),
        ("post", &[], 500, &[], 1),
        ("patch", &[], 502, &[], 1),
        ("post", &key, 500, &[], 3),
        ("get", &[], 404, &[], 1),
        ("post", &[], 503, &[("retry-after", "2")], 3),
        ("post", &[], 429, &[], 3),
        // Longer than the policy's longest pause: it is for the guest to wait.
        ("post", &[], 429, &[("retry-after", "6")], 1),
        ("get", &[], 503, &[("retry-after", "99999999999")], 1),
        ("get", &[], 503, &[("retry-after", "soon")], 3),
    ] {
        let upstream = Upstream::new().await;
        for _ in 0..5 {
            upstream.answer(status, headers, "");
        }
        let refused = upstream.output().invoke(request(operation, metadata, "")).await.unwrap_err();
        assert!(matches!(refused, Error::Rejected { code, .. } if code == status.to_string()));
        assert_eq!(upstream.lines().len(), requests, "{operation} {status} {headers:?}");
    }
    let upstream = Upstream::new().await;
    upstream.answer(503, &[], "");
    upstream.output().invoke(request("post", &[], "")).await.expect("the second attempt succeeds");
}

#[tokio::test]
async fn private_addresses_need_to_be_allowed() {
    let upstream = Upstream::new().await;
    let port = upstream.address.port();
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254"] {
        let output = output(&format!("http://{host}:{port}"), false, |_| {});
        let refused = output.invoke(request("get", &[], "")).await.unwrap_err();
        assert!(matches!(refused, Error::AccessDenied(_)), "{host} {refused:?}");
    }
    assert!(upstream.lines().is_empty());
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_unavailable() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let output = output(&format!("http://127.0.0.1:{port}"), true, |_| {});
    let refused = output.invoke(request("post", &[], "")).await.unwrap_err();
    assert_eq!(refused, Error::Unavailable("cannot connect: refused".into()));
}

#[tokio::test]
async fn an_upstream_that_never_answers_times_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let output = output(&url, true, |_| {});
    let ask = Request { timeout: Some(Duration::from_millis(50)), ..request("get", &[], "") };
    assert_eq!(output.invoke(ask).await, Err(Error::Timeout));
}

#[tokio::test]
async fn a_sink_is_told_the_status() {
    let upstream = Upstream::new().await;
    upstream.answer(202, &[], &"x".repeat(200_000));
    upstream.answer(503, &[("retry-after", "7")], "");
    let client = Client::new(true).unwrap();
    let url = format!("http://{}/sink?x=1", upstream.address);
    let mut told = Vec::new();
    for _ in 0..2 {
        let headers = HeaderMap::from_iter([secret_header("ce-id", "1").unwrap()]);
        told.push(client.deliver(&url, headers, "event".into(), Duration::from_secs(60)).await.unwrap());
    }
    let seconds = Duration::from_secs(7);
    assert_eq!(told, [(StatusCode::ACCEPTED, None), (StatusCode::SERVICE_UNAVAILABLE, Some(seconds))]);
    assert_eq!(upstream.last().line, "POST /sink?x=1");
    assert_eq!(&*upstream.last().body, b"event");
    assert_eq!(upstream.last().headers["ce-id"], "1");
    let wrong = client.deliver("mail:someone", HeaderMap::new(), Bytes::new(), seconds).await;
    assert!(matches!(wrong, Err(Failure::Invalid(_))));
}
