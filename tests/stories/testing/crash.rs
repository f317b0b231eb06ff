//! What is left of a host that dies within a case: that which is on its disk.

use mecha_tests::host::App;

use super::passes;

const BANK: &str = "
name: bank
components:
  teller:
    source: '{guests}/teller.wasm'
    http: [/, { host: atomic, path: /, atomic: true }]
    stores: { main: read-write }
  receiver: { source: '{guests}/teller.wasm', stores: { main: read-write } }
stores: { main: { embedded: {}, shared: true } }
topics: { news: embedded }
subscriptions:
  all: { topic: news, to: receiver, retry: { attempts: 5, min: 1m, max: 1h } }
";

/// The call that the crash cut off may count as a fault: what is meant here is what is left.
const CASES: &str = r#"
cases:
  between two writes of a plain call:
    given: { faults: [{ at: state.set, nth: 2, with: crash-before }] }
    when: { request: POST /, body: [{ do: set, key: a, value: "1" }, { do: set, key: b, value: "2" }] }
    then: { state: { main: { a: 1, $exactly: true } }, faults: { $includes: [] } }
  between two writes of an atomic call:
    given: { faults: [{ at: state.set, nth: 2, with: crash-before }] }
    when: { request: POST http://atomic/, body: [{ do: set, key: a, value: "1" }, { do: set, key: b, value: "2" }] }
    then: { state: { main: { $exactly: true } }, faults: { $includes: [] } }
  after the last write of a plain call:
    given: { faults: [{ at: state.set, nth: 2, with: crash-after }] }
    when: { request: POST /, body: [{ do: set, key: a, value: "1" }, { do: set, key: b, value: "2" }] }
    then: { state: { main: { a: 1, b: 2, $exactly: true } }, faults: { $includes: [] } }
  an event comes again:
    given: { faults: [{ at: state.increment, with: crash-after }] }
    when: [{ event: news, data: [{ do: increment, key: n, by: 1 }] }, { wait: 1h }]
    then: { state: { main: { n: 2 } }, faults: { $includes: [] } }
"#;

#[test]
fn a_crash_leaves_of_a_plain_call_what_it_wrote_and_of_an_atomic_one_nothing() {
    passes(&App::new(BANK).with_file("tests/all.yaml", CASES), &[]);
}
