//! Bodies as streams.

use std::{error, fmt, io};

use super::{Error, Headers};
use crate::wasi::{
    http::types::{ErrorCode, IncomingBody, OutgoingBody, http_error_code},
    io::{
        error::Error as StreamFailure,
        streams::{InputStream, OutputStream, StreamError},
    },
};

/// A request's body, read as it arrives.
#[derive(Debug)]
pub struct BodyReader(Source);

#[derive(Debug)]
enum Source {
    /// The stream has to be dropped before the body it came from: so it is declared first.
    Wasi {
        stream: InputStream,
        body: IncomingBody,
    },
    Memory(io::Cursor<Vec<u8>>),
}

impl BodyReader {
    pub(super) fn from_wasi(body: IncomingBody) -> Result<Self, Error> {
        let stream = body.stream().map_err(|()| io::Error::other("the body's stream was taken already"))?;
        Ok(Self(Source::Wasi { stream, body }))
    }

    pub(super) fn from_memory(bytes: Vec<u8>) -> Self {
        Self(Source::Memory(io::Cursor::new(bytes)))
    }

    /// The trailers behind the body. What was not read of the body is skipped.
    ///
    /// # Errors
    /// A [`BodyError`] if the client broke off.
    pub fn trailers(self) -> io::Result<Option<Headers>> {
        let Source::Wasi { stream, body } = self.0 else { return Ok(None) };
        drop(stream);
        let future = IncomingBody::finish(body);
        loop {
            match future.get() {
                None => future.subscribe().block(),
                Some(Ok(Ok(trailers))) => return Ok(trailers.map(|fields| Headers::from_wasi(&fields))),
                Some(Ok(Err(code))) => return Err(io::Error::other(BodyError(code))),
                Some(Err(())) => return Err(io::Error::other("the trailers were taken already")),
            }
        }
    }
}

impl io::Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let stream = match &mut self.0 {
            Source::Wasi { stream, .. } => stream,
            Source::Memory(bytes) => return bytes.read(buffer),
        };
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            match stream.blocking_read(buffer.len() as u64) {
                // An empty chunk is not the end.
                Ok(chunk) if chunk.is_empty() => {}
                Ok(chunk) => {
                    buffer
                        .get_mut(..chunk.len())
                        .ok_or_else(|| io::Error::other("more was read than was asked for"))?
                        .copy_from_slice(&chunk);
                    return Ok(chunk.len());
                }
                Err(StreamError::Closed) => return Ok(0),
                Err(StreamError::LastOperationFailed(failure)) => return Err(failed(&failure)),
            }
        }
    }
}

/// A response's body, sent as it is written.
///
/// The client sees what was written at the latest after a `flush`, which also waits until there is room for
/// more: a producer is never faster than its consumer.
#[derive(Debug)]
pub struct BodyWriter {
    stream: OutputStream,
    pub(super) trailers: Headers,
}

impl BodyWriter {
    pub(super) fn from_wasi(body: &OutgoingBody) -> io::Result<Self> {
        let stream = body.write().map_err(|()| io::Error::other("the body's stream was taken already"))?;
        Ok(Self { stream, trailers: Headers::new() })
    }

    /// Sets the trailers that follow the body. HTTP/1.1 clients get those that the response's header `trailer`
    /// announces, if they sent `te: trailers`; others are dropped.
    pub fn trailers(&mut self, trailers: Headers) {
        self.trailers = trailers;
    }
}

impl io::Write for BodyWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        loop {
            let room = self.stream.check_write().map_err(closed_or_failed)?;
            if room == 0 {
                self.stream.subscribe().block();
                continue;
            }
            let take = usize::try_from(room).unwrap_or(usize::MAX).min(buffer.len());
            let (now, _) = buffer.split_at(take);
            self.stream.write(now).map_err(closed_or_failed)?;
            return Ok(take);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.blocking_flush().map_err(closed_or_failed)
    }
}

fn closed_or_failed(error: StreamError) -> io::Error {
    match error {
        StreamError::Closed => io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads the body any more"),
        StreamError::LastOperationFailed(failure) => failed(&failure),
    }
}

fn failed(failure: &StreamFailure) -> io::Error {
    match http_error_code(failure) {
        Some(code) => io::Error::other(BodyError(code)),
        // The first line says what happened. What a host may put behind it is for whoever debugs the host.
        None => io::Error::other(failure.to_debug_string().lines().next().unwrap_or_default().to_owned()),
    }
}

/// Why a body ended before its end. Inside the [`io::Error`] that reading or writing gave.
#[derive(Debug)]
pub struct BodyError(pub ErrorCode);

impl BodyError {
    /// The body is larger than the host lets pass.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self.0, ErrorCode::HttpRequestBodySize(_))
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body broke off: {:?}", self.0)
    }
}

impl error::Error for BodyError {}
