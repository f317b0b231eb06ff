//! Runs one case: lives of a host, one after the other if it crashes, until all steps are done.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use mecha_manifest::suite::{Action, Case, Expected, Step};
use mecha_primitives::clock::Timestamp;
use mecha_runtime::fault::Kind;

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
    /// When its last step was done.
    pub ended: Timestamp,
}

/// What was there right after a step.
#[derive(Debug)]
pub struct Glance {
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
    /// What is answered when nothing goes wrong. Who is told of a failure instead asks again, once.
    pub usual: Vec<Reply>,
    /// Whether those of several at once who are told of a failure ask again when all are done, one after the other.
    pub in_turn: bool,
    /// The case goes on until then at the least, so that what is tried again is.
    pub until: Option<Timestamp>,
}

/// A step of a case, and which it is of those at once.
type Place = (usize, usize);

/// How long somebody waits who asks again.
const PAUSE: Duration = Duration::from_secs(1);

/// How long a host is away after a crash.
const AWAY: Duration = Duration::from_secs(1);
/// Crashes in one case at the most.
const CRASHES: u32 = 100;

/// Runs a case in a runtime of its own. The same case on the same components always runs alike.
///
/// # Errors
/// If it cannot be run.
pub fn run(bench: &Bench, case: &Case, how: How) -> anyhow::Result<Run> {
    let How { plan, storage, asks_again, usual, in_turn, until } = how;
    let mut drive = Drive {
        bench,
        case,
        around: Around::new(bench, plan, storage)?,
        asks_again,
        usual,
        in_turn,
        until,
        // The world comes to rest before the first step, which takes a moment.
        now: Timestamp(case.given.clock.0.saturating_sub(1)),
        replies: Mutex::default(),
        glances: vec![],
        found: Found::new(),
        past: Notes::default(),
        usage: Usage::default(),
        waited: Duration::ZERO,
        crashes: 0,
        ended: case.given.clock,
        at: 0,
        due: None,
        begun: Mutex::default(),
    };
    loop {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .context("cannot start a runtime")?;
        if let Some(seen) = runtime.block_on(drive.live())? {
            let unanswered = drive.around.outside.asked().unanswered;
            let Drive { replies, glances, usage, waited, crashes, ended, .. } = drive;
            let replies =
                replies.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect();
            return Ok(Run { seen, replies, glances, usage, waited, unanswered, crashes, ended });
        }
    }
}

