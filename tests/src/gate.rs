//! A server that lets nobody through before it is told to: so a story knows where a call is, and that it stays there.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use serde_json::{Value, json};

use crate::host::until;

/// Listens for as long as the test runs. A request counts as arrived, and is answered in its turn.
#[derive(Debug)]
pub struct Gate {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    passage: Mutex<Passage>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Passage {
    arrived: usize,
    /// So many of those may go on.
    let_through: usize,
}

impl Gate {
    /// One that is closed.
    #[must_use]
    pub fn closed() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::<Shared>::default();
        let seen = shared.clone();
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let seen = seen.clone();
                // Who goes away meanwhile has arrived all the same.
                thread::spawn(move || _ = serve(socket, &seen));
            }
        });
        Self { port, shared }
    }

    /// What a manifest calls it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The step of a script that waits here.
    #[must_use]
    pub fn pass(&self) -> Value {
        json!({ "do": "fetch", "method": "GET", "url": self.host() })
    }

    #[must_use]
    pub fn arrived(&self) -> usize {
        self.shared.passage.lock().unwrap().arrived
    }

    /// Waits until so many have arrived, ever.
    pub fn wait_for(&self, count: usize) {
        until(&format!("{count} stand at the gate"), || self.arrived() >= count);
    }

    /// Lets one more through, in the order in which they arrived.
    pub fn open(&self) {
        self.let_through(1);
    }

    /// Lets all through, from now on.
    pub fn open_for_all(&self) {
        self.let_through(usize::MAX / 2);
    }

    fn let_through(&self, more: usize) {
        self.shared.passage.lock().unwrap().let_through += more;
        self.shared.changed.notify_all();
    }
}

fn serve(socket: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    loop {
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if socket.read_line(&mut line)? == 0 {
                return Ok(());
            }
        }
        let mut passage = shared.passage.lock().unwrap();
        passage.arrived += 1;
        let mine = passage.arrived;
        drop(shared.changed.wait_while(passage, |passage| passage.let_through < mine).unwrap());
        socket.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    }
}
