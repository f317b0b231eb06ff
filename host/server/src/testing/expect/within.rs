//! What a case used against what it may.

use std::time::Duration;

use mecha_manifest::{Span, Spanned, suite::Bounds};

use super::texts::number;
use crate::{
    summary::size,
    testing::verdict::{Mismatch, Usage},
};

/// All bounds that are exceeded. `wall` is how long the case took by its own clock.
#[must_use]
pub fn bounds(bounds: &Bounds, usage: &Usage, wall: Duration) -> Vec<Mismatch> {
    let Bounds { fuel, memory, host_calls, output, wall_time } = bounds;
    let bytes = |bytes: u64| match size(bytes) {
        short if short.ends_with(" B") => short,
        short => format!("{short} ({} bytes)", number(bytes)),
    };
    let counted = [
        exceeded("within.fuel", fuel.as_ref(), usage.fuel, number),
        exceeded("within.memory", memory.as_ref(), usage.memory, bytes),
        exceeded("within.host-calls", host_calls.as_ref(), usage.host_calls, number),
        exceeded("within.output", output.as_ref(), usage.output, bytes),
    ];
    let late = wall_time.as_ref().filter(|most| wall > most.value).map(|most| {
        let (expected, found) = (format!("{:?} at the most", most.value), format!("{wall:?}"));
        mismatch("within.wall-time", most.at, expected, found)
    });
    counted.into_iter().flatten().chain(late).collect()
}

fn exceeded(
    what: &str,
    most: Option<&Spanned<u64>>,
    used: u64,
    shown: impl Fn(u64) -> String,
) -> Option<Mismatch> {
    let most = most.filter(|most| used > most.value)?;
    let expected = format!("{} at the most", shown(most.value));
    Some(mismatch(what, most.at, expected, format!("{}{}", shown(used), by(used, most.value))))
}

/// By how much, as far as it says something.
fn by(used: u64, most: u64) -> String {
    match most {
        0 => String::new(),
        _ if used / most >= 2 => format!(", {:.1} times as much", used as f64 / most as f64),
        _ => format!(", {:.1} % more", (used - most) as f64 * 100.0 / most as f64),
    }
}

fn mismatch(what: &str, at: Span, expected: String, found: String) -> Mismatch {
    Mismatch { at, what: what.to_owned(), expected, found, steps: vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::expect::samples::spanned;

    #[test]
    fn what_is_exceeded_is_told_with_by_how_much() {
        let within = Bounds {
            fuel: Some(spanned(1, 200_000)),
            memory: Some(spanned(2, 2 << 20)),
            host_calls: Some(spanned(3, 0)),
            output: Some(spanned(4, 100)),
            wall_time: Some(spanned(5, Duration::from_millis(10))),
        };
        let most = Usage { fuel: 200_000, memory: 2 << 20, host_calls: 0, output: 100 };
        assert_eq!(bounds(&within, &most, Duration::from_millis(10)), []);

        let usage = Usage { fuel: 212_000, memory: (2 << 20) + 65536, host_calls: 3, output: 1000 };
        let found = bounds(&within, &usage, Duration::from_millis(12_500));
        let found: Vec<_> = found
            .iter()
            .map(|m| (m.at.line, m.what.as_str(), m.expected.as_str(), m.found.as_str()))
            .collect();
        let expected = [
            (1, "within.fuel", "200,000 at the most", "212,000, 6.0 % more"),
            (
                2,
                "within.memory",
                "2 MiB (2,097,152 bytes) at the most",
                "2112.0 KiB (2,162,688 bytes), 3.1 % more",
            ),
            (3, "within.host-calls", "0 at the most", "3"),
            (4, "within.output", "100 B at the most", "1000 B, 10.0 times as much"),
            (5, "within.wall-time", "10ms at the most", "12.5s"),
        ];
        assert_eq!(found, expected);
        assert_eq!(bounds(&Bounds::default(), &usage, Duration::MAX), []);
    }
}
