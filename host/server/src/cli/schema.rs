//! `mecha-host schema`: the JSON Schema of what people write.

use super::exit;
use crate::print::out;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of which file
    #[arg(value_enum, value_name = "FILE", default_value = "manifest")]
    of: File,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum File {
    /// mecha.yaml
    Manifest,
    /// A file of tests, tests/*.yaml
    Test,
}

pub fn run(args: &Args) -> u8 {
    let schema = match args.of {
        File::Manifest => mecha_manifest::schema(),
        File::Test => mecha_manifest::suite_schema(),
    };
    out(format_args!("{:#}", schema.as_value()));
    exit::OK
}
