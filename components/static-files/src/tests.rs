//! Requests and answers, over a real folder.
#![allow(clippy::disallowed_methods, reason = "tests write the files that they ask for")]

use std::fs;

use super::*;

struct Site {
    folder: tempfile::TempDir,
    options: Options,
}

const NOW: u64 = 1_800_000_000;

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("www");
        for (name, content) in [
            ("www/index.html", "<h1>home</h1>"),
            ("www/app.js", "let a = 1;"),
            ("www/app.js.gz", "gzipped"),
            ("www/app.js.br", "br"),
            ("www/data.bin", "0123456789"),
            ("www/docs/index.html", "docs"),
            ("www/empty/.keep", ""),
            ("www/.env", "SECRET=1"),
            ("www/.well-known/security.txt", "call us"),
            ("outside.txt", "outside"),
        ] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
        }
        let options = Options { root, ..Options::read(|_| None) };
        Self { folder, options }
    }

    fn ask(&self, request: &Request) -> Response {
        let now = UNIX_EPOCH + Duration::from_secs(NOW);
        answer(request, &self.options, now).unwrap_or_else(Error::into_response)
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let request = Request::new(Method::Get, path);
        self.ask(&headers.iter().fold(request, |request, (name, value)| request.with_header(name, value)))
    }

    fn status(&self, path: &str) -> u16 {
        self.get(path, &[]).status_code()
    }
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_default()
}

#[test]
fn a_file_is_sent_with_its_type_length_and_version() {
    let site = Site::new();
    for (path, kind, length) in [
        ("/", "text/html; charset=utf-8", "13"),
        ("/index.html", "text/html; charset=utf-8", "13"),
        ("/app.js", "text/javascript; charset=utf-8", "10"),
        ("/data.bin", "application/octet-stream", "10"),
        ("/docs/", "text/html; charset=utf-8", "4"),
        ("/.well-known/security.txt", "text/plain; charset=utf-8", "7"),
    ] {
        let response = site.get(path, &[]);
        assert_eq!(response.status_code(), 200, "{path}");
        assert_eq!((header(&response, "content-type"), header(&response, "content-length")), (kind, length));
        assert_eq!(header(&response, "last-modified"), "Tue, 14 Nov 2023 22:13:20 GMT");
        assert!(header(&response, "etag").starts_with('"'));
        assert_eq!(header(&response, "cache-control"), "no-cache");
        assert_eq!(header(&response, "accept-ranges"), "bytes");
    }
}

#[test]
fn what_is_not_there_or_not_shown_is_404() {
    let site = Site::new();
    for path in ["/b", "/b/", "/app.js/", "/app.js/x", "/empty/", "/.env", "/empty/.keep", "/../outside.txt"]
    {
        assert_eq!(site.status(path), 404, "{path}");
    }
    for path in ["/..%2foutside.txt", "/%00", "/%ff"] {
        assert_eq!(site.status(path), 400, "{path}");
    }
}

#[test]
fn a_folder_without_its_slash_is_redirected_on_this_host() {
    let site = Site::new();
    let response = site.get("/docs?a=b", &[]);
    assert_eq!((response.status_code(), header(&response, "location")), (301, "/docs/?a=b"));
    assert_eq!(site.status("//docs"), 404, "a browser would take it for the name of a host");
}

#[test]
fn a_prefix_is_not_part_of_the_folder() {
    let mut site = Site::new();
    site.options.prefix = "/assets".into();
    assert_eq!(site.status("/assets/app.js"), 200);
    assert_eq!(site.status("/app.js"), 404);
    assert_eq!(header(&site.get("/assets", &[]), "location"), "/assets/");
}

#[test]
fn other_methods_are_refused_with_those_there_are() {
    let response = Site::new().ask(&Request::new(Method::Put, "/app.js"));
    assert_eq!((response.status_code(), header(&response, "allow")), (405, "GET, HEAD"));
}

#[test]
fn what_the_client_has_is_not_sent_again() {
    let site = Site::new();
    let first = site.get("/app.js", &[]);
    let (tag, date) = (header(&first, "etag"), header(&first, "last-modified"));
    for condition in [("if-none-match", tag), ("if-modified-since", date)] {
        let response = site.get("/app.js", &[condition]);
        assert_eq!(response.status_code(), 304, "{condition:?}");
        assert_eq!((header(&response, "etag"), header(&response, "last-modified")), (tag, date));
        assert_eq!(header(&response, "content-length"), "");
    }
    assert_eq!(site.get("/app.js", &[("if-match", "\"other\"")]).status_code(), 412);
    fs::write(site.options.root.join("app.js"), "let b = 2;").unwrap();
    assert_eq!(site.get("/app.js", &[("if-none-match", tag)]).status_code(), 200);
}

#[test]
fn a_part_is_sent_if_one_is_asked_for() {
    let site = Site::new();
    let tag = header(&site.get("/data.bin", &[]), "etag").to_owned();
    let part = site.get("/data.bin", &[("range", "bytes=2-4"), ("if-range", &tag)]);
    assert_eq!(part.status_code(), 206);
    assert_eq!((header(&part, "content-range"), header(&part, "content-length")), ("bytes 2-4/10", "3"));
    let beyond = site.get("/data.bin", &[("range", "bytes=10-")]);
    assert_eq!((beyond.status_code(), header(&beyond, "content-range")), (416, "bytes */10"));
    let whole = [[("range", "bytes=2-4"), ("if-range", "\"old\"")], [("range", "bytes=0-0,2-2"), ("x", "")]];
    for headers in whole {
        let response = site.get("/data.bin", &headers);
        assert_eq!((response.status_code(), header(&response, "content-length")), (200, "10"), "{headers:?}");
    }
    let head = Request::new(Method::Head, "/data.bin").with_header("range", "bytes=2-4");
    assert_eq!(site.ask(&head).status_code(), 200);
}

#[test]
fn a_compressed_form_beside_the_file_is_sent_to_who_takes_it() {
    let site = Site::new();
    let mut tags = vec![];
    for (accept, coding, length) in [("gzip, br", "br", "2"), ("gzip", "gzip", "7"), ("identity", "", "10")] {
        let response = site.get("/app.js", &[("accept-encoding", accept)]);
        assert_eq!(
            (header(&response, "content-encoding"), header(&response, "content-length")),
            (coding, length)
        );
        assert_eq!(header(&response, "content-type"), "text/javascript; charset=utf-8");
        assert_eq!(header(&response, "vary"), "accept-encoding");
        tags.push(header(&response, "etag").to_owned());
    }
    tags.dedup();
    assert_eq!(tags.len(), 3, "each form is a version of its own");
    let only = site.get("/data.bin", &[("accept-encoding", "gzip, br")]);
    assert_eq!(header(&only, "content-encoding"), "");
}

#[test]
fn a_folder_that_is_not_granted_is_an_error_of_the_manifest() {
    let mut site = Site::new();
    site.options.root = site.folder.path().join("nowhere");
    assert_eq!(site.status("/"), 500);
}
