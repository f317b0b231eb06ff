//! `new` and `build`: from nothing to an app that is served.

use std::{
    fs,
    path::{Path, PathBuf},
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
    assert_prints(&new("shop", &nowhere), 1, &["cannot make", nowhere.to_str().unwrap()]);
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

/// Needs crates.io, as its user does.
#[test]
fn a_new_app_is_built_and_served() {
    let folder = tempfile::tempdir().unwrap();
    let made = new("visits", folder.path());
    assert_prints(&made, 0, &["made ", "mecha-host build", "mecha-host serve ."]);
    let app: PathBuf = folder.path().join("visits");
    // What is compiled is kept from run to run: most of it are dependencies.
    let kept = target().join("stories-new");
    fs::create_dir_all(&kept).unwrap();
    std::os::unix::fs::symlink(&kept, app.join("target")).unwrap();

    let unbuilt = output(mecha(&["check"]).env_remove("CARGO_TARGET_DIR").current_dir(&app));
    if !kept.join("wasm32-wasip2/release/component.wasm").exists() {
        assert_prints(&unbuilt, 1, &["cannot read", "`mecha-host build` makes it"]);
    }
    let built = output(mecha(&["build"]).env_remove("CARGO_TARGET_DIR").current_dir(&app));
    assert_prints(&built, 0, &["built 1 of 1 component"]);
    let checked = output(mecha(&["check", "--strict"]).current_dir(&app));
    assert_prints(&checked, 0, &["ok: app visits"]);
    let host = Host::start(&app, &[]);
    assert_eq!(host.get("/").text(), "Hello, visitor 1!\n");
    assert_eq!(host.get("/").text(), "Hello, visitor 2!\n");
    host.kill();
    assert_eq!(Host::start(&app, &[]).get("/").text(), "Hello, visitor 3!\n");
}
