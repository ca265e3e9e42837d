//! `dcgan-infer serve` with models that are no good: what it learns of them when it loads them, and what it does then.

#![cfg(feature = "serve")]

mod common;

use std::fs;
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use common::server::{Response, Server};
use common::{fixture, model, onnxruntime};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Serves a fixture under the name `g`.
fn serve(name: &str, flags: &[&str]) -> Server {
    let named = format!("g={}", fixture(name).display());
    Server::start_with(&[&["--model", &named], flags].concat())
}

/// What a server says that does not start.
fn refusal(name: &str, flags: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dcgan-infer"));
    command.args(["serve", "--port", "0", "--onnxruntime"]).arg(onnxruntime()).args(flags);
    let output = command.arg("--model").arg(fixture(name)).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

/// A model's file that is replaced while it is served.
struct Served {
    folder: TempDir,
}

impl Served {
    fn new(with: &Path) -> Self {
        let served = Self { folder: tempfile::tempdir().unwrap() };
        served.replace(with);
        served
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("g.onnx")
    }

    fn replace(&self, with: &Path) {
        let new = self.folder.path().join("new");
        fs::copy(with, &new).unwrap();
        fs::rename(new, self.path()).unwrap();
    }
}

/// Waits until a metric has this value at least.
fn wait_for(server: &Server, name: &str, labels: &[&str], value: f64) {
    while server.metric(name, labels) < value {
        thread::sleep(Duration::from_millis(20));
    }
}

/// The logged lines so far of a server that ends now.
fn log(mut server: Server) -> String {
    server.process.kill().unwrap();
    let mut log = String::new();
    server.stderr().read_to_string(&mut log).unwrap();
    log
}

#[test]
fn a_model_that_never_finishes_is_an_error_at_the_start() {
    let said = refusal("endless.onnx", &["--trial-timeout", "2"]);
    let part = "endless.onnx cannot be served: it does not draw an image within 2 seconds; --trial-timeout";
    assert!(said.contains(part), "{said}");
}

/// The second model is loaded while the first one's trial goes on.
#[test]
fn a_model_that_never_finishes_is_kept_out_and_holds_up_no_other() {
    let (first, second) = (Served::new(&model()), Served::new(&model()));
    let named = ["a", "b"].map(|name| {
        let served = if name == "a" { &first } else { &second };
        format!("{name}={}", served.path().display())
    });
    let server = Server::start_with(&["--model", &named[0], "--model", &named[1], "--trial-timeout", "20"]);
    let image = server.get("/v1/images?model=a&seed=3");
    first.replace(&fixture("endless.onnx"));
    thread::sleep(Duration::from_secs(3));
    second.replace(&fixture("fixed_batch.onnx"));
    wait_for(&server, "dcgan_reloads_total", &["model=\"b\"", "result=\"ok\""], 1.0);
    assert_eq!(server.metric("dcgan_trial_timeouts_total", &[]), 0.0, "b waited for a");
    wait_for(&server, "dcgan_trial_timeouts_total", &["model=\"a\""], 1.0);
    wait_for(&server, "dcgan_reloads_total", &["model=\"a\"", "result=\"error\""], 1.0);
    assert_eq!(server.get("/v1/images?model=a&seed=3").body, image.body);
    let log = log(server);
    assert!(log.contains("g.onnx cannot be served: it does not draw an image within 20 seconds"), "{log}");
}

/// The process of a trial ends with the server, which does not wait for it.
#[cfg(target_os = "linux")]
#[test]
fn a_server_that_is_told_to_stop_ends_the_trial_of_a_model() {
    let served = Served::new(&model());
    let path = served.path().display().to_string();
    let mut server = Server::start_with(&["--model", &path, "--trial-timeout", "600"]);
    let trials = || {
        let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        lines
            .filter(|line| String::from_utf8_lossy(line).contains(&format!("--trial\0--model\0{path}")))
            .count()
    };
    served.replace(&fixture("endless.onnx"));
    while trials() == 0 {
        thread::sleep(Duration::from_millis(20));
    }
    server.signal("TERM");
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
    while trials() > 0 {
        thread::sleep(Duration::from_millis(20));
    }
}

/// It passes its trial, and loops for numbers above a thousand.
#[cfg(unix)]
#[test]
fn a_request_that_never_finishes_is_given_up_and_the_server_still_stops() {
    let mut server = serve("endless_beyond.onnx", &["--timeout", "2"]);
    assert_eq!(server.get("/v1/images?n=3").status, 200);
    let late = server.post_json("/v1/images", &json!({ "latents": [[2e3, 0, 0, 0, 0]] }));
    assert_eq!(late.error(504), "the images were not drawn in time");
    server.signal("TERM");
    assert_eq!(server.process.wait().unwrap().code(), Some(0));
    let mut lines = server.stderr().lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains("stopped while a model draws: it does not finish")));
}

