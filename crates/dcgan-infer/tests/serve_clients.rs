//! `dcgan-infer serve`: clients that do not read, and requests that browsers send for other sites.

#![cfg(feature = "serve")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::server::{Server, get};
use common::{model, photos};
use serde_json::json;

/// Far longer than what these tests wait for.
const LIMIT: Duration = Duration::from_secs(60);

fn wait_until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LIMIT, "nothing happened for {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A client that asks for far more than the system holds for a connection, and reads nothing.
fn never_reads(server: &Server) -> TcpStream {
    let mut stream = server.connect();
    let request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(&request.repeat(2000)).unwrap();
    stream
}

/// Of 16 MiB for large answers, one of these requests takes 15: there is no second one until its client is cut off.
#[test]
fn answers_that_nobody_reads_are_bounded_and_dropped() {
    let photos = photos();
    let flags = ["--buffer-mb", "32", "--max-connections", "64", "--timeout", "2"];
    let server = Server::start_with(&[&["--model", &format!("g={}", photos.display())], &flags[..]].concat());
    let input = json!({ "name": "z", "shape": [64, 100], "datatype": "FP32", "data": vec![0.5; 6400] });
    let body = json!({ "inputs": [input] }).to_string();
    let request = format!(
        "POST /v2/models/g/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| client.write_all(request.as_bytes()).unwrap());
    let statuses = clients.iter_mut().map(|client| {
        let mut begin = [0; 12];
        client.read_exact(&mut begin).unwrap();
        String::from_utf8(begin[9..].to_vec()).unwrap()
    });
    let statuses: Vec<_> = statuses.collect();
    let count = |status: &str| statuses.iter().filter(|found| *found == status).count();
    assert!(count("200") >= 1 && count("503") >= 1 && count("200") + count("503") == 8, "{statuses:?}");
    let held = server.metric("dcgan_buffered_bytes", &[]);
    assert!(held > 1e6 && held < 32e6, "{held} bytes");
    // A client that reads gets its image, and is told if it wants too much.
    assert_eq!(server.get("/v1/images?seed=7").status, 200);
    let refused = server.post_json("/v2/models/g/infer", &serde_json::from_str(&body).unwrap());
    assert!(refused.error(503).contains("try again"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    wait_until(|| server.metric("dcgan_buffered_bytes", &[]) == 0.0);
    let whole = server.post_json("/v2/models/g/infer", &serde_json::from_str(&body).unwrap()).json();
    assert_eq!(whole["outputs"][0]["data"].as_array().unwrap().len(), 64 * 3 * 64 * 64);
    for (client, status) in clients.iter_mut().zip(&statuses) {
        let mut rest = Vec::new();
        let ended = client.read_to_end(&mut rest);
        assert!(status == "503" || ended.is_err() || rest.len() < 6_000_000, "the rest was dropped");
    }
}

#[test]
fn clients_that_never_read_lose_their_places() {
    for key in [None, Some("sesame")] {
        let flags = key.map_or(vec![], |key| vec!["--api-key", key]);
        let server = Server::start(&[&["--max-connections", "8", "--timeout", "2"], &flags[..]].concat());
        let header = key.map_or(String::new(), |key| format!("Authorization: Bearer {key}\r\n"));
        let _clients: Vec<_> = (0..8).map(|_| never_reads(&server)).collect();
        for path in ["/v2/health/live", "/v2/health/ready"] {
            assert_eq!(server.get(path).status, 200, "{path}");
        }
        assert_eq!(server.get_with("/metrics", &header).status, 200);
        let refused = server.get_with("/v1/images", &header);
        assert!(refused.error(503).contains("all connections are taken"));
        assert_eq!((refused.header("retry-after"), refused.header("connection")), (Some("1"), Some("close")));
        wait_until(|| server.get_with("/v1/images", &header).status == 200);
    }
}

/// With the time limits as they are by default, 30 s and 30 s: none of these clients does anything any more.
#[cfg(unix)]
#[test]
fn clients_that_stall_do_not_hold_up_the_stop() {
    let mut server = Server::start(&[]);
    let mut head = server.connect();
    head.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
    let mut body = server.connect();
    body.write_all(b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{").unwrap();
    let _reads_nothing = never_reads(&server);
    assert_eq!(server.get("/v2/health/live").status, 200);
    let start = Instant::now();
    server.signal("TERM");
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn only_known_hosts_are_answered_on_a_loopback_address() {
    let ask = |server: &Server, target: &str, hosts: &str| {
        server.send(format!("GET {target} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n").as_bytes())
    };
    let server = Server::start(&["--api-key", "sesame"]);
    for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080", "faces.localhost"] {
        assert_eq!(ask(&server, "/", &format!("Host: {host}\r\n")).status, 200, "{host}");
    }
    for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example"] {
        for target in ["/", "/v1/images", "/v2/health/live", "/metrics", "/nothing"] {
            let message = ask(&server, target, &format!("Host: {host}\r\n")).error(403);
            assert!(message.contains("--allow-host"), "{message}");
        }
    }
    ask(&server, "http://evil.example/", "Host: localhost\r\n").error(403);
    for hosts in
        ["", "Host: localhost\r\nHost: localhost\r\n", "Host: \r\n", "Host: a b\r\n", "Host: x@localhost\r\n"]
    {
        assert!(ask(&server, "/", hosts).error(400).contains("Host"), "{hosts}");
    }
    // Before HTTP/1.1 there was no such header.
    assert_eq!(server.send(b"GET /v2/health/live HTTP/1.0\r\n\r\n").status, 200);
    let named = Server::start(&["--allow-host", "Faces.Example", "--allow-host", "other.example"]);
    for host in ["faces.example", "other.example:8080", "localhost"] {
        assert_eq!(ask(&named, "/v1/images", &format!("Host: {host}\r\n")).status, 200, "{host}");
    }
    ask(&named, "/", "Host: evil.example\r\n").error(403);
}

#[test]
fn pages_of_other_sites_cannot_post() {
    let server = Server::start(&[]);
    let latents = json!({ "latents": [vec![0.5; 100]] }).to_string();
    let input = json!({ "name": "z", "shape": [1, 100], "datatype": "FP32", "data": vec![0.5; 100] });
    let infer = json!({ "inputs": [input] }).to_string();
    for (path, body) in [("/v1/images", &latents), ("/v2/models/shapes32/infer", &infer)] {
        let post = |headers: &str| server.post(path, headers, body.as_bytes());
        for kind in [
            "text/plain",
            "text/plain;charset=UTF-8",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        ] {
            let message = post(&format!("Content-Type: {kind}\r\n")).error(415);
            assert!(message.contains("expected Content-Type: application/json"), "{message}");
        }
        // What a browser sends for another site without asking this server first.
        post("Origin: http://evil.example\r\n").error(415);
        for headers in ["", "Content-Type: application/json; charset=utf-8\r\nOrigin: http://localhost\r\n"] {
            assert_eq!(post(headers).status, 200, "{path} {headers}");
        }
    }
    server.post("/v1/images", "Content-Type: application/octet-stream\r\n", latents.as_bytes()).error(415);
}

/// hyper itself refuses these, without a body.
#[test]
fn errors_of_the_http_layer_say_what_is_wrong() {
    let server = Server::start(&[]);
    let long = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(70_000));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "a: b\r\n".repeat(101));
    let large = format!("GET / HTTP/1.1\r\nHost: localhost\r\na: {}\r\n\r\n", "b".repeat(500_000));
    for (request, status, part) in [
        ("\0\0\0\0\r\n\r\n", 400, "not valid HTTP/1.1"),
        ("GET\r\n\r\n", 400, "not valid HTTP/1.1"),
        ("GET / HTTP/9.9\r\n\r\n", 400, "not valid HTTP/1.1"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "not valid HTTP/1.1"),
        (&long, 414, "address is too long"),
        (&many, 431, "too many fields"),
        (&large, 431, "too many fields or bytes"),
    ] {
        let refused = server.send(request.as_bytes());
        assert!(refused.error(status).contains(part), "{}", refused.text());
        assert_eq!(refused.header("connection"), Some("close"));
        assert_eq!(refused.header("content-length"), Some(&*refused.body.len().to_string()));
    }
    // After an answer on the same connection.
    let both =
        [get("/v2/health/live", "").replace("Connection: close\r\n", "").as_bytes(), b"?\r\n\r\n"].concat();
    let text = String::from_utf8(server.send(&both).body).unwrap();
    assert!(
        text.contains("HTTP/1.1 400") && text.ends_with("{\"error\":\"the request is not valid HTTP/1.1\"}"),
        "{text}"
    );
}

#[test]
fn a_last_slash_makes_no_difference() {
    let server = Server::start(&["--api-key", "sesame"]);
    let key = "Authorization: Bearer sesame\r\n";
    for path in [
        "/v2",
        "/v2/health/ready",
        "/v2/models/shapes32",
        "/v2/models/shapes32/versions/1/ready",
        "/v1/models",
    ] {
        let (with, without) = (server.get_with(&format!("{path}/"), key), server.get_with(path, key));
        assert_eq!((with.status, with.body), (200, without.body), "{path}/");
    }
    let grid = server.get_with("/v1/images/?seed=7&n=2", key);
    assert_eq!(grid.body, server.get_with("/v1/images?seed=7&n=2", key).body);
    assert_eq!(server.get("/v2/health/live/").status, 200, "it needs no key");
    server.get("/v2/").error(401);
    server.get_with("/nothing/", key).error(404);
}

#[test]
fn a_file_is_taken_whole_where_its_name_has_an_equals_sign() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(model(), folder.path().join("lr=0.0002.onnx")).unwrap();
    fs::copy(model(), folder.path().join("0.5.onnx")).unwrap();
    let flags = ["--model", "lr=0.0002.onnx", "--model", "half=0.5.onnx"];
    let server = Server::start_in(folder.path(), &flags);
    assert!(server.said.starts_with("serving lr_0.0002, half on"), "{}", server.said);
}

#[test]
fn a_key_is_read_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let (path, model) = (path.to_str().unwrap(), model());
    for text in ["open sesame", "open sesame\n", "open sesame\r\n"] {
        fs::write(path, text).unwrap();
        let server = Server::start(&["--api-key-file", path]);
        server.get("/v1/models").error(401);
        assert_eq!(
            server.get_with("/v1/models", "Authorization: Bearer open sesame\r\n").status,
            200,
            "{text:?}"
        );
    }
    let flags = ["--model", model.to_str().unwrap(), "--port", "0", "--api-key-file"];
    for (bytes, part) in [
        (&b""[..], "is empty, expected a line with the key"),
        (b"\n", "is empty"),
        (b"one\ntwo\n", "has several lines"),
        (b"\xff", "cannot read the key from --api-key-file"),
    ] {
        fs::write(path, bytes).unwrap();
        let said = Server::failure(&[&flags[..], &[path]].concat(), 1);
        assert!(said.contains(part) && said.contains(path), "{said}");
    }
    let said = Server::failure(&[&flags[..], &["no such file"]].concat(), 1);
    assert!(said.contains("cannot read the key from --api-key-file no such file: "), "{said}");
    let said = Server::failure(&[&flags[..], &[path, "--api-key", "x"]].concat(), 2);
    assert!(said.contains("cannot be used with"), "{said}");
}
