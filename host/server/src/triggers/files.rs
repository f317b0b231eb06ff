//! Files: each complete one in a folder is an input, until it is settled.
//!
//! What is leased and when it is tried again is remembered by the process only: after a restart a file is a new input
//! with the same id, as the guarantee (at least once) allows.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use mecha_backends::file::{Entry, Failure as InboxFailure, Inbox};
use mecha_primitives::{
    clock::{Clock, Timestamp},
    commit::{self, Engine, Version},
    delivery::{
        Outcome, Retry, Settled, Source, inbox,
        pump::{Attempts, Ended},
    },
    identity::Trigger,
    name,
    random::Random,
};
use mecha_runtime::exports::inputs::{Input, handle};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    apps::Target,
    dispatch::{Dispatcher, Occasion},
};

/// How long a file that was due may not be found before it is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// How often the folder is looked at while something is remembered.
const LOOK: Duration = Duration::from_secs(1);
/// Files that are remembered because they are in work or wait for another attempt.
const REMEMBERED: usize = 10_000;

/// The files of one folder, as a source.
pub struct Files {
    inbox: Inbox,
    retry: Retry,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// If calls are atomic: where they mark what they have consumed, since a file cannot be a part of their commit.
    marks: Option<Marks>,
    known: Mutex<HashMap<String, Known>>,
}

/// Where the inputs of one binding are marked as consumed.
#[derive(Debug, Clone)]
pub struct Marks {
    pub engine: Arc<dyn Engine>,
    pub app: name::App,
    pub input: name::Binding,
}

/// How long a mark is kept if its file could not be taken away.
const MARKED: Duration = Duration::from_secs(30 * 24 * 3600);

/// What is remembered of a file.
#[derive(Debug, Clone, Copy)]
struct Known {
    attempts: u32,
    first: Timestamp,
    /// When it is to be tried again. `None`: it is in work.
    due: Option<Timestamp>,
}

/// A file in work.
#[derive(Debug, Clone)]
pub struct File {
    entry: Entry,
    attempt: u32,
}

impl Files {
    #[must_use]
    pub fn new(
        inbox: Inbox,
        retry: Retry,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        marks: Option<Marks>,
    ) -> Self {
        Self { inbox, retry, clock, random, marks, known: Mutex::default() }
    }