/// Requests at once, which would share batches, each with one image of its own seed.
fn at_once(server: &Server, count: usize) -> Vec<Response> {
    thread::scope(|scope| {
        let ask = |seed| scope.spawn(move || server.get(&format!("/v1/images?seed={seed}")));
        let asked: Vec<_> = (0..count).map(ask).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect()
    })
}

#[test]
fn images_that_depend_on_more_than_their_latent_get_no_tag_and_share_no_batch() {
    for (name, reason) in [
        ("noise.onnx", "its graph draws random numbers"),
        ("training.onnx", "its images depend on the others of a batch"),
        ("centered.onnx", "its images depend on the others of a batch"),
    ] {
        let server = serve(name, &["--max-delay-us", "200000"]);
        let version = server.get("/v1/models").json()["models"][0]["version"].as_str().unwrap().to_owned();
        for path in [
            "/v1/images?seed=7&n=4".to_owned(),
            format!("/v1/images?version={version}"),
            "/v1/interpolate?from=1&to=2&frames=3".to_owned(),
        ] {
            let drawn = server.get_with(&path, "If-None-Match: *\r\n");
            assert_eq!((drawn.status, drawn.header("etag")), (200, None), "{name} {path}");
            assert_eq!(drawn.header("cache-control"), Some("no-store"), "{name} {path}");
        }
        let before = server.metric("dcgan_batch_size_count", &[]);
        let together = at_once(&server, 8);
        assert_eq!(server.metric("dcgan_batch_size_count", &[]) - before, 8.0, "{name}");
        for (seed, response) in together.iter().enumerate() {
            assert_eq!(response.status, 200);
            let alone = server.get(&format!("/v1/images?seed={seed}"));
            assert_eq!(response.body == alone.body, name != "noise.onnx", "{name} {seed}");
        }
        let log = log(server);
        assert!(
            log.contains(reason) && log.contains("pictures get no ETag, requests share no batch"),
            "{log}"
        );
    }
}

/// The images are those of the same weights in a graph that takes any batch.
#[test]
fn a_batch_that_only_the_graph_holds_is_served_whole() {
    let pictures = |server: &Server| {
        let many = server.get("/v1/images?n=9");
        let each = at_once(server, 20).into_iter().chain([many]);
        each.map(|response| {
            assert_eq!(response.status, 200, "{}", response.text_lossy());
            image::load_from_memory(&response.body).unwrap()
        })
        .collect::<Vec<_>>()
    };
    let expected = pictures(&serve("described.onnx", &[]));
    for batch in [1, 4, 64] {
        let server = serve(&format!("baked{batch}.onnx"), &[]);
        assert_eq!(pictures(&server), expected, "a batch of {batch}");
        let log = log(server);
        let line = log.lines().find(|line| line.contains("its graph runs with this one only"));
        assert!(line.is_some_and(|line| line.ends_with(&format!("batch={batch}"))), "{log}");
    }
}

