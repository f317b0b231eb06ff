//! Which element of a list is which of another, when they are not the same.

use super::judge::FARTHEST;

/// An element of what was expected (the first number), of what was found (the second), or of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    Same(usize, usize),
    /// It is the same one, but not as expected.
    Other(usize, usize),
    /// It is as expected, but elsewhere.
    Moved(usize, usize),
    Missing(usize),
    /// It was not expected.
    Extra(usize),
}

/// The most comparisons that are made to find the best answer. With more, elements are compared place by
/// place, or looked for in turn.
const MOST: usize = 10_000;

/// What it costs that an element is missing, or too much: together more than one that is quite different.
const GAP: u32 = FARTHEST.div_ceil(2);

/// Finds the answer with the least to be said. `among_others`: what was not expected may be there, and costs nothing.
pub fn align(
    (expected, found): (usize, usize),
    among_others: bool,
    distance: impl Fn(usize, usize) -> u32,
) -> Vec<Pair> {
    let is_same = |i, j| distance(i, j) == 0;
    let shorter = expected.min(found);
    // What is the same at both ends: most lists differ in one place only.
    let head = (0..shorter).take_while(|&i| is_same(i, i)).count();
    let tail = if among_others {
        0
    } else {
        (1..=shorter - head).take_while(|&back| is_same(expected - back, found - back)).count()
    };
    let (rows, columns) = (expected - head - tail, found - head - tail);
    let mut pairs: Vec<Pair> = (0..head).map(|i| Pair::Same(i, i)).collect();
    let distance_from = |i: usize, j: usize| distance(head + i, head + j);
    let is_long = rows.saturating_mul(columns) > MOST;
    let in_turn = among_others.then(|| in_turn(rows, columns, &distance_from));
    let middle = match in_turn {
        Some(pairs) if is_long || pairs.iter().all(|pair| matches!(pair, Pair::Same(..))) => pairs,
        None if is_long => by_place(rows, columns, &distance_from),
        _ => best(rows, columns, among_others, &distance_from),
    };
    pairs.extend(middle.into_iter().map(|pair| pair.shifted(head)));
    pairs.extend((1..=tail).rev().map(|back| Pair::Same(expected - back, found - back)));
    moved(pairs, is_same)
}

/// Each among others, behind the one before it that is there.
fn in_turn(rows: usize, columns: usize, distance: &impl Fn(usize, usize) -> u32) -> Vec<Pair> {
    let mut next = 0;
    let pair = |i| match (next..columns).find(|&j| distance(i, j) == 0) {
        Some(j) => {
            next = j + 1;
            Pair::Same(i, j)
        }
        None => Pair::Missing(i),
    };
    (0..rows).map(pair).collect()
}

fn by_place(rows: usize, columns: usize, distance: &impl Fn(usize, usize) -> u32) -> Vec<Pair> {
    let both = rows.min(columns);
    let pairs = (0..both).map(|i| Pair::of(i, i, distance(i, i)));
    pairs.chain((both..rows).map(Pair::Missing)).chain((both..columns).map(Pair::Extra)).collect()
}

