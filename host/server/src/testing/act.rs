//! Carries out the steps of a case, as somebody outside would.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use mecha_manifest::{
    InputKind,
    suite::{Action, Data, Event, Input, Invoke, Request},
};
use mecha_primitives::{
    clock::Timestamp,
    invoke,
    jobs::{self, Jobs, Scheduler as _, schedule_account},
    name,
    pubsub::{
        Message, Publisher as _,
        event::{Defaults, Draft},
    },
};
use mecha_runtime::imports::event_id;

use super::{
    outside::bytes,
    recorder::traceparent,
    seen::{InvokeError, Invoked, Reply},
    world::World,
};

/// Steps of a case at the most, those within others counted.
pub const STEPS: usize = 10_000;

/// How long the wait for a file to be taken lasts at the most: the folder is looked at each second.
const TAKEN: Duration = Duration::from_secs(60);

/// Bytes of a body in one piece, on their way in.
const PIECE: usize = 16 << 10;

impl World {
    /// Carries out one step and gives what whoever does that gets. `number` tells steps apart.
    ///
    /// # Errors
    /// If it cannot be carried out at all: that is the case's mistake.
    pub async fn act(&self, action: &Action, number: usize) -> anyhow::Result<Reply> {
        match action {
            Action::Request(request) => self.request(request, number).await,
            Action::Event(event) => self.event(event, number).await.map(|()| Reply::None),
            // And with it everything that is due before.
            Action::Tick(schedule) => {
                self.clock.sleep_until(self.due(schedule).await?).await;
                Ok(Reply::None)
            }
            Action::Input(input) => self.input(input).await.map(|()| Reply::None),
            Action::Invoke(invoke) => self.invoke(invoke, number).await,
            Action::Wait(time) => {
                let until = self.clock.now() + *time;
                self.clock.sleep_until(until).await;
                Ok(Reply::None)
            }
            Action::AtOnce(_) => Ok(Reply::None),
        }
    }

    async fn request(&self, meant: &Request, number: usize) -> anyhow::Result<Reply> {
        let request = request(meant, number)?;
        let (parts, mut body) = self.http.answer(request).await.into_parts();
        let mut read = vec![];
        let whole = loop {
            match body.frame().await {
                Some(Ok(frame)) => read.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Some(Err(_)) => break Err(Bytes::from(read)),
                None => break Ok(Bytes::from(read)),
            }
        };
        self.recorder.answering(number, &self.app.components[0].name).await;
        Ok(Reply::Http { status: parts.status, headers: parts.headers, body: whole })
    }

    async fn event(&self, meant: &Event, number: usize) -> anyhow::Result<()> {
        let topic = self.events.topic(&meant.topic).context("there is no such topic")?;
        let declared = self.app.topics.iter().find(|topic| topic.name == meant.topic);
        let kind = declared.map_or("event", |topic| topic.event_type.as_str());
        let json = matches!(meant.data, Some(Data::Json(_))).then(|| "application/json".to_owned());
        let draft = Draft {
            id: meant.id.clone(),
            source: meant.source.clone(),
            kind: meant.kind.clone(),
            subject: meant.subject.clone(),
            time: None,
            content_type: meant.content_type.clone().or(json),
            schema: None,
            extensions: meant.extensions.clone(),
            data: meant.data.as_ref().map(bytes),
        };
        let id = event_id(&*self.dispatcher.random);
        let trace = traceparent(number);
        let (source, time) = (SOURCE, self.clock.now());
        let event = draft
            .complete(&Defaults { id: &id, source, kind, time, traceparent: Some(&trace) })
            .map_err(|wrong| anyhow::anyhow!("this is no event: {wrong}"))?;
        let key = event.extension("partitionkey").filter(|key| !key.is_empty()).map(Arc::from);
        self.outside.publishes(&meant.topic, event.source(), event.id());
        let recognizable = meant.id.is_some();
        let message = Message { key, recognizable, ..Message::new(event) };
        let outcomes = topic.publish(vec![message], self.clock.now() + Duration::from_secs(10)).await;
        for outcome in outcomes {
            outcome.with_context(|| format!("the topic `{}` refused the event", meant.topic))?;
        }
        Ok(())
    }

    /// When a schedule is due next.
    pub(super) async fn due(&self, schedule: &name::Schedule) -> anyhow::Result<Timestamp> {
        let engine = self.engines.embedded.clone().context("there is no storage")?;
        let account = schedule_account(&self.app.name, schedule);
        let options = jobs::Options { lease: Duration::ZERO, retry: Default::default(), max_bytes: None };
        let lots = self.dispatcher.random.clone();
        let jobs = Jobs::new(engine, self.clock.clone(), lots, account, options);
        let status = jobs.get(schedule.as_str()).await?;
        Ok(status.with_context(|| format!("the schedule `{schedule}` is never due again"))?.next_run)
    }

