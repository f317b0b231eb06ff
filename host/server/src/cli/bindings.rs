//! `mecha-host bindings`: what output bindings can be asked to do, and what input bindings hand over.

use mecha_backends::{file, http, log};
use mecha_primitives::bindings::{Key, Operation};
use serde_json::{Value, json};

use super::exit;
use crate::print::out;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// One kind only
    #[arg(value_enum)]
    kind: Option<Kind>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    File,
    Http,
    Log,
}

struct Output {
    kind: Kind,
    name: &'static str,
    summary: &'static str,
    operations: &'static [Operation],
}

const OUTPUTS: &[Output] = &[
    Output { kind: Kind::File, name: "file", summary: "Files below a folder.", operations: file::OPERATIONS },
    Output { kind: Kind::Http, name: "http", summary: "An HTTP server.", operations: http::OPERATIONS },
    Output { kind: Kind::Log, name: "log", summary: "The host's log.", operations: log::OPERATIONS },
];

struct Input {
    kind: Kind,
    name: &'static str,
    summary: &'static str,
    /// Metadata that the handler is given, and what it means.
    metadata: &'static [(&'static str, &'static str)],
    /// What `ok` and a failure do.
    settled: &'static str,
}

const INPUTS: &[Input] = &[
    Input {
        kind: Kind::File,
        name: "file",
        summary: "New files in a folder: the data is a file's content.",
        metadata: &[
            ("name", "The file's name, without its folder."),
            ("size", "Its bytes."),
            ("modified-ms", "When it was changed, in milliseconds since 1970."),
        ],
        settled: "`ok` deletes or moves the file, as configured. A failure is offered again; what is given up is moved or \
                  renamed.",
    },
    Input {
        kind: Kind::Http,
        name: "http",
        summary: "A webhook: the data is a request's body, after its signature was checked.",
        metadata: &[
            ("query", "What follows the `?`, if there is one."),
            (
                "*",
                "Each header, in lowercase, but for those that prove who sends it, and the connection's own.",
            ),
        ],
        settled: "`ok` answers 200 with the reply, or 202 if there is none. `retry` answers 503 and `reject` 422: the sender \
                  decides.",
    },
];

pub fn run(args: &Args) -> u8 {
    let wanted = |kind| args.kind.is_none_or(|wanted| wanted == kind);
    let outputs: Vec<_> = OUTPUTS.iter().filter(|output| wanted(output.kind)).collect();
    let inputs: Vec<_> = INPUTS.iter().filter(|input| wanted(input.kind)).collect();
    match args.json {
        true => out(json(&outputs, &inputs)),
        false => out(text(&outputs, &inputs).trim_end()),
    }
    exit::OK
}

fn json(outputs: &[&Output], inputs: &[&Input]) -> Value {
    let operation = |operation: &Operation| {
        let keys = operation.keys.iter();
        let keys =
            keys.map(|key| json!({ "name": key.name, "summary": key.summary, "required": key.required }));
        json!({
            "name": operation.name,
            "summary": operation.summary,
            "effect": operation.effect.as_str(),
            "metadata": keys.collect::<Vec<_>>(),
        })
    };
    let output = |output: &&Output| {
        let operations: Vec<_> = output.operations.iter().map(operation).collect();
        json!({ "kind": output.name, "summary": output.summary, "operations": operations })
    };
    let input = |input: &&Input| {
        let metadata = input.metadata.iter();
        let metadata = metadata.map(|(name, summary)| json!({ "name": name, "summary": summary }));
        json!({
            "kind": input.name,
            "summary": input.summary,
            "metadata": metadata.collect::<Vec<_>>(),
            "settled": input.settled,
        })
    };
    json!({
        "outputs": outputs.iter().map(output).collect::<Vec<_>>(),
        "inputs": inputs.iter().map(input).collect::<Vec<_>>(),
    })
}

fn text(outputs: &[&Output], inputs: &[&Input]) -> String {
    let mut text = String::new();
    for output in outputs {
        text += &format!("output {}: {}\n", output.name, output.summary);
        let shared = shared(output.operations);
        for operation in output.operations {
            text += &format!("\n  {} ({})\n    {}\n", operation.name, operation.effect, operation.summary);
            text += &keys(if shared.is_empty() { operation.keys } else { &[] });
        }
        if !shared.is_empty() {
            text += &format!("\n  all of them\n{}", keys(shared));
        }
        text.push('\n');
    }
    for input in inputs {
        text += &format!("input {}: {}\n\n", input.name, input.summary);
        for (name, summary) in input.metadata {
            text += &format!("      {name:<16} {summary}\n");
        }
        text += &format!("\n    {}\n\n", input.settled);
    }
    if !outputs.is_empty() {
        text += "Effects: `safe` changes nothing; `deferrable` may be carried out later; `immediate` is neither.\n";
    }
    text
}

/// The keys of all operations, if they have the same.
fn shared(operations: &[Operation]) -> &'static [Key] {
    match operations {
        [first, others @ ..] if !others.is_empty() && others.iter().all(|other| other.keys == first.keys) => {
            first.keys
        }
        _ => &[],
    }
}

fn keys(keys: &[Key]) -> String {
    let required = |key: &Key| if key.required { "Required. " } else { "" };
    keys.iter().map(|key| format!("      {:<16} {}{}\n", key.name, required(key), key.summary)).collect()
}
