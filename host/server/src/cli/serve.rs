//! `mecha-host serve`: from a path to HTTP.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use mecha_primitives::name;
use mecha_runtime::{call::Services, engine::Metering};
use tokio::net::TcpListener;

use super::{CacheArgs, exit};
use crate::{
    admin::Admin,
    apps::Apps,
    clock::{Randomness, SystemClock},
    control::{Control, socket},
    dispatch::Dispatcher,
    fault::Plan,
    files::Source,
    load::Loaded,
    metrics::Metrics,
    shutdown::Shutdown,
    summary,
    triggers::http::Http,
    wire::{Host, Wired, wire},
};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A component (.wasm or .wat), a manifest, or a folder with one
    path: PathBuf,
    /// Where to listen for HTTP; port 0 takes any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where to keep data. Default: `.mecha` beside the manifest or component
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to listen for /healthz, /readyz and /metrics. Default: nowhere
    #[arg(long, value_name = "ADDR")]
    admin: Option<SocketAddr>,
    /// How long calls in flight may take to finish after SIGTERM, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    grace: u64,
    /// Meter all calls: their fuel is logged and in /metrics, and limited only where the manifest says so
    #[arg(long)]
    meter: bool,
    /// Treat warnings about the app as errors
    #[arg(long)]
    strict: bool,
    /// Print problems, and the address when ready, as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    cache: CacheArgs,
    /// For tests: make the nth operation fail or crash the host, such as `state.set=crash@3`
    #[arg(long, hide = true, value_name = "OPERATION=ACTION[@N]")]
    fault: Vec<Plan>,
}

/// Serves until a signal ends it.
pub fn run(args: &Args) -> u8 {
    let metering = if args.meter { Metering::Fuel } else { Metering::None };
    let loaded = super::app_metered(&args.path, &args.cache, args.strict, args.json, metering);
    let (source, loaded) = match loaded {
        Ok(app) => app,
        Err(code) => return code,
    };
    summary::warnings(&loaded.warnings);
    let served = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // A guest that computes yields at each tick: look at the sockets after a few of those, not after 61.
        .event_interval(5)
        .build()
        .context("cannot start the runtime")
        .and_then(|runtime| {
            let served = runtime.block_on(serve(args, &source, loaded));
            // A name that is being looked up, or a file that hangs, must not keep the process.
            runtime.shutdown_timeout(Duration::from_secs(1));
            served
        });
    match served {
        Ok(()) => exit::OK,
        Err(error) => {
            summary::refused(&error, args.json);
            exit::MACHINE
        }
    }
}

async fn serve(args: &Args, source: &Source, loaded: Loaded) -> anyhow::Result<()> {
    more_files();
    let shutdown = Shutdown::at_signals().context("cannot listen to signals")?;
    let metrics = if args.meter { Metrics::new().telling_fuel() } else { Metrics::new() };
    let metrics = Arc::new(metrics);
    let random = Arc::new(Randomness::from_system());
    let clock = Arc::new(SystemClock);
    let services = Arc::new(Services {
        clock: clock.clone(),
        random: random.forks(),
        lots: random.clone(),
        observer: metrics.clone(),
        director: Plan::combined(&args.fault),
        virtual_time: false,
        upstream: None,
    });
    let data = args.data.clone().unwrap_or_else(|| source.folder.join(".mecha"));
    let tenant = name::Tenant::default();
    let dispatcher = Dispatcher {
        clock: clock.clone(),
        random: random.clone(),
        metrics: metrics.clone(),
        shutdown: shutdown.clone(),
    };
    let host = Host { services, dispatcher: dispatcher.clone(), tenant, data: &data };
    // Nothing listens before everything is wired.
    let Wired { live, data: lock, events, board, conflicts, pumps } = wire(&loaded, &host)?;
    let listener = listen(args.listen, "--listen").await?;
    let admin = match args.admin {
        Some(address) => Some(listen(address, "--admin").await?),
        None => None,
    };
    for engine in live.engines.values() {
        // Found out now rather than by the first request: a damaged file, or one of a newer host.
        engine.open().await?;
    }
    let app = loaded.app.name.clone();
    events.begin(&app).await?;
    pumps.begin().await?;
    summary::serving(&loaded, lock.is_some().then_some(&*data), args.json);
    let headers = loaded.app.components.iter().map(|component| component.limits.request_headers).max();
    drop(loaded);
    let apps = Arc::new(Apps::new(live));
    let control =
        Control { app, events, board, conflicts, clock: clock.clone(), random: random.clone(), serves: true };
    let control = Arc::new(control);
    if lock.is_some() {
        let socket = socket::listen(&data)
            .with_context(|| format!("cannot listen on a socket in {}", data.display()))?;
        tokio::spawn(socket::serve(socket, control.clone()));
    }
    pumps.start(&shutdown);
    if let Some(admin) = admin {
        summary::admin(admin.local_addr()?);
        let server = Admin { apps: apps.clone(), metrics, shutdown: shutdown.clone(), control };
        tokio::spawn(server.run(admin));
    }
    let headers = usize::try_from(headers.unwrap_or_default()).unwrap_or(usize::MAX);
    let http = Http { apps: apps.clone(), dispatcher, shutdown: shutdown.clone(), headers };
    summary::listening(listener.local_addr()?, args.json);
    let grace = Duration::from_secs(args.grace);
    let drained = http.run(listener, grace).await;
    if !shutdown.finish(grace.saturating_sub(drained)).await {
        tracing::warn!(grace = args.grace, "some calls did not finish within the grace period");
    }
    apps.live_owned().close().await;
    drop(lock);
    tracing::info!("ended");
    Ok(())
}

async fn listen(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow!(
            "{address} is in use by another process; name another address with {flag}, or port 0 for any free one"
        ),
        _ => anyhow!("cannot listen on {address} ({flag}): {error}"),
    })
}

/// Raises the soft limit of open files to the hard one: each connection needs one.
fn more_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "cannot raise the limit of open files");
    }
}
