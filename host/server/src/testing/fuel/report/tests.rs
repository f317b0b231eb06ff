//! What each report looks like.

use super::{
    super::recording::tests::{recording as recorded, used},
    *,
};

fn before() -> Recording {
    recorded(
        "aa",
        &[
            ("orders / a bad order is refused", used(9_000, &[("serde_json::de::from_slice", 9_000)])),
            (
                "orders / an order is taken",
                used(120_400, &[("serde_json::de::from_slice", 16_400), ("shop::handle", 80_000)]),
            ),
            ("orders / it was", used(7, &[])),
            ("orders / no order is lost", used(2_000, &[("shop::handle", 2_000)])),
        ],
    )
}

fn after() -> Recording {
    recorded(
        "bb",
        &[
            ("orders / a bad order is refused", used(8_100, &[("serde_json::de::from_slice", 8_100)])),
            (
                "orders / an order is taken",
                used(128_000, &[("serde_json::de::from_slice", 24_000), ("shop::handle", 80_000)]),
            ),
            ("orders / it will be", used(1_203, &[])),
            ("orders / no order is lost", used(2_000, &[("shop::handle", 2_000)])),
        ],
    )
}

#[test]
fn a_recording_is_a_table() {
    let report = recording(&after());
    assert_eq!(
        report.text(),
        "\
CASE                                FUEL      MEMORY  HOST CALLS  MOST IN
orders / a bad order is refused    8,100  1152.0 KiB           4  serde_json::de::from_slice   8,100
orders / an order is taken       128,000  1152.0 KiB           4  shop::handle                80,000
orders / it will be                1,203  1152.0 KiB           4
orders / no order is lost          2,000  1152.0 KiB           4  shop::handle                 2,000

139,303 in 4 cases
recorded with wasmtime 48.0.8
"
    );
    assert_eq!(report.value, serde_json::from_str::<Value>(&after().text().unwrap()).unwrap());
}

#[test]
fn a_difference_is_a_table() {
    let (before, after) = (before(), after());
    assert_eq!(
        difference(&Difference::new(&before, &after)).text(),
        "\
CASE                              BEFORE    AFTER   CHANGE           GROWS MOST                      BY
orders / an order is taken       120,400  128,000   +7,600   +6.3 %  serde_json::de::from_slice  +7,600
orders / a bad order is refused    9,000    8,100     -900  -10.0 %
orders / it will be                         1,203      new
orders / it was                        7           removed

1 case grew, 1 shrank, 1 is new, 1 is removed, 1 is unchanged
together 131,400 → 138,100 (+6,700, +5.1 %), of 3 cases
1 component changed: shop
"
    );
}

#[test]
fn a_difference_is_a_comment_of_a_pull_request() {
    let (before, after) = (before(), after());
    assert_eq!(
        difference(&Difference::new(&before, &after)).markdown(),
        "\
### Fuel: 1 case grew, 1 shrank, 1 is new, 1 is removed, 1 is unchanged

| case | before | after | change |  | grows most | by |
| --- | --: | --: | --: | --: | --- | --: |
| `orders / an order is taken` | 120,400 | 128,000 | +7,600 | +6.3 % | `serde_json::de::from_slice` | +7,600 |
| `orders / a bad order is refused` | 9,000 | 8,100 | -900 | -10.0 % |  |  |
| `orders / it will be` |  | 1,203 | new |  |  |  |
| `orders / it was` | 7 |  | removed |  |  |  |

- together 131,400 → 138,100 (+6,700, +5.1 %), of 3 cases
- 1 component changed: shop
"
    );
}

#[test]
fn where_nothing_changed_that_is_all_that_is_said() {
    let same = before();
    let report = difference(&Difference::new(&same, &same));
    assert_eq!(report.text(), "4 cases are unchanged\nno component changed\n");
    assert_eq!(report.markdown(), "### Fuel: 4 cases are unchanged\n\n- no component changed\n");
    let nothing = recorded("aa", &[]);
    assert_eq!(difference(&Difference::new(&nothing, &nothing)).head, "no cases");
}

