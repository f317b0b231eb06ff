//! The templates: which file of an app comes from where.

use anyhow::bail;

/// A file of a template: its path, and its text with `{{name}}` for the app's name.
pub(super) type File = (&'static str, &'static str);

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Template {
    /// Answers HTTP and counts its visitors in a store
    Http,
    /// Publishes events, subscribes to them and counts them
    Pubsub,
    /// Is called at given times
    Cron,
    /// Is called by others; in Rust, two components of which one calls the other
    Invoke,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Lang {
    Rust,
    Python,
    Javascript,
}

/// The files of a template, if there is one of that kind in that language.
pub(super) fn files(lang: Lang, template: Option<Template>) -> anyhow::Result<&'static [File]> {
    Ok(match (lang, template) {
        (Lang::Rust, None | Some(Template::Http)) => HTTP,
        (Lang::Rust, Some(Template::Pubsub)) => PUBSUB,
        (Lang::Rust, Some(Template::Cron)) => CRON,
        (Lang::Rust, Some(Template::Invoke)) => INVOKE,
        (Lang::Python, None | Some(Template::Invoke)) => PYTHON,
        (Lang::Javascript, None | Some(Template::Invoke)) => JAVASCRIPT,
        (Lang::Python | Lang::Javascript, Some(_)) => {
            bail!("in this language there is the template `invoke` only; take that, or `--lang rust`")
        }
    })
}

const HTTP: &[File] = &[
    ("mecha.yaml", include_str!("../../../templates/http/mecha.yaml")),
    ("README.md", include_str!("../../../templates/http/README.md")),
    ("tests/visits.yaml", include_str!("../../../templates/http/tests/visits.yaml")),
    ("Cargo.toml", include_str!("../../../templates/http/Cargo.toml.txt")),
    ("rust-toolchain.toml", include_str!("../../../templates/http/rust-toolchain.toml")),
    (".gitignore", include_str!("../../../templates/http/gitignore.txt")),
    ("src/lib.rs", include_str!("../../../templates/http/lib.rs.txt")),
    ("wit/state.wit", include_str!("../../../../../wit/state/state.wit")),
];

const PUBSUB: &[File] = &[
    ("mecha.yaml", include_str!("../../../templates/pubsub/mecha.yaml")),
    ("README.md", include_str!("../../../templates/pubsub/README.md")),
    ("tests/greetings.yaml", include_str!("../../../templates/pubsub/tests/greetings.yaml")),
    ("Cargo.toml", include_str!("../../../templates/pubsub/Cargo.toml.txt")),
    ("rust-toolchain.toml", include_str!("../../../templates/pubsub/rust-toolchain.toml")),
    (".gitignore", include_str!("../../../templates/pubsub/gitignore.txt")),
    ("src/lib.rs", include_str!("../../../templates/pubsub/lib.rs.txt")),
    ("wit/state/state.wit", include_str!("../../../../../wit/state/state.wit")),
    ("wit/pubsub/pubsub.wit", include_str!("../../../../../wit/pubsub/pubsub.wit")),
];

const CRON: &[File] = &[
    ("mecha.yaml", include_str!("../../../templates/cron/mecha.yaml")),
    ("README.md", include_str!("../../../templates/cron/README.md")),
    ("tests/ticks.yaml", include_str!("../../../templates/cron/tests/ticks.yaml")),
    ("Cargo.toml", include_str!("../../../templates/cron/Cargo.toml.txt")),
    ("rust-toolchain.toml", include_str!("../../../templates/cron/rust-toolchain.toml")),
    (".gitignore", include_str!("../../../templates/cron/gitignore.txt")),
    ("src/lib.rs", include_str!("../../../templates/cron/lib.rs.txt")),
    ("wit/state/state.wit", include_str!("../../../../../wit/state/state.wit")),
    ("wit/jobs/jobs.wit", include_str!("../../../../../wit/jobs/jobs.wit")),
];

const INVOKE: &[File] = &[
    ("mecha.yaml", include_str!("../../../templates/invoke/mecha.yaml")),
    ("README.md", include_str!("../../../templates/invoke/README.md")),
    ("tests/greetings.yaml", include_str!("../../../templates/invoke/tests/greetings.yaml")),
    ("Cargo.toml", include_str!("../../../templates/invoke/Cargo.toml.txt")),
    ("rust-toolchain.toml", include_str!("../../../templates/invoke/rust-toolchain.toml")),
    (".gitignore", include_str!("../../../templates/invoke/gitignore.txt")),
    ("front/Cargo.toml", include_str!("../../../templates/invoke/front-Cargo.toml.txt")),
    ("front/src/lib.rs", include_str!("../../../templates/invoke/front.rs.txt")),
    ("greeter/Cargo.toml", include_str!("../../../templates/invoke/greeter-Cargo.toml.txt")),
    ("greeter/src/lib.rs", include_str!("../../../templates/invoke/greeter.rs.txt")),
    ("wit/invoke/invoke.wit", include_str!("../../../../../wit/invoke/invoke.wit")),
];

