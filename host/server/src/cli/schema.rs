//! `mecha-host schema`: the manifest's JSON Schema.

use super::exit;

#[expect(clippy::print_stdout, reason = "it is what was asked for")]
pub fn run() -> u8 {
    println!("{:#}", mecha_manifest::schema().as_value());
    exit::OK
}
