//! Runs one case: lives of a host, one after the other if it crashes, until all steps are done.

use std::{collections::HashSet, time::Duration};

use anyhow::Context as _;
use mecha_manifest::suite::{Action, Case, Expected, Step};
use mecha_primitives::clock::Timestamp;

use super::{
    act,
    bench::Bench,
    look::Found,
    plan::Plan,
    recorder::{Ended, Notes},
    seen::{End, Reply, Seen},
    verdict::Usage,
    world::{Around, Storage, World},
};

/// What became of a case, before anybody has judged it.
#[derive(Debug)]
pub struct Run {
    pub seen: Seen,
    /// For each step of the case, in order, what whoever did it got; those of steps at once one after the other.
    pub replies: Vec<Reply>,
    /// What was there right after the steps that expect something.
    pub glances: Vec<Glance>,
    pub usage: Usage,
    /// How long steps were waited for, by the case's own clock.
    pub waited: Duration,
    /// What the case has no answer for.
    pub unanswered: Vec<String>,
    /// How often the host crashed.
    pub crashes: u32,
}

/// What was there right after a step.
#[derive(Debug)]
pub struct Glance {
    /// Which step of the case.
    pub step: usize,
    pub seen: Seen,
    /// How many of the replies there were.
    pub replies: usize,
}

/// How to run a case.
#[derive(Default)]
pub struct How {
    pub plan: Plan,
    /// `None`: in memory. A case in which the host crashes needs one.
    pub storage: Option<Storage>,
    /// Whether who gets no answer since the host crashed asks again, as clients do.
    pub asks_again: bool,
}

/// How long a host is away after a crash.
const AWAY: Duration = Duration::from_secs(1);
/// Crashes in one case at the most.
const CRASHES: u32 = 100;

/// Runs a case in a runtime of its own. The same case on the same components always runs alike.
///
/// # Errors
/// If it cannot be run.
pub fn run(bench: &Bench, case: &Case, how: How) -> anyhow::Result<Run> {
    let How { plan, storage, asks_again } = how;
    let mut drive = Drive {
        bench,
        case,
        around: Around::new(bench, plan, storage)?,
        asks_again,
        now: case.given.clock,
        replies: vec![],
        glances: vec![],
        found: Found::new(),
        past: Notes::default(),
        usage: Usage::default(),
        waited: Duration::ZERO,
        crashes: 0,
        at: 0,
        answered: HashSet::new(),
    };
    loop {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .context("cannot start a runtime")?;
        if let Some(seen) = runtime.block_on(drive.live())? {
            let unanswered = drive.around.outside.asked().unanswered;
            let Drive { replies, glances, usage, waited, crashes, .. } = drive;
            return Ok(Run { seen, replies, glances, usage, waited, unanswered, crashes });
        }
    }
}

/// A case on its way.
struct Drive<'a> {
    bench: &'a Bench,
    case: &'a Case,
    around: Around,
    asks_again: bool,
    now: Timestamp,
    replies: Vec<Reply>,
    glances: Vec<Glance>,
    found: Found,
    /// What former lives noted.
    past: Notes,
    usage: Usage,
    waited: Duration,
    crashes: u32,
    /// The step that is next.
    at: usize,
    /// Steps at once that have their answers, by their numbers.
    answered: HashSet<usize>,
}

