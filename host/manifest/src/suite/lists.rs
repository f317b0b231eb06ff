//! Lists: what comes in, and what is to be found as it is or among others.

use crate::{
    app::Spanned,
    read::{Item, Reader, each},
    suite::Listed,
    tree::Value,
    wrong::Wrong,
};

/// Items of one list.
pub(super) const MAX: usize = 1_000;

pub(crate) const OPERATORS: &[&str] = &["$includes", "$exactly"];

/// A list that is not too long; `what` are its items.
pub(super) fn bounded<'n>(reader: &mut Reader<'_>, item: &Item<'n>, what: &str) -> Option<Vec<Item<'n>>> {
    if let Value::List(list) = &item.node.value
        && list.len() > MAX
    {
        let wrong = Wrong::new(format!("a list of {} {what}", list.len()));
        reader.error(item.at(), item.key.as_str(), wrong.help(format!("at most {MAX}")));
        return None;
    }
    reader.list(item)
}

/// `[…]`, `{ $includes: […] }` or `{ $exactly: […] }`. `among_others` is what a list alone means.
pub(super) fn listed<T>(
    reader: &mut Reader<'_>,
    item: &Item<'_>,
    among_others: bool,
    mut read: impl FnMut(&mut Reader<'_>, &Item<'_>) -> Option<T>,
) -> Option<Listed<T>> {
    let other = if among_others { "{ $exactly: […] }" } else { "{ $includes: […] }" };
    let mut list = |reader: &mut Reader<'_>, item: &Item<'_>, among_others| {
        let items = bounded(reader, item, "items")?;
        let items = each(&items, |item| Some(Spanned { value: read(reader, item)?, at: item.at() }));
        Some(Listed { at: item.at(), among_others, items })
    };
    if item.is_list() {
        return list(reader, item, among_others);
    }
    if !has_operator(item) {
        reader.expected(item, &format!("a list, or `{other}`"));
        return None;
    }
    let fields = reader.fields(item, OPERATORS)?;
    match (fields.get("$includes"), fields.get("$exactly")) {
        (Some(item), None) => list(reader, &item, true),
        (None, Some(item)) => list(reader, &item, false),
        (Some(_), Some(_)) => {
            let wrong = Wrong::new("both `$includes` and `$exactly`");
            reader.accept(item, Err(wrong.help("a list is all that is there, or some of it")))
        }
        // Then it has another operator, which has been reported.
        (None, None) => None,
    }
}

fn has_operator(item: &Item<'_>) -> bool {
    matches!(&item.node.value, Value::Map(map) if map.iter().any(|(name, _)| name.value.starts_with('$')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::tests::read_with;

    #[test]
    fn a_list_is_all_or_some() {
        let cases = [
            ("[a, b]", true, Ok((true, 2))),
            ("[]", false, Ok((false, 0))),
            ("{ $includes: [a] }", false, Ok((true, 1))),
            ("{ $exactly: [a] }", true, Ok((false, 1))),
            ("a", false, Err("expected a list, or `{ $includes: […] }`, found the text `a`")),
            ("{}", true, Err("expected a list, or `{ $exactly: […] }`, found a map")),
            ("{ type: a }", false, Err("expected a list, or `{ $includes: […] }`, found a map")),
            ("{ $include: [a] }", true, Err("unknown key `$include`")),
            ("{ $includes: [], $exactly: [] }", true, Err("both `$includes` and `$exactly`")),
            ("{ $includes: a }", true, Err("expected a list, found the text `a`")),
        ];
        for (text, among_others, expected) in cases {
            let found = read_with(text, |reader, item| {
                listed(reader, item, among_others, |reader, item| reader.text(item).map(str::to_owned))
            });
            let found = found
                .map(|list| (list.among_others, list.items.len()))
                .map_err(|problems| problems[0].message.clone());
            assert_eq!(found, expected.map_err(str::to_owned), "{text}");
        }
        let long = format!("[{}]", "a, ".repeat(MAX + 1));
        let found = read_with(&long, |reader, item| bounded(reader, item, "letters").map(|list| list.len()));
        assert_eq!(found.unwrap_err()[0].message, "a list of 1001 letters");
    }
}
