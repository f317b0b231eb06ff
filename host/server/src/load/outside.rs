//! Operations of outputs that an atomic call can neither undo nor put off.

use mecha_backends::{file, http, log};
use mecha_manifest::{Allowed, App, OutputKind, Outside};
use mecha_primitives::bindings::{Effect, Operation};

use super::checker::Checker;

pub(super) fn check(checker: &mut Checker<'_>, app: &App) {
    for component in app.components.iter().filter(|component| app.has_atomic(component)) {
        for grant in component.outputs.iter().filter(|grant| grant.outside == Outside::Forbidden) {
            let Some(output) = app.outputs.iter().find(|output| output.name == grant.output) else {
                continue;
            };
            let immediate = immediate(operations(&output.kind), &grant.operations);
            if immediate.is_empty() {
                continue;
            }
            let (name, listed) = (&component.name, immediate.join("`, `"));
            let message = format!(
                "`{name}` is atomic, but `{listed}` of the output `{}` cannot be undone",
                grant.output
            );
            let help = "grant it in a map with `outside: allow`, and it is carried out at once, whatever becomes of the \
                        call; or grant other operations";
            checker.error(grant.at, format!("components.{name}.outputs.{}", grant.output), message, help);
        }
    }
}

/// What an output of this kind can be asked to do.
pub fn operations(kind: &OutputKind) -> &'static [Operation] {
    match kind {
        OutputKind::File { .. } => file::OPERATIONS,
        OutputKind::Http(_) => http::OPERATIONS,
        OutputKind::Log { .. } => log::OPERATIONS,
    }
}

/// Those that are allowed, and are neither safe nor can be carried out after the commit.
fn immediate(operations: &[Operation], allowed: &Allowed) -> Vec<&'static str> {
    let found = operations.iter().filter(|operation| operation.effect == Effect::Immediate);
    found.map(|operation| operation.name).filter(|name| allowed.allows(name)).collect()
}

#[cfg(test)]
mod tests {
    use mecha_manifest::{Span, Spanned};

    use super::*;

    #[test]
    fn what_is_safe_or_can_wait_is_let_through() {
        let only = |names: &[&str]| {
            let at = Span { line: 1, column: 1 };
            Allowed::Only(names.iter().map(|name| Spanned { value: (*name).to_owned(), at }).collect())
        };
        let cases: [(&[Operation], Allowed, &[&str]); 5] = [
            (http::OPERATIONS, Allowed::All, &["patch"]),
            (http::OPERATIONS, only(&["get", "post", "put", "delete"]), &[]),
            (http::OPERATIONS, only(&["get", "patch"]), &["patch"]),
            (file::OPERATIONS, Allowed::All, &[]),
            (log::OPERATIONS, Allowed::All, &[]),
        ];
        for (operations, allowed, expected) in cases {
            assert_eq!(immediate(operations, &allowed), expected, "{allowed:?}");
        }
    }
}
