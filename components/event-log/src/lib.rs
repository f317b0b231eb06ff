//! Keeps what its subscriptions see in a store, and shows it: as a page, as JSON, and as server-sent events.

mod log;
mod options;
mod page;
mod record;
mod stream;

use mecha_guest::{
    events::{BatchSubscriber, Delivery, Nack, Subscriber},
    http::{Error, Handler, Method, Request, Response},
    json::json,
};

use crate::{log::Log, options::Options, record::Record};

struct EventLog;

impl Subscriber for EventLog {
    fn handle(delivery: Delivery) -> Result<(), Nack> {
        keep(&[delivery])
    }
}

impl BatchSubscriber for EventLog {
    fn handle_batch(deliveries: Vec<Delivery>) -> Vec<Result<(), Nack>> {
        let outcome = keep(&deliveries);
        // Those that were kept all the same are known when they come again.
        vec![outcome; deliveries.len()]
    }
}

impl Handler for EventLog {
    fn handle(request: Request) -> Result<Response, Error> {
        let options = options()?;
        let path = request.path().strip_prefix(&*options.prefix);
        match path {
            Some("/" | "/events" | "/events.json") => {}
            // Relative links on the page are right only behind the slash.
            Some("") => return Ok(Response::new(301).header("location", format!("{}/", options.prefix))),
            _ => return Err(Error::status(404, "there is nothing here")),
        }
        if !matches!(request.method(), Method::Get | Method::Head) {
            return Err(Error::status(405, "only GET and HEAD").header("allow", "GET, HEAD"));
        }
        let log = Log::open(options.keep)?;
        match path {
            Some("/events") => stream::open(log, stream::begin(&request)?),
            Some("/events.json") => list(&log, &request),
            _ => show(&log),
        }
    }
}

mecha_guest::events::export!(EventLog);
mecha_guest::events::export_batch!(EventLog);
mecha_guest::http::export!(EventLog);

fn keep(deliveries: &[Delivery]) -> Result<(), Nack> {
    let options = options()?;
    let records: Vec<_> = deliveries.iter().map(|delivery| Record::new(delivery, options.max_data)).collect();
    Ok(Log::open(options.keep)?.append(&records)?)
}

fn options() -> Result<Options, options::Wrong> {
    Options::read(|name| std::env::var(name).ok())
}

fn show(log: &Log) -> Result<Response, Error> {
    let latest = log.latest(100)?;
    let newest = match latest.first().and_then(|event| event["number"].as_u64()) {
        Some(newest) => newest,
        None => log.newest()?,
    };
    Ok(page::page(&latest, newest))
}

fn list(log: &Log, request: &Request) -> Result<Response, Error> {
    let after = request.query_as("after")?.unwrap_or(0);
    let limit = request.query_as("limit")?.unwrap_or(100);
    if !(1..=1000).contains(&limit) {
        return Err(Error::status(400, "`limit` is 1 to 1000"));
    }
    let part = log.after(after, limit)?;
    let list = json!({ "events": part.events, "next": part.cursor, "more": part.more });
    Ok(Response::json(&list)?.header("cache-control", "no-store"))
}
