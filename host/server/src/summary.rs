//! What the command line tells people, and machines, about an app.

use std::{fmt::Write as _, net::SocketAddr, path::Path};

use mecha_manifest::Problem;
use serde_json::json;

use crate::{
    load::{Loaded, Report},
    print::{err, out},
};

mod atomic;
mod calls;
mod component;
mod events;
mod words;

pub use words::size;

/// All that is wrong with an app: to stderr for people, to stdout for machines.
pub fn report(report: &Report, as_json: bool) {
    if as_json {
        return out(json!({ "problems": problems(&report.problems) }));
    }
    let (errors, warnings) = (report.errors(), report.problems.len() - report.errors());
    let plural = |count, what| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let warned = if warnings > 0 { format!(", {}", plural(warnings, "warning")) } else { String::new() };
    err(format_args!("{}{}{warned}", report.rendered(), plural(errors, "error")));
}

pub fn warnings(report: &Report) {
    if !report.problems.is_empty() {
        err(report.rendered().trim_end_matches('\n').to_owned() + "\n");
    }
}

/// What is in the way of a command that is not an app's fault, or not that of a place in its manifest.
pub fn refused(error: &anyhow::Error, as_json: bool) {
    match as_json {
        true => out(json!({ "problems": problems(&[Problem::error("", None, "", format!("{error:#}"))]) })),
        false => err(format_args!("error: {error:#}")),
    }
}

fn problems(problems: &[Problem]) -> Vec<serde_json::Value> {
    let one = |problem: &Problem| {
        json!({
            "severity": problem.severity.to_string(),
            "file": Some(&problem.file).filter(|file| !file.is_empty()),
            "line": problem.at.map(|at| at.line),
            "column": problem.at.map(|at| at.column),
            "key": problem.key,
            "message": problem.message,
            "help": problem.help,
        })
    };
    problems.iter().map(one).collect()
}

/// What is served, and what each component was granted and denied.
pub fn serving(loaded: &Loaded, data: Option<&Path>, as_json: bool) {
    if as_json {
        return;
    }
    let mut text = format!("app {}\n", loaded.app.name);
    for (meta, component) in loaded.app.components.iter().zip(&loaded.components) {
        _ = writeln!(text, "  component {}", meta.name);
        component::describe(&mut Rows { text: &mut text, indent: "    " }, loaded, meta, component);
    }
    let mut rows = Rows { text: &mut text, indent: "  " };
    events::describe(&mut rows, &loaded.app);
    if let Some(data) = data {
        rows.row("data", data.display());
    }
    err(text.trim_end());
}

/// Aligned lines: what, and of which kind.
struct Rows<'a> {
    text: &'a mut String,
    indent: &'static str,
}

impl Rows<'_> {
    fn row(&mut self, what: &str, value: impl std::fmt::Display) {
        // A string takes whatever is written to it.
        _ = writeln!(self.text, "{}{what:<12} {value}", self.indent);
    }
}

/// The one line on stdout that says that the host is ready.
pub fn listening(address: SocketAddr, as_json: bool) {
    match as_json {
        true => out(json!({ "listening": format!("http://{address}") })),
        false => out(format_args!("listening on http://{address}")),
    }
}

pub fn admin(address: SocketAddr) {
    err(format_args!("admin on http://{address} (/healthz, /readyz, /metrics)"));
}

/// That an app can be served.
pub fn good(loaded: &Loaded, as_json: bool) {
    if as_json {
        return out(json!({ "problems": problems(&loaded.warnings.problems) }));
    }
    warnings(&loaded.warnings);
    let count = loaded.app.components.len();
    out(format_args!("ok: app {}, {count} component{}", loaded.app.name, if count == 1 { "" } else { "s" }));
}

pub fn built(built: usize, of: usize) {
    out(format_args!("built {built} of {of} component{}", if of == 1 { "" } else { "s" }));
}
