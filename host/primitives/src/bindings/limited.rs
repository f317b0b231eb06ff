//! Refuses what is larger than the documented limits, before and behind a binding.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{Error, MAX_METADATA_BYTES, Operation, Output, Request, Response, select};

/// The limits of one binding. (Those of metadata are the same for all.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most data in one request, in bytes.
    pub request: u64,
    /// The most data in one response, in bytes.
    pub response: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { request: 4 << 20, response: 4 << 20 }
    }
}

/// An output that takes and gives nothing larger than its [`Limits`]. A response that is too large is
/// [`Error::Rejected`] with the code `too-large`: the operation has taken place.
#[derive(Debug)]
pub struct Limited<O: ?Sized> {
    limits: Limits,
    inner: Arc<O>,
}

impl<O: Output + ?Sized> Limited<O> {
    pub fn new(inner: Arc<O>, limits: Limits) -> Self {
        Self { limits, inner }
    }

    fn within(&self, request: &Request) -> Result<(), Error> {
        if request.data.len() as u64 > self.limits.request {
            return Err(Error::TooLarge(self.limits.request));
        }
        if request.content_type.as_ref().is_some_and(|text| text.len() > 255) {
            return Err(Error::InvalidArgument("a content type has at most 255 bytes".into()));
        }
        select(self.inner.operations(), request)?;
        let bytes: usize = request.metadata.iter().map(|(key, value)| key.len() + value.len()).sum();
        if bytes > MAX_METADATA_BYTES {
            let message = format!("the metadata of a request have at most {MAX_METADATA_BYTES} bytes");
            return Err(Error::InvalidArgument(message));
        }
        Ok(())
    }
}

impl<O: Output + ?Sized> fmt::Display for Limited<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[async_trait]
impl<O: Output + ?Sized> Output for Limited<O> {
    fn operations(&self) -> &'static [Operation] {
        self.inner.operations()
    }

    fn check(&self, request: &Request) -> Result<(), Error> {
        self.within(request)?;
        self.inner.check(request)
    }

    async fn is_there(&self, request: &Request) -> bool {
        self.inner.is_there(request).await
    }

    async fn invoke(&self, request: Request) -> Result<Response, Error> {
        self.within(&request)?;
        let response = self.inner.invoke(request).await?;
        let data = response.data.as_ref().map_or(0, |data| data.len() as u64);
        if data > self.limits.response {
            let message = format!("the response is larger than {} bytes", self.limits.response);
            return Err(Error::rejected("too-large", message));
        }
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use bytes::Bytes;

    use super::*;
    use crate::bindings::{Effect, Key};

    /// Answers with as many bytes as it is asked for.
    #[derive(Debug)]
    struct Echo;

    impl fmt::Display for Echo {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("echo")
        }
    }

    #[async_trait]
    impl Output for Echo {
        fn operations(&self) -> &'static [Operation] {
            const KEYS: &[Key] = &[Key { name: "*", summary: "Anything.", required: false }];
            &[Operation { name: "say", summary: "Says it.", keys: KEYS, effect: Effect::Safe }]
        }

        async fn invoke(&self, request: Request) -> Result<Response, Error> {
            let size = request.get("size").map_or(0, |size| size.parse().unwrap());
            Ok(Response { data: Some(Bytes::from(vec![0; size])), ..Response::default() })
        }
    }

    fn say(request: Request) -> String {
        let limited = Limited::new(Arc::new(Echo), Limits { request: 10, response: 20 });
        let request = Request { operation: "say".into(), ..request };
        let mut answer = pin!(limited.invoke(request));
        let Poll::Ready(answer) = answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
            panic!("an echo does not wait");
        };
        answer.map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn what_is_larger_than_its_limit_is_refused() {
        let data = |size| Request { data: vec![0; size].into(), ..Request::default() };
        assert_eq!(say(data(10)), "");
        assert_eq!(say(data(11)), "larger than 10 bytes");
        let entries = |count: usize, size: usize| Request {
            metadata: (0..count).map(|n| (format!("{n:02}"), "x".repeat(size - 2))).collect(),
            ..Request::default()
        };
        assert_eq!(say(entries(64, 256)), "");
        assert!(say(entries(65, 2)).contains("at most 64 metadata entries"));
        assert!(say(entries(64, 257)).contains("at most 16384 bytes"));
        let content_type =
            |size| Request { content_type: Some("x".repeat(size).into()), ..Request::default() };
        assert_eq!(say(content_type(255)), "");
        assert!(say(content_type(256)).contains("content type"));
    }

    #[test]
    fn a_response_is_limited() {
        let size =
            |size: &str| Request { metadata: vec![("size".into(), size.into())], ..Request::default() };
        assert_eq!(say(size("20")), "");
        assert_eq!(say(size("21")), "rejected with too-large: the response is larger than 20 bytes");
    }
}
