//! An HTTP server on loopback that does as a test says, badly if need be.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request: its first line and its header fields.
#[derive(Clone, Debug)]
pub struct Request {
    pub line: String,
    fields: Vec<(String, String)>,
}

impl Request {
    fn read(stream: &TcpStream) -> Self {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        let line = lines.next().unwrap_or_default();
        let fields = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_lowercase(), value.trim().to_owned()))
        });
        Self { line, fields: fields.collect() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
    }

    /// The first byte asked for, of a request for the rest of a file.
    pub fn from(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What is sent, and what happens after it.
#[derive(Clone, Debug)]
pub struct Reply {
    head: String,
    body: Vec<u8>,
    stalls: bool,
}

impl Reply {
    /// Only a status line, such as `404 Not Found`.
    pub fn status(status: &str) -> Self {
        Self { head: format!("HTTP/1.1 {status}\r\nConnection: close\r\n"), body: Vec::new(), stalls: false }
    }

    /// A body, with its length.
    pub fn whole(body: &[u8]) -> Self {
        Self::endless(body).field("Content-Length", &body.len().to_string())
    }

    /// A body that ends with the connection.
    pub fn endless(body: &[u8]) -> Self {
        Self { body: body.to_vec(), ..Self::status("200 OK") }
    }

    /// A body from a byte on.
    pub fn rest(body: &[u8], from: usize) -> Self {
        let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
        let length = (body.len() - from).to_string();
        let reply = Self { body: body[from..].to_vec(), ..Self::status("206 Partial Content") };
        reply.field("Content-Length", &length).field("Content-Range", &range)
    }

    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    /// Sends only the first bytes of the body.
    pub fn cut(mut self, kept: usize) -> Self {
        self.body.truncate(kept);
        self
    }

    /// Neither sends more nor closes the connection.
    pub fn stall(self) -> Self {
        Self { stalls: true, ..self }
    }
}

/// A version of a file, as a good server gives it.
pub fn serve(request: &Request, body: &[u8], tag: &str) -> Reply {
    let same = request.header("if-range").is_none_or(|known| known == tag);
    match request.from() {
        Some(from) if same => Reply::rest(body, from).field("ETag", tag),
        _ => Reply::whole(body).field("ETag", tag),
    }
}

/// A server that runs until the test program ends.
pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers request after request; `answer` is given how many came before.
    pub fn start(mut answer: impl FnMut(usize, &Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/files/", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            let mut stalled = Vec::new();
            for mut stream in listener.incoming().map_while(Result::ok) {
                let request = Request::read(&stream);
                let count = seen.lock().unwrap().len();
                seen.lock().unwrap().push(request.clone());
                let reply = answer(count, &request);
                // A client that has seen enough may be gone.
                let _ = stream.write_all(format!("{}\r\n", reply.head).as_bytes());
                let _ = stream.write_all(&reply.body);
                if reply.stalls {
                    stalled.push(stream);
                }
            }
        });
        Self { url, requests }
    }

    /// What was asked for so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The first bytes that were asked for, request by request; `None` for the whole file.
    pub fn ranges(&self) -> Vec<Option<usize>> {
        self.requests().iter().map(Request::from).collect()
    }
}
