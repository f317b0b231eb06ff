//! `mecha-host fuel`: what an app's cases use, as it is recorded.

use std::path::PathBuf;

use super::{exit, say};
use crate::{
    print::{err, out},
    testing::fuel::{
        difference::{self, Difference, Row},
        files, judge, report, words,
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
    match show(args) {
        Ok(code) => code,
        Err(error) => {
            say(&error);
            exit::APP
        }
    }
}

fn show(args: &ReportArgs) -> anyhow::Result<u8> {
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
        print(&report, args.format);
        return Ok(exit::OK);
    };
    let before = files::base(base, &path)?;
    let difference = Difference::new(&before, &after);
    let case = match &args.case {
        None => {
            print(&report::difference(&difference), args.format);
            None
        }
        Some(name) => {
            let case =
                difference::find(after.cases.keys().filter(|key| before.cases.contains_key(*key)), name)?;
            print(&report::case_difference(case, &before.cases[case], &after.cases[case]), args.format);
            Some(case)
        }
    };
    let Some(percent) = args.fail_above else { return Ok(exit::OK) };
    let above: Vec<_> =
        difference.above(percent).filter(|row| case.is_none_or(|case| case == row.case)).collect();
    above.iter().for_each(|row| err(too_much(row, percent)));
    Ok(if above.is_empty() { exit::OK } else { exit::APP })
}

fn print(report: &report::Report, format: Format) {
    match format {
        Format::Table => out(report.text().trim_end()),
        Format::Markdown => out(report.markdown().trim_end()),
        Format::Json => out(format_args!("{:#}", report.value)),
    }
}

fn too_much(row: &Row, percent: f64) -> String {
    let (before, after) = (row.before.fuel, row.after.fuel);
    format!(
        "{} grew {}, more than {percent} %",
        words::short(row.case, 80),
        judge::by_more_than(before, after, percent)
    )
}
