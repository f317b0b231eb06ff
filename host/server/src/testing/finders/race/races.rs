//! Which steps of a case race: those that it does at once; or, if it has none, each with its neighbour and with itself.

use std::collections::BTreeSet;

use mecha_manifest::suite::{Action, Case, Step};

use crate::testing::{case::number, finders::usual::answer_again};

/// A case in which some steps are done at once.
#[derive(Debug, Clone)]
pub struct Race {
    pub case: Case,
    /// The racing steps, by their numbers, in their order.
    pub racing: Vec<usize>,
    /// How people see them.
    pub labels: Vec<String>,
    /// Which race of the case it is, as a part of what replays it: nothing, or `2+3`.
    pub token: Option<String>,
}

impl Race {
    /// `POST /a (1) and POST /a (2)`.
    #[must_use]
    pub fn name(&self) -> String {
        self.labels.join(" and ")
    }

    /// The numbers of the racing steps.
    #[must_use]
    pub fn numbers(&self) -> BTreeSet<usize> {
        self.racing.iter().copied().collect()
    }

    /// Which of the racing steps a number is, from 0 on.
    #[must_use]
    pub fn column(&self, number: usize) -> usize {
        self.racing.iter().position(|racing| *racing == number).unwrap_or_default()
    }

    fn new(case: &Case, at: usize, token: Option<String>) -> Self {
        let mut case = case.clone();
        // What the case expects it expects of its own order.
        case.when.iter_mut().for_each(|step| step.then = None);
        answer_again(&mut case.given);
        let steps = case.when.get(at).map(|step| members(&step.action)).unwrap_or_default();
        let mut racing = vec![];
        let mut labels = vec![];
        for (index, step) in steps.iter().enumerate() {
            if let Some(label) = label(&step.action) {
                racing.push(number(at, index));
                labels.push(format!("{label} ({})", racing.len()));
            }
        }
        Self { case, racing, labels, token }
    }
}

/// All races of a case.
#[must_use]
pub fn races(case: &Case) -> Vec<Race> {
    let at_once = |step: &Step| matches!(step.action, Action::AtOnce(_));
    let mut races = vec![];
    if case.when.iter().any(at_once) {
        let own = case.when.iter().enumerate().filter(|(_, step)| at_once(step));
        let several = own.clone().count() > 1;
        races.extend(own.map(|(at, _)| Race::new(case, at, several.then(|| (at + 1).to_string()))));
    } else {
        for (at, step) in case.when.iter().enumerate() {
            if label(&step.action).is_none() {
                continue;
            }
            if let Some(next) = case.when.get(at + 1).filter(|next| label(&next.action).is_some()) {
                races.push(pair(case, at, step, Some(next)));
            }
            races.push(pair(case, at, step, None));
        }
    }
    races.retain(|race| race.racing.len() > 1);
    races
}

/// A step with the one behind it, or with itself.
fn pair(case: &Case, at: usize, step: &Step, next: Option<&Step>) -> Race {
    let mut changed = case.clone();
    let both = vec![step.clone(), next.unwrap_or(step).clone()];
    changed.when[at].action = Action::AtOnce(both);
    if next.is_some() {
        changed.when.remove(at + 1);
    }
    let other = if next.is_some() { at + 2 } else { at + 1 };
    Race::new(&changed, at, Some(format!("{}+{other}", at + 1)))
}

fn members(action: &Action) -> Vec<Step> {
    match action {
        Action::AtOnce(steps) => steps.clone(),
        _ => vec![],
    }
}

/// How people see a step whose calls can be told from those of others.
fn label(action: &Action) -> Option<String> {
    match action {
        Action::Request(request) => Some(format!("{} {}", request.method, request.target)),
        Action::Event(event) => Some(format!("event {}", event.topic)),
        Action::Invoke(invoke) => Some(format!("{}.{}", invoke.component, invoke.method)),
        Action::Tick(_) | Action::Input(_) | Action::Wait(_) | Action::AtOnce(_) => None,
    }
}
