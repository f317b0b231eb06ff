//! Gives back what it is given.

use mecha_guest::{
    http::{Error, Handler, Request, Response},
    invoke::{self, Call, Fault, Reply, Service},
};

use crate::wit::exports::test::echo::echoing::Guest;

#[allow(unsafe_code, missing_docs, clippy::all, clippy::semicolon_if_nothing_returned, reason = "generated")]
mod wit {
    wit_bindgen::generate!({ path: "../dialer/wit", world: "answerer" });

    // A native linker does not take the symbols' names.
    #[cfg(target_arch = "wasm32")]
    export!(Answerer with_types_in self);
    #[cfg(target_arch = "wasm32")]
    use super::Answerer;
}

struct Answerer;

impl Guest for Answerer {
    fn bytes(data: Vec<u8>) -> Vec<u8> {
        data
    }

    fn text(data: String) -> String {
        data
    }
}

impl Service for Answerer {
    fn handle(call: Call) -> Result<Reply, Fault> {
        Ok(Reply::bytes("application/octet-stream", call.data))
    }
}

impl Handler for Answerer {
    fn handle(_: Request) -> Result<Response, Error> {
        Ok(Response::text("answered\n"))
    }
}

invoke::export!(Answerer);
mecha_guest::http::export!(Answerer);
