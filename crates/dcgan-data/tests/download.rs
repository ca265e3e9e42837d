//! Downloads from a server that does all that servers on the way to a dataset do.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::Duration;

use dcgan_data::download::{
    DownloadConfig, DownloadError, DownloadEvent, Failure, RemoteFile, Source, fetch,
};
use dcgan_data::{Cifar10, Dataset, Mnist, Split};
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use tempfile::TempDir;

mod server;

use server::{Reply, Request, Server, serve};

const TAG: &str = "\"first\"";
const NAME: &str = "digits.gz";
const LEN: usize = 300_000;

/// Bytes without a pattern that parts of them could repeat.
fn content(seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..LEN).map(|_| byte()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn patient(server: &Server) -> DownloadConfig {
    DownloadConfig {
        download_url: Some(server.url.clone()),
        retries: 2,
        retry_delay: Duration::from_millis(1),
        ..DownloadConfig::default()
    }
}

fn impatient(server: &Server) -> DownloadConfig {
    DownloadConfig { stall_timeout: Duration::from_secs(1), ..patient(server) }
}

/// Fetches a file of this content, and gives what was told, too.
fn fetch_file(
    folder: &Path,
    wanted: &[u8],
    config: &DownloadConfig,
) -> (Result<(), DownloadError>, Vec<DownloadEvent>) {
    let file = RemoteFile { name: NAME, bytes: wanted.len() as u64, md5: &md5(wanted) };
    let source = Source { url: "http://127.0.0.1:1/never/", files: &[file] };
    let mut events = Vec::new();
    let result = fetch(&source, folder, config, &mut |event| events.push(event));
    (result, events)
}

/// The file comes as it should, and nothing else is left.
fn succeeds(folder: &TempDir, wanted: &[u8], config: &DownloadConfig) -> Vec<DownloadEvent> {
    let (result, events) = fetch_file(folder.path(), wanted, config);
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(fs::read(folder.path().join(NAME)).unwrap() == wanted, "the content differs");
    assert_eq!(names(folder.path()), [NAME]);
    events
}

/// The file does not come, for a reason of these parts; what is left has these names.
fn fails(folder: &TempDir, config: &DownloadConfig, parts: &[&str], left: &[&str]) -> Failure {
    let (result, _) = fetch_file(folder.path(), &content(1), config);
    let error = result.unwrap_err();
    let message = error.to_string();
    let url = format!("{}{NAME}", config.download_url.as_ref().unwrap());
    for part in parts.iter().chain(&[url.as_str()]) {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    assert_eq!(names(folder.path()), left, "{message}");
    match error {
        DownloadError::Failed { failure, .. } => failure,
        other => panic!("{other}"),
    }
}

fn good(body: Vec<u8>) -> impl FnMut(usize, &Request) -> Reply {
    move |_, request| serve(request, &body, TAG)
}

#[test]
fn a_whole_file_is_checked_named_and_told() {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(good(content(1))));
    let events = succeeds(&folder, &content(1), &patient(&server));
    assert_eq!(server.requests()[0].line, format!("GET /files/{NAME} HTTP/1.1"));
    assert!(server.requests()[0].header("user-agent").unwrap().starts_with("dcgan-data/"));

    let (last, progress) = events.split_last().unwrap();
    assert_eq!(*last, DownloadEvent::Done { file: NAME.into() });
    let received: Vec<u64> = progress.iter().map(received).collect();
    assert_eq!((received[0], *received.last().unwrap()), (0, LEN as u64));
    assert!(received.is_sorted());
}

fn received(event: &DownloadEvent) -> u64 {
    match event {
        DownloadEvent::Progress { file, received, total } => {
            assert_eq!((file.as_str(), *total), (NAME, Some(LEN as u64)));
            *received
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_file_that_is_there_is_checked_and_not_asked_for() {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(good(content(1))));
    fs::write(folder.path().join(NAME), content(1)).unwrap();
    assert_eq!(succeeds(&folder, &content(1), &patient(&server)), []);

    fs::write(folder.path().join(NAME), content(2)).unwrap();
    let message = fetch_file(folder.path(), &content(1), &patient(&server)).0.unwrap_err().to_string();
    for part in [NAME, &md5(&content(1)), &md5(&content(2)), "remove it"] {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    assert!(fs::read(folder.path().join(NAME)).unwrap() == content(2), "it is kept");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_connection_that_ends_early_is_resumed() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(|count, request| match count {
        0 => serve(request, &content(1), TAG).cut(100_000),
        1 => serve(request, &content(1), TAG).cut(50_000),
        _ => serve(request, &content(1), TAG),
    });
    let events = succeeds(&folder, &content(1), &patient(&server));
    assert_eq!(server.ranges(), [None, Some(100_000), Some(150_000)]);
    assert_eq!(server.requests()[2].header("if-range"), Some(TAG));
    // Bytes of earlier attempts count.
    let received: Vec<u64> = events[..events.len() - 1].iter().map(received).collect();
    assert!(
        received.contains(&100_000) && received.contains(&150_000) && received.is_sorted(),
        "{received:?}"
    );
}

#[test]
fn an_early_end_is_seen_without_a_declared_length() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(|count, request| match count {
        0 => Reply::endless(&content(1)[..70_000]).field("ETag", TAG),
        _ => serve(request, &content(1), TAG),
    });
    succeeds(&folder, &content(1), &patient(&server));
    assert_eq!(server.ranges(), [None, Some(70_000)]);
}

#[test]
fn a_server_that_only_ever_cuts_is_given_up_and_the_part_kept() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(|_, _| Reply::whole(&content(1)).cut(1_000));
    let parts = ["the connection ended after 1000 of 300000 bytes", "1000 bytes are kept"];
    let failure = fails(&folder, &patient(&server), &parts, &[&format!("{NAME}.part")]);
    assert!(matches!(failure, Failure::Cut { .. }), "{failure}");
    // The first attempt brought something; two retries did not.
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(|count, _| {
        let whole = Reply::whole(&content(1));
        if count == 0 { whole.cut(100_000) } else { whole }
    });
    succeeds(&folder, &content(1), &patient(&server));
    assert_eq!(server.ranges(), [None, Some(100_000)]);
    // It has given no tag.
    assert_eq!(server.requests()[1].header("if-range"), None);
}

#[test]
fn a_file_that_changes_between_the_parts_is_begun_again() {
    // A server that honours If-Range sends the new file, one that does not the rest of it, and one whose new
    // file is shorter has no such range.
    let replies: [fn(&Request) -> Reply; 3] = [
        |request| serve(request, &content(1), "\"second\""),
        |request| match request.from() {
            Some(from) => Reply::rest(&content(1), from).field("ETag", "\"second\""),
            None => serve(request, &content(1), "\"second\""),
        },
        |request| match request.from() {
            Some(_) => Reply::status("416 Range Not Satisfiable").field("Content-Range", "bytes */300000"),
            None => serve(request, &content(1), "\"second\""),
        },
    ];
    for (reply, requests) in replies.into_iter().zip([2, 3, 3]) {
        let folder = TempDir::new().unwrap();
        let server = Server::start(move |count, request| match count {
            0 => serve(request, &content(2), TAG).cut(100_000),
            _ => reply(request),
        });
        succeeds(&folder, &content(1), &patient(&server));
        assert_eq!(server.requests().len(), requests);
        assert_eq!(server.requests()[1].header("if-range"), Some(TAG));
    }
}

#[test]
fn parts_that_do_not_belong_together_are_found_by_the_checksum() {
    let folder = TempDir::new().unwrap();
    // Neither a tag nor a date tells that the file changed.
    let server = Server::start(|count, request| match (count, request.from()) {
        (0, _) => Reply::whole(&content(2)).cut(100_000),
        (_, Some(from)) => Reply::rest(&content(1), from),
        (_, None) => Reply::whole(&content(1)),
    });
    succeeds(&folder, &content(1), &patient(&server));
    assert_eq!(server.ranges(), [None, Some(100_000), None]);
}

#[test]
fn a_date_stands_in_for_a_tag() {
    let folder = TempDir::new().unwrap();
    let date = "Tue, 09 Jun 2009 10:00:00 GMT";
    let server = Server::start(move |count, request| match request.from() {
        Some(from) => Reply::rest(&content(1), from).field("Last-Modified", date),
        None if count == 0 => Reply::whole(&content(1)).field("Last-Modified", date).cut(5),
        None => Reply::status("500 Not Expected"),
    });
    succeeds(&folder, &content(1), &patient(&server));
    assert_eq!(server.requests()[1].header("if-range"), Some(date));
}

#[test]
fn a_corrupt_file_is_refused_at_once_and_not_kept() {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(good(content(2))));
    let failure = fails(&folder, &patient(&server), &[&md5(&content(1)), &md5(&content(2))], &[]);
    assert!(matches!(failure, Failure::Checksum { in_parts: false, .. }), "{failure}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_file_of_another_length_is_refused_before_it_is_received() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(format!("{NAME}.part")), &content(1)[..10]).unwrap();
    let server = Server::start(|_, _| Reply::whole(b"<html>Please log in</html>"));
    let part = format!("{NAME}.part");
    fails(&folder, &patient(&server), &["300000 bytes", "one of 26 bytes"], &[&part]);
    assert!(fs::read(folder.path().join(part)).unwrap() == content(1)[..10], "the page is not in the file");
}

#[test]
fn a_file_without_end_is_not_written_without_end() {
    let (folder, longer) = (TempDir::new().unwrap(), [content(1), content(2)].concat());
    let server = Server::start(move |_, _| Reply::endless(&longer));
    fails(&folder, &patient(&server), &["300000 bytes", "a longer one"], &[]);
}

#[test]
fn a_server_that_stalls_is_asked_again_for_the_rest() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(|count, request| match count {
        // Within the body, and before the head.
        0 => serve(request, &content(1), TAG).cut(100_000).stall(),
        _ => serve(request, &content(1), TAG),
    });
    succeeds(&folder, &content(1), &impatient(&server));
    assert_eq!(server.ranges(), [None, Some(100_000)]);
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    // Listens, and accepts nobody.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = TempDir::new().unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let config = DownloadConfig {
        download_url: Some(url),
        stall_timeout: Duration::from_millis(200),
        retries: 1,
        retry_delay: Duration::from_millis(1),
        ..DownloadConfig::default()
    };
    fails(&folder, &config, &["the server sent nothing for 0.2 s"], &[]);
}

