//! The page: the newest events, and a script that adds those that come.
//!
//! It is whole in itself, and its policy lets nothing else run: were anything of an event ever taken for HTML, the
//! browser would still not execute it.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use mecha_guest::{
    http::{Response, escape_html},
    json::{Value, to_string_pretty},
};
use sha2::{Digest as _, Sha256};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// `events`: the newest first.
pub fn page(events: &[Value], newest: u64) -> Response {
    let rows: String = events.iter().map(row).collect();
    // What is of events comes last: nothing in it is taken for a place to fill.
    let page = PAGE.replace("{{style}}", STYLE).replace("{{script}}", SCRIPT);
    let page = page.replace("{{newest}}", &newest.to_string()).replace("{{events}}", &rows);
    let policy = format!(
        "default-src 'none'; connect-src 'self'; style-src '{}'; script-src '{}'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'self'",
        hash(STYLE),
        hash(SCRIPT)
    );
    Response::html(page)
        .header("content-security-policy", policy)
        .header("cache-control", "no-store")
        .header("x-content-type-options", "nosniff")
}

fn row(event: &Value) -> String {
    let text = |value: &Value| escape_html(value.as_str().unwrap_or_default());
    let of = &event["event"];
    format!(
        "<li><details><summary><span>#{}</span><b>{}</b><span>{}</span><span>{}</span><span>{}</span></summary>\
         <pre>{}</pre></details></li>\n",
        escape_html(&event["number"].to_string()),
        text(&of["type"]),
        text(&of["subject"]),
        text(&event["topic"]),
        text(&of["time"]),
        escape_html(&to_string_pretty(event).unwrap_or_default()),
    )
}

/// As a policy names what is in the page itself.
fn hash(content: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(content)))
}

#[cfg(test)]
mod tests {
    use mecha_guest::json::json;

    use super::*;

    fn text(events: &[Value]) -> String {
        String::from_utf8(page(events, 7).body().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn nothing_of_an_event_is_taken_for_html() {
        let evil = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>{{script}}";
        let event = json!({
            "number": 7,
            "topic": evil,
            "event": { "type": evil, "subject": evil, "time": evil, "data": { evil: evil } },
        });
        let page = text(&[event]);
        assert_eq!(page.matches("<script>").count(), 1, "{page}");
        assert!(!page.contains("<img"), "{page}");
        assert!(page.contains("&lt;script&gt;"));
        assert!(page.contains("{{script}}"), "a name of a place in an event is text");
    }

    #[test]
    fn the_page_is_whole_and_runs_only_its_own_script() {
        let page = page(&[], 7);
        let policy = page.headers().get("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let text = text(&[]);
        assert!(text.contains("data-newest=\"7\""));
        for outside in ["http:", "https:", "src=", "href=", "@import", "url("] {
            assert!(!text.contains(outside), "{outside}");
        }
        for (open, close, directive) in
            [("<script>", "</script>", "script-src"), ("<style>", "</style>", "style-src")]
        {
            let inner = text.split(open).nth(1).unwrap().split(close).next().unwrap();
            assert!(policy.contains(&format!("{directive} '{}'", hash(inner))), "{directive}");
        }
    }
}
