//! What is there besides the request.
#![allow(clippy::disallowed_methods, reason = "in a guest, std's clock and files are the host's")]

use std::{
    fs, io,
    net::TcpStream,
    thread,
    time::{Duration, SystemTime},
};

use mecha_guest::{
    http::{Error, Method, Request, Response},
    json::{Map, Value, json},
    wasi,
};

/// The request as it arrived, as JSON.
pub(crate) fn headers(request: &Request) -> Result<Response, Error> {
    let headers: Vec<_> =
        request.headers().iter().map(|(name, value)| (name, String::from_utf8_lossy(value))).collect();
    Response::json(&json!({
        "method": request.method().as_str(),
        "path": request.path(),
        "query": request.raw_query(),
        "scheme": request.scheme(),
        "authority": request.authority(),
        "headers": headers,
    }))
}

pub(crate) fn sleep(ms: u64) -> Result<Response, Error> {
    thread::sleep(Duration::from_millis(ms));
    Ok(Response::text(format!("slept for {ms} ms\n")))
}

/// As many random bytes in one call.
pub(crate) fn random(bytes: u64) -> Result<Response, Error> {
    Ok(Response::bytes("application/octet-stream", wasi::random::random::get_random_bytes(bytes)))
}

/// All variables, as a JSON object.
pub(crate) fn env() -> Result<Response, Error> {
    let variables: Map<String, Value> = std::env::vars().map(|(name, value)| (name, value.into())).collect();
    Response::json(&variables)
}

/// Files under `/data`: GET reads (of a directory: the names in it), PUT writes. The path is not cleaned, for it
/// is the host that has to keep a guest in.
pub(crate) fn files(request: &Request, path: &str) -> Result<Response, Error> {
    let path = format!("/data/{path}");
    let done = match request.method() {
        Method::Put => {
            let body = request.body(16 << 20)?;
            fs::write(&path, body).map(|()| Response::new(204))
        }
        _ if fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()) => names(&path).map(Response::text),
        _ => fs::read(&path).map(|bytes| Response::bytes("application/octet-stream", bytes)),
    };
    Ok(done.unwrap_or_else(|error| {
        let status = match error.kind() {
            io::ErrorKind::NotFound => 404,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => 403,
            _ => 500,
        };
        Response::text(format!("{error}\n")).status(status)
    }))
}

fn names(path: &str) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(format!("{}\n", entry?.file_name().to_string_lossy()));
    }
    names.sort();
    Ok(names.concat())
}

/// So many lines of so many bytes, on stdout and on stderr.
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "this is what it is for")]
pub(crate) fn log(lines: u64, bytes: u64) -> Result<Response, Error> {
    let text = "l".repeat(usize::try_from(bytes)?);
    for _ in 0..lines {
        println!("{text}");
        eprintln!("{text}");
    }
    Ok(Response::text(format!("logged {lines} lines twice\n")))
}

/// Lines that a terminal would obey, if they reached it as they are: colour, title, a cleared screen, a line that
/// overwrites itself, a false line.
#[expect(clippy::print_stdout, reason = "this is what it is for")]
pub(crate) fn log_escape() -> Result<Response, Error> {
    println!("\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b[2J cleared");
    println!("honest\roverwritten");
    println!("one\u{85}two\u{2028}three\u{202e}four\x08five\0six");
    Ok(Response::text("logged terminal escapes\n"))
}

pub(crate) fn time() -> Result<Response, Error> {
    let unix_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_millis();
    let monotonic_ns = wasi::clocks::monotonic_clock::now();
    Response::json(&json!({ "unix_ms": u64::try_from(unix_ms)?, "monotonic_ns": monotonic_ns }))
}

/// Tries to open a connection, and tells what came of it.
pub(crate) fn socket(addr: &str) -> Result<Response, Error> {
    Ok(match TcpStream::connect(addr) {
        Ok(_) => Response::text("connected\n"),
        Err(error) => Response::text(format!("{:?}: {error}\n", error.kind())).status(502),
    })
}
