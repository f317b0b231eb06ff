//! The guide, `docs/testing.md`, is what an author sees who follows it.

use mecha_tests::host::{App, guest, mecha, output, project};

use super::{passes, test};

const GUESTBOOK: &str = "
name: guestbook
components:
  guestbook: { source: guestbook.wasm, http: [/], stores: { main: read-write } }
stores: { main: embedded }
";

/// The first block of a language after a text.
fn block(after: &str, language: &str) -> String {
    let page = std::fs::read_to_string(project().join("docs/testing.md")).unwrap();
    let (_, rest) = page.split_once(after).unwrap();
    let (_, rest) = rest.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

fn guestbook(cases: &str) -> App {
    App::new(GUESTBOOK)
        .with_file("guestbook.wasm", std::fs::read(guest("guestbook")).unwrap())
        .with_file("tests/first.yaml", cases)
}

#[test]
fn the_first_test_of_the_guide_is_green_and_then_red_as_it_says() {
    let cases = block("## The first test", "yaml");
    let shown = block("is run by", "console").replace("examples/guestbook/", "");
    let told = passes(&guestbook(&cases), &["first"]);
    let first = told.stdout.lines().next().unwrap();
    assert_eq!(shown.lines().nth(1), Some(first));

    let found = "name: Ada, message: Hello!, written_at_ms";
    assert!(cases.contains(found));
    let red = test(&guestbook(&cases.replace(found, &found.replace("Ada", "Grace"))), &["first"]);
    let shown = block("host calls that led there:", "text").replace("examples/guestbook/", "");
    assert_eq!(red.code, Some(1));
    assert!(red.stdout.contains(&shown), "{}\nis not\n{shown}", red.stdout);
}

/// As far as they can run without a runner: the commands are taken as they are written.
#[test]
fn the_job_of_the_guide_runs_commands_that_there_are() {
    let app = guestbook(&block("## The first test", "yaml"));
    passes(&app, &["--bless"]);
    let job = block("## In CI", "yaml");
    let commands = job.lines().filter_map(|line| line.trim().strip_prefix("- run: mecha-host "));
    let mut seen = 0;
    for command in commands {
        let command = command
            .split(['#', '>'])
            .next()
            .unwrap()
            .replace("origin/${{ github.base_ref }}", "tests/fuel.json");
        let words: Vec<_> = command.split_whitespace().collect();
        let told = output(mecha(&words).current_dir(app.path()));
        // A guestbook that is signed again has a second entry, and a crash makes a client do so: that is found.
        let finds = command.contains("everywhere");
        assert_eq!(told.code, Some(i32::from(finds)), "{command}: {}{}", told.stdout, told.stderr);
        assert_eq!(told.stdout.contains("--replay crash:"), finds, "{}", told.stdout);
        seen += 1;
    }
    assert_eq!(seen, 4);
    assert!(app.path().join("junit.xml").is_file());
}

#[test]
fn what_the_examples_do_wrong_is_found_and_not_in_their_repair() {
    for (example, finder, found) in [
        ("checkout", "--crash-everywhere", "happened 2 times instead of once"),
        ("tally", "--race-everywhere", "is lost"),
    ] {
        let folder = project().join("examples").join(example);
        let run =
            |manifest: &str, flags: &[&str]| output(mecha(&["test"]).arg(folder.join(manifest)).args(flags));
        let well = run("mecha.yaml", &[]);
        assert_eq!(well.code, Some(0), "{}{}", well.stdout, well.stderr);
        let broken = run("mecha.yaml", &[finder]);
        assert_eq!(broken.code, Some(1), "{}{}", broken.stdout, broken.stderr);
        for part in [found, "--replay ", "with `atomic: true`"] {
            assert!(broken.stdout.contains(part), "{part}: {}", broken.stdout);
        }
        let repaired = run("mecha.atomic.yaml", &[finder]);
        assert_eq!(repaired.code, Some(0), "{}{}", repaired.stdout, repaired.stderr);
    }
}
