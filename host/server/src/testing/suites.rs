//! The test files of an app: `tests/*.yaml` and `*.yml` beside its manifest, by name.

use std::{
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use cap_std::{ambient_authority, fs::Dir};
use mecha_manifest::{App, Problem, suite::Suite};

use crate::{files, load::Report};

/// The folder beside the manifest.
pub const FOLDER: &str = "tests";

/// Reads one file's text: how messages name it, the text, and the app that its names are checked against.
pub type Load<'a> = &'a dyn Fn(&str, &str, &App) -> Result<Suite, Vec<Problem>>;

/// Reads all of them.
///
/// # Errors
/// If the folder or a file cannot be read, or there are no files, and no other tests.
/// What is wrong *in* files is the inner error: a report for each file with something wrong.
pub fn read(
    folder: &Path,
    app: &App,
    load: Load<'_>,
    has_others: bool,
) -> anyhow::Result<Result<Vec<Suite>, Vec<Report>>> {
    let tests = folder.join(FOLDER);
    let files = match list(&tests, is_test) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => vec![],
        Err(error) => return Err(error).with_context(|| format!("cannot read the folder {}", shown(&tests))),
    };
    if files.is_empty() && !has_others {
        bail!(
            "there are no tests: no {FOLDER}/*.yaml beside {}; write one, such as {}:\n\n{}",
            shown(&folder.join(mecha_manifest::FILE)),
            shown(&tests.join("first.yaml")),
            first(app)
        );
    }
    let (mut suites, mut wrong) = (vec![], vec![]);
    for path in files {
        let file = shown(&path);
        let bytes = files::read(&path).with_context(|| format!("cannot read the tests {file}"))?;
        let text = String::from_utf8(bytes).with_context(|| format!("the tests {file} are not UTF-8"))?;
        match load(&file, &text, app) {
            Ok(suite) => suites.push(suite),
            Err(problems) => wrong.push(Report { problems, text }),
        }
    }
    Ok(if wrong.is_empty() { Ok(suites) } else { Err(wrong) })
}

/// Whether this is the name of a test file.
#[must_use]
pub fn is_test(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    is_yaml && !is_hidden
}

/// The files of a folder that are meant, by name.
pub(super) fn list(folder: &Path, is_meant: impl Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let mut files = vec![];
    for entry in Dir::open_ambient_dir(folder, ambient_authority())?.entries()? {
        let path = folder.join(entry?.file_name());
        if is_meant(&path) && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A path as the user would write it.
pub(super) fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

/// A file to begin with, for this app.
fn first(app: &App) -> String {
    let route = app.components.iter().find_map(|component| component.routes.first());
    let subscribed = app.topics.first().filter(|_| !app.subscriptions.is_empty());
    let (step, then) = if let Some(route) = route {
        let path = route.path.to_string();
        let path = if path.contains('{') { "/" } else { &path };
        (format!("request: GET {path}"), "response: { status: 200 }")
    } else if let Some(schedule) = app.schedules.first() {
        (format!("tick: {}", schedule.name), "faults: []")
    } else if let Some(topic) = subscribed {
        (format!("event: {}\n        data: {{ id: 1 }}", topic.name), "faults: []")
    } else {
        let component = app.components.first().map_or("COMPONENT", |component| component.name.as_str());
        (format!("invoke: {component}.METHOD"), "answer: { data: { ok: true } }")
    };
    format!("  cases:\n    it answers:\n      when:\n        {step}\n      then:\n        {then}")
}

#[cfg(test)]
mod tests {
    use mecha_manifest::Span;

    use super::*;

    fn app(text: &str) -> App {
        struct None;
        impl mecha_manifest::Secrets for None {
            fn env(&self, _: &str) -> Option<String> {
                Option::None
            }
            fn file(&self, _: &str) -> Result<String, String> {
                Err("there is none".to_owned())
            }
        }
        mecha_manifest::load("mecha.yaml", text, &None).unwrap().0
    }

    fn guestbook() -> App {
        app("name: guestbook\ncomponents: { guestbook: { source: g.wasm, http: [/entries] } }")
    }

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let tests = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
        for (file, content) in files {
            tests.create_dir_all(Path::new(file).parent().unwrap()).unwrap();
            tests.write(file, content).unwrap();
        }
        folder
    }

    /// A file with `wrong` in it is wrong.
    fn load(file: &str, text: &str, _: &App) -> Result<Suite, Vec<Problem>> {
        if text.contains("wrong") {
            return Err(vec![Problem::error(file, Span { line: 1, column: 1 }, "", "it is wrong")]);
        }
        Ok(Suite { file: file.to_owned(), cases: vec![] })
    }

    #[test]
    fn files_are_found_by_name() {
        let folder = folder(&[
            ("tests/b.yml", b""),
            ("tests/a.yaml", b""),
            ("tests/fuel.json", b"wrong"),
            ("tests/.a.yaml.swp", b"wrong"),
            ("tests/.hidden.yaml", b"wrong"),
            ("tests/folder.yaml/x.yaml", b"wrong"),
        ]);
        let suites = read(folder.path(), &guestbook(), &load, false).unwrap().unwrap();
        let files: Vec<_> = suites.iter().map(|suite| suite.file.clone()).collect();
        assert_eq!(files, ["tests/a.yaml", "tests/b.yml"].map(|file| shown(&folder.path().join(file))));
    }

    #[test]
    fn all_wrong_files_are_told_of() {
        let folder = folder(&[("tests/a.yaml", b"wrong"), ("tests/b.yaml", b""), ("tests/c.yaml", b"wrong")]);
        let wrong = read(folder.path(), &guestbook(), &load, false).unwrap().unwrap_err();
        assert_eq!(wrong.len(), 2);
        assert!(wrong[1].rendered().contains("tests/c.yaml:1:1"), "{}", wrong[1].rendered());
    }

    #[test]
    fn what_is_no_text_is_said() {
        let folder = folder(&[("tests/a.yaml", b"\xff")]);
        let error = read(folder.path(), &guestbook(), &load, false).unwrap_err();
        assert!(error.to_string().ends_with("tests/a.yaml are not UTF-8"), "{error}");
    }

    #[test]
    fn without_tests_there_is_one_to_begin_with() {
        let cases = [
            ("http: [/entries]", "", "request: GET /entries\n      then:\n        response: { status: 200 }"),
            (
                "http: [\"/entries/{id}\"]",
                "",
                "request: GET /\n      then:\n        response: { status: 200 }",
            ),
            (
                "",
                "schedules: { hourly: { every: 1h, to: it } }",
                "tick: hourly\n      then:\n        faults: []",
            ),
            (
                "",
                "topics: { orders: { embedded: {}, http: /events } }\nsubscriptions: { receipts: { topic: orders, to: it } }",
                "event: orders\n        data: { id: 1 }\n      then:\n        faults: []",
            ),
            (
                "callers: { outside: all }",
                "",
                "invoke: it.METHOD\n      then:\n        answer: { data: { ok: true } }",
            ),
        ];
        for (component, rest, step) in cases {
            let app =
                app(&format!("name: it\ncomponents: {{ it: {{ source: g.wasm, {component} }} }}\n{rest}"));
            let error =
                read(folder(&[("other/a.yaml", b"")]).path(), &app, &load, false).unwrap_err().to_string();
            let expected = format!("first.yaml:\n\n  cases:\n    it answers:\n      when:\n        {step}");
            assert!(error.ends_with(&expected), "{error}");
        }
    }
}
