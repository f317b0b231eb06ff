//! Calls a component's `wasi:http/incoming-handler`.
//!
//! The guest runs inside the connection's own task until it has answered. Most have ended by then; one that
//! goes on, to make its body, is given a task of its own. A connection that is gone ends the guest in the middle.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Method, Request, Response, header::CONTENT_LENGTH};
use http_body::Body;
use mecha_primitives::identity::Identity;
use tokio::sync::oneshot;
use tokio_util::task::AbortOnDropHandle;
use wasmtime_wasi_http::{
    WasiHttpView as _,
    p2::{bindings::http::types::Scheme, body::HyperOutgoingBody},
};

use super::panic_text;
use crate::{
    fault::{Fault, Kind},
    micrologic::{Micrologic, Running},
};

/// The interface, without its version.
pub const INTERFACE: &str = "wasi:http/incoming-handler";

mod body;
mod whole;

pub use body::GuestBody;
pub use whole::handle_whole;

type Error = wasmtime_wasi_http::Error;

/// Told once how the call ended, after its last byte. A call that is dropped ended as cancelled.
pub struct Ending(Option<Told>);

type Told = Box<dyn FnOnce(Result<(), Fault>) + Send>;

impl Ending {
    pub fn new(told: impl FnOnce(Result<(), Fault>) + Send + 'static) -> Self {
        Self(Some(Box::new(told)))
    }

    fn tell(mut self, outcome: Result<(), Fault>) {
        if let Some(told) = self.0.take() {
            told(outcome);
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(told) = self.0.take() {
            told(Err(Fault::new(Kind::Cancelled, "nobody waits for the answer any more")));
        }
    }
}

/// A guest that goes on after the head of its answer.
type Guest = AbortOnDropHandle<Result<(), Kind>>;

/// Calls the handler and waits for the head of its answer. The body is made while it is read.
///
/// # Errors
/// The kind of fault that ended the call before it had answered; `ending` has heard the rest.
pub async fn handle<B>(
    micrologic: &Micrologic,
    identity: Arc<Identity>,
    request: Request<B>,
    ending: Ending,
) -> Result<Response<GuestBody>, Kind>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Error>,
{
    let is_head = request.method() == Method::HEAD;
    let (sender, mut answer) = oneshot::channel();
    let store = match micrologic.store(identity) {
        Ok(store) => store,
        Err(error) => {
            ending.tell(Err(host_fault(&error)));
            return Err(Kind::Host);
        }
    };
    let outcome = store.data().end.outcome();
    let mut call = Box::pin(run(micrologic.clone(), store, request, sender, ending));
    let (head, guest) = tokio::select! {
        biased;
        ended = &mut call => {
            ended?;
            (answer.try_recv().map_err(|_| Kind::NoAnswer)?, None)
        }
        head = &mut answer => match head {
            // From here on the guest has a task of its own: a client that does not read must not keep it from
            // its deadline.
            Ok(head) => (head, Some(AbortOnDropHandle::new(tokio::spawn(call)))),
            // The guest gave the answer back unused, and will end now.
            Err(_) => return Err(call.await.err().unwrap_or(Kind::NoAnswer)),
        },
    };
    let response = head.map_err(|_| Kind::NoAnswer)?;
    let promised = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    Ok(response.map(|body| {
        let body = GuestBody::new(guest, outcome, body, promised);
        if is_head { body.headless() } else { body }
    }))
}

type Answer = Result<Response<HyperOutgoingBody>, wasmtime_wasi_http::p2::bindings::http::types::ErrorCode>;

async fn run<B>(
    micrologic: Micrologic,
    store: Running,
    request: Request<B>,
    sender: oneshot::Sender<Answer>,
    ending: Ending,
) -> Result<(), Kind>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Error>,
{
    let left = store.data().call.identity.deadline.since(micrologic.now());
    let answered = Arc::new(Mutex::new(None));
    let call = AssertUnwindSafe(call(&micrologic, store, request, sender, answered.clone())).catch_unwind();
    let outcome = match tokio::time::timeout(left, call).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Err(Fault::new(Kind::Host, panic_text(&*panic))),
        Err(_) => Err(Fault::new(Kind::Deadline, format!("not done after {left:?}"))),
    };
    let kind = outcome.as_ref().err().map(|fault| fault.kind);
    ending.tell(outcome);
    kind.map_or(Ok(()), Err)
}

async fn call<B>(
    micrologic: &Micrologic,
    mut store: Running,
    request: Request<B>,
    sender: oneshot::Sender<Answer>,
    answered: Arc<Mutex<Option<Answered>>>,
) -> Result<(), Fault>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Error>,
{
    let proxy =
        micrologic.http().ok_or_else(|| Fault::new(Kind::Host, "the component exports no HTTP handler"))?;
    let flag = answered.clone();
    let told = move |answer: Answer| {
        let kind =
            answer.as_ref().map_or_else(|code| Answered::Error(format!("{code:?}")), |_| Answered::Response);
        *flag.lock().unwrap_or_else(PoisonError::into_inner) = Some(kind);
        // Nobody listens if the connection is gone.
        _ = sender.send(answer);
    };
    let mut http = store.data_mut().http();
    let request =
        http.new_incoming_request(Scheme::Http, request).map_err(|error| host_fault(&error.into()))?;
    let out = http.new_response_outparam_from_callback(told).map_err(|error| host_fault(&error.into()))?;
    let done = async {
        let instance = proxy.instantiate_async(&mut *store).await?;
        instance.wasi_http_incoming_handler().call_handle(&mut *store, request, out).await
    };
    if let Err(error) = done.await {
        return Err(Fault::of(&error, store.data()));
    }
    match answered.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(Answered::Response) => {
            store.data().end.well();
            Ok(())
        }
        Some(Answered::Error(code)) => {
            Err(Fault::new(Kind::NoAnswer, format!("the handler answered with {code}")))
        }
        None => Err(Fault::new(Kind::NoAnswer, "the handler returned without an answer")),
    }
}

/// What a handler has answered.
enum Answered {
    Response,
    /// One of wasi:http's error codes.
    Error(String),
}

fn host_fault(error: &anyhow::Error) -> Fault {
    Fault::new(Kind::Host, format!("{error:?}"))
}