#[test]
fn refusals_name_the_url_and_the_status() {
    for (status, requests) in [
        ("404 Not Found", 1),
        ("403 Forbidden", 1),
        ("500 Internal Server Error", 3),
        ("503 Service Unavailable", 3),
    ] {
        let folder = TempDir::new().unwrap();
        let server = Server::start(move |_, _| Reply::status(status));
        let failure = fails(&folder, &patient(&server), &[&format!("the server answered {status}")], &[]);
        assert!(matches!(failure, Failure::Status(_)), "{failure}");
        assert_eq!(server.requests().len(), requests, "{status}");
    }
}

#[test]
fn an_overloaded_server_is_asked_again() {
    let folder = TempDir::new().unwrap();
    let server = Server::start(|count, request| match count {
        0 => Reply::status("503 Service Unavailable"),
        1 => Reply::status("429 Too Many Requests"),
        _ => serve(request, &content(1), TAG),
    });
    succeeds(&folder, &content(1), &patient(&server));
}

#[test]
fn a_part_of_an_earlier_run_is_continued() {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(good(content(1))));
    fs::write(folder.path().join(format!("{NAME}.part")), &content(1)[..1234]).unwrap();
    fs::write(folder.path().join(format!("{NAME}.part.tag")), TAG).unwrap();
    let events = succeeds(&folder, &content(1), &patient(&server));
    assert_eq!(server.ranges(), [Some(1234)]);
    assert_eq!(server.requests()[0].header("if-range"), Some(TAG));
    assert_eq!(received(&events[0]), 1234);
}

