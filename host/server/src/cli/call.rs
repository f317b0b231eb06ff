//! `mecha-host call`: calls a method of a component, as somebody outside of the app.

use std::{io::Write as _, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use mecha_primitives::name;
use mecha_runtime::call::Services;

use super::{CacheArgs, exit, operate};
use crate::{
    clock::{Randomness, SystemClock},
    control::{Control, Question, Reply},
    dispatch::Dispatcher,
    files,
    load::Loaded,
    metrics::Metrics,
    shutdown::Shutdown,
    wire::{Host, Wired, wire},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A manifest, or a folder with one
    app: PathBuf,
    /// The component; it must let `outside` call it (`callers`)
    component: String,
    /// The method
    method: String,
    /// What to send: a text, or `@FILE`, or `-` for standard input
    #[arg(long, short, default_value = "")]
    data: String,
    /// The media type of the data
    #[arg(long, default_value = "application/json")]
    content_type: String,
    /// By which a repeated call can be recognized
    #[arg(long)]
    idempotency_key: Option<String>,
    /// Where the app's data are. Default: `.mecha` beside the manifest
    #[arg(long = "data-dir", value_name = "DIR")]
    directory: Option<PathBuf>,
    #[command(flatten)]
    cache: CacheArgs,
}

/// Asks the host that runs the app; without one, the component is called in this process.
pub fn run(args: &Args) -> u8 {
    let data = match data(&args.data) {
        Ok(data) => data,
        Err(error) => {
            super::say(&error);
            return exit::APP;
        }
    };
    let directory = match &args.directory {
        Some(directory) => Ok(directory.clone()),
        None => files::find(&args.app).map(|source| source.folder.join(".mecha")),
    };
    let directory = match directory {
        Ok(directory) => directory,
        Err(error) => {
            super::say(&error);
            return exit::APP;
        }
    };
    operate::run(async || {
        let reply = match operate::is_running(&directory).await? {
            true => {
                let path = ["invoke", &args.component, &args.method];
                operate::ask_running(&directory, Method::POST, &path, &[], headers(args)?, data).await?
            }
            false => {
                let loaded = super::app(&args.app, &args.cache, false, false);
                let Ok((_, loaded)) = loaded else { return Ok(exit::APP) };
                here(args, &loaded, &directory, data).await?
            }
        };
        tell(&reply);
        Ok(operate::code(reply.status))
    })
}

fn headers(args: &Args) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers
        .insert(header::CONTENT_TYPE, HeaderValue::try_from(&args.content_type).context("--content-type")?);
    if let Some(key) = &args.idempotency_key {
        headers.insert("idempotency-key", HeaderValue::try_from(key).context("--idempotency-key")?);
    }
    Ok(headers)
}

fn data(text: &str) -> anyhow::Result<Bytes> {
    match text {
        "-" => {
            let mut data = vec![];
            std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut data).context("standard input")?;
            Ok(data.into())
        }
        text => match text.strip_prefix('@') {
            Some(file) => {
                Ok(files::read(file.as_ref()).with_context(|| format!("cannot read {file}"))?.into())
            }
            None => Ok(Bytes::copy_from_slice(text.as_bytes())),
        },
    }
}

/// Calls the component in this process.
async fn here(
    args: &Args,
    loaded: &Loaded,
    directory: &std::path::Path,
    data: Bytes,
) -> anyhow::Result<Reply> {
    let (clock, random) = (Arc::new(SystemClock), Arc::new(Randomness::from_system()));
    let metrics = Arc::new(Metrics::new());
    let services = Arc::new(Services {
        clock: clock.clone(),
        random: random.forks(),
        lots: random.clone(),
        observer: metrics.clone(),
        director: None,
        virtual_time: false,
        upstream: None,
    });
    let dispatcher =
        Dispatcher { clock: clock.clone(), random: random.clone(), metrics, shutdown: Shutdown::default() };
    let host = Host { services, dispatcher, tenant: name::Tenant::default(), data: directory };
    let Wired { live, data: _lock, events, board, conflicts, .. } = wire(loaded, &host)?;
    for engine in live.engines.values() {
        engine.open().await?;
    }
    events.begin(&loaded.app.name).await?;
    let control =
        Control { app: loaded.app.name.clone(), events, board, conflicts, clock, random, serves: false };
    let question =
        Question { method: Method::POST, path: vec![], query: vec![], headers: headers(args)?, body: data };
    let reply = control.invoke(&args.component, &args.method, &question).await;
    live.close().await;
    Ok(reply)
}

/// The answer goes to stdout as it is, an error to stderr.
fn tell(reply: &Reply) {
    if reply.status.is_success() {
        // Whoever does not read to the end does not want to be told.
        let mut out = std::io::stdout().lock();
        _ = out.write_all(&reply.body);
        if !reply.body.ends_with(b"\n") {
            _ = out.write_all(b"\n");
        }
        return;
    }
    let text = String::from_utf8_lossy(&reply.body);
    let told: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let told = told.as_ref().and_then(|told| match (&told["fault"], &told["error"]) {
        (serde_json::Value::String(kind), _) => Some(format!(
            "the component reported a fault ({kind}): {}",
            told["message"].as_str().unwrap_or_default()
        )),
        (_, serde_json::Value::String(error)) => Some(error.clone()),
        _ => None,
    });
    super::say(&anyhow::anyhow!("{}", told.as_deref().unwrap_or(text.trim_end())));
}
