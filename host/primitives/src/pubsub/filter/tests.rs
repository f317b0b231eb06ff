//! What is refused, what matches, and what it costs.

use super::*;
use crate::pubsub::event::{Draft, Event};

fn event(kind: &str, data: &str) -> Event {
    let draft = Draft {
        id: Some("1".into()),
        source: Some("/shop".into()),
        kind: Some(kind.into()),
        extensions: vec![("tier".into(), "gold".into())],
        data: (!data.is_empty()).then(|| data.to_owned().into()),
        ..Draft::default()
    };
    draft.check().unwrap()
}

fn judge(filter: &str, event: &Event) -> Verdict {
    let parsed = Filter::parse(filter).unwrap_or_else(|wrong| panic!("{filter}: {wrong}"));
    parsed.matches(&Facts::new(event, "orders.placed"))
}

#[test]
fn filters_tell_events_apart() {
    let data = r#"{"total":150,"price":1.5,"lines":[{"sku":"a","n":2},{"sku":"b","n":0}],"vip":true,"none":null,"tags":["x"]}"#;
    let event = event("order.placed", data);
    let yes = [
        r#"event.type == "order.placed" && data.total > 100"#,
        r#"event.type in ["a", "order.placed"]"#,
        r#"event.tier == "gold" && event["source"] == "/shop""#,
        r#"!has(event.subject) && has(event.tier) && has(data.total) && !has(data.x)"#,
        r#""tier" in event && !("subject" in event)"#,
        r#"topic.startsWith("orders.") && topic.matches("^orders\\.[a-z]+$")"#,
        "data.vip",
        "data.none == null",
        "data.price < 2 && data.total == 150.0 && data.total >= 1u && data.price * 2.0 == 3.0",
        "data.lines.exists(line, line.n == 0) && data.lines.all(l, l.n < 3)",
        "data.lines.exists_one(l, l.n > 0) && size(data.lines.filter(l, l.n > 0)) == 1",
        r#"data.lines.map(l, l.sku) == ["a", "b"] && "x" in data.tags"#,
        r#"event.specversion == "1.0" ? data.total % 50 == 0 : false"#,
        r#"size(event.type) == 12 && int(event.id) + 1 == 2 && string(data.total) == "150""#,
        r#"data.missing == 1 || event.type == "order.placed""#,
    ];
    for filter in yes {
        assert_eq!(judge(filter, &event), Verdict::Yes, "{filter}");
    }
    for filter in [
        r#"event.type == "x""#,
        "data.total > 150",
        r#"data.missing && topic == "x""#,
        r#"data.total == "150""#,
    ] {
        assert_eq!(judge(filter, &event), Verdict::No, "{filter}");
    }
    for filter in [
        "data.missing > 1",
        r#"event.subject == "a""#,
        "data.total",
        "data.lines > 5",
        "data[0] == 1",
        "1 / (data.total - 150) == 1",
    ] {
        assert!(matches!(judge(filter, &event), Verdict::Failed(_)), "{filter}");
    }
}