#[test]
fn a_difference_is_data() {
    let (before, after) = (before(), after());
    let value = difference(&Difference::new(&before, &after)).value;
    let cases: Vec<_> =
        value["cases"].as_array().unwrap().iter().map(|case| case["case"].as_str().unwrap()).collect();
    let names = ["an order is taken", "a bad order is refused", "no order is lost", "it will be", "it was"];
    assert_eq!(cases, names.map(|name| format!("orders / {name}")));
    assert_eq!(
        value["cases"][0],
        json!({
            "case": "orders / an order is taken",
            "before": { "fuel": 120_400, "memory": 1_179_648, "host-calls": 4 },
            "after": { "fuel": 128_000, "memory": 1_179_648, "host-calls": 4 },
            "grew-most": {
                "component": "shop", "function": "serde_json::de::from_slice", "before": 16_400, "after": 24_000,
            },
        })
    );
    assert_eq!(value["cases"][3]["before"], Value::Null);
    assert_eq!(value["after"]["components"]["shop"], "bb");
}

#[test]
fn a_case_is_shown_by_function() {
    const CASE: &str = "orders / an order is taken";
    let (before, after) = (before(), after());
    assert_eq!(
        case(CASE, &after.cases[CASE]).text(),
        "\
FUNCTION                      FUEL
shop::handle                80,000  62.5 %
serde_json::de::from_slice  24,000  18.8 %
(others)                    24,000  18.8 %

128,000 in `orders / an order is taken`
a function's fuel is known to about 1,280 (from 100 samples)
"
    );
    assert_eq!(
        case_difference(CASE, &before.cases[CASE], &after.cases[CASE]).markdown(),
        "\
### Fuel: 120,400 → 128,000 (+6.3 %) in `orders / an order is taken`

| function | before | after | change |  |
| --- | --: | --: | --: | --: |
| `serde_json::de::from_slice` | 16,400 | 24,000 | +7,600 | +46.3 % |
| `shop::handle` | 80,000 | 80,000 | 0 | +0.0 % |
| `(others)` | 24,000 | 24,000 | 0 | +0.0 % |

- a function's fuel is known to about 1,280 (from 100 samples)
"
    );
    let plain = used(7, &[]);
    assert_eq!(case("a / b", &plain).text(), "7 in `a / b`\nwhere the fuel went is not recorded\n");
    let report = case_difference("a / b", &plain, &used(9, &[]));
    assert_eq!(report.text(), "7 → 9 (+28.6 %) in `a / b`\nwhere the fuel went is not recorded\n");
}

#[test]
fn names_of_others_are_no_markup_and_a_comment_has_an_end() {
    let evil = "a`|<img src=x>\n\u{1b}[2J";
    let cases: Vec<_> = (0..150).map(|index| (format!("{evil}{index:03}"), index)).collect();
    let recording = |version, more: u64| {
        let cases: Vec<_> =
            cases.iter().map(|(case, fuel)| (case.as_str(), used(1000 + fuel + more, &[]))).collect();
        recorded(version, &cases)
    };
    let (before, after) = (recording("aa", 0), recording("<b>*", 5));
    let mut report = difference(&Difference::new(&before, &after));
    report.notes.push("1 component changed: <b>_a_".to_owned());
    let markdown = report.markdown();
    let first = "| `a'\\|<img src=x>\u{fffd}\u{fffd}[2J000` | 1,000 | 1,005 |";
    assert!(markdown.contains(first), "{markdown}");
    assert!(markdown.contains("\nand 50 cases more\n"), "{markdown}");
    assert!(markdown.ends_with("- 1 component changed: &lt;b>\\_a\\_\n"), "{markdown}");
    assert!(markdown.len() < 20_000);
    assert!(!report.text().contains('\u{1b}'));
}
