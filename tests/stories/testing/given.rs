//! What stands in for the world outside.

use mecha_tests::host::App;

use super::{passes, test, verdicts};

const BANK: &str = "
name: bank
components:
  teller:
    source: '{guests}/teller.wasm'
    http: [/, { path: /keyed, idempotency: true, atomic: true }]
    stores: { main: read-write }
    invoke: { friend: { methods: all, outside: allow } }
    outputs: { payments: { operations: [post], outside: allow } }
    outbound: [{ host: 'http://api.example.com', outside: allow }]
  friend: { source: '{guests}/teller.wasm', callers: { teller: all }, stores: { main: read-write } }
  probe: { source: '{guests}/probe.wasm', http: [{ host: probe, path: / }], env: { SHOP: a, KEY: '${env:SHOP_KEY}' } }
stores: { main: { embedded: {}, shared: true } }
inputs:
  inbox: { file: { directory: ./inbox, failed: ./failed }, to: teller }
  hook: { http: { path: /hook, signature: { secret: '${env:HOOK}' } }, to: teller }
outputs:
  payments: { http: { url: https://pay.example.com/charges } }
";

fn bank(cases: &str) -> App {
    App::new(BANK)
        .with_file("inbox/.keep", "")
        .with_file("failed/.keep", "")
        .with_file("tests/all.yaml", cases)
}

/// Its secrets are the case's own: none is set where the tests run.
const CASES: &str = r#"
defaults:
  given: { secrets: { SHOP_KEY: k3y, HOOK: "It's a Secret to Everybody" } }
cases:
  variables are the case's:
    given: { env: { probe: { SHOP: b } } }
    when: { request: GET http://probe/env }
    then: { response: { status: 200, body: { SHOP: b, KEY: k3y } } }
  an output answers:
    given:
      outputs:
        payments:
          - { operation: post, times: 1, error: unavailable }
          - { operation: post, data: paid, metadata: { status: "200" } }
    when:
      request: POST /
      body:
        - { do: try, step: { do: output, name: payments, operation: post, data: "5" } }
        - { do: output, name: payments, operation: post, data: "6" }
    then:
      response: { status: 200 }
      outputs: { payments: [{ operation: post, data: "5" }, { operation: post, data: "6" }] }
  a host answers:
    given: { upstream: { request: POST http://api.example.com/price/*, status: 202, body: { price: 3 } } }
    when: { request: POST /, body: [{ do: fetch, method: POST, url: "http://api.example.com/price/tea" }] }
    then:
      response: { status: 200, body: [202] }
      requests: [{ method: POST, url: http://api.example.com/price/tea }]
  a callee answers:
    given: { callees: { friend: { method: run, data: [1, 2] } } }
    when: { request: POST /, body: [{ do: invoke, target: friend, method: run, script: [] }] }
    then: { response: { status: 200 }, callees: { friend: [{ method: run, data: [] }] } }
  a callee is called:
    when: { request: POST /, body: [{ do: invoke, target: friend, method: run, script: [{ do: set, key: a, value: b }] }] }
    then: { response: { status: 200 }, state: { main: { a: b, $exactly: true } } }
  a file comes in:
    when: { input: inbox, file: a.json, content: '[{"do":"set","key":"file","value":"$id"}]' }
    then: { state: { main: { file: { $any: true }, $exactly: true } } }
  a webhook is believed by its signature:
    when:
      - request: POST /hook
        headers: { x-signature: 757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17 }
        body: { $text: "Hello, World!" }
        then: { response: { status: 422 } }
      - request: POST /hook
        headers: { x-signature: "00" }
        body: { $text: "Hello, World!" }
        then: { response: { status: 401 } }
  a key is answered once:
    when:
      - request: POST /keyed
        headers: { idempotency-key: '"k1"' }
        body: [{ do: set, key: n, value: "1" }]
        then: { response: { status: 200 } }
      - request: POST /
        body: [{ do: delete, key: n }]
      - request: POST /keyed
        headers: { idempotency-key: '"k1"' }
        body: [{ do: set, key: n, value: "1" }]
        then: { response: { status: 200 } }
    then: { state: { main: { $exactly: true } } }
  what is stored is found:
    given: { state: { main: { a: here, b: { c: 1 } } } }
    when: { request: POST /, body: [{ do: get, key: a }, { do: get, key: b }] }
    then: { response: { status: 200, body: [here, '{"c":1}'] } }
  it fails once:
    given: { faults: [{ at: state.set, with: unavailable }] }
    when:
      request: POST /
      body: [{ do: try, step: { do: set, key: a, value: "1" } }, { do: set, key: b, value: "2" }]
    then: { state: { main: { b: 2, $exactly: true } } }
  it is lost and done:
    given: { faults: [{ at: state.set, with: lost }] }
    when: { request: POST /, body: [{ do: try, step: { do: set, key: a, value: "1" } }] }
    then: { state: { main: { a: 1, $exactly: true } } }
"#;

#[test]
fn a_case_is_the_whole_world_of_its_components() {
    passes(&bank(CASES), &[]);
}

#[test]
fn what_nobody_answers_breaks_the_case_and_says_what_was_asked() {
    let cases = r#"
cases:
  nobody answers:
    when: { request: POST /, body: [{ do: try, step: { do: output, name: payments, operation: post, data: "5" } }] }
"#;
    let app = bank(cases);
    assert_eq!(verdicts(&app)["nobody answers"], "broken");
    let told = test(&app, &[]);
    assert!(told.stdout.contains("BROKEN  ") && told.stdout.contains("payments"), "{}", told.stdout);
}
