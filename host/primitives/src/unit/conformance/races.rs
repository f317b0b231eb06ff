//! Laws: calls that run at the same time are as if they had run one after the other.

use tokio::sync::Barrier;

use super::*;

/// Hears how often a key was lost.
#[derive(Debug, Default)]
pub(super) struct Heard(std::sync::Mutex<Vec<Bytes>>);

impl Heard {
    pub(super) fn keys(&self) -> Vec<Bytes> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Heard {
    fn conflicted(&self, key: &[u8]) {
        self.0.lock().unwrap().push(Bytes::copy_from_slice(key));
    }
}

pub(super) fn transactions(fixture: &impl Fixture, heard: &Arc<Heard>, runs: u32) -> Arc<Transactions> {
    let options = Options { runs: std::num::NonZero::new(runs).unwrap(), ..Options::default() };
    let (clock, random) = (fixture.clock(), Arc::new(Seeded::new(1)));
    Arc::new(Transactions::new(fixture.engine(), clock, random, heard.clone(), options))
}

/// Lets others go on.
async fn pause(lots: u64) {
    for _ in 0..lots % 3 {
        tokio::task::yield_now().await;
    }
}

async fn number(unit: &Unit, name: &str) -> i64 {
    value_of(unit, name).await.map_or(0, |text| text.parse().unwrap())
}

async fn set(unit: &Unit, name: &str, number: i64) {
    commit(unit, [put(name, &number.to_string())]).await.unwrap();
}

const ACCOUNTS: u64 = 100;
const CALLERS: u64 = 32;

async fn sum(unit: &Unit) -> i64 {
    list(unit, &span("acc"), WHOLE).await.iter().map(|(_, value)| value.parse::<i64>().unwrap()).sum()
}

/// Moves one from an account to another; now and then it looks at all of them besides.
async fn transfer(unit: Unit, lots: (u64, u64, u64)) -> Run<()> {
    let (from, to, looks) = (lots.0 % ACCOUNTS, lots.1 % ACCOUNTS, lots.2.is_multiple_of(8));
    let names = [from, to].map(|account| format!("acc{account:02}"));
    if looks {
        assert_eq!(sum(&unit).await, 10_000, "in the middle of a call");
    }
    let balance = number(&unit, &names[0]).await;
    pause(lots.2).await;
    set(&unit, &names[0], balance - 1).await;
    let balance = number(&unit, &names[1]).await;
    pause(lots.0).await;
    set(&unit, &names[1], balance + 1).await;
    if looks {
        assert_eq!(sum(&unit).await, 10_000, "at the end of a call");
    }
    if lots.1.is_multiple_of(10) { Run::Discard(()) } else { Run::Keep(()) }
}

pub async fn transfers_keep_the_sum(fixture: &impl Fixture) {
    let (engine, deadline) = (fixture.engine(), fixture.clock().now() + 60 * SECOND);
    let accounts: Vec<_> = (0..ACCOUNTS).map(|account| put(&format!("acc{account:02}"), "100")).collect();
    commit(&*engine, accounts).await.unwrap();
    let bank = transactions(fixture, &Arc::default(), 5);
    let callers = (0..CALLERS).map(|caller| {
        let (bank, random) = (bank.clone(), Seeded::new(caller));
        tokio::spawn(async move {
            for _ in 0..15 {
                let lots = (random.next(), random.next(), random.next());
                match bank.run(deadline, |unit| transfer(unit, lots)).await {
                    Ok(()) | Err(Failed::Busy { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    // Who only looks, needs no unit.
    while !callers.iter().all(tokio::task::JoinHandle::is_finished) {
        let found = list(&*engine, &span("acc"), WHOLE).await;
        assert_eq!(found.iter().map(|(_, value)| value.parse::<i64>().unwrap()).sum::<i64>(), 10_000);
        tokio::task::yield_now().await;
    }
    for caller in callers {
        caller.await.unwrap();
    }
    assert_eq!(sum(&unit(fixture)).await, 10_000);
}

/// Runs the call of two callers so that both have read before one of them commits.
async fn both<F: Future<Output = Run<()>> + Send + 'static>(
    calls: &Arc<Transactions>,
    deadline: Timestamp,
    call: impl Fn(Unit, usize, Option<Arc<Barrier>>) -> F + Clone + Send + Sync + 'static,
) {
    let barrier = Arc::new(Barrier::new(2));
    let callers = [0, 1].map(|caller| {
        let (calls, call, mut first) = (calls.clone(), call.clone(), Some(barrier.clone()));
        tokio::spawn(async move { calls.run(deadline, |unit| call(unit, caller, first.take())).await })
    });
    for caller in callers {
        caller.await.unwrap().unwrap();
    }
}

pub async fn write_skew_does_not_occur(fixture: &impl Fixture) {
    let (engine, heard) = (fixture.engine(), Arc::new(Heard::default()));
    let (calls, deadline) = (transactions(fixture, &heard, 5), fixture.clock().now() + SECOND);
    for round in 1..=20 {
        commit(&*engine, [put("on0", "1"), put("on1", "1")]).await.unwrap();
        both(&calls, deadline, |unit, caller, first| async move {
            let on = number(&unit, "on0").await + number(&unit, "on1").await;
            if let Some(first) = first {
                first.wait().await;
            }
            if on == 2 {
                commit(&unit, [delete(&format!("on{caller}"))]).await.unwrap();
            }
            Run::Keep(())
        })
        .await;
        assert_eq!(list(&*engine, &span("on"), WHOLE).await.len(), 1, "both are off");
        assert_eq!(heard.keys().len(), round, "one was first, and the other was run again");
    }
}

pub async fn phantoms_do_not_occur(fixture: &impl Fixture) {
    let (engine, heard) = (fixture.engine(), Arc::new(Heard::default()));
    let (calls, deadline) = (transactions(fixture, &heard, 5), fixture.clock().now() + SECOND);
    for round in 1..=20 {
        let prefix = format!("room{round}/");
        let of_all = prefix.clone();
        both(&calls, deadline, move |unit, caller, first| {
            let prefix = of_all.clone();
            async move {
                let taken = list(&unit, &span(&prefix), WHOLE).await;
                if let Some(first) = first {
                    first.wait().await;
                }
                if taken.is_empty() {
                    commit(&unit, [put(&format!("{prefix}{caller}"), "mine")]).await.unwrap();
                }
                Run::Keep(())
            }
        })
        .await;
        assert_eq!(list(&*engine, &span(&prefix), WHOLE).await.len(), 1, "both have taken it");
        assert_eq!(heard.keys().len(), round, "one was first, and the other was run again");
    }
}

/// Many callers with many calls each. How many were done, and how many refused as busy.
async fn many<F: Future<Output = Run<()>> + Send>(
    fixture: &impl Fixture,
    calls: Arc<Transactions>,
    each: u64,
    call: impl Fn(Unit, String) -> F + Clone + Send + Sync + 'static,
) -> (usize, usize) {
    let deadline = fixture.clock().now() + 60 * SECOND;
    let callers = (0..CALLERS).map(|caller| {
        let (calls, call) = (calls.clone(), call.clone());
        tokio::spawn(async move {
            let (mut done, mut busy) = (0, 0);
            for number in 0..each {
                match calls.run(deadline, |unit| call(unit, format!("{caller:02}/{number:02}"))).await {
                    Ok(()) => done += 1,
                    Err(Failed::Busy { .. }) => busy += 1,
                    Err(other) => panic!("{other}"),
                }
            }
            (done, busy)
        })
    });
    let mut all = (0, 0);
    for caller in callers.collect::<Vec<_>>() {
        let (done, busy) = caller.await.unwrap();
        all = (all.0 + done, all.1 + busy);
    }
    all
}

pub async fn calls_for_one_key_take_turns(fixture: &impl Fixture) {
    let (heard, runs) = (Arc::new(Heard::default()), Acts::default());
    let (calls, counted) = (transactions(fixture, &heard, 5), runs.clone());
    let (done, busy) = many(fixture, calls, 50, move |unit, name| {
        counted.one()();
        async move {
            // What triggers a call is settled first.
            commit(&unit, [Change { expect: Some(Expect::Absent), ..put(&name, "settled") }]).await.unwrap();
            let found = number(&unit, "hot").await;
            pause(2).await;
            set(&unit, "hot", found + 1).await;
            Run::Keep(())
        }
    })
    .await;
    let runs = runs.done();
    assert_eq!(value_of(&*fixture.engine(), "hot").await, Some(done.to_string()));
    assert_eq!(done + busy, 1_600);
    assert!(busy <= 16, "{busy} calls were refused");
    assert!(runs <= 3 * 1_600, "{runs} runs");
    assert_eq!(heard.keys().len(), runs - done, "each run in vain is heard of");
    assert!(heard.keys().iter().all(|lost| *lost == key("hot")));
}

pub async fn calls_for_one_range_take_turns(fixture: &impl Fixture) {
    let calls = transactions(fixture, &Arc::default(), 5);
    let (done, busy) = many(fixture, calls, 5, |unit, name| async move {
        let taken = list(&unit, &span("place/"), WHOLE).await.len();
        pause(2).await;
        commit(&unit, [put(&format!("place/{name}"), &taken.to_string())]).await.unwrap();
        Run::Keep(())
    })
    .await;
    let found = list(&*fixture.engine(), &span("place/"), WHOLE).await;
    let mut places: Vec<usize> = found.iter().map(|(_, place)| place.parse().unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, (0..done).collect::<Vec<_>>(), "each has counted those before it");
    assert!(busy <= 2, "{busy} of 160 calls were refused");
}

pub async fn blind_additions_run_once(fixture: &impl Fixture) {
    let heard = Arc::new(Heard::default());
    let calls = transactions(fixture, &heard, 1);
    let (done, busy) = many(fixture, calls, 20, |unit, name| async move {
        commit(&unit, [add_blindly("n", 1)]).await.unwrap();
        pause(2).await;
        commit(&unit, [put(&name, "1"), add_blindly("n", 2)]).await.unwrap();
        Run::Keep(())
    })
    .await;
    assert_eq!((done, busy, heard.keys().len()), (640, 0, 0));
    assert_eq!(value_of(&*fixture.engine(), "n").await.as_deref(), Some("1920"));
}
