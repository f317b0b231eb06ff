use notify::event::{AccessKind, AccessMode, CreateKind, DataChange, Flag, MetadataKind, RemoveKind};

use super::*;

fn scope() -> Scope {
    Scope {
        folder: "/app".into(),
        manifest: "/app/mecha.yaml".into(),
        components: vec!["/build/target/shop.wasm".into()],
        ignored: vec!["/app/report.xml".into(), "/app/profiles".into()],
    }
}

fn noted() -> Noted {
    let noted = Noted::default();
    noted.state().scope = scope();
    noted
}

fn written(path: &str) -> Event {
    Event::new(EventKind::Modify(ModifyKind::Data(DataChange::Any))).add_path(path.into())
}

#[test]
fn each_file_calls_for_what_depends_on_it() {
    let cases = [
        ("/app/mecha.yaml", Some(Change::Tests)),
        ("/app/tests/orders.yaml", Some(Change::Tests)),
        ("/app/tests/orders.yml", Some(Change::Tests)),
        ("/build/target/shop.wasm", Some(Change::Tests)),
        ("/app/src/lib.rs", Some(Change::Sources)),
        ("/app/tests/kit/lib.rs", Some(Change::Sources)),
        ("/app/tests", Some(Change::Sources)),
        ("/app", None),
        ("/app/tests/fuel.json", None),
        ("/app/tests/.orders.yaml.swp", None),
        ("/app/tests/orders.yaml~", None),
        ("/app/target/debug/x", None),
        ("/app/component/target/debug/x", None),
        ("/app/.mecha/data", None),
        ("/app/.git/index", None),
        ("/app/report.xml", None),
        ("/app/profiles/a.json", None),
        ("/build/target/other.wasm", None),
        ("/elsewhere/src/lib.rs", None),
    ];
    for (path, change) in cases {
        assert_eq!(scope().concern(Path::new(path)), change, "{path}");
    }
}

#[test]
fn reading_a_file_is_no_change() {
    let cases = [
        (EventKind::Create(CreateKind::File), true),
        (EventKind::Remove(RemoveKind::Folder), true),
        (EventKind::Modify(ModifyKind::Data(DataChange::Any)), true),
        (EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime)), false),
        (EventKind::Access(AccessKind::Open(AccessMode::Read)), false),
        (EventKind::Access(AccessKind::Close(AccessMode::Write)), false),
    ];
    for (kind, is_change) in cases {
        assert_eq!(matters(kind), is_change, "{kind:?}");
    }
}

#[test]
fn changes_at_once_are_one() {
    let noted = noted();
    for path in ["/app/src/b.rs", "/app/src/a.rs", "/app/mecha.yaml", "/app/target/x"] {
        noted.note(&written(path));
    }
    assert_eq!(noted.next(), Changed { change: Change::Sources, path: "src/a.rs".into() });
    assert!(noted.state().pending.is_empty());
    noted.note(&written("/build/target/shop.wasm"));
    assert_eq!(noted.next(), Changed { change: Change::Tests, path: "/build/target/shop.wasm".into() });
}

#[test]
fn changes_that_were_lost_may_have_been_anything() {
    let noted = noted();
    noted.note(&Event::new(EventKind::Other).set_flag(Flag::Rescan));
    assert_eq!(noted.next(), Changed { change: Change::Sources, path: "".into() });
}

#[test]
fn changes_are_remembered_in_bounded_memory() {
    let noted = noted();
    for i in 0..10 * PATHS {
        noted.note(&written(&format!("/app/src/{i}.rs")));
    }
    assert_eq!(noted.state().pending.len(), PATHS);
}

