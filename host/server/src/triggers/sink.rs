//! A sink: events are posted to a URL, as CloudEvents over HTTP.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use mecha_backends::http::{Client, Failure};
use mecha_primitives::{
    delivery::Outcome,
    pubsub::{
        event::http::{write_binary, write_structured},
        queue::Delivery,
    },
};

/// A URL that takes events.
pub struct Sink {
    pub url: String,
    /// Secrets among them: never shown.
    pub headers: HeaderMap,
    pub structured: bool,
    pub timeout: Duration,
    pub client: Arc<Client>,
}

impl Sink {
    /// Posts an event. What the other side says it will never take is rejected.
    pub async fn deliver(&self, delivery: &Delivery) -> Outcome {
        let event = &delivery.event.event;
        let (fields, body) = if self.structured { write_structured(event) } else { write_binary(event) };
        let mut headers = self.headers.clone();
        for (name, value) in &fields {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(&**name), HeaderValue::try_from(&**value)) {
                headers.insert(name, value);
            }
        }
        match self.client.deliver(&self.url, headers, body, self.timeout).await {
            Ok((status, _)) if status.is_success() => Outcome::Done,
            Ok((status, after)) if is_passing(status) => {
                Outcome::Retry { after, why: format!("the sink answered {status}").into() }
            }
            Ok((status, _)) => Outcome::Reject { why: format!("the sink answered {status}").into() },
            // It was not sent.
            Err(Failure::Busy) => Outcome::Returned,
            Err(failure) => Outcome::Retry { after: None, why: format!("the sink: {failure}").into() },
        }
    }
}

/// Whether it may be another answer the next time.
pub(super) fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        )
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sink({})", self.url)
    }
}
