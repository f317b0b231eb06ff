//! Hands the script in its request on to `teller` through a linked interface, and writes down in its own store that it
//! did. It answers with the status that the query `status` says, or 200.

use mecha_guest::{
    http::{Error, Handler, Method, Request, Response},
    json::json,
    state::Store,
};

#[allow(unsafe_code, missing_docs, clippy::all, clippy::semicolon_if_nothing_returned, reason = "generated")]
mod wit {
    wit_bindgen::generate!({ path: "wit", world: "forwarder" });
}

struct Forwarder;

impl Handler for Forwarder {
    fn handle(request: Request) -> Result<Response, Error> {
        let store = Store::open("main")?;
        if *request.method() == Method::Get {
            return Response::json(&store.get_json::<String>("forwarded")?);
        }
        let script = String::from_utf8(request.body(1 << 20)?)?;
        store.set_json("forwarded", &script)?;
        let answer = match wit::test::teller::scripts::run(&script) {
            Ok(results) => json!({ "ok": results }),
            Err(why) => json!({ "error": why }),
        };
        Ok(Response::json(&answer)?.status(request.query_as("status")?.unwrap_or(200)))
    }
}

mecha_guest::http::export!(Forwarder);
