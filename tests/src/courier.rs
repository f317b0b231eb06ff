//! The guest `courier`, as stories speak with it: what it publishes, calls and schedules, and what it was given.

use std::path::Path;

use serde_json::Value;

use crate::{
    client::{Client, Response},
    host::{App, Host, Output, mecha, output, until},
};

/// A host with an app, and the folder that its data lies in.
#[derive(Debug)]
pub struct World {
    pub host: Host,
    pub app: App,
}

impl World {
    #[must_use]
    pub fn new(manifest: &str) -> Self {
        Self::of(App::new(manifest))
    }

    #[must_use]
    pub fn of(app: App) -> Self {
        Self { host: app.serve(), app }
    }

    /// The component that answers on every path of no host in particular.
    #[must_use]
    pub fn courier(&self) -> Courier {
        Courier { client: self.host.client(), name: None }
    }

    /// The component whose routes are those of this host name.
    #[must_use]
    pub fn named(&self, name: &'static str) -> Courier {
        Courier { client: self.host.client(), name: Some(name) }
    }

    /// The same app, in a process that begins after this one has ended.
    #[must_use]
    pub fn restarted(self) -> Self {
        assert_eq!(self.host.stop().code(), Some(0));
        Self::of(self.app)
    }

    /// The same app, after `kill -9`.
    #[must_use]
    pub fn killed(self) -> Self {
        self.host.kill();
        Self::of(self.app)
    }

    /// The app of a host that has ended.
    #[must_use]
    pub fn stopped(self) -> App {
        assert_eq!(self.host.stop().code(), Some(0));
        self.app
    }

    /// What a command that asks about the app prints.
    pub fn ask(&self, args: &[&str]) -> Value {
        ask(self.app.path(), args)
    }

    /// Waits until the topic holds this many events.
    pub fn wait_for_events(&self, topic: &str, count: u64) {
        until(&format!("{topic} holds {count} events"), || self.topic(topic)["events"] == count);
    }

    /// How a topic stands.
    #[must_use]
    pub fn topic(&self, name: &str) -> Value {
        let topics = self.ask(&["topics"]);
        let found = topics["topics"].as_array().unwrap().iter().find(|topic| topic["topic"] == name);
        found.unwrap_or_else(|| panic!("no topic {name} in {topics}")).clone()
    }

    /// Waits until there are this many dead letters, and gives them.
    #[must_use]
    pub fn wait_for_letters(&self, count: usize) -> Vec<Value> {
        let mut letters = vec![];
        until(&format!("there are {count} dead letters"), || {
            letters = self.ask(&["dlq", "list"])["letters"].as_array().unwrap().clone();
            letters.len() == count
        });
        letters
    }
}

/// What a command that asks about an app prints, as JSON.
pub fn ask(app: &Path, args: &[&str]) -> Value {
    let Output { code, stdout, stderr } = asked(app, args);
    assert_eq!(code, Some(0), "{args:?}: {stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error} in {stdout:?}"))
}

/// As [`ask`], whatever comes of it.
#[must_use]
pub fn asked(app: &Path, args: &[&str]) -> Output {
    output(mecha(args).arg("--app").arg(app).arg("--json"))
}

/// A component that is `courier.wasm`.
#[derive(Debug, Clone, Copy)]
pub struct Courier {
    client: Client,
    name: Option<&'static str>,
}

impl Courier {
    /// Any request.
    #[must_use]
    pub fn send(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Response {
        self.try_send(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// # Errors
    /// If the host goes away meanwhile.
    pub fn try_send(&self, method: &str, path: &str, body: impl Into<Vec<u8>>) -> std::io::Result<Response> {
        let headers: Vec<_> = self.name.iter().map(|name| ("host", *name)).collect();
        self.client.try_send(method, path, &headers, body)
    }

    /// What a path shows.
    #[must_use]
    pub fn show(&self, path: &str) -> Value {
        let answer = self.send("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    #[must_use]
    pub fn publish(&self, topic: &str, message: &Value) -> Response {
        self.send("POST", &format!("/publish/{topic}"), message.to_string())
    }

    /// Publishes, and gives the event's id.
    pub fn published(&self, topic: &str, message: &Value) -> String {
        let answer = self.publish(topic, message);
        assert_eq!(answer.status, 200, "{message:.200}: {}", answer.text());
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Publishes all with one call, and gives an outcome for each.
    pub fn publish_many(&self, topic: &str, messages: &[Value]) -> Vec<Value> {
        let body = Value::from(messages.to_vec()).to_string();
        let answer = self.send("POST", &format!("/publish-many/{topic}"), body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json().as_array().unwrap().clone()
    }

    /// What a subscription's handler was given: a list of attempts for each event, by its id.
    #[must_use]
    pub fn seen(&self, subscription: &str) -> Value {
        self.show(&format!("/seen/{subscription}"))
    }

    /// Waits until the handler was given an event this often, and gives the attempts.
    #[must_use]
    pub fn attempts(&self, subscription: &str, id: &str, count: usize) -> Vec<Value> {
        let mut attempts = vec![];
        until(&format!("{subscription} was given {id} {count} times"), || {
            attempts = self.seen(subscription)[id].as_array().cloned().unwrap_or_default();
            attempts.len() >= count
        });
        attempts
    }

    /// Waits until the handler was given an event, and gives what it was given.
    #[must_use]
    pub fn given(&self, subscription: &str, id: &str) -> Value {
        self.attempts(subscription, id, 1).remove(0)
    }

    /// Waits until the handler was called this often.
    pub fn wait_for_count(&self, subscription: &str, count: u64) {
        until(&format!("{subscription} was called {count} times"), || self.count(subscription) >= count);
    }

    /// How often the handler was called.
    #[must_use]
    pub fn count(&self, subscription: &str) -> u64 {
        self.show(&format!("/count/{subscription}"))["count"].as_u64().unwrap()
    }

    /// Calls another component.
    #[must_use]
    pub fn call(&self, target: &str, method: &str, data: &Value) -> Response {
        self.send("POST", &format!("/call/{target}/{method}"), data.to_string())
    }

    /// Calls another component, which answers.
    #[must_use]
    pub fn called(&self, target: &str, method: &str, data: &Value) -> Value {
        let answer = self.call(target, method, data);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["ok"].clone()
    }

    /// Waits until a job's handler was called this often, and gives the runs.
    #[must_use]
    pub fn runs(&self, job: &str, count: usize) -> Vec<Value> {
        self.listed("/runs", job, count)
    }

    /// Waits until an input's handler was called this often, and gives what it was given.
    #[must_use]
    pub fn inputs(&self, binding: &str, count: usize) -> Vec<Value> {
        self.listed("/inputs", binding, count)
    }

    fn listed(&self, path: &str, name: &str, count: usize) -> Vec<Value> {
        let mut list = vec![];
        until(&format!("{path} of {name} are {count}"), || {
            list = self.show(path)[name].as_array().cloned().unwrap_or_default();
            list.len() >= count
        });
        list
    }
}
