//! Progress on a terminal, while something takes long. Machines and logs see none of it.

use std::{io::IsTerminal as _, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget};

/// Shows what is being done.
#[derive(Debug)]
pub struct Progress;

impl Progress {
    /// Shown until the answer is dropped.
    #[must_use]
    pub fn begin(&self, what: String) -> Step {
        let bar = ProgressBar::new_spinner();
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(120));
        Step(bar)
    }
}

/// Something that is being done.
#[derive(Debug)]
pub struct Step(ProgressBar);

impl Drop for Step {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
