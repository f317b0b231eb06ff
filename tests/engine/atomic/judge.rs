//! What must be so at the end: what storage holds is compared with what was told.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use mecha_primitives::{
    commit::{Budget, Span},
    delivery::Settled,
    pubsub::letters::Letters,
};

use super::{
    interpreter::lock,
    life::{Life, SUBSCRIPTIONS},
    scheduler::now,
    world::{Fate, World},
};

/// What the runs that have happened left.
struct Marks {
    runs: BTreeSet<u64>,
    /// The runs by what they were for.
    of: BTreeMap<String, Vec<u64>>,
}

/// The number of dead letters.
pub(super) fn judge(life: &Life) -> Result<u64, String> {
    let content = content(life)?;
    let marks = marks(&content)?;
    let dead = dead(life)?;
    let world = lock(&life.world);
    runs(&world, &marks)?;
    events(&world, &marks, &dead)?;
    ticks(&world, &marks)?;
    answers(&world, &marks)?;
    rest(&content)?;
    Ok(dead.len() as u64)
}

type Content = Vec<(String, Bytes)>;

fn content(life: &Life) -> Result<Content, String> {
    let span = Span { start: Bytes::new(), end: None, reverse: false };
    let budget = Budget { records: usize::MAX, bytes: usize::MAX, values: true };
    let moment = life.engine.moment().map_err(|error| error.to_string())?;
    let (found, _) = moment.scan(&span, budget).map_err(|broken| broken.why.to_string())?;
    Ok(found
        .into_iter()
        .map(|(key, record)| (String::from_utf8_lossy(&key).into_owned(), record.value))
        .collect())
}

fn marks(content: &Content) -> Result<Marks, String> {
    let of = |what: &str| {
        let prefix = format!("shop/state/marks/{what}/");
        let mark = |(key, value): &(String, Bytes)| {
            let (token, _) = key.strip_prefix(&prefix)?.split_once('/')?;
            Some((token.parse::<u64>().ok()?, String::from_utf8_lossy(value).into_owned()))
        };
        content.iter().filter_map(mark).collect::<Vec<_>>()
    };
    let (begun, ended) = (of("run"), of("end"));
    if begun != ended {
        let parts = begun.iter().filter(|mark| !ended.contains(mark));
        return Err(format!("there is a part of a run: {:?}", parts.collect::<Vec<_>>()));
    }
    let runs = begun.iter().map(|(token, _)| *token).collect();
    let mut of: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (token, trigger) in begun.into_iter().filter(|(_, trigger)| !trigger.is_empty()) {
        of.entry(trigger).or_default().push(token);
    }
    Ok(Marks { runs, of })
}

/// What was committed is there, what was aborted is not, and nothing has its effect twice.
fn runs(world: &World, marks: &Marks) -> Result<(), String> {
    for (token, run) in &world.runs {
        let is_there = marks.runs.contains(token);
        match run.fate {
            Fate::Committed if !is_there => return Err(format!("run {token} was committed, and is gone")),
            Fate::Aborted | Fate::Running if is_there => {
                return Err(format!("run {token} was not to happen, and is there: {:?}", run.triggers));
            }
            _ => {}
        }
    }
    match marks.of.iter().find(|(_, runs)| runs.len() > 1) {
        Some((trigger, runs)) => {
            Err(format!("{trigger} has its effect more than once, by the runs {runs:?}"))
        }
        None => Ok(()),
    }
}

