//! `mecha-host topics`: what topics hold, and how far behind their groups are.

use http::Method;
use mecha_primitives::clock::Clock as _;
use serde_json::Value;

use super::{
    exit,
    operate::{self, Operated, Which},
};
use crate::{clock::SystemClock, print::out};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Stop delivering to a subscription; its events wait
    Pause { subscription: String },
    /// Deliver again
    Resume { subscription: String },
    /// Remove a group that the manifest no longer has, with the events that it has not settled
    Forget { topic: String, group: String },
}

pub fn run(args: &Args) -> u8 {
    operate::run(async || {
        let operated = Operated::find(&args.which, args.command.is_some()).await?;
        let done = answer(args, &operated).await;
        operated.close().await;
        done.map(|()| exit::OK)
    })
}

async fn answer(args: &Args, operated: &Operated) -> anyhow::Result<()> {
    let (verb, subscription) = match &args.command {
        Some(Command::Pause { subscription }) => ("pause", subscription),
        Some(Command::Resume { subscription }) => ("resume", subscription),
        Some(Command::Forget { topic, group }) => {
            let done = operated.know(Method::DELETE, &["topics", topic, "groups", group], &[]).await?;
            match args.which.json {
                true => out(&done),
                false => {
                    out(format_args!("{group} is forgotten on {topic}, with {} events", done["entries"]));
                }
            }
            return Ok(());
        }
        None => {
            let topics = operated.know(Method::GET, &["topics"], &[]).await?;
            match args.which.json {
                true => out(&topics),
                false => out(table(&topics["topics"]).trim_end()),
            }
            return Ok(());
        }
    };
    let done = operated.know(Method::POST, &["subscriptions", subscription, verb], &[]).await?;
    match args.which.json {
        true => out(&done),
        false => out(format_args!("{subscription} is {verb}d")),
    }
    Ok(())
}

fn table(topics: &Value) -> String {
    let mut rows =
        vec![["TOPIC", "GROUP", "READY", "WAITING", "LEASED", "OLDEST", "NOTE"].map(str::to_owned)];
    let now = SystemClock.now().0;
    for topic in topics.as_array().into_iter().flatten() {
        let name = text(&topic["topic"]);
        let events = match topic["events"].as_u64() {
            Some(1) => "1 event".to_owned(),
            count => format!("{} events", count.unwrap_or_default()),
        };
        let note = match (&topic["durable"], &topic["dead-letters"]) {
            (Value::Bool(false), _) => format!("{events}, in memory"),
            (_, Value::Bool(true)) => format!("{events}, dead letters"),
            _ => events,
        };
        rows.push([name.clone(), "".into(), "".into(), "".into(), "".into(), "".into(), note]);
        for group in topic["groups"].as_array().into_iter().flatten() {
            let oldest = group["oldest-ms"].as_u64().map(|at| format!("{} s", now.saturating_sub(at) / 1000));
            let note = match (&group["subscription"], &group["paused"]) {
                (Value::Null, _) => "not in the manifest any more",
                (_, Value::Bool(true)) => "paused",
                _ => "",
            };
            rows.push([
                name.clone(),
                text(&group["group"]),
                group["ready"].to_string(),
                group["waiting"].to_string(),
                group["leased"].to_string(),
                oldest.unwrap_or_default(),
                note.to_owned(),
            ]);
        }
    }
    aligned(&rows)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Columns that are as wide as what is in them.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}
