//! What a component reaches outside of the host by name, and what reaches it.

mod inputs;
mod outputs;
mod webhook;

use mecha_tests::{courier::World, host::App};

/// A courier with these further lines, and an empty file in each of these folders.
fn world(lines: &str, sections: &str, folders: &[&str]) -> World {
    let mut app = App::new(&crate::events::courier(lines, sections));
    for folder in folders {
        app = app.with_file(&format!("{folder}/.keep"), "");
    }
    World::of(app)
}
