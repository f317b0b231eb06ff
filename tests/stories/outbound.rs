//! Requests that a component sends: only to hosts that it was granted, and whatever those answer.

mod server;
mod tls;

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use mecha_tests::{
    client::Response,
    host::{App, Host, until},
};

use server::Server;

/// A probe with this grant, and a neighbour that may go to `theirs`.
fn app(grant: &str, theirs: &Server) -> App {
    limited(grant, "{}", theirs)
}

/// As [`app`], with limits for the probe.
fn limited(grant: &str, limits: &str, theirs: &Server) -> App {
    let theirs = theirs.url("");
    App::new(&format!(
        "
name: outbound
components:
  probe:
    source: '{{guests}}/probe.wasm'
    http: [/]
    outbound: [{grant}]
    limits: {limits}
  neighbour:
    source: '{{guests}}/probe.wasm'
    http: [{{ path: /, host: neighbour }}]
    outbound: ['{theirs}']
"
    ))
}

fn fetch(host: &Host, url: &str) -> Response {
    host.get(&format!("/fetch?url={url}"))
}

fn neighbour_fetches(host: &Host, url: &str) -> Response {
    host.client().send("GET", &format!("/fetch?url={url}"), &[("host", "neighbour")], "")
}

/// How often the probe asked to send a request, with this outcome.
fn sent(host: &Host, outcome: &str) -> f64 {
    let outcome = format!("outcome=\"{outcome}\"");
    let labels = ["component=\"probe\"", "operation=\"http.send\"", &outcome];
    host.metric("mecha_host_calls_total", &labels)
}

/// The request came to nothing, with this error of wasi:http.
fn assert_failed(answer: &Response, code: &str) {
    assert_eq!(answer.status, 502, "{}", answer.text());
    let found = answer.text();
    assert!(found.contains(code), "it should be {code}, and is {found}");
}

#[test]
fn without_a_grant_no_request_leaves() {
    let (server, theirs) = (Server::start(), Server::start());
    let app = app("", &theirs);
    let host = app.serve();
    assert_failed(&fetch(&host, &server.url("/")), "HttpRequestDenied");
    assert_failed(&fetch(&host, &theirs.url("/")), "HttpRequestDenied");
    assert_eq!(sent(&host, "denied"), 2.0);
    assert!(host.log().contains("outgoing request denied"), "{}", host.log());
    assert!(host.log().contains("granted no host"), "it was said at the start");
    assert_eq!(neighbour_fetches(&host, &theirs.url("/")).status, 200);
    assert_eq!(server.connections(), 0);
    assert_eq!(theirs.requests(), ["GET /"], "of the neighbour");
}

#[test]
fn a_granted_address_is_reached() {
    let (server, theirs) = (Server::start(), Server::start());
    let app = app(&format!("'{}'", server.url("")), &theirs);
    let host = app.serve();
    let answer = fetch(&host, &server.url("/path%3Fquery=1"));
    assert_eq!(answer.text(), "200\nhello from connection 1");
    assert_eq!(server.requests(), ["GET /path?query=1"]);
    assert_eq!(fetch(&host, &server.url("/teapot")).text(), "418\nhello from connection 1");
    assert_eq!(sent(&host, "ok"), 2.0);
    assert_failed(&neighbour_fetches(&host, &server.url("/")), "HttpRequestDenied");
}

#[test]
fn what_a_grant_does_not_name_exactly_it_does_not_cover() {
    let (server, theirs) = (Server::start(), Server::start());
    let (port, other) = (server.port, theirs.port);
    let grants = format!(
        "'http://127.0.0.1:{port}', 'http://granted.invalid:{port}', 'http://*.below.invalid:{port}'"
    );
    let app = app(&grants, &theirs);
    let host = app.serve();
    let denied = [
        format!("http://127.0.0.1:{other}/"),
        "http://127.0.0.1/".to_owned(),
        format!("https://127.0.0.1:{port}/"),
        format!("http://127.0.0.2:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://0x7f.0.0.1:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://granted.invalid@127.0.0.1:{other}/"),
        format!("http://127.0.0.1:{port}@localhost:{port}/"),
        format!("http://sub.granted.invalid:{port}/"),
        format!("http://grantedXinvalid:{port}/"),
        format!("http://below.invalid:{port}/"),
        format!("http://xbelow.invalid:{port}/"),
        format!("http://a.below.invalid.example:{port}/"),
    ];
    let answers = denied.map(|url| (fetch(&host, &url), url));
    for (answer, url) in &answers {
        // Some of these are no URL to wasi:http, which is as good.
        assert!(matches!(answer.status, 502 | 400), "{url}: {} {}", answer.status, answer.text());
        let text = answer.text();
        let refused =
            text.contains("HttpRequestDenied") || text.contains("UriInvalid") || answer.status == 400;
        assert!(refused, "{url}: {text}");
    }
    assert_eq!((server.connections(), theirs.connections()), (0, 0));
    assert_eq!(fetch(&host, &server.url("/")).status, 200);
}

