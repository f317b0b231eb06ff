//! CloudEvents over HTTP: structured, batched and binary.
//!
//! Only their form is read here. Whether attributes are valid is what the topic says when the event is published.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use mecha_guest::{
    events::Message,
    json::{self, Map, Value},
};
use percent_encoding::percent_decode_str;

/// The most events in one batch: what a topic takes at once.
const MOST: usize = 1000;

/// What a request holds, if it holds events: they are whole as they are.
#[expect(clippy::large_enum_variant, reason = "there is one of it in a call")]
pub enum Found {
    One(Message),
    Many(Vec<Message>),
    /// A body of another kind.
    Nothing,
}

/// Events whose attributes are in the body.
pub fn in_body(content_type: Option<&str>, body: &[u8]) -> Result<Found, String> {
    match essence(content_type.unwrap_or_default()).as_str() {
        "application/cloudevents+json" => {
            let event = json::from_slice(body).map_err(|error| format!("the event is not JSON: {error}"))?;
            Ok(Found::One(structured(event)?))
        }
        "application/cloudevents-batch+json" => {
            let events: Vec<_> = json::from_slice(body)
                .map_err(|error| format!("the batch is no JSON array of events: {error}"))?;
            if events.len() > MOST {
                return Err(format!("a batch has at most {MOST} events"));
            }
            let numbered = events.into_iter().enumerate();
            let each =
                numbered.map(|(n, event)| structured(event).map_err(|why| format!("event {n}: {why}")));
            Ok(Found::Many(each.collect::<Result<_, _>>()?))
        }
        other if other.starts_with("application/cloudevents") => {
            Err(format!("events as `{other}` are not understood"))
        }
        _ => Ok(Found::Nothing),
    }
}

/// An event whose attributes are headers and whose data is the body. A request without `ce-specversion` is none.
pub fn in_headers<'h>(
    headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<Found, String> {
    let mut attributes = Map::new();
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        let Some(name) = name.strip_prefix("ce-") else { continue };
        if attributes.insert(name.to_owned(), decoded(name, value)?.into()).is_some() {
            return Err(format!("the attribute `{name}` is there twice"));
        }
    }
    if !attributes.contains_key("specversion") {
        return Ok(Found::Nothing);
    }
    if attributes.contains_key("datacontenttype") {
        return Err("`datacontenttype` is the header `content-type`".into());
    }
    let message = message(attributes, content_type.map(str::to_owned), body.to_vec())?;
    Ok(Found::One(message))
}

fn structured(mut event: Map<String, Value>) -> Result<Message, String> {
    let content_type = text(&mut event, "datacontenttype")?;
    let is_json = content_type.as_deref().is_none_or(is_json);
    let data = match (event.remove("data"), event.remove("data_base64")) {
        (Some(_), Some(_)) => return Err("`data` and `data_base64` exclude each other".into()),
        (None, Some(Value::String(text))) => {
            BASE64_STANDARD.decode(text).map_err(|_| "`data_base64` is not base64".to_owned())?
        }
        (None, Some(_)) => return Err("`data_base64` is no text".into()),
        (Some(Value::String(text)), None) if !is_json => text.into_bytes(),
        (None | Some(Value::Null), None) => vec![],
        (Some(data), None) => json::to_vec(&data).map_err(|error| error.to_string())?,
    };
    // Data without a type is JSON, as the format has it.
    let content_type = content_type.or_else(|| (!data.is_empty()).then(|| "application/json".to_owned()));
    message(event, content_type, data)
}

/// An event of all its attributes but the type of its data.
fn message(
    mut attributes: Map<String, Value>,
    content_type: Option<String>,
    data: Vec<u8>,
) -> Result<Message, String> {
    let mut need =
        |name: &str| text(&mut attributes, name)?.ok_or_else(|| format!("the attribute `{name}` is missing"));
    let version = need("specversion")?;
    if version != "1.0" {
        return Err(format!("`specversion` is `{}`, and 1.0 is understood", version.escape_debug()));
    }
    let (id, source, kind) = (need("id")?, need("source")?, need("type")?);
    let message = match content_type {
        Some(content_type) => Message::bytes(kind, content_type, data),
        None if data.is_empty() => Message::new(kind),
        None => Message::bytes(kind, "application/octet-stream", data),
    };
    let mut message = message.id(id).source(source);
    if let Some(subject) = text(&mut attributes, "subject")? {
        message = message.subject(subject);
    }
    if let Some(schema) = text(&mut attributes, "dataschema")? {
        message = message.schema(schema);
    }
    // The topic says when it took the event; when it happened is kept beside that.
    if let Some(time) = text(&mut attributes, "time")? {
        message = message.extension("senttime", time);
    }
    for (name, value) in attributes {
        let value = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            _ => {
                return Err(format!("the attribute `{}` is no text, number or boolean", name.escape_debug()));
            }
        };
        message = message.extension(name, value);
    }
    Ok(message)
}

fn text(attributes: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match attributes.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("the attribute `{name}` is no text")),
    }
}

/// Headers are percent-encoded where they are not ASCII.
fn decoded(name: &str, value: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(value).ok().map(str::trim);
    let decoded = text.and_then(|text| percent_decode_str(text).decode_utf8().ok());
    decoded.map(String::from).ok_or_else(|| format!("the attribute `{name}` is not UTF-8"))
}

