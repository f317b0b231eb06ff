//! Texts with places for headers: `com.github.{x-github-event}`.

/// Fills in. `None` if a header is not there, or is empty.
///
/// A `{` that nothing closes, and a `}` that closes nothing, stand for themselves.
pub fn fill<'h>(template: &str, header: impl Fn(&str) -> Option<&'h str>) -> Option<String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((name, behind)) = behind.split_once('}') else { break };
        filled.push_str(before);
        let name = name.trim().to_ascii_lowercase();
        filled.push_str(header(&name).map(str::trim).filter(|value| !value.is_empty())?);
        rest = behind;
    }
    filled.push_str(rest);
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_with_headers() {
        let header = |name: &str| match name {
            "a" => Some("1"),
            "b-c" => Some(" {a} "),
            "empty" => Some(" "),
            _ => None,
        };
        for (template, filled) in [
            ("", Some("")),
            ("plain", Some("plain")),
            ("{a}", Some("1")),
            ("x.{ A }.y{a}", Some("x.1.y1")),
            ("{b-c}", Some("{a}")),
            ("{other}", None),
            ("{empty}", None),
            ("{a", Some("{a")),
            ("a}", Some("a}")),
            ("{}", None),
        ] {
            assert_eq!(fill(template, header).as_deref(), filled, "{template}");
        }
    }
}
