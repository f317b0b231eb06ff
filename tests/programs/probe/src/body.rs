//! Bodies that stream, are cut short, or come late.

use std::{
    io::{Read, Write},
    thread::sleep,
    time::Duration,
};

use mecha_guest::{
    http::{Error, Request, Response},
    wasi::http::types::{Fields, OutgoingBody, OutgoingResponse, ResponseOutparam},
};

const CHUNK: usize = 64 << 10;

/// Sends back what comes, chunk by chunk, and never holds more than one of them. Trailers follow.
pub(crate) fn echo(request: &Request) -> Result<Response, Error> {
    let mut reader = request.reader()?;
    let content_type = request.header("content-type").unwrap_or("application/octet-stream");
    let response = Response::stream(move |writer| {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = reader.read(&mut chunk)?;
            let Some(read) = chunk.get(..read).filter(|read| !read.is_empty()) else { break };
            writer.write_all(read)?;
            writer.flush()?;
        }
        if let Some(trailers) = reader.trailers()? {
            writer.trailers(trailers);
        }
        Ok(())
    });
    let response = response.header("content-type", content_type);
    // In HTTP/1.1, only trailers that were announced are sent.
    Ok(request
        .headers()
        .get_all("trailer")
        .fold(response, |response, names| response.append("trailer", names)))
}

/// A body of so many bytes, without a `content-length`.
pub(crate) fn of(bytes: u64) -> Result<Response, Error> {
    Ok(Response::stream(move |writer| {
        let chunk = [b'x'; CHUNK];
        let mut left = bytes;
        while left > 0 {
            let (now, _) = chunk.split_at(usize::try_from(left).unwrap_or(CHUNK).min(CHUNK));
            writer.write_all(now)?;
            left -= now.len() as u64;
        }
        Ok(())
    }))
}

/// A line at a time, with a pause before each.
pub(crate) fn slow(chunks: u64, ms: u64) -> Result<Response, Error> {
    Ok(Response::stream(move |writer| {
        for chunk in 0..chunks {
            sleep(Duration::from_millis(ms));
            writeln!(writer, "chunk {chunk}")?;
            writer.flush()?;
        }
        Ok(())
    }))
}

/// Sends a head and half a body, and traps.
pub(crate) fn partial(out: ResponseOutparam) {
    let body = begin(out);
    if let Some(body) = &body {
        let _ = write(body, b"this is the first half");
        // While the guest waits, the host sends what it has: a trap at once could still become a 500.
        sleep(Duration::from_millis(20));
    }
    panic!("the second half is missing, as was asked for");
}

/// Answers, ends the body, and goes on working.
#[expect(clippy::print_stdout, reason = "the log is how a story sees that the work was done")]
pub(crate) fn late(out: ResponseOutparam) {
    if let Some(body) = begin(out)
        && write(&body, b"answered\n")
        && OutgoingBody::finish(body, None).is_ok()
    {
        sleep(Duration::from_millis(200));
        println!("late work done");
    }
}

fn begin(out: ResponseOutparam) -> Option<OutgoingBody> {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().ok()?;
    ResponseOutparam::set(out, Ok(response));
    Some(body)
}

fn write(body: &OutgoingBody, bytes: &[u8]) -> bool {
    body.write().is_ok_and(|stream| stream.blocking_write_and_flush(bytes).is_ok())
}
