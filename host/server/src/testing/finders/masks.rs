//! Which parts of what a case leaves are drawn, or times: those that differ between two runs in which nothing goes wrong,
//! of another seed and at another time.

use super::picture::{Fact, Kind, Picture};

/// Where such values are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Masks(Vec<Mask>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mask {
    kind: Kind,
    place: Form,
    name: Form,
    value: Form,
}

/// What texts of one kind have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Form {
    /// Words and what is between them, and whether each is another every time.
    Words(Vec<(String, bool)>),
    /// Nothing.
    Whatever,
}

/// What stands for a value that is another every time.
const DRAWN: &str = "…";

impl Masks {
    /// From two runs of a case in which nothing went wrong.
    #[must_use]
    pub fn between(one: &Picture, other: &Picture) -> Self {
        let mut left: Vec<_> = other.facts.iter().collect();
        let mut moved = vec![];
        for fact in &one.facts {
            match left.iter().position(|candidate| *candidate == fact) {
                Some(same) => drop(left.remove(same)),
                None => moved.push(fact),
            }
        }
        let mut masks = vec![];
        // Those of one name first: what remains has a name that is drawn.
        for named in [true, false] {
            moved.retain(|fact| {
                let likes = left.iter().enumerate().filter(|(_, candidate)| {
                    candidate.kind == fact.kind
                        && if named {
                            candidate.name == fact.name && candidate.place == fact.place
                        } else {
                            true
                        }
                });
                let best = likes.filter_map(|(at, candidate)| Some((likeness(fact, candidate)?, at)));
                let Some((_, at)) = best.max_by_key(|(likeness, at)| (*likeness, std::cmp::Reverse(*at)))
                else {
                    return true;
                };
                masks.push(Mask::between(fact, left.remove(at)));
                false
            });
        }
        Self(masks)
    }

    /// These, and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// A fact without what is another every time.
    #[must_use]
    pub fn cover(&self, fact: &Fact) -> Fact {
        let mut covered = fact.clone();
        let mut value = words(&fact.value);
        for mask in self.0.iter().filter(|mask| mask.kind == fact.kind) {
            let (Some(place), Some(name)) = (mask.place.fit(&fact.place), mask.name.fit(&fact.name)) else {
                continue;
            };
            (covered.place, covered.name) = (place, name);
            match &mask.value {
                Form::Whatever => value = vec![(DRAWN.to_owned(), true)],
                Form::Words(form) if is_like(form, &value) => {
                    value.iter_mut().zip(form).for_each(|(word, (_, drawn))| word.1 |= drawn);
                }
                Form::Words(_) => {}
            }
        }
        covered.value = shown(&value);
        covered
    }
}

impl Mask {
    fn between(one: &Fact, other: &Fact) -> Self {
        Self {
            kind: one.kind,
            place: Form::between(&one.place, &other.place),
            name: Form::between(&one.name, &other.name),
            value: Form::between(&one.value, &other.value),
        }
    }
}

impl Form {
    fn between(one: &str, other: &str) -> Self {
        let (mut one, other) = (words(one), words(other));
        if !is_like(&one, &other) {
            return Self::Whatever;
        }
        one.iter_mut().zip(&other).for_each(|(word, (text, _))| word.1 = word.0 != *text);
        Self::Words(one)
    }

    /// A text without what is drawn in it, if it is of this form.
    fn fit(&self, text: &str) -> Option<String> {
        let Self::Words(form) = self else { return Some(DRAWN.to_owned()) };
        let mut words = words(text);
        let is_it = is_like(form, &words) && form.iter().zip(&words).all(|(a, b)| a.1 || a.0 == b.0);
        words.iter_mut().zip(form).for_each(|(word, (_, drawn))| word.1 = *drawn);
        is_it.then(|| shown(&words))
    }
}

/// How much two facts have in common; `None`: they are of different forms.
fn likeness(one: &Fact, other: &Fact) -> Option<usize> {
    let mut common = 0;
    for (one, other) in [(&one.place, &other.place), (&one.name, &other.name)] {
        let (one, other) = (words(one), words(other));
        if !is_like(&one, &other) {
            return None;
        }
        common += one.iter().zip(&other).filter(|(one, other)| one == other).count();
    }
    let (one, other) = (words(&one.value), words(&other.value));
    // A value of another form is better than none of the name.
    let values = one.iter().zip(&other).filter(|(one, other)| one == other).count();
    Some(common * 2 + if is_like(&one, &other) { 1 + values } else { 0 })
}

/// A text in words and what is between them, by turns; none is drawn yet.
fn words(text: &str) -> Vec<(String, bool)> {
    let mut words: Vec<(String, bool)> = vec![];
    let mut in_word = false;
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let joins = matches!(c, '.' | ':')
            && [before, chars.peek().copied()]
                .iter()
                .all(|near| near.is_some_and(|c: char| c.is_ascii_digit()));
        let is_word = joins || c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        match words.last_mut() {
            Some((last, _)) if is_word == in_word => last.push(c),
            _ => words.push((c.to_string(), false)),
        }
        (in_word, before) = (is_word, Some(c));
    }
    words
}

fn is_word(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// Whether there is the same between the words.
fn is_like(one: &[(String, bool)], other: &[(String, bool)]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|((one, _), (other, _))| match (is_word(one), is_word(other)) {
            (true, true) => true,
            (false, false) => one == other,
            _ => false,
        })
}

fn shown(words: &[(String, bool)]) -> String {
    words.iter().map(|(word, drawn)| if *drawn { DRAWN } else { word }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_words_and_what_is_between() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("order:a-1", &["order", ":", "a-1"]),
            (r#"{"n":1.5}"#, &["{\"", "n", "\":", "1.5", "}"]),
            ("at 2030-01-01T00:00:00.5Z.", &["at", " ", "2030-01-01T00:00:00.5Z", "."]),
            ("é1", &["é", "1"]),
            ("12:ab", &["12", ":", "ab"]),
        ];
        for (text, expected) in cases {
            let found: Vec<_> = words(text).into_iter().map(|(word, _)| word).collect();
            assert_eq!(found, *expected, "{text}");
        }
    }

    #[test]
    fn a_form_covers_what_differs() {
        let cases = [
            ("order:a1", "order:b2", "order:c3", Some("order:…")),
            ("order:a1", "order:b2", "cart:c3", None),
            ("order:a1", "order:b2", "order:c:d", None),
            ("a", "a", "a", Some("a")),
            ("a+b/c", "a+b/c+d", "x", Some("…")),
        ];
        for (one, other, text, expected) in cases {
            let form = Form::between(one, other);
            assert_eq!(form.fit(text).as_deref(), expected, "{one} {other} {text}");
        }
    }
}
