//! Files that were compressed beforehand: which form a client takes (RFC 9110, section 12.5.3).

/// A compressed form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    Brotli,
    Gzip,
}

/// The smaller one first.
const ALL: [Coding; 2] = [Coding::Brotli, Coding::Gzip];

impl Coding {
    /// For `content-encoding`.
    pub fn token(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// What is behind the name of the file.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Gzip => ".gz",
        }
    }
}

/// The forms that `accept-encoding` takes, the preferred one first.
pub fn accepted(header: &str) -> Vec<Coding> {
    let weights: Vec<(&str, f32)> = header.split(',').filter_map(weight).collect();
    let weight_of = |name: &str| {
        let find = |name: &str| weights.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        find(name).or_else(|| find("*")).map_or(0.0, |(_, weight)| *weight)
    };
    let mut codings: Vec<_> = ALL.into_iter().filter(|coding| weight_of(coding.token()) > 0.0).collect();
    codings.sort_by(|a, b| weight_of(b.token()).total_cmp(&weight_of(a.token())));
    codings
}

fn weight(element: &str) -> Option<(&str, f32)> {
    let (name, parameters) = element.split_once(';').unwrap_or((element, ""));
    let value = parameters.trim().strip_prefix(['q', 'Q']).and_then(|rest| rest.trim().strip_prefix('='));
    let weight = match value {
        None => 1.0,
        Some(value) => value.trim().parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?,
    };
    Some((name.trim(), weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses_and_else_the_smaller_form_is_taken() {
        use Coding::{Brotli, Gzip};
        let cases: [(&str, &[Coding]); 13] = [
            ("gzip, deflate, br", &[Brotli, Gzip]),
            ("gzip", &[Gzip]),
            ("GZIP", &[Gzip]),
            ("br;q=0.5, gzip;q=0.8", &[Gzip, Brotli]),
            ("br;q=0, gzip", &[Gzip]),
            ("*", &[Brotli, Gzip]),
            ("*;q=0", &[]),
            ("gzip;q=0, *", &[Brotli]),
            ("identity", &[]),
            ("", &[]),
            ("gzip;q=nan", &[]),
            ("gzip;q=-1, br;q=2", &[]),
            (" br ; q = 1 ", &[Brotli]),
        ];
        for (header, codings) in cases {
            assert_eq!(accepted(header), codings, "{header:?}");
        }
    }
}
