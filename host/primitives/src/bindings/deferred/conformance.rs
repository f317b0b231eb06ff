//! One test for each law of [`Deferring`], which every engine runs.
//!
//! ```text
//! mod laws {
//!     mecha_primitives::deferred_conformance!(MyFixture::new());
//! }
//! ```
//!
//! The fixture is that of topics.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a law that fails panics, and says what broke")]

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::{Deferring, KEY, Outside, request};
use crate::{
    bindings::{Effect, Error, Key, Limited, Limits, MAX_METADATA, Operation, Output, Request, Response},
    clock::{Clock as _, ManualClock},
    delivery::{Outcome, Retry, Settled},
    identity::{CallId, Identity},
    pubsub::{
        conformance::Fixture,
        queue::{Delivery, Options as Way, Queue},
        topic::{Member, Options, Topic},
    },
    random::Seeded,
    unit::{Bounds, Unit},
};

/// Makes each law a test. The caller needs tokio with its multi-threaded runtime.
#[macro_export]
macro_rules! deferred_conformance {
    ($fixture:expr) => { $crate::deferred_conformance! { @laws test $fixture } };
    (@laws $then:ident $($with:tt)*) => {
        $crate::deferred_conformance! { @$then [$($with)*]
            what_is_put_off_comes_with_the_commit,
            a_call_that_is_thrown_away_puts_nothing_off,
            it_is_carried_out_as_it_was_asked_for,
            a_repetition_has_the_same_key,
            one_call_keeps_its_order,
            a_safe_operation_goes_at_once,
            what_would_be_refused_is_refused_in_the_call,
            what_cannot_wait_is_refused,
            what_is_outside_goes_at_once,
            a_plain_call_puts_nothing_off,
        }
    };
    (@names [] $($law:ident,)*) => { [$(stringify!($law)),*] };
    (@test [$fixture:expr] $($law:ident,)*) => {$(
        #[test]
        fn $law() {
            let runtime = ::tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
            runtime.expect("a runtime").block_on(async {
                let fixture = $fixture;
                $crate::bindings::deferred::conformance::$law(&fixture).await;
            });
        }
    )*};
}

const LEASE: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits { request: 4 << 20, response: 4 << 20 };

/// Remembers what it was asked for.
#[derive(Debug, Default)]
struct Upstream(Mutex<Vec<Request>>);

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("upstream")
    }
}

#[async_trait]
impl Output for Upstream {
    fn operations(&self) -> &'static [Operation] {
        const fn key(name: &'static str, required: bool) -> Key {
            Key { name, summary: "A key.", required }
        }
        const fn operation(name: &'static str, keys: &'static [Key], effect: Effect) -> Operation {
            Operation { name, summary: "An operation.", keys, effect }
        }
        const KEYS: &[Key] = &[key("path", true), key("header-*", false), key(KEY, false)];
        const PLAIN: &[Key] = &[key("path", true)];
        const OPERATIONS: &[Operation] = &[
            operation("get", PLAIN, Effect::Safe),
            operation("post", KEYS, Effect::Deferrable),
            operation("remove", PLAIN, Effect::Deferrable),
            operation("patch", PLAIN, Effect::Immediate),
        ];
        OPERATIONS
    }

    async fn invoke(&self, request: Request) -> Result<Response, Error> {
        self.0.lock().unwrap().push(request);
        Ok(Response { data: Some("answer".into()), ..Response::default() })
    }
}

/// An output with its outbox, as one process has them.
struct Process {
    clock: Arc<ManualClock>,
    topic: Arc<Topic>,
    queue: Queue,
    upstream: Arc<Upstream>,
    output: Arc<dyn Output>,
}

impl Process {
    /// With another number, another process.
    fn new(fixture: &impl Fixture, number: u64) -> Self {
        let (clock, random) = (fixture.clock(), Arc::new(Seeded::new(number << 32)));
        let by = || (clock.clone() as _, random.clone() as _);
        let (group, changed) = ("outbox".parse().unwrap(), Arc::new(Notify::new()));
        let member = Member { group, filter: None, ordered: true, changed: changed.clone() };
        let options = Options { max_event: 8 << 20, window: None, ..Options::default() };
        let app = "shop".parse().unwrap();
        let name = "outbox.mail".parse().unwrap();
        let topic = Arc::new(Topic::new(&app, name, fixture.engine(), by(), options, vec![member.clone()]));
        let way = Way { retry: Retry::default(), lease: LEASE, dead_letters: None };
        let queue = Queue::new(&topic, member.group, changed, way, number, by().0, by().1);
        let upstream = Arc::new(Upstream::default());
        let limited = Arc::new(Limited::new(upstream.clone(), LIMITS));
        let output = Arc::new(Deferring::new(limited, topic.clone(), clock.clone()));
        Self { clock, topic, queue, upstream, output }
    }

    /// The beginning of an atomic call.
    fn call(&self, id: u128) -> Call {
        self.call_of(id, &self.output)
    }