fn best(
    rows: usize,
    columns: usize,
    among_others: bool,
    distance: &impl Fn(usize, usize) -> u32,
) -> Vec<Pair> {
    let extra = if among_others { 0 } else { GAP };
    let apart: Vec<Vec<u32>> = (0..rows).map(|i| (0..columns).map(|j| distance(i, j)).collect()).collect();
    // What it costs from an element of each on, to the ends.
    let mut cost = vec![vec![0; columns + 1]; rows + 1];
    for i in (0..=rows).rev() {
        for j in (0..=columns).rev() {
            let both = (i < rows && j < columns).then(|| apart[i][j] + cost[i + 1][j + 1]);
            let missing = (i < rows).then(|| GAP + cost[i + 1][j]);
            let extra = (j < columns).then(|| extra + cost[i][j + 1]);
            cost[i][j] = [both, missing, extra].into_iter().flatten().min().unwrap_or(0);
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < rows || j < columns {
        if i < rows && j < columns && cost[i][j] == apart[i][j] + cost[i + 1][j + 1] {
            pairs.push(Pair::of(i, j, apart[i][j]));
            (i, j) = (i + 1, j + 1);
        } else if j < columns && cost[i][j] == extra + cost[i][j + 1] {
            pairs.push(Pair::Extra(j));
            j += 1;
        } else {
            pairs.push(Pair::Missing(i));
            i += 1;
        }
    }
    pairs
}

/// What is missing in one place and too much in another is in the wrong place.
fn moved(mut pairs: Vec<Pair>, is_same: impl Fn(usize, usize) -> bool) -> Vec<Pair> {
    let missing: Vec<usize> = pairs
        .iter()
        .filter_map(|pair| if let Pair::Missing(i) = pair { Some(*i) } else { None })
        .take(MOST.isqrt())
        .collect();
    for i in missing {
        let extras = pairs.iter().enumerate().filter_map(|(place, pair)| match pair {
            Pair::Extra(j) => Some((place, *j)),
            _ => None,
        });
        let Some((place, j)) = extras.take(MOST.isqrt()).find(|(_, j)| is_same(i, *j)) else { continue };
        pairs.remove(place);
        if let Some(pair) = pairs.iter_mut().find(|pair| **pair == Pair::Missing(i)) {
            *pair = Pair::Moved(i, j);
        }
    }
    pairs
}

impl Pair {
    fn of(i: usize, j: usize, distance: u32) -> Self {
        if distance == 0 { Self::Same(i, j) } else { Self::Other(i, j) }
    }

    fn shifted(self, by: usize) -> Self {
        match self {
            Self::Same(i, j) => Self::Same(i + by, j + by),
            Self::Other(i, j) => Self::Other(i + by, j + by),
            Self::Moved(i, j) => Self::Moved(i + by, j + by),
            Self::Missing(i) => Self::Missing(i + by),
            Self::Extra(j) => Self::Extra(j + by),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pair::*, *};

    /// Letters of one case or the other are the same element, but not as expected.
    fn aligned(expected: &str, found: &str, among_others: bool) -> Vec<Pair> {
        let (expected, found) = (expected.as_bytes(), found.as_bytes());
        align((expected.len(), found.len()), among_others, |i, j| match (expected[i], found[j]) {
            (a, b) if a == b => 0,
            (a, b) if a.eq_ignore_ascii_case(&b) => 4,
            _ => 15,
        })
    }

    #[test]
    fn the_least_is_said() {
        let cases: &[(&str, &str, bool, &[Pair])] = &[
            ("", "", false, &[]),
            ("ab", "ab", false, &[Same(0, 0), Same(1, 1)]),
            ("a", "", false, &[Missing(0)]),
            ("", "a", false, &[Extra(0)]),
            ("abc", "ac", false, &[Same(0, 0), Missing(1), Same(2, 1)]),
            ("ac", "abc", false, &[Same(0, 0), Extra(1), Same(1, 2)]),
            ("bc", "abc", false, &[Extra(0), Same(0, 1), Same(1, 2)]),
            ("abc", "aXc", false, &[Same(0, 0), Other(1, 1), Same(2, 2)]),
            ("abc", "Bc", false, &[Missing(0), Other(1, 0), Same(2, 1)]),
            ("aa", "aaa", false, &[Same(0, 0), Same(1, 1), Extra(2)]),
            ("ab", "ba", false, &[Same(0, 1), Moved(1, 0)]),
            ("", "ab", true, &[]),
            ("b", "abc", true, &[Same(0, 1)]),
            ("bd", "abcde", true, &[Same(0, 1), Same(1, 3)]),
            ("bx", "abc", true, &[Extra(0), Same(0, 1), Extra(2), Missing(1)]),
            ("bx", "abXc", true, &[Extra(0), Same(0, 1), Other(1, 2), Extra(3)]),
            ("x", "", true, &[Missing(0)]),
            ("ba", "ab", true, &[Same(0, 1), Moved(1, 0)]),
        ];
        for (expected, found, among_others, pairs) in cases {
            assert_eq!(
                aligned(expected, found, *among_others),
                *pairs,
                "{expected:?} {found:?} {among_others}"
            );
        }
    }

    #[test]
    fn long_lists_are_compared_in_a_simpler_way() {
        let (expected, found) = ("b".repeat(300), format!("x{}", "a".repeat(400)));
        let pairs = aligned(&expected, &found, false);
        assert_eq!(pairs.len(), 401);
        assert_eq!(pairs[299..301], [Other(299, 299), Extra(300)]);

        let expected = format!("{}xc", "b".repeat(300));
        let pairs = aligned(&expected, &format!("{}c", "ab".repeat(400)), true);
        assert_eq!(pairs[299..], [Same(299, 599), Missing(300), Same(301, 800)]);
    }

    #[test]
    fn what_is_the_same_at_the_ends_costs_nothing() {
        let same = "a".repeat(1000);
        let pairs = aligned(&format!("{same}b{same}"), &format!("{same}{same}"), false);
        let others: Vec<_> = pairs.into_iter().filter(|pair| !matches!(pair, Same(..))).collect();
        assert_eq!(others, [Missing(1000)]);
    }
}
