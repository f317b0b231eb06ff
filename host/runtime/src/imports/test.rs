//! `mecha:test/app`: the app that a test component tests. Whoever runs the test drives it.

use std::sync::Arc;

use async_trait::async_trait;
use wasmtime::{
    Result as Answered,
    component::{HasSelf, Linker},
};

use crate::{
    bindings::mecha::test::app,
    call::{Call, Data},
};

pub use app::{
    Answer, AnswerError, CalleeCall, Disturbance, Event, Failure, Fault, Given, Invocation, Job, Line,
    Message, OutputCall, Reply, Request, Response, SentRequest, Strike, Timing, Upstream, Usage, Variable,
};

/// The interface, without its version.
pub const INTERFACE: &str = "mecha:test/app";

/// What is wrong with the test itself is a text; it is no answer of the app.
pub type Told<T> = Result<T, String>;

/// Drives an app under test. `wit/test` says what each function does.
#[async_trait]
pub trait Driver: Send + Sync + 'static {
    async fn begin(&self, given: Given) -> Told<()>;
    async fn send(&self, request: Request) -> Told<Response>;
    async fn send_at_once(&self, requests: Vec<Request>) -> Told<Vec<Response>>;
    async fn publish(&self, message: Message) -> Told<()>;
    async fn tick(&self, schedule: String) -> Told<()>;
    async fn put_file(&self, input: String, name: String, content: Vec<u8>) -> Told<()>;
    async fn invoke(&self, invocation: Invocation) -> Told<Result<Reply, Fault>>;
    async fn wait(&self, ms: u64) -> Told<()>;
    async fn now(&self) -> u64;
    async fn read_state(&self, store: String, key: String) -> Told<Option<Vec<u8>>>;
    async fn write_state(&self, store: String, key: String, value: Vec<u8>) -> Told<()>;
    async fn delete_state(&self, store: String, key: String) -> Told<()>;
    async fn list_state(&self, store: String, prefix: String) -> Told<Vec<(String, Vec<u8>)>>;
    async fn events(&self, topic: String) -> Told<Vec<Event>>;
    async fn jobs(&self, component: String) -> Told<Vec<Job>>;
    async fn answer_output(
        &self,
        output: String,
        operation: Option<String>,
        answer: Result<Answer, AnswerError>,
        timing: Timing,
    ) -> Told<()>;
    async fn answer_requests(&self, upstream: Upstream) -> Told<()>;
    async fn answer_calls(
        &self,
        component: String,
        method: Option<String>,
        answer: Result<Answer, AnswerError>,
        timing: Timing,
    ) -> Told<()>;
    async fn output_calls(&self, output: String) -> Told<Vec<OutputCall>>;
    async fn sent_requests(&self) -> Vec<SentRequest>;
    async fn callee_calls(&self, component: String) -> Told<Vec<CalleeCall>>;
    async fn disturb(&self, disturbance: Disturbance) -> Told<()>;
    async fn lines(&self) -> Vec<Line>;
    async fn failures(&self) -> Vec<Failure>;
    async fn used(&self) -> Usage;
    /// The test ends here, and has failed.
    async fn fail(&self, why: String);
}

pub(crate) fn link(linker: &mut Linker<Data>) -> Answered<()> {
    app::add_to_linker::<_, HasSelf<Data>>(linker, |data| data)
}

fn driver(call: &Call) -> Answered<Arc<dyn Driver>> {
    match &call.shared.driver {
        Some(tested) => Ok(tested.0.clone()),
        None => Err(wasmtime::Error::msg("there is no app yet: the cases are only asked for their names")),
    }
}

impl app::Host for Data {
    async fn begin(&mut self, given: Given) -> Answered<Told<()>> {
        Ok(driver(&self.call)?.begin(given).await)
    }

    async fn send(&mut self, request: Request) -> Answered<Told<Response>> {
        Ok(driver(&self.call)?.send(request).await)
    }

    async fn send_at_once(&mut self, requests: Vec<Request>) -> Answered<Told<Vec<Response>>> {
        Ok(driver(&self.call)?.send_at_once(requests).await)
    }

