//! What a component sees of the world besides its request: only what it was granted, and the clock.

use std::{collections::BTreeSet, net::TcpListener, os::unix::fs::symlink};

use mecha_tests::{
    client::{Client, Response},
    host::{App, Host, mecha, output, serve, until},
};
use serde_json::{Value, json};

const PROBE: &str = "
name: probe
components:
  probe:
    source: '{guests}/probe.wasm'
    http: [/]
";

/// A probe with more lines of its own, and a neighbour with nothing.
fn probe(lines: &str) -> App {
    App::new(&format!(
        "{PROBE}{lines}  neighbour:\n    source: '{{guests}}/probe.wasm'\n    http: [{{ path: /, host: neighbour }}]\n"
    ))
}

fn neighbour(host: &Host, path: &str) -> Response {
    host.client().send("GET", path, &[("host", "neighbour")], "")
}

#[test]
fn the_environment_is_what_was_granted_and_nothing_of_the_hosts() {
    let app = probe("    env: { GREETING: hello, EMPTY: '', 'with space': 'a=b $x', PRICE: '$${5}' }\n");
    let host = Host::run(serve(app.path(), &[]).env("OF_THE_HOST", "hush"));
    let expected = json!({ "GREETING": "hello", "EMPTY": "", "with space": "a=b $x", "PRICE": "${5}" });
    assert_eq!(host.get("/env").json(), expected);
    assert_eq!(neighbour(&host, "/env").json(), json!({}));
}

#[test]
fn secrets_reach_the_component_and_nobody_else() {
    const SECRETS: [&str; 2] = ["correct-horse-battery", "staple-of-the-file"];
    let app = probe(
        "    env: { TOKEN: 'Bearer ${env:STORY_SECRET}', KEY: '${file:secrets/key}' }\n    stores: { mian: read }\n",
    )
    .with_file("secrets/key", format!("{}\n", SECRETS[1]));
    let silent = |what: &str, text: &str| {
        for secret in SECRETS {
            let at = text.find(secret).map(|at| text[at.saturating_sub(300)..at].to_owned());
            assert_eq!(at, None, "{what} has a secret behind this");
        }
    };
    // First with a manifest that is wrong elsewhere: then much of it is printed.
    let check = |args: &[&str]| {
        let words = [&["check", "--log", "trace"], args].concat();
        let checked = output(mecha(&words).arg(app.path()).env("STORY_SECRET", SECRETS[0]));
        silent("check's stdout", &checked.stdout);
        silent("check's stderr", &checked.stderr);
        checked.code
    };
    assert_eq!(check(&[]), Some(1));
    assert_eq!(check(&["--json"]), Some(1));
    let manifest = std::fs::read_to_string(app.path().join("mecha.yaml")).unwrap();
    std::fs::write(app.path().join("mecha.yaml"), manifest.replace("    stores: { mian: read }\n", ""))
        .unwrap();
    assert_eq!(check(&[]), Some(0));
    assert_eq!(check(&["--json"]), Some(0));

    for format in ["text", "json"] {
        let args = ["--log", "trace", "--log-format", format];
        let mut host = Host::run(serve(app.path(), &args).env("STORY_SECRET", SECRETS[0]));
        let seen = host.get("/env").json();
        assert_eq!(seen["TOKEN"], format!("Bearer {}", SECRETS[0]));
        assert_eq!(seen["KEY"], SECRETS[1], "without the line break at the file's end");
        assert_eq!(neighbour(&host, "/env").json(), json!({}));
        // A call that fails is told to the operator in full.
        assert_eq!(host.get("/panic").status, 500);
        host.wait_for_log("call failed");
        silent("/metrics", &Client::new(host.admin).get("/metrics").text());
        host.signal(rustix::process::Signal::TERM);
        assert_eq!(host.wait().code(), Some(0));
        assert!(host.log().contains("host call") || host.log().contains("TRACE"), "the log is in full");
        silent("the log", &host.log());
    }
}

/// A folder with a file, beside it something that is nobody's business, and links that lead there.
fn with_folders(access: &str) -> App {
    let app = probe(&format!("    directories: [{{ host: ./public, guest: /data, access: {access} }}]\n"))
        .with_file("public/a.txt", "public")
        .with_file("public/sub/b.txt", "below")
        .with_file("outside/secret.txt", "hush");
    let public = app.path().join("public");
    symlink("../outside/secret.txt", public.join("link")).unwrap();
    symlink("../outside", public.join("folder-link")).unwrap();
    symlink(app.path().join("outside/secret.txt"), public.join("absolute-link")).unwrap();
    symlink("/", public.join("root-link")).unwrap();
    symlink("a.txt", public.join("inner-link")).unwrap();
    symlink("sub/../../outside/secret.txt", public.join("winding-link")).unwrap();
    app
}

