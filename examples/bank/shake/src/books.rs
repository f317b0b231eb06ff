//! What the customers were told, compared with what the bank and its ledger say in the end. No host, no clock.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use anyhow::Context as _;
use serde_json::Value;

/// A transfer that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    pub id: String,
    pub from: String,
    pub to: String,
    pub amount: u64,
}

/// What the bank says in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    pub balances: BTreeMap<String, u64>,
    /// The ids of the ledger's lines.
    pub lines: Vec<String>,
    /// The ledger's totals: how many transfers, and how much money.
    pub count: u64,
    pub total: u64,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It was acknowledged, and is not in the ledger.
    Missing(String),
    /// It is in the ledger this often.
    Repeated(String, usize),
    /// It is in the ledger, and nobody was told of it.
    Unknown(String),
    Balance {
        account: String,
        is: u64,
        should: i128,
    },
    Totals {
        is: (u64, u64),
        should: (u64, u64),
    },
}

impl Transfer {
    /// # Errors
    /// If it is none.
    pub fn read(value: &Value) -> anyhow::Result<Self> {
        let text = |name| {
            let text: &str = value[name].as_str().with_context(|| format!("no `{name}` in {value}"))?;
            anyhow::Ok(text.to_owned())
        };
        let amount = value["amount"].as_u64().with_context(|| format!("no `amount` in {value}"))?;
        Ok(Self { id: text("id")?, from: text("from")?, to: text("to")?, amount })
    }
}

impl Books {
    /// What is wrong in them, if each account began with `each`, and these transfers were acknowledged.
    #[must_use]
    pub fn audit(&self, each: u64, acknowledged: &[Transfer]) -> Vec<Fault> {
        let mut lines = HashMap::<&str, usize>::new();
        for line in &self.lines {
            *lines.entry(line).or_default() += 1;
        }
        let mut should: BTreeMap<&str, i128> =
            self.balances.keys().map(|account| (account.as_str(), i128::from(each))).collect();
        let mut faults = vec![];
        for Transfer { id, from, to, amount } in acknowledged {
            *should.entry(from).or_default() -= i128::from(*amount);
            *should.entry(to).or_default() += i128::from(*amount);
            match lines.remove(id.as_str()) {
                None => faults.push(Fault::Missing(id.clone())),
                Some(1) => {}
                Some(times) => faults.push(Fault::Repeated(id.clone(), times)),
            }
        }
        faults.extend(lines.into_keys().map(|id| Fault::Unknown(id.to_owned())));
        for (account, &is) in &self.balances {
            let should = should[account.as_str()];
            if i128::from(is) != should {
                faults.push(Fault::Balance { account: account.clone(), is, should });
            }
        }
        let total = acknowledged.iter().map(|transfer| transfer.amount).sum();
        let (is, should) = ((self.count, self.total), (acknowledged.len() as u64, total));
        if is != should {
            faults.push(Fault::Totals { is, should });
        }
        faults
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(id) => write!(f, "transfer {id} was acknowledged, and is not in the ledger"),
            Self::Repeated(id, times) => write!(f, "transfer {id} is in the ledger {times} times"),
            Self::Unknown(id) => write!(f, "transfer {id} is in the ledger, and nobody was told of it"),
            Self::Balance { account, is, should } => {
                write!(f, "account {account} holds {is}, by the acknowledged transfers it is {should}")
            }
            Self::Totals { is, should } => write!(
                f,
                "the ledger's totals are {} transfers of {}, by the acknowledged ones they are {} of {}",
                is.0, is.1, should.0, should.1
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(id: &str, from: &str, to: &str, amount: u64) -> Transfer {
        Transfer { id: id.into(), from: from.into(), to: to.into(), amount }
    }

    fn books(balances: [(&str, u64); 2], lines: &[&str], count: u64, total: u64) -> Books {
        Books {
            balances: balances.map(|(account, balance)| (account.to_owned(), balance)).into(),
            lines: lines.iter().map(ToString::to_string).collect(),
            count,
            total,
        }
    }

    #[test]
    fn an_audit_finds_what_is_wrong_and_nothing_else() {
        let acknowledged = [transfer("t1", "a", "b", 30), transfer("t2", "b", "a", 10)];
        let lost = |account: &str, is, should| Fault::Balance { account: account.into(), is, should };
        let totals = |is| Fault::Totals { is, should: (2, 40) };
        let cases = [
            (books([("a", 80), ("b", 120)], &["t1", "t2"], 2, 40), vec![]),
            // The second transfer's writes are gone.
            (
                books([("a", 70), ("b", 130)], &["t1", "t2"], 2, 40),
                vec![lost("a", 70, 80), lost("b", 130, 120)],
            ),
            // Its event is gone.
            (
                books([("a", 80), ("b", 120)], &["t1"], 1, 30),
                vec![Fault::Missing("t2".into()), totals((1, 30))],
            ),
            // It was delivered twice.
            (
                books([("a", 80), ("b", 120)], &["t1", "t2", "t2"], 3, 50),
                vec![Fault::Repeated("t2".into(), 2), totals((3, 50))],
            ),
            // The ledger was interrupted between a line and the totals.
            (books([("a", 80), ("b", 120)], &["t1", "t2"], 1, 30), vec![totals((1, 30))]),
            // A request was carried out twice, and answered once.
            (
                books([("a", 50), ("b", 150)], &["t1", "t2", "t3"], 3, 70),
                vec![Fault::Unknown("t3".into()), lost("a", 50, 80), lost("b", 150, 120), totals((3, 70))],
            ),
        ];
        for (books, faults) in cases {
            assert_eq!(books.audit(100, &acknowledged), faults, "{books:?}");
        }
    }
}