    /// A file appears in the folder of an input, and is waited for.
    async fn input(&self, meant: &Input) -> anyhow::Result<()> {
        let folder = self.folder_of(meant)?;
        folder.write(&meant.file, bytes(&meant.content)).context("the file cannot be written")?;
        self.taken(meant).await
    }

    /// Waits until a file is taken away, or gives up.
    pub(super) async fn taken(&self, meant: &Input) -> anyhow::Result<()> {
        let folder = self.folder_of(meant)?;
        let until = self.clock.now() + TAKEN;
        while self.clock.now() < until && folder.exists(&meant.file) {
            self.stirred.notify_waiters();
            self.clock.sleep_until(self.clock.now() + Duration::from_millis(250)).await;
        }
        Ok(())
    }

    fn folder_of(&self, meant: &Input) -> anyhow::Result<cap_std::fs::Dir> {
        let found = self.app.inputs.iter().find(|input| input.name == meant.input);
        let found = found.context("there is no such input")?;
        let InputKind::File(meta) = &found.kind else {
            anyhow::bail!("the input `{}` is a webhook: send it a `request`", meant.input);
        };
        let root = self.folder.as_ref().context("there is no folder")?;
        crate::wire::bindings::open(root, &meta.directory.value)
    }

    async fn invoke(&self, meant: &Invoke, number: usize) -> anyhow::Result<Reply> {
        let target = self.board.target(&meant.component).context("there is no such component")?;
        let json = matches!(meant.data, Some(Data::Json(_))).then(|| "application/json".to_owned());
        let request = invoke::Request {
            method: meant.method.clone(),
            data: meant.data.as_ref().map(bytes).unwrap_or_default(),
            content_type: meant.content_type.clone().or(json),
            metadata: vec![],
        };
        let options = invoke::Options { timeout: None, idempotency_key: meant.idempotency_key.clone() };
        let trace = traceparent(number);
        let answer = self.board.call_directly(target, request, options, Some(&trace)).await;
        self.recorder.answering(number, &meant.component).await;
        Ok(Reply::Invoked(match answer {
            Ok(response) => Ok(Invoked { data: response.data, content_type: response.content_type }),
            Err(invoke::Error::Fault(fault)) => {
                Err(InvokeError { kind: fault.kind.as_str().to_owned(), message: fault.message })
            }
            Err(error) => {
                Err(InvokeError { kind: error.class().as_str().to_owned(), message: error.to_string() })
            }
        }))
    }
}

/// Where events of the case come from, if it does not say.
const SOURCE: &str = "/test";

fn request(meant: &Request, number: usize) -> anyhow::Result<http::Request<Pieces>> {
    let body = meant.body.as_ref().map(bytes);
    let mut request = http::Request::builder().method(meant.method.as_str()).uri(&meant.target);
    let headers = request.headers_mut().context("the target is no path and no URL")?;
    for (name, value) in &meant.headers {
        let name = HeaderName::try_from(name).context("the name of a header")?;
        headers.append(name, HeaderValue::try_from(value).context("the value of a header")?);
    }
    let mut lacking = |name: HeaderName, value: &str| -> anyhow::Result<()> {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::try_from(value)?);
        }
        Ok(())
    };
    lacking(header::HOST, "localhost")?;
    lacking(HeaderName::from_static("traceparent"), &traceparent(number))?;
    if let Some(body) = &body {
        lacking(header::CONTENT_LENGTH, &body.len().to_string())?;
        if matches!(meant.body, Some(Data::Json(_))) {
            lacking(header::CONTENT_TYPE, "application/json")?;
        }
    }
    let request = request.body(Pieces::new(&body.unwrap_or_default()))?;
    let whole = request.uri().authority().map(|authority| authority.as_str().to_owned());
    Ok(with_host(request, whole))
}

/// A whole URL names the host.
fn with_host(mut request: http::Request<Pieces>, authority: Option<String>) -> http::Request<Pieces> {
    let headers: &mut HeaderMap = request.headers_mut();
    if let Some(value) = authority.and_then(|authority| HeaderValue::try_from(authority).ok()) {
        headers.insert(header::HOST, value);
    }
    request
}

/// A body that comes in pieces of one size, each when it is asked for.
struct Pieces(VecDeque<Bytes>);

impl Pieces {
    fn new(whole: &Bytes) -> Self {
        Self(whole.chunks(PIECE).map(|piece| whole.slice_ref(piece)).collect())
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}
