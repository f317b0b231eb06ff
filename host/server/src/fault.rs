//! Failures on demand, for tests of what survives them: `--fault state.set=crash@3`.

use std::{
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use mecha_primitives::{class::Class, identity::Identity};
use mecha_runtime::gate::{Director, Step, Strike};

/// What happens at the nth operation of a kind.
#[derive(Debug, Clone)]
pub struct Plan {
    operation: String,
    strike: Strike,
    /// Counted from 1; 0: every time.
    nth: u64,
    seen: Arc<AtomicU64>,
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no fault; right would be `state.set=crash@3` or `state.get=busy`");
        let (operation, rest) = text.split_once('=').ok_or_else(wrong)?;
        let (action, nth) = match rest.split_once('@') {
            Some((action, nth)) => (action, nth.parse().map_err(|_| wrong())?),
            None => (rest, 0),
        };
        let strike = match action {
            "crash" => Strike::Crash,
            "busy" => Strike::Fail(Class::Busy(None)),
            "timeout" => Strike::Fail(Class::Timeout),
            "unavailable" => Strike::Fail(Class::Unavailable),
            _ => return Err(wrong()),
        };
        Ok(Self { operation: operation.to_owned(), strike, nth, seen: Arc::default() })
    }
}

#[derive(Debug)]
struct Plans(Vec<Plan>);

impl Plan {
    /// All plans as one; `None` if there are none, which costs nothing.
    #[must_use]
    pub fn combined(plans: &[Self]) -> Option<Arc<dyn Director>> {
        (!plans.is_empty()).then(|| Arc::new(Plans(plans.to_vec())) as Arc<dyn Director>)
    }
}

#[async_trait]
impl Director for Plans {
    async fn before(&self, _: &Identity, step: &Step<'_>) -> (Option<Strike>, u64) {
        let strike = self.0.iter().find_map(|plan| {
            let (wanted, of) = plan.operation.split_once('.')?;
            if (wanted, of) != (step.primitive, step.verb) {
                return None;
            }
            let seen = plan.seen.fetch_add(1, Ordering::Relaxed) + 1;
            (plan.nth == 0 || plan.nth == seen).then_some(plan.strike)
        });
        (strike, 0)
    }
}
