//! The command line: what each command prints, and how it ends.

mod bindings;
mod inspect;
mod messages;
mod new;

use mecha_tests::host::{App, Host, Output, guest, mecha, output, project, serve};
use serde_json::Value;

const HELLO: &str = "
name: hello
components:
  hello: { source: '{guests}/hello.wasm', http: [/] }
";

/// Runs `mecha-host ARGS…` to its end.
fn run(args: &[&str]) -> Output {
    output(&mut mecha(args))
}

fn assert_prints(output: &Output, code: i32, parts: &[&str]) {
    let text = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, Some(code), "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
}

#[test]
fn a_path_is_a_component_a_manifest_or_a_folder_with_one() {
    let app = App::new(HELLO)
        .with_file("other.yml", HELLO.replace("{guests}", guest("hello").parent().unwrap().to_str().unwrap()))
        .with_file("empty/.keep", "")
        .with_file("notes.txt", "")
        .with_file("no-extension", "")
        .with_file("bytes.yaml", b"\xff\xfe");
    std::fs::copy(guest("hello"), app.path().join("Hello World.wasm")).unwrap();
    let wat = project().join("tests/programs/wat/hello.wat");
    std::fs::copy(wat, app.path().join("hello.wat")).unwrap();
    let path = |name: &str| app.path().join(name).display().to_string();
    for good in ["", ".", "mecha.yaml", "other.yml", "Hello World.wasm", "hello.wat"] {
        assert_prints(&run(&["check", &path(good)]), 0, &["ok: app hello", "1 component"]);
    }
    let here = output(mecha(&["check"]).current_dir(app.path()));
    assert_prints(&here, 0, &["ok: app hello"]);
    let bad = [
        ("missing", "there is no "),
        ("missing.wasm", "cannot read the component"),
        ("missing.yaml", "cannot read the manifest"),
        ("missing/mecha.yaml", "cannot read the manifest"),
        ("empty", "there is no mecha.yaml in"),
        ("notes.txt", "is neither a component (.wasm or .wat) nor a manifest (.yaml)"),
        ("no-extension", "is neither a component (.wasm or .wat) nor a manifest (.yaml)"),
        ("bytes.yaml", "is not UTF-8"),
    ];
    for (name, message) in bad {
        let path = path(name);
        for command in ["check", "serve"] {
            assert_prints(&run(&[command, &path]), 1, &["error: ", message, &path]);
        }
    }
}

