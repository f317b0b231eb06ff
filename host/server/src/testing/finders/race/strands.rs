//! Which calls go on together: one with those that it makes, and with its own later runs.

use std::collections::HashMap;

use super::op::Op;
use crate::testing::{finders::explore::Process, recorder::Passing};

/// The processes that there are, as calls of theirs come to the gate.
#[derive(Debug, Default)]
pub struct Strands {
    /// Calls, and how many others each is nested in.
    of: HashMap<usize, (Process, usize)>,
    strands: Vec<Strand>,
}

#[derive(Debug)]
struct Strand {
    /// The step of the case that it descends from.
    cause: usize,
    /// Who was called from outside.
    component: String,
    /// Calls that wait for one that they make, and for which component, if that is known.
    waiting: Vec<(usize, String)>,
    /// Whether what it did is being committed: if that fails, it is run again.
    commits: bool,
    is_over: bool,
}

impl Strands {
    /// The process that a call at the gate belongs to.
    pub fn find(&mut self, cause: usize, passing: &Passing<'_>) -> Process {
        if let Some((process, _)) = self.of.get(&passing.call) {
            return *process;
        }
        let component = passing.component.as_str();
        let is_it = |strand: &Strand| {
            let calls = |callee: &str| callee.is_empty() || callee == component;
            !strand.is_over
                && strand.cause == cause
                && match passing.depth {
                    0 => strand.commits && strand.component == component,
                    _ => strand.waiting.last().is_some_and(|(_, callee)| calls(callee)),
                }
        };
        let process = self.strands.iter().position(is_it).unwrap_or(self.strands.len());
        if process == self.strands.len() {
            let component = component.to_owned();
            self.strands.push(Strand { cause, component, waiting: vec![], commits: false, is_over: false });
        }
        self.of.insert(passing.call, (process, passing.depth));
        process
    }

    /// A call is at the gate: what it waited for has come.
    pub fn came(&mut self, process: Process, call: usize) {
        let strand = &mut self.strands[process];
        if let Some(at) = strand.waiting.iter().position(|(waiting, _)| *waiting == call) {
            strand.waiting.truncate(at);
        }
    }

    /// A call goes on with this.
    pub fn goes_on(&mut self, process: Process, call: usize, op: &Op) {
        let strand = &mut self.strands[process];
        match (op.primitive, op.verb) {
            ("invoke", "call") => {
                let callee = op.about.split('.').next().unwrap_or_default();
                strand.waiting.push((call, callee.to_owned()));
            }
            ("invoke", "link") => strand.waiting.push((call, String::new())),
            ("call", verb) if self.of.get(&call).is_some_and(|(_, depth)| *depth == 0) => {
                strand.commits = verb == "commit";
            }
            _ => {}
        }
    }

    /// A call has ended. Gives its process, if that has.
    pub fn ended(&mut self, call: usize) -> Option<Process> {
        let (process, depth) = *self.of.get(&call)?;
        self.strands[process].is_over |= depth == 0;
        (depth == 0).then_some(process)
    }

    #[must_use]
    pub fn is_over(&self, process: Process) -> bool {
        self.strands.get(process).is_none_or(|strand| strand.is_over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls at the gate, and the processes that they are of.
    #[test]
    fn calls_go_on_with_those_that_they_make_and_with_their_later_runs() {
        enum Then {
            At(usize, usize, &'static str, usize, &'static str, Process),
            Over(usize),
        }
        use Then::{At, Over};
        // Cause, call, component, depth, operation; and the process.
        let story = [
            At(1, 0, "shop", 0, "invoke.call pricing.quote", 0),
            At(2, 1, "shop", 0, "state.get a", 1),
            At(1, 2, "pricing", 1, "invoke.link", 0),
            At(1, 3, "rates", 2, "state.get b", 0),
            At(1, 2, "pricing", 1, "state.get b", 0),
            Over(2),
            // An event that the first caused is on its own.
            At(1, 4, "mails", 0, "state.get b", 2),
            At(1, 0, "shop", 0, "state.set a", 0),
            Over(0),
            At(1, 5, "shop", 0, "call.begin", 3),
            At(1, 5, "shop", 0, "call.commit", 3),
            // Others were first.
            At(1, 6, "shop", 0, "call.begin", 3),
            At(1, 7, "shop", 0, "call.begin", 4),
        ];
        let mut strands = Strands::default();
        for (line, then) in story.into_iter().enumerate() {
            let (cause, call, component, depth, operation, expected) = match then {
                At(cause, call, component, depth, operation, expected) => {
                    (cause, call, component, depth, operation, expected)
                }
                Over(call) => {
                    strands.ended(call);
                    continue;
                }
            };
            let (operation, about) = operation.split_once(' ').unwrap_or((operation, ""));
            let (primitive, verb) = operation.split_once('.').unwrap();
            let passing = Passing {
                index: 0,
                call,
                cause: Some(cause),
                component: &component.parse().unwrap(),
                attempt: 1,
                depth,
                in_unit: false,
                primitive,
                verb,
                about,
                changes: false,
            };
            let process = strands.find(cause, &passing);
            assert_eq!(process, expected, "line {line}");
            strands.came(process, call);
            strands.goes_on(process, call, &Op::of(&passing));
        }
        assert!(strands.is_over(0) && !strands.is_over(1));
    }
}
