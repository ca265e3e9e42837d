//! What is said of a model that an engine refuses: why, as far as it can be told, and what to do.

mod common;

use std::fs;

use common::{Sandbox, fixture, model, onnxruntime};

/// What is said of a model in ONNX Runtime: one line behind the engine's, without what the engine itself logs.
fn said_of(sandbox: &Sandbox, name: &str) -> String {
    let mut command = sandbox.dcgan_infer();
    command.arg("--onnxruntime").arg(onnxruntime()).args(["--num-images", "3", "--model", name]);
    let said = sandbox.stderr_of_failure(&mut command, 1);
    let lines: Vec<_> = said.lines().collect();
    let [engine, message] = lines[..] else { panic!("{said}") };
    assert!(engine.starts_with("engine: ONNX Runtime 1."), "{said}");
    message.strip_prefix("dcgan-infer: ").unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[test]
fn each_kind_of_refusal_has_an_advice_of_its_own() {
    let sandbox = Sandbox::new();
    for (name, reason, advice) in [
        ("float64", "it computes in float64", "export it in float32"),
        ("float64_runs", "found z f64 [-1, 4]", "export it in float32"),
        ("bfloat16", "it computes in bfloat16", "export it in float32"),
        ("opset", "its operators, opset 99, are newer", "export it with an older opset"),
        ("ir_version", "its format, IR version 99, is newer", "save it with an older `ir_version`"),
        ("custom", "it uses custom operators (my.ops.Paint)", "export it with ONNX operators alone"),
        ("unknown", "does not have one of its operators", "export it with another opset than 17"),
        ("undefined", "its graph is not valid", "`onnx.checker.check_model"),
        ("types", "its graph is not valid", "`onnx.checker.check_model"),
        (
            "batch",
            "the size of a batch may be fixed in its graph",
            "export it with a dynamic first dimension",
        ),
        ("shapes", "its weights or inputs do not fit each other", "export it again"),
        ("memory", "there is too little memory for it", "raise the limit (`ulimit -v`)"),
    ] {
        fs::copy(fixture(&format!("refused/{name}.onnx")), sandbox.path(&format!("{name}.onnx"))).unwrap();
        let said = said_of(&sandbox, &format!("{name}.onnx"));
        assert!(said.contains(&format!("{name}.onnx")), "{said}");
        assert!(said.contains(reason) && said.contains(advice), "{name}: {said}");
        let others =
            ["float32", "older opset", "older `ir_version`", "ONNX operators", "onnx.checker", "ulimit"];
        let given = others.iter().filter(|other| said.contains(**other)).count();
        assert!(given <= 1, "{name}: {said}");
    }
}

/// The second half of a model that has a checksum, with one bit of a node's name turned: it parses, and is not as it was.
#[test]
fn a_damaged_file_is_called_damaged() {
    let sandbox = Sandbox::new();
    let mut bytes = fs::read(model()).unwrap();
    let at = bytes.windows(13).position(|part| part == b"ConvTranspose").unwrap();
    bytes[at] ^= 1;
    fs::write(sandbox.path("damaged.onnx"), bytes).unwrap();
    let mut command = sandbox.dcgan_infer();
    command.arg("--onnxruntime").arg(onnxruntime()).args(["--model", "damaged.onnx"]);
    let said = sandbox.stderr_of_failure(&mut command, 1);
    assert!(said.contains("cannot run damaged.onnx: it is damaged: copy it again"), "{said}");
    assert!(!said.contains("[E:onnxruntime"), "{said}");
}

#[cfg(feature = "tract")]
#[test]
fn tract_names_types_and_custom_operators_too() {
    let sandbox = Sandbox::new();
    for (name, advice) in [
        (
            "bfloat16",
            "it computes in bfloat16, which engines implement for few operators; export it in float32",
        ),
        (
            "custom",
            "it uses custom operators (my.ops.Paint), which only the library that defines them can run",
        ),
        ("unknown", "ONNX Runtime is needed, which runs more models; `dcgan-infer install` fetches it"),
    ] {
        let mut command = sandbox.dcgan_infer();
        command.args(["--engine", "tract", "--model"]).arg(fixture(&format!("refused/{name}.onnx")));
        let said = sandbox.stderr_of_failure(&mut command, 1);
        assert!(said.contains(advice), "{name}: {said}");
    }
}
