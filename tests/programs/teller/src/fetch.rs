//! A request to elsewhere, through `wasi:http/outgoing-handler`.

use std::io::{Error, Read as _};

use mecha_guest::wasi::http::{
    outgoing_handler,
    types::{Fields, Method, OutgoingRequest, Scheme},
};

/// The status of the answer, once it has arrived in full. An error's text is its code.
pub fn fetch(method: &str, url: &str) -> Result<u16, Error> {
    let no_url = || Error::other(format!("{url} is no URL"));
    let rest = url.strip_prefix("http://").ok_or_else(no_url)?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let request = OutgoingRequest::new(Fields::new());
    let refused = |()| no_url();
    request.set_method(&named(method)).map_err(refused)?;
    request.set_scheme(Some(&Scheme::Http)).map_err(refused)?;
    request.set_authority(Some(authority)).map_err(refused)?;
    request.set_path_with_query(Some(if path.is_empty() { "/" } else { path })).map_err(refused)?;
    let future = outgoing_handler::handle(request, None).map_err(|code| failed(&format!("{code:?}")))?;
    future.subscribe().block();
    let response = match future.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return Err(failed(&format!("{code:?}"))),
        _ => return Err(failed("the pollable was ready and the future was not")),
    };
    let taken = |()| failed("the body was taken already");
    let body = response.consume().map_err(taken)?;
    let mut stream = body.stream().map_err(taken)?;
    stream.read_to_end(&mut vec![])?;
    Ok(response.status())
}

fn named(method: &str) -> Method {
    match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    }
}

fn failed(code: &str) -> Error {
    let end = code.find('(').unwrap_or(code.len());
    Error::other(code[..end].to_owned())
}