const PYTHON: &[File] = &[
    ("mecha.yaml", include_str!("../../../templates/python/mecha.yaml")),
    ("README.md", include_str!("../../../templates/python/README.md")),
    ("tests/greetings.yaml", include_str!("../../../templates/python/tests/greetings.yaml")),
    ("app.py", include_str!("../../../templates/python/app.py")),
    ("build.sh", include_str!("../../../templates/python/build.sh")),
    (".gitignore", include_str!("../../../templates/python/gitignore.txt")),
    ("wit/world.wit", include_str!("../../../templates/python/wit/world.wit")),
    ("wit/deps/bindings/bindings.wit", include_str!("../../../../../wit/bindings/bindings.wit")),
    ("wit/deps/host/host.wit", include_str!("../../../../../wit/host/host.wit")),
    ("wit/deps/invoke/invoke.wit", include_str!("../../../../../wit/invoke/invoke.wit")),
    ("wit/deps/jobs/jobs.wit", include_str!("../../../../../wit/jobs/jobs.wit")),
    ("wit/deps/pubsub/pubsub.wit", include_str!("../../../../../wit/pubsub/pubsub.wit")),
    ("wit/deps/state/state.wit", include_str!("../../../../../wit/state/state.wit")),
    ("requirements.txt", include_str!("../../../../../guests/python/requirements.txt")),
    ("mecha/__init__.py", include_str!("../../../../../guests/python/mecha/__init__.py")),
    ("mecha/data.py", include_str!("../../../../../guests/python/mecha/data.py")),
    ("mecha/errors.py", include_str!("../../../../../guests/python/mecha/errors.py")),
    ("mecha/invoke.py", include_str!("../../../../../guests/python/mecha/invoke.py")),
    ("mecha/names.txt", include_str!("../../../../../guests/python/mecha/names.txt")),
    ("mecha/pubsub.py", include_str!("../../../../../guests/python/mecha/pubsub.py")),
    ("mecha/state.py", include_str!("../../../../../guests/python/mecha/state.py")),
];

const JAVASCRIPT: &[File] = &[
    ("mecha.yaml", include_str!("../../../templates/javascript/mecha.yaml")),
    ("README.md", include_str!("../../../templates/javascript/README.md")),
    ("tests/greetings.yaml", include_str!("../../../templates/javascript/tests/greetings.yaml")),
    ("app.js", include_str!("../../../templates/javascript/app.js")),
    ("build.sh", include_str!("../../../templates/javascript/build.sh")),
    (".gitignore", include_str!("../../../templates/javascript/gitignore.txt")),
    ("wit/world.wit", include_str!("../../../templates/javascript/wit/world.wit")),
    ("wit/deps/bindings/bindings.wit", include_str!("../../../../../wit/bindings/bindings.wit")),
    ("wit/deps/host/host.wit", include_str!("../../../../../wit/host/host.wit")),
    ("wit/deps/invoke/invoke.wit", include_str!("../../../../../wit/invoke/invoke.wit")),
    ("wit/deps/jobs/jobs.wit", include_str!("../../../../../wit/jobs/jobs.wit")),
    ("wit/deps/pubsub/pubsub.wit", include_str!("../../../../../wit/pubsub/pubsub.wit")),
    ("wit/deps/state/state.wit", include_str!("../../../../../wit/state/state.wit")),
    ("build.mjs", include_str!("../../../../../guests/javascript/build.mjs")),
    ("package.json", include_str!("../../../../../guests/javascript/package.json")),
    ("package-lock.json", include_str!("../../../../../guests/javascript/package-lock.json")),
    ("mecha/callee.js", include_str!("../../../../../guests/javascript/mecha/callee.js")),
    ("mecha/errors.js", include_str!("../../../../../guests/javascript/mecha/errors.js")),
    ("mecha/invoke.js", include_str!("../../../../../guests/javascript/mecha/invoke.js")),
    ("mecha/pubsub.js", include_str!("../../../../../guests/javascript/mecha/pubsub.js")),
    ("mecha/state.js", include_str!("../../../../../guests/javascript/mecha/state.js")),
];