/// A build that writes among its sources, as generators do, would be run for ever.
#[test]
fn what_a_run_writes_is_no_change() {
    let (noted, mut products) = (noted(), BTreeMap::new());
    let mut run = |has_built, also: &[&str]| {
        let written_by_builds = ["/build/target/shop.wasm", "/app/src/generated.rs"];
        for path in written_by_builds.iter().filter(|_| has_built).chain(also) {
            noted.note(&written(path));
        }
        let new = noted.ran(&mut products, has_built);
        let left = std::mem::take(&mut noted.state().pending);
        let shown =
            |paths: Vec<PathBuf>| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        (shown(left.into_keys().collect()), shown(new))
    };
    let none = || Vec::<String>::new();
    let generated = || vec!["/app/src/generated.rs".to_owned()];
    // It might be a source that was saved meanwhile: it is built again.
    assert_eq!(run(true, &[]), (generated(), none()));
    assert_eq!(run(true, &[]), (generated(), none()));
    assert_eq!(run(true, &[]), (none(), vec!["src/generated.rs".to_owned()]));
    assert_eq!(run(true, &[]), (none(), none()));
    // What is saved meanwhile is built, and tested.
    let lib = || vec!["/app/src/lib.rs".to_owned()];
    assert_eq!(run(true, &["/app/src/lib.rs"]), (lib(), none()));
    assert_eq!(run(true, &["/app/tests/a.yaml"]), (vec!["/app/tests/a.yaml".to_owned()], none()));
    assert_eq!(run(true, &["/app/src/lib.rs"]), (lib(), none()));
    // Others build as well.
    let shop = "/build/target/shop.wasm";
    assert_eq!(run(false, &[shop]), (vec![shop.to_owned()], none()));
    assert_eq!(run(true, &[]), (none(), none()));
}

/// As in `mecha-host test --watch | tee log`.
#[test]
fn what_is_printed_to_a_file_of_the_app_is_no_change() {
    let (noted, mut products) = (noted(), BTreeMap::new());
    let runs = (0..6).map(|_| {
        noted.note(&written("/app/log"));
        noted.ran(&mut products, false);
        !std::mem::take(&mut noted.state().pending).is_empty()
    });
    assert_eq!(runs.collect::<Vec<_>>(), [true, true, false, false, false, false]);
}

#[test]
fn files_are_watched_and_new_folders_too() {
    let root = tempfile::tempdir().unwrap();
    let folder = Dir::open_ambient_dir(root.path(), ambient_authority()).unwrap();
    for made in ["app/tests", "app/target/deep", "app/src", "elsewhere"] {
        folder.create_dir_all(made).unwrap();
    }
    let app = root.path().join("app");
    let scope = Scope {
        manifest: app.join("mecha.yaml"),
        // It is not there yet, and its way is not the shortest.
        components: vec![app.join("../elsewhere/shop.wasm")],
        ignored: vec![app.join("report.xml")],
        folder: app,
    };
    let mut watch = Watch::new(&scope).unwrap();
    let mut before = None;
    // The system may tell of a write twice. Of what is ignored it never comes to be told.
    let mut next = |watch: &mut Watch, change, path: &str| {
        let expected = Changed { change, path: path.into() };
        loop {
            let mut changed = watch.next();
            if changed.path.is_absolute() {
                changed.path = changed.path.file_name().unwrap().into();
            }
            if changed == expected {
                before = Some(changed);
                return;
            }
            assert_eq!(Some(changed), before);
        }
    };
    for ignored in ["app/target/deep/x", "app/report.xml", "elsewhere/other.wasm"] {
        folder.write(ignored, "x").unwrap();
    }
    folder.write("app/tests/a.yaml", "cases: {}").unwrap();
    next(&mut watch, Change::Tests, "tests/a.yaml");
    folder.write("elsewhere/shop.wasm", "x").unwrap();
    next(&mut watch, Change::Tests, "shop.wasm");
    // A folder that is new is a change by itself, and what is in it later is one as well. Made anew, it is another.
    for (i, file) in ["src/parts/one.rs", "src/parts/two.rs"].into_iter().enumerate() {
        if i > 0 {
            folder.remove_dir_all("app/src/parts").unwrap();
            next(&mut watch, Change::Sources, "src/parts");
        }
        folder.create_dir("app/src/parts").unwrap();
        next(&mut watch, Change::Sources, "src/parts");
        watch.follow(&scope).unwrap();
        folder.write(Path::new("app").join(file), "x").unwrap();
        next(&mut watch, Change::Sources, file);
    }
}
