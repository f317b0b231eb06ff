//! Compiled code that is kept: used when it is whole and ours, and never otherwise.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use mecha_tests::host::{App, Host, mecha, output};

const HELLO: &str = "
name: hello
components:
  hello: { source: '{guests}/hello.wasm', http: [/] }
";
const PROBE: &str = "
name: probe
components:
  probe: { source: '{guests}/probe.wasm', http: [/] }
";

/// Starts an app with this cache folder.
fn serve(app: &App, cache: &Path) -> Host {
    let mut command = mecha(&["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--cache"]);
    Host::run(command.arg(cache).arg(app.path()))
}

/// Starts an app with hello in it, sees that it works, and gives what was logged.
fn log_of_start(app: &App, cache: &Path) -> String {
    let mut host = serve(app, cache);
    assert_eq!(host.get("/").text(), "Hello, world!\n");
    host.signal(rustix::process::Signal::TERM);
    assert_eq!(host.wait().code(), Some(0));
    host.wait_for_log("ended");
    host.log()
}

/// The files of a cache folder but its key: name, inode and time of change. What is compiled anew replaces its file.
fn files(cache: &Path) -> BTreeMap<String, (u64, i64, i64)> {
    let entries = fs::read_dir(cache).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap()))
        .filter(|(name, _)| name != "key")
        .map(|(name, meta)| (name, (meta.ino(), meta.mtime(), meta.mtime_nsec())))
        .collect()
}

/// The one file of a cache folder.
fn only_file(cache: &Path) -> PathBuf {
    let files = files(cache);
    assert_eq!(files.len(), 1, "{files:?}");
    cache.join(files.keys().next().unwrap())
}

#[test]
fn the_second_start_takes_what_the_first_has_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("deep/cache");
    let app = App::new(HELLO);
    assert!(!log_of_start(&app, &cache).contains("WARN"));
    let first = files(&cache);
    assert_eq!(first.len(), 1, "{first:?}");
    for _ in 0..2 {
        let log = log_of_start(&app, &cache);
        assert!(!log.contains("WARN"), "{log}");
        assert_eq!(files(&cache), first, "nothing was compiled anew, or its file would be another");
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&cache), 0o700);
    assert_eq!(mode(&cache.join("key")), 0o600);
    assert_eq!(mode(&only_file(&cache)), 0o600);
}

#[test]
fn other_code_and_other_settings_have_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    log_of_start(&App::new(HELLO), &cache);
    let first = files(&cache);
    let metered = HELLO.replace("http: [/]", "http: [/], limits: { fuel: 1000000000 }");
    log_of_start(&App::new(&metered), &cache);
    assert_eq!(files(&cache).len(), 2);
    serve(&App::new(PROBE), &cache);
    let all = files(&cache);
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(first.iter().all(|(name, file)| all.get(name) == Some(file)), "the first is as it was");
}

/// Spoils the only file of a cache; the next start must notice, work, and put it right.
fn assert_noticed(what: &str, spoil: impl Fn(&mut Vec<u8>)) {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let app = App::new(HELLO);
    log_of_start(&app, &cache);
    let file = only_file(&cache);
    let good = fs::read(&file).unwrap();
    let mut bytes = good.clone();
    spoil(&mut bytes);
    fs::write(&file, &bytes).unwrap();
    let log = log_of_start(&app, &cache);
    let name = file.file_name().unwrap().to_str().unwrap();
    let warned =
        log.lines().any(|line| line.contains("WARN") && line.contains("in the cache") && line.contains(name));
    assert!(warned, "{what}: nobody was warned:\n{log}");
    assert_eq!(only_file(&cache), file, "{what}");
    assert!(fs::read(&file).unwrap() != bytes, "{what}: it was not written anew");
    assert!(!log_of_start(&app, &cache).contains("WARN"), "{what}: what was written anew is good");
}

#[test]
fn a_truncated_file_is_not_executed() {
    for length in [32, 33, 1000] {
        assert_noticed(&format!("{length} bytes"), |bytes| bytes.truncate(length));
    }
    assert_noticed("half", |bytes| bytes.truncate(bytes.len() / 2));
    assert_noticed("all but a byte", |bytes| bytes.truncate(bytes.len() - 1));
}

#[test]
fn a_file_too_short_for_its_seal_is_not_executed() {
    for length in [0, 1, 31] {
        assert_noticed(&format!("{length} bytes"), |bytes| bytes.truncate(length));
    }
}

#[test]
fn a_file_with_a_flipped_bit_is_not_executed() {
    type Place = (&'static str, fn(usize) -> usize);
    let places: [Place; 6] = [
        ("the seal's first byte", |_| 0),
        ("the seal's last byte", |_| 31),
        ("the first byte behind the seal", |_| 32),
        ("a third", |length| length / 3),
        ("the middle", |length| length / 2),
        ("the last byte", |length| length - 1),
    ];
    for (what, place) in places {
        assert_noticed(what, |bytes| {
            let at = place(bytes.len());
            bytes[at] ^= 0x10;
        });
    }
    assert_noticed("a byte more", |bytes| bytes.push(0));
}

#[test]
fn a_file_from_another_cache_is_not_executed() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
    let app = App::new(HELLO);
    log_of_start(&app, &ours);
    log_of_start(&app, &theirs);
    let file = only_file(&ours);
    // Good code, and sealed: but by somebody else.
    fs::copy(only_file(&theirs), &file).unwrap();
    let log = log_of_start(&app, &ours);
    assert!(log.contains("WARN") && log.contains("not ours"), "{log}");
    assert!(!log_of_start(&app, &ours).contains("WARN"));
    // A new key makes all files strangers.
    fs::remove_file(ours.join("key")).unwrap();
    let log = log_of_start(&app, &ours);
    assert!(log.contains("WARN") && log.contains("not ours"), "{log}");
}

