//! Answering HTTP: a [`Handler`] takes a [`Request`] and returns a [`Response`] or an [`Error`].
//!
//! ```no_run
//! use mecha_guest::http::{Error, Handler, Method, Request, Response};
//!
//! struct App;
//!
//! impl Handler for App {
//!     fn handle(request: Request) -> Result<Response, Error> {
//!         match (request.method(), request.segments().as_slice()) {
//!             (Method::Get, ["greetings", name]) => Ok(Response::text(format!("Hello, {name}!\n"))),
//!             (Method::Post, ["greetings"]) => {
//!                 let names: Vec<String> = request.json()?;
//!                 Ok(Response::json(&names)?.status(201))
//!             }
//!             _ => Err(Error::status(404, "there is nothing here")),
//!         }
//!     }
//! }
//!
//! mecha_guest::http::export!(App);
//! ```
//!
//! Bodies that are too large to hold are read through [`Request::reader`] and written through
//! [`Response::stream`]. What is not here (upgrades, informational responses) `wasi:http` 0.2 does not have
//! either; what it has and is not here is at [`crate::wasi::http`].

mod body;
mod error;
mod headers;
mod method;
mod request;
mod response;
mod text;

pub use body::{BodyError, BodyReader, BodyWriter};
pub use error::Error;
pub use headers::Headers;
pub use method::Method;
pub use request::Request;
pub use response::Response;
pub use text::{escape_html, query_string};

pub use crate::__export_http as export;
use crate::wasi::http::types::{IncomingRequest, ResponseOutparam};

/// Something that answers requests. Exported with [`export!`].
pub trait Handler {
    /// Called once in the life of an instance, with the request that it was made for.
    ///
    /// # Errors
    /// What the caller is to be told: see [`Error`].
    fn handle(request: Request) -> Result<Response, Error>;
}

/// Answers one raw `wasi:http` request with a [`Handler`].
///
/// [`export!`] calls this. It is public for components that export `wasi:http/incoming-handler` themselves and
/// want to hand some requests on.
pub fn answer<H: Handler>(request: IncomingRequest, out: ResponseOutparam) {
    let request = Request::from_wasi(request);
    let head = *request.method() == Method::Head;
    let response = H::handle(request).unwrap_or_else(Error::into_response);
    response.send(out, head);
}

/// Makes a [`Handler`] the component's `wasi:http/incoming-handler`: `mecha_guest::http::export!(App);`
#[doc(hidden)]
#[macro_export]
macro_rules! __export_http {
    ($handler:ident) => {
        const _: () = {
            struct Component;

            impl $crate::wasi::exports::http::incoming_handler::Guest for Component {
                fn handle(
                    request: $crate::wasi::http::types::IncomingRequest,
                    out: $crate::wasi::http::types::ResponseOutparam,
                ) {
                    $crate::http::answer::<$handler>(request, out);
                }
            }

            // A native linker does not take the symbol's name.
            #[cfg(target_arch = "wasm32")]
            $crate::wasi::http::proxy::export!(Component);
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(
                $crate::wasi::http::types::IncomingRequest,
                $crate::wasi::http::types::ResponseOutparam,
            ) = <Component as $crate::wasi::exports::http::incoming_handler::Guest>::handle;
        };
    };
}
