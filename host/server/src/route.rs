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