/// Paths that would lead out of the folder.
fn ways_out(app: &App) -> Vec<String> {
    let absolute = app.path().join("outside/secret.txt").display().to_string();
    let mut ways: Vec<String> = [
        "..%2foutside%2fsecret.txt",
        "../outside/secret.txt",
        "sub/../../outside/secret.txt",
        "%2e%2e/outside/secret.txt",
        "link",
        "folder-link/secret.txt",
        "absolute-link",
        "winding-link",
    ]
    .map(str::to_owned)
    .into();
    ways.push(format!("root-link{absolute}"));
    ways.push(absolute.replace('/', "%2f"));
    ways
}

#[test]
fn a_granted_directory_is_read() {
    let app = with_folders("read");
    let host = app.serve();
    assert_eq!(host.get("/files/a.txt").text(), "public");
    assert_eq!(host.get("/files/sub/b.txt").text(), "below");
    assert_eq!(host.get("/files/sub").text(), "b.txt\n");
    assert!(host.get("/files").text().contains("a.txt\n"));
    assert_eq!(host.get("/files/inner-link").text(), "public", "a link that stays inside is followed");
    assert_eq!(host.get("/files/never").status, 404);
}

#[test]
fn a_directory_that_is_only_read_refuses_writes() {
    let app = with_folders("read");
    let host = app.serve();
    for path in ["/files/a.txt", "/files/new.txt", "/files/sub/new.txt", "/files/inner-link"] {
        let answer = host.client().send("PUT", path, &[], "written");
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
    }
    assert_eq!(std::fs::read_to_string(app.path().join("public/a.txt")).unwrap(), "public");
    assert!(!app.path().join("public/new.txt").exists());
    assert!(!app.path().join("public/sub/new.txt").exists());
}

#[test]
fn a_directory_granted_for_writing_is_written() {
    let app = with_folders("read-write");
    let host = app.serve();
    for path in ["a.txt", "new.txt", "sub/new.txt"] {
        let url = format!("/files/{path}");
        assert_eq!(host.client().send("PUT", &url, &[], "written").status, 204, "{path}");
        assert_eq!(std::fs::read_to_string(app.path().join("public").join(path)).unwrap(), "written");
        assert_eq!(host.get(&url).text(), "written");
    }
}

#[test]
fn no_path_and_no_link_leads_out_of_a_directory() {
    for access in ["read", "read-write"] {
        let app = with_folders(access);
        let host = app.serve();
        for way in ways_out(&app) {
            let url = format!("/files/{way}");
            let read = host.get(&url);
            assert_ne!(read.status, 200, "{access} {way}");
            assert!(!read.text().contains("hush"), "{access} {way}: {}", read.text());
            let written = host.client().send("PUT", &url, &[], "written");
            assert_ne!(written.status, 204, "{access} {way}");
        }
        let secret = std::fs::read_to_string(app.path().join("outside/secret.txt")).unwrap();
        assert_eq!(secret, "hush");
        for way in ["../new.txt", "folder-link/new.txt", "sub/../../outside/new.txt"] {
            let written = host.client().send("PUT", &format!("/files/{way}"), &[], "written");
            assert_ne!(written.status, 204, "{access} {way}");
        }
        assert!(!app.path().join("new.txt").exists());
        assert!(!app.path().join("outside/new.txt").exists());
    }
}

#[test]
fn without_a_grant_there_are_no_files() {
    let app = with_folders("read-write");
    let host = app.serve();
    for path in ["/files", "/files/a.txt", "/files/etc/passwd", "/files/..%2f..%2fetc%2fpasswd"] {
        let answer = neighbour(&host, path);
        assert_ne!(answer.status, 200, "{path}: {}", answer.text());
        let written = host.client().send("PUT", path, &[("host", "neighbour")], "x");
        assert_ne!(written.status, 204, "{path}");
    }
    assert_eq!(host.get("/files/a.txt").text(), "public");
}

#[test]
fn there_are_no_sockets() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    // An outbound grant is one for HTTP, and opens no socket.
    let app = probe(&format!("    outbound: ['http://127.0.0.1:{port}']\n"));
    let host = app.serve();
    for address in [format!("127.0.0.1:{port}"), format!("localhost:{port}"), "1.1.1.1:443".to_owned()] {
        for answer in [
            host.get(&format!("/socket?addr={address}")),
            neighbour(&host, &format!("/socket?addr={address}")),
        ] {
            assert_eq!(answer.status, 502, "{address}: {}", answer.text());
        }
    }
    assert!(listener.accept().is_err(), "nobody came");
    assert_eq!(host.get("/time").status, 200);
}

#[test]
fn the_clock_is_that_of_the_wall() {
    let wall =
        || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let host = App::new(PROBE).serve();
    let before = wall();
    let seen = host.get("/time").json();
    let after = wall();
    let seen = seen["unix_ms"].as_u64().unwrap();
    assert!((before..=after).contains(&seen), "{seen} is not from {before} to {after}");
}

