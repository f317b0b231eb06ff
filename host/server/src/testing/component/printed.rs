//! What a test component prints.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use mecha_primitives::identity::Identity;
use mecha_runtime::gate::Observer;

/// Its lines, with the stream that each was printed to.
#[derive(Debug, Default)]
pub struct Printed(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<(&'static str, String)>,
    bytes: usize,
}

/// Bytes that are kept. What comes after them is dropped.
const MOST: usize = 64 << 10;

impl Printed {
    pub fn take(&self) -> Vec<(&'static str, String)> {
        std::mem::take(&mut self.lines().lines)
    }

    /// What was printed to `stderr`.
    pub fn errors(&self) -> String {
        let lines = self.lines();
        let said = lines.lines.iter().filter(|(stream, _)| *stream == "stderr");
        said.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n")
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Printed {
    fn operated(&self, _: &Identity, _: (&'static str, &'static str), _: &'static str, _: Duration) {}

    fn dropped_output(&self, _: &Identity, _: u64) {}

    fn printed(&self, _: &Identity, stream: &'static str, line: &str) {
        let mut lines = self.lines();
        lines.bytes = lines.bytes.saturating_add(line.len() + 1);
        if lines.bytes <= MOST {
            lines.lines.push((stream, line.to_owned()));
        }
    }
}