    /// The file is gone: its mark can go, too. One that stays is harmless, and has an end.
    async fn unmark(&self, item: &File) {
        let Some(Marks { engine, app, input }) = &self.marks else { return };
        if let Err(error) = inbox::forget(&**engine, &inbox::mark(app, input, &item.entry.id)).await {
            tracing::debug!(%input, %error, "the mark of an input stays for now");
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreadable(error: impl std::fmt::Display) -> commit::Error {
    commit::Error::Unavailable(error.to_string().into())
}

#[async_trait]
impl Source for Files {
    type Item = File;

    async fn take(&self, max: usize) -> Result<Vec<File>, commit::Error> {
        let now = self.clock.now();
        // In work, or waiting: not now.
        let busy: std::collections::HashSet<String> = {
            let mut known = self.known();
            if known.len() >= REMEMBERED {
                known.retain(|_, file| file.due.is_none_or(|due| due > now));
            }
            let busy = known.iter().filter(|(_, file)| file.due.is_none_or(|due| due > now));
            busy.map(|(id, _)| id.clone()).collect()
        };
        let found = self.inbox.scan(max, move |id| busy.contains(id)).await.map_err(unreadable)?;
        let mut known = self.known();
        if found.len() < max {
            // What was to be tried again and is not there, or has become another file, is forgotten, but not before it
            // can have been seen twice.
            let gone = |id: &String, file: &Known| {
                file.due.is_some_and(|due| now.since(due) > FORGOTTEN)
                    && !found.iter().any(|entry| entry.id == *id)
            };
            known.retain(|id, file| !gone(id, file));
        }
        let lease = |entry: Entry| {
            let file = known.entry(entry.id.clone()).or_insert(Known { attempts: 0, first: now, due: None });
            file.attempts += 1;
            file.due = None;
            File { attempt: file.attempts, entry }
        };
        Ok(found.into_iter().map(lease).collect())
    }

    async fn settle(&self, item: &File, outcome: Outcome) -> Result<Settled, commit::Error> {
        let now = self.clock.now();
        let id = &item.entry.id;
        let Some(file) = self.known().get(id).copied() else { return Ok(Settled::Stale) };
        let again = match &outcome {
            Outcome::Retry { after, .. } => {
                self.retry.next(file.attempts, file.first, now, *after, &*self.random)
            }
            Outcome::Returned => Some(now),
            Outcome::Done | Outcome::Reject { .. } => None,
        };
        if let Some(at) = again {
            let attempts = file.attempts - u32::from(outcome == Outcome::Returned);
            self.known().insert(id.clone(), Known { attempts, due: Some(at), ..file });
            return Ok(Settled::Later(at));
        }
        let is_done = outcome == Outcome::Done;
        let moved =
            if is_done { self.inbox.settle(&item.entry).await } else { self.inbox.fail(&item.entry).await };
        let was_there = match moved {
            Ok(was_there) => was_there,
            Err(error) => {
                // It is still there: whoever settles it gives up some time, and then it is to be an input again.
                let due = Some(now + self.retry.max);
                self.known().insert(id.clone(), Known { due, ..file });
                return Err(unreadable(error));
            }
        };
        self.known().remove(id);
        self.unmark(item).await;
        Ok(match (was_there, is_done) {
            (false, _) => Settled::Stale,
            (true, true) => Settled::Done,
            (true, false) => Settled::Dead,
        })
    }

    /// Marks the file as consumed. It is taken away after the commit, by [`settle`](Self::settle).
    async fn settle_over(&self, engine: &Arc<dyn Engine>, item: &File) -> Result<Settled, commit::Error> {
        let Some(Marks { app, input, .. }) = &self.marks else {
            return Err(commit::Error::Unavailable("the inputs of this folder are not marked".into()));
        };
        let mark = inbox::mark(app, input, &item.entry.id);
        let version = Version::new(self.random.call_id(), 0, 0);
        let is_first = inbox::consume(&**engine, &mark, self.clock.now() + MARKED, version).await?;
        Ok(if is_first { Settled::Done } else { Settled::Stale })
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, commit::Error> {
        // What has been due for long is gone, as a look at the folder will find.
        let now = self.clock.now();
        let due = self.known().values().filter_map(|file| file.due).filter(|due| *due > now).min();
        Ok(due.or_else(|| (!self.known().is_empty()).then(|| now + LOOK)))
    }

    async fn changed(&self) {
        self.inbox.changed().await;
    }
}

/// An input binding of files, as its pump sees it.
pub struct Reader {
    pub dispatcher: Dispatcher,
    pub name: name::Binding,
    pub target: Arc<Target>,
    pub inbox: Inbox,
    /// If the call and the mark of what it has consumed are one.
    pub marked: Option<Arc<Files>>,
}

impl Reader {
    async fn one(&self, file: &File, permit: OwnedSemaphorePermit) -> Outcome {
        let data = match self.inbox.read(&file.entry).await {
            Ok(data) => data,
            // Its settlement will find that it is gone.
            Err(InboxFailure::Gone) => return Outcome::Done,
            Err(failure @ InboxFailure::TooLarge(_)) => {
                return Outcome::Reject { why: failure.to_string().into() };
            }
            Err(failure) => return Outcome::Retry { after: None, why: failure.to_string().into() },
        };
        let metadata = [
            ("name", file.entry.name.clone()),
            ("size", file.entry.size.to_string()),
            ("modified-ms", file.entry.modified_ms.to_string()),
        ];
        let input = Input {
            id: file.entry.id.clone(),
            binding: self.name.clone(),
            data,
            content_type: None,
            metadata: metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            attempt: file.attempt,
        };
        let occasion = Occasion { attempt: file.attempt, ..Occasion::new(Trigger::Input(self.name.clone())) };
        let call = move |target: Arc<Target>, identity, _| {
            let input = input.clone();
            async move { handle(&target.micrologic, identity, input).await.map(|(outcome, _)| vec![outcome]) }
        };
        let marked = self.marked.clone();
        let ended =
            self.dispatcher.attempt(&self.target, occasion, permit, marked, [file.clone()].into(), call);
        match ended.await.pop() {
            Some(Ended::Outcome(outcome)) => outcome,
            // It is consumed, by this call or a former one: what is left is to take it away.
            Some(Ended::Settled(_)) => Outcome::Done,
            None => Outcome::Returned,
        }
    }
}

#[async_trait]
impl Attempts<File> for Reader {
    type Permit = Option<OwnedSemaphorePermit>;

    async fn permit(&self) -> Self::Permit {
        self.target.permit_in_turn().await
    }

    async fn attempt(&self, items: &[File], permit: Self::Permit) -> Vec<Ended> {
        match (items, permit) {
            ([file], Some(permit)) => vec![self.one(file, permit).await.into()],
            _ => vec![Outcome::Returned.into(); items.len()],
        }
    }

    fn settled(&self, item: &File, outcome: &Outcome, settled: &Settled) {
        let (input, file, attempt) = (&self.name, &item.entry.name, item.attempt);
        let why = outcome.why();
        match settled {
            Settled::Done => {}
            Settled::Later(_) => tracing::info!(%input, file, attempt, why, "file is tried again later"),
            Settled::Dead => tracing::warn!(%input, file, attempt, why, "file is given up"),
            Settled::Stale => tracing::warn!(%input, file, attempt, "the file is gone, or has changed"),
        }
        self.dispatcher.metrics.settled(&self.target.app, "input", self.name.as_str(), settled);
    }

    fn hindered(&self, error: &commit::Error) {
        tracing::warn!(input = %self.name, %error, "the folder is in the way of inputs");
    }
}
