//! What all cases of a run have in common: the app, compiled and linked once.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mecha_manifest::{self as manifest, App, Atomic, Idempotency, Secrets, suite::Given};
use mecha_primitives::name;
use mecha_runtime::{
    cache::Cache,
    engine::Metering,
    micrologic::{Linked, Micrologic},
};

use super::component::TestComponent;
use crate::{
    files::{Kind, Source},
    load::{self, Loaded, Report},
    metrics::Metrics,
    progress::Progress,
};

/// An app that is to be tested.
pub struct Bench {
    pub loaded: Loaded,
    /// Components that are linked to nothing but the host.
    pub linked: Vec<Option<Linked>>,
    /// Test components of the app.
    pub tests: Vec<TestComponent>,
    /// Nobody looks at it, and it takes long to make.
    pub metrics: Arc<Metrics>,
    manifest: Option<(String, String)>,
    /// What is other than the manifest says.
    remedy: Remedy,
}

/// What of an app is changed to find out whether that would mend it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remedy {
    /// Components of which all calls are atomic.
    pub atomic: Vec<name::Component>,
    /// Whether routes recognize requests that come again.
    pub idempotency: bool,
}

/// How to make a bench.
#[derive(Debug, Default)]
pub struct Options<'a> {
    pub cache: Option<&'a Cache>,
    pub strict: bool,
}

/// What a call may use if neither its manifest nor its case says: some seconds of work.
pub const FUEL: u64 = 4_000_000_000;
/// How long a topic keeps its events, so that they can be looked at.
const KEEP: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Bench {
    /// Compiles and checks the app of a source, as `serve` would.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(source: &Source, options: &Options<'_>) -> Result<Self, Report> {
        let secrets = TestSecrets(BTreeMap::new());
        let mut loaded = load::load(
            source,
            &load::Options {
                cache: options.cache,
                strict: options.strict,
                metering: Metering::Exact,
                secrets: Some(&secrets),
                now: mecha_primitives::clock::Timestamp(0),
                progress: &Progress,
            },
        )?;
        let wrong = |error: &anyhow::Error| Report {
            problems: vec![manifest::Problem::error("", None, "components", format!("{error:#}"))],
            text: String::new(),
        };
        let mut linked = vec![];
        for (meta, component) in loaded.app.components.iter().zip(&loaded.components) {
            let alone = meta.links.is_empty().then(|| Micrologic::link(component, &[]));
            linked.push(alone.transpose().map_err(|error| wrong(&error))?);
        }
        adapt(&mut loaded.app);
        let manifest = match &source.kind {
            Kind::Manifest { file, text } => Some((file.clone(), text.clone())),
            Kind::Component { .. } => None,
        };
        let (metrics, remedy) = (Arc::new(Metrics::new()), Remedy::default());
        Ok(Self { loaded, linked, tests: vec![], metrics, manifest, remedy })
    }

    /// The same app with a remedy.
    #[must_use]
    pub fn with(&self, remedy: Remedy) -> Self {
        let Loaded { app, folder, components, bare, at, .. } = &self.loaded;
        let mut app = app.clone();
        remedy.apply(&mut app);
        let loaded = Loaded {
            app,
            folder: folder.clone(),
            components: components.clone(),
            bare: *bare,
            at: *at,
            warnings: Report::default(),
        };
        let (linked, metrics, manifest) = (self.linked.clone(), self.metrics.clone(), self.manifest.clone());
        Self { loaded, linked, tests: vec![], metrics, manifest, remedy }
    }

    /// The test component that is this file, if it is one.
    pub fn test(&self, file: &str) -> Option<&TestComponent> {
        self.tests.iter().find(|test| test.file == file)
    }

    /// The app as a case has it, if that is another than the manifest's.
    pub(super) fn app_of(&self, given: &Given) -> anyhow::Result<Option<App>> {
        if given.env.is_empty() && given.secrets.is_empty() {
            return Ok(None);
        }
        let mut app = self.loaded.app.clone();
        if let (Some((file, text)), false) = (&self.manifest, given.secrets.is_empty()) {
            let secrets = TestSecrets(given.secrets.iter().cloned().collect());
            let (again, _) = manifest::load(file, text, &secrets)
                .map_err(|problems| anyhow::anyhow!("{}", manifest::render(&problems[0], text)))?;
            app = again;
            adapt(&mut app);
            self.remedy.apply(&mut app);
        }
        for (name, values) in &given.env {
            let Some(meta) = app.components.iter_mut().find(|meta| meta.name == *name) else { continue };
            for (name, value) in values {
                let value = manifest::EnvValue::Plain(value.clone());
                meta.env.retain(|(known, _)| known != name);
                meta.env.push((name.clone(), value));
            }
        }
        Ok(Some(app))
    }
}

impl Remedy {
    fn apply(&self, app: &mut App) {
        for meta in &mut app.components {
            if self.atomic.contains(&meta.name) {
                meta.atomic = Atomic { default: true, runs: meta.atomic.runs, ..Atomic::default() };
                meta.routes.iter_mut().for_each(|route| route.atomic = true);
            }
            if self.idempotency {
                let recognizes = || Idempotency { caller: None, keep: KEEP_ANSWERS, required: false };
                meta.routes.iter_mut().for_each(|route| _ = route.idempotency.get_or_insert_with(recognizes));
            }
        }
    }
}

/// How long answers are kept for requests that come again.
const KEEP_ANSWERS: Duration = Duration::from_secs(24 * 3600);

/// What tests need of an app beside what it is: its events stay where they can be seen, and no call goes on for ever.
fn adapt(app: &mut App) {
    for topic in &mut app.topics {
        topic.keep = Some(KEEP);
    }
    for meta in &mut app.components {
        meta.limits.fuel.get_or_insert(FUEL);
    }
}

/// Secrets of the case; those that it does not give say what they are.
struct TestSecrets(BTreeMap<String, String>);

impl Secrets for TestSecrets {
    fn env(&self, name: &str) -> Option<String> {
        Some(self.0.get(name).cloned().unwrap_or_else(|| format!("test-{name}")))
    }

    fn file(&self, path: &str) -> Result<String, String> {
        Ok(self.0.get(path).cloned().unwrap_or_else(|| format!("test-{path}")))
    }
}
