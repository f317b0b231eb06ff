//! What only shows when the parts of a case are compared: whether what is to be found can be there at all.

use crate::{
    app::Span,
    read::{Item, Reader, join},
    suite::{Action, Case, Expected, Given, Step},
    wrong::{Wrong, shown},
};

pub(super) fn check(reader: &mut Reader<'_>, case: &Case, item: &Item<'_>) {
    let mut so_far = SoFar { given: &case.given, requested: false, invoked: false };
    let when = join(&item.key, "when");
    for (i, step) in case.when.iter().enumerate() {
        // One step need not be in a list.
        let key = if case.when.len() == 1 { when.clone() } else { format!("{when}[{i}]") };
        match &step.action {
            Action::AtOnce(steps) => {
                for (i, step) in steps.iter().enumerate() {
                    // What is at once with it is none of its business.
                    let mut alone = SoFar { requested: false, invoked: false, ..so_far };
                    alone.take(&step.action);
                    alone.step(reader, step, &format!("{key}.at-once[{i}]"));
                }
                steps.iter().for_each(|step| so_far.take(&step.action));
            }
            action => so_far.take(action),
        }
        so_far.step(reader, step, &key);
    }
    so_far.expected(reader, &case.then, case.at, &join(&item.key, "then"));
}

/// What has happened until something is looked for.
#[derive(Clone, Copy)]
struct SoFar<'a> {
    given: &'a Given,
    requested: bool,
    invoked: bool,
}

impl SoFar<'_> {
    fn take(&mut self, action: &Action) {
        self.requested |= matches!(action, Action::Request(_));
        self.invoked |= matches!(action, Action::Invoke(_));
    }

    fn step(self, reader: &mut Reader<'_>, step: &Step, key: &str) {
        if let Some(then) = &step.then {
            self.expected(reader, then, step.at, &join(key, "then"));
        }
    }

    fn expected(self, reader: &mut Reader<'_>, then: &Expected, at: Span, key: &str) {
        if then.response.is_some() && !self.requested {
            let wrong = Wrong::new("a response to no request");
            let help = "nothing here sends one: add a `request`, or leave `response` out";
            reader.error(at, join(key, "response"), wrong.help(help));
        }
        if then.answer.is_some() && !self.invoked {
            let wrong = Wrong::new("an answer to no invocation");
            let help = "nothing here makes one: add an `invoke`, or leave `answer` out";
            reader.error(at, join(key, "answer"), wrong.help(help));
        }
        for (component, _) in &then.callees {
            let name = component.value.as_str();
            if !self.given.callees.iter().any(|(answered, _)| *answered == component.value) {
                let wrong = Wrong::new(format!("the case does not answer for {}", shown(name)));
                let help = format!("it is called itself then; add `given: {{ callees: {{ {name}: … }} }}`");
                reader.error(component.at, format!("{key}.callees.{name}"), wrong.help(help));
            }
        }
    }
}
