//! What a callee is asked.

use serde::de::DeserializeOwned;

use super::{Fault, Metadata, Request};
use crate::content;

/// A call of this component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub method: String,
    pub data: Vec<u8>,
    pub content_type: Option<String>,
    pub metadata: Metadata,
    /// Who calls, as the host has verified it: `app/component`. `None`: somebody outside of the host.
    pub caller: Option<String>,
    /// The same in a call that is repeated: with it, a callee can do its work once.
    pub idempotency_key: Option<String>,
}

impl Call {
    /// A call from outside of the host, to test a service with.
    #[must_use]
    pub fn new(request: Request) -> Self {
        let (raw, options) = request.into_raw();
        Self {
            method: raw.method,
            data: raw.data,
            content_type: raw.content_type,
            metadata: raw.metadata,
            caller: None,
            idempotency_key: options.and_then(|options| options.idempotency_key),
        }
    }

    /// The data, read from JSON.
    ///
    /// # Errors
    /// A [`Fault`] that tells the caller what is wrong with it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        serde_json::from_slice(&self.data)
            .map_err(|error| Fault::invalid_request(format!("the data is not the expected JSON: {error}")))
    }

    /// The data, if it is UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.data).ok()
    }

    /// The first value of that name in the metadata.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        content::find(&self.metadata, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invoke::{FaultKind, Reply, Service};

    struct Doubler;

    impl Service for Doubler {
        fn handle(call: Call) -> Result<Reply, Fault> {
            match call.method.as_str() {
                "double" => Ok(Reply::json(&(2 * call.json::<u32>()?))?),
                method => Err(Fault::unknown_method(method)),
            }
        }
    }

    #[test]
    fn a_service_is_tested_with_a_request() {
        let call = |request| Doubler::handle(Call::new(request));
        assert_eq!(call(Request::json("double", &4).unwrap()).unwrap().data, b"8");
        assert_eq!(call(Request::text("double", "four")).unwrap_err().kind, FaultKind::InvalidRequest);
        assert_eq!(call(Request::new("halve")).unwrap_err().kind, FaultKind::UnknownMethod);
    }
}
