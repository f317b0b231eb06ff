//! HTTP as clients of every kind speak it.

use std::{
    io::{BufReader, Read as _, Write as _},
    net::Shutdown,
    thread,
};

use mecha_tests::{
    client::{Client, read_head, read_response},
    host::{App, Host, guest},
};

const PROBE: &str = "
name: probe
components:
  probe:
    source: '{guests}/probe.wasm'
    http: [/]
    limits: { wall-time: 300s }
";

#[test]
fn a_component_by_itself_is_served_with_no_further_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.wasm");
    std::fs::copy(guest("hello"), &path).unwrap();
    let host = Host::start(&path, &[]);
    assert_eq!(host.get("/").text(), "Hello, world!\n");
    assert!(!folder.path().join(".mecha").exists(), "what keeps nothing makes no data directory");
}

#[test]
fn a_component_in_text_form_is_served_too() {
    let path = mecha_tests::host::project().join("tests/programs/wat/hello.wat");
    let host = Host::start(&path, &[]);
    assert_eq!(host.get("/").status, 200);
}

#[test]
fn the_longest_route_wins_and_captures_arrive_as_headers() {
    let manifest = "
name: routes
components:
  root: { source: '{guests}/hello.wasm', http: [/] }
  probe:
    source: '{guests}/probe.wasm'
    http:
      - /headers
      - { path: '/headers/{id}', host: '*.example.com' }
";
    // The probe answers `/headers` only, so that the second route shows in what it refuses.
    let host = App::new(manifest).serve();
    assert_eq!(host.get("/").text(), "Hello, world!\n");
    assert!(host.get("/other").text().contains("nothing here"), "the root component got it");
    let seen = host.client().send("GET", "/headers", &[("mecha-path-id", "forged")], "").text();
    assert!(!seen.contains("forged"), "{seen}");
    assert!(seen.contains("traceparent"), "{seen}");
    let of_host = |name: &str| host.client().send("GET", "/headers/7", &[("host", name)], "").text();
    assert!(of_host("a.example.com").contains("the probe knows nothing"));
    assert!(of_host("A.Example.COM:8080").contains("the probe knows nothing"));
    assert!(of_host("example.com").contains("nothing here"), "the root component got it");
}

#[test]
fn a_path_that_no_route_wants_is_404_and_counted() {
    let host = App::new(&PROBE.replace("[/]", "[/time]")).serve();
    assert_eq!(host.get("/").status, 404);
    assert_eq!(host.metric("mecha_unrouted_requests_total", &[]), 1.0);
}

#[test]
fn a_gibibyte_is_echoed_while_it_is_sent_and_memory_hardly_grows() {
    let host = App::new(PROBE).serve();
    host.post("/echo", "warm up");
    let before = host.memory_kib();
    const TOTAL: usize = 1 << 30;
    let mut connection = host.client().connect().unwrap();
    let head =
        format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {TOTAL}\r\nconnection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    let mut sender = connection.try_clone().unwrap();
    let sending = thread::spawn(move || {
        let chunk = vec![7_u8; 1 << 20];
        for _ in 0..TOTAL / chunk.len() {
            sender.write_all(&chunk).unwrap();
        }
    });
    let mut reader = BufReader::with_capacity(1 << 20, connection);
    let head = read_head(&mut reader).unwrap();
    assert_eq!(head.status, 200);
    assert!(!sending.is_finished(), "the answer begins before the request has ended");
    let mut buffer = vec![0; 1 << 20];
    let (mut received, mut most) = (0, 0);
    loop {
        let count = reader.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        received += count;
        if received % (64 << 20) < count {
            most = most.max(host.memory_kib());
        }
    }
    sending.join().unwrap();
    assert!(received >= TOTAL, "{received} bytes came back (with chunk sizes)");
    assert!(most < before + 8 * 1024, "from {before} to {most} KiB");
}

#[test]
fn trailers_go_through() {
    let host = App::new(PROBE).serve();
    let request = "POST /echo HTTP/1.1\r\nhost: x\r\nte: trailers\r\ntrailer: x-sum\r\ntransfer-encoding: \
                   chunked\r\nconnection: close\r\n\r\n5\r\nhello\r\n0\r\nx-sum: 42\r\n\r\n";
    let mut connection = host.client().connect().unwrap();
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("hello"), "{answer}");
    assert!(answer.to_ascii_lowercase().contains("x-sum: 42"), "{answer}");
}

#[test]
fn http2_without_tls_is_spoken_too() {
    let host = App::new(PROBE).serve();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let status = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(host.address).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let (mut send, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
        tokio::spawn(connection);
        let uri = format!("http://{}/time", host.address);
        let request = hyper::Request::get(uri).body(String::new()).unwrap();
        send.send_request(request).await.unwrap().status()
    });
    assert_eq!(status, 200);
}

