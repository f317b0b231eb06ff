//! What a disk, a folder or a port can do to a host, and that nothing is lost by it.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use mecha_tests::host::{App, Host, Output, output, serve, until};
use serde_json::{Value, json};

const KEEPER: &str = "
name: keeper
components:
  keeper:
    source: '{guests}/keeper.wasm'
    http: [/]
    stores: { main: read-write }
  neighbour:
    source: '{guests}/hello.wasm'
    http: [{ path: /, host: neighbour }]
stores: { main: embedded }
";

/// A file system of its own in a folder; unmounted when dropped.
struct Mount {
    folder: tempfile::TempDir,
}

impl Mount {
    fn tmpfs(size: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={size},mode=0700"), "tmpfs"], folder.path());
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    fn make_read_only(&self) {
        mount(&["-o", "remount,ro"], self.folder.path());
    }
}

fn mount(args: &[&str], at: &Path) {
    let done = output(Command::new("mount").args(args).arg(at));
    assert_eq!(
        done.code,
        Some(0),
        "this story needs a file system of its own: run it as root, where `mount {}` is allowed\n{}",
        args.join(" "),
        done.stderr
    );
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a host that was killed a moment ago may still hold a file.
        _ = Command::new("umount").arg("--lazy").arg(self.folder.path()).status();
    }
}