/// A case on its way.
struct Drive<'a> {
    bench: &'a Bench,
    case: &'a Case,
    around: Around,
    asks_again: bool,
    usual: Vec<Reply>,
    in_turn: bool,
    until: Option<Timestamp>,
    now: Timestamp,
    /// Those that have been given. Steps at once get theirs one by one.
    replies: Mutex<BTreeMap<Place, Reply>>,
    glances: Vec<Glance>,
    found: Found,
    /// What former lives noted.
    past: Notes,
    usage: Usage,
    waited: Duration,
    crashes: u32,
    ended: Timestamp,
    /// The step that is next.
    at: usize,
    /// Until when it waits.
    due: Option<Timestamp>,
    /// Steps that have begun, and need not begin again.
    begun: Mutex<HashSet<Place>>,
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
                Action::Wait(_) | Action::Tick(_) => self.wait(world, step).await?,
                _ => self.act(world, step, 0).await?,
            }
            if !matches!(step.action, Action::Wait(_) | Action::Tick(_)) {
                self.waited += world.clock.now().since(began);
            }
            world.idle().await;
            if let Action::AtOnce(steps) = &step.action
                && self.in_turn
            {
                self.in_turn(world, steps).await?;
            }
            world.find_events(&mut self.found).await?;
            self.at += 1;
            if step.then.is_some() {
                let notes = self.past.followed_by(world.recorder.notes().clone());
                let seen = world.look(notes, &mut self.found).await?;
                let replies = self.replies().len();
                self.glances.push(Glance { seen, replies });
            }
        }
        self.ended = world.clock.now();
        if let Some(until) = self.until {
            world.clock.sleep_until(until).await;
            world.idle().await;
        }
        Ok(())
    }

    /// All of them begin at the same time. Of those that a crash left without an answer only those are done again.
    async fn at_once(&self, world: &World, steps: &[Step]) -> anyhow::Result<()> {
        let acts = steps.iter().enumerate().map(|(index, step)| self.act(world, step, index));
        futures_util::future::try_join_all(acts).await.map(drop)
    }

    /// Those of several at once who were told of a failure ask again.
    async fn in_turn(&self, world: &World, steps: &[Step]) -> anyhow::Result<()> {
        for (index, step) in steps.iter().enumerate() {
            let place = (self.at, index);
            if self.replies().get(&place).is_some_and(is_refused) {
                self.replies().remove(&place);
                self.act(world, step, index).await?;
                world.idle().await;
            }
        }
        Ok(())
    }

    /// A wait that a crash interrupts ends when it would have ended.
    async fn wait(&mut self, world: &World, step: &Step) -> anyhow::Result<()> {
        if self.replies().contains_key(&(self.at, 0)) {
            return Ok(());
        }
        let due = match (self.due, &step.action) {
            (Some(due), _) => due,
            (None, Action::Wait(time)) => world.clock.now() + *time,
            (None, Action::Tick(schedule)) => {
                let due = world.due(schedule).await;
                due.with_context(|| format!("the step at line {}", step.at.line))?
            }
            (None, _) => return Ok(()),
        };
        self.due = Some(due);
        world.clock.sleep_until(due).await;
        self.due = None;
        self.replies().insert((self.at, 0), Reply::None);
        Ok(())
    }

    /// Does a step, unless it has its answer already.
    async fn act(&self, world: &World, step: &Step, index: usize) -> anyhow::Result<()> {
        let place = (self.at, index);
        if self.replies().contains_key(&place) {
            return Ok(());
        }
        let number = number(self.at, index);
        let begins = self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(place);
        let done = match &step.action {
            // A file that was put there is there, or was taken.
            Action::Input(input) if !begins => world.taken(input).await.map(|()| Reply::None),
            action => world.act(action, number).await,
        };
        let mut done = done.with_context(|| format!("the step at line {}", step.at.line))?;
        if self.usual(place).is_some_and(|usual| is_refused(&done) && !is_refused(usual)) {
            tokio::time::sleep(PAUSE).await;
            done = world.act(&step.action, number).await?;
        }
        self.replies().insert(place, done);
        Ok(())
    }

    /// What a step is answered when nothing goes wrong, if that is known.
    fn usual(&self, place: Place) -> Option<&Reply> {
        self.usual.get(order(self.case, place))
    }

    /// Nobody asks again: what the step of the crash has not answered has no answer.
    fn lose(&self) {
        let count = match self.case.when.get(self.at).map(|step| &step.action) {
            Some(Action::AtOnce(steps)) => steps.len(),
            Some(Action::Wait(_) | Action::Tick(_)) | None => 0,
            Some(_) => 1,
        };
        for index in 0..count {
            self.replies().entry((self.at, index)).or_insert(Reply::Lost);
        }
    }

    fn replies(&self) -> MutexGuard<'_, BTreeMap<Place, Reply>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
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

/// Whether it was told that it did not happen, or may not have, and that it is worth another try.
#[must_use]
pub fn is_refused(reply: &Reply) -> bool {
    match reply {
        Reply::Http { status, body, .. } => {
            status.is_server_error() || matches!(status.as_u16(), 409 | 412 | 425 | 429) || body.is_err()
        }
        Reply::Invoked(answer) => answer.is_err(),
        Reply::Lost => true,
        Reply::None => false,
    }
}

/// Which of the replies is that of a step.
fn order(case: &Case, (step, index): Place) -> usize {
    let count = |step: &Step| if let Action::AtOnce(steps) = &step.action { steps.len() } else { 1 };
    case.when.iter().take(step).map(count).sum::<usize>() + index
}

/// Which of the replies is that of the step with this number.
#[must_use]
pub fn numbered(case: &Case, wanted: usize) -> Option<usize> {
    case.when.iter().enumerate().find_map(|(step, of)| {
        let count = if let Action::AtOnce(steps) = &of.action { steps.len() } else { 1 };
        let index = (0..count).find(|index| number(step, *index) == wanted)?;
        Some(order(case, (step, index)))
    })
}

/// Tells the steps of a case apart, those that are done at once as well.
#[must_use]
pub fn number(step: usize, index: usize) -> usize {
    (step * 100 + index) % act::STEPS
}

/// What is expected right after steps, in their order.
pub fn expectations(case: &Case) -> impl Iterator<Item = &Expected> {
    case.when.iter().filter_map(|step| step.then.as_ref())
}

/// The calls that ended without an answer.
pub fn failures(seen: &Seen) -> impl Iterator<Item = (usize, &super::seen::Call)> {
    seen.calls
        .iter()
        .enumerate()
        .filter(|(_, call)| matches!(&call.end, End::Failed(kind, _) if *kind != Kind::Cancelled))
}