    async fn publish(&mut self, message: Message) -> Answered<Told<()>> {
        Ok(driver(&self.call)?.publish(message).await)
    }

    async fn tick(&mut self, schedule: String) -> Answered<Told<()>> {
        Ok(driver(&self.call)?.tick(schedule).await)
    }

    async fn put_file(&mut self, input: String, name: String, content: Vec<u8>) -> Answered<Told<()>> {
        Ok(driver(&self.call)?.put_file(input, name, content).await)
    }

    async fn invoke(&mut self, invocation: Invocation) -> Answered<Told<Result<Reply, Fault>>> {
        Ok(driver(&self.call)?.invoke(invocation).await)
    }

    async fn wait(&mut self, ms: u64) -> Answered<Told<()>> {
        Ok(driver(&self.call)?.wait(ms).await)
    }

    async fn now(&mut self) -> Answered<u64> {
        Ok(driver(&self.call)?.now().await)
    }

    async fn read_state(&mut self, store: String, key: String) -> Answered<Told<Option<Vec<u8>>>> {
        Ok(driver(&self.call)?.read_state(store, key).await)
    }

    async fn write_state(&mut self, store: String, key: String, value: Vec<u8>) -> Answered<Told<()>> {
        Ok(driver(&self.call)?.write_state(store, key, value).await)
    }

    async fn delete_state(&mut self, store: String, key: String) -> Answered<Told<()>> {
        Ok(driver(&self.call)?.delete_state(store, key).await)
    }

    async fn list_state(&mut self, store: String, prefix: String) -> Answered<Told<Vec<(String, Vec<u8>)>>> {
        Ok(driver(&self.call)?.list_state(store, prefix).await)
    }

    async fn events(&mut self, topic: String) -> Answered<Told<Vec<Event>>> {
        Ok(driver(&self.call)?.events(topic).await)
    }

    async fn jobs(&mut self, component: String) -> Answered<Told<Vec<Job>>> {
        Ok(driver(&self.call)?.jobs(component).await)
    }

    async fn answer_output(
        &mut self,
        output: String,
        operation: Option<String>,
        answer: Result<Answer, AnswerError>,
        timing: Timing,
    ) -> Answered<Told<()>> {
        Ok(driver(&self.call)?.answer_output(output, operation, answer, timing).await)
    }

    async fn answer_requests(&mut self, upstream: Upstream) -> Answered<Told<()>> {
        Ok(driver(&self.call)?.answer_requests(upstream).await)
    }

    async fn answer_calls(
        &mut self,
        component: String,
        method: Option<String>,
        answer: Result<Answer, AnswerError>,
        timing: Timing,
    ) -> Answered<Told<()>> {
        Ok(driver(&self.call)?.answer_calls(component, method, answer, timing).await)
    }

    async fn output_calls(&mut self, output: String) -> Answered<Told<Vec<OutputCall>>> {
        Ok(driver(&self.call)?.output_calls(output).await)
    }

    async fn sent_requests(&mut self) -> Answered<Vec<SentRequest>> {
        Ok(driver(&self.call)?.sent_requests().await)
    }

    async fn callee_calls(&mut self, component: String) -> Answered<Told<Vec<CalleeCall>>> {
        Ok(driver(&self.call)?.callee_calls(component).await)
    }

    async fn disturb(&mut self, disturbance: Disturbance) -> Answered<Told<()>> {
        Ok(driver(&self.call)?.disturb(disturbance).await)
    }

    async fn lines(&mut self) -> Answered<Vec<Line>> {
        Ok(driver(&self.call)?.lines().await)
    }

    async fn failures(&mut self) -> Answered<Vec<Failure>> {
        Ok(driver(&self.call)?.failures().await)
    }

    async fn used(&mut self) -> Answered<Usage> {
        Ok(driver(&self.call)?.used().await)
    }

    async fn fail(&mut self, why: String) -> Answered<()> {
        driver(&self.call)?.fail(why).await;
        Err(wasmtime::Error::msg("the test has failed"))
    }
}
