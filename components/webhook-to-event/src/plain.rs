//! Bodies that are no events: they become the data of one, with attributes from the environment and from headers.

use mecha_guest::events::Message;

use crate::{options::Options, template::fill};

/// The type of an event, if nothing says otherwise.
const KIND: &str = "mecha.webhook.v1";

/// What came in.
#[derive(Debug, Default)]
pub struct Body {
    pub content_type: Option<String>,
    pub data: Vec<u8>,
    /// The same whenever it comes again.
    pub id: Option<String>,
    /// Where it came in, if nothing says otherwise. `None`: at the component.
    pub source: Option<String>,
}

/// # Errors
/// Which variable needs a header that is not there.
pub fn message<'h>(
    options: &Options,
    body: Body,
    header: impl Fn(&str) -> Option<&'h str>,
) -> Result<Message, String> {
    let may = |template: &Option<String>| template.as_deref().and_then(|template| fill(template, &header));
    let need = |template: &Option<String>, name: &str| match template {
        None => Ok(None),
        Some(template) => match fill(template, &header) {
            None => Err(format!("{name} is `{template}`, and the request has no such header")),
            filled => Ok(filled),
        },
    };
    let kind = need(&options.kind, "TYPE")?.unwrap_or_else(|| KIND.to_owned());
    let mut message = match body.content_type {
        Some(content_type) => Message::bytes(kind, content_type, body.data),
        None if body.data.is_empty() => Message::new(kind),
        None => Message::bytes(kind, "application/octet-stream", body.data),
    };
    if let Some(source) = need(&options.source, "SOURCE")?.or(body.source) {
        message = message.source(source);
    }
    if let Some(id) = body.id.or_else(|| may(&options.id)) {
        message = message.id(id);
    }
    if let Some(subject) = may(&options.subject) {
        message = message.subject(subject);
    }
    if let Some(key) = may(&options.key) {
        message = message.key(key);
    }
    Ok(message)
}

#[cfg(test)]
mod tests {
    use mecha_guest::events::Delivery;

    use super::*;

    fn options(variables: &[(&str, &str)]) -> Options {
        let find = |name: &str| match name {
            "TOPIC" => Some("hooks".to_owned()),
            _ => variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()),
        };
        Options::read(find).unwrap()
    }

    fn header(name: &str) -> Option<&'static str> {
        [("x-event", "push"), ("x-repository", "tea/pot")]
            .into_iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value)
    }

    fn deliver(variables: &[(&str, &str)], body: Body) -> Result<Delivery, String> {
        Ok(Delivery::new("test", message(&options(variables), body, header)?))
    }

    fn input() -> Body {
        Body {
            content_type: Some("application/json".into()),
            data: b"{}".to_vec(),
            id: Some("7".into()),
            source: Some("/inputs/github".into()),
        }
    }

    #[test]
    fn without_variables_an_input_has_what_it_came_with() {
        let event = deliver(&[], input()).unwrap().event;
        assert_eq!((event.id.as_str(), event.source.as_str()), ("7", "/inputs/github"));
        assert_eq!((event.event_type.as_str(), event.subject), (KIND, None));
        assert_eq!((event.content_type.as_deref(), event.data), (Some("application/json"), b"{}".to_vec()));
    }

    #[test]
    fn variables_and_headers_say_what_it_is() {
        let variables = [
            ("SOURCE", "https://example.com/{x-repository}"),
            ("TYPE", "com.example.{x-event}"),
            ("SUBJECT", "{x-repository}"),
            ("KEY", "{x-repository}"),
            ("ID", "{x-event}"),
        ];
        let delivery = deliver(&variables, input()).unwrap();
        assert_eq!(delivery.event.source, "https://example.com/tea/pot");
        assert_eq!(delivery.event.event_type, "com.example.push");
        assert_eq!(delivery.event.subject.as_deref(), Some("tea/pot"));
        assert_eq!(delivery.key.as_deref(), Some("tea/pot"));
        assert_eq!(delivery.event.id, "7", "an input's own id is what makes it known again");
        assert_eq!(deliver(&variables, Body { id: None, ..input() }).unwrap().event.id, "push");
    }

    #[test]
    fn what_cannot_be_said_is_refused_or_left_out() {
        for name in ["TYPE", "SOURCE"] {
            let why = deliver(&[(name, "a.{x-other}")], input()).unwrap_err();
            assert!(why.contains(name), "{why}");
        }
        let delivery = deliver(&[("SUBJECT", "{x-other}"), ("KEY", "{x-other}")], input()).unwrap();
        assert_eq!((delivery.event.subject, delivery.key), (None, None));
    }

    #[test]
    fn data_without_a_type_is_bytes() {
        let event = deliver(&[], Body { data: vec![0xff], ..Body::default() }).unwrap().event;
        assert_eq!(event.content_type.as_deref(), Some("application/octet-stream"));
        assert_eq!(deliver(&[], Body::default()).unwrap().event.content_type, None);
    }
}
