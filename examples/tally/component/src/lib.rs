//! Counts votes: reads a number, adds one and writes it back. Of two votes at once one may be lost, unless the manifest
//! says `atomic: true`.

use mecha_guest::{
    http::{Error, Handler, Method, Request, Response},
    json::{Value, json},
    state::Store,
};

struct Tally;

impl Handler for Tally {
    fn handle(request: Request) -> Result<Response, Error> {
        let votes = Store::open("votes")?;
        match (request.method(), request.segments().as_slice()) {
            (Method::Post, ["votes", choice]) => vote(&votes, choice),
            (Method::Get, ["votes"]) => result(&votes),
            _ => Err(Error::status(404, "there is nothing here")),
        }
    }
}

mecha_guest::http::export!(Tally);

const CHOICES: [&str; 2] = ["tea", "coffee"];

fn vote(votes: &Store, choice: &str) -> Result<Response, Error> {
    if !CHOICES.contains(&choice) {
        return Err(Error::status(404, "one votes for `tea` or for `coffee`"));
    }
    let count = count(votes, choice)? + 1;
    votes.set_json(choice, &count)?;
    Response::json(&json!({ "choice": choice, "count": count }))
}

fn result(votes: &Store) -> Result<Response, Error> {
    let mut result = Value::default();
    for choice in CHOICES {
        result[choice] = count(votes, choice)?.into();
    }
    Response::json(&result)
}

fn count(votes: &Store, choice: &str) -> Result<u64, Error> {
    Ok(votes.get_json(choice)?.unwrap_or(0))
}
