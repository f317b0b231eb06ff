//! A page of a folder's files, in memory that depends on the page and not on the folder.

use std::{collections::BTreeMap, io};

use cap_std::fs::Dir;
use mecha_primitives::bindings::{Error, Request, Response, excerpt};

use super::{folder, path::TEMPORARY, refusal};

const MAX_LIMIT: usize = 1000;
/// How deep folders are looked into.
const MAX_DEPTH: usize = 32;
/// The most entries that one page is looked for among. A larger folder is listed by prefix.
const MAX_VISITED: usize = 200_000;

/// Which files to list.
pub(super) struct Page {
    prefix: String,
    after: String,
    limit: usize,
}

/// What a listing has found: the first of those behind `after`, and at most one more than the limit.
#[derive(Default)]
struct Found {
    files: BTreeMap<String, (u64, u64)>,
    visited: usize,
}

impl Page {
    pub(super) fn of(request: &Request) -> Result<Self, Error> {
        let limit = match request.get("limit") {
            None => MAX_LIMIT,
            Some(text) => {
                text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(|| {
                    Error::InvalidArgument(format!("`limit` is 1 to {MAX_LIMIT}, not `{}`", excerpt(text)))
                })?
            }
        };
        let text = |key| request.get(key).unwrap_or_default().to_owned();
        Ok(Self { prefix: text("prefix"), after: text("after"), limit })
    }

    pub(super) fn read(&self, root: &Dir) -> Result<Response, Error> {
        let mut found = Found::default();
        self.visit(root, "", 1, &mut found).map_err(|error| refusal(&error))?;
        if found.visited > MAX_VISITED {
            let message = format!("more than {MAX_VISITED} files and folders: give a `prefix`");
            return Err(Error::rejected("too-many", message));
        }
        let more = found.files.len() > self.limit;
        let files: Vec<_> = found.files.into_iter().take(self.limit).collect();
        let mut metadata = Vec::new();
        if let (true, Some((last, _))) = (more, files.last()) {
            metadata.push(("after".into(), last.clone()));
        }
        let entry = |(path, (size, modified)): &(String, (u64, u64))| serde_json::json!({ "path": path, "size": size, "modified-ms": modified });
        let json = serde_json::Value::from(files.iter().map(entry).collect::<Vec<_>>());
        Ok(Response {
            data: Some(json.to_string().into()),
            content_type: Some("application/json".into()),
            metadata,
            ..Response::default()
        })
    }

    /// Looks into one folder, whose path is empty or ends with a slash.
    fn visit(&self, folder: &Dir, path: &str, depth: usize, found: &mut Found) -> io::Result<()> {
        for entry in folder.entries()? {
            found.visited += 1;
            if found.visited > MAX_VISITED {
                return Ok(());
            }
            let entry = entry?;
            // A name that is no text could not be asked for.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with(TEMPORARY) {
                continue;
            }
            let whole = format!("{path}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                let below = format!("{whole}/");
                let may_match = below.starts_with(&self.prefix) || self.prefix.starts_with(&below);
                if may_match && depth < MAX_DEPTH {
                    match folder.open_dir(&name) {
                        Ok(inner) => self.visit(&inner, &below, depth + 1, found)?,
                        Err(error) if passes(&error) => {}
                        Err(error) => return Err(error),
                    }
                }
            } else if kind.is_file() && whole.starts_with(&self.prefix) && whole > self.after {
                match entry.metadata() {
                    Ok(metadata) => {
                        found.add(whole, (metadata.len(), folder::modified_ms(&metadata)), self.limit);
                    }
                    Err(error) if passes(&error) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }
}

/// What goes away, or becomes something else, while it is listed is not there.
fn passes(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::NotFound | Kind::NotADirectory | Kind::PermissionDenied)
}

impl Found {
    fn add(&mut self, path: String, file: (u64, u64), limit: usize) {
        self.files.insert(path, file);
        if self.files.len() > limit + 1 {
            self.files.pop_last();
        }
    }
}