fn is_json(media_type: &str) -> bool {
    let essence = essence(media_type);
    essence.split_once('/').is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use mecha_guest::{
        events::{Delivery, Event},
        json::json,
    };

    use super::*;

    const EVENT: &str = "application/cloudevents+json; charset=utf-8";
    const BATCH: &str = "application/cloudevents-batch+json";

    fn one(found: Result<Found, String>) -> Result<Event, String> {
        match found? {
            Found::One(message) => Ok(Delivery::new("test", message).event),
            Found::Many(_) => panic!("many"),
            Found::Nothing => panic!("nothing"),
        }
    }

    fn read(event: &Value) -> Result<Event, String> {
        one(in_body(Some(EVENT), event.to_string().as_bytes()))
    }

    fn with(more: &Value) -> Value {
        let mut event = json!({ "specversion": "1.0", "id": "7", "source": "/a", "type": "t" });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    }

    #[test]
    fn a_structured_event_keeps_its_attributes() {
        let event = with(&json!({
            "subject": "s",
            "dataschema": "urn:x",
            "time": "2026-01-01T00:00:00Z",
            "tone": "warm",
            "count": 3,
            "sure": true,
            "gone": null,
            "data": { "total": 7 },
        }));
        let event = read(&event).unwrap();
        assert_eq!((event.id.as_str(), event.source.as_str(), event.event_type.as_str()), ("7", "/a", "t"));
        assert_eq!((event.subject.as_deref(), event.schema.as_deref()), (Some("s"), Some("urn:x")));
        assert_eq!(
            (event.content_type.as_deref(), event.text()),
            (Some("application/json"), Some("{\"total\":7}"))
        );
        let extensions =
            [("count", "3"), ("sure", "true"), ("tone", "warm"), ("senttime", "2026-01-01T00:00:00Z")];
        for (name, value) in extensions {
            assert_eq!(event.extension(name), Some(value));
        }
        assert_eq!(event.extensions.len(), extensions.len());
    }

    #[test]
    fn data_is_read_as_its_type_says() {
        let cases = [
            (json!({ "data": "hello", "datacontenttype": "text/plain" }), "hello"),
            (json!({ "data": "hello" }), "\"hello\""),
            (json!({ "data": [1], "datacontenttype": "text/plain" }), "[1]"),
            (json!({ "data_base64": "aGVsbG8=", "datacontenttype": "a/b" }), "hello"),
            (json!({ "data": null }), ""),
            (json!({}), ""),
        ];
        for (data, expected) in cases {
            assert_eq!(read(&with(&data)).unwrap().text(), Some(expected), "{data}");
        }
    }

    #[test]
    fn what_is_no_event_is_refused_with_the_attribute() {
        let cases = [
            (json!({ "id": null }), "`id` is missing"),
            (json!({ "source": 7 }), "`source` is no text"),
            (json!({ "type": null }), "`type` is missing"),
            (json!({ "specversion": "0.3" }), "`specversion`"),
            (json!({ "subject": {} }), "`subject`"),
            (json!({ "tone": [] }), "`tone`"),
            (json!({ "data": 1, "data_base64": "" }), "`data_base64`"),
            (json!({ "data_base64": "?" }), "`data_base64`"),
            (json!({ "data_base64": 1 }), "`data_base64`"),
        ];
        for (wrong, words) in cases {
            let why = read(&with(&wrong)).unwrap_err();
            assert!(why.contains(words), "{why}");
        }
        for body in ["", "[]", "{", "7"] {
            assert!(in_body(Some(EVENT), body.as_bytes()).is_err(), "{body}");
        }
        assert!(in_body(Some("application/cloudevents+avro"), b"").is_err());
    }

    #[test]
    fn a_batch_is_all_or_nothing() {
        let read = |events: &Value| match in_body(Some(BATCH), events.to_string().as_bytes()) {
            Ok(Found::Many(messages)) => Ok(messages.len()),
            Ok(_) => panic!("no batch"),
            Err(why) => Err(why),
        };
        let event = with(&json!({}));
        assert_eq!(read(&json!([])), Ok(0));
        assert_eq!(read(&json!([event, event])), Ok(2));
        assert!(read(&json!([event, { "id": "7" }])).unwrap_err().starts_with("event 1"));
        assert!(read(&event).is_err());
        assert!(read(&json!(vec![event; MOST + 1])).is_err());
    }

    #[test]
    fn a_binary_event_is_its_headers_and_body() {
        let headers = |more: &[(&'static str, &'static str)]| {
            let all = [("ce-specversion", "1.0"), ("CE-Id", "7"), ("ce-source", "/a"), ("ce-type", "t")];
            let all = all.iter().chain(more).map(|(name, value)| (*name, value.as_bytes()));
            one(in_headers(all.collect::<Vec<_>>().into_iter(), Some("text/plain"), b"hello"))
        };
        let event =
            headers(&[("ce-subject", "Euro%20%E2%82%AC"), ("ce-tone", "warm"), ("other", "x")]).unwrap();
        assert_eq!(event.subject.as_deref(), Some("Euro €"));
        assert_eq!((event.extension("tone"), event.extensions.len()), (Some("warm"), 1));
        assert_eq!((event.content_type.as_deref(), event.text()), (Some("text/plain"), Some("hello")));
        for wrong in [("ce-id", "8"), ("ce-datacontenttype", "a/b"), ("ce-tone", "%ff")] {
            assert!(headers(&[wrong]).is_err(), "{wrong:?}");
        }
        let bare = in_headers([("ce-id", b"7".as_slice())].into_iter(), None, b"");
        assert!(matches!(bare, Ok(Found::Nothing)));
    }
}
