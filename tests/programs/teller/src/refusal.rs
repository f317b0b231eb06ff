//! What the host refuses, as a value or as the end of the call.

use std::{fmt, io};

use mecha_guest::{
    bindings, events, invoke, jobs,
    json::{self, Value, json},
    state,
};

macro_rules! refusals {
    ($($case:ident($error:ty))*) => {
        #[derive(Debug)]
        pub enum Refusal {
            $($case($error),)*
        }

        $(impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                Self::$case(error)
            }
        })*

        /// What a handler fails with: made of each of the errors as `?` makes it.
        pub trait Failure: $(From<$error> +)* {}
        impl<F: $(From<$error> +)*> Failure for F {}

        impl Refusal {
            pub fn raise<F: Failure>(self) -> F {
                match self {
                    $(Self::$case(error) => error.into(),)*
                }
            }

            /// The case's name in the guest's library, and what it says.
            pub fn shown(&self) -> Value {
                if let Self::Io(error) = self {
                    return json!({ "error": error.to_string() });
                }
                let (case, text): (&dyn fmt::Debug, String) = match self {
                    $(Self::$case(error) => (error, error.to_string()),)*
                };
                let case = format!("{case:?}");
                let end = case.find(|c: char| !c.is_alphanumeric()).unwrap_or(case.len());
                json!({ "error": case[..end], "detail": text })
            }
        }
    };
}

refusals! {
    State(state::Error)
    Event(events::Error)
    Invoke(invoke::Error)
    Job(jobs::Error)
    Output(bindings::Error)
    Json(json::Error)
    Io(io::Error)
}
