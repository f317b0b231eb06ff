//! One who moves money: sends each transfer until it is answered, however often the host dies meanwhile.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::bail;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{sync::watch, time::sleep};

use crate::{
    books::Transfer,
    http::{Answer, Client},
};

/// The host that is running, and the how manyth it is. `None`: it is dead.
pub type Running = Option<(u32, SocketAddr)>;

/// What all customers share.
#[derive(Debug)]
pub struct Crowd {
    pub client: Client,
    pub host: watch::Receiver<Running>,
    pub accounts: Vec<String>,
    /// No further transfer is begun.
    pub closed: AtomicBool,
    /// How many were answered with success.
    pub made: AtomicU64,
}

/// What a customer remembers of its day.
#[derive(Debug, Default)]
pub struct Day {
    /// What was answered with success.
    pub made: Vec<Transfer>,
    /// How many were refused, for the account held too little.
    pub refused: u64,
    /// How many requests had no answer, or one that asked to try again, and were sent again.
    pub sent_again: u64,
    /// How many answers were asked for again, after a kill.
    pub asked_again: u64,
    /// The keys whose second answer was not the first.
    pub other_answers: Vec<String>,
}

impl Day {
    /// Adds what another customer remembers.
    pub fn add(&mut self, other: Self) {
        self.made.extend(other.made);
        self.refused += other.refused;
        self.sent_again += other.sent_again;
        self.asked_again += other.asked_again;
        self.other_answers.extend(other.other_answers);
    }
}

/// A request, and what it was answered with.
#[derive(Debug)]
struct Exchange {
    key: String,
    body: Value,
    answer: Answer,
    /// The host that answered.
    host: u32,
}

/// Moves money until the bank is closed.
///
/// # Errors
/// If an answer makes no sense.
pub async fn spend(crowd: Arc<Crowd>, name: u64) -> anyhow::Result<Day> {
    let mut rng = StdRng::seed_from_u64(name);
    let (mut day, mut last): (Day, Option<Exchange>) = Default::default();
    for number in 0_u64.. {
        if crowd.closed.load(Ordering::Relaxed) {
            break;
        }
        let body = choose(&mut rng, &crowd.accounts);
        let key = format!("customer-{name}-{number}");
        let done = until_answered(&crowd, key, body, &mut day).await?;
        if let Some(last) = last.filter(|last| last.host != done.host) {
            ask_again(&crowd, last, &mut day).await?;
        }
        match done.answer.status {
            201 => {
                day.made.push(Transfer::read(&done.answer.json(201)?)?);
                crowd.made.fetch_add(1, Ordering::Relaxed);
            }
            _ => day.refused += 1,
        }
        last = Some(done);
    }
    Ok(day)
}

fn choose(rng: &mut StdRng, accounts: &[String]) -> Value {
    let from = rng.random_range(0..accounts.len());
    let to = (from + rng.random_range(1..accounts.len())) % accounts.len();
    json!({ "from": accounts[from], "to": accounts[to], "amount": rng.random_range(1..=100_u64) })
}

/// Whoever has no answer does not know whether the transfer was made, and sends it again with the same key.
async fn until_answered(crowd: &Crowd, key: String, body: Value, day: &mut Day) -> anyhow::Result<Exchange> {
    let mut host = crowd.host.clone();
    loop {
        let Some((number, address)) = *host.wait_for(Option::is_some).await? else { continue };
        match crowd.client.post(address, "/transfers", Some(&key), &body).await {
            Ok(answer) if is_final(&answer) => return Ok(Exchange { key, body, answer, host: number }),
            // Busy, or a key that is still at work.
            Ok(answer) if answer.status >= 500 || answer.status == 409 => {}
            Ok(answer) => bail!("{key} was answered with {}: {:?}", answer.status, answer.body),
            Err(_) => {}
        }
        day.sent_again += 1;
        sleep(Duration::from_millis(10)).await;
    }
}

/// Whether this is the bank's own word: done, or too little money.
fn is_final(answer: &Answer) -> bool {
    let is_refused = || String::from_utf8_lossy(&answer.body).contains("holds");
    answer.status == 201 || answer.status == 409 && is_refused()
}

/// The key was answered by a host that was killed since: this one has to give the same answer.
async fn ask_again(crowd: &Crowd, first: Exchange, day: &mut Day) -> anyhow::Result<()> {
    let Exchange { key, body, answer, .. } = first;
    let second = until_answered(crowd, key, body, day).await?;
    day.asked_again += 1;
    if second.answer != answer {
        day.other_answers.push(second.key);
        // It was made once more: the money has moved, so the books have to know.
        if second.answer.status == 201 {
            day.made.push(Transfer::read(&second.answer.json(201)?)?);
        }
    }
    Ok(())
}
