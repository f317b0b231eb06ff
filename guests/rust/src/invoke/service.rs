//! Makes a type what the component's callers call.

use super::{
    Call, Fault, Reply,
    raw::{callee::Caller, types},
};

/// Something that can be called. Exported with [`export!`](super::export).
pub trait Service {
    /// Called once in the life of an instance.
    ///
    /// # Errors
    /// What the caller is to be told: see [`Fault`].
    fn handle(call: Call) -> Result<Reply, Fault>;
}

/// Answers one raw call with a [`Service`]. [`export!`](super::export) calls this.
///
/// # Errors
/// What the service says.
pub fn answer<S: Service>(caller: Caller, request: types::Request) -> Result<types::Response, types::Fault> {
    let call = Call {
        method: request.method,
        data: request.data,
        content_type: request.content_type,
        metadata: request.metadata,
        caller: caller.component,
        idempotency_key: caller.idempotency_key,
    };
    S::handle(call).map(Reply::into_raw).map_err(Fault::into_raw)
}

/// Makes a [`Service`] the component's `mecha:invoke/handler`.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_callee {
    ($handler:ident) => {
        const _: () = {
            struct Component;

            impl $crate::invoke::raw::callee::Guest for Component {
                fn handle(
                    caller: $crate::invoke::raw::callee::Caller,
                    request: $crate::invoke::raw::types::Request,
                ) -> Result<$crate::invoke::raw::types::Response, $crate::invoke::raw::types::Fault> {
                    $crate::invoke::answer::<$handler>(caller, request)
                }
            }

            // A native linker does not take the symbol's name.
            #[cfg(target_arch = "wasm32")]
            $crate::invoke::raw::callee::export!(Component);
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(
                $crate::invoke::raw::callee::Caller,
                $crate::invoke::raw::types::Request,
            )
                -> Result<$crate::invoke::raw::types::Response, $crate::invoke::raw::types::Fault> =
                <Component as $crate::invoke::raw::callee::Guest>::handle;
        };
    };
}
