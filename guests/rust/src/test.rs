//! Tests of an app, written as a component: `mecha:test`.
//!
//! ```no_run
//! use mecha_guest::{json::json, test::app};
//!
//! fn a_visit_is_counted() {
//!     app::store("visits").set_json("page", &41);
//!     let response = app::post("/visits").json(&json!({ "page": "page" })).send();
//!     assert_eq!(response.status(), 201);
//!     assert_eq!(app::store("visits").json::<u64>("page"), Some(42));
//! }
//!
//! fn a_visit_that_cannot_be_stored_is_no_visit() {
//!     app::fail("state.*", "unavailable").begin();
//!     assert_eq!(app::post("/visits").json(&json!({ "page": "page" })).send().status(), 503);
//!     assert_eq!(app::events("visits"), []);
//! }
//!
//! mecha_guest::test::export!(a_visit_is_counted, a_visit_that_cannot_be_stored_is_no_visit);
//! ```
//!
//! - [`app`]: the app under test. It is in a world of its own for each case: its time stands still unless somebody waits.
//! - [`export!`]: the cases. A case is a function that returns nothing or a `Result`; one that panics has failed.
//!
//! What is wrong with the test itself, such as a store that the app does not have, panics too, and names the place.
//!
//! The generated bindings are at [`raw`].

use std::{fmt::Display, panic};

mod answer;
pub mod app;
mod event;
mod outside;
mod request;
mod store;

pub use answer::Answer;
pub use app::{Failure, Given, Job, Line, Usage};
pub use event::NewEvent;
pub use outside::{Callee, CalleeCall, Disturbance, Output, OutputCall, SentRequest, Upstream};
pub use request::{Fault, Invocation, Reply, Request, Response};
pub use store::Store;

pub use crate::__export_tests as export;

/// `mecha:test` as `wit-bindgen` made it.
pub mod raw {
    pub use crate::wit::{test::app, tests};
}

/// How a case ends: with nothing, or a `Result`.
pub trait Outcome {
    /// # Errors
    /// Why the case has failed.
    fn ended(self) -> Result<(), String>;
}

impl Outcome for () {
    fn ended(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn ended(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// Runs a case. [`export!`] calls this.
///
/// # Errors
/// What the case says.
pub fn run<O: Outcome>(case: fn() -> O) -> Result<(), String> {
    panic::set_hook(Box::new(|panic| {
        let said = panic.payload();
        let said = said
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| said.downcast_ref::<String>().map(String::as_str));
        let said = said.unwrap_or("a panic");
        let why = match panic.location() {
            Some(place) => format!("{place}: {said}"),
            None => said.to_owned(),
        };
        // A panic ends the component, so that it cannot return an error any more.
        raw::app::fail(&why);
    }));
    case().ended()
}

/// What was told, or the end of the case at the place that asked.
#[track_caller]
fn told<T>(told: Result<T, String>) -> T {
    match told {
        Ok(value) => value,
        Err(wrong) => panic!("{wrong}"),
    }
}

/// Makes functions the cases of a test component: `mecha_guest::test::export!(one_case, another);`
#[doc(hidden)]
#[macro_export]
macro_rules! __export_tests {
    ($($case:ident),+ $(,)?) => {
        const _: () = {
            struct Component;

            impl $crate::test::raw::tests::Guest for Component {
                fn cases() -> Vec<String> {
                    [$(stringify!($case)),+].map(str::to_owned).into()
                }

                fn run(name: String) -> Result<(), String> {
                    match name.as_str() {
                        $(stringify!($case) => $crate::test::run($case),)+
                        _ => Err(format!("there is no case `{name}`")),
                    }
                }
            }

            // A native linker does not take the symbol's name.
            #[cfg(target_arch = "wasm32")]
            $crate::test::raw::tests::export!(Component);
            #[cfg(not(target_arch = "wasm32"))]
            const _: (fn() -> Vec<String>, fn(String) -> Result<(), String>) = (
                <Component as $crate::test::raw::tests::Guest>::cases,
                <Component as $crate::test::raw::tests::Guest>::run,
            );
        };
    };
}
