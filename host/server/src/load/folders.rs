//! Whether the folders that an app names are there.

use mecha_manifest::{self as manifest, App, InputKind, OutputKind, SettledFile, Spanned};

use super::checker::Checker;
use crate::files;

pub(super) fn of_component(checker: &mut Checker<'_>, meta: &manifest::Component) {
    for (index, directory) in meta.directories.iter().enumerate() {
        is_there(checker, &directory.host, format!("components.{}.directories.{index}.host", meta.name));
    }
}

/// Those of file bindings. No two inputs may have the same: each would take the other's files.
pub(super) fn of_bindings(checker: &mut Checker<'_>, app: &App) {
    for output in &app.outputs {
        if let OutputKind::File { directory } = &output.kind {
            is_there(checker, directory, format!("outputs.{}.file.directory", output.name));
        }
    }
    let mut taken = vec![];
    for input in &app.inputs {
        let InputKind::File(file) = &input.kind else { continue };
        let key = |part: &str| format!("inputs.{}.file.{part}", input.name);
        if let SettledFile::Move(folder) = &file.settled {
            is_there(checker, folder, key("settled.move"));
        }
        if let Some(folder) = &file.failed {
            is_there(checker, folder, key("failed"));
        }
        if !is_there(checker, &file.directory, key("directory")) {
            continue;
        }
        let Ok(identity) = files::identity(&checker.folder.join(&file.directory.value)) else { continue };
        match taken.iter().find(|(other, _)| *other == identity) {
            None => taken.push((identity, input)),
            Some((_, other)) => {
                let message = format!("the input `{}` has the same folder", other.name);
                let help = "each would take the other's files: give each a folder of its own";
                checker.error(file.directory.at, key("directory"), message, help);
            }
        }
    }
}

fn is_there(checker: &mut Checker<'_>, folder: &Spanned<String>, key: String) -> bool {
    let path = checker.folder.join(&folder.value);
    let found = path.is_dir();
    if !found {
        let help = "make it, or name another, relative to the manifest";
        checker.error(folder.at, key, format!("there is no folder {}", path.display()), help);
    }
    found
}
