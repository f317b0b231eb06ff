//! What was answered against what should have been.

use mecha_manifest::{
    Span, Spanned,
    suite::{AnswerPattern, Pattern, ResponsePattern},
};

use super::{
    differences::Difference,
    found::Found,
    judge::Judge,
    records::{Item, Want, header},
    texts, words,
};
use crate::testing::seen::Reply;

/// Characters of what is shown beside a value that is wrong, since it may say why.
const BESIDE: usize = 200;

impl Judge {
    /// Of the last response.
    #[must_use]
    pub fn in_response(&self, wanted: &ResponsePattern, replies: &[Reply]) -> Vec<(Span, Difference)> {
        let mut all = Vec::new();
        let reply = replies.iter().rev().find_map(|reply| match reply {
            Reply::Http { status, headers, body } => Some((status, headers, body)),
            _ => None,
        });
        let Some((status, headers, body)) = reply else {
            let headers = wanted.headers.iter().map(|(_, pattern)| pattern);
            let first = wanted.status.iter().chain(headers).chain(&wanted.body).next();
            all.extend(first.map(|first| (first.at, none("response", replies))));
            return all;
        };
        let data: &[u8] = match body {
            Ok(body) | Err(body) => body,
        };
        if let Some(pattern) = &wanted.status {
            let found = Found::text(status.as_str());
            let mut differences = self.one(pattern, found, "response.status");
            // An error's body says which one it is.
            if let Some((_, difference)) = differences.first_mut().filter(|_| !data.is_empty()) {
                let body = texts::line(&String::from_utf8_lossy(data), BESIDE);
                difference.found = format!("{}, with the body {body}", difference.found);
            }
            all.extend(differences);
        }
        for (name, pattern) in &wanted.headers {
            let what = texts::under("response.headers", name);
            all.extend(self.one(pattern, header(headers, &name.to_ascii_lowercase()), &what));
        }
        if let Some(pattern) = &wanted.body {
            match body {
                Ok(_) => all.extend(self.one(pattern, Found::data(data), "response.body")),
                Err(_) => {
                    let (count, shown) = (texts::number(data.len() as u64), words::found(&Found::data(data)));
                    let found =
                        texts::cut(&format!("it broke off after {count} bytes: {shown}"), texts::MOST);
                    let expected = words::pattern(&pattern.value, false);
                    all.push((pattern.at, Difference { what: "response.body".to_owned(), expected, found }));
                }
            }
        }
        all
    }

    /// Of the last invocation.
    #[must_use]
    pub fn in_answer(&self, wanted: &AnswerPattern, replies: &[Reply]) -> Vec<(Span, Difference)> {
        let reply = replies.iter().rev().find_map(|reply| match reply {
            Reply::Invoked(answer) => Some(answer),
            _ => None,
        });
        let AnswerPattern { data, content_type, error } = wanted;
        let patterns =
            [("answer.data", data), ("answer.content-type", content_type), ("answer.error", error)];
        let mut patterns = patterns.into_iter().filter_map(|(what, pattern)| Some((what, pattern.as_ref()?)));
        let Some(answer) = reply else {
            return patterns
                .next()
                .map(|(_, first)| (first.at, none("answer", replies)))
                .into_iter()
                .collect();
        };
        let mut all = Vec::new();
        for (what, pattern) in patterns {
            let is_error = what == "answer.error";
            let found = match answer {
                Ok(answer) => match what {
                    "answer.data" => Found::data(&answer.data),
                    "answer.content-type" => Found::optional(answer.content_type.as_deref()),
                    _ => Found::Nothing,
                },
                Err(error) if is_error => Found::text(&error.kind),
                Err(_) => Found::Nothing,
            };
            let mut differences = self.one(pattern, found, what);
            if let Some((_, difference)) = differences.first_mut() {
                match answer {
                    Ok(answer) if is_error => {
                        let data = texts::line(&String::from_utf8_lossy(&answer.data), BESIDE);
                        difference.found = format!("no error, but the answer {data}");
                    }
                    Err(error) => {
                        let (kind, why) = (texts::text(&error.kind), texts::line(&error.message, BESIDE));
                        let begin = if is_error { "" } else { "the error " };
                        let colon = if why.is_empty() { "" } else { ": " };
                        difference.found = format!("{begin}{kind}{colon}{why}");
                    }
                    Ok(_) => {}
                }
            }
            all.extend(differences);
        }
        all
    }

    fn one(&self, pattern: &Spanned<Pattern>, found: Found<'_>, what: &str) -> Vec<(Span, Difference)> {
        let mut differences = Vec::new();
        let item = Item::of(found);
        self.differences_of(&Want::from(pattern), &item, what, &mut differences);
        differences.into_iter().map(|difference| (pattern.at, difference)).collect()
    }
}

/// Nothing was answered.
fn none(what: &str, replies: &[Reply]) -> Difference {
    let found = match replies.iter().any(|reply| matches!(reply, Reply::Lost)) {
        true => "none: the host ended before there was one",
        false => "none: nothing was asked that has one",
    };
    let expected = if what == "answer" { "an answer" } else { "a response" };
    Difference { what: what.to_owned(), expected: expected.to_owned(), found: found.to_owned() }
}
