//! The `directories` list of a component: folders of the host that it sees.

use std::collections::HashMap;

use crate::{
    app::{DirAccess, Directory, Outside, Span, Spanned},
    atomic,
    read::{Item, Reader},
    wrong::{Wrong, shown},
};

pub(crate) const KEYS: &[&str] = &["host", "guest", "access", "outside"];

const ACCESS: &[(&str, DirAccess)] = &[("read", DirAccess::Read), ("read-write", DirAccess::ReadWrite)];

/// All of a component's folders, each at a place of its own.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Vec<Directory>> {
    let mut places: HashMap<String, Span> = HashMap::new();
    let items = reader.list(item)?;
    let all = items.iter().map(|item| {
        let directory = one(reader, item)?;
        if let Some(first) = places.insert(directory.guest.clone(), directory.at) {
            let wrong = Wrong::new(format!("the guest folder {} is given twice", shown(&directory.guest)));
            reader.error(
                item.at(),
                item.key.as_str(),
                wrong.help(format!("the first is at line {}", first.line)),
            );
        }
        Some(directory)
    });
    // All are read before the first failure counts.
    all.collect::<Vec<_>>().into_iter().collect()
}

fn one(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Directory> {
    let at = item.at();
    let fields = reader.fields(item, KEYS)?;
    let host = reader.require(&fields, at, "host", "write the folder's path, as in `host: ./public`");
    let host = host.and_then(|item| {
        let path = reader.words(&item, "write the folder's path, as in `host: ./public`")?;
        Some(Spanned { value: path.to_owned(), at: item.at() })
    });
    let guest =
        reader.require(&fields, at, "guest", "write where the component sees it, as in `guest: /public`");
    let guest = guest.and_then(|item| reader.parse(&item, guest_path));
    let access = fields.or("access", DirAccess::Read, |item| reader.choice(item, "access", ACCESS));
    let outside = fields.or("outside", Outside::default(), |item| atomic::outside(reader, item));
    Some(Directory { host: host?, guest: guest?, access: access?, outside: outside?, at })
}

fn guest_path(text: &str) -> Result<String, Wrong> {
    let wrong = |why: &str| Wrong::new(format!("the guest path {} {why}", shown(text)));
    let Some(path) = text.strip_prefix('/') else {
        return Err(wrong("is not absolute").help("it begins with `/`"));
    };
    if text.contains(['\0', '\\']) {
        return Err(wrong("has a character that no guest path has"));
    }
    let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
    if !path.is_empty() && path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(wrong("has an empty, `.` or `..` segment"));
    }
    Ok(format!("/{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guest_paths() {
        for (text, path) in [("/", "/"), ("/a", "/a"), ("/a/", "/a"), ("/a/b c", "/a/b c")] {
            assert_eq!(guest_path(text).unwrap(), path);
        }
        for text in ["", "a", "./a", "//", "/a//b", "/./a", "/a/..", "/..", "C:\\a", "/a\\b", "/a\0"] {
            assert!(guest_path(text).is_err(), "{text:?}");
        }
    }
}
