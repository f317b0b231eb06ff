//! Many cases: which of them, in what order, on how many threads. What a case is, its runner knows.
//!
//! Whatever order cases end in, they are reported in that of the files: two runs of the same cases read alike.

use std::{
    any::Any,
    collections::BTreeSet,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use mecha_manifest::suite::{Case, Suite};
use mecha_primitives::clock::Clock;
use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use super::{
    report::Report,
    seen::Seen,
    verdict::{Tried, Usage, Verdict},
};

/// Runs one case; called from several threads.
pub trait Runner: Sync {
    fn run(&self, suite: &Suite, case: &Case) -> Tried;

    /// All have been run. `exist` are the names, as a recording has them, of all cases that there are. Gives what there is to
    /// say.
    ///
    /// # Errors
    /// If something cannot be written.
    fn finish(&self, _exist: &BTreeSet<String>) -> anyhow::Result<Vec<String>> {
        Ok(vec![])
    }
}

/// How to run.
#[derive(Debug)]
pub struct Options<'a> {
    pub filter: Filter,
    /// Cases that run at the same time; at least one does.
    pub jobs: usize,
    /// Begin no further case once one has failed.
    pub fail_fast: bool,
    /// Begin the cases in an order that this seed says, rather than in that of the files.
    pub shuffle: Option<u64>,
    /// Of the machine: for people only.
    pub clock: &'a dyn Clock,
}

/// Which cases are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    All,
    /// Those with this text in `FILE::CASE`.
    Containing(String),
    /// The one of this `FILE::CASE`.
    Exactly(String),
}

impl Filter {
    #[must_use]
    pub fn selects(&self, suite: &Suite, case: &Case) -> bool {
        match self {
            Self::All => true,
            Self::Containing(text) => id(suite, case).contains(text.as_str()),
            Self::Exactly(text) => id(suite, case) == *text,
        }
    }
}

/// What names a case in an app: `tests/orders.yaml::an order is taken`.
#[must_use]
pub fn id(suite: &Suite, case: &Case) -> String {
    format!("{}::{}", suite.file, case.name)
}

/// How a run went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    pub passed: usize,
    pub failed: usize,
    /// Cases that a limit ended.
    pub limits: usize,
    /// Cases that could not be run.
    pub broken: usize,
    /// Cases that were not begun any more.
    pub not_run: usize,
    pub took: Duration,
    /// Of all cases together.
    pub fuel: u64,
}

impl Summary {
    #[must_use]
    pub fn all_passed(&self) -> bool {
        let Self { failed, limits, broken, not_run, .. } = self;
        failed + limits + broken + not_run == 0
    }

    fn count(&mut self, tried: &Tried) {
        match tried.verdict {
            Verdict::Passed => self.passed += 1,
            Verdict::Failed(_) | Verdict::Said(_) | Verdict::Fuel(_) | Verdict::Found(_) => self.failed += 1,
            Verdict::Limit(_) => self.limits += 1,
            Verdict::Broken(_) => self.broken += 1,
        }
        self.fuel = self.fuel.saturating_add(tried.usage.fuel);
    }
}

/// Runs the cases that are meant.
///
/// # Errors
/// If the system gives no thread to run them on.
pub fn run(
    suites: &[Suite],
    options: &Options<'_>,
    runner: &dyn Runner,
    report: &mut dyn Report,
) -> io::Result<Summary> {
    let cases: Vec<_> = suites
        .iter()
        .flat_map(|suite| suite.cases.iter().map(move |case| (suite, case)))
        .filter(|(suite, case)| options.filter.selects(suite, case))
        .collect();
    let began = options.clock.now();
    report.begin(cases.len());
    let work = Work {
        cases: &cases,
        order: &order(cases.len(), options.shuffle),
        next: &AtomicUsize::new(0),
        ended: &AtomicBool::new(false),
        fail_fast: options.fail_fast,
        runner,
    };
    let threads = options.jobs.clamp(1, cases.len().max(1));
    let mut summary = thread::scope(|scope| {
        // What is not reported yet waits here: a report that is slow makes the cases wait.
        let (tell, told) = sync_channel(4 * threads);
        for thread in 0..threads {
            let tell = tell.clone();
            let builder = thread::Builder::new().name(format!("case-{thread}")).stack_size(STACK);
            match builder.spawn_scoped(scope, move || work.work(&tell)) {
                Ok(_) => {}
                Err(error) if thread == 0 => return Err(error),
                // Fewer will do.
                Err(_) => break,
            }
        }
        drop(tell);
        Ok(gather(&cases, &told, report))
    })?;
    summary.took = options.clock.now().since(began);
    report.end(&summary);
    Ok(summary)
}