#[test]
fn one_components_code_does_not_pass_for_anothers() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    let (hello, probe) = (App::new(HELLO), App::new(PROBE));
    log_of_start(&hello, &cache);
    let of_hello = only_file(&cache);
    drop(serve(&probe, &cache));
    let of_probe =
        files(&cache).into_keys().map(|name| cache.join(name)).find(|file| *file != of_hello).unwrap();
    // Our own seal, under another name.
    fs::copy(&of_probe, &of_hello).unwrap();
    let log = log_of_start(&hello, &cache);
    assert!(log.contains("WARN") && log.contains("not ours"), "{log}");
}

/// The cache is not used, and the log says why; the app works.
fn assert_unused(cache: &Path, why: &str) {
    let listed = || cache.is_dir().then(|| files(cache));
    let before = listed();
    let log = log_of_start(&App::new(HELLO), cache);
    let warned =
        log.lines().any(|line| line.contains("WARN") && line.contains("not cached") && line.contains(why));
    assert!(warned, "the log does not say {why:?}:\n{log}");
    assert_eq!(listed(), before, "nothing was written there");
}

#[test]
fn a_folder_that_others_can_enter_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    log_of_start(&App::new(HELLO), &cache);
    for mode in [0o755, 0o750, 0o701, 0o770, 0o720] {
        fs::set_permissions(&cache, fs::Permissions::from_mode(mode)).unwrap();
        assert_unused(&cache, &format!("is open to others (mode {mode:o}): `chmod 700` it"));
    }
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o700)).unwrap();
    let before = files(&cache);
    assert!(!log_of_start(&App::new(HELLO), &cache).contains("WARN"));
    assert_eq!(files(&cache), before, "it is used again");
}

#[test]
fn a_folder_of_another_user_is_not_used() {
    const NOBODY: u32 = 65534;
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("cache");
    log_of_start(&App::new(HELLO), &cache);
    std::os::unix::fs::chown(&cache, Some(NOBODY), None)
        .expect("this story gives a folder away: run it as root, who may `chown nobody`");
    assert_unused(&cache, "belongs to another user");
}

#[test]
fn a_cache_that_is_no_folder_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    log_of_start(&App::new(HELLO), &at("good"));
    // Where a link leads may change between the look and the use.
    symlink(at("good"), at("link")).unwrap();
    assert_unused(&at("link"), "is no folder");
    fs::write(at("file"), "mine").unwrap();
    assert_unused(&at("file"), "file");
    assert_unused(&at("file/below"), "cannot make the folder");
    assert_eq!(fs::read_to_string(at("file")).unwrap(), "mine");
    fs::write(at("good/key"), "short").unwrap();
    assert_unused(&at("good"), "the key must have 32 bytes");
}

#[test]
fn without_a_cache_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::new(HELLO);
    let mut command = mecha(&["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--no-cache"]);
    let host = Host::run(command.arg(app.path()).env("XDG_CACHE_HOME", folder.path()));
    assert_eq!(host.get("/").text(), "Hello, world!\n");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(!host.log().contains("WARN"), "{}", host.log());
}

#[test]
fn the_cache_lies_in_the_users_cache_folder_unless_another_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::new(HELLO);
    for (variable, cache) in [("XDG_CACHE_HOME", "xdg/mecha-host"), ("HOME", "home/.cache/mecha-host")] {
        let value = folder.path().join(cache.split('/').next().unwrap());
        let mut command = mecha(&["check"]);
        command.arg(app.path()).env_remove("XDG_CACHE_HOME").env(variable, value);
        let checked = output(&mut command);
        assert_eq!(checked.code, Some(0), "{}", checked.stderr);
        assert_eq!(files(&folder.path().join(cache)).len(), 1);
    }
}

#[test]
fn hosts_that_start_at_once_share_a_cache() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::new(HELLO);
    for round in 0..4 {
        let cache = folder.path().join(format!("cache-{round}"));
        // First with a folder that each may have to make, then with one that is there.
        for _ in 0..2 {
            std::thread::scope(|scope| {
                let check = || output(mecha(&["check", "--cache"]).arg(&cache).arg(app.path()));
                let checks: Vec<_> = (0..8).map(|_| scope.spawn(check)).collect();
                for check in checks {
                    let checked = check.join().unwrap();
                    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
                }
            });
        }
        let before = files(&cache);
        assert_eq!(before.len(), 1, "no halves are left: {before:?}");
        assert!(!log_of_start(&app, &cache).contains("WARN"));
        assert_eq!(files(&cache), before);
    }
}
