//! A small HTTP server that behaves well and badly on request: the path says how.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// Bytes of the body of `/large`.
pub(super) const LARGE: usize = 100 << 20;

/// Listens for as long as the test runs.
pub(super) struct Server {
    pub(super) port: u16,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    open: AtomicUsize,
}

/// What carries HTTP: a socket, or TLS over one.
pub(super) trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

impl Server {
    pub(super) fn start() -> Self {
        Self::wrapped(|socket| Some(Box::new(socket)))
    }

    /// As [`start`](Self::start), on what `wrap` makes of each connection.
    pub(super) fn wrapped(
        wrap: impl Fn(TcpStream) -> Option<Box<dyn Stream>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::<Seen>::default();
        let (shared, wrap) = (seen.clone(), Arc::new(wrap));
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
                shared.open.fetch_add(1, Ordering::SeqCst);
                let (seen, wrap) = (shared.clone(), wrap.clone());
                thread::spawn(move || {
                    if let Some(stream) = wrap(socket) {
                        // A client that goes away is no concern of the server's.
                        _ = serve(stream, number, &seen);
                    }
                    seen.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, seen }
    }

    /// A port on which nobody listens.
    pub(super) fn closed_port() -> u16 {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Methods and targets, in the order in which they came.
    pub(super) fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    /// How many connections have been made.
    pub(super) fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// How many of them are not closed.
    pub(super) fn open(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }
}

/// Answers one request after the other, until one wants the connection to end.
fn serve(stream: Box<dyn Stream>, number: usize, seen: &Seen) -> std::io::Result<()> {
    let mut stream = BufReader::with_capacity(1, stream);
    loop {
        let mut first = String::new();
        if stream.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let request = first.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        seen.requests.lock().unwrap().push(request);
        if path == "/reset" {
            // The rest of the request is there unread: closing resets.
            return Ok(());
        }
        let mut line = String::new();
        while stream.read_line(&mut line)? > 2 {
            line.clear();
        }
        let text = format!("hello from connection {number}");
        let mut answer = |head: &str, text: &str| {
            let length = text.len();
            write!(stream.get_mut(), "HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{text}")?;
            stream.get_mut().flush()
        };
        match path.as_str() {
            "/close" => return Ok(()),
            "/never" => _ = stream.read(&mut [0])?,
            "/nonsense" => return stream.get_mut().write_all(b"this is no HTTP\r\n\r\n"),
            "/half" => {
                let half = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nthis is the first half";
                return stream.get_mut().write_all(half);
            }
            "/teapot" => answer("418 I'm a teapot", &text)?,
            "/redirect" => answer("302 Found\r\nlocation: /elsewhere", "")?,
            "/bye" => return answer("200 OK", &text),
            "/large" => {
                let out = stream.get_mut();
                write!(out, "HTTP/1.1 200 OK\r\ncontent-length: {LARGE}\r\n\r\n")?;
                let chunk = vec![b'x'; 1 << 20];
                for _ in 0..LARGE / chunk.len() {
                    out.write_all(&chunk)?;
                }
                out.flush()?;
            }
            _ => answer("200 OK", &text)?,
        }
    }
}
