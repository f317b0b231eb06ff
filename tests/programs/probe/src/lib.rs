//! A guest that behaves well and badly on request: the path says how.
//!
//! - `body`: bodies that stream, in both directions, and answers that are cut short or come late.
//! - `limits`: everything that an instance can use too much of, and every way to end.
//! - `world`: what is there besides the request: clock, random numbers, environment, files, logs, network.

mod body;
mod fetch;
mod limits;
mod world;

use mecha_guest::{
    http::{Error, Handler, Request, Response, answer},
    wasi::{
        exports::http::incoming_handler::Guest,
        http::types::{IncomingRequest, ResponseOutparam},
    },
};

struct Probe;

/// What needs the raw interface is here, the rest is a [`Handler`].
impl Guest for Probe {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        match target.split_once('?').map_or(target.as_str(), |(path, _)| path) {
            "/silent" => {}
            "/partial" => body::partial(out),
            "/late" => body::late(out),
            _ => answer::<Self>(request, out),
        }
    }
}

#[cfg(target_arch = "wasm32")]
mecha_guest::wasi::http::proxy::export!(Probe);
/// A native linker does not take the export's name, so that natively the probe is only compiled.
#[cfg(not(target_arch = "wasm32"))]
const _: fn(IncomingRequest, ResponseOutparam) = <Probe as Guest>::handle;

impl Handler for Probe {
    fn handle(request: Request) -> Result<Response, Error> {
        match request.segments().as_slice() {
            ["echo"] => body::echo(&request),
            ["body"] => body::of(number(&request, "bytes", 0)?),
            ["slow-body"] => body::slow(number(&request, "chunks", 10)?, number(&request, "ms", 100)?),
            ["headers"] => world::headers(&request),
            ["status"] => Ok(Response::new(u16::try_from(number(&request, "code", 200)?)?)),
            ["loop"] => limits::spin(),
            ["compute"] => limits::compute(number(&request, "words", 1)?),
            ["grow"] => limits::grow(),
            ["overflow"] => Ok(Response::text(limits::overflow(0).to_string())),
            ["panic"] => panic!("asked to"),
            // The code does not arrive: in WASI 0.2, `exit` tells success or failure.
            ["exit"] => std::process::exit(3),
            ["sleep"] => world::sleep(number(&request, "ms", 0)?),
            ["never"] => limits::never(),
            ["leak"] => limits::leak(number(&request, "n", u64::MAX)?),
            ["fields"] => limits::fields(number(&request, "bytes", 0)?),
            ["random"] => world::random(number(&request, "bytes", 16)?),
            ["env"] => world::env(),
            ["files", path @ ..] => world::files(&request, &path.join("/")),
            ["log"] => world::log(number(&request, "lines", 1)?, number(&request, "bytes", 10)?),
            ["log-escape"] => world::log_escape(),
            ["time"] => world::time(),
            ["socket"] => world::socket(text(&request, "addr")?),
            ["fetch"] => fetch::fetch(text(&request, "url")?),
            _ => Err(Error::status(404, "the probe knows nothing of this")),
        }
    }
}

fn number(request: &Request, name: &str, default: u64) -> Result<u64, Error> {
    Ok(request.query_as(name)?.unwrap_or(default))
}

fn text<'a>(request: &'a Request, name: &str) -> Result<&'a str, Error> {
    request.query(name).ok_or_else(|| Error::status(400, format!("`{name}` is missing")))
}
