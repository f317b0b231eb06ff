//! The end of a process, step by step: stop accepting, finish what is in flight, close.

use std::time::Duration;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Tells everybody that the end has come, and knows what still runs.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    /// Ends the process in an orderly way at the first SIGTERM or SIGINT, at once at the second.
    ///
    /// # Errors
    /// If signals cannot be listened to.
    pub fn at_signals() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let shutdown = Self::default();
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let token = shutdown.token.clone();
        tokio::spawn(async move {
            let mut next = async || {
                tokio::select! { _ = term.recv() => "SIGTERM", _ = int.recv() => "SIGINT" }
            };
            let signal = next().await;
            tracing::info!(signal, "shutting down; a second signal ends at once");
            token.cancel();
            let signal = next().await;
            tracing::warn!(signal, "ended at once");
            std::process::exit(crate::cli::exit::INTERRUPTED.into());
        });
        Ok(shutdown)
    }

    /// Resolves when the end has come.
    pub async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// Cancelled when the end has come.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.token.is_cancelled()
    }

    /// What must be finished before the process may end.
    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Waits for all tasks, but no longer than `grace`. Whether all were finished.
    pub async fn finish(&self, grace: Duration) -> bool {
        self.tasks.close();
        tokio::time::timeout(grace, self.tasks.wait()).await.is_ok()
    }
}
