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
pub struct Serial(Vec<(Picture, Masks)>);

/// Serial orders at the most: with more, nobody knows what is right.
const ORDERS: usize = 500;
/// One that sleeps does not make way for others.
const PATIENCE: Duration = Duration::from_secs(20);
/// By how much a second run is later, whose drawn values are others.
const LATER: Duration = Duration::from_secs(61);

impl Serial {
    /// # Errors
    /// If the case cannot be run, or has too many orders.
    pub fn of(bench: &Bench, race: &Race) -> anyhow::Result<Self> {
        let mut explorer = Explorer::new(Rule { preemptions: Some(0), reduces: false, runs: ORDERS });
        let mut pictures: Vec<(Picture, Masks)> = vec![];
        let mut later = race.case.clone();
        later.given.seed = later.given.seed.wrapping_add(1);
        later.given.clock = later.given.clock + LATER;
        while let Some(schedule) = explorer.next() {
            let one = direct(bench, &race.case, race, schedule, PATIENCE)?;
            let is_known = pictures.iter().any(|(known, _)| *known == one.picture);
            if !is_known {
                let again = Schedule::replaying(one.schedule.chosen().to_vec());
                let other = direct(bench, &later, race, again, PATIENCE)?;
                let masks = Masks::between(&one.picture, &other.picture);
                pictures.push((one.picture, masks));
            }
            explorer.learn(one.schedule);
        }
        anyhow::ensure!(
            explorer.left() == 0,
            "its calls can follow on each other in more than {ORDERS} orders, so what is right is not known"
        );
        Ok(Self(pictures))
    }

    /// How a run is not as any serial one: against the one that it is most like. `None` if it is as one of them.
    pub fn judge(&self, directed: &Directed) -> Option<Vec<Difference>> {
        let differences = self.0.iter().map(|(picture, masks)| directed.picture.differs_from(picture, masks));
        differences.min_by_key(Vec::len).filter(|nearest| !nearest.is_empty())
    }
}
