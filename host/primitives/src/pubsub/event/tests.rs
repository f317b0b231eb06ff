//! Events in both directions: those of the specification, malformed ones, and random ones.

use super::*;
use crate::random::{Random, Seeded};

/// The example of the specification, as JSON.
const EXAMPLE: &str = r#"{
    "specversion" : "1.0",
    "type" : "com.github.pull_request.opened",
    "source" : "https://github.com/cloudevents/spec/pull",
    "subject" : "123",
    "id" : "A234-1234-1234",
    "time" : "2018-04-05T17:31:00Z",
    "comexampleextension1" : "value",
    "comexampleothervalue" : 5,
    "datacontenttype" : "text/xml",
    "data" : "<much wow=\"xml\"/>"
}"#;

fn example() -> Draft {
    Draft {
        id: Some("A234-1234-1234".into()),
        source: Some("https://github.com/cloudevents/spec/pull".into()),
        kind: Some("com.github.pull_request.opened".into()),
        subject: Some("123".into()),
        time: Some("2018-04-05T17:31:00Z".into()),
        content_type: Some("text/xml".into()),
        schema: None,
        extensions: vec![
            ("comexampleextension1".into(), "value".into()),
            ("comexampleothervalue".into(), "5".into()),
        ],
        data: Some(Bytes::from_static(b"<much wow=\"xml\"/>")),
    }
}

/// An event as JSON: the least of one, with these members added.
fn with(members: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{members}}}"#)
}

fn data_of(members: &str) -> Option<Bytes> {
    json::read(with(members).as_bytes()).unwrap().data().cloned()
}

