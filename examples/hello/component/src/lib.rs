//! Says hello.

use mecha_guest::http::{Error, Handler, Method, Request, Response};

struct Hello;

impl Handler for Hello {
    fn handle(request: Request) -> Result<Response, Error> {
        match (request.method(), request.path()) {
            (Method::Get | Method::Head, "/") => {
                let name = request.query("name").unwrap_or("world");
                Ok(Response::text(format!("Hello, {name}!\n")))
            }
            (_, "/") => Err(Error::status(405, "ask with GET").header("allow", "GET, HEAD")),
            _ => Err(Error::status(404, "there is nothing here")),
        }
    }
}

mecha_guest::http::export!(Hello);
