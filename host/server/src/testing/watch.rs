//! Waits until something has changed that tests depend on: the manifest, test files, compiled components, sources.
//!
//! Folders are watched one by one, and not as trees: those of build tools hold more folders than there are watches. What a
//! run writes by itself (its build generates sources, its output goes to a file) must not be taken for a change, or it would
//! run for ever.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use cap_std::{ambient_authority, fs::Dir};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, event::ModifyKind};

use super::{component, suites};

/// What a change calls for; the later includes the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// To run the tests again.
    Tests,
    /// To build before.
    Sources,
}

/// That something has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    pub change: Change,
    /// One of the files, for people.
    pub path: PathBuf,
}

/// What is looked at, and for what.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// The app's folder.
    pub folder: PathBuf,
    pub manifest: PathBuf,
    /// Compiled components, wherever they are.
    pub components: Vec<PathBuf>,
    /// What the run writes itself.
    pub ignored: Vec<PathBuf>,
}

/// Watches an app.
pub struct Watch {
    watcher: RecommendedWatcher,
    noted: Arc<Noted>,
    /// What changed while it ran, and in how many runs one after the other.
    products: BTreeMap<PathBuf, u32>,
}

/// Folders that are watched at the most.
const FOLDERS: usize = 10_000;
/// Changed files that are remembered; with more, one does not matter.
const PATHS: usize = 1000;
/// A change is over when nothing has changed for this long: an editor writes a file in several steps.
const QUIET: Duration = Duration::from_millis(100);
/// What changes in so many runs, one after the other, is changed by them. In fewer it may be a source that was saved meanwhile.
const RUNS: u32 = 3;
/// So often it is waited for quiet: something may change all the time.
const PATIENCE: u32 = 20;

impl Watch {
    /// # Errors
    /// If the system cannot watch, or not that much.
    pub fn new(scope: &Scope) -> anyhow::Result<Self> {
        let noted = Arc::new(Noted::default());
        let to = noted.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| match event {
            Ok(event) => to.note(&event),
            Err(error) => tracing::debug!(%error, "watching"),
        });
        let watcher = watcher.context("cannot watch files")?;
        let mut watch = Self { watcher, noted, products: BTreeMap::new() };
        watch.follow(scope)?;
        Ok(watch)
    }

    /// Watches what is there now: folders and components come and go.
    ///
    /// # Errors
    /// If the system cannot watch that much.
    pub fn follow(&mut self, scope: &Scope) -> anyhow::Result<()> {
        let scope = scope.absolute();
        let mut folders = below(&scope.folder);
        folders.extend(scope.components.iter().filter_map(|path| path.parent()).map(Path::to_owned));
        let mut state = self.noted.state();
        state.scope = scope;
        folders.retain(|folder| !state.watched.contains(folder) && folder.is_dir());
        // The watcher's thread needs it to go on.
        drop(state);
        for folder in folders {
            self.watcher
                .watch(&folder, RecursiveMode::NonRecursive)
                .with_context(|| format!("cannot watch {}", folder.display()))?;
            self.noted.state().watched.insert(folder);
        }
        Ok(())
    }

    /// Waits for a change.
    pub fn next(&mut self) -> Changed {
        self.noted.next()
    }

    /// A run of ours is over, in which sources were built or not. What it has written itself is no change. The paths that
    /// are from now on thought to be such.
    pub fn ran(&mut self, has_built: bool) -> Vec<PathBuf> {
        self.noted.ran(&mut self.products, has_built)
    }
}

/// What has changed and nobody has asked for yet.
#[derive(Default)]
struct Noted {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    scope: Scope,
    /// Folders.
    watched: BTreeSet<PathBuf>,
    pending: BTreeMap<PathBuf, Change>,
    /// Grows with each change.
    count: u64,
}

