//! One app in three languages. It is built by the tools of Python and JavaScript, which not every machine has.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use mecha_tests::host::{project, target};

use crate::{examples::replay, testing_examples::assert_exact};

/// What a build script ends with that lacks a tool. (sysexits.h, EX_UNAVAILABLE)
const LACKING: i32 = 69;

#[test]
fn an_app_in_three_languages_is_what_its_transcript_says() {
    for (language, component) in [("python", "validate"), ("javascript", "enrich")] {
        if !build(language, component) {
            return;
        }
    }
    replay("polyglot");
    assert_exact(&project().join("examples/polyglot"));
}

/// Builds a component if it is not as new as what it is made of. `false`: there are no tools here, as it has been said.
fn build(language: &str, component: &str) -> bool {
    let (source, tools) =
        (project().join("examples/polyglot").join(component), project().join("guests").join(language));
    let out = target().join("polyglot").join(component).with_extension("wasm");
    let made = [&source, &tools, &project().join("wit")].into_iter().map(|folder| newest(folder)).max();
    let is_new = out.metadata().and_then(|found| found.modified()).is_ok_and(|built| Some(built) >= made);
    if is_new {
        return true;
    }
    let output = Command::new(tools.join("build")).arg(&source).arg(&out).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => true,
        Some(LACKING) if std::env::var_os("CI").is_none() => {
            eprintln!("left out: the app in three languages: {}", said.trim());
            false
        }
        code => panic!("the {language} component was not built ({code:?}):\n{said}"),
    }
}

/// When the newest file in a folder was changed, without what a build puts there.
fn newest(folder: &Path) -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            let is_made =
                ["deps", "mecha", "node_modules", "__pycache__"].iter().any(|made| path.ends_with(made));
            match kind.is_dir() {
                true if is_made && !path.starts_with(project().join("guests")) => {}
                true => folders.push(path),
                false => newest = newest.max(entry.metadata().unwrap().modified().unwrap()),
            }
        }
    }
    newest
}