/// Of a thread that runs cases: all the host's tasks of a case are polled on it.
const STACK: usize = 8 << 20;

/// Which case is begun when.
fn order(cases: usize, shuffle: Option<u64>) -> Vec<usize> {
    let mut order: Vec<_> = (0..cases).collect();
    if let Some(seed) = shuffle {
        order.shuffle(&mut StdRng::seed_from_u64(seed));
    }
    order
}

/// What the threads share.
#[derive(Clone, Copy)]
struct Work<'a> {
    cases: &'a [(&'a Suite, &'a Case)],
    order: &'a [usize],
    next: &'a AtomicUsize,
    /// No further case is to be begun.
    ended: &'a AtomicBool,
    fail_fast: bool,
    runner: &'a dyn Runner,
}

enum Told {
    Began(usize),
    Ended(usize, Box<Tried>),
}

impl Work<'_> {
    fn work(self, tell: &SyncSender<Told>) {
        while !self.ended.load(Ordering::Relaxed) {
            let Some(&place) = self.order.get(self.next.fetch_add(1, Ordering::Relaxed)) else { return };
            let (suite, case) = self.cases[place];
            // Nobody listens any more: the run has ended.
            if tell.send(Told::Began(place)).is_err() {
                return;
            }
            let tried = attempt(self.runner, suite, case);
            if self.fail_fast && !tried.has_passed() {
                self.ended.store(true, Ordering::Relaxed);
            }
            if tell.send(Told::Ended(place, Box::new(tried))).is_err() {
                return;
            }
        }
    }
}

/// Runs a case. That the host panics in it ends the case, and not the run.
fn attempt(runner: &dyn Runner, suite: &Suite, case: &Case) -> Tried {
    catch_unwind(AssertUnwindSafe(|| runner.run(suite, case))).unwrap_or_else(|panic| Tried {
        file: suite.file.clone(),
        case: case.name.clone(),
        at: case.at,
        verdict: Verdict::Broken(format!("the host panicked: {}", message(&*panic))),
        seen: Seen::default(),
        usage: Usage::default(),
        notes: vec![],
        took: Duration::ZERO,
    })
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it did not say why")
}

/// Takes in what ends, and reports it when all before it has been.
fn gather(cases: &[(&Suite, &Case)], told: &Receiver<Told>, report: &mut dyn Report) -> Summary {
    let mut summary = Summary::default();
    let mut ended: Vec<Option<Box<Tried>>> = cases.iter().map(|_| None).collect();
    let mut next = 0;
    for told in told {
        match told {
            Told::Began(place) => report.began(cases[place].0, cases[place].1),
            Told::Ended(place, tried) => {
                summary.count(&tried);
                report.ended(&tried);
                ended[place] = Some(tried);
            }
        }
        while let Some(tried) = ended.get_mut(next).and_then(Option::take) {
            report.tried(&tried);
            next += 1;
        }
    }
    // Every thread has ended. What is not there now has not been begun.
    for (place, (suite, case)) in cases.iter().enumerate().skip(next) {
        match ended[place].take() {
            Some(tried) => report.tried(&tried),
            None => {
                summary.not_run += 1;
                report.not_run(suite, case);
            }
        }
    }
    summary
}

#[cfg(test)]
mod tests;
