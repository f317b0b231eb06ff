//! How a job looks in its record: a format byte, then the fields in order, numbers big-endian.

use std::time::Duration;

use bytes::Bytes;

use super::{Job, Missed, Schedule, progress::State};
use crate::clock::Timestamp;

const FORMAT: u8 = 1;

pub(super) fn encode(state: &State) -> Bytes {
    let State { job, since, runs, last, due, attempts, late, ready, owner } = state;
    let mut out = Writer(vec![FORMAT]);
    out.schedule(&job.schedule);
    out.bytes(&job.data);
    out.text(job.content_type.as_deref());
    out.0.push(match job.missed {
        Missed::Skip => 0,
        Missed::RunOnce => 1,
        Missed::RunAll => 2,
    });
    out.option(job.max_runs.map(u64::from));
    out.option(job.until.map(|at| at.0));
    out.number(since.0);
    out.number(*runs);
    out.option(last.map(|at| at.0));
    out.number(due.0);
    out.number((*attempts).into());
    out.number((*late).into());
    out.number(ready.0);
    out.option(*owner);
    out.0.into()
}

/// `None`: it is damaged, or of a format that is not known.
pub(super) fn decode(name: &str, bytes: &[u8]) -> Option<State> {
    let mut from = Reader(bytes);
    if from.byte()? != FORMAT {
        return None;
    }
    let schedule = from.schedule()?;
    let data = Bytes::copy_from_slice(from.bytes()?);
    let content_type = from.text()?.map(Into::into);
    let missed = match from.byte()? {
        0 => Missed::Skip,
        1 => Missed::RunOnce,
        2 => Missed::RunAll,
        _ => return None,
    };
    let max_runs = match from.option()? {
        Some(runs) => Some(u32::try_from(runs).ok()?),
        None => None,
    };
    let until = from.option()?.map(Timestamp);
    let state = State {
        job: Job { name: name.into(), schedule, data, content_type, missed, max_runs, until },
        since: Timestamp(from.number()?),
        runs: from.number()?,
        last: from.option()?.map(Timestamp),
        due: Timestamp(from.number()?),
        attempts: u32::try_from(from.number()?).ok()?,
        late: u32::try_from(from.number()?).ok()?,
        ready: Timestamp(from.number()?),
        owner: from.option()?,
    };
    from.0.is_empty().then_some(state)
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_be_bytes());
    }

    fn option(&mut self, number: Option<u64>) {
        self.0.push(number.is_some().into());
        number.into_iter().for_each(|number| self.number(number));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn text(&mut self, text: Option<&str>) {
        self.0.push(text.is_some().into());
        text.into_iter().for_each(|text| self.bytes(text.as_bytes()));
    }

    fn schedule(&mut self, schedule: &Schedule) {
        let millis = |span: &Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        match schedule {
            Schedule::At(at) => {
                self.0.push(0);
                self.number(at.0);
            }
            Schedule::After(after) => {
                self.0.push(1);
                self.number(millis(after));
            }
            Schedule::Interval { every, first } => {
                self.0.push(2);
                self.number(millis(every));
                self.option(first.map(|at| at.0));
            }
            Schedule::Cron(zoned) => {
                self.0.push(3);
                self.bytes(zoned.expression().as_bytes());
                self.text(zoned.zone());
            }
        }
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn byte(&mut self) -> Option<u8> {
        let (byte, left) = self.0.split_first()?;
        self.0 = left;
        Some(*byte)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, left) = self.0.split_first_chunk()?;
        self.0 = left;
        Some(u64::from_be_bytes(*number))
    }

    fn option(&mut self) -> Option<Option<u64>> {
        match self.byte()? {
            0 => Some(None),
            1 => self.number().map(Some),
            _ => None,
        }
    }

    fn bytes(&mut self) -> Option<&'b [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, left) = self.0.split_at_checked(len)?;
        self.0 = left;
        Some(bytes)
    }

    fn text(&mut self) -> Option<Option<&'b str>> {
        match self.byte()? {
            0 => Some(None),
            1 => std::str::from_utf8(self.bytes()?).ok().map(Some),
            _ => None,
        }
    }

    fn schedule(&mut self) -> Option<Schedule> {
        Some(match self.byte()? {
            0 => Schedule::At(Timestamp(self.number()?)),
            1 => Schedule::After(Duration::from_millis(self.number()?)),
            2 => {
                let every = Duration::from_millis(self.number()?);
                Schedule::interval(every, self.option()?.map(Timestamp)).ok()?
            }
            3 => {
                let expression = std::str::from_utf8(self.bytes()?).ok()?;
                Schedule::cron(expression, self.text()?).ok()?
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn states() -> Vec<State> {
        let schedules = [
            Schedule::At(Timestamp(7)),
            Schedule::After(Duration::from_millis(8)),
            Schedule::interval(Duration::from_millis(9), Some(Timestamp(1))).unwrap(),
            Schedule::cron("0 */2  * * mon", Some("Europe/Berlin")).unwrap(),
            Schedule::cron("30 0 9 L * *", None).unwrap(),
        ];
        let full = |schedule| State {
            last: Some(Timestamp(1)),
            owner: Some(u64::MAX),
            attempts: 3,
            runs: 4,
            late: 5,
            ready: Timestamp(6),
            ..State::new(
                Job {
                    data: Bytes::from_static(b"data"),
                    content_type: Some("text/plain".into()),
                    missed: Missed::RunAll,
                    max_runs: Some(12),
                    until: Some(Timestamp(u64::MAX)),
                    ..Job::new("job", schedule)
                },
                Timestamp(5),
            )
            .unwrap()
        };
        let plain = |schedule| State::new(Job::new("job", schedule), Timestamp(5)).unwrap();
        schedules.into_iter().flat_map(|schedule| [full(schedule.clone()), plain(schedule)]).collect()
    }

    #[test]
    fn a_state_comes_back_and_a_damaged_one_does_not() {
        for state in states() {
            let bytes = encode(&state);
            assert_eq!(decode("job", &bytes), Some(state));
            for end in 0..bytes.len() {
                assert_eq!(decode("job", &bytes[..end]), None);
            }
            assert_eq!(decode("job", &[&bytes[..], &[0]].concat()), None);
            for at in 0..bytes.len() {
                let mut damaged = bytes.to_vec();
                damaged[at] ^= 0xff;
                let _ = decode("job", &damaged);
            }
        }
    }
}
