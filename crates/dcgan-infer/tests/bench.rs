//! `dcgan-infer bench`: which batches it measures and how it tells it. No speed is tested.

mod common;

use std::path::Path;

use common::{Sandbox, fixture, model, onnxruntime};
use serde_json::Value;

const QUICK: [&str; 4] = ["--seconds", "0.02", "--warm-up", "0"];

fn bench(sandbox: &Sandbox, model: &Path, flags: &[&str]) -> assert_cmd::Command {
    let mut command = sandbox.dcgan_infer();
    command.arg("bench").arg("--model").arg(model).args(["--onnxruntime", onnxruntime().to_str().unwrap()]);
    command.args(QUICK).args(flags);
    command
}

fn report(sandbox: &Sandbox, model: &Path, flags: &[&str]) -> Value {
    let assert = bench(sandbox, model, flags).arg("--json").assert().success();
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

#[test]
fn every_batch_has_a_row_with_figures_that_fit_together() {
    let sandbox = Sandbox::new();
    let report = report(&sandbox, &model(), &["--batches", "1,5,32", "--threads", "1"]);
    assert_eq!(report["format"], 1);
    assert_eq!((&report["device"], &report["threads"]), (&"CPU".into(), &1.into()));
    assert!(report["engine"].as_str().unwrap().starts_with("ONNX Runtime 1."));
    let rows = report["rows"].as_array().unwrap();
    let batches: Vec<_> = rows.iter().map(|row| row["batch"].as_u64().unwrap()).collect();
    assert_eq!(batches, [1, 5, 32]);
    assert!(rows.iter().all(|row| row["sessions"] == 1), "one thread: {rows:?}");
    for row in rows {
        let number = |value: &Value| value.as_f64().unwrap();
        let latency = ["min", "p50", "p90", "p99", "max"].map(|name| number(&row["latency_ms"][name]));
        assert!(latency.is_sorted() && latency[0] > 0.0, "{row}");
        let (batch, runs) = (number(&row["batch"]), number(&row["runs"]));
        // The mean time of a run is between the shortest and the longest.
        let mean = 1e3 * batch / number(&row["images_per_second"]);
        assert!((latency[0] * 0.999..=latency[4] * 1.001).contains(&mean), "{row}");
        // The clock runs between the runs, too, and at least one is made.
        assert!(runs >= 1.0 && (runs - 1.0) * latency[0] <= 20.0, "{row}");
    }
}

#[test]
fn more_images_than_one_are_shared_by_sessions() {
    let sandbox = Sandbox::new();
    let report = report(&sandbox, &model(), &["--batches", "1,5,2", "--threads", "3"]);
    let rows = report["rows"].as_array().unwrap();
    let sessions: Vec<_> = rows.iter().map(|row| row["sessions"].as_u64().unwrap()).collect();
    assert_eq!(sessions, [1, 3, 3]);
}

#[test]
fn a_model_of_one_batch_is_measured_at_that() {
    let sandbox = Sandbox::new();
    let report = report(&sandbox, &fixture("strangers/batch4.onnx"), &[]);
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["batch"], 4);
}

#[test]
fn the_table_names_model_engine_and_device() {
    let sandbox = Sandbox::new();
    let assert = bench(&sandbox, &model(), &["--batches", "2"]).assert().success();
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].ends_with("shapes32.onnx, images of 32x32"), "{text}");
    assert!(lines[1].starts_with("engine   ONNX Runtime 1.") && lines[1].ends_with(" on CPU"), "{text}");
    assert_eq!(lines[3].split_whitespace().next(), Some("batch"));
    assert_eq!(lines[4].split_whitespace().next(), Some("2"));
    assert_eq!(lines.len(), 5);
}

#[test]
fn wrong_settings_are_refused() {
    let sandbox = Sandbox::new();
    for (flags, message) in [
        (&["--batches", "1,0"][..], "expected whole numbers from 1 to 4096, found \"0\""),
        (&["--batches", ""], "expected whole numbers from 1 to 4096"),
        (&["--seconds=-1"], "expected a number from 0 to 3600"),
    ] {
        let mut command = sandbox.dcgan_infer();
        let said = sandbox.stderr_of_failure(command.args(["bench", "--model", "g.onnx"]).args(flags), 2);
        assert!(said.contains(message), "{said}");
    }
}
