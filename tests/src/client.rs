//! A plain HTTP client over sockets of its own, which shows what was really sent and lets stories misbehave.

use std::{
    io::{BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Sends requests to one address, each on a connection of its own.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    address: SocketAddr,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    /// Names in lowercase.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// # Panics
    /// If the body is no JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Client {
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    pub fn get(&self, path: &str) -> Response {
        self.send("GET", path, &[], "")
    }

    /// Sends a request and reads the whole answer.
    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Response {
        self.try_send(method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// As [`send`](Self::send); an error where the connection ends too early.
    ///
    /// # Errors
    /// As the system says.
    pub fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> std::io::Result<Response> {
        let body = body.into();
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        if !body.is_empty() || matches!(method, "POST" | "PUT") {
            head += &format!("content-length: {}\r\n", body.len());
        }
        head += "connection: close\r\n\r\n";
        let mut connection = self.connect()?;
        // A host that refuses early closes early: what it said counts.
        let sent = connection.write_all(&[head.as_bytes(), &body].concat());
        read_response(&mut BufReader::new(connection)).map_err(|error| sent.err().unwrap_or(error))
    }

    /// A bare connection, to send whatever one likes.
    ///
    /// # Errors
    /// As the system says.
    pub fn connect(&self) -> std::io::Result<TcpStream> {
        let connection = TcpStream::connect(self.address)?;
        connection.set_read_timeout(Some(Duration::from_secs(60)))?;
        connection.set_nodelay(true)?;
        Ok(connection)
    }

    /// Sends bytes as they are, and reads all that comes back until the host closes.
    ///
    /// # Errors
    /// As the system says.
    pub fn raw(&self, bytes: &[u8]) -> std::io::Result<String> {
        let mut connection = self.connect()?;
        _ = connection.write_all(bytes);
        let mut answer = vec![];
        match connection.read_to_end(&mut answer) {
            Err(error) if answer.is_empty() => Err(error),
            _ => Ok(String::from_utf8_lossy(&answer).into_owned()),
        }
    }
}

fn broken(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::UnexpectedEof, what.to_owned())
}

/// Reads the head of a response.
///
/// # Errors
/// If the connection ends before the head does.
pub fn read_head(from: &mut impl std::io::BufRead) -> std::io::Result<Response> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| broken(&format!("no status line, but {line:?}")))?;
    let mut headers = vec![];
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Err(broken("the head was cut off"));
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => return Ok(Response { status, headers, body: vec![] }),
        }
    }
}

/// Reads a whole response. Trailers are added to the headers.
///
/// # Errors
/// If the connection ends before the response does.
pub fn read_response(from: &mut impl std::io::BufRead) -> std::io::Result<Response> {
    let mut response = read_head(from)?;
    if response.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16).map_err(|_| broken("the body was cut off"))?;
            let mut chunk = vec![0; size];
            from.read_exact(&mut chunk)?;
            response.body.extend_from_slice(&chunk);
            if size == 0 {
                break;
            }
            from.read_line(&mut String::new())?;
        }
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            response.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    } else if let Some(length) = response.header("content-length").and_then(|length| length.parse().ok()) {
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        response.body = body;
    } else {
        from.read_to_end(&mut response.body)?;
    }
    Ok(response)
}
