//! Carries out steps, one after the other.
#![allow(clippy::disallowed_methods, reason = "in a guest, std's files are the host's")]

use std::{fs, hint, process, thread, time::Duration};

use mecha_guest::{
    bindings::{self, Output},
    context,
    events::{Message, Topic},
    invoke::{self, Target},
    jobs::{self, Job},
    json::{self, Value, json},
    state::{Options, Store},
    wasi::random::random::get_random_bytes,
};

use crate::{fetch::fetch, refusal::Refusal, step::Step};

/// How a script ends, if it does not just end.
#[derive(Debug)]
pub enum End {
    Answer { status: u16, size: Option<usize>, then: Vec<Step>, after: Vec<Step> },
    Nack,
    Reject,
    Fault,
}

/// What steps gave, each its own value.
#[derive(Debug, Default)]
pub struct Done {
    pub results: Vec<Value>,
    pub end: Option<End>,
}

pub fn carry_out(steps: &[Step], attempt: u32) -> Result<Done, Refusal> {
    let mut done = Done::default();
    for step in steps {
        match one(step, attempt)? {
            Told::Value(value) => done.results.push(value),
            Told::Inner(inner) => {
                done.results.push(Value::from(inner.results));
                done.end = inner.end;
            }
            Told::End(end) => done.end = Some(end),
        }
        if done.end.is_some() {
            break;
        }
    }
    Ok(done)
}

enum Told {
    Value(Value),
    Inner(Done),
    End(End),
}

impl<T: Into<Value>> From<T> for Told {
    fn from(value: T) -> Self {
        Self::Value(value.into())
    }
}

#[expect(clippy::print_stderr, reason = "the log is how a story sees that a step was done")]
fn one(step: &Step, attempt: u32) -> Result<Told, Refusal> {
    let main = || Store::open("main");
    let inner = |holds: bool, then: &[Step]| match holds {
        true => carry_out(then, attempt).map(Told::Inner),
        false => Ok(Value::Null.into()),
    };
    Ok(match step {
        Step::Get { store, key } => text(&Store::open(store)?, key)?.into(),
        Step::Peek { key } => main()?.peek(key)?.and_then(|item| String::from_utf8(item.value).ok()).into(),
        Step::Exists { key } => main()?.exists(key)?.into(),
        Step::Etag { key } => main()?.get(key)?.map(|item| item.etag.as_str().to_owned()).into(),
        Step::List { prefix, limit } => list(prefix, *limit)?.into(),
        Step::Set { store, key, value, if_match } => set(store, key, value, if_match.as_deref())?.into(),
        Step::Create { key, value } => {
            main()?.set_with(key, value.as_str(), Options::new().if_absent())?;
            Value::Null.into()
        }
        Step::SetLarge { key, size } => {
            main()?.set(key, vec![b'x'; *size])?;
            Value::Null.into()
        }
        Step::SetMany { prefix, count } => {
            let store = main()?;
            for n in 0..*count {
                store.set(&format!("{prefix}{n:06}"), "x")?;
            }
            Value::Null.into()
        }
        Step::Delete { key } => {
            main()?.delete(key)?;
            Value::Null.into()
        }
        Step::Add { key, by } => {
            main()?.add(key, *by)?;
            Value::Null.into()
        }
        Step::Increment { key, by } => main()?.increment(key, *by)?.into(),
        Step::Increase { key } => {
            let next = number(&main()?, key)? + 1;
            main()?.set(key, next.to_string())?;
            next.into()
        }
        Step::IncreaseGuarded { key } => increase_guarded(&main()?, key)?.into(),
        Step::Move { from, to, amount } => {
            let store = main()?;
            let (left, more) = (number(&store, from)? - amount, number(&store, to)? + amount);
            store.set(from, left.to_string())?;
            store.set(to, more.to_string())?;
            json!([left, more]).into()
        }
        Step::IfEqual { keys, then } => {
            let store = main()?;
            let mut equal = true;
            for (key, value) in keys {
                equal &= text(&store, key)?.as_ref() == Some(value);
            }
            inner(equal, then)?
        }
        Step::IfCount { prefix, count, then } => {
            let found = list(prefix, None)?;
            inner(found.len() == *count, then)?
        }
        Step::IfAttemptBelow { attempt: least, then } => inner(attempt < *least, then)?,
        Step::Try { step } => one(step, attempt).unwrap_or_else(|refusal| refusal.shown().into()),
        Step::Publish { topic, data, id, key, ttl_ms, delay_ms } => {
            let mut message = Message::json("teller.script", data)?;
            if let Some(id) = id {
                message = message.id(id);
            }
            if let Some(key) = key {
                message = message.key(key);
            }
            if let Some(ms) = ttl_ms {
                message = message.ttl(Duration::from_millis(*ms));
            }
            if let Some(ms) = delay_ms {
                message = message.delay(Duration::from_millis(*ms));
            }
            Topic::open(topic)?.publish(&message)?.into()
        }
        Step::Schedule { name, after_ms, script, replace } => {
            let job = Job::after(name, Duration::from_millis(*after_ms)).json(script)?;
            match replace {
                true => job.replace()?,
                false => job.schedule()?,
            }
            Value::Null.into()
        }
        Step::Cancel { name } => {
            jobs::cancel(name)?;
            Value::Null.into()
        }
        Step::Jobs {} => jobs::list("")?.into_iter().map(|job| job.job.name).collect::<Vec<_>>().into(),
        Step::Invoke { target, method, script, timeout_ms } => {
            let mut request = invoke::Request::json(method, script)?;
            if let Some(ms) = timeout_ms {
                request = request.timeout(Duration::from_millis(*ms));
            }
            json::from_slice::<Value>(&Target::open(target)?.call(&request)?.data)?.into()
        }
        Step::Output { name, operation, meta, data } => {
            let mut request = bindings::Request::text(operation, data);
            for (key, value) in meta {
                request = request.meta(key, value);
            }
            let answer = Output::open(name)?.invoke(&request)?;
            json!({ "deferred": answer.deferred, "data": answer.text() }).into()
        }
        Step::Fetch { method, url } => fetch(method, url)?.into(),
        Step::WriteFile { path, text } => {
            fs::write(path, text)?;
            Value::Null.into()
        }
        Step::Context {} => known().into(),
        Step::Random {} => {
            get_random_bytes(8).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
        }
        Step::Log { text } => {
            eprintln!("{text}");
            Value::Null.into()
        }
        Step::Wait { ms } => {
            thread::sleep(Duration::from_millis(*ms));
            Value::Null.into()
        }
        Step::Answer { status, size, then, after } => {
            let (then, after) = (then.clone(), after.clone());
            Told::End(End::Answer { status: *status, size: *size, then, after })
        }
        Step::Nack {} => Told::End(End::Nack),
        Step::Reject {} => Told::End(End::Reject),
        Step::Fault {} => Told::End(End::Fault),
        Step::Trap {} => process::abort(),
        Step::Loop {} => loop {
            hint::black_box(());
        },
        Step::Exit {} => process::exit(3),
    })
}

