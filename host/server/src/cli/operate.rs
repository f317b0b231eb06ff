//! Asks about an app: the host that runs it if there is one, otherwise its data itself.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::Full;
use mecha_backends::memory;
use mecha_manifest::{self as manifest, App};
use mecha_primitives::{
    clock::Clock,
    commit::{Engine, Unobserved},
    name,
    random::Random,
};
use serde_json::Value;

use super::{build::NoSecrets, exit, say};
use crate::{
    clock::{Randomness, SystemClock},
    control::{Control, Question, Reply, socket},
    data::DataDir,
    dispatch::{Dispatcher, calls::Switchboard},
    files::{self, Kind},
    metrics::Metrics,
    shutdown::Shutdown,
    wire::{self, Engines},
};

/// Which app, and where its data are.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// A manifest, or a folder with one
    #[arg(long, value_name = "PATH", default_value = ".", global = true)]
    pub app: PathBuf,
    /// Where the app's data are. Default: `.mecha` beside the manifest
    #[arg(long, value_name = "DIR", global = true)]
    pub data: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
}

impl Which {
    /// The data directory.
    pub fn data(&self) -> anyhow::Result<PathBuf> {
        match &self.data {
            Some(data) => Ok(data.clone()),
            None => Ok(files::find(&self.app)?.folder.join(".mecha")),
        }
    }
}

/// What was asked for is not there, or cannot be: the machine is not to blame.
#[derive(Debug)]
struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// Runs a command that asks, and says what is in the way.
pub fn run(ask: impl AsyncFnOnce() -> anyhow::Result<u8>) -> u8 {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.context("cannot start the runtime").and_then(|runtime| runtime.block_on(ask())) {
        Ok(code) => code,
        Err(error) => {
            say(&error);
            let is_refused = error.downcast_ref::<Refused>().is_some();
            if is_refused { exit::APP } else { exit::MACHINE }
        }
    }
}

/// Whom to ask.
pub enum Operated {
    Running(PathBuf),
    /// The data are this process's own for as long as it asks.
    Stopped(Box<Own>),
}

/// An app whose host does not run.
pub struct Own {
    control: Control,
    engine: Option<mecha_backends::embedded::Engine>,
    /// Its lock is held as long as this lives.
    _data: Option<DataDir>,
}

impl Operated {
    /// Finds out whether a host runs the app.
    /// If something is to be kept, the data directory is made.
    pub async fn find(which: &Which, is_kept: bool) -> anyhow::Result<Self> {
        let data = which.data()?;
        if is_running(&data).await? {
            return Ok(Self::Running(data));
        }
        let app = manifest(&which.app)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let random = Arc::new(Randomness::from_system());
        let (directory, engine) =
            match (wire::keeps_events(&app) || wire::keeps_answers(&app)) && (is_kept || data.exists()) {
                false => (None, None),
                true => {
                    let directory = DataDir::open(&data)?;
                    let tenant = name::Tenant::default();
                    let engine =
                        directory.engine(&tenant, clock.clone(), Arc::new(Unobserved), Default::default());
                    engine.open().await?;
                    (Some(directory), Some(engine))
                }
            };
        let memory: Arc<dyn Engine> = Arc::new(memory::Engine::new(clock.clone()));
        let embedded = match &engine {
            Some(engine) => Arc::new(engine.clone()) as Arc<dyn Engine>,
            // Nothing was ever kept: as empty as memory.
            None => memory.clone(),
        };
        let engines = Engines { embedded: Some(embedded), memory };
        let lots: Arc<dyn Random> = random.clone();
        let (events, _) = wire::events(&app, &engines, (&clock, &lots))?;
        let events = Arc::new(events);
        events.look(&app.name).await?;
        let dispatcher = Dispatcher {
            clock: clock.clone(),
            random,
            metrics: Arc::new(Metrics::new()),
            shutdown: Shutdown::default(),
        };
        let board = Arc::new(Switchboard::new(dispatcher));
        let control = Control {
            app: app.name,
            events,
            board,
            conflicts: Arc::default(),
            clock,
            random: lots,
            serves: false,
        };
        Ok(Self::Stopped(Box::new(Own { control, engine, _data: directory })))
    }

    pub async fn ask(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> anyhow::Result<Reply> {
        match self {
            Self::Running(data) => {
                ask_running(data, method, path, query, HeaderMap::new(), Bytes::new()).await
            }
            Self::Stopped(own) => {
                let question = Question {
                    method,
                    path: path.iter().map(|&part| part.to_owned()).collect(),
                    query: query.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
                    headers: HeaderMap::new(),
                    body: Bytes::new(),
                };
                Ok(own.control.answer(&question).await)
            }
        }
    }

    /// As [`ask`](Self::ask), where anything but JSON and success is an error.
    pub async fn know(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> anyhow::Result<Value> {
        let reply = self.ask(method, path, query).await?;
        let value: Value = serde_json::from_slice(&reply.body).context("the host answered no JSON")?;
        if !reply.status.is_success() {
            let why = value["error"].as_str().unwrap_or("the host refused").to_owned();
            return Err(Refused(why).into());
        }
        Ok(value)
    }

    /// Closes what this process had opened.
    pub async fn close(self) {
        if let Self::Stopped(own) = self
            && let Some(engine) = &own.engine
        {
            engine.close().await;
        }
    }
}

/// Whether a host answers over the data directory's socket.
pub async fn is_running(data: &Path) -> anyhow::Result<bool> {
    let request = Request::builder().uri("/").body(Full::default())?;
    Ok(socket::ask(data, request).await?.is_some())
}

/// Asks a host that runs.
pub async fn ask_running(
    data: &Path,
    method: Method,
    path: &[&str],
    query: &[(&str, &str)],
    headers: HeaderMap,
    body: Bytes,
) -> anyhow::Result<Reply> {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let path: Vec<_> = path.iter().map(|part| encode(part)).collect();
    let query: Vec<_> =
        query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let uri = format!("/{}?{}", path.join("/"), query.join("&"));
    let mut request =
        Request::builder().method(method).uri(uri).header("host", "localhost").body(Full::new(body))?;
    request.headers_mut().extend(headers);
    let answer = socket::ask(data, request).await.context("the host does not answer")?;
    let (status, content_type, body) = answer.context("the host has just ended")?;
    Ok(Reply { status, content_type, body })
}

/// What the manifest says. Its components do not matter here, nor its secrets.
fn manifest(path: &Path) -> anyhow::Result<App> {
    let source = files::find(path)?;
    let Kind::Manifest { file, text } = &source.kind else {
        bail!("{} is a component: name a manifest, or a folder with one", path.display());
    };
    match manifest::load(file, text, &NoSecrets) {
        Ok((app, _)) => Ok(app),
        Err(problems) => {
            let text: String =
                problems.iter().map(|problem| manifest::render(problem, text) + "\n").collect();
            bail!("the manifest is wrong\n{text}")
        }
    }
}

/// Whether the reply is a success, for a command's code.
#[must_use]
pub fn code(status: StatusCode) -> u8 {
    if status.is_success() { exit::OK } else { exit::APP }
}
