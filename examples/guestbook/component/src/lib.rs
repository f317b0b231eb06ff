//! A guestbook: entries in a store, newest first, each with a version.

use std::time::Duration;

use mecha_guest::{
    http::{Error, Handler, Method, Request, Response, escape_html, query_string},
    state::{self, Etag, Item, Options, Store, When},
    wasi::clocks::wall_clock,
};
use serde::{Deserialize, Serialize};

struct Guestbook;

impl Handler for Guestbook {
    fn handle(request: Request) -> Result<Response, Error> {
        let store = Store::open("main")?;
        match (request.method(), request.segments().as_slice()) {
            (Method::Get | Method::Head, []) => page(&store),
            (Method::Get | Method::Head, ["entries"]) => list(&store, &request),
            (Method::Post, ["entries"]) => create(&store, &request),
            (Method::Get | Method::Head, ["entries", id]) => show(&store, id, &request),
            (Method::Put, ["entries", id]) => replace(&store, id, &request),
            (Method::Delete, ["entries", id]) => remove(&store, id, &request),
            (Method::Get | Method::Head, ["count"]) => count(&store),
            (_, [] | ["count"]) => Err(not_allowed("GET, HEAD")),
            (_, ["entries"]) => Err(not_allowed("GET, HEAD, POST")),
            (_, ["entries", _]) => Err(not_allowed("GET, HEAD, PUT, DELETE")),
            _ => Err(Error::status(404, "there is nothing here")),
        }
    }
}

mecha_guest::http::export!(Guestbook);

/// What a guest sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    name: String,
    message: String,
}

/// What is stored under `entries/{id}`.
#[derive(Serialize, Deserialize)]
struct Entry {
    name: String,
    message: String,
    written_at_ms: u64,
}

/// What is shown.
#[derive(Serialize)]
struct View {
    id: String,
    #[serde(flatten)]
    entry: Entry,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at_ms: Option<u64>,
}

#[derive(Serialize)]
struct List {
    entries: Vec<View>,
    /// Where the list goes on.
    next: Option<String>,
}

fn create(store: &Store, request: &Request) -> Result<Response, Error> {
    let draft = draft(request)?;
    let mut options = Options::new().if_absent();
    if let Some(seconds) = request.query_as("ttl")? {
        if !(1..=366 * 86_400).contains(&seconds) {
            return Err(Error::status(400, "`ttl` is 1 to 31622400 seconds"));
        }
        options = options.ttl(Duration::from_secs(seconds));
    }
    // The ids are numbers of a counter, padded so that their order as text is their order in time. A clock
    // would not do: two entries may have the same millisecond.
    let id = format!("{:012}", store.increment("count", 1)?);
    let entry = Entry { name: draft.name, message: draft.message, written_at_ms: now_ms() };
    store.set_json_with(&key(&id), &entry, options)?;
    // Read again for the time at which it expires.
    let item = find(store, &id)?;
    Ok(respond(&view(&id, &item)?, &item.etag)?.status(201).header("location", format!("/entries/{id}")))
}

fn show(store: &Store, id: &str, request: &Request) -> Result<Response, Error> {
    let item = find(store, id)?;
    if names(request, "if-none-match", &item.etag) == Some(true) {
        return Ok(Response::new(304).header("etag", item.etag.to_http()));
    }
    respond(&view(id, &item)?, &item.etag)
}

fn replace(store: &Store, id: &str, request: &Request) -> Result<Response, Error> {
    let item = find(store, id)?;
    match names(request, "if-match", &item.etag) {
        None => return Err(Error::status(428, "say which version you replace: `if-match`")),
        Some(false) => return Err(outdated(Some(&item.etag))),
        Some(true) => {}
    }
    let draft = draft(request)?;
    let mut view = view(id, &item)?;
    view.entry = Entry { name: draft.name, message: draft.message, ..view.entry };
    // The check above was for a quick answer. This one decides, should two guests be here at the same time.
    match store.set_json_with(&key(id), &view.entry, item.same().if_match(&item.etag)) {
        Ok(etag) => respond(&view, &etag),
        Err(state::Error::Conflict(now)) => Err(outdated(now.as_ref())),
        Err(error) => Err(error.into()),
    }
}

