//! The same app, with the calls of some of its components made atomic: whether that would mend it is not guessed, but
//! tried.

use mecha_primitives::name;

use crate::testing::bench::Bench;

/// `None` if their manifest cannot be changed like that, or would not be right any more.
#[must_use]
pub fn made_atomic(bench: &Bench, components: &[name::Component]) -> Option<Bench> {
    bench.with_manifest(|text| {
        components.iter().try_fold(text.to_owned(), |text, component| changed(&text, component.as_str()))
    })
}

/// A manifest in which a component says `atomic: true`. What follows from it, or is not possible, the manifest's own
/// check says.
fn changed(text: &str, component: &str) -> Option<String> {
    let lines: Vec<_> = text.lines().collect();
    let components = lines.iter().position(|line| line.starts_with("components:"))?;
    let indent = |line: &str| line.len() - line.trim_start().len();
    let is_key = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix(['"', '\'']).unwrap_or(line);
        let rest = line.strip_prefix(component).map(|rest| rest.trim_start_matches(['"', '\'']));
        rest.is_some_and(|rest| rest.starts_with(':'))
    };
    let below = lines[components + 1..].iter().take_while(|line| !line.starts_with(char::is_alphanumeric));
    let first = below.clone().find(|line| !is_blank(line)).map(|line| indent(line))?;
    let at = below.clone().position(|line| indent(line) == first && is_key(line))? + components + 1;
    let mut changed: Vec<_> = lines.iter().map(|line| (*line).to_owned()).collect();
    let (key, value) = lines[at].split_once(':')?;
    let value = value.trim();
    if let Some(rest) = value.strip_prefix('{') {
        changed[at] = format!("{key}: {{ atomic: true, {}", rest.trim_start());
    } else {
        let inner = lines[at + 1..].iter().find(|line| !is_blank(line)).map(|line| indent(line))?;
        changed.insert(at + 1, format!("{}atomic: true", " ".repeat(inner)));
    }
    Some(changed.join("\n") + "\n")
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_put_into_the_component() {
        let block = "name: a\ncomponents:\n  # The shop.\n  shopping:\n    source: x\n  shop:\n    source: y\nstores: {}\n";
        let expected = "name: a\ncomponents:\n  # The shop.\n  shopping:\n    source: x\n  shop:\n    atomic: true\n    source: y\nstores: {}\n";
        let flow = "components:\n  shop: { source: y }\n";
        let cases = [
            (block, Some(expected)),
            (flow, Some("components:\n  shop: { atomic: true, source: y }\n")),
            ("components: { shop: { source: y } }\n", None),
            ("name: a\n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(changed(text, "shop").as_deref(), expected, "{text}");
        }
    }
}
