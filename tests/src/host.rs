//! The real binary, started and killed: what stories act on, from the outside.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::{Client, Response};

/// The folder that cargo builds into.
#[must_use]
pub fn target() -> PathBuf {
    // target/debug/deps/stories-…
    let exe = std::env::current_exe().unwrap();
    exe.ancestors().nth(3).unwrap().to_owned()
}

/// The binary under test.
#[must_use]
pub fn binary() -> PathBuf {
    let profile = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned();
    let binary = profile.join("mecha-host");
    assert!(binary.exists(), "there is no {}: run `cargo build` first", binary.display());
    binary
}

/// A guest, compiled.
#[must_use]
pub fn guest(name: &str) -> PathBuf {
    let path = target().join("wasm32-wasip2/release").join(format!("{name}.wasm"));
    assert!(path.exists(), "there is no {}: run `cargo guests` first", path.display());
    path
}

/// The project's folder.
#[must_use]
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A folder with a manifest. Gone when dropped.
#[derive(Debug)]
pub struct App {
    folder: tempfile::TempDir,
}

impl App {
    /// Writes a manifest. In it `{guests}` stands for the folder of compiled guests, `{wat}` for that of guests
    /// in text form.
    #[must_use]
    pub fn new(manifest: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let guests = target().join("wasm32-wasip2/release");
        let wat = project().join("tests/programs/wat");
        let manifest = manifest.replace("{guests}", guests.to_str().unwrap());
        let manifest = manifest.replace("{wat}", wat.to_str().unwrap());
        std::fs::write(folder.path().join("mecha.yaml"), manifest).unwrap();
        Self { folder }
    }

    /// Puts a file into the app's folder.
    #[must_use]
    pub fn with_file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the host on it.
    #[must_use]
    pub fn serve(&self) -> Host {
        Host::start(self.path(), &[])
    }
}

/// Waits until something holds, for a minute at the most.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    // Polling is the only way to wait for another process; the condition decides, not the time.
    for _ in 0..6000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited in vain: {what}");
}

/// A running host.
#[derive(Debug)]
pub struct Host {
    child: Child,
    log: Arc<Mutex<String>>,
    pub address: SocketAddr,
    pub admin: SocketAddr,
}

impl Host {
    /// Starts `serve PATH` with a free port, and waits until it is ready.
    #[must_use]
    pub fn start(path: &Path, args: &[&str]) -> Self {
        let mut command = serve(path, args);
        Self::run(&mut command)
    }

    /// As [`start`](Self::start), with the command made by the caller.
    #[must_use]
    pub fn run(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let log = Arc::<Mutex<String>>::default();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let sink = log.clone();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut log = sink.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(address) = line.trim().strip_prefix("listening on http://") else {
            let status = child.wait().unwrap();
            panic!("the host did not start ({status}):\n{line}{}", log.lock().unwrap());
        };
        let address = address.parse().unwrap();
        until("the admin address is logged", || log.lock().unwrap().contains("admin on http://"));
        let admin = {
            let log = log.lock().unwrap();
            let rest = log.split("admin on http://").nth(1).unwrap();
            rest.split_whitespace().next().unwrap().parse().unwrap()
        };
        Self { child, log, address, admin }
    }

    /// An HTTP client for it.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    pub fn get(&self, path: &str) -> Response {
        self.client().get(path)
    }

    pub fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Response {
        self.client().send("POST", path, &[], body)
    }

    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits until the log holds a text.
    pub fn wait_for_log(&self, text: &str) {
        for _ in 0..6000 {
            if self.log.lock().unwrap().contains(text) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the log never said {text:?}:\n{}", self.log());
    }

    /// The value of a metric, by the beginning of its line with labels in order; 0 if it is not there.
    #[must_use]
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let metrics = Client::new(self.admin).get("/metrics").text();
        let line = metrics
            .lines()
            .find(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    /// What the process holds in memory, in KiB.
    #[must_use]
    pub fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until the process has ended.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// SIGTERM, and the status that it ends with.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            _ = self.child.kill();
            _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- the host's log ---\n{}", self.log());
        }
    }
}

/// `mecha-host serve PATH` on free ports, with a cache that all stories share.
#[must_use]
pub fn serve(path: &Path, args: &[&str]) -> Command {
    let mut command = mecha(&["serve"]);
    command.arg(path).args(["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--cache"]).arg(cache());
    command.args(args);
    command
}

/// Where all stories keep compiled code.
#[must_use]
pub fn cache() -> PathBuf {
    target().join("stories-cache")
}

/// `mecha-host ARGS…`, its output piped, its environment without ours.
#[must_use]
pub fn mecha(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env_remove("RUST_LOG").env("XDG_CACHE_HOME", target().join("stories-xdg"));
    command
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command to its end.
#[must_use]
pub fn output(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
