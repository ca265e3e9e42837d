//! Names of files, and text in files, that would steer the terminal: it is escaped, wherever it is printed.
#![cfg(unix)]

mod common;

use std::fs;
use std::process::Output;

use assert_cmd::Command;
use common::{Sandbox, fixture};

/// A name that sets the terminal's title, clears its screen in two ways, and starts a line.
const NAME: &str = "a\u{1b}]0;t\u{7}\u{1b}[2J\u{9b}2J\nb";
const ESCAPED: &str = "a\\u{1b}]0;t\\u{7}\\u{1b}[2J\\u{9b}2J\\nb";

/// All that a run printed, in which no character steers a terminal.
fn printed(command: &mut Command) -> (Output, String) {
    let output = command.output().unwrap();
    let all = [&output.stdout[..], &output.stderr].concat();
    let all = String::from_utf8(all).unwrap();
    assert!(!all.chars().any(|c| c.is_control() && c != '\n'), "{all:?}");
    (output, all)
}

#[test]
fn names_of_files_reach_the_terminal_escaped() {
    let sandbox = Sandbox::new();
    let named = |ending: &str| format!("{NAME}{ending}");
    fs::copy(fixture("unit_range.onnx"), sandbox.path(&named(".onnx"))).unwrap();
    fs::copy(fixture("classifier.onnx"), sandbox.path(&named("_classifier.onnx"))).unwrap();
    fs::write(sandbox.path(&named(".npy")), "none").unwrap();
    let draw = |model: &str| sandbox.draw_with(model.as_ref());
    for (mut command, parts) in [
        (draw(&named("_missing.onnx")), vec!["cannot read model ", "_missing.onnx"]),
        (draw(&named("_classifier.onnx")), vec!["_classifier.onnx is no generator of images"]),
        (sandbox.draw(), vec!["wrote "]),
    ] {
        let (_, said) = printed(command.args(["--output", &named(".png")]));
        assert!(said.contains(ESCAPED), "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{said}");
    }
    let (output, said) = printed(sandbox.draw().args(["--latents", &named(".npy")]));
    assert!(!output.status.success() && said.contains(&format!("{ESCAPED}.npy holds no latents")), "{said}");
    let mut bench = sandbox.dcgan_infer();
    bench.args(["bench", "--batches", "1", "--seconds", "0", "--warm-up", "0", "--model", &named(".onnx")]);
    if cfg!(not(feature = "tract")) {
        bench.env("ORT_DYLIB_PATH", common::onnxruntime());
    }
    let (output, said) = printed(&mut bench);
    assert!(output.status.success() && said.contains(&format!("model    {ESCAPED}.onnx")), "{said}");
    let (output, _) = printed(bench.arg("--json"));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["model"], named(".onnx"));
}

/// A pattern of the shell may be more than one name.
#[test]
fn arguments_that_are_wrong_are_quoted_escaped() {
    let sandbox = Sandbox::new();
    for args in [vec![NAME], vec!["--no-such-flag", NAME], vec!["--layout", NAME], vec!["--seeds", NAME]] {
        let (output, said) = printed(sandbox.draw().args(&args));
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("error: ") && said.contains("--help"), "{said}");
    }
}

/// Names in a model are any text: those of its inputs stand in messages.
#[test]
fn names_inside_of_a_model_reach_the_terminal_escaped() {
    let sandbox = Sandbox::new();
    let mut bytes = fs::read(fixture("two_inputs.onnx")).unwrap();
    let name = b"label";
    let places: Vec<_> =
        bytes.windows(name.len()).enumerate().filter(|(_, part)| part == name).map(|(at, _)| at).collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + 5].copy_from_slice(b"\x1b[2J\x07");
    }
    fs::write(sandbox.path("m.onnx"), bytes).unwrap();
    let (_, said) = printed(&mut sandbox.draw_with("m.onnx".as_ref()));
    assert!(said.contains("\\u{1b}[2J\\u{7} f32"), "{said}");
}
