//! Tests that are components: they are found beside the manifest, say which cases they have, and drive the app in each.
//!
//! A test component is no part of the app: it has no grants, and its work is not measured. It lives by the case's time,
//! and has randomness with a seed of its own.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use mecha_manifest::{
    self as manifest,
    suite::{Bounds, Case, Expected, Suite},
};
use mecha_primitives::{clock::Clock, identity::Identity, name};
use mecha_runtime::{
    cache::Cache,
    call::Services,
    component::Component,
    engine::{Engines, Metering, Settings},
    exports,
    imports::test::Driver,
    micrologic::{Linked, Micrologic},
};

use super::{
    bench::{Bench, FUEL},
    case::Run,
    plan::Plan,
    seen::Line,
    suites::{self, FOLDER, shown},
};
use crate::{
    clock::Randomness,
    files::{self, Source},
    load::{self, name_of},
};

mod answers;
mod driver;
mod ended;
mod names;
mod printed;
mod time;

use driver::Drive;
use printed::Printed;
use time::Followed;

/// A component that tests an app.
#[derive(Clone)]
pub struct TestComponent {
    /// The file, as messages name it.
    pub file: String,
    name: name::Component,
    linked: Linked,
}

/// Linear memory that a test may use.
const MEMORY: u64 = 256 << 20;
/// Test components that run at the same time.
const SLOTS: u32 = 64;
/// Cases of one component, and the bytes of a name, at the most.
const CASES: usize = 10_000;
const NAME: usize = 200;
/// Of the test's own randomness. The app's begins with the case's seed, and the two must not draw the same numbers.
const SEED: u64 = u64::MAX;
/// How long a case may take by its own clock: ten years. What ends a test that does not end is its fuel.
pub(super) const LONGEST: Duration = Duration::from_secs(3653 * 24 * 3600);
/// Bytes that a test may put into its world. What it sends is the app's to limit.
pub(super) const GIVEN: u64 = 64 << 20;
/// What each thing counts beside its bytes.
pub(super) const EACH: u64 = 4 << 10;

/// Finds and compiles the test components of an app: `tests/*.wasm` and `tests/*.wat`, by name.
///
/// # Errors
/// If one cannot be read, or is no test component.
pub fn find(source: &Source, cache: Option<&Cache>) -> anyhow::Result<Vec<TestComponent>> {
    let files = files(&source.folder)?;
    if files.is_empty() {
        return Ok(vec![]);
    }
    let engines = Engines::new(Settings { slots: SLOTS, memory: MEMORY })?;
    files.iter().map(|path| TestComponent::new(path, &engines, cache)).collect()
}

/// The files that are test components of the app in this folder.
///
/// # Errors
/// If they cannot be listed.
pub fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = folder.join(FOLDER);
    match suites::list(&folder, is_test) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        files => files.with_context(|| format!("cannot read the folder {}", shown(&folder))),
    }
}

/// Whether this is the name of a test component.
#[must_use]
pub fn is_test(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let is_component = path.extension().is_some_and(|extension| extension == "wasm" || extension == "wat");
    is_component && !is_hidden
}

impl TestComponent {
    fn new(path: &Path, engines: &Engines, cache: Option<&Cache>) -> anyhow::Result<Self> {
        let file = shown(path);
        let bytes = files::read(path).with_context(|| format!("cannot read the test component {file}"))?;
        let component = Component::compile(engines, &bytes, Metering::Exact, cache)
            .map_err(|error| error.of_file(path))
            .with_context(|| format!("{file} is no component"))?;
        ensure!(
            component.exports_interface(exports::test::INTERFACE),
            "{file} exports no `{}`: it is no test component, and in the folder `{FOLDER}` there is nothing else",
            exports::test::INTERFACE
        );
        let linked = Micrologic::link_test(&component)
            .with_context(|| format!("the test component {file} imports what tests do not have"))?;
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let name = name::Component::new(&name_of(stem)).unwrap_or_else(|_| name::Component::fallback());
        Ok(Self { file, name, linked })
    }