#[test]
fn what_the_command_line_cannot_read_ends_with_2() {
    let app = App::new(HELLO);
    let path = app.path().to_str().unwrap();
    let cases: [&[&str]; 8] = [
        &["serve", path, "--nope"],
        &["serve"],
        &["serve", path, "--listen", "nowhere"],
        &["serve", path, "--grace", "soon"],
        &["serve", path, "--fault", "state.set=explode"],
        &["serve", path, "--no-cache", "--cache", path],
        &["nope"],
        &["completions", "nope"],
    ];
    for args in cases {
        let ended = run(args);
        assert_eq!(ended.code, Some(2), "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.starts_with("error: "), "{args:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "", "{args:?}");
    }
    assert_prints(&run(&["check", path, "--log", "a=b=c"]), 1, &["cannot read the log filter `a=b=c`"]);
}

#[test]
fn help_and_version_say_what_there_is() {
    let help = run(&["--help"]);
    assert_prints(
        &help,
        0,
        &["serve", "build", "check", "inspect", "schema", "bindings", "new", "completions", "--log"],
    );
    assert_prints(
        &run(&["serve", "--help"]),
        0,
        &["--listen", "127.0.0.1:8080", "--data", ".mecha", "--strict"],
    );
    assert_prints(&run(&["--version"]), 0, &["mecha-host "]);
}

/// A component that imports more than it is granted, and is granted more than it imports.
const WARNED: &str = "
name: warned
components:
  probe:
    source: '{guests}/probe.wasm'
    http: [/]
    stores: { main: read }
stores: { main: memory }
";

#[test]
fn strict_makes_errors_of_warnings() {
    let app = App::new(WARNED);
    let path = app.path().to_str().unwrap();
    let lax = run(&["check", path]);
    assert_prints(&lax, 0, &["warning: ", "granted no host", "nothing uses this grant", "ok: app warned"]);
    let strict = run(&["check", path, "--strict"]);
    assert_prints(&strict, 1, &["error: ", "granted no host", "nothing uses this grant", "2 errors"]);
    assert!(!strict.stderr.contains("warning"), "{}", strict.stderr);
    let refused = output(&mut serve(app.path(), &["--strict"]));
    assert_prints(&refused, 1, &["2 errors"]);
    assert_eq!(refused.stdout, "", "it never listens");
    let host = app.serve();
    assert!(host.log().contains("warning: "), "{}", host.log());
}

#[test]
fn check_tells_machines_all_problems_as_json() {
    let app = App::new(WARNED);
    let path = app.path().to_str().unwrap();
    let problems = |args: &[&str], code: i32| -> Vec<Value> {
        let checked = run(&[&["check", path, "--json"], args].concat());
        assert_eq!(checked.code, Some(code), "{}", checked.stderr);
        let value: Value = serde_json::from_str(&checked.stdout).unwrap();
        assert_eq!(value.as_object().unwrap().keys().collect::<Vec<_>>(), ["problems"]);
        value["problems"].as_array().unwrap().clone()
    };
    let (lax, strict) = (problems(&[], 0), problems(&["--strict"], 1));
    assert_eq!(lax.len(), 2);
    for (problem, severity) in lax.iter().map(|p| (p, "warning")).chain(strict.iter().map(|p| (p, "error"))) {
        let mut fields: Vec<_> = problem.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, ["column", "file", "help", "key", "line", "message", "severity"]);
        assert_eq!(problem["severity"], severity);
        assert!(problem["file"].as_str().unwrap().ends_with("mecha.yaml"), "{problem}");
    }
    let unused = lax.iter().find(|problem| problem["key"] == "components.probe.stores.main").unwrap();
    assert_eq!((unused["line"].as_u64(), unused["column"].as_u64()), (Some(7), Some(15)));
    std::fs::write(app.path().join("mecha.yaml"), "name: [").unwrap();
    let wrong = problems(&[], 1);
    assert!(wrong.iter().any(|problem| problem["severity"] == "error" && problem["line"].is_u64()));
    std::fs::write(app.path().join("mecha.yaml"), HELLO.replace("{guests}/hello.wasm", "never.wasm"))
        .unwrap();
    assert_eq!(problems(&[], 1).len(), 1);
}

#[test]
fn machines_are_told_as_json_what_no_manifest_is_to_blame_for() {
    let app = App::new(HELLO).with_file("notes.txt", "");
    let path = |name: &str| app.path().join(name).display().to_string();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (taken, here) = (taken.local_addr().unwrap().to_string(), path(""));
    let cases: [(&[&str], i32, &str); 4] = [
        (&["check", "--json", &path("missing.yaml")], 1, "cannot read the manifest"),
        (&["check", "--json", &path("notes.txt")], 1, "is neither a component"),
        (&["inspect", "--json", &path("notes.txt")], 1, "is no component"),
        (&["serve", "--json", &here, "--listen", &taken], 3, "is in use"),
    ];
    for (args, code, message) in cases {
        let ended = run(args);
        assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.stderr);
        let value: Value = serde_json::from_str(&ended.stdout).unwrap();
        let problem = &value["problems"][0];
        assert_eq!(problem["severity"], "error", "{args:?}");
        assert!(problem["message"].as_str().unwrap().contains(message), "{args:?}: {problem}");
        assert!(!ended.stderr.contains("error:"), "{args:?}: {}", ended.stderr);
    }
}

#[test]
fn output_that_nobody_reads_is_no_failure() {
    let courier = guest("courier").display().to_string();
    for args in [&["inspect", courier.as_str()][..], &["schema"], &["bindings"], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = mecha(args);
        let ended = command.stdout(writer).stderr(std::process::Stdio::piped()).output().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&ended.stderr));
    }
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe.wasm");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let path = pipe.to_str().unwrap();
    for command in ["check", "serve", "inspect"] {
        assert_prints(&run(&[command, path]), 1, &["error: ", path, "it is no regular file"]);
    }
}

