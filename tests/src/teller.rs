//! The guest `teller`, as stories speak with it: scripts of host calls, and what is seen of them from outside.

use serde_json::{Value, json};

use crate::{
    client::{Client, Response},
    courier::World,
    host::until,
};

/// A component that is `teller.wasm`, on one of its routes.
#[derive(Debug, Clone, Copy)]
pub struct Teller {
    client: Client,
    name: Option<&'static str>,
    path: &'static str,
}

impl World {
    /// The component that answers on every path of no host in particular.
    #[must_use]
    pub fn teller(&self) -> Teller {
        Teller { client: self.host.client(), name: None, path: "/" }
    }

    /// The same on its route `/plain`, which is not atomic: it sees what everybody sees.
    #[must_use]
    pub fn plain(&self) -> Teller {
        Teller { path: "/plain", ..self.teller() }
    }

    /// What a key is for everybody.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<String> {
        self.plain().value(key)
    }

    /// Waits until a key has this value for everybody.
    pub fn wait_for_value(&self, key: &str, value: &str) {
        let mut found = None;
        for _ in 0..6000 {
            found = self.value(key);
            if found.as_deref() == Some(value) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("waited in vain: {key} should be {value}, and is {found:?}\n{}", self.host.log());
    }

    /// Calls of all components that go on.
    #[must_use]
    pub fn in_flight(&self, component: &str) -> f64 {
        self.host.metric("mecha_calls_in_flight", &[&format!("component=\"{component}\"")])
    }

    /// Waits until no call of a component goes on.
    pub fn wait_for_rest(&self, component: &str) {
        until(&format!("no call of {component} goes on"), || self.in_flight(component) == 0.0);
    }
}

impl Teller {
    /// The one whose routes are those of this host name.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name: Some(name), ..self }
    }

    /// The same on another route.
    #[must_use]
    pub fn at(self, path: &'static str) -> Self {
        Self { path, ..self }
    }

    /// Has a script carried out.
    #[must_use]
    pub fn call(&self, script: &[Value]) -> Response {
        self.call_with(&[], script)
    }

    /// As [`call`](Self::call), with these headers.
    #[must_use]
    pub fn call_with(&self, headers: &[(&str, &str)], script: &[Value]) -> Response {
        self.try_call(headers, script).unwrap_or_else(|error| panic!("{script:?}: {error}"))
    }

    /// # Errors
    /// If the host goes away meanwhile.
    pub fn try_call(&self, headers: &[(&str, &str)], script: &[Value]) -> std::io::Result<Response> {
        let mut headers = headers.to_vec();
        headers.extend(self.name.map(|name| ("host", name)));
        self.client.try_send("POST", self.path, &headers, json!(script).to_string())
    }

    /// Has a script carried out that succeeds, and gives what its steps gave.
    pub fn done(&self, script: &[Value]) -> Vec<Value> {
        let answer = self.call(script);
        assert_eq!(answer.status, 200, "{script:?}: {}", answer.text());
        answer.json().as_array().unwrap().clone()
    }

    /// What a key is here.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<String> {
        self.done(&[get(key)])[0].as_str().map(str::to_owned)
    }

    /// What is below a prefix, by key.
    #[must_use]
    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let listed = self.done(&[list(prefix)]);
        let listed = listed[0].as_array().unwrap();
        listed.iter().map(|pair| pair[0].as_str().unwrap().to_owned()).collect()
    }
}

#[must_use]
pub fn get(key: &str) -> Value {
    json!({ "do": "get", "key": key })
}

#[must_use]
pub fn peek(key: &str) -> Value {
    json!({ "do": "peek", "key": key })
}

#[must_use]
pub fn list(prefix: &str) -> Value {
    json!({ "do": "list", "prefix": prefix })
}

#[must_use]
pub fn set(key: &str, value: &str) -> Value {
    json!({ "do": "set", "key": key, "value": value })
}

#[must_use]
pub fn delete(key: &str) -> Value {
    json!({ "do": "delete", "key": key })
}

#[must_use]
pub fn add(key: &str, by: i64) -> Value {
    json!({ "do": "add", "key": key, "by": by })
}

/// Reads and writes, as plain code counts.
#[must_use]
pub fn increase(key: &str) -> Value {
    json!({ "do": "increase", "key": key })
}

#[must_use]
pub fn publish(topic: &str, script: &[Value]) -> Value {
    json!({ "do": "publish", "topic": topic, "data": script })
}

#[must_use]
pub fn schedule(name: &str, after_ms: u64, script: &[Value]) -> Value {
    json!({ "do": "schedule", "name": name, "after-ms": after_ms, "script": script })
}

#[must_use]
pub fn invoke(target: &str, script: &[Value]) -> Value {
    json!({ "do": "invoke", "target": target, "method": "run", "script": script })
}

/// Asks an output.
#[must_use]
pub fn output(name: &str, operation: &str, meta: Value, data: &str) -> Value {
    json!({ "do": "output", "name": name, "operation": operation, "meta": meta, "data": data })
}

/// Goes on if the step is refused.
#[must_use]
pub fn attempt(step: Value) -> Value {
    json!({ "do": "try", "step": step })
}

#[must_use]
pub fn answer(status: u16) -> Value {
    json!({ "do": "answer", "status": status })
}

#[must_use]
pub fn log(text: &str) -> Value {
    json!({ "do": "log", "text": text })
}

/// A step that takes nothing: `nack`, `trap`, `loop`, `context`, …
#[must_use]
pub fn just(step: &str) -> Value {
    json!({ "do": step })
}

/// Only in attempts before this one.
#[must_use]
pub fn before_attempt(number: u32, then: &[Value]) -> Value {
    json!({ "do": "if-attempt-below", "attempt": number, "then": then })
}
