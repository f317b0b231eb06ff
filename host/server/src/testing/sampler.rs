//! Where the fuel of a case goes: the case runs again, with so much fuel for one of its calls, and stops there.

use mecha_manifest::suite::Case;

use super::{
    bench::Bench,
    case,
    component::TestComponent,
    fuel::{frame::Frame, profile::Sampler},
    seen::{Call, End},
    stack, trial,
};

/// The calls of a case, one after the other, as one stretch of fuel.
pub struct Stretch<'a> {
    bench: &'a Bench,
    case: &'a Case,
    /// Who takes the case's steps, if it is a component.
    test: Option<&'a TestComponent>,
    calls: &'a [Call],
    /// The place of the first of them among all calls.
    first: usize,
    /// Nothing beyond this is looked at.
    end: u64,
}

impl<'a> Stretch<'a> {
    /// All calls of a case, as they were when it ran.
    #[must_use]
    pub fn new(bench: &'a Bench, case: &'a Case, calls: &'a [Call]) -> Self {
        let end = calls.iter().fold(0, |total: u64, call| total.saturating_add(call.fuel));
        Self { bench, case, test: None, calls, first: 0, end }
    }

    /// The same, for a case of a test component, if it is one.
    #[must_use]
    pub fn by(self, test: Option<&'a TestComponent>) -> Self {
        Self { test, ..self }
    }

    /// The same, where the first of the calls is at this place in the case.
    #[must_use]
    pub fn beginning_at(self, first: usize) -> Self {
        Self { first, ..self }
    }

    /// The same, but no more than so much of it.
    #[must_use]
    pub fn up_to(self, end: u64) -> Self {
        Self { end: self.end.min(end), ..self }
    }
}

impl Sampler for Stretch<'_> {
    fn total(&self) -> u64 {
        self.end
    }

    fn stack_at(&self, fuel: u64) -> Vec<Frame> {
        let mut left = fuel;
        for (index, call) in self.calls.iter().enumerate() {
            if left >= call.fuel {
                left -= call.fuel;
                continue;
            }
            let how = trial::how(self.case);
            let how = case::How { plan: how.plan.with_budget(self.first + index, left), ..how };
            let run = match self.test {
                Some(test) => test.run(self.bench, &self.case.name, how.plan).map(|(run, _)| run),
                None => case::run(self.bench, self.case, how),
            };
            let Ok(run) = run else { return vec![] };
            let Some(stopped) = run.seen.calls.get(self.first + index) else { return vec![] };
            return match &stopped.end {
                End::Failed(_, detail) => stack::frames(call.component.as_str(), detail),
                _ => vec![],
            };
        }
        vec![]
    }
}
