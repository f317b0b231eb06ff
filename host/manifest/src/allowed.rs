//! `all`, or a list of names.

use std::collections::HashSet;

use crate::{
    app::{Allowed, Spanned},
    read::{Item, Reader, each},
    wrong::{Wrong, shown},
};

/// The longest name of a method or an operation.
const MAX_LEN: usize = 256;

/// `what` are the things that have the names.
pub(crate) fn read(reader: &mut Reader<'_>, item: &Item<'_>, what: &str) -> Option<Allowed> {
    if item.scalar() == Some("all") {
        return Some(Allowed::All);
    }
    if !item.is_list() {
        reader.expected(item, &format!("`all` or a list of {what}"));
        return None;
    }
    let items = reader.list(item)?;
    if items.is_empty() {
        let wrong = Wrong::new("an empty list allows nothing");
        reader.error(item.at(), item.key.as_str(), wrong.help(format!("write {what}, or leave the key out")));
        return None;
    }
    let (mut names, mut seen) = (Vec::with_capacity(items.len()), HashSet::new());
    for name in each(&items, |item| name(reader, item)) {
        if !seen.insert(name.value.clone()) {
            let wrong = Wrong::new(format!("{} is given twice", shown(&name.value)));
            reader.error(name.at, item.key.as_str(), wrong);
        }
        names.push(name);
    }
    Some(Allowed::Only(names))
}

fn name(reader: &mut Reader<'_>, item: &Item<'_>) -> Option<Spanned<String>> {
    let name = reader.words_at(item, "write a name")?;
    reader.accept(item, valid(&name.value))?;
    Some(name)
}

/// Whether the text can be the name of a method or an operation.
pub(crate) fn valid(text: &str) -> Result<(), Wrong> {
    if text.trim().is_empty() || text.len() > MAX_LEN || text.contains(char::is_control) {
        let wrong = Wrong::new(format!("{} is no name", shown(text)));
        return Err(wrong.help("it is one line of at most 256 bytes"));
    }
    Ok(())
}
