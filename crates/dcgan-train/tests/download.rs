//! What people see of downloads: from a server on loopback, or from none.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use dcgan_data::Cifar10;
use tempfile::TempDir;

mod common;
#[allow(dead_code)] // a part of it is enough here
#[path = "../../dcgan-data/tests/server/mod.rs"]
mod server;

use common::names;
use server::{Reply, Server};

const TAG: &str = "\"first\"";
const LEN: usize = 300_000;

/// The program in an empty folder of its own, and without the proxies of this machine.
fn program(folder: &TempDir) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("dcgan-train"));
    command.current_dir(folder.path()).stdin(Stdio::null());
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command
}

/// What the program prints to standard error as it fails.
fn program_fails(command: &mut Command, code: i32, parts: &[&str]) {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in:\n{text}");
    }
}

#[test]
fn without_a_network_the_program_says_what_to_put_where() {
    // A port that nobody listens at.
    let url = format!("http://{}/", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    for (dataset, file, places) in [
        ("cifar10", "cifar-10-binary.tar.gz", ["data_batch_1.bin", "mine/cifar-10-batches-bin"]),
        ("mnist", "train-labels-idx1-ubyte.gz", ["train-images-idx3-ubyte.gz", "mine/MNIST/raw"]),
    ] {
        let folder = TempDir::new().unwrap();
        let arguments = ["--dataset", dataset, "--data-dir", "mine", "--download-url", &url];
        let url = format!("cannot download {url}{file}");
        let parts = [&url, "refused", places[0], places[1], "--download-url"];
        program_fails(program(&folder).args(arguments), 1, &parts);
    }
}

#[test]
fn no_download_forbids_it() {
    for (dataset, file) in [("cifar10", "data_batch_1.bin"), ("mnist", "train-images-idx3-ubyte")] {
        let folder = TempDir::new().unwrap();
        let output = program(&folder).args(["--dataset", dataset, "--no_download"]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && !text.contains("downloading"), "{text}");
        for part in [file, "data", "--no-download"] {
            assert!(text.contains(part), "{part:?} is not in:\n{text}");
        }
        assert_eq!(names(folder.path()), [""; 0], "nothing is written");
    }
}

#[test]
fn an_archive_that_somebody_put_there_is_checked_and_kept() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    let path = folder.path().join("data/cifar-10-binary.tar.gz");
    fs::write(&path, "another file").unwrap();
    // `printf "another file" | md5sum`
    let found = "50e55790ffe629eab86d207fc98bf710";
    let parts = ["data/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530", found];
    program_fails(program(&folder).arg("--no-download"), 1, &parts);
    assert_eq!(fs::read(path).unwrap(), b"another file");
}

#[test]
fn wrong_urls_are_usage_errors() {
    let folder = TempDir::new().unwrap();
    for url in ["", "example.org", "ftp://example.org/", "http://", "file:///data", "http://a/?b"] {
        let parts = ["--download-url", "expected the URL of a folder"];
        program_fails(program(&folder).args(["--download-url", url]), 2, &parts);
    }
    let both = ["--download-url", "http://127.0.0.1:1/", "--no-download"];
    program_fails(program(&folder).args(both), 2, &["--download-url", "--no-download"]);
}

#[test]
fn the_program_asks_the_proxy_of_the_environment() {
    let folder = TempDir::new().unwrap();
    let proxy = Server::start(|_, _| Reply::status("403 Forbidden"));
    let mut command = program(&folder);
    command.env("HTTP_PROXY", &proxy.url).args(["--download-url", "http://mirror.invalid/files"]);
    program_fails(&mut command, 1, &["cannot download http://mirror.invalid/files/cifar-10-binary.tar.gz"]);
    let requests = proxy.requests();
    assert!(requests[0].line.contains("mirror.invalid"), "{requests:?}");
}

#[test]
fn the_program_tells_how_far_it_is_in_a_few_lines() {
    let folder = TempDir::new().unwrap();
    let labels = vec![0; 28_881];
    let server = Server::start(move |_, _| Reply::whole(&labels));
    let mut command = program(&folder);
    command.args(["--dataset", "mnist", "--download-url", &server.url]);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("downloading ")).collect();
    assert_eq!(lines[0], "downloading train-labels-idx1-ubyte.gz: 0 B of 28.20 KiB (0 %)");
    assert_eq!(
        *lines.last().unwrap(),
        "downloading train-labels-idx1-ubyte.gz: 28.20 KiB of 28.20 KiB (100 %)"
    );
    assert!(lines.len() <= 11, "{text}");
    // The published checksum holds whatever the server is.
    assert!(text.contains("d53e105ee54ea40749a09fcbcd1e9432"), "{text}");
}

#[cfg(unix)]
#[test]
fn an_interrupted_program_goes_on_the_next_time() {
    let folder = TempDir::new().unwrap();
    let bytes = Cifar10::SOURCE.files[0].bytes;
    let server = Server::start(move |count, _| match count {
        0 => Reply::endless(&[1; LEN]).field("Content-Length", &bytes.to_string()).field("ETag", TAG).stall(),
        _ => Reply::status("404 Not Found"),
    });
    let part = folder.path().join("data/cifar-10-binary.tar.gz.part");
    let arguments = ["--download-url", &server.url];
    let mut child = program(&folder).args(arguments).stderr(Stdio::null()).spawn().unwrap();
    while fs::metadata(&part).map_or(0, |metadata| metadata.len()) < LEN as u64 {
        thread::sleep(Duration::from_millis(10));
        assert!(child.try_wait().unwrap().is_none(), "the program ended by itself");
    }
    let interrupt = ["-INT", &child.id().to_string()].map(str::to_owned);
    assert!(Command::new("kill").args(interrupt).status().unwrap().success());
    child.wait().unwrap();

    let kept = format!("{LEN} bytes are kept");
    program_fails(program(&folder).args(arguments), 1, &["404 Not Found", &kept, "292.97 KiB of 162.17 MiB"]);
    assert_eq!(server.ranges(), [None, Some(LEN)]);
    assert_eq!(server.requests()[1].header("if-range"), Some(TAG));
    assert!(fs::read(part).unwrap() == [1; LEN]);
}
