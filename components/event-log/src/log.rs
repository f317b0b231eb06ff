//! The log in its store: `event/NUMBER` for each event, `seen/MARK` for each event that is there, and `next`.
//!
//! Whoever writes also moves `next`, in the same transaction and only if nobody else has moved it. So numbers become
//! visible in their order: a reader who has seen a number never misses a smaller one.

use std::{collections::HashSet, thread, time::Duration};

use mecha_guest::{
    json::{self, Map, Value},
    state::{Error, Options, Store, TransactionError},
    wasi::random::random,
};

use crate::record::Record;

/// The name under which the manifest grants it.
const STORE: &str = "log";
const NEXT: &str = "next";
const EVENTS: &str = "event/";

/// Events of one transaction.
const MOST_EVENTS: usize = 100;
/// Bytes of one transaction; a store takes 6 MiB.
const MOST_BYTES: usize = 3 << 20;
/// Old events that one transaction removes.
const MOST_REMOVED: u32 = 100;
const ATTEMPTS: usize = 16;

#[derive(Debug)]
pub struct Log {
    store: Store,
    keep: u64,
}

/// Some of the events, in order, each with its number.
#[derive(Debug, Default)]
pub struct Part {
    pub events: Vec<Value>,
    /// Behind the last of them.
    pub cursor: u64,
    /// There are more.
    pub more: bool,
}

impl Log {
    pub fn open(keep: u64) -> Result<Self, Error> {
        Ok(Self { store: Store::open(STORE)?, keep })
    }

    /// Keeps events that are not there yet, and removes the oldest beyond what is to be kept.
    pub fn append(&self, records: &[Record]) -> Result<(), Error> {
        let rows = records.iter().map(Row::new).collect::<Result<Vec<_>, _>>()?;
        portions(&rows).try_for_each(|portion| self.append_portion(portion))
    }

    /// The number of the newest event, 0 if there was never one.
    pub fn newest(&self) -> Result<u64, Error> {
        Ok(self.store.get(NEXT)?.map_or(1, |item| number(item.text())).saturating_sub(1))
    }

    /// The oldest events behind a number.
    pub fn after(&self, after: u64, limit: u32) -> Result<Part, Error> {
        let newest = self.newest()?;
        // A log in memory begins anew with the host. Its readers do not know that.
        let after = if after > newest { 0 } else { after };
        if after == newest {
            return Ok(Part { cursor: after, ..Part::default() });
        }
        let page = self.store.scan(EVENTS).start(key(after.saturating_add(1))).limit(limit).page()?;
        let cursor = page.entries.last().map_or(after, |entry| number_of(&entry.key));
        let events = page.entries.iter().map(|entry| shown(&entry.key, &entry.item.value));
        Ok(Part { events: events.collect::<Result<_, _>>()?, cursor, more: page.cursor.is_some() })
    }

    /// The newest events, the newest first.
    pub fn latest(&self, limit: u32) -> Result<Vec<Value>, Error> {
        let page = self.store.scan(EVENTS).reverse().limit(limit).page()?;
        page.entries.iter().map(|entry| shown(&entry.key, &entry.item.value)).collect()
    }

    fn append_portion(&self, rows: &[Row]) -> Result<(), Error> {
        let mut conflict = Error::Conflict(None);
        for attempt in 0..ATTEMPTS {
            match self.try_append(rows) {
                Ok(()) => return Ok(()),
                Err(failed) if failed.error.is_conflict() => conflict = failed.error,
                Err(failed) => return Err(failed.error),
            }
            // Those who met here must not meet again: each waits for another time, and longer each time.
            let most_ms = 8 << attempt.min(5);
            thread::sleep(Duration::from_millis(random::get_random_u64() % most_ms));
        }
        Err(conflict)
    }

    fn try_append(&self, rows: &[Row]) -> Result<(), TransactionError> {
        let outer = |error| TransactionError { step: None, error };
        let next = self.store.get(NEXT).map_err(outer)?;
        let (first, unmoved) = match &next {
            None => (1, Options::new().if_absent()),
            Some(item) => (number(item.text()), Options::new().if_match(&item.etag)),
        };
        let fresh = self.fresh(rows).map_err(outer)?;
        if fresh.is_empty() {
            return Ok(());
        }
        let end = first.saturating_add(fresh.len() as u64);
        let mut transaction = self.store.transaction().set_with(NEXT, end.to_string(), unmoved);
        for (row, number) in fresh.into_iter().zip(first..) {
            transaction = transaction
                .set_with(key(number), row.value.clone(), Options::new().content_type("application/json"))
                .set(row.mark.clone(), number.to_string());
        }
        for gone in self.beyond(end).map_err(outer)? {
            transaction = transaction.delete(gone);
        }
        transaction.commit().map(|_| ())
    }

