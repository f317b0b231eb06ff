//! What ended a test, or a call that it caused, in the middle: as the test's author wants to read it.

use std::fmt::Write as _;

use mecha_runtime::fault::{Fault, Kind};

use super::MEMORY;
use crate::testing::{bench::FUEL, report::words::number, seen::Call, stack};

/// Frames of a stack that are shown.
const FRAMES: usize = 10;

/// Why a test did not come to its end. `said` is what it printed to `stderr`.
pub fn told(fault: &Fault, said: &str) -> String {
    let why = match fault.kind {
        Kind::Fuel => format!("the test itself used up its {} fuel: does it come to an end?", number(FUEL)),
        Kind::Memory => format!("the test itself needs more than {} MiB of memory", MEMORY >> 20),
        Kind::Stack => "the test itself ran out of stack: does it call itself without an end?".to_owned(),
        Kind::Deadline => "the test waits for more than ten years".to_owned(),
        _ if !said.trim().is_empty() => return said.to_owned(),
        _ => format!("the test ended in the middle: {}", stack::cause(&fault.detail)),
    };
    at(why, "", &fault.detail)
}

/// That a call of a component failed, and the test did not ask for it.
pub fn unexpected(call: &Call, kind: Kind, detail: &str) -> String {
    let (component, kind, cause) = (&call.component, kind.as_str(), stack::cause(detail));
    let why = format!(
        "a call of `{component}` ended without an answer, and the test did not ask for `failures`: {kind}: {cause}"
    );
    at(why, component.as_str(), detail)
}

/// The same, with the functions in which it happened, the innermost first.
fn at(mut text: String, component: &str, detail: &str) -> String {
    for frame in stack::telling(stack::frames(component, detail)).iter().take(FRAMES) {
        // A string takes whatever is written to it.
        _ = write!(text, "\n  in {}", frame.function);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_test_is_told_in_words() {
        let detail = "error while executing at wasm backtrace:\n    0:   0x1b - t.wasm!turn\n\nCaused by:\n    wasm trap: a reason\n";
        let cases = [
            (Kind::Trap, "", "the test ended in the middle: a reason\n  in turn"),
            (Kind::Trap, "left is not right", "left is not right"),
            (
                Kind::Fuel,
                "noise",
                "the test itself used up its 4,000,000,000 fuel: does it come to an end?\n  in turn",
            ),
            (Kind::Memory, "", "the test itself needs more than 256 MiB of memory\n  in turn"),
        ];
        for (kind, said, expected) in cases {
            assert_eq!(told(&Fault::new(kind, detail), said), expected);
        }
    }
}
