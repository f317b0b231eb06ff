//! What the documentation shows is so.

use std::path::{Path, PathBuf};

use mecha_manifest::{Problem, Secrets};
use mecha_tests::host::project;

struct AnySecret;

impl Secrets for AnySecret {
    fn env(&self, _: &str) -> Option<String> {
        Some("secret".into())
    }
    fn file(&self, _: &str) -> Result<String, String> {
        Ok("secret".into())
    }
}

#[test]
fn every_whole_manifest_in_the_documentation_is_right() {
    let mut seen = 0;
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for block in text.split("```yaml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            // A fragment shows a part of a manifest; a whole one begins with its name.
            if !block.lines().any(|line| line.starts_with("name:")) {
                continue;
            }
            seen += 1;
            if let Err(problems) = mecha_manifest::load("mecha.yaml", block, &AnySecret) {
                let problems: Vec<_> = problems.iter().map(Problem::to_string).collect();
                panic!("{}:\n{block}\n{}", page.display(), problems.join("\n"));
            }
        }
    }
    assert!(seen >= 4, "only {seen} manifests were found: has the documentation moved?");
}

#[test]
fn every_link_in_the_documentation_leads_somewhere() {
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let path = page.parent().unwrap().join(file);
            assert!(path.exists(), "{} links to {target}, which is not there", page.display());
        }
    }
}

/// A guarantee is named with the test that shows it. That test has to be there.
#[test]
fn every_test_that_the_documentation_names_is_there() {
    let mut sources = String::new();
    for folder in ["host", "tests", "guests"] {
        gather(&project().join(folder), &mut sources);
    }
    let words: std::collections::HashSet<&str> =
        sources.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let (mut lacking, mut seen) = (vec![], 0);
    for page in pages() {
        let text = std::fs::read_to_string(&page).unwrap();
        let named =
            text.split('`').skip(1).step_by(2).filter(|name| is_a_sentence(name)).inspect(|_| seen += 1);
        let gone = named.filter(|name| !words.contains(name));
        lacking.extend(gone.map(|name| format!("{}: {name}", page.display())));
    }
    assert!(lacking.is_empty(), "these tests are not there:\n{}", lacking.join("\n"));
    assert!(seen >= 50, "only {seen} tests are named: has the documentation moved?");
}

/// Whether this is named as tests are: words, several.
fn is_a_sentence(name: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    // Metrics have such names too.
    !name.starts_with("mecha_") && name.split('_').count() >= 4 && name.split('_').all(is_word)
}

/// All Rust below a folder.
fn gather(folder: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("target") {
            gather(&path, sources);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            sources.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

fn pages() -> Vec<PathBuf> {
    let root = project();
    let mut pages: Vec<_> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "guests/README.md", "examples/README.md"]
            .map(|page| root.join(page))
            .into();
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(docs.filter(|path| path.extension() == Some(Path::new("md").as_os_str())));
    pages
}
