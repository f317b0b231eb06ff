//! What each way to tell a run looks like. These texts are read by people and parsed by programs: a change is a decision.

use super::{
    All, Report,
    json::Json,
    junit::Junit,
    samples::{self, tell},
    text::{Detail, Text},
};
use crate::testing::verdict::{Limit, Mismatch, Tried, Verdict};
use mecha_runtime::fault::Kind;

fn text(detail: Detail, colour: bool, tell: impl Fn(&mut dyn Report)) -> String {
    let mut text = vec![];
    tell(&mut Text::new(&mut text, colour, detail));
    String::from_utf8(text).unwrap()
}

fn told(tried: &Tried) -> String {
    text(Detail::default(), false, |report| {
        report.tried(tried);
        report.end(&Default::default());
    })
}

#[test]
fn a_run_as_a_person_reads_it() {
    assert_eq!(
        text(Detail::default(), false, tell),
        r#"tests/orders.yaml: 1 passed, 1 failed, 1 stopped by a limit, 1 broken
tests/refunds.yaml: 1 passed, 1 not run

FAILED  tests/orders.yaml:14  an order is taken
  response.status  at tests/orders.yaml:22:20
    expected  201
    found     500
  state.carts.7  at tests/orders.yaml:23:20
    expected
      {
        "total": 6
      }
    found
      {
        "total": 5
      }
    host calls that led there
      1  state.get carts/7         → {"total":5}
      2  state.set carts/7  (34 B) → unavailable
  printed
    shop | took \u{1b}[31morder 1

LIMIT  tests/orders.yaml:40  a long list
  `shop` used up its fuel: limited to 1,000,000 fuel
  stopped in
    shop::parse
    shop::handle
  most fuel
    900,120  serde_json::from_slice
     80,001  shop::parse
  printed
    shop | took \u{1b}[31morder 1

BROKEN  tests/orders.yaml:51  a refund
  it could not be run
    `shop` asked the output `payments`, which has no answer
    give it one in `given.outputs`
  printed
    shop | took \u{1b}[31morder 1

2 passed, 1 failed, 1 stopped by a limit, 1 broken, 1 not run, 0.31 s; fuel 2,005,665
"#
    );
}

#[test]
fn passed_cases_are_told_of_when_asked_for() {
    let passed = |report: &mut dyn Report| {
        report.tried(&samples::tried("a cart is empty", 3, Verdict::Passed));
        report.end(&Default::default());
    };
    assert_eq!(
        text(Detail { passed: true, trace: false }, false, passed),
        r"tests/orders.yaml: 1 passed
passed  tests/orders.yaml:3  a cart is empty: fuel 401,133, memory 1152.0 KiB, 2 host calls

no cases, 0.00 s; fuel 0
"
    );
    assert_eq!(
        text(Detail { passed: false, trace: true }, false, passed),
        r#"tests/orders.yaml: 1 passed
passed  tests/orders.yaml:3  a cart is empty: fuel 401,133, memory 1152.0 KiB, 2 host calls
  host calls
    1  state.get carts/7         → {"total":5}
    2  state.set carts/7  (34 B) → unavailable
    3  state.get carts/7         → not over

no cases, 0.00 s; fuel 0
"#
    );
}

#[test]
fn colour_is_only_where_it_is_wanted() {
    let coloured = text(Detail::default(), true, tell);
    assert!(
        coloured.starts_with("tests/orders.yaml: \u{1b}[32m1 passed\u{1b}[0m, \u{1b}[31m1 failed\u{1b}[0m")
    );
    assert!(coloured.contains("\n\u{1b}[31mFAILED\u{1b}[0m  tests/orders.yaml:14"));
    assert!(!text(Detail::default(), false, tell).contains('\u{1b}'));
}

#[test]
fn what_is_told_of_a_case_is_bounded() {
    let mismatch = || Mismatch {
        at: samples::span(1, 1),
        what: "state.carts".to_owned(),
        expected: "\u{7}".to_owned(),
        found: "b".to_owned(),
        // Some that are not there, too.
        steps: (0..3000).map(|i| i % 4).collect(),
    };
    let mut many = samples::tried("many", 1, Verdict::Failed((0..1000).map(|_| mismatch()).collect()));
    let line = many.seen.lines[0].clone();
    many.seen.lines =
        (0..5000).map(|_| crate::testing::seen::Line { text: "x".repeat(9000), ..line.clone() }).collect();
    let told = told(&many);
    assert!(told.len() < 100_000, "{} bytes", told.len());
    assert!(told.contains("\n      and 2,980 more\n") && told.contains("\n  and 980 more\n"), "{told}");
    assert!(told.contains("\n  printed last\n") && !told.contains('\u{7}'), "{told}");
}

#[test]
fn every_limit_is_told_in_words() {
    let cases = [
        (Kind::Fuel, "`shop` used up its fuel: limited to THAT"),
        (Kind::Memory, "`shop` needed more memory than it may have: limited to THAT"),
        (Kind::Deadline, "`shop` took longer than it may: limited to THAT"),
        (Kind::Stack, "`shop` ran out of stack: limited to THAT"),
        (Kind::Handles, "`shop` held more handles than it may: limited to THAT"),
        (Kind::Answer, "`shop` gave a larger answer than may be held: limited to THAT"),
        (Kind::Quota, "`shop` stored more than there is room for: limited to THAT"),
        (Kind::Conflict, "`shop` was run as often as it may be: limited to THAT"),
        (Kind::Busy, "`shop` hit a limit (busy): THAT"),
    ];
    for (kind, words) in cases {
        let limit =
            Limit { component: samples::shop(), kind, limit: "THAT".to_owned(), stack: vec![], top: vec![] };
        let told = told(&samples::tried("a", 1, Verdict::Limit(limit)));
        assert!(
            told.contains(&format!("\n\nLIMIT  tests/orders.yaml:1  a\n  {words}\n  printed\n")),
            "{told}"
        );
    }
}

#[test]
fn a_run_as_a_program_reads_it() {
    let mut json = vec![];
    tell(&mut Json::new(&mut json, false));
    let json = String::from_utf8(json).unwrap();
    assert_eq!(
        json,
        r#"{"case":"a cart is empty","file":"tests/orders.yaml","fuel":401133,"host-calls":2,"line":3,"memory":1179648,"output":24,"took-ms":1.5,"verdict":"passed"}
{"case":"an order is taken","file":"tests/orders.yaml","fuel":401133,"host-calls":2,"line":14,"memory":1179648,"mismatches":[{"expected":"201","found":"500","line":22,"steps":[],"what":"response.status"},{"expected":"{\n  \"total\": 6\n}","found":"{\n  \"total\": 5\n}","line":23,"steps":[0,1],"what":"state.carts.7"}],"output":24,"printed":[{"component":"shop","stream":"stderr","text":"took \u001b[31morder 1\n"}],"steps":[{"about":"carts/7","answer":"{\"total\":5}","at-ms":1000,"changes":false,"component":"shop","gave":0,"got":0,"index":0,"operation":"state.get","outcome":"ok"},{"about":"carts/7","answer":"","at-ms":1000,"changes":true,"component":"shop","gave":34,"got":0,"index":1,"operation":"state.set","outcome":"unavailable"}],"took-ms":1.5,"verdict":"failed"}
{"case":"a long list","file":"tests/orders.yaml","fuel":401133,"host-calls":2,"limit":{"component":"shop","kind":"fuel","limited-to":"1,000,000 fuel","stack":["shop::parse","shop::handle"],"top":[{"fuel":900120,"function":"serde_json::from_slice"},{"fuel":80001,"function":"shop::parse"}]},"line":40,"memory":1179648,"output":24,"printed":[{"component":"shop","stream":"stderr","text":"took \u001b[31morder 1\n"}],"took-ms":1.5,"verdict":"limit"}
{"case":"a refund","file":"tests/orders.yaml","fuel":401133,"host-calls":2,"line":51,"memory":1179648,"output":24,"printed":[{"component":"shop","stream":"stderr","text":"took \u001b[31morder 1\n"}],"took-ms":1.5,"verdict":"broken","why":"`shop` asked the output `payments`, which has no answer\ngive it one in `given.outputs`"}
{"case":"one","file":"tests/refunds.yaml","fuel":401133,"host-calls":2,"line":2,"memory":1179648,"output":24,"took-ms":1.5,"verdict":"passed"}
{"case":"two","file":"tests/refunds.yaml","line":12,"verdict":"not-run"}
{"summary":{"broken":1,"failed":1,"fuel":2005665,"limit":1,"not-run":1,"passed":2,"took-ms":309.0}}
"#
    );
}

#[test]
fn a_trace_is_in_the_json_of_every_case() {
    let mut json = vec![];
    tell(&mut Json::new(&mut json, true));
    let json = String::from_utf8(json).unwrap();
    let cases = json.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let steps: Vec<_> = cases.filter_map(|case| Some(case["steps"].as_array()?.len())).collect();
    assert_eq!(steps, [3; 5]);
}

#[test]
fn a_run_as_a_ci_server_reads_it() {
    let mut junit = Junit::new("shop");
    tell(&mut junit);
    assert_eq!(
        junit.finish().unwrap(),
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="shop" tests="6" skipped="1" failures="1" errors="2" time="0.309">
    <testsuite name="tests/orders.yaml" tests="4" skipped="0" errors="2" failures="1" time="0.006">
        <testcase name="a cart is empty" classname="tests/orders.yaml" time="0.002" file="tests/orders.yaml" line="3">
            <properties>
                <property name="fuel" value="401133"/>
                <property name="memory" value="1179648"/>
                <property name="host-calls" value="2"/>
            </properties>
        </testcase>
        <testcase name="an order is taken" classname="tests/orders.yaml" time="0.002" file="tests/orders.yaml" line="14">
            <properties>
                <property name="fuel" value="401133"/>
                <property name="memory" value="1179648"/>
                <property name="host-calls" value="2"/>
            </properties>
            <failure message="response.status: expected 201, found 500; and 1 more" type="failed">  response.status  at tests/orders.yaml:22:20
    expected  201
    found     500
  state.carts.7  at tests/orders.yaml:23:20
    expected
      {
        &quot;total&quot;: 6
      }
    found
      {
        &quot;total&quot;: 5
      }
    host calls that led there
      1  state.get carts/7         → {&quot;total&quot;:5}
      2  state.set carts/7  (34 B) → unavailable
  printed
    shop | took \u{1b}[31morder 1
</failure>
        </testcase>
        <testcase name="a long list" classname="tests/orders.yaml" time="0.002" file="tests/orders.yaml" line="40">
            <properties>
                <property name="fuel" value="401133"/>
                <property name="memory" value="1179648"/>
                <property name="host-calls" value="2"/>
            </properties>
            <error message="`shop` used up its fuel: limited to 1,000,000 fuel" type="limit">  `shop` used up its fuel: limited to 1,000,000 fuel
  stopped in
    shop::parse
    shop::handle
  most fuel
    900,120  serde_json::from_slice
     80,001  shop::parse
  printed
    shop | took \u{1b}[31morder 1
</error>
        </testcase>
        <testcase name="a refund" classname="tests/orders.yaml" time="0.002" file="tests/orders.yaml" line="51">
            <properties>
                <property name="fuel" value="401133"/>
                <property name="memory" value="1179648"/>
                <property name="host-calls" value="2"/>
            </properties>
            <error message="it could not be run: `shop` asked the output `payments`, which has no answer…" type="broken">  it could not be run
    `shop` asked the output `payments`, which has no answer
    give it one in `given.outputs`
  printed
    shop | took \u{1b}[31morder 1
</error>
        </testcase>
    </testsuite>
    <testsuite name="tests/refunds.yaml" tests="2" skipped="1" errors="0" failures="0" time="0.002">
        <testcase name="one" classname="tests/refunds.yaml" time="0.002" file="tests/refunds.yaml" line="2">
            <properties>
                <property name="fuel" value="401133"/>
                <property name="memory" value="1179648"/>
                <property name="host-calls" value="2"/>
            </properties>
        </testcase>
        <testcase name="two" classname="tests/refunds.yaml" file="tests/refunds.yaml" line="12">
            <skipped message="not begun: another case had failed"/>
        </testcase>
    </testsuite>
</testsuites>
"#
    );
}

#[test]
fn several_reports_are_told_the_same() {
    let (mut first, mut second) = (vec![], vec![]);
    let (mut one, mut two) = (Json::new(&mut first, false), Json::new(&mut second, false));
    tell(&mut All(vec![&mut one, &mut two]));
    assert!(!first.is_empty());
    assert_eq!(first, second);
}