impl Drive<'_> {
    /// One life of the host. What was there at its end, if it is the last.
    async fn live(&mut self) -> anyhow::Result<Option<Seen>> {
        let life = u64::from(self.crashes);
        let world = World::new(self.bench, self.case, &self.around, self.now, life).await?;
        let recorder = world.recorder.clone();
        let ended = tokio::select! {
            biased;
            ended = recorder.over() => ended,
            done = self.steps(&world) => {
                done?;
                let notes = self.noted(recorder.take());
                return Ok(Some(world.look(notes, &mut self.found).await?));
            }
        };
        self.now = world.clock.now() + AWAY;
        if ended == Ended::Restless {
            anyhow::bail!(
                "it comes to no end: a component publishes what it is subscribed to, or is tried again without a pause"
            );
        }
        self.crashes += 1;
        anyhow::ensure!(self.crashes <= CRASHES, "the host crashed {CRASHES} times");
        world.find_events(&mut self.found).await?;
        self.past = self.noted(recorder.take());
        if !self.asks_again {
            self.lose();
        }
        Ok(None)
    }

    async fn steps(&mut self, world: &World) -> anyhow::Result<()> {
        world.idle().await;
        while let Some(step) = self.case.when.get(self.at) {
            let began = world.clock.now();
            match &step.action {
                Action::AtOnce(steps) => self.at_once(world, steps).await?,
                action => {
                    let number = number(self.at, 0);
                    let reply = act(world, action, step, number).await?;
                    self.replies.push(reply);
                }
            }
            if !matches!(step.action, Action::Wait(_) | Action::Tick(_)) {
                self.waited += world.clock.now().since(began);
            }
            world.idle().await;
            world.find_events(&mut self.found).await?;
            self.at += 1;
            if step.then.is_some() {
                let notes = self.past.followed_by(world.recorder.notes().clone());
                let seen = world.look(notes, &mut self.found).await?;
                self.glances.push(Glance { step: self.at - 1, seen, replies: self.replies.len() });
            }
        }
        Ok(())
    }

    /// All of them begin at the same time. Of those that a crash left without an answer only those are done again.
    async fn at_once(&mut self, world: &World, steps: &[Step]) -> anyhow::Result<()> {
        let first = self.replies.len();
        let numbers = (0..steps.len()).map(|index| number(self.at, index));
        let todo = numbers.zip(steps).filter(|(number, _)| !self.answered.contains(number));
        let todo: Vec<_> = todo.collect();
        let acts = todo.iter().map(|(number, step)| act(world, &step.action, step, *number));
        for reply in futures_util::future::try_join_all(acts).await? {
            self.replies.push(reply);
        }
        debug_assert!(self.replies.len() >= first);
        self.answered.extend(todo.iter().map(|(number, _)| *number));
        Ok(())
    }

    /// Nobody asks again: the step of the crash has no answer.
    fn lose(&mut self) {
        match self.case.when.get(self.at).map(|step| &step.action) {
            Some(Action::AtOnce(steps)) => self.replies.extend(steps.iter().map(|_| Reply::Lost)),
            Some(_) => self.replies.push(Reply::Lost),
            None => {}
        }
        self.at += 1;
    }

    /// What was noted in this life, after what was in those before; and what it used.
    fn noted(&mut self, notes: Notes) -> Notes {
        self.usage.output += notes.printed;
        let all = std::mem::take(&mut self.past).followed_by(notes);
        self.usage.fuel = all.calls.iter().map(|call| call.fuel).sum();
        self.usage.memory = all.calls.iter().map(|call| call.memory).max().unwrap_or_default();
        self.usage.host_calls = all.steps.len() as u64;
        all
    }
}

async fn act(world: &World, action: &Action, step: &Step, number: usize) -> anyhow::Result<Reply> {
    let done = world.act(action, number).await;
    done.with_context(|| format!("the step at line {}", step.at.line))
}

/// Tells the steps of a case apart, those that are done at once as well.
#[must_use]
pub fn number(step: usize, index: usize) -> usize {
    (step * 100 + index) % act::STEPS
}

/// Whether everything that a case expects is said at its end alone.
#[must_use]
pub fn expectations(case: &Case) -> impl Iterator<Item = (usize, &Expected)> {
    case.when.iter().enumerate().filter_map(|(index, step)| Some((index, step.then.as_ref()?)))
}

/// The calls that ended without an answer.
pub fn failures(seen: &Seen) -> impl Iterator<Item = (usize, &super::seen::Call)> {
    seen.calls.iter().enumerate().filter(|(_, call)| matches!(call.end, End::Failed(..)))
}