#[test]
fn malformed_requests_are_refused_and_the_host_goes_on() {
    let host = App::new(PROBE).serve();
    let client = host.client();
    let refused = [
        "NONSENSE\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\nhost: x\r\n\r\n".to_owned(),
        "GET /time HTTP/1.1\r\n\r\n".to_owned(),
        "GET /time HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n".to_owned(),
        "GET /time HTTP/1.1\r\nhost: x\r\nbad header: y\r\n\r\n".to_owned(),
        "GET /time HTTP/1.1\r\nhost: x\r\nx: \0\r\n\r\n".to_owned(),
        format!("GET /time HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(100_000)),
        format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "y".repeat(100_000)),
        format!("GET /time HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(1000)),
    ];
    for request in refused {
        let start: String = request.chars().take(60).collect();
        let answer = client.raw(request.as_bytes()).unwrap_or_default();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{start:?}: {answer:?}");
        assert_eq!(client.get("/time").status, 200, "after {start:?}");
    }
}

#[test]
fn requests_cannot_be_smuggled() {
    let host = App::new(PROBE).serve();
    // What one server takes for a body, another may take for a second request.
    let smuggled = "GET /log?lines=1 HTTP/1.1\r\nhost: x\r\n\r\n";
    let attempts = [
        format!(
            "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\ncontent-length: 0\r\n\r\n{smuggled}",
            smuggled.len()
        ),
        format!("POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}"),
        format!(
            "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding : chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n{smuggled}"
        ),
        format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: +5\r\n\r\nhello{smuggled}"),
        format!(
            "POST /echo HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n{smuggled}"
        ),
    ];
    for attempt in attempts {
        let answer = host.client().raw(attempt.as_bytes()).unwrap_or_default();
        let answers = answer.matches("HTTP/1.1 ").count();
        assert!(answers <= 1, "{attempt:?} was taken for two requests: {answer:?}");
        // A guest that answers while it reads may have begun to: what is cut short is no success.
        let is_whole = answer.ends_with("\r\n0\r\n\r\n");
        assert!(!(answer.starts_with("HTTP/1.1 2") && is_whole), "{attempt:?}: {answer:?}");
    }
    // Both lengths: the chunks count, the connection is closed, and nothing behind is a request (RFC 9112, 6.3).
    let both = format!(
        "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
    );
    let answer = host.client().raw(both.as_bytes()).unwrap_or_default();
    assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{answer:?}");
    assert!(!host.log().contains("stream=\"stdout\""), "{}", host.log());
}

#[test]
fn a_thousand_idle_connections_keep_nobody_waiting() {
    let host = App::new(PROBE).serve();
    let client = host.client();
    let idle: Vec<_> = (0..1000).map(|_| client.connect().unwrap()).collect();
    assert_eq!(client.get("/time").status, 200);
    assert!(host.memory_kib() < 300_000);
    drop(idle);
}

#[test]
fn slow_clients_are_cut_off_and_keep_nobody_waiting() {
    let host = App::new(PROBE).serve();
    let client = host.client();
    // A head that never ends.
    let mut slow = client.connect().unwrap();
    slow.write_all(b"GET /time HTTP/1.1\r\nhost: x\r\nx-slow:").unwrap();
    assert_eq!(client.get("/time").status, 200);
    let mut answer = String::new();
    _ = slow.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer:?}");
}

#[test]
fn a_body_that_stops_coming_ends_at_the_calls_deadline() {
    let host = App::new(&PROBE.replace("300s", "1s")).serve();
    let mut connection = host.client().connect().unwrap();
    connection.write_all(b"POST /headers HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhel").unwrap();
    let answer = read_response(&mut BufReader::new(connection.try_clone().unwrap())).unwrap();
    assert_eq!(answer.status, 200, "this path needs no body");
    let mut connection = host.client().connect().unwrap();
    connection.write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhel").unwrap();
    let mut answer = String::new();
    _ = connection.read_to_string(&mut answer);
    assert!(
        !answer.contains("0\r\n\r\n"),
        "an answer that was not finished does not look finished: {answer:?}"
    );
    assert_eq!(host.metric("mecha_calls_total", &["outcome=\"deadline\""]), 1.0);
}

#[test]
fn without_file_descriptors_the_host_waits_and_then_serves_again() {
    let app = App::new(PROBE);
    let serve = mecha_tests::host::serve(app.path(), &[]);
    let mut limited = std::process::Command::new("sh");
    let words: Vec<_> = std::iter::once(serve.get_program()).chain(serve.get_args()).collect();
    limited.args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""]).args(words);
    limited.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    limited.stderr(std::process::Stdio::piped());
    let host = Host::run(&mut limited);
    let client = host.client();
    let hoard: Vec<_> = (0..100).filter_map(|_| client.connect().ok()).collect();
    // Half of the descriptors are not for connections: what else needs one still gets it.
    assert_eq!(Client::new(host.admin).get("/healthz").status, 200);
    for connection in &hoard {
        _ = connection.shutdown(Shutdown::Both);
    }
    drop(hoard);
    assert_eq!(client.get("/time").status, 200);
}

#[test]
fn the_admin_listener_knows_three_paths() {
    let host = App::new(PROBE).serve();
    let admin = Client::new(host.admin);
    assert_eq!(admin.get("/healthz").text(), "ok\n");
    assert_eq!(admin.get("/readyz").status, 200);
    let metrics = admin.get("/metrics");
    assert!(metrics.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(metrics.text().ends_with("# EOF\n"));
    assert_eq!(admin.get("/else").status, 404);
    assert_eq!(host.get("/metrics").status, 404, "the public listener has none of it");
}