fn remove(store: &Store, id: &str, request: &Request) -> Result<Response, Error> {
    let item = find(store, id)?;
    let removed = match names(request, "if-match", &item.etag) {
        None => store.delete(&key(id)),
        Some(false) => return Err(outdated(Some(&item.etag))),
        Some(true) => store.delete_if(&key(id), When::Matches(item.etag)),
    };
    match removed {
        Ok(()) => Ok(Response::new(204)),
        Err(state::Error::Conflict(now)) => Err(outdated(now.as_ref())),
        Err(error) => Err(error.into()),
    }
}

fn list(store: &Store, request: &Request) -> Result<Response, Error> {
    let limit = request.query_as("limit")?.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(Error::status(400, "`limit` is 1 to 100"));
    }
    let cursor = request.query("cursor").map(str::to_owned);
    let page = match store.scan("entries/").reverse().limit(limit).after(cursor).page() {
        Err(state::Error::InvalidArgument(why)) => return Err(Error::status(400, why)),
        page => page?,
    };
    let entries = page.entries.iter().map(|entry| view(id_of(&entry.key), &entry.item));
    let next = page.cursor.map(|cursor| {
        format!("/entries?{}", query_string([("limit", limit.to_string().as_str()), ("cursor", &cursor)]))
    });
    Response::json(&List { entries: entries.collect::<Result<_, _>>()?, next })
}

fn count(store: &Store) -> Result<Response, Error> {
    let ever = store.get_json("count")?.unwrap_or(0_i64);
    Response::json(&mecha_guest::json::json!({ "ever_written": ever }))
}

fn page(store: &Store) -> Result<Response, Error> {
    let mut entries = String::new();
    for entry in store.scan("entries/").reverse().limit(50).page()?.entries {
        let Entry { name, message, .. } = entry.item.json()?;
        let (name, message) = (escape_html(&name), escape_html(&message));
        entries.push_str(&format!("<li><b>{name}</b>: {message}</li>\n"));
    }
    Ok(Response::html(include_str!("page.html").replace("{{entries}}", &entries)))
}

fn draft(request: &Request) -> Result<Draft, Error> {
    let draft: Draft = request.json_within(16 << 10)?;
    for (field, text, most) in [("name", &draft.name, 80), ("message", &draft.message, 2000)] {
        if text.trim().is_empty() || text.chars().count() > most {
            return Err(Error::status(422, format!("`{field}` is 1 to {most} characters")));
        }
    }
    Ok(draft)
}

fn find(store: &Store, id: &str) -> Result<Item, Error> {
    store.get(&key(id))?.ok_or_else(|| Error::status(404, "there is no such entry"))
}

fn respond(view: &View, etag: &Etag) -> Result<Response, Error> {
    Ok(Response::json(view)?.header("etag", etag.to_http()))
}

fn view(id: &str, item: &Item) -> Result<View, Error> {
    Ok(View { id: id.to_owned(), entry: item.json()?, expires_at_ms: item.expires_at_ms })
}

/// Whether the header names this version. `None` if it is not there.
fn names(request: &Request, header: &str, etag: &Etag) -> Option<bool> {
    let value = request.header(header)?;
    Some(value.trim() == "*" || Etag::list_from_http(value).any(|named| named == *etag))
}

fn outdated(now: Option<&Etag>) -> Error {
    let error = Error::status(412, "the entry was changed meanwhile");
    now.iter().fold(error, |error, etag| error.header("etag", etag.to_http()))
}

fn not_allowed(allowed: &str) -> Error {
    Error::status(405, format!("only {allowed}")).header("allow", allowed)
}

fn key(id: &str) -> String {
    format!("entries/{id}")
}

fn id_of(key: &str) -> &str {
    key.trim_start_matches("entries/")
}

fn now_ms() -> u64 {
    let now = wall_clock::now();
    now.seconds * 1000 + u64::from(now.nanoseconds / 1_000_000)
}
