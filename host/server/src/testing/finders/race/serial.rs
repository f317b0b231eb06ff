//! What the calls of a race come to one after the other: in every order of whole calls, those included that follow from
//! them, as deliveries of their events do.

use std::time::Duration;

use super::{Directed, direct, races::Race};
use crate::testing::{
    bench::Bench,
    finders::{
        explore::{Explorer, Rule, Schedule},
        masks::Masks,
        picture::{Difference, Picture},
    },
};

/// What is right.
pub(super) struct Serial(Vec<(Picture, Masks)>);

/// Serial orders at the most: with more, nobody knows what is right.
const ORDERS: usize = 500;
/// One that sleeps does not make way for others.
const PATIENCE: Duration = Duration::from_secs(20);
/// How much later an order is run again, to see what time and chance change; and how many times, for what is drawn from
/// few values may be the same twice.
const LATER: Duration = Duration::from_secs(61);
const OTHERS: u32 = 2;

impl Serial {
    /// If it cannot be known, the inner error says why.
    ///
    /// # Errors
    /// If the case cannot be run.
    pub(super) fn of(bench: &Bench, race: &Race) -> anyhow::Result<Result<Self, String>> {
        let mut explorer = Explorer::new(Rule { preemptions: Some(0), reduces: false, runs: ORDERS });
        let mut serial = Self(vec![]);
        while let Some(schedule) = explorer.next() {
            let one = direct(bench, &race.case, race, schedule, PATIENCE)?;
            if let Some(lacking) = one.run.unanswered.first() {
                return Ok(Err(lacking.clone()));
            }
            if serial.judge(&one).is_some() {
                let mut masks = Masks::default();
                for again in 1..=OTHERS {
                    let mut later = race.case.clone();
                    later.given.seed = later.given.seed.wrapping_add(again.into());
                    later.given.clock = later.given.clock + LATER * again;
                    let schedule = Schedule::replaying(one.schedule.chosen().to_vec());
                    let other = direct(bench, &later, race, schedule, PATIENCE)?;
                    masks = masks.and(Masks::between(&one.picture, &other.picture));
                }
                serial.0.push((one.picture, masks));
            }
            explorer.learn(one.schedule);
        }
        Ok(match explorer.left() {
            0 => Ok(serial),
            _ => Err(format!("its calls have more than {ORDERS} orders, so what is right is not known")),
        })
    }

    /// How a run is not as any serial one: against the one that it is most like. `None` if it is as one of them.
    pub(super) fn judge(&self, directed: &Directed) -> Option<Vec<Difference>> {
        self.nearest(&directed.picture)
    }

    /// Whether these come to nothing but what those come to.
    pub(super) fn is_within(&self, those: &Self) -> bool {
        self.0.iter().all(|(picture, _)| those.nearest(picture).is_none())
    }

    fn nearest(&self, found: &Picture) -> Option<Vec<Difference>> {
        let differences = self.0.iter().map(|(picture, masks)| found.differs_from(picture, masks));
        let nearest = differences.min_by_key(Vec::len);
        // Nothing is like none.
        nearest.map_or(Some(vec![]), |nearest| (!nearest.is_empty()).then_some(nearest))
    }
}