/// The lines of the table that `serve` prints, without their padding.
fn table(host: &Host) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let log = host.log();
    log.lines().take_while(|line| !line.starts_with("admin on")).map(words).collect()
}

#[test]
fn serve_shows_what_a_component_by_itself_is_given_and_denied() {
    let folder = tempfile::tempdir().unwrap();
    for (name, expected) in [
        ("keeper", vec!["state private embedded stores, under any name"]),
        (
            "probe",
            vec![
                "outbound denied; grant with `outbound: [https://host]` in a manifest",
                "files denied; grant with `directories` in a manifest",
            ],
        ),
    ] {
        let path = folder.path().join(format!("{name}.wasm"));
        std::fs::copy(guest(name), &path).unwrap();
        let table = table(&Host::start(&path, &[]));
        let data = format!("data {}", folder.path().join(".mecha").display());
        let mut all = vec![format!("app {name}"), format!("component {name}"), "http /".to_owned()];
        all.extend(expected.into_iter().map(str::to_owned));
        all.push("env empty; grant with `env: { NAME: value }` in a manifest".to_owned());
        all.push("limits memory 128 MiB, wall time 30s, concurrency 100".to_owned());
        if name == "keeper" {
            all.push(data);
        }
        assert_eq!(table, all);
    }
}

#[test]
fn serve_shows_what_a_manifest_grants() {
    let app = App::new(
        "
name: shop
components:
  all:
    source: '{guests}/probe.wasm'
    http: [{ path: '/a/{id}', host: '*.example.com' }, /b]
    outbound: [api.example.com, { host: 'http://localhost:8000', private: true }]
    env: { PLAIN: visible-value, SECRET: '${file:secret}' }
    directories: [{ host: ., guest: /data, access: read-write }]
    limits: { memory: 1GiB, wall-time: 1500ms, concurrency: 3, fuel: 1000000 }
  cart:
    source: '{guests}/keeper.wasm'
    http: [/cart]
    stores: { main: read-write, log: { access: write, prefix: cart/ }, fast: read }
stores:
  main: embedded
  log: { embedded: {}, shared: true }
  fast: memory
",
    )
    .with_file("secret", "hush");
    let host = app.serve();
    let shown = table(&host);
    let expected = [
        "app shop",
        "component all",
        "http *.example.com/a/{id}",
        "http /b",
        "outbound https://api.example.com",
        "outbound http://localhost:8000 (private addresses too)",
        "directory . as /data (read-write)",
        "env PLAIN",
        "env SECRET",
        "limits memory 1 GiB, wall time 1.5s, concurrency 3, fuel 1000000",
        "component cart",
        "state main (read-write, embedded)",
        "state log (write, embedded, shared, keys under `cart/`)",
        "state fast (read, in memory)",
        "limits memory 128 MiB, wall time 30s, concurrency 100",
    ];
    for line in expected {
        assert!(shown.iter().any(|shown| shown == line), "{line:?} is missing in {shown:#?}");
    }
    assert!(!host.log().contains("visible-value") && !host.log().contains("hush"), "values are not shown");
}

