//! Text as it may stand in other text.

/// Text as it may stand in HTML: between tags, and in attributes in quotes.
#[must_use]
pub fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Parameters as they may stand behind the `?` of a URL. [`Request::query`](super::Request::query) reads them.
#[must_use]
pub fn query_string<'a>(params: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_escaped_for_text_and_for_attributes() {
        assert_eq!(
            escape_html("<a href=\"x\" id='y'>&amp;"),
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;"
        );
    }

    #[test]
    fn a_query_is_read_as_it_was_written() {
        let query = query_string([("a b", "1&2"), ("c", "ü=/?")]);
        let request = crate::http::Request::new(crate::http::Method::Get, &format!("/?{query}"));
        assert_eq!(request.query("a b"), Some("1&2"));
        assert_eq!(request.query("c"), Some("ü=/?"));
    }
}