    fn call_of(&self, id: u128, output: &Arc<dyn Output>) -> Call {
        let unit = Unit::new(self.topic.engine().clone(), self.clock.now(), Bounds::default());
        let (tenant, app) = ("default".parse().unwrap(), "shop".parse().unwrap());
        let deadline = self.clock.now() + LEASE;
        let identity = Identity::new(tenant, app, "teller".parse().unwrap(), CallId(id), deadline);
        let output = output.over(&unit.engine(), &Arc::new(identity)).expect("it can have a part in a call");
        Call { unit, output }
    }

    /// What the system behind the output was asked for, in this order.
    fn asked(&self) -> Vec<Request> {
        self.upstream.0.lock().unwrap().clone()
    }

    async fn take(&self) -> Vec<Delivery> {
        self.queue.take(100).await.unwrap()
    }

    async fn settle(&self, delivery: &Delivery, outcome: Outcome) {
        let settled = self.queue.settle(delivery, outcome).await.unwrap();
        assert_ne!(settled, Settled::Stale);
    }
}

struct Call {
    unit: Unit,
    output: Arc<dyn Output>,
}

impl Call {
    /// Asks for what is put off.
    async fn defer(&self, request: Request) {
        let response = self.output.invoke(request).await.unwrap();
        assert_eq!(response, Response { deferred: true, ..Response::default() }, "it has no answer yet");
    }

    async fn refused(&self, request: Request) -> Error {
        self.output.invoke(request).await.unwrap_err()
    }

    async fn commit(self, process: &Process) {
        self.unit.commit(process.clock.now()).await.unwrap();
    }
}

fn ask(operation: &str, path: &str) -> Request {
    let metadata = vec![("path".to_owned(), path.to_owned())];
    Request { operation: operation.into(), metadata, ..Request::default() }
}

/// The paths of what was leased.
fn paths(deliveries: &[Delivery]) -> Vec<String> {
    let path = |delivery: &Delivery| request(&delivery.event.event).unwrap().get("path").unwrap().to_owned();
    deliveries.iter().map(path).collect()
}

fn key(delivery: &Delivery) -> String {
    request(&delivery.event.event).unwrap().get(KEY).unwrap().to_owned()
}

pub async fn what_is_put_off_comes_with_the_commit(fixture: &impl Fixture) {
    let process = Process::new(fixture, 1);
    let call = process.call(1);
    call.defer(ask("post", "a")).await;
    call.defer(ask("remove", "b")).await;
    assert!(process.take().await.is_empty(), "not before the commit");
    call.commit(&process).await;
    assert_eq!(paths(&process.take().await), ["a"]);
    assert!(process.asked().is_empty(), "the call itself did nothing");
}

pub async fn a_call_that_is_thrown_away_puts_nothing_off(fixture: &impl Fixture) {
    let process = Process::new(fixture, 1);
    let call = process.call(1);
    call.defer(ask("post", "never")).await;
    drop(call);
    let call = process.call(2);
    call.defer(ask("post", "1")).await;
    let nested = call.unit.savepoint();
    call.defer(ask("post", "undone")).await;
    drop(nested);
    call.commit(&process).await;
    let taken = process.take().await;
    assert_eq!(paths(&taken), ["1"]);
    process.settle(&taken[0], Outcome::Done).await;
    assert!(process.take().await.is_empty());
    assert!(process.asked().is_empty());
}

pub async fn it_is_carried_out_as_it_was_asked_for(fixture: &impl Fixture) {
    let process = Process::new(fixture, 1);
    let call = process.call(1);
    let whole = Request {
        data: (0..=255).cycle().take(4 << 20).collect::<Vec<u8>>().into(),
        content_type: Some("text/plain".into()),
        metadata: vec![
            ("header-b".into(), "é \"".into()),
            ("path".into(), "/a b".into()),
            (KEY.into(), "of the component".into()),
            ("header-a".into(), String::new()),
        ],
        timeout: Some(Duration::from_millis(1500)),
        ..ask("post", "")
    };
    call.defer(whole.clone()).await;
    call.commit(&process).await;
    let taken = process.take().await;
    assert!(request(&taken[0].event.event).unwrap() == whole, "the component's own key is kept");
}

pub async fn a_repetition_has_the_same_key(fixture: &impl Fixture) {
    let process = Process::new(fixture, 1);
    let mut keys = BTreeSet::new();
    for id in [1, 2] {
        let call = process.call(id);
        call.defer(ask("post", "a")).await;
        call.defer(ask("post", "a")).await;
        call.commit(&process).await;
    }
    let first = process.take().await;
    assert_eq!(paths(&first), ["a", "a"], "the first of each call");
    for (delivery, id) in first.iter().zip([1, 2]) {
        assert!(key(delivery).starts_with(&CallId(id).to_string()), "it is made of the call's id");
        keys.insert(key(delivery));
    }
    // The process ends, and nobody knows whether they were carried out.
    let next = Process::new(fixture, 2);
    next.queue.recover().await.unwrap();
    next.clock.advance(Duration::from_secs(600));
    let again = next.take().await;
    assert_eq!(again.iter().map(key).collect::<BTreeSet<_>>(), keys);
    for delivery in &again {
        assert_eq!(delivery.attempt, 2);
        next.settle(delivery, Outcome::Done).await;
    }
    keys.extend(next.take().await.iter().map(key));
    assert_eq!(keys.len(), 4, "each operation has a key of its own: {keys:?}");
}