#[test]
fn serve_shows_what_triggers_a_component_and_what_it_reaches() {
    let app = App::new(
        "
name: shop
topics:
  orders: { embedded: {}, keep: 7d, http: /events/orders }
  fast: { memory: { max-size: 64MiB } }
subscriptions:
  receipts: { topic: [orders, fast], to: all, filter: 'event.type == \"order\"', paused: true }
  out: { topic: orders, to: { url: 'https://example.com/in' } }
schedules:
  yearly: { cron: '0 0 1 1 *', time-zone: Europe/Berlin, to: all }
outputs:
  receipts: { file: { directory: receipts } }
  audit: log
inputs:
  inbox: { file: { directory: inbox, pattern: '*.csv' }, to: all }
  hook: { http: { path: /hooks }, to: all }
components:
  all:
    source: '{guests}/courier.wasm'
    http: [/]
    publish: [orders, { topic: fast, types: [com.example.*] }]
    invoke: { other: [quote] }
    outputs: { receipts: [create, get], audit: all }
    jobs: true
  other:
    source: '{guests}/courier.wasm'
    callers: { all: [quote], outside: all }
",
    )
    .with_file("inbox/.keep", "")
    .with_file("receipts/.keep", "");
    let shown = table(&app.serve());
    let expected = [
        "subscription receipts: orders, fast (group receipts, filtered, paused)",
        "input inbox (files *.csv in inbox)",
        "input hook (http /hooks, unsigned)",
        "publish orders",
        "publish fast (types com.example.*)",
        "invoke other (quote)",
        "output receipts (file receipts: create, get)",
        "output audit (log: all operations)",
        "jobs its own",
        "callers all (quote), outside (all methods)",
        "publish denied; grant with `publish: [topic]` in a manifest",
        "invoke denied; grant with `invoke: [component]` in a manifest",
        "output denied; grant with `outputs: { name: all }` in a manifest",
        "jobs denied; grant with `jobs: true` in a manifest",
        "topic orders (embedded, at most 1 GiB, kept 7d, in by HTTP at /events/orders, 2 subscriptions)",
        "topic fast (in memory, at most 64 MiB, 1 subscription)",
        "topic dead-letters (embedded, at most 1 GiB, for what is given up)",
        "sink out: orders (group out) to https://example.com/in",
    ];
    for line in expected {
        assert!(shown.iter().any(|shown| shown == line), "{line:?} is missing in {shown:#?}");
    }
    let schedule =
        shown.iter().find(|line| line.starts_with("schedule yearly (0 0 1 1 * Europe/Berlin, next "));
    assert!(schedule.is_some_and(|line| line.ends_with("-12-31T23:00:00Z)")), "{shown:#?}");
}

#[test]
fn serve_tells_machines_where_it_listens() {
    use std::io::{BufRead as _, BufReader};
    let app = App::new(HELLO);
    let mut child = serve(app.path(), &["--json"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let value: Value = serde_json::from_str(&line).unwrap();
    let address = value["listening"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
    let answer = mecha_tests::client::Client::new(address.parse().unwrap()).get("/");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(answer.text(), "Hello, world!\n");
}

#[test]
fn the_schema_knows_what_a_manifest_may_say() {
    let printed = run(&["schema"]);
    assert_eq!(printed.code, Some(0));
    let schema: Value = serde_json::from_str(&printed.stdout).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for key in ["name", "components", "stores"] {
        assert!(
            schema["properties"][key].is_object(),
            "{key} is missing in {:?}",
            keys(&schema["properties"])
        );
    }
    assert_eq!(schema["additionalProperties"], false);
    let component = keys(&schema["$defs"]["Component"]["properties"]);
    for key in ["source", "build", "http", "stores", "outbound", "env", "directories", "limits"] {
        assert!(component.iter().any(|known| known == key), "{key} is missing in {component:?}");
    }
}

#[test]
fn the_schema_of_test_files_is_asked_for_by_name() {
    let printed = run(&["schema", "test"]);
    assert_eq!(printed.code, Some(0));
    let schema: Value = serde_json::from_str(&printed.stdout).unwrap();
    assert!(schema["properties"]["cases"].is_object(), "{}", printed.stdout);
    assert_eq!(schema["required"], serde_json::json!(["cases"]));
    assert_eq!(run(&["schema", "manifest"]).stdout, run(&["schema"]).stdout);
    assert_prints(&run(&["schema", "--help"]), 0, &["manifest", "mecha.yaml", "test", "tests/*.yaml"]);
    assert_eq!(run(&["schema", "tests"]).code, Some(2));
}

#[test]
fn completions_are_those_of_the_shell() {
    for (shell, part) in
        [("bash", "complete -F"), ("zsh", "#compdef mecha-host"), ("fish", "complete -c mecha-host")]
    {
        let printed = run(&["completions", shell]);
        assert_eq!(printed.code, Some(0));
        for part in [part, "serve", "inspect"] {
            assert!(printed.stdout.contains(part), "{shell}: {part:?} is missing");
        }
    }
}
