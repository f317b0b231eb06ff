//! Something that came in from outside.

use serde::{Serialize, de::DeserializeOwned};

use super::{Metadata, Nack, raw::triggered};
use crate::{class::millis, content};

/// Something that takes what comes in. Exported with [`export!`](super::export).
pub trait Input {
    /// Called once in the life of an instance. `Ok` accepts the input. A reply goes back to bindings that can carry
    /// one, and is discarded by the others.
    ///
    /// # Errors
    /// What is to become of the input: see [`Nack`].
    fn handle(trigger: Trigger) -> Result<Option<Reply>, Nack>;
}

/// What came in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trigger {
    /// The same in every attempt at this input.
    pub id: String,
    /// The input's name in the configuration.
    pub binding: String,
    pub data: Vec<u8>,
    pub content_type: Option<String>,
    pub metadata: Metadata,
    /// 1 for the first attempt.
    pub attempt: u32,
}

impl Trigger {
    /// The data, read from JSON.
    ///
    /// # Errors
    /// If it is not JSON of that shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.data)
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

/// What goes back to where an input came from, if the binding can carry it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    pub data: Vec<u8>,
    pub content_type: Option<String>,
    pub metadata: Metadata,
}

impl Reply {
    /// Bytes of that media type.
    pub fn bytes(content_type: impl Into<String>, data: impl Into<Vec<u8>>) -> Self {
        Self { data: data.into(), content_type: Some(content_type.into()), metadata: Vec::new() }
    }

    pub fn text(text: impl Into<String>) -> Self {
        Self::bytes(content::TEXT, text.into())
    }

    /// # Errors
    /// If the value cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self::bytes(content::JSON, content::to_json(value)?))
    }

    /// Adds to the metadata.
    #[must_use]
    pub fn meta(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.push((name.into(), value.into()));
        self
    }
}

/// Hands one raw trigger to an [`Input`]. [`export!`](super::export) calls this.
///
/// # Errors
/// What the input says.
pub fn receive<I: Input>(
    trigger: triggered::Trigger,
) -> Result<Option<triggered::Reply>, triggered::Failure> {
    let trigger = Trigger {
        id: trigger.id,
        binding: trigger.binding,
        data: trigger.data,
        content_type: trigger.content_type,
        metadata: trigger.metadata,
        attempt: trigger.attempt,
    };
    let reply = I::handle(trigger).map_err(|nack| match nack {
        Nack::Retry(after) => triggered::Failure::Retry(after.map(millis)),
        Nack::Reject(reason) => triggered::Failure::Reject(reason),
    })?;
    Ok(reply.map(|reply| triggered::Reply {
        data: reply.data,
        content_type: reply.content_type,
        metadata: reply.metadata,
    }))
}

/// Makes an [`Input`] the component's `mecha:bindings/input-handler`.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_triggered {
    ($handler:ident) => {
        const _: () = {
            struct Component;

            impl $crate::bindings::raw::triggered::Guest for Component {
                fn handle(
                    trigger: $crate::bindings::raw::triggered::Trigger,
                ) -> Result<
                    Option<$crate::bindings::raw::triggered::Reply>,
                    $crate::bindings::raw::triggered::Failure,
                > {
                    $crate::bindings::receive::<$handler>(trigger)
                }
            }

            // A native linker does not take the symbol's name.
            #[cfg(target_arch = "wasm32")]
            $crate::bindings::raw::triggered::export!(Component);
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(
                $crate::bindings::raw::triggered::Trigger,
            ) -> Result<
                Option<$crate::bindings::raw::triggered::Reply>,
                $crate::bindings::raw::triggered::Failure,
            > = <Component as $crate::bindings::raw::triggered::Guest>::handle;
        };
    };
}
