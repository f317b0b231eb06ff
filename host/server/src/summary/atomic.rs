//! Which handlers of a component are atomic, and what reaches beyond their commits.

use mecha_manifest::{Allowed, Component as Meta, Outside, Route};

use super::{
    Rows,
    words::{duration, joined},
};

pub(super) fn mark(atomic: bool) -> &'static str {
    if atomic { ", atomic" } else { "" }
}

pub(super) fn of_route(route: &Route) -> String {
    let answers = route.idempotency.as_ref().map(|idempotency| {
        let required = if idempotency.required { " required" } else { "" };
        let caller = idempotency.caller.iter().map(|header| format!(" by `{header}`"));
        let caller: String = caller.collect();
        format!(", idempotency key{required}{caller}, answers kept {}", duration(idempotency.keep))
    });
    format!("{}{}", mark(route.atomic), answers.unwrap_or_default())
}

/// What others are let call, and the jobs that it schedules for itself.
pub(super) fn methods(rows: &mut Rows<'_>, meta: &Meta) {
    let called = (!meta.callers.is_empty()).then(|| of_methods(meta)).flatten();
    let jobs = (meta.jobs && meta.atomic.jobs()).then(|| "its jobs".to_owned());
    let all: Vec<_> = called.into_iter().chain(jobs).collect();
    if !all.is_empty() {
        rows.row("atomic", joined(all));
    }
}

fn of_methods(meta: &Meta) -> Option<String> {
    let methods = || meta.callers.iter().map(|grant| &grant.methods);
    if !methods().any(|allowed| *allowed == Allowed::All) {
        // They are all known by name.
        let names = methods().filter_map(|allowed| match allowed {
            Allowed::All => None,
            Allowed::Only(names) => Some(names.iter().map(|name| name.value.as_str())),
        });
        let mut names: Vec<_> = names.flatten().filter(|name| meta.atomic.method(name)).collect();
        names.sort_unstable();
        names.dedup();
        return (!names.is_empty()).then(|| joined(names));
    }
    let default = meta.atomic.default;
    let others = meta.atomic.methods.iter().filter(|(_, atomic)| *atomic != default);
    let others = joined(others.map(|(name, _)| &name.value));
    match (default, others.is_empty()) {
        (true, true) => Some("all methods".to_owned()),
        (true, false) => Some(format!("all methods but {others}")),
        (false, true) => None,
        (false, false) => Some(others),
    }
}

/// What an atomic call does with the grant at once and for good.
pub(super) fn outside(outside: Outside) -> &'static str {
    match outside {
        Outside::Forbidden => "",
        Outside::Safe => ", outside of commits by safe methods only",
        Outside::Allow => ", outside of commits",
    }
}

#[cfg(test)]
mod tests {
    use mecha_manifest::Secrets;

    use super::*;

    struct NoSecrets;

    impl Secrets for NoSecrets {
        fn env(&self, _: &str) -> Option<String> {
            None
        }

        fn file(&self, _: &str) -> Result<String, String> {
            Err("none".to_owned())
        }
    }

    fn shown(component: &str) -> (String, String) {
        let text = format!("name: a\ncomponents: {{ b: {{ source: b.wasm, {component} }} }}\n");
        let (app, _) = mecha_manifest::load("mecha.yaml", &text, &NoSecrets).unwrap();
        let mut rows = String::new();
        methods(&mut Rows { text: &mut rows, indent: "" }, &app.components[0]);
        let routes: String = app.components[0].routes.iter().map(of_route).collect();
        (routes, rows.trim_start_matches("atomic").trim().to_owned())
    }

    #[test]
    fn what_is_atomic_is_told_in_few_words() {
        let cases = [
            ("http: [/]", "", ""),
            ("http: [/], atomic: true", ", atomic", ""),
            (
                "http: [{ path: /, atomic: true, idempotency: true }]",
                ", atomic, idempotency key, answers kept 1d",
                "",
            ),
            (
                "http: [{ path: /, idempotency: { caller: X-User, keep: 1h, required: true } }]",
                ", idempotency key required by `x-user`, answers kept 1h",
                "",
            ),
            ("atomic: true, callers: { outside: all }, jobs: true", "", "all methods, its jobs"),
            (
                "atomic: { default: true, methods: { m: false, n: true }, jobs: false }, callers: { outside: all }, \
                 jobs: true",
                "",
                "all methods but m",
            ),
            ("atomic: { methods: { m: true, n: false } }, callers: { outside: all }", "", "m"),
            ("atomic: { methods: { m: true, n: false } }, callers: { outside: [n, m] }", "", "m"),
            ("atomic: { methods: { n: false } }, callers: { outside: all }", "", ""),
        ];
        for (component, routes, methods) in cases {
            assert_eq!(shown(component), (routes.to_owned(), methods.to_owned()), "{component}");
        }
    }
}
