//! Calls `answerer` as the request says: `/invoke`, `/typed`, `/text`, each with `?n=CALLS&size=BYTES`.

use mecha_guest::{
    http::{Error, Handler, Request, Response},
    invoke::{self, Target},
};

#[allow(unsafe_code, missing_docs, clippy::all, clippy::semicolon_if_nothing_returned, reason = "generated")]
mod wit {
    wit_bindgen::generate!({ path: "wit", world: "dialer" });
}

struct Dialer;

impl Handler for Dialer {
    fn handle(request: Request) -> Result<Response, Error> {
        let number =
            |name: &str, default| request.query(name).and_then(|text| text.parse().ok()).unwrap_or(default);
        let (calls, size) = (number("n", 1), number("size", 16));
        let data = vec![b'x'; size];
        let text = "x".repeat(size);
        for _ in 0..calls {
            let back = match request.path() {
                "/invoke" => {
                    let request = invoke::Request::bytes("echo", "application/octet-stream", data.clone());
                    Target::open("answerer")?.call(&request)?.data.len()
                }
                "/typed" => wit::test::echo::echoing::bytes(&data).len(),
                "/text" => wit::test::echo::echoing::text(&text).len(),
                _ => size,
            };
            if back != size {
                return Ok(Response::text(format!("{back} bytes came back, not {size}\n")).status(500));
            }
        }
        Ok(Response::text(format!("{calls} calls of {size} bytes\n")))
    }
}

mecha_guest::http::export!(Dialer);
