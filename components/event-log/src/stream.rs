//! Server-sent events: what is new, as long as the call may last. Then the client comes again and says where it was.

use std::{io, thread, time::Duration};

use mecha_guest::{
    context,
    http::{BodyWriter, Error, Request, Response},
    json::Value,
};

use crate::log::Log;

/// How often the log is looked at.
const POLL: Duration = Duration::from_secs(1);
/// Ends this long before the host would end it. A stream that breaks off looks like a failure to a client.
const MARGIN: Duration = Duration::from_millis(2500);
/// Said to the client: when to come again.
const RETRY: Duration = Duration::from_secs(1);
/// Something is sent at least every so many polls, so that no proxy takes the silence for the end.
const SILENCE: u32 = 10;
/// Events that are read at a time.
const PAGE: u32 = 100;

/// Where a client was, if it says so. A browser that comes again sends the header, and the URL that it began with.
pub fn begin(request: &Request) -> Result<Option<u64>, Error> {
    let Some(last) = request.header("last-event-id").map(str::trim).filter(|last| !last.is_empty()) else {
        return request.query_as("after");
    };
    last.parse().map(Some).map_err(|_| Error::status(400, "`last-event-id` is no number"))
}

pub fn open(log: Log, begin: Option<u64>) -> Result<Response, Error> {
    let begin = match begin {
        Some(begin) => begin,
        None => log.newest()?,
    };
    let response = Response::stream(move |body| match follow(&log, begin, body) {
        // A reader that has gone is none to report to.
        Err(Stopped::Sent(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(Stopped::Sent(error)) => Err(error.into()),
        Err(Stopped::Read(error)) => Err(error),
        Ok(()) => Ok(()),
    });
    Ok(response
        .header("content-type", "text/event-stream")
        .header("cache-control", "no-store")
        .header("x-content-type-options", "nosniff"))
}

/// Why a stream ended before its time.
enum Stopped {
    Sent(io::Error),
    Read(Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Sent(error)
    }
}

fn follow(log: &Log, mut cursor: u64, body: &mut BodyWriter) -> Result<(), Stopped> {
    use io::Write as _;

    body.write_all(format!("retry: {}\n\n", RETRY.as_millis()).as_bytes())?;
    body.flush()?;
    let mut silent = 0;
    loop {
        let part = log.after(cursor, PAGE).map_err(|error| Stopped::Read(error.into()))?;
        cursor = part.cursor;
        silent = if part.events.is_empty() { silent + 1 } else { 0 };
        if silent == SILENCE {
            silent = 0;
            body.write_all(b":\n\n")?;
        }
        for event in &part.events {
            body.write_all(message(event).as_bytes())?;
        }
        body.flush()?;
        if context::current().remaining.is_none_or(|remaining| remaining < MARGIN) {
            return Ok(());
        }
        if !part.more {
            thread::sleep(POLL);
        }
    }
}

/// JSON as it is written here is one line, so it is one `data` field.
fn message(event: &Value) -> String {
    format!("id: {}\ndata: {event}\n\n", event["number"])
}

#[cfg(test)]
mod tests {
    use mecha_guest::{http::Method, json::json};

    use super::*;

    #[test]
    fn a_message_cannot_be_broken_by_what_is_in_it() {
        let event = json!({ "number": 7, "event": { "data": "a\n\ndata: b\r\nid: 9\u{2028}" } });
        let text = message(&event);
        let lines: Vec<_> = text.split(['\n', '\r']).collect();
        assert_eq!(lines.len(), 4, "{text:?}");
        assert_eq!(lines[0], "id: 7");
        assert_eq!(mecha_guest::json::from_str::<Value>(&lines[1]["data: ".len()..]).unwrap(), event);
    }

    #[test]
    fn a_client_goes_on_where_it_was() {
        let get = |target| Request::new(Method::Get, target);
        assert_eq!(begin(&get("/events")).unwrap(), None);
        assert_eq!(begin(&get("/events?after=7")).unwrap(), Some(7));
        let again = get("/events?after=7").with_header("last-event-id", "9");
        assert_eq!(begin(&again).unwrap(), Some(9), "it sends both when it comes again");
        assert_eq!(begin(&get("/events").with_header("last-event-id", "")).unwrap(), None);
        for wrong in ["x", "-1", "1.5", "99999999999999999999"] {
            let request = get("/events").with_header("last-event-id", wrong);
            assert_eq!(begin(&request).unwrap_err().code(), 400, "{wrong}");
        }
        assert_eq!(begin(&get("/events?after=x")).unwrap_err().code(), 400);
    }
}
