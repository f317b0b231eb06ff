//! Outputs, and what comes in by webhooks and ingress.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context as _, anyhow};
use cap_std::{ambient_authority, fs::Dir};
use http::{HeaderMap, HeaderName, HeaderValue};
use mecha_backends::{file, http as upstream, log};
use mecha_manifest::{self as manifest, App, EnvValue, InputKind, LogLevel, OutputKind};
use mecha_primitives::{
    bindings::{
        Limited, Limits, Output,
        signature::{Encoding, Verifier},
    },
    name,
    pubsub::topic::Topic,
};
use mecha_runtime::call::Services;

use super::meta_of;
use crate::{
    apps::Target,
    dispatch::Dispatcher,
    triggers::{
        ingress::Ingress,
        sink::Sink,
        webhook::{Signature, Webhook},
    },
};

/// The app's outputs, by name.
pub(super) fn outputs(
    app: &App,
    folder: &Path,
    services: &Services,
    doubles: &BTreeMap<name::Binding, Arc<dyn Output>>,
) -> anyhow::Result<BTreeMap<name::Binding, Arc<dyn Output>>> {
    let made = |meta: &manifest::Output| match doubles.get(&meta.name) {
        Some(double) => Ok(double.clone()),
        None => output(meta, folder, services),
    };
    app.outputs.iter().map(|meta| Ok((meta.name.clone(), made(meta)?))).collect()
}

fn output(output: &manifest::Output, folder: &Path, services: &Services) -> anyhow::Result<Arc<dyn Output>> {
    let name = output.name.as_str();
    let limits = Limits::default();
    Ok(match &output.kind {
        OutputKind::File { directory } => {
            let output = file::Output::new(open(folder, &directory.value)?, name, limits.response);
            Arc::new(Limited::new(Arc::new(output), limits))
        }
        OutputKind::Http(meta) => {
            let base = upstream::Base::parse(&meta.url.to_string()).context("the URL of an output")?;
            let headers = meta.headers.iter().map(|(name, value)| secret(name, value));
            let options = upstream::Options {
                base,
                headers: headers.collect::<Result<_, _>>()?,
                timeout: meta.timeout,
                retry: meta.retry,
                max_response: usize::try_from(meta.max_response).unwrap_or(usize::MAX),
            };
            let client = upstream::Client::new(meta.private).context("cannot set TLS up")?;
            let (clock, random) = (services.clock.clone(), services.lots.clone());
            let output = upstream::Output::new(name, options, client, clock, random);
            Arc::new(Limited::new(Arc::new(output), limits))
        }
        OutputKind::Log { level } => {
            let level = match level {
                LogLevel::Error => log::Level::Error,
                LogLevel::Warn => log::Level::Warn,
                LogLevel::Info => log::Level::Info,
                LogLevel::Debug => log::Level::Debug,
            };
            Arc::new(Limited::new(Arc::new(log::Output::new(name, level)), limits))
        }
    })
}

fn secret(name: &str, value: &EnvValue) -> anyhow::Result<(HeaderName, HeaderValue)> {
    upstream::secret_header(name, value.expose()).map_err(|wrong| anyhow!("the header `{name}`: {wrong}"))
}

/// Opens a folder of the app.
///
/// # Errors
/// If it is not there, or cannot be opened.
pub fn open(folder: &Path, directory: &str) -> anyhow::Result<Dir> {
    let path = folder.join(directory);
    Dir::open_ambient_dir(&path, ambient_authority())
        .with_context(|| format!("cannot open the folder {}", path.display()))
}

/// What posts events to a URL.
pub(super) fn sink(meta: &manifest::Sink) -> anyhow::Result<Sink> {
    let headers = meta.headers.iter().map(|(name, value)| secret(name, value));
    Ok(Sink {
        url: meta.url.to_string(),
        headers: headers.collect::<Result<HeaderMap, _>>()?,
        structured: meta.mode == manifest::SinkMode::Structured,
        timeout: meta.timeout,
        client: Arc::new(upstream::Client::new(meta.private).context("cannot set TLS up")?),
    })
}

pub(super) fn ingress(app: &App, meta: &manifest::Topic, topic: Arc<Topic>, services: &Services) -> Ingress {
    Ingress {
        app: app.name.clone(),
        topic,
        default_type: meta.event_type.clone(),
        clock: services.clock.clone(),
        random: services.lots.clone(),
        room: Default::default(),
    }
}

/// The webhook of an input, if it is one.
pub(super) fn webhook<'a>(
    app: &App,
    input: &'a manifest::Input,
    target: Arc<Target>,
    dispatcher: &Dispatcher,
) -> anyhow::Result<Option<(&'a manifest::Route, Webhook)>> {
    let InputKind::Http(meta) = &input.kind else { return Ok(None) };
    let signature = meta.signature.as_ref().map(|signed| -> anyhow::Result<Signature> {
        let encoding = match signed.encoding {
            manifest::Encoding::Hex => Encoding::Hex,
            manifest::Encoding::Base64 => Encoding::Base64,
        };
        let tolerance = signed.timestamp.as_ref().map(|time| time.tolerance);
        let secret = signed.secret.expose().as_bytes();
        Ok(Signature {
            verifier: Verifier::new(secret, &signed.prefix, encoding, tolerance)
                .map_err(|_| anyhow!("the secret of the webhook `{}` is empty", input.name))?,
            header: signed.header.clone(),
            timestamp: signed.timestamp.as_ref().map(|time| time.header.clone()),
        })
    });
    let webhook = Webhook {
        dispatcher: dispatcher.clone(),
        name: input.name.clone(),
        atomic: meta_of(app, &target.component).is_some_and(|meta| input.is_atomic(meta)),
        target,
        signature: signature.transpose()?,
        id: meta.id.clone(),
        room: Default::default(),
    };
    Ok(Some((&meta.route, webhook)))
}
