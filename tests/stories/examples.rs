//! Every example is what its transcript says.

use std::path::{Path, PathBuf};

use mecha_tests::{
    client::Client,
    host::{Host, mecha, output, project},
    transcript::{self, Captures, Command, Exchange, Step},
};

#[test]
fn hello_is_what_its_transcript_says() {
    replay("hello");
}

#[test]
fn the_guestbook_is_what_its_transcript_says_also_across_a_kill() {
    replay("guestbook");
}

#[test]
fn the_bank_is_what_its_transcript_says_also_across_a_kill() {
    replay("bank");
}

#[test]
fn the_checkout_is_what_its_transcript_says() {
    replay("checkout");
}

#[test]
fn the_tally_is_what_its_transcript_says_also_across_a_kill() {
    replay("tally");
}

/// It writes files beside its manifest: this one lies elsewhere.
#[test]
fn orders_are_what_their_transcript_says_also_across_kills() {
    let app = crate::orders::app();
    replay_in("orders", app.path());
}

pub(crate) fn replay(name: &str) {
    replay_in(name, &project().join("examples").join(name));
}

/// Replays the transcript of an example whose manifest is in a folder.
fn replay_in(name: &str, folder: &Path) {
    let data = tempfile::tempdir().unwrap();
    let transcript = project().join("examples").join(name).join("transcript.txt");
    let text = std::fs::read_to_string(&transcript).unwrap();
    let mut session = Session::start(folder.to_owned(), data.path().to_owned());
    for step in transcript::parse(&text).unwrap() {
        let done = match step {
            Step::Restart { .. } => {
                session = session.restarted();
                Ok(())
            }
            Step::Exchange(exchange) => session
                .eventually(exchange.eventually, |session, captures| session.exchange(&exchange, captures)),
            Step::Command(command) => session
                .eventually(command.eventually, |session, captures| session.command(&command, captures)),
        };
        if let Err(difference) = done {
            panic!("{name}/transcript.txt: {difference}");
        }
    }
}

/// A session with the host of an app.
struct Session {
    host: Host,
    folder: PathBuf,
    data: PathBuf,
    captures: Captures,
}

impl Session {
    fn start(folder: PathBuf, data: PathBuf) -> Self {
        let host = Host::start(&folder, &["--data", data.to_str().unwrap()]);
        Self { host, folder, data, captures: Captures::new() }
    }

    fn restarted(self) -> Self {
        self.host.kill();
        Self { captures: self.captures, ..Self::start(self.folder, self.data) }
    }

    /// Does a step; if it may be otherwise at first, until it is as it should be.
    fn eventually(
        &mut self,
        may_wait: bool,
        step: impl Fn(&Self, &mut Captures) -> Result<(), String>,
    ) -> Result<(), String> {
        // As long as any condition is waited for.
        let tries = if may_wait { 6000 } else { 1 };
        let mut done = Ok(());
        for _ in 0..tries {
            let mut captures = self.captures.clone();
            done = step(self, &mut captures);
            if done.is_ok() {
                self.captures = captures;
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        done
    }

    fn exchange(&self, exchange: &Exchange, captures: &mut Captures) -> Result<(), String> {
        let request = exchange.request(captures)?;
        let headers: Vec<_> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let client = Client::new(self.host.address);
        let response = client.send(&request.method, &request.target, &headers, request.body);
        let response = transcript::Response {
            status: response.status,
            body: response.text(),
            headers: response.headers,
        };
        exchange.check(&response, captures)
    }

    /// `mecha-host …` is asked about this app, `cat FILE` shows a file of its folder. There is nothing else.
    fn command(&self, command: &Command, captures: &mut Captures) -> Result<(), String> {
        let words = command.words(captures)?;
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let printed = match words.as_slice() {
            ["cat", file] => {
                std::fs::read_to_string(self.folder.join(file)).map_err(|e| format!("{file}: {e}"))?
            }
            ["mecha-host", args @ ..] => {
                let told = output(mecha(args).arg("--app").arg(&self.folder).arg("--data").arg(&self.data));
                if told.code != Some(0) {
                    return Err(format!("line {}: {}", command.line, told.stderr));
                }
                told.stdout
            }
            _ => return Err(format!("line {}: only `cat` and `mecha-host` can be replayed", command.line)),
        };
        command.check(&printed, captures)
    }
}