#[test]
fn a_part_that_cannot_be_right_is_replaced() {
    let damaged = [&content(2)[..], b"more"].concat();
    // Another file's start, all of another file, and more than there should be.
    for (bytes, requests) in [(&damaged[..500], 2), (&damaged[..LEN], 1), (&damaged[..], 1)] {
        let (folder, server) = (TempDir::new().unwrap(), Server::start(good(content(1))));
        fs::write(folder.path().join(format!("{NAME}.part")), bytes).unwrap();
        succeeds(&folder, &content(1), &patient(&server));
        assert_eq!(server.requests().len(), requests);
    }
    // All of this file, but for its name.
    let (folder, server) = (TempDir::new().unwrap(), Server::start(good(content(1))));
    fs::write(folder.path().join(format!("{NAME}.part")), content(1)).unwrap();
    succeeds(&folder, &content(1), &patient(&server));
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn two_processes_do_not_write_the_same_file() {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(good(content(1))));
    let other = fs::File::create(folder.path().join(format!("{NAME}.part"))).unwrap();
    other.lock().unwrap();
    let (result, _) = fetch_file(folder.path(), &content(1), &patient(&server));
    assert!(matches!(result, Err(DownloadError::Busy { .. })), "{result:?}");
    drop(other);
    succeeds(&folder, &content(1), &patient(&server));
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(good(content(1))));
    let file = folder.path().join("file");
    fs::write(&file, b"kept").unwrap();
    let message = fetch_file(&file, &content(1), &patient(&server)).0.unwrap_err().to_string();
    assert!(message.contains("a folder was expected") && message.contains("file"), "{message}");
}

