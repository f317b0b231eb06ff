//! What all receipts together show of each component.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
};

use anyhow::{Context as _, bail, ensure};
use cap_std::{ambient_authority, fs::Dir};

use crate::testing::receipts::{FORMAT, Keys, Receipt};

/// The longest receipt that is read, in bytes.
const LINE: u64 = 4 << 20;

#[derive(Debug, Default)]
pub struct Used {
    pub components: BTreeMap<String, Use>,
}

/// What calls of one component used.
#[derive(Debug, Default)]
pub struct Use {
    pub calls: usize,
    /// The most that any of them did.
    pub fuel: u64,
    pub memory: u64,
    pub has_jobs: bool,
    pub stores: BTreeMap<String, Keys>,
    pub topics: BTreeMap<String, Option<BTreeSet<String>>>,
    pub outputs: BTreeMap<String, BTreeSet<String>>,
    pub components: BTreeMap<String, BTreeSet<String>>,
    /// `scheme://host:port`.
    pub hosts: BTreeSet<String>,
}

impl Used {
    /// Adds the receipts of a file.
    ///
    /// # Errors
    /// If it cannot be read, holds something else, or is of another app.
    pub fn read(&mut self, path: &Path, app: &str) -> anyhow::Result<()> {
        let cannot = || format!("cannot read the receipts {}", path.display());
        let name = path.file_name().context("this path names no file").with_context(cannot)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = Dir::open_ambient_dir(folder, ambient_authority()).with_context(cannot)?;
        ensure!(
            folder.metadata(name).with_context(cannot)?.is_file(),
            "{} is no regular file",
            path.display()
        );
        let mut file = BufReader::new(folder.open(name).with_context(cannot)?);
        let mut line = String::new();
        for number in 1.. {
            line.clear();
            let len = file.by_ref().take(LINE).read_line(&mut line).with_context(cannot)?;
            if len == 0 {
                break;
            }
            if line.trim().is_empty() {
                continue;
            }
            let at = || format!("{}:{number}: this is no receipt", path.display());
            let receipt: Receipt = serde_json::from_str(&line).with_context(at)?;
            if receipt.format != FORMAT {
                bail!(
                    "{}:{number}: a receipt of the format {}, not {FORMAT}",
                    path.display(),
                    receipt.format
                );
            }
            ensure!(
                receipt.app == app,
                "{}:{number}: a receipt of the app `{}`, and the manifest is of `{app}`",
                path.display(),
                receipt.app
            );
            self.add(receipt);
        }
        Ok(())
    }

    pub fn add(&mut self, receipt: Receipt) {
        let used = self.components.entry(receipt.component).or_default();
        used.calls += 1;
        used.fuel = used.fuel.max(receipt.fuel);
        used.memory = used.memory.max(receipt.memory);
        used.has_jobs |= receipt.host_calls.keys().any(|operation| operation.starts_with("jobs."));
        for (store, keys) in receipt.stores {
            let all = used.stores.entry(store).or_default();
            all.read.extend(keys.read);
            all.written.extend(keys.written);
        }
        for (topic, types) in receipt.topics {
            let all = used.topics.entry(topic).or_insert_with(|| Some(BTreeSet::new()));
            *all = match (all.take(), types) {
                (Some(mut all), Some(types)) => {
                    all.extend(types);
                    Some(all)
                }
                _ => None,
            };
        }
        for (output, operations) in receipt.outputs {
            used.outputs.entry(output).or_default().extend(operations);
        }
        for (component, methods) in receipt.components {
            used.components.entry(component).or_default().extend(methods);
        }
        used.hosts.extend(receipt.hosts.into_keys());
    }
}
