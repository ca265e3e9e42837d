//! `dcgan-infer serve` in a process of its own, and requests as bytes: what a client cannot send is tested, too.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{model, onnxruntime};

/// A server that runs until it is dropped, on a port of its own.
pub struct Server {
    pub process: Child,
    pub address: SocketAddr,
    /// The first line of stdout.
    pub said: String,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Server {
    /// Serves the committed model.
    pub fn start(flags: &[&str]) -> Self {
        let model = model();
        Self::start_with(&[&["--model", model.to_str().unwrap()], flags].concat())
    }

    pub fn start_with(flags: &[&str]) -> Self {
        Self::start_in(Path::new("."), flags)
    }

    /// In a working folder.
    pub fn start_in(folder: &Path, flags: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dcgan-infer"));
        command.current_dir(folder);
        command.args(["serve", "--port", "0", "--threads", "1", "--onnxruntime"]).arg(onnxruntime());
        command.args(flags).env_remove("DCGAN_API_KEY").stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let Some(address) = said.trim().rsplit_once("http://").and_then(|(_, address)| address.parse().ok())
        else {
            let mut problem = String::new();
            process.stderr.take().unwrap().read_to_string(&mut problem).unwrap();
            panic!("no address in {said:?}: {problem}");
        };
        Self { process, address, said }
    }

    /// What a server says that has to fail with this exit code before it serves.
    pub fn failure(flags: &[&str], code: i32) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dcgan-infer"));
        command.args(["serve", "--onnxruntime"]).arg(onnxruntime()).args(flags).env_remove("DCGAN_API_KEY");
        let output = command.output().unwrap();
        assert!(output.stdout.is_empty(), "{flags:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{flags:?}: {said}");
        said
    }

    /// What it logs; nobody else reads it then.
    pub fn stderr(&mut self) -> BufReader<ChildStderr> {
        BufReader::new(self.process.stderr.take().unwrap())
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// The answer to these bytes.
    pub fn send(&self, bytes: &[u8]) -> Response {
        let mut stream = self.connect();
        // A server that has seen enough need not read the rest.
        drop(stream.write_all(bytes));
        Response::read(stream)
    }

    pub fn get(&self, path: &str) -> Response {
        self.get_with(path, "")
    }

    /// With further header lines, each with its end.
    pub fn get_with(&self, path: &str, headers: &str) -> Response {
        self.send(get(path, headers).as_bytes())
    }

    pub fn post(&self, path: &str, headers: &str, body: &[u8]) -> Response {
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        self.send(&[head.as_bytes(), body].concat())
    }

    pub fn post_json(&self, path: &str, body: &Value) -> Response {
        self.post(path, "Content-Type: application/json\r\n", body.to_string().as_bytes())
    }

    /// The sum of a metric's series whose labels have all of these texts.
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.get("/metrics").text();
        let lines = text.lines().filter(|line| {
            line.split(['{', ' ']).next() == Some(name) && labels.iter().all(|label| line.contains(label))
        });
        lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()).sum()
    }

    /// Sends a signal by its name.
    #[cfg(unix)]
    pub fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A request for a picture.
pub fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
}

/// The head of an answer that is not the last of its connection; its body is read and left out.
pub fn read_one(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.unwrap().parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    head
}

impl Response {
    /// Reads an answer to its end.
    pub fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        // A connection that is reset has given what it gave.
        drop(stream.read_to_end(&mut bytes));
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&bytes)));
        let body = bytes.split_off(end + 4);
        let head = String::from_utf8(bytes).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn text_lossy(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// The message of an error of this status, which is JSON of the form that the protocol has.
    #[track_caller]
    pub fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}{}", self.head, String::from_utf8_lossy(&self.body));
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.head);
        let error = self.json();
        assert_eq!(error.as_object().unwrap().len(), 1, "{error}");
        error["error"].as_str().unwrap().to_owned()
    }
}