#[test]
fn what_cannot_work_is_refused() {
    let long = format!("event.type == \"{}\"", "x".repeat(MAX_EXPRESSION));
    let cases = [
        ("", "the expression is empty"),
        (&long, "it has at most 4096"),
        ("event.type ==", "no expression of CEL"),
        ("event.type = 'a'", "no expression of CEL"),
        ("total > 5", "no variable `total`"),
        (".event.type == 'a'", "no variable"),
        ("foo(event.type)", "no function `foo`"),
        ("event.type.foo('a')", "no function `foo`"),
        ("timestamp(event.time) < timestamp('2026-01-01T00:00:00Z')", "no function `timestamp`"),
        ("true", "`true` is the same for every event"),
        ("1 + 2 == 3", "`1 + 2 == 3` is the same for every event"),
        ("[1].exists(x, x == 1)", "is the same for every event"),
        ("event.type == 'a' || true", "`true` beside `||` is the same"),
        ("event.type", "`event.type` is a string, not true or false"),
        ("data.a + 1", "`data.a + 1` is a number, not true or false"),
        ("size(data)", "`size(data)` is a number"),
        ("data.map(x, x)", "is a list, not true or false"),
        ("event", "`event` alone is no value"),
        ("event == data", "`event` alone is no value"),
        ("event.specversion == 1.0", "`event.specversion == 1.0` compares a string with a number"),
        ("event.subject == null", "compares a string with null"),
        ("event.id > 5", "`event.id > 5` compares a string with a number"),
        ("event.type in [1, 2]", "where `1` is a number"),
        ("event.type in []", "nothing is in an empty list"),
        ("'a' in event.type", "`event.type` is a string: nothing is in it"),
        ("event.type && data.a", "`event.type` is a string, which `&&` cannot take"),
        ("!event.type", "which `!` cannot take"),
        ("data.a || 'x'", "`\"x\"` is a string, which `||` cannot take"),
        ("data.a == 1 + 'a'", "`1 + \"a\"` mixes types"),
        ("data.a == 1 + 1.5", "`1 + 1.5` mixes types"),
        ("data.a < [1]", "`[1]` is a list and has no order"),
        ("event.time - 5 == data.a", "`event.time` is a string, which `-` cannot take"),
        ("event.Type == 'a'", "no event can have an attribute `Type`"),
        ("event.my_ext == 'a'", "no event can have an attribute `my_ext`"),
        ("event.data == 'a'", "no event can have an attribute `data`"),
        ("event['x y'] == 'a'", "no event can have an attribute `x y`"),
        ("has(event.my_ext)", "no event can have an attribute `my_ext`"),
        ("event[topic] == 'a'", "an attribute's name is a string"),
        ("event.type.name == 'a'", "`event.type` is a string and has no members"),
        ("event.type.matches(data.p)", "the pattern `data.p` is no string literal"),
        ("event.type.matches('(')", "no regular expression"),
        ("event.type.exists(x, x == 'a')", "is a string, not a list"),
        ("data.all(x, x.all(y, y))", "cannot be within another"),
        ("data.all(event, event.a)", "`event` cannot be a variable"),
        ("data == Foo{a: 1}", "no message types"),
    ];
    for (filter, expected) in cases {
        let wrong = Filter::parse(filter).expect_err(filter);
        assert!(wrong.message.contains(expected), "{filter}\n{}\nis not: {expected}", wrong.message);
        assert!(wrong.at.is_none_or(|at| at <= filter.len()), "{filter}: {:?}", wrong.at);
    }
    assert_eq!(Filter::parse("event.type == 'a' && total > 5").unwrap_err().at, Some(21));
    assert_eq!(Filter::parse("event.type == ").unwrap_err().at, Some(14));
}

#[test]
fn hostile_expressions_are_refused_and_not_suffered() {
    let times = |text: &str, n| text.repeat(n);
    let hostile = [
        format!("{}data{}", times("(", 2000), times(")", 2000)),
        format!("{}data{}", times("[", 2000), times("]", 2000)),
        format!("data{} == 1", times(".a", 2000)),
        format!("data{} == 1", times("[0]", 1300)),
        format!("data == 1{}", times("+1", 2000)),
        format!("data == {}1", times("-", 4000)),
        format!("{}data.x.x", times("!", 4000)),
        format!("{}data", times("data?1:", 580)),
        times("(", 4000),
        times("a.", 2000),
        times("\\", 4000),
        times("'", 4001),
        "\u{0}".into(),
    ];
    for text in hostile {
        _ = Filter::parse(&text);
    }
    let many: Vec<_> = (0..60).map(|n| format!("event.type != 'a{n}'")).collect();
    let filter = many.join(" && ");
    assert_eq!(judge(&filter, &event("x", "")), Verdict::Yes);
}