#[test]
fn a_model_that_gives_nan_is_not_served() {
    let said = refusal("nan.onnx", &[]);
    assert!(said.contains("nan.onnx gives NaN or infinite values for ordinary latents"), "{said}");
    let served = Served::new(&model());
    let server = Server::start_with(&["--model", served.path().to_str().unwrap()]);
    let image = server.get("/v1/images?seed=3");
    served.replace(&fixture("nan.onnx"));
    wait_for(&server, "dcgan_reloads_total", &["result=\"error\""], 1.0);
    assert_eq!(server.get("/v1/images?seed=3").body, image.body);
    assert!(log(server).contains("g.onnx gives NaN or infinite values for ordinary latents"));
}

/// Latents that make values infinite are the client's error in every form, and no matter of those beside them.
#[test]
fn latents_that_make_values_infinite_are_told_by_their_row() {
    let server = serve("overflow.onnx", &["--max-delay-us", "300000"]);
    let (good, bad) = ([0.5f32; 5], [1e6f32; 5]);
    let rows = json!({ "latents": [good, bad] });
    let input = |data: Value| json!({ "inputs": [{ "name": "z", "datatype": "FP32", "shape": [2, 5], "data": data }] });
    let flat = input(json!([good, bad].concat()));
    let mut binary = input(json!(null));
    let tensor = &mut binary["inputs"][0];
    tensor.as_object_mut().unwrap().remove("data");
    tensor["parameters"] = json!({ "binary_data_size": 40 });
    binary["outputs"] = json!([{ "name": "image", "parameters": { "binary_data": true } }]);
    let head = binary.to_string();
    let bytes = [good, bad].concat().iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>();
    let body = [head.as_bytes(), &bytes].concat();
    let length = format!("Inference-Header-Content-Length: {}\r\n", head.len());
    let infer = "/v2/models/g/infer";
    thread::scope(|scope| {
        let neighbor = scope.spawn(|| server.get("/v1/images?n=3"));
        let refused = [
            scope.spawn(|| server.post_json("/v1/images", &rows)),
            scope.spawn(|| server.post_json(infer, &flat)),
            scope.spawn(|| server.post(infer, &length, &body)),
        ];
        for response in refused {
            let message = response.join().unwrap().error(400);
            assert!(
                message.contains("latents: the model gives NaN or infinite values for row 1: "),
                "{message}"
            );
        }
        assert_eq!(neighbor.join().unwrap().status, 200);
    });
    let fine = server.post_json("/v1/images", &json!({ "latents": [good] }));
    assert_eq!(fine.status, 200);
}

/// The file with the weights grows in place after the model that names it was refused: too short at first, then of the
/// right length and not yet written.
#[test]
fn weights_that_are_completed_after_a_refusal_are_loaded() {
    let served = Served::new(&model());
    let server = Server::start_with(&["--model", served.path().to_str().unwrap()]);
    let whole = fs::read(fixture("strangers/dynamo_external.onnx.data")).unwrap();
    let weights = served.folder.path().join("dynamo_external.onnx.data");
    fs::write(&weights, &whole[..whole.len() / 2]).unwrap();
    served.replace(&fixture("strangers/dynamo_external.onnx"));
    wait_for(&server, "dcgan_reloads_total", &["result=\"error\""], 1.0);
    fs::write(&weights, vec![0xff; whole.len()]).unwrap();
    wait_for(&server, "dcgan_reloads_total", &["result=\"error\""], 2.0);
    fs::write(&weights, &whole).unwrap();
    wait_for(&server, "dcgan_reloads_total", &["result=\"ok\""], 1.0);
    assert_eq!(server.get("/v1/models").json()["models"][0]["latent_size"], 6);
    // It is served now, and its weights are watched on.
    fs::write(&weights, vec![0xff; whole.len()]).unwrap();
    wait_for(&server, "dcgan_reloads_total", &["result=\"error\""], 3.0);
}