#[test]
fn a_pattern_covers_all_names_below_it() {
    let theirs = Server::start();
    let app = app("'http://*.below.invalid:8000'", &theirs);
    let host = app.serve();
    // These names do not exist: that the resolver was asked shows that the gate let them through.
    for name in ["a.below.invalid", "b.a.below.invalid", "A.Below.Invalid"] {
        assert_failed(&fetch(&host, &format!("http://{name}:8000/")), "Dns");
    }
    assert_eq!(sent(&host, "unavailable"), 3.0);
    assert_failed(&fetch(&host, "http://below.invalid:8000/"), "HttpRequestDenied");
    assert_eq!(sent(&host, "denied"), 1.0);
}

#[test]
fn a_granted_name_that_leads_to_the_hosts_own_network_is_prohibited() {
    let (server, theirs) = (Server::start(), Server::start());
    let url = format!("http://localhost:{}/", server.port);
    let app = app(&format!("'http://localhost:{}'", server.port), &theirs);
    let host = app.serve();
    assert_failed(&fetch(&host, &url), "DestinationIpProhibited");
    assert_failed(&fetch(&host, &url.replace("localhost", "LOCALHOST")), "DestinationIpProhibited");
    assert_eq!(server.connections(), 0);
    assert_eq!(sent(&host, "ok"), 0.0);
    assert_eq!(neighbour_fetches(&host, &theirs.url("/")).status, 200);
}

#[test]
fn a_name_granted_as_private_may_lead_to_the_hosts_own_network() {
    let (server, theirs) = (Server::start(), Server::start());
    let app = app(&format!("{{ host: 'http://localhost:{}', private: true }}", server.port), &theirs);
    let host = app.serve();
    let url = format!("http://localhost:{}/", server.port);
    assert_eq!(fetch(&host, &url).text(), "200\nhello from connection 1");
    // That name was granted, and not whatever else leads there.
    assert_failed(&fetch(&host, &server.url("/")), "HttpRequestDenied");
    assert!(host.log().contains("private addresses too"), "the table at the start says so");
}

#[test]
fn a_server_that_refuses_is_told_to_the_component() {
    let theirs = Server::start();
    let gone = Server::closed_port();
    let app = app(&format!("'http://127.0.0.1:{gone}'"), &theirs);
    let host = app.serve();
    assert_failed(&fetch(&host, &format!("http://127.0.0.1:{gone}/")), "ConnectionRefused");
    assert_eq!(sent(&host, "unavailable"), 1.0);
    assert_eq!(neighbour_fetches(&host, &theirs.url("/")).status, 200);
}

#[test]
fn a_server_that_breaks_off_is_told_to_the_component() {
    let (server, theirs) = (Server::start(), Server::start());
    let app = app(&format!("'{}'", server.url("")), &theirs);
    let host = app.serve();
    for path in ["/reset", "/close"] {
        let answer = fetch(&host, &server.url(path));
        assert_eq!(answer.status, 502, "{path}: {}", answer.text());
        assert!(!answer.text().contains("HttpRequestDenied"), "{path}: {}", answer.text());
    }
    assert_failed(&fetch(&host, &server.url("/nonsense")), "HttpProtocolError");
    // Half a body is none: the guest's read fails.
    let half = fetch(&host, &server.url("/half"));
    assert_ne!(half.status, 200, "{}", half.text());
    assert_eq!(sent(&host, "unavailable"), 3.0);
    assert_eq!(fetch(&host, &server.url("/")).status, 200, "and later it may work");
    assert_eq!(neighbour_fetches(&host, &theirs.url("/")).status, 200);
}

