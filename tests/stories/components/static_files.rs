//! A folder over HTTP.

use std::{
    os::unix::fs::symlink,
    process::Command,
    time::{Duration, UNIX_EPOCH},
};

use mecha_tests::{
    client::Response,
    host::{App, Host},
};

const SITE: &str = "
name: site
components:
  files:
    source: '{guests}/static_files.wasm'
    http: [/]
    directories: [{ host: ./public, guest: /www }]
    limits: { memory: 16MiB }
";

fn site() -> App {
    App::new(SITE)
        .with_file("public/index.html", "<h1>home</h1>")
        .with_file("public/docs/index.html", "docs")
        .with_file("public/app.js", "let a = 1;")
        .with_file("public/app.js.gz", "gzipped")
        .with_file("public/.env", "SECRET=1")
        .with_file("outside.txt", "outside")
}

/// Sets a file's time of change: long ago, for its tag to be strong.
fn age(app: &App, name: &str, seconds: u64) {
    let file = std::fs::File::options().write(true).open(app.path().join("public").join(name)).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)).unwrap();
}

fn ask(host: &Host, path: &str, headers: &[(&str, &str)]) -> Response {
    host.client().send("GET", path, headers, "")
}

#[test]
fn a_site_is_served_and_what_the_browser_has_is_not_sent_again() {
    let app = site();
    let host = app.serve();
    let home = host.get("/");
    assert_eq!((home.status, home.text().as_str()), (200, "<h1>home</h1>"));
    assert_eq!(home.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(home.header("content-length"), Some("13"));
    let tag = home.header("etag").unwrap();
    assert_eq!(ask(&host, "/", &[("if-none-match", tag)]).status, 304);
    std::fs::write(app.path().join("public/index.html"), "<h1>new</h1>").unwrap();
    let new = ask(&host, "/", &[("if-none-match", tag)]);
    assert_eq!((new.status, new.text().as_str()), (200, "<h1>new</h1>"), "a change is seen at once");
    let folder = host.get("/docs?a=b");
    assert_eq!((folder.status, folder.header("location")), (301, Some("/docs/?a=b")));
    assert_eq!(host.get("/docs/").text(), "docs");
    assert_eq!(host.get("/nothing").status, 404);
    assert_eq!(host.post("/app.js", "x").status, 405);
    let small = ask(&host, "/app.js", &[("accept-encoding", "gzip")]);
    assert_eq!((small.header("content-encoding"), small.text().as_str()), (Some("gzip"), "gzipped"));
    assert_eq!(host.get("/app.js").text(), "let a = 1;");
}

#[test]
fn a_download_that_broke_off_goes_on_where_it_was() {
    let app = site().with_file("public/data", "0123456789");
    age(&app, "data", 0);
    let host = app.serve();
    let tag = host.get("/data").header("etag").unwrap().to_owned();
    let rest = ask(&host, "/data", &[("range", "bytes=4-"), ("if-range", &tag)]);
    assert_eq!((rest.status, rest.text().as_str()), (206, "456789"));
    assert_eq!(rest.header("content-range"), Some("bytes 4-9/10"));
    let beyond = ask(&host, "/data", &[("range", "bytes=10-")]);
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */10")));
    let several = ask(&host, "/data", &[("range", "bytes=0-1,4-5")]);
    assert_eq!((several.status, several.text().as_str()), (200, "0123456789"));
    std::fs::write(app.path().join("public/data"), "abcdefghij").unwrap();
    age(&app, "data", 1);
    let whole = ask(&host, "/data", &[("range", "bytes=4-"), ("if-range", &tag)]);
    assert_eq!((whole.status, whole.text().as_str()), (200, "abcdefghij"), "it was changed in between");
}

#[test]
fn nothing_outside_of_the_folder_is_shown_and_nothing_hidden() {
    let app = site();
    let public = app.path().join("public");
    symlink(app.path().join("outside.txt"), public.join("absolute")).unwrap();
    symlink("../outside.txt", public.join("relative")).unwrap();
    symlink("..", public.join("up")).unwrap();
    symlink("index.html", public.join("inside")).unwrap();
    assert!(Command::new("mkfifo").arg(public.join("pipe")).status().unwrap().success());
    let host = app.serve();
    let out = [
        "/../outside.txt",
        "/docs/../../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/..%5coutside.txt",
        "/docs/..;/../outside.txt",
        "//outside.txt",
        "/absolute",
        "/relative",
        "/up/outside.txt",
        "/.env",
        "/%2eenv",
        "/pipe",
        "/index.html%00.txt",
    ];
    for path in out {
        let answer = host.get(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        assert!(!answer.text().contains("outside") && !answer.text().contains("SECRET"), "{path}");
    }
    assert_eq!(host.get("/inside").text(), "<h1>home</h1>", "a link within the folder is followed");
}

#[test]
fn a_file_larger_than_the_components_memory_is_sent_whole() {
    let content: Vec<u8> = (0..64 << 18).flat_map(|n: u32| n.to_le_bytes()).collect();
    let app = site().with_file("public/large", &content);
    let host = app.serve();
    let answer = host.get("/large");
    assert_eq!(answer.status, 200);
    assert!(answer.body == content, "the bytes differ");
    let part = ask(&host, "/large", &[("range", "bytes=40000000-49999999")]);
    assert!(part.body == content[40_000_000..50_000_000], "the part differs");
}

#[test]
fn a_head_announces_the_length_and_is_no_failure() {
    let app = site();
    let host = app.serve();
    let mut answer = host.client().raw(b"HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    answer.make_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 200") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert!(answer.contains("content-length: 13\r\n"), "{answer}");
    host.get("/");
    assert!(!host.log().contains("error"), "{}", host.log());
}

#[test]
fn a_head_over_http2_announces_the_length_too() {
    let app = site();
    let host = app.serve();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let answer = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(host.address).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(stream);
        let executor = hyper_util::rt::TokioExecutor::new();
        let (mut send, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
        tokio::spawn(connection);
        let uri = format!("http://{}/", host.address);
        let answer = send.send_request(hyper::Request::head(uri).body(String::new()).unwrap()).await.unwrap();
        let length = answer.headers().get("content-length").map(|length| length.to_str().unwrap().to_owned());
        let body = http_body_util::BodyExt::collect(answer.into_body()).await;
        (length, body.map(|body| body.to_bytes().len()).map_err(|error| error.to_string()))
    });
    assert_eq!(answer, (Some("13".to_owned()), Ok(0)));
}
