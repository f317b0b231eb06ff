//! What happened, as a list, against the list that was wanted.

use mecha_manifest::{Span, suite::Listed};

use super::{
    align::{Pair, align},
    differences::{Difference, EXTRAS, elsewhere, missing, more},
    judge::Judge,
    records::{Item, Want},
    texts,
};

/// Of what is there, so many are shown to who looks for one among them, and so many characters of each.
const SHOWN: usize = 10;
const LINE: usize = 150;

impl Judge {
    /// All differences, each with the place of what was wanted.
    #[must_use]
    pub fn in_order<'a, T>(
        &self,
        wanted: &'a Listed<T>,
        items: &[Item<'_>],
        what: &str,
    ) -> Vec<(Span, Difference)>
    where
        Want<'a>: From<&'a mecha_manifest::Spanned<T>>,
    {
        let wants: Vec<Want<'a>> = wanted.items.iter().map(Want::from).collect();
        let distance = |i: usize, j: usize| self.distance_of(&wants[i], &items[j]);
        let mut all = Vec::new();
        let mut extras = 0;
        for pair in align((wants.len(), items.len()), wanted.among_others, distance) {
            let name = |place: usize| texts::under(what, &place.to_string());
            let of = |i: usize, found: String| {
                let expected = wants[i].shown();
                (wants[i].at, Difference { what: name(i), expected, found })
            };
            match pair {
                Pair::Same(..) => {}
                Pair::Other(i, j) => {
                    let mut differences = Vec::new();
                    self.differences_of(&wants[i], &items[j], &name(i), &mut differences);
                    all.extend(differences.into_iter().map(|difference| (wants[i].at, difference)));
                }
                Pair::Moved(i, j) => all.push(of(i, elsewhere(j))),
                Pair::Missing(i) if wanted.among_others => all.push(of(i, none_of(items))),
                Pair::Missing(i) => all.push(of(i, missing(items.len()))),
                Pair::Extra(_) if wanted.among_others => {}
                Pair::Extra(j) => {
                    extras += 1;
                    if extras <= EXTRAS {
                        let (expected, found) = ("nothing more".to_owned(), items[j].shown());
                        all.push((wanted.at, Difference { what: name(j), expected, found }));
                    }
                }
            }
        }
        let mut rest = Vec::new();
        more(&vec![""; extras.saturating_sub(EXTRAS)], what, &mut rest);
        all.extend(rest.into_iter().map(|difference| (wanted.at, difference)));
        all
    }
}

/// What there is instead, a line for each: it was looked for among them.
fn none_of(items: &[Item<'_>]) -> String {
    if items.len() < 2 {
        return match items {
            [only] => format!("nothing: the only one is {}", only.shown()),
            _ => missing(0),
        };
    }
    let before = items.len().saturating_sub(SHOWN);
    let mut text = missing(items.len());
    if before > 0 {
        text.push_str(&format!("; the last {SHOWN} are"));
    }
    for item in &items[before..] {
        text.push('\n');
        text.push_str(&item.line(LINE));
    }
    texts::cut(&text, texts::MOST)
}
