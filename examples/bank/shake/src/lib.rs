//! Shakes a bank: many customers move money, while its host is killed and started again. Then the books are read.
//!
//! - [`host`]: the process that is killed.
//! - [`customer`]: who moves money, and sends again what was not answered.
//! - [`books`]: what is right in the end, as a pure function.

pub mod books;
pub mod customer;
pub mod host;
pub mod http;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    books::{Books, Fault},
    customer::{Crowd, Day, Running, spend},
    host::{Host, Start},
    http::Client,
};

/// What is done to the bank.
#[derive(Debug, Clone)]
pub struct Plan {
    pub customers: u64,
    pub accounts: u64,
    /// What each account holds at first.
    pub each: u64,
    pub kills: u32,
    /// How long the customers have between two kills; in truth half of it to one and a half.
    pub between: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    pub day: Day,
    /// How often the sum was read.
    pub readings: u64,
    /// What it was where it was wrong.
    pub wrong_sums: Vec<u64>,
    /// What is wrong in the books.
    pub faults: Vec<Fault>,
}

/// Opens the accounts, lets the customers in, kills the host again and again, closes the bank and reads its books.
///
/// # Errors
/// If the host fails in another way than by being killed.
pub async fn shake(start: &Start, plan: &Plan, mut tell: impl FnMut(&str)) -> anyhow::Result<Report> {
    let mut host = start.host().await?;
    let mut report = Report::default();
    let mut rng = StdRng::seed_from_u64(0);
    let bank = Bank::open(&host, plan).await?;
    tell(&format!("{} accounts of {} each at http://{}", plan.accounts, plan.each, host.address));
    let mut customers: JoinSet<_> = (0..plan.customers).map(|name| spend(bank.crowd.clone(), name)).collect();
    for kill in 1..=plan.kills {
        bank.watch(&host, plan.between.mul_f64(rng.random_range(0.5..1.5)), &mut report).await?;
        bank.host.send_replace(None);
        host.kill().await?;
        host = start.host().await?;
        let sum = bank.sum(&host, &mut report).await?;
        bank.host.send_replace(Some((kill, host.address)));
        let made = bank.crowd.made.load(Ordering::Relaxed);
        tell(&format!("kill {kill:>3}: the sum is {sum} after {made} transfers"));
    }
    bank.watch(&host, plan.between, &mut report).await?;
    bank.crowd.closed.store(true, Ordering::Relaxed);
    while let Some(day) = customers.join_next().await {
        report.day.add(day??);
    }
    tell("the bank is closed; the ledger writes down what is still on its way");
    settled(start).await?;
    let sum = bank.sum(&host, &mut report).await?;
    tell(&format!("at the end: the sum is {sum} after {} transfers", report.day.made.len()));
    report.faults = bank.books(&host).await?.audit(plan.each, &report.day.made);
    Ok(report)
}

impl Report {
    /// Whether money, transfers and answers are all as they should be.
    #[must_use]
    pub fn is_right(&self) -> bool {
        self.wrong_sums.is_empty() && self.day.other_answers.is_empty() && self.faults.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Day { made, refused, sent_again, asked_again, other_answers } = &self.day;
        writeln!(f, "{} transfers were made, {refused} refused for want of money", made.len())?;
        writeln!(f, "{sent_again} requests were sent again, for they had no answer")?;
        writeln!(
            f,
            "{asked_again} answers were asked for again after a kill; {} were others than before",
            other_answers.len()
        )?;
        writeln!(f, "{} readings of the sum; {} were wrong", self.readings, self.wrong_sums.len())?;
        writeln!(f, "{} faults in the books", self.faults.len())?;
        for fault in self.faults.iter().take(10) {
            writeln!(f, "  {fault}")?;
        }
        write!(f, "{}", if self.is_right() { "All is right." } else { "It is not right." })
    }
}

/// The bank, as one sees it from outside.
#[derive(Debug)]
struct Bank {
    crowd: Arc<Crowd>,
    host: watch::Sender<Running>,
    /// What the sum has to be.
    sum: u64,
}

impl Bank {
    async fn open(host: &Host, plan: &Plan) -> anyhow::Result<Self> {
        let client = Client::default();
        let (sender, receiver) = watch::channel(Some((0, host.address)));
        let opening = json!({ "count": plan.accounts, "amount": plan.each });
        let opened = client.post(host.address, "/accounts", None, &opening).await?.json(201)?;
        let crowd = Crowd {
            client,
            host: receiver,
            accounts: balances(&opened)?.into_keys().collect(),
            closed: AtomicBool::new(false),
            made: AtomicU64::new(0),
        };
        Ok(Self { crowd: Arc::new(crowd), host: sender, sum: plan.accounts * plan.each })
    }

    /// Reads the sum over and over: for this time, and until a transfer was made in it.
    async fn watch(&self, host: &Host, time: Duration, report: &mut Report) -> anyhow::Result<()> {
        let made = || self.crowd.made.load(Ordering::Relaxed);
        let (before, over) = (made(), Instant::now() + time);
        while Instant::now() < over || made() == before {
            ensure!(Instant::now() < over + Duration::from_secs(60), "no transfer is made any more");
            self.sum(host, report).await?;
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// What all accounts hold.
    async fn sum(&self, host: &Host, report: &mut Report) -> anyhow::Result<u64> {
        let shown = self.crowd.client.get(host.address, "/sum").await;
        let shown = shown.context("the host is not killed now, but does not answer")?;
        let sum = shown["sum"].as_u64().context("the sum is a number")?;
        report.readings += 1;
        if sum != self.sum {
            report.wrong_sums.push(sum);
        }
        Ok(sum)
    }

    async fn books(&self, host: &Host) -> anyhow::Result<Books> {
        let get = |path: String| async move { self.crowd.client.get(host.address, &path).await };
        let totals = get("/ledger/totals".into()).await?;
        let number = |name: &str| totals[name].as_u64().context("the totals are numbers");
        let mut books = Books {
            balances: balances(&get("/accounts".into()).await?)?,
            lines: vec![],
            count: number("count")?,
            total: number("total")?,
        };
        let mut path = "/ledger".to_owned();
        loop {
            let page = get(path).await?;
            let lines = page["lines"].as_array().context("the ledger has lines")?;
            books.lines.extend(lines.iter().filter_map(|line| Some(line["id"].as_str()?.to_owned())));
            match page["next"].as_str() {
                Some(next) => path = format!("/ledger?after={next}"),
                None => return Ok(books),
            }
        }
    }
}

fn balances(accounts: &Value) -> anyhow::Result<BTreeMap<String, u64>> {
    let accounts = accounts.as_array().context("accounts are a list")?.iter();
    let each = |account: &Value| Some((account["id"].as_str()?.to_owned(), account["balance"].as_u64()?));
    accounts.map(each).collect::<Option<_>>().context("an account has an id and a balance")
}

/// Waits until each event is settled, so that nothing more can come to the ledger.
async fn settled(start: &Start) -> anyhow::Result<()> {
    let (mut before, mut patience) = (u64::MAX, PATIENCE);
    loop {
        match start.waiting().await? {
            0 => return Ok(()),
            now if now < before => (before, patience) = (now, PATIENCE),
            now => {
                ensure!(patience > 0, "{now} transfers do not come to the ledger");
                patience -= 1;
            }
        }
        sleep(Duration::from_millis(200)).await;
    }
}

/// How often one looks in vain: longer than a delivery is leased to a host that was killed.
const PATIENCE: u32 = 300;
