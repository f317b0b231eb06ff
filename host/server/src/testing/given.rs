//! Puts into a world what the case says is there before anything happens.

use anyhow::Context as _;
use bytes::Bytes;
use mecha_manifest::{App, DirAccess, InputKind, SettledFile, StoreKind, suite::Given};
use mecha_primitives::{
    commit::{Action, Batch, Change, Record, Version},
    state,
};
use tempfile::TempDir;

use super::outside;
use crate::{clock::Randomness, load::Loaded, wire::Engines};

/// Values in stores.
pub(super) async fn state(
    loaded: &Loaded,
    given: &Given,
    engines: &Engines,
    random: &Randomness,
) -> anyhow::Result<()> {
    let app = &loaded.app;
    for stored in &given.state {
        let of = &stored.store;
        let declared = app.stores.iter().find(|store| store.name == of.store);
        let scope = match &of.component {
            Some(component) => state::private_scope(&app.name, component, &of.store),
            None => state::shared_scope(&app.name, &of.store),
        };
        let in_memory = declared.is_some_and(|store| store.kind == StoreKind::Memory);
        let engine = if in_memory { Some(&engines.memory) } else { engines.embedded.as_ref() };
        let record = Record {
            version: Version::new(random.call_id(), 0, 0),
            expires_at: None,
            media_type: None,
            value: outside::bytes(&stored.value),
        };
        let key = Bytes::from(format!("{scope}{}", stored.key));
        let changes = vec![Change { key, expect: None, action: Action::Put(record) }];
        let engine = engine.context("there is no storage")?;
        engine.commit(Batch { changes, ..Batch::default() }).await?;
    }
    Ok(())
}

/// The folders that the app takes files from and that its components may write, empty. `None` if there are none.
pub(super) fn folders(app: &App) -> anyhow::Result<Option<TempDir>> {
    let mut wanted = vec![];
    for input in &app.inputs {
        if let InputKind::File(meta) = &input.kind {
            wanted.push(&meta.directory.value);
            if let SettledFile::Move(folder) = &meta.settled {
                wanted.push(&folder.value);
            }
            wanted.extend(meta.failed.as_ref().map(|folder| &folder.value));
        }
    }
    for component in &app.components {
        let writable = component.directories.iter().filter(|found| found.access == DirAccess::ReadWrite);
        wanted.extend(writable.map(|found| &found.host.value));
    }
    if wanted.is_empty() {
        return Ok(None);
    }
    let root = tempfile::tempdir()?;
    let inside = cap_std::fs::Dir::open_ambient_dir(root.path(), cap_std::ambient_authority())?;
    for path in wanted {
        // One that leaves the folder stays where it is, and is refused when it is opened.
        inside.create_dir_all(path).with_context(|| format!("the folder {path}"))?;
    }
    Ok(Some(root))
}
