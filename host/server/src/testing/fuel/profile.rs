//! Where a case's fuel goes, found by running it again.
//!
//! Fuel is exact, so a sample needs no timer: the case runs again with less fuel than it needs, and where it stops is where
//! that fuel had gone. The same case gives the same profile.

use std::collections::BTreeMap;

use super::{frame::Frame, recording::ByFunction};

/// How many functions of a case are recorded by name.
const NAMED: usize = 40;
/// Fewer samples than this say too little, however much each costs.
const FEWEST: u64 = 20;
/// What all the runs for one profile may use together: a few seconds.
const BUDGET: u64 = 4_000_000_000;

/// A case that can be run again.
pub trait Sampler {
    /// The fuel that it uses.
    fn total(&self) -> u64;

    /// The stack of the guest that used the unit of fuel after this many, the innermost function first. Where nothing is
    /// known of it, it is empty.
    ///
    /// A guest notices that its fuel is used up at the beginning of a function or of a loop. A function that has
    /// only just begun has not used it: who called it has.
    fn stack_at(&self, fuel: u64) -> Vec<Frame>;
}

/// Where a case's fuel goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// In the order in which the fuel was used.
    pub samples: Vec<Sample>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The innermost function first.
    pub stack: Vec<Frame>,
    /// The fuel that it stands for.
    pub weight: u64,
}

/// Looks at so many places, evenly apart; at fewer if the case is so heavy that this would take long.
#[must_use]
pub fn profile(sampler: &dyn Sampler, samples: usize) -> Profile {
    let total = sampler.total();
    let count = affordable(total, samples as u64);
    let edge = |index: u64| (u128::from(total) * u128::from(index) / u128::from(count.max(1))) as u64;
    let sample = |index| {
        let (from, to) = (edge(index), edge(index + 1));
        Sample { stack: sampler.stack_at(from + (to - from) / 2), weight: to - from }
    };
    Profile { samples: (0..count).map(sample).collect() }
}

/// A sample in the middle costs half of the total, and so does the average one.
fn affordable(total: u64, wanted: u64) -> u64 {
    let affordable = (BUDGET * 2).checked_div(total).unwrap_or(0).max(FEWEST);
    // More than one sample for a unit of fuel would stand for nothing.
    wanted.min(affordable).min(total)
}

impl Profile {
    #[cfg(test)]
    #[must_use]
    pub fn total(&self) -> u64 {
        self.samples.iter().fold(0, |total, sample| total.saturating_add(sample.weight))
    }

    /// What each function used itself, without those that it called.
    #[must_use]
    pub fn by_function(&self) -> ByFunction {
        let nowhere = Frame::new("", "(no stack)");
        let mut own = BTreeMap::<&Frame, u64>::new();
        for sample in &self.samples {
            let fuel = own.entry(sample.stack.first().unwrap_or(&nowhere)).or_default();
            *fuel = fuel.saturating_add(sample.weight);
        }
        let mut most: Vec<_> = own.into_iter().collect();
        most.sort_by(|(left, a), (right, b)| b.cmp(a).then(left.cmp(right)));
        let mut by_function = ByFunction { samples: self.samples.len() as u64, ..ByFunction::default() };
        for (index, (frame, fuel)) in most.into_iter().enumerate() {
            if index >= NAMED {
                by_function.others = by_function.others.saturating_add(fuel);
                continue;
            }
            let functions = by_function.functions.entry(frame.component.clone()).or_default();
            functions.insert(frame.function.clone(), fuel);
        }
        by_function
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A guest that is in a function for so much fuel, then in the next.
    struct Guest {
        parts: Vec<(&'static [&'static str], u64)>,
        asked: RefCell<Vec<u64>>,
    }

    impl Guest {
        fn new(parts: &[(&'static [&'static str], u64)]) -> Self {
            Self { parts: parts.to_vec(), asked: RefCell::default() }
        }
    }

    impl Sampler for Guest {
        fn total(&self) -> u64 {
            self.parts.iter().map(|(_, fuel)| fuel).sum()
        }

        fn stack_at(&self, fuel: u64) -> Vec<Frame> {
            self.asked.borrow_mut().push(fuel);
            let mut end = 0;
            for (stack, part) in &self.parts {
                end += part;
                if fuel < end {
                    return stack.iter().map(|function| Frame::new("shop", function)).collect();
                }
            }
            panic!("{fuel} is more than it uses");
        }
    }

    #[test]
    fn samples_are_in_the_middle_of_what_they_stand_for() {
        let guest = Guest::new(&[(&["parse", "handle"], 600), (&["handle"], 403)]);
        let found = profile(&guest, 4);
        assert_eq!(*guest.asked.borrow(), [125, 375, 626, 877]);
        let weights: Vec<_> = found.samples.iter().map(|sample| sample.weight).collect();
        assert_eq!(weights, [250, 251, 251, 251]);
        assert_eq!(found.total(), guest.total());
        let by_function = found.by_function();
        assert_eq!(by_function.samples, 4);
        assert_eq!(by_function.functions["shop"]["parse"], 501);
        assert_eq!(by_function.functions["shop"]["handle"], 502);
        assert_eq!(found, profile(&guest, 4), "it is the same each time");
    }

    #[test]
    fn a_heavy_case_gets_fewer_samples_and_a_tiny_one_no_more_than_it_has_fuel() {
        for (total, wanted, got) in [
            (0, 100, 0),
            (3, 100, 3),
            (1_000_000, 100, 100),
            (160_000_000, 100, 50),
            (u64::MAX, 100, 20),
            (u64::MAX, 5, 5),
            (1000, 0, 0),
        ] {
            assert_eq!(affordable(total, wanted), got, "{total}");
            let spent = u128::from(total) * u128::from(got) / 2;
            assert!(spent <= u128::from(BUDGET) || got <= FEWEST);
        }
    }

    #[test]
    fn what_has_no_fuel_has_no_profile() {
        assert_eq!(profile(&Guest::new(&[]), 100), Profile::default());
    }

    #[test]
    fn what_is_least_is_among_the_others() {
        let sample = |index: u64| Sample {
            stack: vec![Frame::new("shop", &format!("f{index:02}"))],
            weight: 100 - index,
        };
        let mut profile = Profile { samples: (0..43).map(sample).collect() };
        profile.samples.push(Sample { stack: Vec::new(), weight: 1000 });
        let by_function = profile.by_function();
        assert_eq!(by_function.functions[""]["(no stack)"], 1000);
        assert_eq!(by_function.functions["shop"].len(), 39);
        assert_eq!(by_function.functions["shop"]["f38"], 62);
        assert_eq!(by_function.others, 61 + 60 + 59 + 58);
        let sum: u64 = by_function.functions.values().flat_map(BTreeMap::values).sum();
        assert_eq!(sum + by_function.others, profile.total());
    }
}