/// Each event of what happened was worked on once or is dead; there is no other.
fn events(world: &World, marks: &Marks, dead: &BTreeSet<(usize, String)>) -> Result<(), String> {
    let by_runs = world.runs.iter().filter(|(token, _)| marks.runs.contains(token));
    let by_runs: BTreeSet<_> = by_runs.flat_map(|(_, run)| &run.published).collect();
    let is_published =
        |event: &(usize, String)| by_runs.contains(event) || world.published.contains_key(event);
    let of_dead = dead.iter().map(|(group, id)| (SUBSCRIPTIONS[*group].topic, id.clone()));
    for event in world.seen.iter().cloned().chain(of_dead) {
        if !is_published(&event) {
            return Err(format!("{event:?} was published by nobody, or by what has not happened"));
        }
    }
    let plainly = world.published.iter().filter(|(_, is_known)| **is_known).map(|(event, _)| event);
    for (topic, id) in by_runs.into_iter().chain(plainly) {
        for (group, of) in SUBSCRIPTIONS.iter().enumerate().filter(|(_, of)| of.topic == *topic) {
            let mine = (group, id.clone());
            let trigger = format!("e:{group}:{id}");
            let (is_dead, is_plain) = (dead.contains(&mine), of.component == 3);
            let is_done = marks.of.contains_key(&trigger) || world.worked.contains(&mine);
            if is_done && is_dead && !is_plain {
                return Err(format!("{trigger} is done and dead"));
            }
            if !is_done && !is_dead {
                return Err(format!("{trigger} was published, and is neither done nor dead"));
            }
            let told = world.told.get(&trigger);
            if told == Some(&Settled::Done) && is_dead || told == Some(&Settled::Dead) && is_done && !is_plain
            {
                return Err(format!("{trigger} was told to be {told:?}, which it is not"));
            }
        }
    }
    Ok(())
}

/// Jobs run once, unless they were taken away or given up.
fn ticks(world: &World, marks: &Marks) -> Result<(), String> {
    for (trigger, settled) in world.told.iter().filter(|(trigger, _)| trigger.starts_with("t:")) {
        if (*settled == Settled::Done) != marks.of.contains_key(trigger) && *settled != Settled::Stale {
            let is_later = matches!(settled, Settled::Later(_));
            // What it became later nobody was told.
            if !is_later {
                return Err(format!("{trigger} was told to be {settled:?}, which it is not"));
            }
        }
    }
    let happened = || world.runs.iter().filter(|(token, _)| marks.runs.contains(token)).map(|(_, run)| run);
    let cancelled: BTreeSet<_> = happened().flat_map(|run| &run.cancelled).collect();
    for job in happened().flat_map(|run| &run.scheduled) {
        let is_mine = |trigger: &&String| {
            trigger.starts_with("t:") && trigger.split([' ', ':']).nth(3) == Some(&job.to_string())
        };
        let done = marks.of.keys().filter(is_mine).count();
        let is_given_up = world.last_attempts.iter().any(|trigger| is_mine(&trigger));
        match (cancelled.contains(job), done) {
            (true, 1..) => return Err(format!("job {job} was taken away, and has run")),
            (false, 0) if !is_given_up => return Err(format!("job {job} has not run")),
            (_, 2..) => return Err(format!("job {job} has run {done} times")),
            _ => {}
        }
    }
    Ok(())
}

/// Who has an answer has the one of the run that happened.
fn answers(world: &World, marks: &Marks) -> Result<(), String> {
    for (key, token) in &world.answers {
        let runs = marks.of.get(&format!("h:{key}"));
        if runs.is_none_or(|runs| *runs != [*token]) {
            return Err(format!("{key} was answered by run {token}, and there is {runs:?}"));
        }
    }
    Ok(())
}

/// Nothing is left behind.
fn rest(content: &Content) -> Result<(), String> {
    let is_left = |key: &str| {
        let of_topics = ["shop/pubsub/orders/", "shop/pubsub/notes/"];
        let of_jobs = key.strip_prefix("shop/jobs/web/");
        of_topics.iter().any(|prefix| key.starts_with(prefix))
            || of_jobs.is_some_and(|rest| rest != "n")
            || key.starts_with("shop/schedules/beat/l/")
    };
    let left: Vec<_> = content.iter().map(|(key, _)| key).filter(|key| is_left(key)).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("after all was settled there is {left:?}")) }
}

fn dead(life: &Life) -> Result<BTreeSet<(usize, String)>, String> {
    let names = ["atomic", "plain", "batches", "single"];
    let letters = Letters::new(life.dead_letters(1 << 20), life.clock());
    // The engine is of another life than the one that is over.
    let (letters, _) = now(letters.list(None, 100_000)).map_err(|error| error.to_string())?;
    let mut dead = BTreeSet::new();
    for letter in letters {
        let by = letter.stored.dead.as_ref().ok_or("a letter without a reason")?;
        let group = names.iter().position(|name| *name == by.group).ok_or("a letter of no group")?;
        let mine = (group, letter.stored.event.id().to_owned());
        if !dead.insert(mine.clone()) {
            return Err(format!("{mine:?} is dead twice"));
        }
    }
    Ok(dead)
}
