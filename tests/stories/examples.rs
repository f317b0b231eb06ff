//! Every example is what its transcript says.

use mecha_tests::{
    client::Client,
    host::{Host, project},
    transcript::{self, Captures, Step},
};

#[test]
fn hello_is_what_its_transcript_says() {
    replay("hello");
}

#[test]
fn the_guestbook_is_what_its_transcript_says_also_across_a_kill() {
    replay("guestbook");
}

fn replay(name: &str) {
    let folder = project().join("examples").join(name);
    let data = tempfile::tempdir().unwrap();
    let start = || Host::start(&folder, &["--data", data.path().to_str().unwrap()]);
    let text = std::fs::read_to_string(folder.join("transcript.txt")).unwrap();
    let mut host = start();
    let mut captures = Captures::new();
    for step in transcript::parse(&text).unwrap() {
        match step {
            Step::Restart { .. } => {
                host.kill();
                host = start();
            }
            Step::Exchange(exchange) => {
                let request = exchange.request(&captures).unwrap();
                let headers: Vec<_> =
                    request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let response =
                    Client::new(host.address).send(&request.method, &request.target, &headers, request.body);
                let response = transcript::Response {
                    status: response.status,
                    body: response.text(),
                    headers: response.headers,
                };
                if let Err(difference) = exchange.check(&response, &mut captures) {
                    panic!("{name}/transcript.txt:{}:\n{difference}", exchange.line);
                }
            }
        }
    }
}
