//! `new` and `build`: from nothing to an app that is served.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use mecha_tests::host::{App, Host, mecha, output, target};

use super::{assert_prints, run};

fn new(name: &str, into: &Path) -> mecha_tests::host::Output {
    output(mecha(&["new", "--into"]).arg(into).args(["--", name]))
}

#[test]
fn new_refuses_a_folder_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("shop")).unwrap();
    fs::write(folder.path().join("shop/mine.txt"), "mine").unwrap();
    fs::write(folder.path().join("file"), "mine").unwrap();
    for name in ["shop", "file"] {
        let path = folder.path().join(name);
        assert_prints(&new(name, folder.path()), 1, &["error: ", path.to_str().unwrap(), "is there already"]);
    }
    let left: Vec<_> = fs::read_dir(folder.path().join("shop")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing was written");
}

#[test]
fn new_refuses_what_is_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let long = "x".repeat(64);
    for name in ["", "Shop", "a b", "../shop", "a/b", "-shop", "shop-", ".", "ä", "a.b", long.as_str()] {
        let refused = new(name, folder.path());
        assert_prints(&refused, 1, &["error: ", "is no name for an app", "a name"]);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was written");
    let nowhere = folder.path().join("nowhere");
    assert_prints(
        &new("shop", &nowhere),
        1,
        &["cannot make", "there is no folder", nowhere.to_str().unwrap()],
    );
}

#[test]
fn build_runs_the_build_commands_and_says_which_failed() {
    let app = App::new(
        "
name: shop
components:
  one: { source: one.wat, build: 'echo \"(component)\" > one.wat; echo done >> log', http: [/one] }
  two: { source: two.wat, http: [/two] }
",
    );
    let path = app.path().to_str().unwrap();
    assert_prints(&run(&["build", path]), 0, &["built 1 of 2 components"]);
    assert_eq!(fs::read_to_string(app.path().join("one.wat")).unwrap(), "(component)\n");
    let manifest = app.path().join("mecha.yaml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("two.wat,", "two.wat, build: 'exit 7',")).unwrap();
    assert_prints(
        &run(&["build", path]),
        1,
        &["the build command of `two` failed", "exit status: 7", "exit 7"],
    );
    let component = app.path().join("one.wat");
    assert_prints(&run(&["build", component.to_str().unwrap()]), 1, &["is a component, and built already"]);
    fs::write(&manifest, "name: Shop\n").unwrap();
    assert_prints(&run(&["build", path]), 1, &["error: "]);
}

#[test]
fn a_build_that_leaves_no_component_is_told() {
    let app = App::new(
        "name: shop\ncomponents:\n  one: { source: one.wat, build: 'echo done > two.wat', http: [/] }\n",
    );
    let built = run(&["build", app.path().to_str().unwrap()]);
    assert_prints(&built, 1, &["the build command of `one` ended well", "one.wat is not there"]);
}

#[test]
fn other_languages_have_a_template_each() {
    let folder = tempfile::tempdir().unwrap();
    for (lang, source, helper) in
        [("python", "app.py", "mecha/invoke.py"), ("javascript", "app.js", "mecha/callee.js")]
    {
        let made = output(mecha(&["new", lang, "--lang", lang, "--into"]).arg(folder.path()));
        assert_prints(&made, 0, &["made ", "mecha-host build"]);
        let app = folder.path().join(lang);
        for file in [source, helper, "build.sh", "wit/world.wit", "wit/deps/invoke/invoke.wit", "README.md"] {
            let text = fs::read_to_string(app.join(file)).unwrap();
            assert!(!text.contains("{{name}}"), "{file}");
        }
        let checked = run(&["check", app.to_str().unwrap()]);
        assert_prints(&checked, 1, &["cannot read", "`mecha-host build` makes it", "1 error"]);
    }
    let refused =
        output(mecha(&["new", "x", "--lang", "python", "--template", "cron", "--into"]).arg(folder.path()));
    assert_prints(&refused, 1, &["error: ", "the template `invoke` only"]);
    assert!(!folder.path().join("x").exists(), "nothing was written");
}

/// What is compiled is kept from run to run, for most of it are dependencies; so one app is built at a time.
static BUILDING: Mutex<()> = Mutex::new(());

fn kept_by(app: &Path) -> PathBuf {
    let kept = target().join("stories-new");
    fs::create_dir_all(&kept).unwrap();
    std::os::unix::fs::symlink(&kept, app.join("target")).unwrap();
    kept
}

/// Needs crates.io, as its user does.
#[test]
fn each_template_is_built_and_passes_check() {
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    for (template, components) in [("pubsub", 1), ("cron", 1), ("invoke", 2)] {
        let made = output(mecha(&["new", template, "--template", template, "--into"]).arg(folder.path()));
        assert_prints(&made, 0, &["made ", "mecha-host build"]);
        let app = folder.path().join(template);
        kept_by(&app);
        let built = output(mecha(&["build"]).env_remove("CARGO_TARGET_DIR").current_dir(&app));
        let plural = if components == 1 { "" } else { "s" };
        assert_prints(&built, 0, &[&format!("built {components} of {components} component{plural}")]);
        let checked = output(mecha(&["check", "--strict"]).current_dir(&app));
        assert_prints(&checked, 0, &[&format!("ok: app {template}")]);
        assert_prints(&output(mecha(&["test"]).current_dir(&app)), 0, &["tests/", " passed"]);
    }
}

/// Needs crates.io, as its user does.
#[test]
fn a_new_app_is_built_and_served() {
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let made = new("visits", folder.path());
    assert_prints(&made, 0, &["made ", "mecha-host build", "mecha-host test", "mecha-host serve ."]);
    let app: PathBuf = folder.path().join("visits");
    let kept = kept_by(&app);

    let unbuilt = output(mecha(&["check"]).env_remove("CARGO_TARGET_DIR").current_dir(&app));
    if !kept.join("wasm32-wasip2/release/component.wasm").exists() {
        assert_prints(&unbuilt, 1, &["cannot read", "`mecha-host build` makes it"]);
    }
    let built = output(mecha(&["build"]).env_remove("CARGO_TARGET_DIR").current_dir(&app));
    assert_prints(&built, 0, &["built 1 of 1 component"]);
    let checked = output(mecha(&["check", "--strict"]).current_dir(&app));
    assert_prints(&checked, 0, &["ok: app visits"]);
    assert_prints(&output(mecha(&["test"]).current_dir(&app)), 0, &["tests/visits.yaml: ", " passed"]);
    let host = Host::start(&app, &[]);
    assert_eq!(host.get("/").text(), "Hello, visitor 1!\n");
    assert_eq!(host.get("/").text(), "Hello, visitor 2!\n");
    host.kill();
    assert_eq!(Host::start(&app, &[]).get("/").text(), "Hello, visitor 3!\n");
}