/// The program's own library for TLS, and no system's: the server sees a handshake begin.
#[test]
fn https_is_encrypted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut record = [0; 3];
        stream.read_exact(&mut record).unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        record
    });
    let config = DownloadConfig { download_url: Some(url), retries: 0, ..DownloadConfig::default() };
    let folder = TempDir::new().unwrap();
    fails(&folder, &config, &["the server cannot be reached"], &[]);
    // A handshake record of TLS 1.x.
    assert_eq!(server.join().unwrap(), [22, 3, 1]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Two CIFAR-10 records a file, of the file's number, and what else there is in the published archive.
fn cifar10_archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut append = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("cifar-10-batches-bin/{name}"), content).unwrap();
    };
    for number in [3, 1, 2, 5, 4] {
        append(&format!("data_batch_{number}.bin"), &[number; 2 * 3073]);
    }
    append("batches.meta.txt", b"airplane\n");
    append("test_batch.bin", &[9; 3073]);
    gzip(&builder.into_inner().unwrap())
}

#[test]
fn cifar10_is_downloaded_and_unpacked() {
    let (folder, archive) = (TempDir::new().unwrap(), cifar10_archive());
    let data_dir = folder.path().join("deep/data");
    let body = archive.clone();
    let server = Server::start(good(body));
    let name = Cifar10::SOURCE.files[0].name;
    let file = RemoteFile { name, bytes: archive.len() as u64, md5: &md5(&archive) };
    let source = Source { url: &server.url, files: &[file] };
    let config = DownloadConfig::default();
    for _ in 0..2 {
        Cifar10::download(&data_dir, &source, &config, &mut |_| {}).unwrap();
        let dataset = Cifar10::open(Split::Train, &data_dir).unwrap();
        let values: Vec<u8> = (0..dataset.len()).map(|i| dataset.picture(i).unwrap().as_bytes()[0]).collect();
        assert_eq!(values, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
        assert_eq!(names(&data_dir), ["cifar-10-batches-bin", name]);
        assert_eq!(names(&data_dir.join("cifar-10-batches-bin")).len(), 6);
        assert_eq!(Cifar10::open(Split::Test, &data_dir).unwrap().len(), 1);
    }
    assert_eq!(server.requests().len(), 1, "the second time, all is there");
    // The archive alone is enough.
    fs::remove_dir_all(data_dir.join("cifar-10-batches-bin")).unwrap();
    Cifar10::download(&data_dir, &source, &config, &mut |_| {}).unwrap();
    assert_eq!((Cifar10::open(Split::Train, &data_dir).unwrap().len(), server.requests().len()), (10, 1));
}

#[test]
fn mnist_is_downloaded_to_where_torchvision_looks() {
    let folder = TempDir::new().unwrap();
    let header = [0x803_u32, 5, 28, 28].map(u32::to_be_bytes).concat();
    let images = gzip(&[header, vec![7; 5 * 784]].concat());
    let body = move |line: &str| if line.contains("train-images") { images.clone() } else { gzip(b"labels") };
    let files = Mnist::SOURCE.files.iter().map(|file| (file.name, body(file.name))).collect::<Vec<_>>();
    let sums: Vec<String> = files.iter().map(|(_, body)| md5(body)).collect();
    let remote: Vec<RemoteFile> = files
        .iter()
        .zip(&sums)
        .map(|((name, body), md5)| RemoteFile { name, bytes: body.len() as u64, md5 })
        .collect();
    let server = Server::start(move |count, request| match count {
        // The last file, the one that is looked for, is the fourth.
        3 => Reply::status("404 Not Found"),
        _ => serve(request, &body(&request.line), TAG),
    });
    let source = Source { url: &server.url, files: &remote };
    let download = || Mnist::download(folder.path(), &source, &DownloadConfig::default(), &mut |_| {});
    let message = download().unwrap_err().to_string();
    assert!(message.contains("train-images-idx3-ubyte.gz: the server answered 404"), "{message}");
    assert!(
        Mnist::open(Split::Train, folder.path()).is_err(),
        "three files of four are not taken for the dataset"
    );
    download().unwrap();
    assert_eq!(server.requests().len(), 5, "what was there is not fetched again");
    let dataset = Mnist::open(Split::Train, folder.path()).unwrap();
    assert_eq!((dataset.len(), dataset.picture(4).unwrap().as_bytes()[783]), (5, 7));
    assert_eq!(names(&folder.path().join("MNIST/raw")).len(), 4);
}