impl Noted {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, event: &Event) {
        let mut state = self.state();
        if event.need_rescan() {
            // Changes were lost. Anything may have changed.
            let folder = state.scope.folder.clone();
            state.pending.insert(folder, Change::Sources);
        } else if matters(event.kind) {
            for path in &event.paths {
                if is_gone(event.kind) {
                    // One that is made anew is another folder.
                    state.watched.remove(path);
                }
                let Some(change) = state.scope.concern(path) else { continue };
                if state.pending.len() < PATHS {
                    state.pending.insert(path.clone(), change);
                }
                state.count += 1;
            }
        }
        if !state.pending.is_empty() {
            self.changed.notify_all();
        }
    }

    fn next(&self) -> Changed {
        let mut state = self.state();
        loop {
            while state.pending.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state = self.quiet(state);
            // Of those that call for the most, the first.
            let most = std::mem::take(&mut state.pending)
                .into_iter()
                .reduce(|most, next| if next.1 > most.1 { next } else { most });
            if let Some((path, change)) = most {
                let path = path.strip_prefix(&state.scope.folder).map_or(path.clone(), Path::to_owned);
                return Changed { change, path };
            }
        }
    }

    /// Until nothing changes any more.
    fn quiet<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        for _ in 0..PATIENCE {
            let before = state.count;
            state = self.changed.wait_timeout(state, QUIET).unwrap_or_else(PoisonError::into_inner).0;
            if state.count == before {
                break;
            }
        }
        state
    }

    fn ran(&self, products: &mut BTreeMap<PathBuf, u32>, has_built: bool) -> Vec<PathBuf> {
        let mut state = self.quiet(self.state());
        let State { scope, pending, .. } = &mut *state;
        if has_built {
            // A run without a build leaves what builds write as it is, and says nothing about it.
            products.retain(|path, _| pending.get(path) == Some(&Change::Sources));
        }
        let mut new = vec![];
        pending.retain(|path, change| match change {
            Change::Tests => !(has_built && scope.components.contains(path)),
            Change::Sources => {
                let runs = products.entry(path.clone()).or_default();
                *runs = runs.saturating_add(1);
                if *runs == RUNS {
                    new.push(path.strip_prefix(&scope.folder).unwrap_or(path).to_owned());
                }
                *runs < RUNS
            }
        });
        if products.len() > PATHS {
            products.clear();
        }
        new
    }
}

/// Whether a file is another one now. That it was read is no change.
fn matters(kind: EventKind) -> bool {
    match kind {
        EventKind::Create(_) | EventKind::Remove(_) => true,
        EventKind::Modify(what) => !matches!(what, ModifyKind::Metadata(_)),
        EventKind::Any | EventKind::Access(_) | EventKind::Other => false,
    }
}

/// Whether a path no longer names what it did.
fn is_gone(kind: EventKind) -> bool {
    matches!(kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)))
}

impl Scope {
    /// What a change of this file calls for.
    fn concern(&self, path: &Path) -> Option<Change> {
        if self.components.iter().any(|component| component == path) || path == self.manifest {
            return Some(Change::Tests);
        }
        let relative = path.strip_prefix(&self.folder).ok()?;
        let is_ours = self.ignored.iter().any(|ours| path.starts_with(ours));
        if is_ours || relative.as_os_str().is_empty() || relative.components().any(is_ignored) {
            return None;
        }
        match relative.parent() {
            Some(folder)
                if folder == suites::FOLDER && (suites::is_test(path) || component::is_test(path)) =>
            {
                Some(Change::Tests)
            }
            _ => Some(Change::Sources),
        }
    }

    /// As the system names the files.
    fn absolute(&self) -> Self {
        let all = |paths: &[PathBuf]| paths.iter().map(|path| absolute(path)).collect();
        Self {
            folder: self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone()),
            manifest: absolute(&self.manifest),
            components: all(&self.components),
            ignored: all(&self.ignored),
        }
    }
}

/// The file itself may not be there yet, or may be a link: its folder counts.
fn absolute(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match (folder.canonicalize(), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}

/// Folders of build tools and of the host, hidden files, and what editors leave.
fn is_ignored(part: Component<'_>) -> bool {
    let name = part.as_os_str().as_encoded_bytes();
    matches!(name, b"target" | b"node_modules" | b"__pycache__" | b"fuel.json" | b"4913")
        || name.starts_with(b".")
        || name.ends_with(b"~")
}

/// A folder with all below it that are not ignored. Links are not followed: they may lead in a circle.
fn below(folder: &Path) -> BTreeSet<PathBuf> {
    let (mut found, mut todo) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(folder) = todo.pop() {
        if found.len() >= FOLDERS {
            tracing::warn!("more than {FOLDERS} folders: not all of them are watched");
            break;
        }
        let entries = Dir::open_ambient_dir(&folder, ambient_authority()).and_then(|folder| folder.entries());
        // One that cannot be read changes unseen.
        for entry in entries.into_iter().flatten().flatten() {
            let path = folder.join(entry.file_name());
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !path.components().next_back().is_some_and(is_ignored) {
                todo.push(path);
            }
        }
        found.insert(folder);
    }
    found
}

#[cfg(test)]
mod tests;
