//! Which functions use more than they did, or less.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{
    recording::{ByFunction, Measured},
    words,
};

/// One function, then and now. What is not among the largest counts as nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Growth<'a> {
    pub component: &'a str,
    pub function: &'a str,
    pub before: u64,
    pub after: u64,
}

/// All functions that either knows, what grew most first.
#[must_use]
pub fn functions<'a>(before: &'a ByFunction, after: &'a ByFunction) -> Vec<Growth<'a>> {
    let mut both = BTreeMap::<(&str, &str), (u64, u64)>::new();
    for (function, fuel) in each(before) {
        both.entry(function).or_default().0 = fuel;
    }
    for (function, fuel) in each(after) {
        both.entry(function).or_default().1 = fuel;
    }
    let growth = |((component, function), (before, after))| Growth { component, function, before, after };
    let mut all: Vec<_> = both.into_iter().map(growth).collect();
    all.sort_by_key(|growth| Reverse(i128::from(growth.after) - i128::from(growth.before)));
    all
}

/// Those that grew, by more than what is not known of them.
#[must_use]
pub fn grown<'a>(before: &'a Measured, after: &'a Measured) -> Vec<Growth<'a>> {
    let (Some(before), Some(after)) = (&before.profile, &after.profile) else { return Vec::new() };
    let step = before.step().max(after.step());
    let mut all = functions(before, after);
    all.retain(|growth| growth.after > growth.before.saturating_add(step));
    all
}

/// `serde_json::de::from_slice +4,100 (+25.0 %)`: the first few that grew.
#[must_use]
pub fn shown(before: &Measured, after: &Measured, most: usize) -> String {
    let title = Title::of([before, after]);
    let one = |growth: &Growth| {
        let Growth { component, function, before, after } = growth;
        let proportion = words::percent(*before, *after).unwrap_or_else(|| "new".to_owned());
        format!(
            "{} {} ({proportion})",
            title.of_function(component, function),
            words::change(*before, *after)
        )
    };
    grown(before, after).iter().take(most).map(one).collect::<Vec<_>>().join(", ")
}

/// How functions are called: with their component where there are several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Title {
    with_component: bool,
}

impl Title {
    #[must_use]
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a Measured>) -> Self {
        let profiles = cases.into_iter().filter_map(|case| case.profile.as_ref());
        let mut names: Vec<_> = profiles.flat_map(|profile| profile.functions.keys()).collect();
        names.sort_unstable();
        names.dedup();
        Self { with_component: names.len() > 1 }
    }

    #[must_use]
    pub fn of_function(self, component: &str, function: &str) -> String {
        let function = words::short(function, 72);
        match self.with_component && !component.is_empty() {
            true => format!("{}: {function}", words::short(component, 40)),
            false => function,
        }
    }
}

fn each(profile: &ByFunction) -> impl Iterator<Item = ((&str, &str), u64)> {
    profile.functions.iter().flat_map(|(component, functions)| {
        functions.iter().map(move |(function, fuel)| ((component.as_str(), function.as_str()), *fuel))
    })
}

#[cfg(test)]
mod tests {
    use super::{super::recording::tests::used, *};

    #[test]
    fn what_grew_most_comes_first_and_what_is_not_sure_is_left_out() {
        let before =
            used(100_000, &[("parse", 16_000), ("steady", 50_000), ("less", 9_000), ("twitch", 5_000)]);
        let after =
            used(110_000, &[("parse", 24_000), ("steady", 50_000), ("fresh", 6_000), ("twitch", 6_100)]);
        assert_eq!(shown(&before, &after, 3), "parse +8,000 (+50.0 %), fresh +6,000 (new)");
        assert_eq!(shown(&before, &after, 1), "parse +8,000 (+50.0 %)");
        assert_eq!(shown(&used(1, &[]), &after, 3), "", "nothing is known of what was before");
        let (before, after) = (before.profile.unwrap(), after.profile.unwrap());
        let all = functions(&before, &after);
        let order: Vec<_> = all.iter().map(|growth| growth.function).collect();
        assert_eq!(order, ["parse", "fresh", "twitch", "steady", "less"]);
    }

    #[test]
    fn functions_of_several_components_are_told_apart() {
        let mut before = used(100, &[("f", 50)]);
        let mut after = used(150, &[("f", 50)]);
        for (case, fuel) in [(&mut before, 50), (&mut after, 99)] {
            let profile = case.profile.as_mut().unwrap();
            profile.functions.insert("pricing".into(), [("f".to_owned(), fuel)].into());
        }
        assert_eq!(shown(&before, &after, 3), "pricing: f +49 (+98.0 %)");
    }
}
