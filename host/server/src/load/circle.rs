//! Circles in what points to what: pure.

/// A circle through each group of nodes that lie on circles; `edges[n]` are those that `n` points to. What points to
/// itself is left out. Without recursion, for the number of nodes is anybody's.
pub(super) fn all(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut circles = vec![];
    let mut seen = vec![false; edges.len()];
    for start in 0..edges.len() {
        // Nodes on the way here, each with the number of its edges that were followed.
        let mut path: Vec<(usize, usize)> = vec![];
        let mut enter = (!seen[start]).then_some(start);
        loop {
            if let Some(node) = enter.take() {
                seen[node] = true;
                path.push((node, 0));
            }
            let Some((node, followed)) = path.last_mut() else { break };
            let Some(next) = edges[*node].get(*followed).copied() else {
                path.pop();
                continue;
            };
            *followed += 1;
            if next == *node {
                continue;
            }
            if !seen[next] {
                enter = Some(next);
            } else if let Some(from) = path.iter().position(|(node, _)| *node == next) {
                circles.push(path[from..].iter().map(|(node, _)| *node).collect());
            }
        }
    }
    circles
}

#[cfg(test)]
mod tests {
    use super::*;

    type Lists = &'static [&'static [usize]];

    #[test]
    fn circles_are_found() {
        let cases: [(Lists, Lists); 6] = [
            (&[], &[]),
            (&[&[1], &[2], &[]], &[]),
            (&[&[1, 2], &[2], &[]], &[]),
            (&[&[1], &[0]], &[&[0, 1]]),
            (&[&[1], &[2, 3], &[1], &[0], &[4]], &[&[1, 2], &[0, 1, 3]]),
            (&[&[], &[2], &[3], &[1]], &[&[1, 2, 3]]),
        ];
        for (edges, expected) in cases {
            let edges: Vec<_> = edges.iter().map(|edges| edges.to_vec()).collect();
            assert_eq!(all(&edges), expected, "{edges:?}");
        }
    }

    #[test]
    fn a_long_chain_is_no_burden() {
        let edges: Vec<_> = (1..100_001).map(|next| vec![next % 100_000]).collect();
        assert_eq!(all(&edges).len(), 1);
    }
}
