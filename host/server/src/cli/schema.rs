//! `mecha-host schema`: the manifest's JSON Schema.

use super::exit;
use crate::print::out;

pub fn run() -> u8 {
    out(format_args!("{:#}", mecha_manifest::schema().as_value()));
    exit::OK
}
