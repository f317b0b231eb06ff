//! A request to elsewhere, through `wasi:http/outgoing-handler`.

use std::io::Read;

use mecha_guest::{
    http::{Error, Response},
    wasi::http::{
        outgoing_handler,
        types::{ErrorCode, Fields, OutgoingRequest, Scheme},
    },
};

/// Answers with the status on a line, then the body; or with 502 and the error's code.
pub(crate) fn fetch(url: &str) -> Result<Response, Error> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| Error::status(400, "that is no URL"))?;
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(slash);
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    };
    let request = OutgoingRequest::new(Fields::new());
    let refused = |()| Error::status(400, "wasi:http does not accept that URL");
    request.set_scheme(Some(&scheme)).map_err(refused)?;
    request.set_authority(Some(authority)).map_err(refused)?;
    request.set_path_with_query(Some(if path.is_empty() { "/" } else { path })).map_err(refused)?;
    Ok(match send(request)? {
        Ok((status, body)) => {
            let mut answer = format!("{status}\n").into_bytes();
            answer.extend(body);
            Response::bytes("text/plain", answer)
        }
        Err(code) => Response::text(format!("{code:?}\n")).status(502),
    })
}

fn send(request: OutgoingRequest) -> Result<Result<(u16, Vec<u8>), ErrorCode>, Error> {
    let future = match outgoing_handler::handle(request, None) {
        Ok(future) => future,
        Err(code) => return Ok(Err(code)),
    };
    future.subscribe().block();
    let response = match future.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return Ok(Err(code)),
        _ => return Err(Error::status(500, "the pollable was ready and the future was not")),
    };
    let taken = |()| Error::status(500, "the body was taken already");
    let body = response.consume().map_err(taken)?;
    let mut stream = body.stream().map_err(taken)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(Ok((response.status(), bytes)))
}