#[test]
fn the_examples_of_the_json_format_are_read_and_written() {
    let event = example().check().unwrap();
    assert_eq!(json::read(EXAMPLE.as_bytes()), Ok(event.clone()));
    assert_eq!(json::read(&json::write(&event)), Ok(event.clone()));
    let binary = EXAMPLE.replace("text/xml", "application/vnd.apache.thrift.binary");
    let binary = binary.replace(r#""data" : "<much wow=\"xml\"/>""#, r#""data_base64" : "AP8=""#);
    let read = json::read(binary.as_bytes()).unwrap();
    assert_eq!(read.data().unwrap().as_ref(), b"\0\xff");
    assert!(String::from_utf8(json::write(&read)).unwrap().contains(r#""data_base64":"AP8=""#));
    let object = r#","datacontenttype":"application/json","unsetextension":null,"data":{"appinfoA":"abc","appinfoB":123,"appinfoC":true}"#;
    assert_eq!(data_of(object).unwrap().as_ref(), br#"{"appinfoA":"abc","appinfoB":123,"appinfoC":true}"#);
    let batch = format!("[{EXAMPLE},{}]", with(""));
    let events = json::read_batch(batch.as_bytes()).unwrap();
    assert_eq!((events.len(), &events[0]), (2, &event));
    assert_eq!(json::read_batch(&json::write_batch(&events)), Ok(events));
    assert_eq!(json::read_batch(b"[]"), Ok(vec![]));
}

#[test]
fn what_data_is_follows_from_its_type() {
    let cases: [(&str, Option<&[u8]>); 9] = [
        ("", None),
        (r#","data":"a""#, Some(br#""a""#)),
        (r#","data":null"#, Some(b"null")),
        (r#","datacontenttype":"text/json","data":"a""#, Some(br#""a""#)),
        (r#","datacontenttype":"text/plain","data":"a\n""#, Some(b"a\n")),
        (r#","datacontenttype":"text/plain","data":null"#, None),
        (r#","datacontenttype":null,"subject":null,"data":1.10"#, Some(b"1.10")),
        (r#","datacontenttype":"application/json","data_base64":"e30=""#, Some(b"{}")),
        (r#","data":"","data_base64":null"#, Some(br#""""#)),
    ];
    for (members, data) in cases {
        assert_eq!(data_of(members).as_deref(), data, "{members}");
    }
    let write = |content_type: Option<&str>, data: &'static [u8]| {
        let draft = Draft {
            content_type: content_type.map(str::to_owned),
            data: Some(Bytes::from_static(data)),
            ..example()
        };
        let text = String::from_utf8(json::write(&draft.check().unwrap())).unwrap();
        text[text.rfind("\"data").unwrap()..].to_owned()
    };
    assert_eq!(write(None, b" [1,\n2] "), "\"data\":[1,\n2]}");
    assert_eq!(write(Some("a/b+json"), b"{"), r#""data_base64":"ew=="}"#, "it only claims to be JSON");
    assert_eq!(write(Some("text/plain"), b"{\xff"), r#""data_base64":"e/8="}"#);
    assert_eq!(write(Some("text/plain; charset=latin1"), b"a"), r#""data_base64":"YQ=="}"#);
    assert_eq!(write(Some("application/octet-stream"), b"a"), r#""data_base64":"YQ=="}"#);
}

#[test]
fn a_malformed_event_is_refused_with_what_is_wrong_with_it() {
    let deep = format!(r#","data":{}{}"#, "[".repeat(200), "]".repeat(200));
    let many: String = (0..100).map(|n| format!(r#","x{n}":"""#)).collect();
    let large = format!(r#","x":"{}""#, "x".repeat(MAX_ATTRIBUTES));
    let cases = [
        (with(r#","subject":"""#), "attribute `subject`: it is empty"),
        (with(r#","subject":5"#), "attribute `subject`: its value is `5`"),
        (with(r#","time":"yesterday""#), "attribute `time`: `yesterday` is no time of RFC 3339"),
        (with(r#","datacontenttype":"json""#), "attribute `datacontenttype`: `json` is no media type"),
        (with(r#","dataschema":"/relative""#), "attribute `dataschema`: `/relative` is no absolute URI"),
        (with(r#","my_ext":"a""#), "attribute `my_ext`: it is no name"),
        (with(r#","ext":1.5"#), "attribute `ext`: its value is `1.5`"),
        (with(r#","ext":2147483648"#), "attribute `ext`: its value is `2147483648`"),
        (with(r#","ext":{"a":1}"#), "attribute `ext`: its value is"),
        (with(r#","ext":"a\u0007""#), "attribute `ext`: U+0007 is in"),
        (with(r#","ext":"a","ext":"b""#), "the member `ext` is there twice"),
        (with(r#","data":1,"data_base64":"AA==""#), "both `data` and `data_base64`"),
        (with(r#","data_base64":"A""#), "attribute `data_base64`: `A`"),
        (with(r#","datacontenttype":"text/plain","data":{}"#), "attribute `data`: its value is `{}`"),
        (with(&deep), "attribute `data`: recursion limit"),
        (with(&many), "one too many"),
        (with(&large), "the attributes have"),
        (with("").replace("\"id\":\"1\",", ""), "attribute `id`: it is missing"),
        (with("").replace("\"/s\"", "\"a b\""), "attribute `source`: `a b` is no URI reference"),
        (with("").replace("\"t\"", "\"\""), "attribute `type`: it is empty"),
        (with("").replace("1.0", "0.3"), "attribute `specversion`: `0.3`"),
        ("{}".into(), "attribute `specversion`: it is missing"),
        ("[]".into(), "expected an event"),
        ("{".into(), "EOF"),
        (String::new(), "EOF"),
    ];
    for (text, wrong) in cases {
        let found = json::read(text.as_bytes()).unwrap_err().to_string();
        assert!(found.contains(wrong), "{found}\nis not: {wrong}");
        assert!(found.len() < 400, "{found}");
    }
    let batch = format!("[{},{}]", with(""), with(r#","time":"x""#));
    let found = json::read_batch(batch.as_bytes()).unwrap_err().to_string();
    assert!(found.starts_with("event 1 of the batch: attribute `time`: "), "{found}");
    let batch = format!("[{}1]", "1,".repeat(MAX_BATCH));
    assert!(json::read_batch(batch.as_bytes()).unwrap_err().to_string().contains("too many events"));
}

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn receive(headers: Pairs<'_>, body: &str) -> Result<http::Received, Wrong> {
    let headers = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
    http::read(headers, &Bytes::copy_from_slice(body.as_bytes()))
}

const BINARY: [(&str, &str); 9] = [
    ("Host", "webhook.example.com"),
    ("ce-specversion", "1.0"),
    ("CE-Type", "com.github.pull_request.opened"),
    ("ce-time", "2018-04-05T17:31:00Z"),
    ("ce-id", "A234-1234-1234"),
    ("ce-source", "https://github.com/cloudevents/spec/pull"),
    ("ce-subject", "\"1\\23\""),
    ("ce-comexampleextension1", "value"),
    ("ce-comexampleothervalue", "5"),
];

#[test]
fn the_examples_of_the_http_binding_are_read_and_written() {
    let event = example().check().unwrap();
    let headers = [&BINARY[..], &[("Content-Type", "text/xml")]].concat();
    assert_eq!(receive(&headers, "<much wow=\"xml\"/>"), Ok(http::Received::Event(event.clone())));
    for (headers, body) in [http::write_binary(&event), http::write_structured(&event)] {
        let pairs: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = std::str::from_utf8(&body).unwrap();
        assert_eq!(receive(&pairs, body), Ok(http::Received::Event(event.clone())), "{headers:?}");
    }
    let structured = [("content-type", "application/cloudevents+json; charset=UTF-8")];
    assert_eq!(receive(&structured, EXAMPLE), Ok(http::Received::Event(event.clone())));
    let batched = [("content-type", json::BATCH)];
    assert_eq!(receive(&batched, &format!("[{EXAMPLE}]")), Ok(http::Received::Batch(vec![event])));
    let plain =
        Draft { content_type: Some("text/plain".into()), data: Some("hi".into()), ..Draft::default() };
    assert_eq!(receive(&[("content-type", "text/plain")], "hi"), Ok(http::Received::Plain(plain)));
    assert_eq!(receive(&[], ""), Ok(http::Received::Plain(Draft::default())));
}

#[test]
fn headers_are_percent_encoded() {
    let subject = "Euro € \"100%\" 😀";
    let event = Draft { subject: Some(subject.into()), ..example() }.check().unwrap();
    let (headers, body) = http::write_binary(&event);
    let written = headers.iter().find(|(name, _)| name == "ce-subject").unwrap();
    assert_eq!(written.1, "Euro%20%E2%82%AC%20%22100%25%22%20%F0%9F%98%80");
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    assert_eq!(http::read(pairs, &body), Ok(http::Received::Event(event)));
}

#[test]
fn a_malformed_request_is_refused_with_what_is_wrong_with_it() {
    let cases: [(Pairs<'_>, &str); 9] = [
        (&[("ce-subject", "%4")], "attribute `subject`: `%4`"),
        (&[("ce-subject", "%zz")], "attribute `subject`: `%zz`"),
        (&[("ce-subject", "%ff")], "attribute `subject`: its value is not UTF-8"),
        (&[("ce-subject", "a%0d%0ab: c")], "attribute `subject`: U+000D is in"),
        (&[("ce-id", "2")], "attribute `id`: it is there twice"),
        (&[("ce-x", "2"), ("CE-X", "3")], "attribute `x`: it is there twice"),
        (&[("ce-my-ext", "2")], "attribute `my-ext`: it is no name"),
        (&[("ce-datacontenttype", "a/b")], "attribute `datacontenttype`: it is a header"),
        (
            &[("content-type", "a/b"), ("content-type", "a/b")],
            "attribute `datacontenttype`: it is there twice",
        ),
    ];
    for (more, wrong) in cases {
        let headers: Vec<_> =
            BINARY.iter().filter(|(name, _)| *name != "ce-subject").chain(more).copied().collect();
        let found = receive(&headers, "").unwrap_err().to_string();
        assert!(found.contains(wrong), "{found}\nis not: {wrong}");
    }
    for (content_type, wrong) in [
        ("application/cloudevents+avro", "the formats that are understood"),
        ("application/cloudevents", "the formats that are understood"),
        ("application/cloudevents+json; charset=latin1", "the charset `latin1`"),
    ] {
        let found = receive(&[("content-type", content_type)], EXAMPLE).unwrap_err().to_string();
        assert!(found.contains(wrong), "{found}");
    }
    let old = receive(&[("ce-specversion", "0.3"), ("ce-id", "1")], "").unwrap_err();
    assert_eq!(old.attribute.as_deref(), Some("specversion"));
}

#[test]
fn gaps_are_filled_and_what_is_there_stays() {
    let defaults = Defaults {
        id: "1",
        source: "/app/component",
        kind: "mecha.event.v1",
        time: Timestamp(1_522_949_460_500),
        traceparent: Some("00-1-2-00"),
    };
    let event = Draft::default().complete(&defaults).unwrap();
    let attributes: Vec<_> = event.attributes().collect();
    let expected = [
        ("id", "1"),
        ("source", "/app/component"),
        ("type", "mecha.event.v1"),
        ("time", "2018-04-05T17:31:00.5Z"),
        ("traceparent", "00-1-2-00"),
    ];
    assert_eq!(attributes, expected);
    let mut draft = example();
    draft.extensions.push(("traceparent".into(), "own".into()));
    let event = draft.clone().complete(&defaults).unwrap();
    assert_eq!(event, draft.check().unwrap());
    assert_eq!(event.clone().into_draft().check(), Ok(event));
    assert!(rfc3339(Timestamp(u64::MAX)).starts_with("9999-12-3"));
}

fn random_text(random: &Seeded, most: u64) -> String {
    let letters = ['a', 'Z', '0', ' ', '%', '"', '\\', ';', 'é', '€', '😀', '/'];
    let length = 1 + random.next() % most;
    (0..length).map(|_| letters[random.next() as usize % letters.len()]).collect()
}

fn random_event(random: &Seeded) -> Event {
    let maybe = |text: String| random.next().is_multiple_of(2).then_some(text);
    let types = ["application/json", "text/plain", "application/octet-stream", "a/b+json; x=\"y\""];
    let data = match random.next() % 3 {
        0 => None,
        1 => Some(Bytes::from(format!("[{}]", random.next()))),
        _ => Some((0..random.next() % 200).map(|_| random.next() as u8).collect()),
    };
    let draft = Draft {
        id: Some(random_text(random, 20)),
        source: Some("/s".into()),
        kind: Some(random_text(random, 20)),
        subject: maybe(random_text(random, 200)),
        time: maybe("2018-04-05T17:31:00Z".into()),
        content_type: maybe(types[random.next() as usize % types.len()].into()),
        schema: maybe("urn:x:y".into()),
        extensions: (0..random.next() % 5).map(|n| (format!("x{n}"), random_text(random, 9))).collect(),
        data,
    };
    draft.check().unwrap()
}

#[test]
fn random_events_come_back_from_every_form() {
    let random = Seeded::new(7);
    for _ in 0..2000 {
        let event = random_event(&random);
        let bytes = stored::encode(&event);
        assert_eq!(stored::decode(&bytes).as_ref(), Some(&event));
        assert_eq!(json::read(&json::write(&event)).as_ref(), Ok(&event));
        let (headers, body) = http::write_binary(&event);
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let empty_is_none = Draft {
            data: event.data().filter(|data| !data.is_empty()).cloned(),
            ..event.clone().into_draft()
        };
        let event = empty_is_none.check().unwrap();
        assert_eq!(http::read(pairs, &body), Ok(http::Received::Event(event)));
    }
}

#[test]
fn any_bytes_are_an_event_or_none() {
    let random = Seeded::new(8);
    let whole = stored::encode(&Draft { data: None, ..example() }.check().unwrap());
    for end in 0..whole.len() {
        assert_eq!(stored::decode(&whole[..end]), None, "cut at {end}");
    }
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..=random.next() % 3 {
            let at = random.next() as usize % bytes.len();
            bytes[at] = random.next() as u8;
        }
        if let Some(event) = stored::decode(&bytes) {
            _ = (json::write(&event), http::write_binary(&event));
        }
        _ = json::read(&bytes);
        let mut text = EXAMPLE.as_bytes().to_vec();
        let at = random.next() as usize % text.len();
        text[at] = random.next() as u8;
        _ = json::read(&text);
    }
    assert_eq!(stored::decode(&[2]), None, "another format");
}
