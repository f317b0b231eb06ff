//! Days take no time, and what is due meanwhile happens.

use mecha_tests::host::App;

use super::passes;

const APP: &str = "
name: patience
components:
  teller: { source: '{guests}/teller.wasm', http: [/], stores: { main: read-write }, jobs: true }
stores: { main: embedded }
topics: { news: embedded, letters: embedded }
subscriptions:
  all: { topic: news, to: teller, retry: { attempts: 9, min: 1h, max: 24h }, dead-letter: letters }
schedules:
  nightly: { cron: '0 0 * * *', to: teller, data: '[{\"do\":\"increment\",\"key\":\"nights\",\"by\":1}]' }
";

const CASES: &str = r#"
defaults:
  given: { clock: 2026-01-05T12:00:00Z }
cases:
  nights:
    when: [{ wait: 30d }, { tick: nightly }]
    then: { state: { main: { nights: 31 } } }
  a month of retries:
    when:
      - event: news
        id: e1
        data: [{ do: log, text: "attempt $attempt" }, { do: nack }]
      - wait: 30d
    then:
      logs: { $includes: [{ $contains: attempt 1 }, { $contains: attempt 9 }] }
      events: { letters: [{ id: { $any: true } }] }
  a job of tomorrow:
    when:
      - request: POST /
        body: [{ do: schedule, name: remind, after-ms: 86400000, script: [{ do: set, key: done, value: yes }] }]
        then:
          state: { main: { $exactly: true } }
          jobs: { teller: [{ name: remind, due: { $matches: ^2026-01-06T12:00:00 } }] }
      - wait: 25h
    then: { state: { main: { done: yes, nights: 1, $exactly: true } } }
"#;

#[test]
fn a_month_of_retries_jobs_and_schedules_passes_at_once() {
    passes(&App::new(APP).with_file("tests/all.yaml", CASES), &[]);
}
