//! What there is to say of one case, as a person reads it: what was expected and found, where a limit was hit, which host
//! calls there were, what components printed last.

use std::fmt::Write as _;

use mecha_runtime::fault::Kind;

use super::words::{line, number, plain, plural};
use crate::{
    summary::size,
    testing::{
        expect,
        seen::{Line, Seen},
        verdict::{Limit, Tried, Usage, Verdict},
    },
};

/// Mismatches of a case that are shown.
const MISMATCHES: usize = 20;
/// Host calls of a case that are shown.
const TRACED: usize = 200;
/// Lines that components printed.
const LINES: usize = 10;
/// Frames of a stack, and functions.
const FRAMES: usize = 10;

/// Why a case has not passed. Empty if it has.
#[must_use]
pub fn why(tried: &Tried) -> String {
    let mut text = String::new();
    // A string takes whatever is written to it.
    match &tried.verdict {
        Verdict::Passed => return text,
        Verdict::Failed(mismatches) => {
            for (index, mismatch) in mismatches.iter().take(MISMATCHES).enumerate() {
                // What led to several at once is said with the last of them.
                let next = mismatches.get(index + 1).filter(|_| index + 1 < MISMATCHES);
                let is_said = next.is_none_or(|next| next.steps != mismatch.steps);
                text.push_str(&expect::shown(mismatch, &tried.seen, &tried.file, is_said));
            }
            if let Some(more) = mismatches.len().checked_sub(MISMATCHES).filter(|more| *more > 0) {
                _ = writeln!(text, "  and {} more", number(more as u64));
            }
        }
        Verdict::Limit(limit) => self::limit(&mut text, limit),
        Verdict::Said(why) | Verdict::Fuel(why) => indented(&mut text, "  ", why),
        Verdict::Found(findings) => {
            for finding in findings {
                _ = writeln!(text, "  --{}", finding.finder);
                indented(&mut text, "    ", &finding.text);
            }
        }
        Verdict::Broken(why) => {
            text.push_str("  it could not be run\n");
            indented(&mut text, "    ", why);
        }
    }
    printed(&mut text, &tried.seen.lines);
    text
}

/// Why a case has not passed, in one line.
#[must_use]
pub fn headline(tried: &Tried) -> String {
    match &tried.verdict {
        Verdict::Passed => String::new(),
        Verdict::Failed(mismatches) => match mismatches.split_first() {
            Some((first, rest)) => {
                let (expected, found) = (line(&first.expected), line(&first.found));
                let more = if rest.is_empty() { String::new() } else { format!("; and {} more", rest.len()) };
                format!("{}: expected {expected}, found {found}{more}", line(&first.what))
            }
            None => "an expectation failed".to_owned(),
        },
        Verdict::Limit(limit) => headline_of(limit),
        Verdict::Said(why) | Verdict::Fuel(why) => line(why.lines().next().unwrap_or_default()),
        Verdict::Found(findings) => {
            let first = findings.first().map(|finding| finding.text.lines().next().unwrap_or_default());
            line(first.unwrap_or_default())
        }
        Verdict::Broken(why) => format!("it could not be run: {}", line(why)),
    }
}

/// All host calls of a case.
#[must_use]
pub fn trace(seen: &Seen) -> String {
    let mut text = String::new();
    let steps: Vec<_> = (0..seen.steps.len()).collect();
    if steps.is_empty() {
        text.push_str("  no host calls\n");
    } else {
        text.push_str("  host calls\n");
        expect::steps(&mut text, "    ", seen, &steps, TRACED);
    }
    text
}

/// What a case used: `fuel 1,203, memory 1.1 MiB, 3 host calls`.
#[must_use]
pub fn usage(usage: &Usage) -> String {
    let calls = plural(usize::try_from(usage.host_calls).unwrap_or(usize::MAX), "host call");
    format!("fuel {}, memory {}, {calls}", number(usage.fuel), size(usage.memory))
}

fn limit(text: &mut String, limit: &Limit) {
    _ = writeln!(text, "  {}", headline_of(limit));
    if !limit.stack.is_empty() {
        text.push_str("  stopped in\n");
        let frames = limit.stack.iter().map(|frame| line(frame));
        listed(text, frames.collect());
    }
    if !limit.top.is_empty() {
        text.push_str("  most fuel\n");
        let fuels: Vec<_> = limit.top.iter().map(|(_, fuel)| number(*fuel)).collect();
        let width = fuels.iter().map(String::len).max().unwrap_or_default();
        let rows = limit.top.iter().zip(&fuels);
        let rows = rows.map(|((function, _), fuel)| format!("{fuel:>width$}  {}", line(function)));
        listed(text, rows.collect());
    }
}

fn headline_of(limit: &Limit) -> String {
    let what = match limit.kind {
        Kind::Fuel => "used up its fuel",
        Kind::Memory => "needed more memory than it may have",
        Kind::Deadline => "took longer than it may",
        Kind::Stack => "ran out of stack",
        Kind::Handles => "held more handles than it may",
        Kind::Answer => "gave a larger answer than may be held",
        Kind::Quota => "stored more than there is room for",
        Kind::Conflict => "was run as often as it may be",
        kind => return format!("`{}` hit a limit ({}): {}", limit.component, kind.as_str(), limit.limit),
    };
    format!("`{}` {what}: limited to {}", limit.component, limit.limit)
}

fn listed(text: &mut String, rows: Vec<String>) {
    let more = rows.len().saturating_sub(FRAMES);
    for row in rows.into_iter().take(FRAMES) {
        _ = writeln!(text, "    {row}");
    }
    if more > 0 {
        _ = writeln!(text, "    and {} more", number(more as u64));
    }
}

/// The last lines that components printed.
fn printed(text: &mut String, lines: &[Line]) {
    if lines.is_empty() {
        return;
    }
    let before = lines.len().saturating_sub(LINES);
    let title = if before > 0 { "  printed last" } else { "  printed" };
    _ = writeln!(text, "{title}");
    for printed in &lines[before..] {
        _ = writeln!(text, "    {} | {}", printed.component, line(&printed.text));
    }
}

fn indented(text: &mut String, indent: &str, lines: &str) {
    for line in plain(lines).lines() {
        text.push_str(format!("{indent}{line}").trim_end());
        text.push('\n');
    }
}
