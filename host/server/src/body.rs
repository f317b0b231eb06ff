//! A request's body on its way to a component: no larger than the component's limit.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::Error;

/// The body of a request that came in.
pub trait Incoming: Body<Data = Bytes, Error = hyper::Error> + Send + Unpin + 'static {}

impl<B: Body<Data = Bytes, Error = hyper::Error> + Send + Unpin + 'static> Incoming for B {}

/// Ends with an error where it becomes larger than its limit.
#[derive(Debug)]
pub struct Bounded<B> {
    inner: B,
    left: u64,
    limit: u64,
    exceeded: Arc<AtomicBool>,
}

impl<B> Bounded<B> {
    /// The body, and a flag that tells whether the limit was exceeded.
    pub fn new(inner: B, limit: Option<u64>) -> (Self, Arc<AtomicBool>) {
        let limit = limit.unwrap_or(u64::MAX);
        let exceeded = Arc::new(AtomicBool::new(false));
        (Self { inner, left: limit, limit, exceeded: exceeded.clone() }, exceeded)
    }
}

impl<B: Incoming> Body for Bounded<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            match self.left.checked_sub(data.len() as u64) {
                Some(left) => self.left = left,
                None => {
                    self.exceeded.store(true, Ordering::Relaxed);
                    return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(self.limit)))));
                }
            }
        }
        polled.map_err(Error::from)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
