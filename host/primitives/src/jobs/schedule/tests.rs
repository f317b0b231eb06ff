//! Tables of what is due when.

use super::*;

fn at(text: &str) -> Timestamp {
    Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond().try_into().unwrap())
}

fn due(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::cron(expression, Some(zone)).unwrap();
    let mut times = vec![];
    let mut after = at(after);
    for _ in 0..count {
        after = schedule.next_after(Timestamp(0), after).unwrap();
        times.push(jiff::Timestamp::from_millisecond(after.0.try_into().unwrap()).unwrap().to_string());
    }
    times
}

/// (expression, zone, after, times that are due then), in UTC.
type Case = (&'static str, &'static str, &'static str, &'static [&'static str]);

const BERLIN: &str = "Europe/Berlin";

#[test]
fn the_clocks_change() {
    let cases: &[Case] = &[
        // Spring: 02:00 to 03:00 is left out at 01:00 UTC.
        (
            "30 2 * * *",
            BERLIN,
            "2026-03-28T00:00:00Z",
            &["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"],
        ),
        ("0,30 2 * * *", BERLIN, "2026-03-29T00:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]),
        ("0 2,3 * * *", BERLIN, "2026-03-29T00:00:00Z", &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"]),
        ("30 * * * *", BERLIN, "2026-03-29T00:00:00Z", &["2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"]),
        (
            "0 * * * *",
            BERLIN,
            "2026-03-28T23:30:00Z",
            &["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"],
        ),
        (
            "* * * * *",
            BERLIN,
            "2026-03-29T00:58:00Z",
            &["2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:01:00Z"],
        ),
        ("*/30 2 * * *", BERLIN, "2026-03-29T00:00:00Z", &["2026-03-30T00:00:00Z"]),
        // Autumn: 02:00 to 03:00 comes twice, from 00:00 UTC and from 01:00 UTC.
        ("30 2 * * *", BERLIN, "2026-10-25T00:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        ("30 2 * * *", BERLIN, "2026-10-25T00:30:00Z", &["2026-10-26T01:30:00Z"]),
        ("30 2 * * *", BERLIN, "2026-10-25T01:15:00Z", &["2026-10-26T01:30:00Z"]),
        (
            "30 * * * *",
            BERLIN,
            "2026-10-25T00:00:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"],
        ),
        (
            "0 * * * *",
            BERLIN,
            "2026-10-24T23:30:00Z",
            &["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"],
        ),
        ("* * * * *", BERLIN, "2026-10-25T00:58:00Z", &["2026-10-25T00:59:00Z", "2026-10-25T01:00:00Z"]),
        (
            "*/30 2 * * *",
            BERLIN,
            "2026-10-25T00:10:00Z",
            &["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:00:00Z"],
        ),
        // Midnight was left out.
        (
            "0 0 * * *",
            "America/Sao_Paulo",
            "2018-11-03T12:00:00Z",
            &["2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"],
        ),
        ("0 0 * * *", "America/Sao_Paulo", "2026-11-03T12:00:00Z", &["2026-11-04T03:00:00Z"]),
        // A whole day was left out.
        (
            "0 12 * * *",
            "Pacific/Apia",
            "2011-12-29T23:00:00Z",
            &["2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"],
        ),
    ];
    for (expression, zone, after, expected) in cases {
        assert_eq!(due(expression, zone, after, expected.len()), *expected, "{expression} after {after}");
    }
}

#[test]
fn a_calendar_has_its_ways() {
    let cases: &[Case] = &[
        ("0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        ("0 0 L * *", "UTC", "2026-01-31T00:00:00Z", &["2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"]),
        ("0 9 * * *", "Asia/Kathmandu", "2026-01-01T00:00:00Z", &["2026-01-01T03:15:00Z"]),
        ("0 * * * *", "Asia/Kathmandu", "2026-01-01T00:00:00Z", &["2026-01-01T00:15:00Z"]),
        ("*/15 * * * * *", "UTC", "2026-01-01T00:00:00.001Z", &["2026-01-01T00:00:15Z"]),
        ("0 0 29 2 *", BERLIN, "2096-03-01T00:00:00Z", &["2104-02-28T23:00:00Z"]),
        ("0 12 * * *", "europe/berlin", "2026-01-01T00:00:00Z", &["2026-01-01T11:00:00Z"]),
    ];
    for (expression, zone, after, expected) in cases {
        assert_eq!(due(expression, zone, after, expected.len()), *expected, "{expression} after {after}");
    }
}

#[test]
fn what_never_fires_is_found_out() {
    let never =
        |text: &str, zone| Schedule::cron(text, zone).unwrap().never_fires(at("2026-01-01T00:00:00Z"));
    assert!(never("0 0 30 2 *", Some(BERLIN)));
    assert!(never("* * 31 2,4 *", Some("Africa/Casablanca")));
    assert!(!never("0 0 29 2 *", None));
    let daily = Schedule::cron("* * * * *", None).unwrap();
    for late in [253_402_300_799_000, i64::MAX as u64, u64::MAX] {
        assert_eq!(daily.next_after(Timestamp(0), Timestamp(late)), None, "{late}");
    }
    assert!(Schedule::interval(Duration::MAX, None).unwrap().never_fires(Timestamp(1)));
}

#[test]
fn what_is_no_schedule_is_refused() {
    assert_eq!(Schedule::cron("* * * * *", Some("Mars/Olympus")), Err(Invalid::Zone("Mars/Olympus".into())));
    assert!(matches!(Schedule::cron("* * * * *", Some(&"x".repeat(1000))), Err(Invalid::Zone(_))));
    assert!(matches!(Schedule::cron("* * * * *", Some("")), Err(Invalid::Zone(_))));
    assert_eq!(Schedule::interval(Duration::from_micros(10), None), Err(Invalid::Interval));
}

#[test]
fn intervals_begin_somewhere() {
    let every =
        |first: Option<u64>| Schedule::interval(Duration::from_millis(10), first.map(Timestamp)).unwrap();
    let cases = [
        (every(None), 100, Some(110)),
        (every(Some(3)), 100, Some(103)),
        (every(Some(200)), 100, Some(200)),
        (every(Some(100)), 100, Some(100)),
        (Schedule::At(Timestamp(5)), 100, Some(5)),
        (Schedule::After(Duration::from_millis(5)), 100, Some(105)),
    ];
    for (schedule, since, expected) in cases {
        assert_eq!(schedule.first(Timestamp(since)), expected.map(Timestamp), "{schedule}");
    }
    assert_eq!(every(None).next_after(Timestamp(100), Timestamp(110)), Some(Timestamp(120)));
    assert_eq!(Schedule::At(Timestamp(5)).next_after(Timestamp(0), Timestamp(5)), None);
}

#[test]
fn the_newest_is_found_without_counting() {
    let january = Schedule::cron("* * * 1 *", None).unwrap();
    let newest = january.newest(Timestamp(0), at("2020-01-01T00:00:00Z"), at("2026-07-01T00:00:00Z"));
    assert_eq!(newest, at("2026-01-31T23:59:00Z"));
    let every = Schedule::interval(Duration::from_millis(7), None).unwrap();
    for now in 7..60 {
        assert_eq!(every.newest(Timestamp(0), Timestamp(7), Timestamp(now)), Timestamp(now / 7 * 7));
    }
}
