//! Serves a granted folder over HTTP. The README says what for; the files beside this one decide, this one does.

mod coding;
mod disk;
mod options;
mod path;
mod range;
mod version;

use std::{
    fs::{File, Metadata},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use mecha_guest::{
    http::{Error, Handler, Method, Request, Response},
    wasi::clocks::wall_clock,
};

use crate::{
    coding::Coding,
    options::Options,
    range::Range,
    version::{Conditions, Decision, Version},
};

struct StaticFiles;

impl Handler for StaticFiles {
    fn handle(request: Request) -> Result<Response, Error> {
        let now = wall_clock::now();
        let now = UNIX_EPOCH + Duration::new(now.seconds, now.nanoseconds);
        answer(&request, &Options::read(|name| std::env::var(name).ok()), now)
    }
}

mecha_guest::http::export!(StaticFiles);

fn answer(request: &Request, options: &Options, now: SystemTime) -> Result<Response, Error> {
    if !matches!(request.method(), Method::Get | Method::Head) {
        return Err(Error::status(405, "only GET and HEAD").header("allow", "GET, HEAD"));
    }
    let wanted = path::wanted(request.path(), &options.prefix).map_err(|wrong| match wrong {
        path::Wrong::Malformed => Error::status(400, "the path is malformed"),
        path::Wrong::Hidden => nothing(),
    })?;
    let path = options.root.join(&wanted.path);
    let Some(found) = disk::look(&path)? else { return Err(absent(&options.root)) };
    match (found.is_dir(), wanted.folder) {
        (true, true) => file(request, &path.join(&options.index), options, now),
        // Relative links on its page are right only behind the slash.
        (true, false) => Ok(redirect(request)),
        (false, true) => Err(nothing()),
        (false, false) => file(request, &path, options, now),
    }
}

fn redirect(request: &Request) -> Response {
    // `path::wanted` took the path apart, so it begins with one slash: the place is on this host.
    let mut location = format!("{}/", request.path());
    if !request.raw_query().is_empty() {
        location = format!("{location}?{}", request.raw_query());
    }
    Response::new(301).header("location", location)
}

/// Opens the file, or a compressed form of it that is beside it and that the client takes.
fn open(request: &Request, path: &Path) -> Result<Option<(Option<Coding>, File, Metadata)>, Error> {
    for coding in coding::accepted(&list(request, "accept-encoding").unwrap_or_default()) {
        let mut beside = path.to_owned().into_os_string();
        beside.push(coding.suffix());
        let beside = Path::new(&beside);
        if disk::look(beside)?.is_some_and(|found| found.is_file())
            && let Some((file, metadata)) = disk::open(beside)?
        {
            return Ok(Some((Some(coding), file, metadata)));
        }
    }
    // To open a pipe, say, would wait for its other end: so it is looked at before.
    match disk::look(path)? {
        Some(found) if found.is_file() => Ok(disk::open(path)?.map(|(file, found)| (None, file, found))),
        _ => Ok(None),
    }
}

/// Sends a file, or the part of it that is asked for, or says that the client has it.
fn file(request: &Request, path: &Path, options: &Options, now: SystemTime) -> Result<Response, Error> {
    let Some((coding, file, metadata)) = open(request, path)? else { return Err(nothing()) };
    let size = metadata.len();
    let version = Version::new(size, metadata.modified()?, coding.map_or("", Coding::suffix), now);
    let all = |response: Response| {
        let response = response
            .header("etag", &version.tag)
            .header("last-modified", version.date())
            .header("cache-control", &options.cache_control)
            .header("vary", "accept-encoding");
        coding
            .into_iter()
            .fold(response, |response, coding| response.header("content-encoding", coding.token()))
    };
    let header = |name| request.header(name);
    let joined = |name| list(request, name);
    let (if_match, if_none_match) = (joined("if-match"), joined("if-none-match"));
    let conditions = Conditions {
        if_match: if_match.as_deref(),
        if_unmodified_since: header("if-unmodified-since"),
        if_none_match: if_none_match.as_deref(),
        if_modified_since: header("if-modified-since"),
    };
    match version.decide(&conditions) {
        Decision::Send => {}
        Decision::NotModified => return Ok(all(Response::new(304))),
        Decision::Failed => return Err(Error::status(412, "the file is another version")),
    }
    let range = match (header("range"), header("if-range")) {
        // `range` means something with GET only.
        (Some(range), None) if *request.method() == Method::Get => range::select(range, size),
        (Some(range), Some(known)) if *request.method() == Method::Get && version.continues(known) => {
            range::select(range, size)
        }
        _ => Range::Whole,
    };
    let (status, start, length) = match range {
        Range::Whole => (200, 0, size),
        Range::Part { start, length } => (206, start, length),
        Range::Unsatisfiable => {
            let error = Error::status(416, format!("the file has {size} bytes"));
            return Err(error.header("content-range", format!("bytes */{size}")));
        }
    };
    let response = Response::stream(move |body| Ok(disk::send(file, start, length, body)?))
        .status(status)
        .header("content-type", content_type(path))
        .header("content-length", length.to_string())
        .header("accept-ranges", "bytes")
        // What the type says is what it is: nobody is to guess a page in somebody's text.
        .header("x-content-type-options", "nosniff");
    Ok(all(match status {
        206 => response.header("content-range", format!("bytes {start}-{}/{size}", start + length - 1)),
        _ => response,
    }))
}

/// By the name. Text is sent as UTF-8.
fn content_type(path: &Path) -> String {
    let guess = mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream");
    match guess.starts_with("text/") {
        true => format!("{guess}; charset=utf-8"),
        false => guess.to_owned(),
    }
}

/// All fields of that name, as one list.
fn list(request: &Request, name: &str) -> Option<String> {
    let values: Vec<_> =
        request.headers().get_all(name).filter_map(|value| std::str::from_utf8(value).ok()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn nothing() -> Error {
    Error::status(404, "there is nothing here")
}

/// Nothing here, or no folder at all: that is the manifest's mistake, and goes to the log.
fn absent(root: &Path) -> Error {
    match disk::look(root) {
        Ok(Some(found)) if found.is_dir() => nothing(),
        _ => std::io::Error::other(format!("no folder is granted at {}", root.display())).into(),
    }
}

#[cfg(test)]
mod tests;
