//! What a guest prints goes to the log: line by line, labelled, bounded, with terminal escapes made visible.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use mecha_primitives::{clock::Timestamp, identity::Identity};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::call::Call;

/// What the label of a line takes of the budget: empty lines are not free.
const LABEL: u64 = 128;
/// A line that is longer is logged in pieces.
const LINE: usize = 8 << 10;

/// What one component may log in the current second.
#[derive(Debug, Default)]
pub(crate) struct Budget(Mutex<Spent>);

#[derive(Debug, Default)]
struct Spent {
    second: u64,
    bytes: u64,
    dropped: u64,
}

impl Budget {
    /// Whether `bytes` may be logged now, and how many were dropped in the seconds before.
    fn spend(&self, now: Timestamp, bytes: u64, limit: u64) -> (bool, u64) {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let second = now.0 / 1000;
        let mut dropped = 0;
        if spent.second != second {
            dropped = spent.dropped;
            *spent = Spent { second, ..Spent::default() };
        }
        let fits = spent.bytes + bytes <= limit;
        if fits {
            spent.bytes += bytes;
        } else {
            spent.dropped += bytes;
        }
        (fits, dropped)
    }
}

/// One of a guest's two output streams.
#[derive(Clone)]
pub(crate) struct Lines {
    stream: &'static str,
    call: Call,
    /// Shared by all handles to the stream, as WASI demands. Never held across an await.
    line: Arc<Mutex<Vec<u8>>>,
}

impl Lines {
    pub(crate) fn new(stream: &'static str, call: Call) -> Self {
        Self { stream, call, line: Arc::default() }
    }

    fn take(&self, bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            for piece in part.chunks(LINE) {
                line.extend_from_slice(piece);
                if piece.ends_with(b"\n") || line.len() >= LINE {
                    self.log(&line);
                    line.clear();
                }
            }
        }
    }

    fn log(&self, line: &[u8]) {
        let Call { identity, shared } = &self.call;
        let Identity { tenant, app, component, .. } = &**identity;
        let limit = shared.limits.stdio;
        let now = shared.services.clock.now();
        let (fits, dropped) = shared.output.spend(now, line.len() as u64 + LABEL, limit);
        if dropped > 0 {
            tracing::warn!(%tenant, %app, %component, dropped, limit, "output beyond the limit was dropped");
        }
        if fits {
            let text = visible(line);
            shared.services.observer.printed(identity, self.stream, &text);
        } else {
            shared.services.observer.dropped_output(identity, line.len() as u64);
        }
    }
}

/// The line as text that cannot steer a terminal or forge another line.
fn visible(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line));
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\t' || !is_steering(c) { shown.push(c) } else { shown.extend(c.escape_default()) }
    }
    shown
}

/// Control characters, and those that turn the direction of text round or hide it.
fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn wasmtime_wasi::p2::OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Lines {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[async_trait::async_trait]
impl wasmtime_wasi::p2::Pollable for Lines {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl wasmtime_wasi::p2::OutputStream for Lines {
    fn write(&mut self, bytes: bytes::Bytes) -> Result<(), wasmtime_wasi::p2::StreamError> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), wasmtime_wasi::p2::StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, wasmtime_wasi::p2::StreamError> {
        Ok(64 << 10)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // The last handle logs what was not ended by a newline.
        if let Some(line) = Arc::get_mut(&mut self.line) {
            let rest = std::mem::take(line.get_mut().unwrap_or_else(PoisonError::into_inner));
            if !rest.is_empty() {
                self.log(&rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_made_visible() {
        assert_eq!(visible(b"plain \xc3\xa4\ttext\n"), "plain ä\ttext");
        assert_eq!(visible(b"\x1b[2J\x07\r"), "\\u{1b}[2J\\u{7}\\r");
        assert_eq!(visible("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert_eq!(visible(b"\xff"), "\u{fffd}");
    }

    #[test]
    fn a_second_has_a_budget_and_the_next_one_a_new_one() {
        let budget = Budget::default();
        assert_eq!(budget.spend(Timestamp(1000), 60, 100), (true, 0));
        assert_eq!(budget.spend(Timestamp(1500), 60, 100), (false, 0));
        assert_eq!(budget.spend(Timestamp(1999), 40, 100), (true, 0));
        assert_eq!(budget.spend(Timestamp(2000), 60, 100), (true, 60));
    }
}