fn ask(host: &Host, call: &Value) -> Value {
    let answer = host.post("/call", call.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn case(answer: &Value) -> &str {
    answer["error"]["case"].as_str().unwrap_or("ok")
}

fn neighbour(host: &Host) -> u16 {
    host.client().send("GET", "/", &[("host", "neighbour")], "").status
}

/// `serve` with this data directory, which cannot start.
fn fails_to_serve(app: &App, data: &Path) -> Output {
    let failed = output(&mut serve(app.path(), &["--data", data.to_str().unwrap()]));
    assert_eq!(failed.stdout, "", "it never says that it listens");
    failed
}

#[test]
fn a_full_disk_refuses_writes_until_there_is_space_and_loses_nothing() {
    let disk = Mount::tmpfs("8m");
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![0; 4 << 20]).unwrap();
    let app = App::new(KEEPER);
    let data = disk.path().join("data");
    let start = || Host::start(app.path(), &["--data", data.to_str().unwrap()]);
    let host = start();
    let set =
        |key: usize| json!({ "op": "set", "key": key.to_string(), "value": "v", "value_repeat": 64 << 10 });
    let mut written = vec![];
    // The write that meets the end of the disk may be in doubt; those behind it are not.
    let refused = loop {
        let answer = ask(&host, &set(written.len()));
        match case(&answer) {
            "ok" => written.push(written.len()),
            "timeout" => {}
            _ => break answer,
        }
        assert!(written.len() < 200, "8 MiB hold more than they can");
    };
    assert_eq!(case(&refused), "unavailable", "{refused}");
    let told = refused["error"]["detail"].as_str().unwrap();
    assert!(!told.contains('/') && !told.contains("space"), "a path or an errno is not for guests: {told}");
    assert!(written.len() >= 10, "{}", written.len());
    host.wait_for_log("storage failed");
    assert!(host.metric("mecha_storage_failures_total", &[]) >= 1.0);
    let unavailable = host.metric("mecha_host_calls_total", &["\"state.set\"", "outcome=\"unavailable\""]);
    assert!(unavailable >= 1.0);

    // It reads on, or reads again soon; and who needs no disk has not noticed.
    assert_eq!(neighbour(&host), 200);
    let check = |host: &Host| {
        for key in &written {
            let get = json!({ "op": "get", "key": key.to_string() });
            until("an acknowledged value is read", || {
                let found = ask(host, &get);
                assert!(case(&found) != "ok" || !found["item"].is_null(), "{key} was acknowledged: {found}");
                case(&found) == "ok"
            });
        }
    };
    check(&host);

    // Somebody makes room, and nobody has to start the host anew.
    fs::remove_file(&ballast).unwrap();
    until("writes work again", || case(&ask(&host, &set(1000))) == "ok");
    check(&host);
    host.kill();
    let host = start();
    check(&host);
    assert_eq!(ask(&host, &json!({ "op": "exists", "key": "1000" })), json!({ "exists": true }));
}

#[test]
fn a_data_directory_that_another_host_has_is_not_to_be_had() {
    let app = App::new(KEEPER);
    let data = app.path().join("kept");
    let host = Host::start(app.path(), &["--data", data.to_str().unwrap()]);
    ask(&host, &json!({ "op": "set", "key": "a", "value": "x" }));
    let failed = fails_to_serve(&app, &data);
    assert_eq!(failed.code, Some(3), "{}", failed.stderr);
    let expected = [
        data.to_str().unwrap().to_owned(),
        format!("process {}", host.id()),
        "in use".to_owned(),
        "--data".to_owned(),
    ];
    for part in expected {
        assert!(failed.stderr.contains(&part), "{part:?} is missing in {}", failed.stderr);
    }
    assert_eq!(ask(&host, &json!({ "op": "get", "key": "a" }))["item"]["value"], "x");
    // When that one has gone, however it went, the directory is free.
    host.kill();
    let host = Host::start(app.path(), &["--data", data.to_str().unwrap()]);
    assert_eq!(ask(&host, &json!({ "op": "get", "key": "a" }))["item"]["value"], "x");
}

#[test]
fn a_data_directory_that_is_read_only_is_refused_at_the_start() {
    let disk = Mount::tmpfs("8m");
    let app = App::new(KEEPER);
    let (there, new) = (disk.path().join("there"), disk.path().join("new"));
    fs::create_dir(&there).unwrap();
    disk.make_read_only();
    for data in [there, new] {
        let failed = fails_to_serve(&app, &data);
        assert_eq!(failed.code, Some(3), "{}", failed.stderr);
        for part in [data.to_str().unwrap(), "--data", "Read-only file system"] {
            assert!(failed.stderr.contains(part), "{part:?} is missing in {}", failed.stderr);
        }
    }
}

#[test]
fn a_data_path_that_is_a_file_is_refused_and_the_file_stays() {
    let app = App::new(KEEPER).with_file("file", "mine");
    let file = app.path().join("file");
    for data in [file.clone(), file.join("below")] {
        let failed = fails_to_serve(&app, &data);
        assert_eq!(failed.code, Some(3), "{}", failed.stderr);
        for part in [data.to_str().unwrap(), "--data"] {
            assert!(failed.stderr.contains(part), "{part:?} is missing in {}", failed.stderr);
        }
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

/// The database of a host that kept something, and has ended.
fn kept(app: &App) -> PathBuf {
    let host = app.serve();
    ask(&host, &json!({ "op": "set", "key": "a", "value": "x", "value_repeat": 1 << 20 }));
    assert_eq!(host.stop().code(), Some(0));
    app.path().join(".mecha/default.redb")
}

#[test]
fn a_damaged_database_is_told_to_the_operator_and_left_as_it_is() {
    let garbage = vec![0x5a; 100_000];
    let app = App::new(KEEPER);
    let file = kept(&app);
    let good = fs::read(&file).unwrap();
    let mut torn = good.clone();
    // Its magic number is right, and nothing behind it.
    torn[16..4096].fill(0xff);
    let half = good[..good.len() / 2].to_vec();
    let cases = [
        ("garbage", garbage),
        ("a text", b"not a database\n".to_vec()),
        ("a torn head", torn),
        ("half of it", half),
    ];
    for (what, damaged) in cases {
        fs::write(&file, &damaged).unwrap();
        let failed = fails_to_serve(&app, file.parent().unwrap());
        assert_eq!(failed.code, Some(3), "{what}: {}", failed.stderr);
        let told = failed.stderr.lines().find(|line| line.starts_with("error: ")).unwrap();
        assert!(told.contains(file.to_str().unwrap()), "{what}: {told}");
        assert!(told.contains("damaged") || told.contains("Not a redb database"), "{what}: {told}");
        assert!(fs::read(&file).unwrap() == damaged, "{what} was overwritten");
    }
    fs::write(&file, good).unwrap();
    let found = ask(&app.serve(), &json!({ "op": "get", "key": "a" }));
    assert_eq!(found["item"]["value"].as_str().unwrap().len(), 1 << 20, "a copy put back works");
}

#[test]
fn data_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let app = App::new(KEEPER);
    let file = kept(&app);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
}

#[test]
fn a_port_in_use_is_named_with_the_flag_that_changes_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let app = App::new(KEEPER);
    for flag in ["--listen", "--admin"] {
        let failed = output(&mut serve_on(&app, flag, &address));
        assert_eq!(failed.code, Some(3), "{}", failed.stderr);
        for part in [address.as_str(), "in use", flag] {
            assert!(failed.stderr.contains(part), "{part:?} is missing in {}", failed.stderr);
        }
        assert_eq!(failed.stdout, "");
    }
    let failed = output(&mut serve_on(&app, "--listen", "203.0.113.1:80"));
    assert_eq!(failed.code, Some(3), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("203.0.113.1:80") && failed.stderr.contains("--listen"),
        "{}",
        failed.stderr
    );
    drop(taken);
    assert_eq!(neighbour(&app.serve()), 200);
}

/// `serve` with one address that is not free.
fn serve_on(app: &App, flag: &str, address: &str) -> Command {
    let mut command = mecha_tests::host::mecha(&["serve"]);
    command.arg(app.path()).args([flag, address]);
    if flag != "--listen" {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command
}