#[test]
fn random_numbers_are_new_in_every_call() {
    let host = App::new(PROBE).serve();
    let seen: BTreeSet<Vec<u8>> = (0..20).map(|_| host.get("/random?bytes=32").body).collect();
    assert_eq!(seen.len(), 20);
    assert!(seen.iter().all(|bytes| bytes.len() == 32));
    // And in every process.
    let other = App::new(PROBE).serve();
    assert!(!seen.contains(&other.get("/random?bytes=32").body));
}

/// Lines of components in a host's log.
fn guest_lines(host: &Host) -> Vec<String> {
    host.log().lines().filter(|line| line.contains(" guest: ")).map(str::to_owned).collect()
}

#[test]
fn what_a_component_prints_is_logged_with_its_name() {
    let app = probe("");
    let host = app.serve();
    assert_eq!(host.get("/log?lines=2&bytes=11").status, 200);
    assert_eq!(neighbour(&host, "/log?lines=1&bytes=12").status, 200);
    until("all six lines are logged", || guest_lines(&host).len() >= 6);
    let lines = guest_lines(&host);
    let with =
        |parts: &[&str]| lines.iter().filter(|line| parts.iter().all(|part| line.contains(part))).count();
    for stream in ["stream=\"stdout\"", "stream=\"stderr\""] {
        let own = [" lllllllllll ", "tenant=default", "app=probe", "component=probe", "call=", stream];
        assert_eq!(with(&own), 2, "{lines:#?}");
        assert_eq!(with(&[" llllllllllll ", "component=neighbour", stream]), 1, "{lines:#?}");
    }
    assert_eq!(lines.len(), 6);
    assert!(host.get("/time").text().contains("unix_ms"), "and nothing of it is in an answer");
}

#[test]
fn a_log_in_json_is_json_whatever_a_component_prints() {
    let app = App::new(PROBE);
    let host = Host::start(app.path(), &["--log-format", "json"]);
    host.get("/log-escape");
    host.wait_for_log("three");
    let events: Vec<Value> = host
        .log()
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
        .collect();
    let printed: Vec<_> = events.iter().filter(|event| event["target"] == "guest").collect();
    assert_eq!(printed.len(), 3, "{events:#?}");
    assert!(printed.iter().all(|event| event["component"] == "probe" && event["stream"] == "stdout"));
}

#[test]
fn what_would_steer_a_terminal_is_made_visible() {
    let host = App::new(PROBE).serve();
    host.get("/log-escape");
    until("all three lines are logged", || guest_lines(&host).len() >= 3);
    let log = host.log();
    for c in ['\x1b', '\x07', '\r', '\x08', '\0', '\u{85}', '\u{2028}', '\u{202e}'] {
        assert!(!log.contains(c), "{c:?} is in {log:?}");
    }
    let lines = guest_lines(&host);
    assert_eq!(lines.len(), 3, "no line breaks out of its own: {lines:#?}");
    assert!(lines[0].contains(r"\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} \u{1b}[2J cleared"), "{lines:#?}");
    assert!(lines[1].contains(r"honest\roverwritten"), "{lines:#?}");
    assert!(lines[2].contains(r"one\u{85}two\u{2028}three\u{202e}four\u{8}five\u{0}six"), "{lines:#?}");
}

#[test]
fn what_a_component_prints_beyond_its_limit_is_dropped_and_counted() {
    let app = probe("    limits: { stdio: 16KiB }\n");
    let host = app.serve();
    const LINES: usize = 100;
    const BYTES: usize = 4000;
    assert_eq!(host.get(&format!("/log?lines={LINES}&bytes={BYTES}")).status, 200, "the component goes on");
    neighbour(&host, "/log?lines=1&bytes=11");
    until("the neighbour's line is logged", || host.log().contains(" lllllllllll "));
    let dropped = host.metric("mecha_dropped_output_bytes_total", &["component=\"probe\""]);
    let logged = guest_lines(&host).iter().filter(|line| line.contains(&"l".repeat(BYTES))).count();
    let all = 2 * LINES * (BYTES + 1);
    assert_eq!(dropped as usize + logged * (BYTES + 1), all, "what is not logged is counted");
    // It may have taken more than a second, but hardly eight of them.
    assert!(logged >= 3, "{logged}");
    assert!(logged <= 32, "{logged}");
    assert_eq!(host.metric("mecha_dropped_output_bytes_total", &["component=\"neighbour\""]), 0.0);
    // In a later second there is a new budget, and a word about what is missing.
    until("the log says that something is missing", || {
        host.get("/log?lines=1&bytes=10");
        host.log().contains("output beyond the limit was dropped")
    });
}

#[test]
fn a_line_that_is_too_long_is_logged_in_pieces() {
    let host = App::new(PROBE).serve();
    assert_eq!(host.get("/log?lines=1&bytes=20000").status, 200);
    until("both streams are logged to the end", || guest_lines(&host).len() >= 6);
    let letters: usize = guest_lines(&host)
        .iter()
        .flat_map(|line| line.split(' '))
        .filter(|word| word.len() > 1000)
        .map(|word| word.matches('l').count())
        .sum();
    assert_eq!(letters, 40_000);
}
