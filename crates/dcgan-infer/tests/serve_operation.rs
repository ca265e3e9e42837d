//! `dcgan-infer serve`: what those who run it rely on.

#![cfg(feature = "serve")]

mod common;

use std::fs::{self, File};
use std::io::BufRead;
use std::path::Path;
use std::process::Command;

use common::server::Server;
use common::{fixture, model, onnxruntime};
use serde_json::Value;

#[test]
fn a_key_is_asked_for_where_there_is_one() {
    let server = Server::start(&["--api-key", "open sesame"]);
    for path in ["/v1/images", "/v1/models", "/v2", "/v2/models/shapes32", "/metrics", "/nothing"] {
        for header in [
            "",
            "Authorization: Bearer open sesam\r\n",
            "Authorization: Bearer open sesamE\r\n",
            "Authorization: Bearer \r\n",
            "Authorization: Basic open sesame\r\n",
            "Authorization: open sesame\r\n",
        ] {
            let response = server.get_with(path, header);
            assert!(response.error(401).contains("Authorization: Bearer KEY"), "{path} {header}");
            assert_eq!(response.header("www-authenticate"), Some("Bearer"));
        }
    }
    let drawn = server.get_with("/v1/images", "Authorization: bearer open sesame\r\n");
    assert_eq!(drawn.status, 200);
    assert_eq!(drawn.header("cache-control"), Some("private, no-cache"));
    for path in ["/", "/openapi.json", "/v2/health/live", "/v2/health/ready"] {
        assert_eq!(server.get(path).status, 200, "{path}");
    }
}

#[test]
fn a_log_that_nobody_reads_any_more_fails_no_request() {
    let mut server = Server::start(&["--log", "debug"]);
    drop(server.stderr());
    for _ in 0..3 {
        assert_eq!(server.get("/v1/images?n=2").status, 200);
    }
    assert!(server.process.try_wait().unwrap().is_none());
}

#[test]
fn metrics_count_what_happened() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/v1/images?n=5").status, 200);
    assert_eq!(server.get("/v1/images?n=3").status, 200);
    assert_eq!(server.get("/v1/images?n=0").status, 400);
    assert_eq!(server.get("/made/up").status, 404);
    let text = server.get("/metrics");
    assert!(text.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"), "{}", text.head);
    let images = "route=\"/v1/images\"";
    for (name, labels, expected) in [
        ("dcgan_http_requests_total", &[images, "status=\"200\"", "method=\"GET\""][..], 2.0),
        ("dcgan_http_requests_total", &[images, "status=\"400\""], 1.0),
        ("dcgan_http_requests_total", &["route=\"none\"", "status=\"404\""], 1.0),
        ("dcgan_http_request_seconds_count", &[images], 3.0),
        ("dcgan_images_total", &["model=\"shapes32\""], 8.0),
        ("dcgan_queue_seconds_count", &["model=\"shapes32\""], 2.0),
        ("dcgan_batch_size_count", &[], 2.0),
        ("dcgan_batch_size_bucket", &["le=\"4\""], 1.0),
        ("dcgan_batch_size_bucket", &["le=\"8\""], 2.0),
        ("dcgan_inference_seconds_count", &[], 2.0),
        ("dcgan_queue_images", &[], 0.0),
    ] {
        assert_eq!(server.metric(name, labels), expected, "{name} {labels:?}");
    }
    assert!(!server.get("/metrics").text().contains("made"), "addresses that clients make up are no labels");
}

#[test]
fn requests_are_logged_as_json() {
    let mut server = Server::start(&["--log", "debug", "--log-format", "json"]);
    assert_eq!(server.get("/v1/images?n=0").status, 400);
    let lines = server.stderr().lines().map(Result::unwrap);
    let mut events = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let event = events.find(|event| event["fields"]["message"] == "answered").unwrap();
    assert_eq!((&event["level"], &event["fields"]["path"]), (&"DEBUG".into(), &"/v1/images".into()));
    assert_eq!((&event["fields"]["status"], &event["fields"]["method"]), (&400.into(), &"GET".into()));
    assert!(event["fields"]["milliseconds"].as_f64().is_some_and(|time| time > 0.0), "{event}");
}

/// Every address of the description is there, and asks for what the description says that it asks for.
#[test]
fn the_description_is_of_this_server() {
    let server = Server::start(&[]);
    let description = server.get("/openapi.json").json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3."));
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    let paths = description["paths"].as_object().unwrap();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let asked = parameters.filter(|parameter| parameter["in"] == "query").filter_map(|parameter| {
                let (name, example) = (parameter["name"].as_str()?, parameter.get("example")?);
                Some(match example.as_object() {
                    Some(fields) => {
                        fields.iter().map(|(name, value)| format!("{name}={}", text(value))).collect()
                    }
                    None => vec![format!("{name}={}", text(example))],
                })
            });
            let asked: Vec<_> = asked.flatten().collect();
            let response = match method.as_str() {
                "get" => server.get(&format!("{path}?{}", asked.join("&"))),
                "post" => {
                    let example = &operation["requestBody"]["content"]["application/json"]["example"];
                    server.post_json(path, example)
                }
                other => panic!("{path}: {other}"),
            };
            assert_eq!(response.status, 200, "{method} {path}?{} {}", asked.join("&"), response.text_lossy());
        }
    }
    for path in ["/", "/metrics", "/v1/images", "/v1/interpolate", "/v2/models/shapes32/infer"] {
        assert!(paths.contains_key(path), "{path}");
    }
}

