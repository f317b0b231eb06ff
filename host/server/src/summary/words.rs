//! Values as people read them.

use std::{fmt::Display, time::Duration};

use mecha_manifest::{Allowed, Route};

/// Bytes.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        _ if bytes >= 1 << 30 && bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes >= 10 << 20 => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
        _ if bytes >= 1 << 10 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{bytes} B"),
    }
}

/// A duration in the manifest's own units: the largest that it is a multiple of.
pub(super) fn duration(duration: Duration) -> String {
    const UNITS: &[(u128, &str)] =
        &[(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    let millis = duration.as_millis();
    match UNITS.iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None => format!("{duration:?}"),
    }
}

pub(super) fn joined(items: impl IntoIterator<Item = impl Display>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// `all` things, or their names.
pub(super) fn allowed(allowed: &Allowed, all: &str) -> String {
    match allowed {
        Allowed::All => all.to_owned(),
        Allowed::Only(names) => joined(names.iter().map(|name| &name.value)),
    }
}

pub(super) fn route(route: &Route) -> String {
    let host = route.host.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{host}{}", route.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_as_they_are_written() {
        for (millis, shown) in [
            (0, "0ns"),
            (7, "7ms"),
            (1500, "1500ms"),
            (30_000, "30s"),
            (300_000, "5m"),
            (7_200_000, "2h"),
            (90_000, "90s"),
            (604_800_000, "7d"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), shown);
        }
    }

    #[test]
    fn sizes() {
        let sizes = [
            (0, "0 B"),
            (1536, "1.5 KiB"),
            (64 << 20, "64 MiB"),
            (3 << 30, "3 GiB"),
            (25_000_000, "23.8 MiB"),
        ];
        for (bytes, shown) in sizes {
            assert_eq!(size(bytes), shown);
        }
    }
}
