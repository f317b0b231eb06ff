//! What is to go wrong in a case, and when.

use std::{
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use mecha_manifest::suite::{Fault, Strike};
use mecha_primitives::class::Class;

use super::recorder::Passing;

/// What is done to an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It does not happen, and the component is told this.
    Fail(Class),
    /// It happens, and the component is told that it timed out.
    Lose,
    Slow(Duration),
    /// The host ends before it.
    Crash,
}

/// Decides about each operation: how a finder takes part in a case.
#[async_trait]
pub trait Plot: fmt::Debug + Send + Sync {
    /// Asked before each operation, which waits until this returns.
    async fn deed(&self, passing: &Passing<'_>) -> Option<Deed>;

    /// A call has ended, after its last run if it was run several times.
    fn over(&self, _call: usize) {}
}

/// Everything that is done to the operations of a case, in all lives of its host.
#[derive(Debug, Default)]
pub struct Plan {
    faults: Mutex<Vec<Planned>>,
    plot: Option<Box<dyn Plot>>,
    /// How much fuel the call at this place may use.
    budget: Option<(usize, u64)>,
}

#[derive(Debug)]
struct Planned {
    fault: Fault,
    seen: AtomicU32,
    /// That the host is to end before the next operation, whichever that is.
    after: Mutex<bool>,
}

impl Plan {
    #[must_use]
    pub fn new(faults: &[Fault], plot: Option<Box<dyn Plot>>) -> Self {
        Self { faults: Mutex::new(faults.iter().map(Planned::new).collect()), plot, budget: None }
    }

    /// One more, that counts from now on.
    pub fn add(&self, fault: &Fault) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(Planned::new(fault));
    }

    /// The same, with only so much fuel for the call at this place.
    #[must_use]
    pub fn with_budget(self, call: usize, fuel: u64) -> Self {
        Self { budget: Some((call, fuel)), ..self }
    }

    pub(super) fn fuel(&self, call: usize) -> Option<u64> {
        self.budget.filter(|(of, _)| *of == call).map(|(_, fuel)| fuel)
    }

    pub(super) fn over(&self, call: usize) {
        if let Some(plot) = &self.plot {
            plot.over(call);
        }
    }

    pub(super) async fn deed(&self, passing: &Passing<'_>) -> Option<Deed> {
        let planned = {
            let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
            faults.iter().find_map(|planned| planned.deed(passing))
        };
        if planned.is_some() {
            return planned;
        }
        match &self.plot {
            Some(plot) => plot.deed(passing).await,
            None => None,
        }
    }
}

impl Planned {
    fn new(fault: &Fault) -> Self {
        Self { fault: fault.clone(), seen: AtomicU32::new(0), after: Mutex::new(false) }
    }

    fn deed(&self, passing: &Passing<'_>) -> Option<Deed> {
        {
            let mut after = self.after.lock().unwrap_or_else(PoisonError::into_inner);
            if std::mem::take(&mut *after) {
                return Some(Deed::Crash);
            }
        }
        if !self.is_of(passing) {
            return None;
        }
        let seen = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        if self.fault.nth.is_some_and(|nth| nth != seen) {
            return None;
        }
        match &self.fault.strike {
            Strike::Fail(name) => Class::named(name).map(Deed::Fail),
            Strike::Lost => Some(Deed::Lose),
            Strike::Slow(time) => Some(Deed::Slow(*time)),
            Strike::CrashBefore => Some(Deed::Crash),
            Strike::CrashAfter => {
                *self.after.lock().unwrap_or_else(PoisonError::into_inner) = true;
                None
            }
        }
    }

    fn is_of(&self, passing: &Passing<'_>) -> bool {
        let Some((primitive, verb)) = self.fault.operation.split_once('.') else { return false };
        let component = self.fault.component.as_ref();
        primitive == passing.primitive
            && (verb == "*" || verb == passing.verb)
            && component.is_none_or(|component| component == passing.component)
    }
}