/// The models' names need the key.
#[test]
fn the_description_names_models_to_those_who_may_know() {
    let server = Server::start(&["--api-key", "sesame"]);
    let (open, keyed) = (server.get("/openapi.json"), "Authorization: Bearer sesame\r\n");
    assert!(
        !open.text().contains("/shapes32") && open.json()["paths"].get("/v2/models/{model}/infer").is_some()
    );
    assert!(
        server.get_with("/openapi.json", keyed).json()["paths"].get("/v2/models/shapes32/infer").is_some()
    );
}

/// Schemathesis of PyPI in a virtual environment, installed once.
fn schemathesis() -> Command {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemathesis");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join(".lock")).unwrap();
    lock.lock().unwrap();
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis/requirements.txt");
    let (wanted, stamp) = (fs::read_to_string(&requirements).unwrap(), folder.join("installed.txt"));
    let programs = folder.join("venv").join(if cfg!(windows) { "Scripts" } else { "bin" });
    if fs::read_to_string(&stamp).ok().as_ref() != Some(&wanted) {
        let run = |command: &mut Command| {
            let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
            assert!(status.success(), "{command:?} failed");
        };
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder.join("venv")));
        let mut pip = Command::new(programs.join("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"]);
        run(pip.arg(&requirements));
        fs::write(stamp, wanted).unwrap();
    }
    Command::new(programs.join("schemathesis"))
}

/// What the description allows is accepted, and what it does not is refused, of two models with other latents.
#[test]
fn schemathesis_finds_nothing_that_differs_from_the_description() {
    let other = format!("other={}", fixture("fixed_batch.onnx").display());
    let server = Server::start(&["--model", &other]);
    let folder = tempfile::tempdir().unwrap();
    let mut tool = schemathesis();
    tool.current_dir(folder.path()).arg("run").arg(format!("http://{}/openapi.json", server.address));
    tool.args(["--seed", "1", "--max-examples", "20", "--request-timeout", "60", "--continue-on-failure"]);
    let output = tool.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("Tested: 22"), "{said}");
}

fn digest(server: &Server) -> String {
    server.get("/v1/models").json()["models"][0]["version"].as_str().unwrap().to_owned()
}

/// Waits until the server has tried changed files so many times.
fn wait_for(server: &Server, result: &str, count: f64) {
    while server.metric("dcgan_reloads_total", &[result]) < count {
        std::thread::yield_now();
    }
}

#[test]
fn a_changed_file_is_served_if_it_is_sound_and_else_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("g.onnx");
    let replace = |with: &Path| {
        let new = folder.path().join("new");
        fs::copy(with, &new).unwrap();
        fs::rename(new, &path).unwrap();
    };
    replace(&model());
    let server = Server::start_with(&["--model", path.to_str().unwrap()]);
    let (old, image) = (digest(&server), server.get("/v1/images?seed=3"));
    let whole = fs::read(model()).unwrap();
    // Half a file, written in place; one with another weight; one that is no generator.
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    wait_for(&server, "error", 1.0);
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(&path, &damaged).unwrap();
    wait_for(&server, "error", 2.0);
    replace(&fixture("classifier.onnx"));
    wait_for(&server, "error", 3.0);
    fs::remove_file(&path).unwrap();
    assert_eq!(server.get("/v1/images?seed=3").body, image.body);
    assert_eq!(digest(&server), old);
    replace(&fixture("fixed_batch.onnx"));
    wait_for(&server, "ok", 1.0);
    assert_ne!(digest(&server), old);
    let tag = image.header("etag").unwrap();
    let new = server.get_with("/v1/images?seed=3", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!(new.status, 200, "the old model's tag is not the new one's");
    assert_eq!(image::load_from_memory(&new.body).unwrap().width(), 5);
    replace(&model());
    wait_for(&server, "ok", 2.0);
    assert_eq!(server.get("/v1/images?seed=3").body, image.body);
}

/// Some thousands of the requests of `benches/malformed.py`, which sends a million: every answer is a whole one, and the
/// server draws what it drew before.
#[test]
fn malformed_requests_are_told_so() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/malformed.py");
    let mut python = Command::new("python3");
    python.arg("-B").arg(script).args(["--program", env!("CARGO_BIN_EXE_dcgan-infer"), "--onnxruntime"]);
    python.arg(onnxruntime()).args(["--requests", "4000", "--slow", "8", "--timeout", "1"]);
    let output = python.output().expect("the tests need python3");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("4000 requests in"), "{said}");
}
