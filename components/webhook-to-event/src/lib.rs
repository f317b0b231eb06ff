//! Publishes what comes in from outside: webhooks, as an input, and requests, as an HTTP handler.
//!
//! What is an event already stays what it is. Anything else becomes the data of one, with the attributes that the
//! environment gives.

mod cloudevent;
mod options;
mod plain;
mod template;

use mecha_guest::{
    bindings::{Input, Nack, Reply, Trigger},
    events::{self, Message, Topic},
    http::{Error, Handler, Method, Request, Response},
    json::{Value, json},
};

use crate::{cloudevent::Found, options::Options, plain::Body};

struct WebhookToEvent;

impl Input for WebhookToEvent {
    fn handle(trigger: Trigger) -> Result<Option<Reply>, Nack> {
        let options = options()?;
        // Of an input the body was verified, and not the headers: what these say of an event is not believed.
        let found = cloudevent::in_body(trigger.content_type.as_deref(), &trigger.data);
        let messages = match found.map_err(Nack::Reject)? {
            Found::One(message) => vec![message],
            Found::Many(messages) => messages,
            Found::Nothing => vec![of_trigger(&options, &trigger).map_err(Nack::Reject)?],
        };
        Ok(Some(Reply::json(&publish(&options.topic, messages)?)?))
    }
}

impl Handler for WebhookToEvent {
    fn handle(request: Request) -> Result<Response, Error> {
        if *request.method() != Method::Post {
            return Err(Error::status(405, "only POST").header("allow", "POST"));
        }
        let options = options()?;
        let messages = of_request(&options, &request)?;
        let ids = publish(&options.topic, messages).map_err(|error| match error {
            events::Error::InvalidArgument(why) => Error::status(400, why),
            error => error.into(),
        })?;
        Ok(Response::json(&ids)?.status(202))
    }
}

mecha_guest::bindings::export!(WebhookToEvent);
mecha_guest::http::export!(WebhookToEvent);

/// The largest body that is read. What a topic takes is another matter, and usually less.
const MOST_BYTES: usize = 4 << 20;

fn options() -> Result<Options, options::NoTopic> {
    Options::read(|name| std::env::var(name).ok())
}

/// Publishes all, and says which ids they have. If one of them fails, all may be sent again: those that were taken
/// are known by their source and id.
fn publish(topic: &str, messages: Vec<Message>) -> Result<Value, events::Error> {
    let topic = Topic::open(topic)?;
    let ids = match messages.as_slice() {
        [] => vec![],
        [message] => vec![topic.publish(message)?],
        _ => topic.publish_many(messages)?.into_iter().collect::<Result<_, _>>()?,
    };
    Ok(json!({ "ids": ids }))
}

fn of_trigger(options: &Options, trigger: &Trigger) -> Result<Message, String> {
    let body = Body {
        content_type: trigger.content_type.clone(),
        data: trigger.data.clone(),
        id: Some(trigger.id.clone()),
        // Two inputs may have the same ids.
        source: Some(format!("/inputs/{}", trigger.binding)),
    };
    plain::message(options, body, |name| trigger.meta(name))
}

fn of_request(options: &Options, request: &Request) -> Result<Vec<Message>, Error> {
    let wrong = |why: String| Error::status(400, why);
    let content_type = request.header("content-type");
    let data = request.body(MOST_BYTES)?;
    let mut found = cloudevent::in_body(content_type, &data).map_err(wrong)?;
    if matches!(found, Found::Nothing) {
        found = cloudevent::in_headers(request.headers().iter(), content_type, &data).map_err(wrong)?;
    }
    match found {
        Found::One(message) => Ok(vec![message]),
        Found::Many(messages) => Ok(messages),
        Found::Nothing => {
            let content_type = content_type.map(str::to_owned);
            let body = Body { content_type, data, ..Body::default() };
            let message = plain::message(options, body, |name| request.header(name)).map_err(wrong)?;
            Ok(vec![message])
        }
    }
}

#[cfg(test)]
mod tests {
    use mecha_guest::events::Delivery;

    use super::*;

    fn options() -> Options {
        let variable = |name: &str| match name {
            "TOPIC" => Some("hooks".to_owned()),
            "TYPE" => Some("com.example.{x-event}".to_owned()),
            _ => None,
        };
        Options::read(variable).unwrap()
    }

    fn post() -> Request {
        Request::new(Method::Post, "/")
    }

    fn events(request: &Request) -> Result<Vec<(String, String)>, u16> {
        let messages = of_request(&options(), request).map_err(|error| error.code())?;
        let events = messages.into_iter().map(|message| Delivery::new("test", message).event);
        Ok(events.map(|event| (event.id, event.event_type)).collect())
    }

    #[test]
    fn a_request_is_an_event_a_batch_or_data() {
        let event = r#"{"specversion":"1.0","id":"7","source":"/a","type":"t"}"#;
        let of_type = |content_type: &str, body: String| {
            post().with_header("content-type", content_type).with_body(body)
        };
        let one = of_type("application/cloudevents+json", event.into());
        assert_eq!(events(&one), Ok(vec![("7".into(), "t".into())]));
        let two = of_type("application/cloudevents-batch+json", format!("[{event},{event}]"));
        assert_eq!(events(&two).map(|events| events.len()), Ok(2));
        let binary = [("ce-specversion", "1.0"), ("ce-id", "8"), ("ce-source", "/a"), ("ce-type", "u")]
            .into_iter()
            .fold(post(), |request, (name, value)| request.with_header(name, value));
        assert_eq!(events(&binary), Ok(vec![("8".into(), "u".into())]));
        let plain = of_type("text/plain", "hello".into());
        assert_eq!(events(&plain), Err(400), "TYPE needs a header");
        let plain = plain_with_header();
        assert_eq!(events(&plain).unwrap()[0].1, "com.example.push");
        assert_eq!(events(&of_type("application/cloudevents+json", "{}".into())), Err(400));
    }

    fn plain_with_header() -> Request {
        post().with_header("x-event", "push").with_body("hello")
    }

    #[test]
    fn an_input_has_its_own_id_and_says_where_it_came_in() {
        let trigger = Trigger {
            id: "delivery-1".into(),
            binding: "github".into(),
            data: b"{}".to_vec(),
            metadata: vec![("x-event".into(), "push".into()), ("ce-specversion".into(), "1.0".into())],
            ..Trigger::default()
        };
        let event = Delivery::new("test", of_trigger(&options(), &trigger).unwrap()).event;
        assert_eq!((event.id.as_str(), event.source.as_str()), ("delivery-1", "/inputs/github"));
        assert_eq!(event.event_type, "com.example.push");
    }
}