    /// Those that are not there yet. An event may come again: after a crash, say.
    fn fresh<'r>(&self, rows: &'r [Row]) -> Result<Vec<&'r Row>, Error> {
        let mut marks = HashSet::new();
        let mut fresh = vec![];
        for (row, known) in rows.iter().zip(self.store.get_many(rows.iter().map(|row| &row.mark))?) {
            if known?.is_none() && marks.insert(&row.mark) {
                fresh.push(row);
            }
        }
        Ok(fresh)
    }

    /// The keys of what is too old when the next number is `end`.
    fn beyond(&self, end: u64) -> Result<Vec<String>, Error> {
        let oldest = end.saturating_sub(self.keep);
        if oldest <= 1 {
            return Ok(vec![]);
        }
        let page = self.store.scan(EVENTS).end(key(oldest)).limit(MOST_REMOVED).page()?;
        let keys = page.entries.into_iter().flat_map(|entry| {
            let mark =
                read(&entry.item.value).ok().and_then(|row| Some(row.get("mark")?.as_str()?.to_owned()));
            mark.into_iter().chain([entry.key])
        });
        Ok(keys.collect())
    }
}

/// An event as it is stored.
#[derive(Debug)]
struct Row {
    /// The key that says that it is there.
    mark: String,
    value: Vec<u8>,
}

impl Row {
    fn new(record: &Record) -> Result<Self, Error> {
        let mark = format!("seen/{}", record.mark);
        let mut stored = record.shown.clone();
        // To be removed together.
        stored.insert("mark".into(), mark.clone().into());
        Ok(Self { mark, value: json::to_vec(&stored)? })
    }
}

/// As many in each as one transaction takes, and at least one.
fn portions(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fit = rest.iter().take(MOST_EVENTS).take_while(|row| {
            bytes += row.value.len();
            bytes <= MOST_BYTES
        });
        let count = fit.count().max(1).min(rest.len());
        let (portion, behind) = rest.split_at(count);
        rest = behind;
        (!portion.is_empty()).then_some(portion)
    })
}

/// Padded, so that the order of keys is that of numbers.
fn key(number: u64) -> String {
    format!("{EVENTS}{number:020}")
}

fn number_of(key: &str) -> u64 {
    number(key.strip_prefix(EVENTS))
}

fn number(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or(1)
}

fn read(value: &[u8]) -> Result<Map<String, Value>, Error> {
    Ok(json::from_slice(value)?)
}

fn shown(key: &str, value: &[u8]) -> Result<Value, Error> {
    let mut row = read(value)?;
    row.remove("mark");
    row.insert("number".into(), number_of(key).into());
    Ok(row.into())
}

#[cfg(test)]
mod tests {
    use mecha_guest::events::{Delivery, Message};

    use super::*;

    #[test]
    fn keys_are_in_the_order_of_numbers() {
        let numbers = [0, 1, 9, 10, 999, 1 << 40, u64::MAX];
        let keys: Vec<_> = numbers.into_iter().map(key).collect();
        assert!(keys.is_sorted());
        assert_eq!(keys.iter().map(|key| number_of(key)).collect::<Vec<_>>(), numbers);
    }

    #[test]
    fn what_is_shown_has_a_number_and_no_mark() {
        let record = Record::new(&Delivery::new("log", Message::text("t", "x")), 100);
        let row = Row::new(&record).unwrap();
        let shown = shown(&key(7), &row.value).unwrap();
        assert_eq!(shown["number"], 7);
        assert_eq!(shown.get("mark"), None);
        assert_eq!(shown["event"], record.shown["event"]);
        assert!(row.mark.len() < 100, "whatever the event is called");
    }

    #[test]
    fn portions_fit_into_a_transaction() {
        let sizes = |sizes: &[usize]| {
            let rows: Vec<_> =
                sizes.iter().map(|size| Row { mark: String::new(), value: vec![0; *size] }).collect();
            portions(&rows).map(<[Row]>::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(&[]), Vec::<usize>::new());
        assert_eq!(sizes(&[1; 250]), [100, 100, 50]);
        assert_eq!(sizes(&[1 << 20; 7]), [3, 3, 1]);
        assert_eq!(sizes(&[4 << 20, 1, 4 << 20]), [1, 1, 1]);
    }
}
