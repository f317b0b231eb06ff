//! The host, as a process that is started and killed.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// How the host is started, the first time and every time after that.
#[derive(Debug, Clone)]
pub struct Start {
    /// `mecha-host`.
    pub binary: PathBuf,
    /// The folder with the bank's manifest.
    pub app: PathBuf,
    /// Where its data lies, and `host.log`.
    pub folder: PathBuf,
    pub listen: SocketAddr,
    /// Further arguments of `serve`.
    pub args: Vec<String>,
}

/// A host that answers. Killed when dropped.
#[derive(Debug)]
pub struct Host {
    child: Child,
    pub address: SocketAddr,
}

impl Start {
    /// Starts the host, and waits until it listens.
    ///
    /// # Errors
    /// If it ends before.
    pub async fn host(&self) -> anyhow::Result<Host> {
        let mut child = self
            .command("serve")
            .arg(&self.app)
            .args(["--listen", &self.listen.to_string()])
            .args(&self.args)
            .stdout(Stdio::piped())
            .stderr(self.log()?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{}", self.binary.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("its stdout is ours")?).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some(address) = line.strip_prefix("listening on http://") {
                return Ok(Host { address: address.trim().parse()?, child });
            }
        }
        bail!("the host did not start: see {}", self.folder.join(LOG).display())
    }

    /// How many events the topic still holds: those that are not settled.
    ///
    /// # Errors
    /// If the host does not say.
    pub async fn waiting(&self) -> anyhow::Result<u64> {
        let told = self.command("topics").arg("--app").arg(&self.app).arg("--json").output().await?;
        let said = || String::from_utf8_lossy(&told.stderr).into_owned();
        let topics: Value = serde_json::from_slice(&told.stdout).with_context(said)?;
        topics["topics"]
            .as_array()
            .and_then(|topics| topics.iter().find(|topic| topic["topic"] == "transfers"))
            .and_then(|topic| topic["events"].as_u64())
            .with_context(|| format!("no topic `transfers` in {topics}"))
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.binary);
        command.arg(verb).arg("--data").arg(self.folder.join("data")).stdin(Stdio::null());
        command
    }

    fn log(&self) -> anyhow::Result<std::fs::File> {
        let path: &Path = &self.folder.join(LOG);
        let log = std::fs::File::options().create(true).append(true).open(path);
        log.with_context(|| format!("{}", path.display()))
    }
}

const LOG: &str = "host.log";

impl Host {
    /// `kill -9`.
    ///
    /// # Errors
    /// If it has ended by itself.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("the host ended by itself: {status}");
        }
        self.child.kill().await.context("the host cannot be killed")
    }
}
