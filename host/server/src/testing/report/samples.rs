//! Cases that ended in each way there is, for the tests of what is told of them.

use std::{sync::Arc, time::Duration};

use mecha_manifest::{
    Span,
    suite::{Action, Bounds, Case, Expected, Given, Step, Suite},
};
use mecha_primitives::{clock::Timestamp, identity::Trigger, name};
use mecha_runtime::fault::Kind;

use crate::testing::{
    run::Summary,
    seen::{Call, End, HostCall, Line, Seen},
    verdict::{Limit, Mismatch, Tried, Usage, Verdict},
};

pub fn shop() -> name::Component {
    name::Component::new("shop").unwrap()
}

pub fn span(line: u32, column: u32) -> Span {
    Span { line, column }
}

pub fn tried(case: &str, line: u32, verdict: Verdict) -> Tried {
    Tried {
        file: "tests/orders.yaml".to_owned(),
        case: case.to_owned(),
        at: span(line, 3),
        verdict,
        seen: seen(),
        usage: Usage { fuel: 401_133, memory: 1_179_648, host_calls: 2, output: 24 },
        notes: vec![],
        took: Duration::from_micros(1500),
    }
}

fn seen() -> Seen {
    let step = |verb, outcome, gave, answer: &str| HostCall {
        call: 0,
        primitive: "state",
        verb,
        about: "carts/7".to_owned(),
        changes: verb == "set",
        outcome,
        gave,
        got: 0,
        answer: answer.to_owned(),
        at: Timestamp(1_000),
    };
    Seen {
        calls: vec![Call {
            component: shop(),
            trigger: Trigger::Http,
            attempt: 1,
            end: End::Failed(Kind::Trap, Arc::from("unreachable")),
            fuel: 401_133,
            memory: 1_179_648,
        }],
        steps: vec![
            step("get", Some("ok"), 0, "{\"total\":5}"),
            step("set", Some("unavailable"), 34, ""),
            step("get", None, 0, ""),
        ],
        lines: vec![Line {
            component: shop(),
            stream: "stderr",
            text: "took \u{1b}[31morder 1\n".to_owned(),
        }],
        ..Seen::default()
    }
}

pub fn failed() -> Tried {
    let mismatches = vec![
        Mismatch {
            at: span(22, 20),
            what: "response.status".to_owned(),
            expected: "201".to_owned(),
            found: "500".to_owned(),
            steps: vec![],
        },
        Mismatch {
            at: span(23, 20),
            what: "state.carts.7".to_owned(),
            expected: "{\n  \"total\": 6\n}".to_owned(),
            found: "{\n  \"total\": 5\n}".to_owned(),
            steps: vec![0, 1],
        },
    ];
    tried("an order is taken", 14, Verdict::Failed(mismatches))
}

pub fn limited() -> Tried {
    let limit = Limit {
        component: shop(),
        kind: Kind::Fuel,
        limit: "1,000,000 fuel".to_owned(),
        stack: vec!["shop::parse".to_owned(), "shop::handle".to_owned()],
        top: vec![("serde_json::from_slice".to_owned(), 900_120), ("shop::parse".to_owned(), 80_001)],
    };
    tried("a long list", 40, Verdict::Limit(limit))
}

pub fn broken() -> Tried {
    let why = "`shop` asked the output `payments`, which has no answer\ngive it one in `given.outputs`";
    tried("a refund", 51, Verdict::Broken(why.to_owned()))
}

pub fn suite(file: &str, cases: &[&str]) -> Suite {
    let case = |(i, name): (usize, &&str)| Case {
        name: (*name).to_owned(),
        at: span(2 + 10 * u32::try_from(i).unwrap(), 3),
        given: Given {
            clock: Timestamp(0),
            seed: 0,
            state: vec![],
            env: vec![],
            secrets: vec![],
            outputs: vec![],
            upstream: vec![],
            callees: vec![],
            faults: vec![],
        },
        when: vec![Step { at: span(3, 5), action: Action::Wait(Duration::ZERO), then: None }],
        then: Expected::default(),
        within: Bounds::default(),
    };
    Suite { file: file.to_owned(), cases: cases.iter().enumerate().map(case).collect() }
}

/// Tells of a case of each kind, in two files.
pub fn tell(report: &mut dyn super::Report) {
    let other = suite("tests/refunds.yaml", &["one", "two"]);
    report.begin(6);
    report.tried(&tried("a cart is empty", 3, Verdict::Passed));
    for tried in [failed(), limited(), broken()] {
        report.tried(&tried);
    }
    let passed = Tried { file: other.file.clone(), ..tried("one", 2, Verdict::Passed) };
    report.tried(&passed);
    report.not_run(&other, &other.cases[1]);
    report.end(&Summary {
        passed: 2,
        failed: 1,
        limits: 1,
        broken: 1,
        not_run: 1,
        took: Duration::from_millis(309),
        fuel: 2_005_665,
    });
}
