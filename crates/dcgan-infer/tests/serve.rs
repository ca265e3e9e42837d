//! `dcgan-infer serve`: pictures, what is refused, and how it ends.

#![cfg(feature = "serve")]

mod common;

use std::io::{BufRead, Read, Write};
use std::process::Command;

use common::server::{Response, Server, get};
use common::{fixture, model, onnxruntime};
use dcgan_core::latent::latents;
use image::{DynamicImage, ImageFormat};
use serde_json::json;

fn picture(response: &Response) -> DynamicImage {
    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
    image::load_from_memory(&response.body).unwrap()
}

/// The picture that the command line draws.
fn drawn(flags: &[&str]) -> DynamicImage {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dcgan-infer"));
    command.arg("--model").arg(model()).args(["--threads", "1", "--onnxruntime"]).arg(onnxruntime());
    let output = command.current_dir(folder.path()).args(flags).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    image::open(folder.path().join("generated.png")).unwrap()
}

#[test]
fn pictures_are_those_of_the_command_line() {
    let server = Server::start(&[]);
    assert!(server.said.starts_with("serving shapes32 on http://127.0.0.1:"), "{}", server.said);
    let grid = server.get("/v1/images?seed=7&n=16&columns=8");
    assert_eq!(grid.header("content-type"), Some("image/png"));
    let expected = drawn(&["--seed", "7", "--num-images", "16", "--columns", "8"]);
    assert_eq!(picture(&grid), expected);
    let list = server.get("/v1/images?seeds=3,7,10-12&truncation=0.5&scale=2&padding=1&format=webp");
    let flags = ["--seeds", "3,7,10-12", "--truncation", "0.5", "--scale", "2", "--padding", "1"];
    assert_eq!(image::guess_format(&list.body).unwrap(), ImageFormat::WebP);
    assert_eq!(picture(&list).to_rgb8(), drawn(&flags).to_rgb8());
    let jpeg = server.get("/v1/images?format=jpeg");
    assert_eq!(image::guess_format(&jpeg.body).unwrap(), ImageFormat::Jpeg);
    // An image alone has no frame.
    assert_eq!((picture(&jpeg).width(), picture(&jpeg).height()), (32, 32));
    let largest = server.get("/v1/images?seed=18446744073709551615&n=2&padding=0");
    let first = server.get("/v1/images?seed=0");
    assert_eq!(picture(&largest).crop_imm(32, 0, 32, 32), picture(&first), "after the largest seed comes 0");
}

/// Requests of one and of many images, all at once, so that they share batches: each gets the images that it gets alone.
#[test]
fn requests_share_batches_and_no_image_depends_on_it() {
    let server = Server::start(&["--max-batch", "8", "--max-delay-us", "200000"]);
    let all = picture(&server.get("/v1/images?seed=0&n=40&columns=1&padding=0"));
    let requests: Vec<_> = (0..24u32).map(|first| (first, if first % 5 == 0 { 13 } else { 1 })).collect();
    std::thread::scope(|scope| {
        let answers = requests.iter().map(|(first, count)| {
            let path = format!("/v1/images?seed={first}&n={count}&columns=1&padding=0");
            scope.spawn(|| picture(&server.get(&{ path })))
        });
        let answers: Vec<_> = answers.collect();
        for ((first, count), answer) in requests.iter().zip(answers) {
            assert_eq!(answer.join().unwrap(), all.crop_imm(0, 32 * first, 32, 32 * count), "seed {first}");
        }
    });
    let images = server.metric("dcgan_images_total", &[]);
    assert_eq!(images, 40.0 + 5.0 * 13.0 + 19.0);
    // Alone they would have been 5 + 5 x 2 + 19 batches.
    let batches = server.metric("dcgan_batch_size_count", &[]);
    assert!(batches < 34.0, "{batches} batches");
    assert_eq!(server.metric("dcgan_batch_size_sum", &[]), images);
}

