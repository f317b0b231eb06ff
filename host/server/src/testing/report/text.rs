//! A run as a person reads it: a line for each file, then each case that has not passed, then how it went.

use std::io;

use mecha_manifest::suite::{Case, Suite};

use super::{
    Report, block,
    words::{number, plain, took},
};
use crate::testing::{
    run::Summary,
    verdict::{Tried, Verdict},
};

/// How much is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Detail {
    /// Of the cases that passed: which they are and what they used.
    pub passed: bool,
    /// The host calls of every case that is told of, passed ones included.
    pub trace: bool,
}

/// Tells people.
#[derive(Debug)]
pub struct Text<W> {
    to: W,
    colour: bool,
    detail: Detail,
    file: Option<File>,
    /// Of cases that have not passed: they are told at the end, where they are looked for.
    blocks: Vec<String>,
}

/// What there was of a file until now.
#[derive(Debug, Default)]
struct File {
    name: String,
    counts: Counts,
    /// Of cases that passed, if they are told of.
    passed: String,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    passed: usize,
    failed: usize,
    limits: usize,
    broken: usize,
    not_run: usize,
}

#[derive(Debug, Clone, Copy)]
enum Colour {
    Red,
    Green,
    Yellow,
}

impl<W: io::Write> Text<W> {
    /// Colour is for terminals.
    pub fn new(to: W, colour: bool, detail: Detail) -> Self {
        Self { to, colour, detail, file: None, blocks: vec![] }
    }

    /// What is told of this file from now on; another is at its end.
    fn file(&mut self, name: &str) -> &mut File {
        if self.file.as_ref().is_some_and(|file| file.name != name) {
            self.end_of_file();
        }
        self.file.get_or_insert_with(|| File { name: name.to_owned(), ..File::default() })
    }

    fn end_of_file(&mut self) {
        let Some(File { name, counts, passed }) = self.file.take() else { return };
        let counts = self.counts(counts);
        self.say(&format!("{}: {counts}\n{passed}", plain(&name)));
    }

    fn counts(&self, counts: Counts) -> String {
        let Counts { passed, failed, limits, broken, not_run } = counts;
        let all = [
            (passed, "passed", Colour::Green),
            (failed, "failed", Colour::Red),
            (limits, "stopped by a limit", Colour::Red),
            (broken, "broken", Colour::Red),
            (not_run, "not run", Colour::Yellow),
        ];
        let there = all.into_iter().filter(|(count, ..)| *count > 0);
        let shown = there
            .map(|(count, what, colour)| self.painted(colour, format!("{} {what}", number(count as u64))));
        let shown = shown.collect::<Vec<_>>().join(", ");
        if shown.is_empty() { "no cases".to_owned() } else { shown }
    }

    fn painted(&self, colour: Colour, text: String) -> String {
        let code = match colour {
            Colour::Red => 31,
            Colour::Green => 32,
            Colour::Yellow => 33,
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text }
    }

    /// Nobody has to read to the end: what can no longer be written is left out.
    fn say(&mut self, text: &str) {
        _ = self.to.write_all(text.as_bytes());
    }
}

impl<W: io::Write> Report for Text<W> {
    fn tried(&mut self, tried: &Tried) {
        let Tried { file, case, at, verdict, seen, usage, .. } = tried;
        let (detail, name) = (self.detail, plain(case));
        // The cases of a component are on no line of it.
        let line = if at.line > 0 { format!(":{}", at.line) } else { String::new() };
        let at = format!("{}{line}", plain(file));
        let calls = || if detail.trace { block::trace(seen) } else { String::new() };
        let counts = &mut self.file(file).counts;
        let (count, label) = match verdict {
            Verdict::Passed => (&mut counts.passed, None),
            Verdict::Failed(_) | Verdict::Said(_) | Verdict::Found(_) => (&mut counts.failed, Some("FAILED")),
            Verdict::Fuel(_) => (&mut counts.failed, Some("FUEL")),
            Verdict::Limit(_) => (&mut counts.limits, Some("LIMIT")),
            Verdict::Broken(_) => (&mut counts.broken, Some("BROKEN")),
        };
        *count += 1;
        match label {
            Some(label) => {
                let label = self.painted(Colour::Red, label.to_owned());
                self.blocks.push(format!("{label}  {at}  {name}\n{}{}", block::why(tried), calls()));
            }
            None if detail.passed || detail.trace => {
                let label = self.painted(Colour::Green, "passed".to_owned());
                let passed = format!("{label}  {at}  {name}: {}\n{}", block::usage(usage), calls());
                self.file(file).passed.push_str(&passed);
            }
            None => {}
        }
        for note in &tried.notes {
            let label = self.painted(Colour::Yellow, "note".to_owned());
            let note = format!("{label}    {at}  {name}: {}\n", plain(note));
            self.file(file).passed.push_str(&note);
        }
    }

    fn not_run(&mut self, suite: &Suite, _: &Case) {
        self.file(&suite.file).counts.not_run += 1;
    }

    fn end(&mut self, summary: &Summary) {
        self.end_of_file();
        let blocks = std::mem::take(&mut self.blocks);
        for block in &blocks {
            self.say(&format!("\n{block}"));
        }
        let Summary { passed, failed, limits, broken, not_run, took: time, fuel } = *summary;
        let counts = self.counts(Counts { passed, failed, limits, broken, not_run });
        self.say(&format!("\n{counts}, {}; fuel {}\n", took(time), number(fuel)));
        _ = self.to.flush();
    }
}