#[test]
fn a_server_that_never_answers_costs_the_call_its_deadline() {
    let (server, theirs) = (Server::start(), Server::start());
    let app = limited(&format!("'{}'", server.url("")), "{ wall-time: 1s }", &theirs);
    let host = app.serve();
    let answer = thread::scope(|scope| {
        let slow = scope.spawn(|| fetch(&host, &server.url("/never")));
        until("the server has the request", || server.requests() == ["GET /never"]);
        assert_eq!(neighbour_fetches(&host, &theirs.url("/")).status, 200);
        slow.join().unwrap()
    });
    assert_eq!(answer.status, 504, "{}", answer.text());
    let refused = |limit| host.metric("mecha_refusals_total", &["component=\"probe\"", limit]);
    assert_eq!(refused("limit=\"wall-time\""), 1.0);
    assert_eq!(fetch(&host, &server.url("/")).status, 200);
}

#[test]
fn connections_are_kept_and_not_shared_between_components() {
    let server = Server::start();
    let app = app(&format!("'{}'", server.url("")), &server);
    let host = app.serve();
    for _ in 0..3 {
        assert_eq!(fetch(&host, &server.url("/")).text(), "200\nhello from connection 1");
    }
    assert_eq!(neighbour_fetches(&host, &server.url("/")).text(), "200\nhello from connection 2");
    assert_eq!(fetch(&host, &server.url("/")).text(), "200\nhello from connection 1");
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_kept_connection_that_the_server_has_closed_is_made_anew() {
    let (server, theirs) = (Server::start(), Server::start());
    let app = app(&format!("'{}'", server.url("")), &theirs);
    let host = app.serve();
    assert_eq!(fetch(&host, &server.url("/bye")).text(), "200\nhello from connection 1");
    until("the server has closed", || server.open() == 0);
    // A request that crosses the close on its way fails, as HTTP has it; the next one does not.
    until("a connection is made anew", || {
        fetch(&host, &server.url("/")).text() == "200\nhello from connection 2"
    });
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_redirect_is_the_components_to_follow() {
    let (server, theirs) = (Server::start(), Server::start());
    let app = app(&format!("'{}'", server.url("")), &theirs);
    let host = app.serve();
    assert!(fetch(&host, &server.url("/redirect")).text().starts_with("302\n"));
    assert_eq!(server.requests(), ["GET /redirect"], "nobody went to /elsewhere");
}

#[test]
fn a_large_answer_streams() {
    let (server, theirs) = (Server::start(), Server::start());
    let grant = format!("'{}'", server.url(""));
    // A component that can hold it all gets it all.
    let roomy = limited(&grant, "{ memory: 1GiB }", &theirs);
    let host = roomy.serve();
    let answer = fetch(&host, &server.url("/large"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body.len(), "200\n".len() + server::LARGE);
    drop(host);
    // One that cannot runs out of memory, and the host has not held it in the component's place.
    let narrow = limited(&grant, "{ memory: 32MiB }", &theirs);
    let host = narrow.serve();
    fetch(&host, &server.url("/"));
    let before = host.memory_kib();
    let (done, most) = (AtomicBool::new(false), AtomicU64::new(0));
    let answer = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                most.fetch_max(host.memory_kib(), Ordering::Relaxed);
            }
        });
        let answer = fetch(&host, &server.url("/large"));
        done.store(true, Ordering::Relaxed);
        answer
    });
    assert_eq!(answer.status, 500, "{}", answer.text());
    let most = most.load(Ordering::Relaxed);
    assert!(most < before + (48 << 10), "from {before} to {most} KiB");
    assert_eq!(neighbour_fetches(&host, &theirs.url("/")).status, 200);
}

#[test]
fn a_failure_on_demand_is_told_to_the_component() {
    let (server, theirs) = (Server::start(), Server::start());
    let app = app(&format!("'{}'", server.url("")), &theirs);
    let host = Host::start(app.path(), &["--fault", "http.send=unavailable@1"]);
    assert_failed(&fetch(&host, &server.url("/")), "DestinationUnavailable");
    assert_eq!(server.connections(), 0);
    assert_eq!(sent(&host, "unavailable"), 1.0);
    assert_eq!(fetch(&host, &server.url("/")).status, 200);
}