#[test]
fn what_a_client_has_is_not_drawn_again() {
    let server = Server::start(&[]);
    let path = "/v1/images?seed=7&n=4";
    let first = server.get(path);
    let tag = first.header("etag").unwrap();
    assert_eq!(first.header("cache-control"), Some("public, no-cache"));
    let drawn = server.metric("dcgan_images_total", &[]);
    let again = server.get_with(path, &format!("If-None-Match: \"other\", {tag}\r\n"));
    assert_eq!((again.status, again.body.len()), (304, 0));
    assert_eq!(again.header("etag"), Some(tag));
    assert_eq!(server.metric("dcgan_images_total", &[]), drawn);
    for other in
        ["/v1/images?seed=8&n=4", "/v1/images?seed=7&n=4&format=webp", "/v1/images?seed=7&n=4&scale=2"]
    {
        let response = server.get_with(other, &format!("If-None-Match: {tag}\r\n"));
        assert_eq!(response.status, 200, "{other}");
    }
    let models = server.get("/v1/models").json();
    let version = models["models"][0]["version"].as_str().unwrap();
    let fixed = server.get(&format!("{path}&version={version}"));
    assert_eq!(fixed.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(fixed.body, first.body);
    let message = server.get(&format!("{path}&version=0123456789abcdef")).error(404);
    assert!(message.ends_with(version), "{message}");
}

#[test]
fn an_interpolation_moves_there_and_back() {
    let server = Server::start(&[]);
    let strip = picture(&server.get("/v1/interpolate?from=1&to=9&frames=5&format=png"));
    assert_eq!((strip.width(), strip.height()), (5 * 34 + 2, 36));
    let ends = picture(&server.get("/v1/images?seeds=1,9"));
    assert_eq!(strip.crop_imm(0, 0, 36, 36), ends.crop_imm(0, 0, 36, 36));
    assert_eq!(strip.crop_imm(4 * 34, 0, 36, 36), ends.crop_imm(34, 0, 36, 36));
    let moving = server.get("/v1/interpolate?from=1&to=9&frames=6");
    assert_eq!(moving.header("content-type"), Some("image/webp"));
    assert_eq!(moving.body.windows(4).filter(|name| name == b"ANMF").count(), 6);
    let tag = moving.header("etag").unwrap();
    let again = server.get_with("/v1/interpolate?from=1&to=9&frames=6", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!(again.status, 304);
    let gif = server.get("/v1/interpolate?from=1&to=9&frames=2&fps=50&format=gif");
    assert_eq!(image::guess_format(&gif.body).unwrap(), ImageFormat::Gif);
}

#[test]
fn latents_give_the_images_of_their_seeds() {
    let server = Server::start(&[]);
    let answer = server.get("/v1/latents?seed=18446744073709551615&n=2").json();
    assert_eq!(answer["seeds"], json!(["18446744073709551615", "0"]));
    let expected = latents(u64::MAX, 2, 100);
    for (row, expected) in expected.outer_iter().enumerate() {
        let row = answer["latents"][row].as_array().unwrap().iter();
        assert!(row.map(|number| number.as_f64().unwrap() as f32).eq(expected.iter().copied()));
    }
    let drawn = server.post_json("/v1/images", &json!({ "latents": answer["latents"], "columns": 2 }));
    assert_eq!(drawn.header("cache-control"), Some("no-store"));
    assert_eq!(picture(&drawn), picture(&server.get("/v1/images?seed=18446744073709551615&n=2")));
}

#[test]
fn wrong_requests_are_told_what_is_wrong() {
    let server = Server::start(&["--max-images", "20"]);
    for (path, status, part) in [
        ("/v1/images?seed=-1", 400, "seed: invalid digit"),
        ("/v1/images?seed=18446744073709551616", 400, "seed: number too large"),
        ("/v1/images?n=0", 400, "n: expected 1 to 20 images, found 0"),
        ("/v1/images?n=21", 400, "n: expected 1 to 20 images, found 21"),
        ("/v1/images?n=18446744073709551615", 400, "n: expected 1 to 20 images"),
        ("/v1/images?seeds=0-20", 400, "seeds: expected 1 to 20 images, found 21"),
        ("/v1/images?seeds=0-18446744073709551615", 400, "more than 10000 seeds"),
        ("/v1/images?seeds=x", 400, "expected whole numbers"),
        ("/v1/images?seeds=1&seed=2", 400, "leave seed and n out"),
        ("/v1/images?columns=0", 400, "columns: expected 1"),
        ("/v1/images?scale=0", 400, "scale: expected 1 to 64"),
        ("/v1/images?n=20&scale=64", 403, "more than 16777216 pixels"),
        ("/v1/images?padding=2000", 400, "padding: expected 0 to 1024"),
        ("/v1/images?truncation=0.01", 400, "truncation: expected a number from 0.1 on"),
        ("/v1/images?truncation=NaN", 400, "truncation: expected"),
        ("/v1/images?format=gif", 400, "expected png, webp or jpeg"),
        ("/v1/images?format=bmp", 400, "unknown variant `bmp`"),
        ("/v1/images?sed=7", 400, "unknown field `sed`"),
        ("/v1/images?seed=1&seed=2", 400, "duplicate field `seed`"),
        ("/v1/images?model=faces", 404, "no model \"faces\", there are: shapes32"),
        ("/v1/interpolate?from=1", 400, "missing field `to`"),
        ("/v1/interpolate?from=1&to=2&frames=0", 400, "frames: expected 1 to 20"),
        ("/v1/interpolate?from=1&to=2&fps=51", 400, "fps: expected 1 to 50"),
        ("/v1/latents?n=21", 400, "n: expected 1 to 20"),
        ("/v3", 404, "nothing at /v3"),
        ("/v2/models/faces", 404, "no model \"faces\""),
        ("/v2/models/%ff", 400, "UTF-8"),
        ("/v2/models/shapes32/versions/2", 404, "no version \"2\""),
        ("/v2/models/shapes32/infer", 405, "does not take GET"),
    ] {
        let message = server.get(path).error(status);
        assert!(message.contains(part), "{path}: {message}");
    }
    let deleted = server.send(b"DELETE /v1/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(deleted.error(405), "this address does not take DELETE");
    assert!(deleted.header("allow").is_some_and(|methods| methods.contains("GET")), "{}", deleted.head);
    let row = |length: usize| vec![0.5; length];
    for (body, part) in [
        (json!({}), "missing field `latents`"),
        (json!({ "latents": [] }), "latents: expected 1 to 20 images, found 0"),
        (json!({ "latents": [row(100), row(99)] }), "takes 100 numbers each, found 99"),
        (json!({ "latents": [1.0] }), "expected a sequence"),
        (json!({ "latents": [[0.5]] }), "takes 100 numbers each, found 1"),
        (json!({ "latents": [row(100)], "seed": 1 }), "unknown field `seed`"),
    ] {
        let message = server.post_json("/v1/images", &body).error(400);
        assert!(message.contains(part), "{message}");
    }
    // No f32 has it: serde_json itself says so, or makes it infinite, by how it was built.
    let message = server.post_json("/v1/images", &json!({ "latents": [vec![1e300; 100]] })).error(400);
    assert!(message.contains("out of range") || message.contains("expected finite numbers"), "{message}");
    let message = server.post("/v1/images", "", b"\xff{").error(400);
    assert!(message.contains("the body is not as expected"), "{message}");
    assert_eq!(server.get("/v2/health/ready").status, 200, "it is as well as before");
}

#[test]
fn too_much_is_refused_before_it_is_read() {
    let server = Server::start(&["--timeout", "1"]);
    let huge =
        b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 99999999999\r\n\r\n";
    assert!(server.send(huge).error(413).contains("more than 16777216 bytes"));
    let packed = server.post("/v1/images", "Content-Encoding: gzip\r\n", b"x");
    assert!(packed.error(415).contains("Content-Encoding"));
    let slow =
        b"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 10\r\n\r\n{";
    assert!(server.send(slow).error(408).contains("did not arrive in time"));
    // A head that never ends: the connection does.
    let mut stream = server.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
    let mut rest = Vec::new();
    drop(stream.read_to_end(&mut rest));
    assert_eq!(server.get("/v2/health/live").status, 200);
}

/// What follows a body that is not waited for would be lost: the client is told.
#[test]
fn a_refusal_before_the_body_ends_the_connection_and_says_so() {
    let server = Server::start(&[]);
    for (head, status) in [
        ("POST /v1/images HTTP/1.1\r\nContent-Encoding: gzip", 415),
        ("POST /v2/models/faces/infer HTTP/1.1", 404),
        ("POST /nothing HTTP/1.1", 404),
        ("PUT /v1/images HTTP/1.1", 405),
    ] {
        let refused =
            server.send(format!("{head}\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n").as_bytes());
        refused.error(status);
        assert_eq!(refused.header("connection"), Some("close"), "{head}: {}", refused.head);
    }
    // The rest is taken all the same: a connection that is reset may lose the answer.
    let mut stream = server.connect();
    stream
        .write_all(b"POST /nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8388608\r\n\r\n")
        .unwrap();
    assert!(common::server::read_one(&mut stream).starts_with("HTTP/1.1 404"));
    stream.write_all(&vec![0; 8 << 20]).unwrap();
    let mut stream = server.connect();
    stream.write_all(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert!(!common::server::read_one(&mut stream).contains("connection: close"), "nothing was left unread");
}

/// Three images wait for a fourth: there is no place for two more.
#[test]
fn a_full_queue_is_told_at_once() {
    let server = Server::start(&["--queue", "4", "--max-batch", "4", "--max-delay-us", "10000000"]);
    let mut waiting = server.connect();
    waiting.write_all(get("/v1/images?seed=1&n=3", "").as_bytes()).unwrap();
    while server.metric("dcgan_queue_images", &[]) < 3.0 {
        std::thread::yield_now();
    }
    let refused = server.get("/v1/images?seed=2&n=2");
    assert!(refused.error(503).contains("try again"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    // The client goes away: its places are free, and its images are not drawn.
    drop(waiting);
    let mut other = server.get("/v1/images?seed=3&n=4");
    while other.status == 503 {
        other = server.get("/v1/images?seed=3&n=4");
    }
    assert_eq!(other.status, 200);
    assert_eq!(server.metric("dcgan_images_total", &[]), 4.0);
}

#[cfg(unix)]
#[test]
fn what_was_accepted_is_answered_when_it_is_told_to_stop() {
    let stopped_by = |signal| {
        let mut server = Server::start(&["--max-delay-us", "3000000"]);
        let mut waiting = server.connect();
        waiting.write_all(get("/v1/images?seed=1&n=2", "").as_bytes()).unwrap();
        while server.metric("dcgan_queue_images", &[]) < 2.0 {
            std::thread::yield_now();
        }
        server.signal(signal);
        let answer = Response::read(waiting);
        assert_eq!((picture(&answer).width(), picture(&answer).height()), (70, 36));
        assert_eq!(server.process.wait().unwrap().code(), Some(0), "{signal}");
    };
    std::thread::scope(|scope| {
        for signal in ["TERM", "INT"] {
            scope.spawn(move || stopped_by(signal));
        }
    });
}

#[cfg(unix)]
#[test]
fn it_can_be_told_to_stop_as_soon_as_it_says_where_it_is() {
    for _ in 0..5 {
        let mut server = Server::start(&[]);
        server.signal("TERM");
        assert_eq!(server.process.wait().unwrap().code(), Some(0));
    }
}

/// A server that gets the signal in the middle of many requests answers all that it took.
#[cfg(unix)]
#[test]
fn no_request_is_lost_under_load_when_it_is_told_to_stop() {
    let mut server = Server::start(&[]);
    let streams: Vec<_> = (0..40u32)
        .map(|seed| {
            let mut stream = server.connect();
            stream.write_all(get(&format!("/v1/images?seed={seed}&n=20"), "").as_bytes()).unwrap();
            stream
        })
        .collect();
    // One is answered, so that the server is at work.
    let mut streams = streams.into_iter();
    assert_eq!(Response::read(streams.next().unwrap()).status, 200);
    server.signal("TERM");
    for stream in streams {
        assert_eq!(Response::read(stream).status, 200);
    }
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
}

/// A client that asks again on its connection is told that it closes, and does not lose the request.
#[cfg(unix)]
#[test]
fn a_connection_in_use_closes_after_an_answer_that_says_so() {
    let mut server = Server::start(&[]);
    let mut stream = server.connect();
    let mut ask = || {
        stream.write_all(b"GET /v1/images HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let head = common::server::read_one(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        head.contains("connection: close")
    };
    assert!(!ask());
    server.signal("TERM");
    // It is held until the end: a server whose log nobody reads any more could not say that it stopped.
    let mut log = server.stderr();
    assert!(log.by_ref().lines().any(|line| line.unwrap().contains("stopping")));
    assert!(ask());
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
}

#[test]
fn several_models_have_their_names() {
    let (first, second) = (model(), fixture("fixed_batch.onnx"));
    let named = format!("other={}", second.display());
    let server = Server::start_with(&["--model", first.to_str().unwrap(), "--model", &named]);
    let models = server.get("/v1/models").json();
    let names: Vec<_> = models["models"].as_array().unwrap().iter().map(|model| &model["name"]).collect();
    assert_eq!(names, ["shapes32", "other"]);
    let other = picture(&server.get("/v1/images?model=other&n=9&columns=9&padding=0"));
    assert_eq!((other.width(), other.height()), (45, 2));
    assert_eq!(picture(&server.get("/v1/images")).width(), 32, "the first is meant where none is named");
}

#[test]
fn a_server_that_cannot_start_says_why() {
    let model = model();
    let model = model.to_str().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (flags, code, part) in [
        (&["--model", "missing.onnx", "--port", "0"][..], 1, "dcgan-infer: cannot read model missing.onnx: "),
        (&["--model", model, "--model", model, "--port", "0"], 1, "two models are called shapes32"),
        (&["--model", model, "--port", &port], 1, "choose others with --host and --port"),
        (&["--model", model, "--port", "0", "--api-key", ""], 1, "the key is empty"),
        (&["--model", ""], 2, "expected a .onnx file, or NAME=FILE"),
        (&["--model", model, "--max-batch", "0"], 2, "--max-batch"),
        (&[], 2, "--model"),
    ] {
        let said = Server::failure(flags, code);
        assert!(said.contains(part), "{flags:?}: {said}");
    }
}
