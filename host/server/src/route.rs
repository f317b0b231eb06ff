//! Which component a request is for: a pure table from host and path to a target.

use mecha_manifest::{HostPattern, PathPattern, Segment, Tail};

/// Routes, the most specific first.
#[derive(Debug)]
pub struct Table<T> {
    routes: Vec<Route<T>>,
}

#[derive(Debug)]
struct Route<T> {
    host: Option<HostPattern>,
    path: PathPattern,
    target: T,
}

/// A route that fits, and what its captures caught.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'t, 'p, T> {
    pub target: &'t T,
    /// Names and texts, the texts as they stand in the path (percent-encoded).
    pub captures: Vec<(&'t str, &'p str)>,
}

impl<T> Table<T> {
    /// Brings routes into the order in which they are tried: a host before no host, an exact one before a
    /// pattern; then the longest path, a literal segment before a capture.
    pub fn new(routes: impl IntoIterator<Item = (Option<HostPattern>, PathPattern, T)>) -> Self {
        let mut routes: Vec<_> =
            routes.into_iter().map(|(host, path, target)| Route { host, path, target }).collect();
        routes.sort_by_cached_key(|route| std::cmp::Reverse(rank(route)));
        Self { routes }
    }

    /// The most specific route for a host (without port) and a path.
    pub fn find<'p>(&self, host: &str, path: &'p str) -> Option<Match<'_, 'p, T>> {
        self.routes.iter().find_map(|route| {
            if route.host.as_ref().is_some_and(|pattern| !pattern.matches(host)) {
                return None;
            }
            let captures = captures(&route.path, path)?;
            Some(Match { target: &route.target, captures })
        })
    }
}

/// How specific a route is; the greater the more.
fn rank<T>(route: &Route<T>) -> (usize, Vec<u8>, u8) {
    let host = match &route.host {
        Some(HostPattern::Exact(_)) => usize::MAX,
        Some(HostPattern::Subdomains(domain)) => domain.len(),
        None => 0,
    };
    let segments = route.path.segments.iter().map(|segment| match segment {
        Segment::Literal(_) => 2,
        Segment::Capture(_) => 1,
    });
    let tail = match route.path.tail {
        Tail::Exact => 2,
        Tail::Prefix => 1,
        Tail::Rest(_) => 0,
    };
    (host, segments.collect(), tail)
}

fn captures<'t, 'p>(pattern: &'t PathPattern, path: &'p str) -> Option<Vec<(&'t str, &'p str)>> {
    let mut rest = path.strip_prefix('/')?;
    let mut caught = vec![];
    let mut at_end = false;
    for (index, segment) in pattern.segments.iter().enumerate() {
        if index > 0 && at_end {
            return None;
        }
        let (head, tail) = match rest.split_once('/') {
            Some((head, tail)) => (head, Some(tail)),
            None => (rest, None),
        };
        match segment {
            Segment::Literal(text) if text == head => {}
            Segment::Capture(name) if !head.is_empty() => caught.push((name.as_str(), head)),
            _ => return None,
        }
        at_end = tail.is_none();
        rest = tail.unwrap_or("");
    }
    let consumed_all = if pattern.segments.is_empty() { rest.is_empty() } else { at_end };
    match &pattern.tail {
        Tail::Exact => consumed_all.then_some(caught),
        // `/files/` takes what is below it, and not `/files` itself; `/` takes everything.
        Tail::Prefix => (pattern.segments.is_empty() || !at_end).then_some(caught),
        Tail::Rest(name) => (pattern.segments.is_empty() || !at_end).then(|| {
            caught.push((name, rest));
            caught
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> PathPattern {
        let (segments, tail) = match text.strip_prefix('/').unwrap() {
            "" => (vec![], Tail::Prefix),
            text => {
                let (text, tail) = match text.strip_suffix('/') {
                    Some(text) => (text, Tail::Prefix),
                    None => (text, Tail::Exact),
                };
                let segments = text.split('/').map(|part| match part.strip_prefix('{') {
                    Some(name) => Segment::Capture(name.trim_end_matches('}').to_owned()),
                    None => Segment::Literal(part.to_owned()),
                });
                (segments.collect(), tail)
            }
        };
        PathPattern { segments, tail }
    }

    fn rest(segments: &[&str], name: &str) -> PathPattern {
        let segments = segments.iter().map(|part| Segment::Literal((*part).to_owned())).collect();
        PathPattern { segments, tail: Tail::Rest(name.to_owned()) }
    }

    fn found<'t>(table: &'t Table<&'static str>, host: &str, path: &str) -> Option<&'t str> {
        table.find(host, path).map(|found| *found.target)
    }

    #[test]
    fn the_longest_and_most_literal_path_wins_in_whatever_order_routes_are_written() {
        let mut routes = vec![
            (None, path("/"), "root"),
            (None, path("/entries"), "entries"),
            (None, path("/entries/{id}"), "entry"),
            (None, path("/entries/new"), "new"),
            (None, path("/entries/{id}/"), "below"),
            (None, rest(&["files"], "path"), "files"),
        ];
        for _ in 0..routes.len() {
            routes.rotate_left(1);
            let table = Table::new(routes.clone());
            for (path, expected) in [
                ("/", "root"),
                ("/else", "root"),
                ("/entries", "entries"),
                ("/entries/", "root"),
                ("/entries/7", "entry"),
                ("/entries/new", "new"),
                ("/entries/7/", "below"),
                ("/entries/7/a/b", "below"),
                ("/files", "root"),
                ("/files/", "files"),
                ("/files/a/b", "files"),
                ("//", "root"),
                ("/entries//x", "root"),
            ] {
                assert_eq!(found(&table, "x", path), Some(expected), "{path}");
            }
            assert_eq!(found(&table, "x", "*"), None, "the asterisk form is no path");
        }
    }

    #[test]
    fn captures_are_caught_as_they_stand_in_the_path() {
        let table = Table::new([(None, path("/a/{x}/{y}"), ()), (None, rest(&["f"], "path"), ())]);
        let found = table.find("h", "/a/1%2F2/3").unwrap();
        assert_eq!(found.captures, [("x", "1%2F2"), ("y", "3")]);
        assert_eq!(table.find("h", "/f/a//b").unwrap().captures, [("path", "a//b")]);
        assert_eq!(table.find("h", "/a//3"), None, "an empty segment is not captured");
    }

    #[test]
    fn a_host_goes_before_no_host_and_an_exact_one_before_a_pattern() {
        let exact = HostPattern::Exact("a.example".into());
        let below = HostPattern::Subdomains("example".into());
        let table = Table::new([
            (None, path("/deep/er/path"), "any"),
            (Some(below), path("/"), "below"),
            (Some(exact), path("/"), "exact"),
        ]);
        assert_eq!(found(&table, "a.example", "/deep/er/path"), Some("exact"));
        assert_eq!(found(&table, "b.example", "/deep/er/path"), Some("below"));
        assert_eq!(found(&table, "example", "/deep/er/path"), Some("any"));
        assert_eq!(found(&table, "example", "/"), None);
    }
}
