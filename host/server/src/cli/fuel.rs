//! `mecha-host fuel`: what an app's cases use, as it is recorded.

use std::path::PathBuf;

use super::{exit, say};
use crate::{
    print::{err, out},
    testing::fuel::{
        difference::{self, Difference, Row},
        files, judge,
        report::{self, Report},
        words,
    },
};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the fuel of each case, or how it differs from another recording's
    Report(ReportArgs),
}

#[derive(Debug, clap::Args)]
struct ReportArgs {
    /// An app's folder, its manifest (.yaml), or a recording (.json)
    #[arg(default_value = ".")]
    path: PathBuf,
    /// What to compare with: a recording, an app's folder, or a revision of git
    #[arg(long, value_name = "FILE|REV")]
    base: Option<String>,
    /// Show the functions of one case, by its name or a part of it
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// End with exit code 1 if a case grew by more than this
    #[arg(long, value_name = "PERCENT", requires = "base", value_parser = judge::percentage)]
    fail_above: Option<f64>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    Table,
    /// For a comment of a pull request
    Markdown,
    Json,
}

pub fn run(args: &Args) -> u8 {
    let Command::Report(args) = &args.command;
    match answer(args) {
        Ok(answer) => {
            print(&answer.report, args.format);
            answer.above.iter().for_each(err);
            if answer.above.is_empty() { exit::OK } else { exit::APP }
        }
        Err(error) => {
            say(&error);
            exit::APP
        }
    }
}

struct Answer {
    report: Report,
    /// What grew by more than it may, a line each.
    above: Vec<String>,
}

fn answer(args: &ReportArgs) -> anyhow::Result<Answer> {
    let path = files::named(&args.path);
    let after = files::existing(&path)?;
    let Some(base) = &args.base else {
        let report = match &args.case {
            None => report::recording(&after),
            Some(name) => {
                let case = difference::find(after.cases.keys(), name)?;
                report::case(case, &after.cases[case])
            }
        };
        return Ok(Answer { report, above: Vec::new() });
    };
    let before = files::base(base, &path)?;
    let difference = Difference::new(&before, &after);
    let case = match &args.case {
        None => None,
        Some(name) => {
            let both = after.cases.keys().filter(|key| before.cases.contains_key(*key));
            Some(difference::find(both, name)?)
        }
    };
    let report = match case {
        None => report::difference(&difference),
        Some(case) => report::case_difference(case, &before.cases[case], &after.cases[case]),
    };
    let mut above = Vec::new();
    if let Some(percent) = args.fail_above {
        let shown = difference.above(percent).filter(|row| case.is_none_or(|case| case == row.case));
        above.extend(shown.map(|row| too_much(row, percent)));
    }
    Ok(Answer { report, above })
}

fn print(report: &Report, format: Format) {
    match format {
        Format::Table => out(report.text().trim_end()),
        Format::Markdown => out(report.markdown().trim_end()),
        Format::Json => out(format_args!("{:#}", report.value)),
    }
}

fn too_much(row: &Row, percent: f64) -> String {
    let by = judge::by_more_than(row.before.fuel, row.after.fuel, percent);
    format!("{} grew {by}, more than {percent} %", words::short(row.case, 80))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::testing::fuel::recording::tests::{recording, used};

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn asked(line: &[&str]) -> anyhow::Result<Answer> {
        let Command::Report(args) =
            Line::try_parse_from([&["fuel", "report"][..], line].concat())?.args.command;
        answer(&args)
    }

    #[test]
    fn a_report_is_of_a_recording_a_difference_or_a_case() {
        let folder = tempfile::tempdir().unwrap();
        let (app, base) = (folder.path(), folder.path().join("base.json"));
        let cases =
            |first, second| [("a / one", used(first, &[("f", first)])), ("a / two", used(second, &[]))];
        files::write(&base, &recording("aa", &cases(1000, 1000))).unwrap();
        files::write(&files::of_app(app), &recording("bb", &cases(1063, 1050))).unwrap();
        let (app, base) = (app.to_str().unwrap(), base.to_str().unwrap());

        for (line, head, above) in [
            (&[app][..], "2,113 in 2 cases", 0),
            (&[base], "2,000 in 2 cases", 0),
            (&[app, "--case", "two"], "1,050 in `a / two`", 0),
            (&[app, "--base", base], "2 cases grew", 0),
            (&[app, "--base", base, "--fail-above", "6.3"], "2 cases grew", 0),
            (&[app, "--base", base, "--fail-above", "5"], "2 cases grew", 1),
            (&[app, "--base", base, "--fail-above", "0"], "2 cases grew", 2),
            (&[base, "--base", app, "--fail-above", "0"], "2 cases shrank", 0),
            (
                &[app, "--base", base, "--case", "two", "--fail-above", "0"],
                "1,000 → 1,050 (+5.0 %) in `a / two`",
                1,
            ),
        ] {
            let answer = asked(line).unwrap();
            assert_eq!((answer.report.head.as_str(), answer.above.len()), (head, above), "{line:?}");
        }
        let answer = asked(&[app, "--base", base, "--fail-above", "5"]).unwrap();
        assert_eq!(answer.above, ["a / one grew by 6.3 % (1,000 → 1,063), more than 5 %"]);

        for wrong in [
            &[app, "--fail-above", "5"][..],
            &[app, "--base", base, "--fail-above", "-1"],
            &[app, "--case", "three"],
            &[app, "--base", "/no/such/file.json"],
            &["/no/such/app"],
        ] {
            assert!(asked(wrong).is_err(), "{wrong:?}");
        }
    }
}
