//! The body of an answer, and the guest that is still making it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, p2::body::HyperOutgoingBody};

use super::Guest;
use crate::call::Outcome;

/// The body of an answer. It holds the guest that is making it: dropped half read, it ends the guest.
pub struct GuestBody {
    guest: Option<Guest>,
    body: HyperOutgoingBody,
    /// Bytes that the head still promises.
    left: Option<u64>,
    ended: bool,
    outcome: Arc<Outcome>,
}

impl GuestBody {
    /// `promised`: the length that the head of the answer gives.
    pub(super) fn new(
        guest: Option<Guest>,
        outcome: Arc<Outcome>,
        body: HyperOutgoingBody,
        promised: Option<u64>,
    ) -> Self {
        Self { guest, outcome, body, left: promised, ended: false }
    }

    /// Of an answer to HEAD: whatever the guest writes, nothing of it is sent. (RFC 9110, section 9.3.2)
    pub(super) fn headless(mut self) -> Self {
        self.left = Some(0);
        self.ended = true;
        self
    }

    /// The guest that is making it, which ends with whoever takes it.
    pub(super) fn take_guest(&mut self) -> Option<Guest> {
        self.guest.take()
    }

    /// Whether the reader has got all that it was promised.
    fn is_complete(&self) -> bool {
        self.ended || self.left == Some(0) || self.body.is_end_stream()
    }
}

impl Body for GuestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            // What a guest left behind half done must not look whole.
            Poll::Ready(None) if self.outcome.is_bad() && !self.is_complete() => {
                return Poll::Ready(Some(Err(Error::HttpResponseIncomplete)));
            }
            Poll::Ready(Some(Ok(frame))) => match frame.data_ref() {
                Some(data) => self.left = self.left.map(|left| left.saturating_sub(data.len() as u64)),
                None => self.ended = true,
            },
            Poll::Ready(None) => self.ended = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for GuestBody {
    fn drop(&mut self) {
        // A guest whose answer has been read in full may still have work to do, until its deadline.
        // One whose reader has gone is dropped with this body.
        if self.is_complete()
            && let Some(guest) = self.guest.take()
        {
            drop(guest.detach());
        }
    }
}
