//! `mecha-host conflicts`: the keys for which atomic calls of a running host have to be run again, the hottest first.

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
    /// How many keys at the most
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: usize,
}

pub fn run(args: &Args) -> u8 {
    operate::run(async || {
        let operated = Operated::find(&args.which, false).await?;
        let limit = args.limit.to_string();
        let asked = operated.know(Method::GET, &["conflicts"], &[("limit", &limit)]).await;
        let is_running = matches!(operated, Operated::Running(_));
        operated.close().await;
        let found = asked?;
        match (args.which.json, found["conflicts"].as_array()) {
            (true, _) => out(&found),
            (false, Some(conflicts)) if !conflicts.is_empty() => out(table(conflicts).trim_end()),
            (false, _) if is_running => out("no call had to be run again since the host was started"),
            (false, _) => out("no host runs this app: conflicts are counted while one does"),
        }
        Ok(exit::OK)
    })
}

fn table(conflicts: &[Value]) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut rows = vec![["RUNS", "COMPONENT", "KEY"].map(str::to_owned)];
    rows.extend(
        conflicts.iter().map(|hot| [hot["runs"].to_string(), text(&hot["component"]), text(&hot["key"])]),
    );
    aligned(&rows)
}