fn text(store: &Store, key: &str) -> Result<Option<String>, Refusal> {
    Ok(store.get(key)?.and_then(|item| String::from_utf8(item.value).ok()))
}

/// What is absent counts as nothing.
fn number(store: &Store, key: &str) -> Result<i64, Refusal> {
    Ok(text(store, key)?.and_then(|text| text.parse().ok()).unwrap_or(0))
}

fn increase_guarded(store: &Store, key: &str) -> Result<i64, Refusal> {
    loop {
        let found = store.get(key)?;
        let text = found.as_ref().and_then(|item| item.text()).unwrap_or("0");
        let next = text.parse::<i64>().unwrap_or(0) + 1;
        let options = match &found {
            Some(item) => Options::new().if_match(&item.etag),
            None => Options::new().if_absent(),
        };
        match store.set_with(key, next.to_string(), options) {
            Ok(_) => return Ok(next),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn list(prefix: &str, limit: Option<u32>) -> Result<Vec<Value>, Refusal> {
    let store = Store::open("main")?;
    let scan = store.scan(prefix);
    let entries = match limit {
        Some(limit) => scan.limit(limit).page()?.entries,
        None => scan.into_iter().collect::<Result<_, _>>()?,
    };
    Ok(entries.iter().map(|entry| json!([entry.key, entry.item.text()])).collect())
}

fn set(store: &str, key: &str, value: &str, if_match: Option<&str>) -> Result<String, Refusal> {
    let store = Store::open(store)?;
    let options = match if_match {
        Some(etag) => Options::new().if_match(&etag.to_owned().into()),
        None => Options::new(),
    };
    Ok(store.set_with(key, value, options)?.as_str().to_owned())
}

fn known() -> Value {
    let call = context::current();
    json!({
        "id": call.id,
        "atomic": call.atomic,
        "attempt": call.attempt,
        "component": call.component,
        "caller": call.caller,
        "idempotency-key": call.idempotency_key,
    })
}