#[test]
fn hostile_events_fail_and_no_more() {
    let deep = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    let deeper = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let wide = format!("[{}1]", "1,".repeat(100_000));
    let filters =
        ["data.a == 1", "data == data", "data.all(x, x == data)", "data.exists(x, x > 1)", "data < 5"];
    for data in [&deep, &deeper, &wide, "{", "\"\\ud800\"", "1e999", "{\"a\":1,\"a\":2}"] {
        for filter in filters {
            if data == wide && filter.contains("== data)") {
                continue;
            }
            match judge(filter, &event("t", data)) {
                Verdict::Failed(reason) => assert!(reason.len() < 300, "{reason}"),
                Verdict::Yes | Verdict::No => {}
            }
        }
    }
    assert_eq!(judge("data.a == 1", &event("t", "{")), Verdict::Failed("the event has no JSON data".into()));
    let text = Draft { content_type: Some("text/plain".into()), ..event("t", "{}").into_draft() };
    assert!(matches!(judge("data.a == 1", &text.check().unwrap()), Verdict::Failed(_)));
}

#[test]
fn data_is_read_at_most_once_and_only_if_it_is_asked_for() {
    let event = event("order.placed", r#"{"total":150}"#);
    let facts = Facts::new(&event, "orders");
    let attributes = Filter::parse("event.type == 'order.placed' && topic == 'orders'").unwrap();
    assert!(!attributes.reads_data());
    assert_eq!(attributes.matches(&facts), Verdict::Yes);
    assert!(!facts.has_parsed());
    let data = Filter::parse("data.total == 150").unwrap();
    assert!(data.reads_data());
    assert_eq!(data.matches(&facts), Verdict::Yes);
    assert!(facts.has_parsed());
    assert_eq!(data.to_string(), "data.total == 150");
    fn is_shared<T: Send + Sync + Clone>(_: &T) {}
    is_shared(&data);
}

#[test]
fn what_a_filter_requires_is_found() {
    let one = |attribute: &str, values: &[&str]| Requirement {
        attribute: attribute.into(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    };
    let cases = [
        ("event.type == 'x'", vec![one("type", &["x"])]),
        ("'x' == event.type && data.a > 1", vec![one("type", &["x"])]),
        (
            "data.a > 1 && (event['type'] in ['x', 'y'] && event.tier == 'z')",
            vec![one("type", &["x", "y"]), one("tier", &["z"])],
        ),
        ("event.type == 'x' || data.a > 1", vec![]),
        ("!(event.type == 'x')", vec![]),
        ("event.type != 'x'", vec![]),
        ("event.type == topic", vec![]),
        ("data.type == 'x'", vec![]),
        ("data.all(x, event.type == 'x')", vec![]),
    ];
    for (filter, expected) in cases {
        assert_eq!(Filter::parse(filter).unwrap().requires(), expected, "{filter}");
    }
}

#[test]
fn a_thousand_filters_that_cannot_match_are_not_evaluated() {
    let parse = |text: String| Some(Filter::parse(&text).unwrap());
    let mut entries: Vec<_> =
        (0..500).map(|n| (parse(format!("event.type == 'other.{n}' && data.a == {n}")), n)).collect();
    entries.extend((500..1000).map(|n| (parse(format!("event.source == '/s/{n}'")), n)));
    entries.push((None, 1000));
    entries.push((parse("data.total > 100".into()), 1001));
    entries.push((parse("event.type in ['order.placed', 'order.placed', 'x']".into()), 1002));
    entries.push((parse("event.tier == 'silver'".into()), 1003));
    entries.push((parse("data.missing > 1".into()), 1004));
    let index = FilterIndex::new(entries);
    let event = event("order.placed", r#"{"total":150}"#);
    let candidates: Vec<_> = index.candidates(&event).map(|(_, n)| *n).collect();
    assert_eq!(candidates, [1000, 1001, 1002, 1004]);
    let facts = Facts::new(&event, "orders");
    let matching: Vec<_> = index.matching(&facts).collect();
    let yes: Vec<_> =
        matching.iter().filter(|(_, verdict)| *verdict == Verdict::Yes).map(|(n, _)| **n).collect();
    assert_eq!((yes, matching.len()), (vec![1000, 1001, 1002], 4));
    // What is passed over would not have matched.
    for (filter, n) in index.entries().iter().filter(|(_, n)| !candidates.contains(n)) {
        assert_ne!(filter.as_ref().unwrap().matches(&facts), Verdict::Yes, "{n}");
    }
}