    /// The names of its cases, in its order.
    ///
    /// # Errors
    /// If it does not say, or says what cannot be.
    pub fn cases(&self) -> anyhow::Result<Vec<String>> {
        let lines = Arc::new(Printed::default());
        let asked = runtime()?.block_on(async {
            let time = Arc::new(Followed::new());
            let (test, identity) = self.made(&name::App::fallback(), &time, &lines, None);
            exports::test::cases(&test, identity).await
        });
        let cases = asked.map_err(|fault| anyhow::anyhow!(ended::told(&fault, &lines.errors())));
        let cases = cases.with_context(|| format!("{} does not say which cases it has", self.file))?;
        ensure!(!cases.is_empty(), "{} has no cases", self.file);
        ensure!(cases.len() <= CASES, "{} has more than {CASES} cases", self.file);
        for (index, case) in cases.iter().enumerate() {
            ensure!(!case.trim().is_empty(), "{} has a case without a name", self.file);
            ensure!(case.len() <= NAME, "{} has a case whose name is longer than {NAME} bytes", self.file);
            ensure!(!cases[..index].contains(case), "{} has two cases of the name `{case}`", self.file);
        }
        Ok(cases)
    }

    /// Its cases as those of a file: they have no steps, for the component takes them.
    ///
    /// # Errors
    /// As of [`cases`](Self::cases).
    pub fn suite(&self) -> anyhow::Result<Suite> {
        Ok(Suite { file: self.file.clone(), cases: self.cases()?.into_iter().map(case_of).collect() })
    }

    /// Runs one case: the inner error says why it has failed. The same case on the same components always runs alike.
    ///
    /// # Errors
    /// If it cannot be run to its end, whatever its test says.
    pub fn run(&self, bench: &Bench, case: &str, plan: Plan) -> anyhow::Result<(Run, Result<(), String>)> {
        let lines = Arc::new(Printed::default());
        runtime()?.block_on(async {
            let time = Arc::new(Followed::new());
            let (drive, mut stage) = Drive::new(bench, plan, time.clone())?;
            let driver = drive.clone() as Arc<dyn Driver>;
            let (test, identity) = self.made(&bench.loaded.app.name, &time, &lines, Some(driver));
            let ended = tokio::select! {
                biased;
                never = stage.make_worlds(bench) => match never {},
                ended = exports::test::case(&test, identity, case) => ended,
            };
            let verdict = match (drive.failed(), ended) {
                (Some(why), _) => Err(why),
                (None, Ok(verdict)) => verdict,
                (None, Err(fault)) => Err(ended::told(&fault, &lines.errors())),
            };
            let (seen, usage, waited) = drive.end().await?;
            let (unanswered, ended) = (drive.unanswered(), time.now());
            let (replies, glances, crashes) = (vec![], vec![], 0);
            let mut run = Run { seen, replies, glances, usage, waited, unanswered, crashes, ended };
            let printed = lines.take().into_iter();
            run.seen.lines.extend(printed.map(|(stream, text)| Line {
                component: self.name.clone(),
                stream,
                text,
            }));
            let verdict = verdict.and_then(|()| drive.verdict(&run));
            Ok((run, verdict.map_err(|why| why.trim().to_owned())))
        })
    }

    /// The component as one call needs it, and who calls.
    fn made(
        &self,
        app: &name::App,
        time: &Arc<Followed>,
        lines: &Arc<Printed>,
        driver: Option<Arc<dyn Driver>>,
    ) -> (Micrologic, Arc<Identity>) {
        let random = Arc::new(Randomness::from_seed(SEED));
        let call = random.call_id();
        let services = Services {
            clock: time.clone(),
            random: random.forks(),
            lots: random,
            observer: lines.clone(),
            director: None,
            virtual_time: true,
            upstream: None,
        };
        let limits =
            manifest::Limits { memory: MEMORY, fuel: Some(FUEL), stdio: u64::MAX, ..Default::default() };
        let test = Micrologic::test(self.linked.clone(), load::limits(&limits), Arc::new(services), driver);
        let deadline = time.now() + LONGEST;
        let (tenant, app) = (name::Tenant::default(), app.clone());
        (test, Arc::new(Identity::new(tenant, app, self.name.clone(), call, deadline)))
    }
}

/// A case by its name, in a world that begins by the defaults.
fn case_of(name: String) -> Case {
    Case {
        name,
        at: answers::NOWHERE,
        given: answers::defaults(),
        when: vec![],
        then: Expected::default(),
        within: Bounds::default(),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().context("cannot start a runtime")
}

impl fmt::Debug for TestComponent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestComponent").field("file", &self.file).finish_non_exhaustive()
    }
}