pub async fn one_call_keeps_its_order(fixture: &impl Fixture) {
    let process = Process::new(fixture, 1);
    for (id, paths) in [(1, ["1a", "1b", "1c"]), (2, ["2a", "2b", "2c"])] {
        let call = process.call(id);
        for path in paths {
            call.defer(ask("post", path)).await;
        }
        call.commit(&process).await;
    }
    let taken = process.take().await;
    assert_eq!(paths(&taken), ["1a", "2a"], "calls are beside each other");
    let retry = Outcome::Retry { after: Some(LEASE), why: "busy".into() };
    process.settle(&taken[0], retry).await;
    process.settle(&taken[1], Outcome::Done).await;
    let taken = process.take().await;
    assert_eq!(paths(&taken), ["2b"], "the other call waits for its first");
    process.settle(&taken[0], Outcome::Done).await;
    process.clock.advance(LEASE);
    let mut order = vec![];
    loop {
        let taken = process.take().await;
        if taken.is_empty() {
            break;
        }
        for delivery in &taken {
            process.settle(delivery, Outcome::Done).await;
        }
        order.extend(paths(&taken));
    }
    order.sort_by_key(|path| path.starts_with('2'));
    assert_eq!(order, ["1a", "1b", "1c", "2c"]);
}

pub async fn a_safe_operation_goes_at_once(fixture: &impl Fixture) {
    let process = Process::new(fixture, 1);
    let call = process.call(1);
    let response = call.output.invoke(ask("get", "a")).await.unwrap();
    assert_eq!((response.data.as_deref(), response.deferred), (Some(&b"answer"[..]), false));
    assert_eq!(process.asked(), [ask("get", "a")]);
    call.commit(&process).await;
    assert!(process.take().await.is_empty());
}

pub async fn what_would_be_refused_is_refused_in_the_call(fixture: &impl Fixture) {
    let process = Process::new(fixture, 1);
    let call = process.call(1);
    let of = |metadata: &[(String, String)]| Request { metadata: metadata.to_vec(), ..ask("post", "a") };
    let entries = |count: usize| -> Vec<_> {
        let headers = (1..count).map(|n| (format!("header-{n}"), String::new()));
        [("path".to_owned(), "a".to_owned())].into_iter().chain(headers).collect()
    };
    // The host's own key would be one too many, and nobody is there to hear it when it is carried out.
    for metadata in [vec![], vec![("unknown".into(), "x".into())], entries(MAX_METADATA)] {
        let error = call.refused(of(&metadata)).await;
        assert!(matches!(error, Error::InvalidArgument(_)), "{error:?}");
    }
    let large = Request { data: vec![0; (4 << 20) + 1].into(), ..ask("post", "a") };
    assert_eq!(call.refused(large).await, Error::TooLarge(4 << 20));
    assert!(matches!(call.refused(ask("exec", "a")).await, Error::NoSuchOperation(_)));
    call.defer(of(&entries(MAX_METADATA - 1))).await;
    call.commit(&process).await;
    let taken = process.take().await;
    assert_eq!(taken.len(), 1);
    let limited = Limited::new(process.upstream.clone(), LIMITS);
    limited.invoke(request(&taken[0].event.event).unwrap()).await.unwrap();
}

pub async fn what_cannot_wait_is_refused(fixture: &impl Fixture) {
    let process = Process::new(fixture, 1);
    let call = process.call(1);
    let error = call.refused(ask("patch", "a")).await;
    assert!(matches!(&error, Error::AccessDenied(text) if text.contains("outside: allow")), "{error:?}");
    call.commit(&process).await;
    assert!(process.asked().is_empty() && process.take().await.is_empty());
}

pub async fn what_is_outside_goes_at_once(fixture: &impl Fixture) {
    let process = Process::new(fixture, 1);
    let outside: Arc<dyn Output> = Arc::new(Outside(process.upstream.clone()));
    let call = process.call_of(1, &outside);
    for operation in ["post", "patch", "get"] {
        let response = call.output.invoke(ask(operation, "a")).await.unwrap();
        assert!(response.data.is_some() && !response.deferred);
    }
    drop(call);
    assert_eq!(process.asked().len(), 3);
    assert!(process.take().await.is_empty());
}

pub async fn a_plain_call_puts_nothing_off(fixture: &impl Fixture) {
    let process = Process::new(fixture, 1);
    for operation in ["post", "patch"] {
        let response = process.output.invoke(ask(operation, "a")).await.unwrap();
        assert!(response.data.is_some() && !response.deferred);
    }
    assert_eq!(process.asked(), [ask("post", "a"), ask("patch", "a")]);
    assert!(process.take().await.is_empty());
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_law_in_the_table_is_tested() {
        let laws = include_str!("../deferred.rs").lines().filter_map(|line| {
            let (_, law) = line.strip_prefix("/// - ")?.rsplit_once(" `")?;
            law.strip_suffix('`')
        });
        assert_eq!(laws.collect::<Vec<_>>(), deferred_conformance! { @laws names });
    }
}
