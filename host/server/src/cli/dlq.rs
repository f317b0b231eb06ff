//! `mecha-host dlq`: events that were given up.

use anyhow::{Context as _, ensure};
use http::Method;
use serde_json::Value;

use super::{
    exit,
    operate::{self, Operated, Which},
    topics::aligned,
};
use crate::print::out;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    which: Which,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List dead letters, the oldest first
    List {
        /// Only those of this dead-letter topic
        #[arg(long)]
        topic: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Show a dead letter: why it is one, and the event as it was published
    Show {
        /// As `list` shows it
        id: String,
    },
    /// Deliver dead letters again to the group that gave them up
    Replay(Chosen),
    /// Remove dead letters for ever
    Drop(Chosen),
}

#[derive(Debug, clap::Args)]
struct Chosen {
    /// As `list` shows them
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<String>,
    /// All of them
    #[arg(long)]
    all: bool,
}

pub fn run(args: &Args) -> u8 {
    operate::run(async || {
        let operated = Operated::find(&args.which, false).await?;
        let done = answer(args, &operated).await;
        operated.close().await;
        done.map(|()| exit::OK)
    })
}

async fn answer(args: &Args, operated: &Operated) -> anyhow::Result<()> {
    let as_json = args.which.json;
    match &args.command {
        Command::List { topic, limit } => {
            let limit = limit.to_string();
            let mut query = vec![("limit", limit.as_str())];
            query.extend(topic.as_deref().map(|topic| ("topic", topic)));
            let found = operated.know(Method::GET, &["dlq"], &query).await?;
            if as_json { out(&found) } else { out(table(&found).trim_end()) }
        }
        Command::Show { id } => {
            let (topic, stamp) = split(id)?;
            let letter = operated.know(Method::GET, &["dlq", topic, stamp], &[]).await?;
            out(if as_json { letter.to_string() } else { serde_json::to_string_pretty(&letter)? });
        }
        Command::Replay(chosen) => each(operated, chosen, as_json, "replayed").await?,
        Command::Drop(chosen) => each(operated, chosen, as_json, "dropped").await?,
    }
    Ok(())
}

/// Letters in one request when all are meant.
const PAGE: &str = "500";

async fn each(operated: &Operated, chosen: &Chosen, as_json: bool, done: &str) -> anyhow::Result<()> {
    let ids = if chosen.all { all(operated).await? } else { chosen.ids.clone() };
    let (mut count, mut failed) = (0_u64, vec![]);
    for id in &ids {
        match one(operated, id, done).await {
            Ok(()) => count += 1,
            Err(error) => failed.push(error),
        }
    }
    match as_json {
        true => out(serde_json::json!({ done: count })),
        false => out(format_args!("{done} {count} dead letter{}", if count == 1 { "" } else { "s" })),
    }
    match (failed.len(), failed.into_iter().next()) {
        (1, Some(error)) => Err(error),
        (more, Some(error)) => Err(error.context(format!("{more} dead letters were left; the first"))),
        _ => Ok(()),
    }
}

/// All that are there now. What fails again while they are replayed is new, and not among them.
async fn all(operated: &Operated) -> anyhow::Result<Vec<String>> {
    let found = operated.know(Method::GET, &["dlq"], &[("limit", "1")]).await?;
    let topics = found["topics"].as_array().cloned().unwrap_or_default();
    let mut ids: Vec<String> = vec![];
    for topic in topics.iter().filter_map(Value::as_str) {
        let mut after = String::new();
        loop {
            let mut query = vec![("limit", PAGE), ("topic", topic)];
            query.extend((!after.is_empty()).then_some(("after", after.as_str())));
            let page = operated.know(Method::GET, &["dlq"], &query).await?;
            let letters = page["letters"].as_array().cloned().unwrap_or_default();
            ids.extend(letters.iter().filter_map(|letter| letter["id"].as_str()).map(str::to_owned));
            match ids.last().and_then(|id| id.strip_prefix(topic)?.strip_prefix('/')) {
                Some(last) if page["more"].as_bool().unwrap_or_default() && !letters.is_empty() => {
                    after = last.to_owned();
                }
                _ => break,
            }
        }
    }
    Ok(ids)
}

async fn one(operated: &Operated, id: &str, done: &str) -> anyhow::Result<()> {
    let (topic, stamp) = split(id)?;
    let outcome = match done {
        "replayed" => operated.know(Method::POST, &["dlq", topic, stamp, "replay"], &[]).await,
        _ => operated.know(Method::DELETE, &["dlq", topic, stamp], &[]).await,
    };
    outcome.map(drop).with_context(|| format!("the dead letter {id}"))
}

fn split(id: &str) -> anyhow::Result<(&str, &str)> {
    let parts = id.split_once('/');
    ensure!(parts.is_some(), "`{id}` is no dead letter: `dlq list` shows them, as in `dead-letters/12-0`");
    parts.context("an id")
}

fn table(found: &Value) -> String {
    let letters = found["letters"].as_array().cloned().unwrap_or_default();
    if letters.is_empty() {
        return "no dead letters\n".into();
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut rows = vec![["ID", "TOPIC", "GROUP", "ATTEMPTS", "TYPE", "EVENT", "REASON"].map(str::to_owned)];
    rows.extend(letters.iter().map(|letter| {
        let reason: String =
            text(&letter["reason"]).lines().next().unwrap_or_default().chars().take(80).collect();
        [
            text(&letter["id"]),
            text(&letter["topic"]),
            text(&letter["group"]),
            letter["attempts"].to_string(),
            text(&letter["type"]),
            text(&letter["event-id"]),
            reason,
        ]
    }));
    let more = if found["more"].as_bool().unwrap_or_default() { "… and more: see --limit\n" } else { "" };
    aligned(&rows) + more
}
