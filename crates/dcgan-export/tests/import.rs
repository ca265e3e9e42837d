//! Weights of PyTorch programs through the command line.

mod common;

use std::fs;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use common::pytorch::{difference, path};
use dcgan_core::checkpoint::PICKLE_TO_SAFETENSORS;
use dcgan_core::metadata;
use dcgan_export::ModelProto;
use dcgan_onnx::Message;
use tempfile::TempDir;

/// Runs the program in a folder.
fn run(folder: &TempDir, arguments: &[&str]) -> Assert {
    Command::cargo_bin("dcgan-export").unwrap().current_dir(folder).args(arguments).assert()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[test]
fn the_file_of_each_kind_of_state_dict_gives_what_pytorch_gives() {
    let folder = TempDir::new().unwrap();
    for (name, arch) in [
        ("linear_generator", "pytorch16"),
        ("linear_discriminator", "pytorch16"),
        ("example_generator", "pytorch-example32"),
        ("example_discriminator", "pytorch-example32"),
        ("spectral_linear_discriminator", "pytorch16"),
        ("spectral_example_discriminator", "pytorch-example32"),
    ] {
        let checkpoint = path(name);
        let assert = run(&folder, &["--checkpoint", checkpoint.to_str().unwrap()]).success().stderr("");
        let printed = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        assert!(
            printed.contains(&format!(" bytes, {arch}, ")) && printed.contains(", verified: "),
            "{printed}"
        );
        let bytes = fs::read(folder.path().join("g.onnx")).unwrap();
        let model = ModelProto::decode(bytes.as_slice()).unwrap();
        let worst = difference(&model, name);
        assert!(worst <= 1e-5, "{name}: off by {worst}");
    }
}

fn metadata_of(model: &ModelProto) -> Option<&str> {
    let entry = model.metadata_props.iter().find(|entry| entry.key() == metadata::ASSUMPTIONS)?;
    Some(entry.value())
}

#[test]
fn what_a_state_dict_does_not_hold_is_printed_and_written_and_changed_by_flags() {
    let folder = TempDir::new().unwrap();
    let export = |name: &str, flags: &[&str]| {
        let checkpoint = path(name);
        let arguments = [&["--checkpoint", checkpoint.to_str().unwrap()], flags].concat();
        let assert = run(&folder, &arguments).success().stderr("");
        let printed = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        let bytes = fs::read(folder.path().join("g.onnx")).unwrap();
        let model = ModelProto::decode(bytes.as_slice()).unwrap();
        (printed, model)
    };
    let geometry = "stride 2, padding 1 (main.0: stride 1, padding 0)";
    for (flags, expected) in [
        (&[][..], format!("{geometry}, BatchNorm eps 1e-5, ReLU, tanh")),
        (&["--batchnorm-eps", "0.8"], format!("{geometry}, BatchNorm eps 0.8, ReLU, tanh")),
        (&["--leaky-slope=0.01"], format!("{geometry}, BatchNorm eps 1e-5, LeakyReLU slope 0.01, tanh")),
    ] {
        let (printed, model) = export("eps_example_generator", flags);
        let line = printed.lines().next().unwrap();
        assert!(
            line.contains("eps_example_generator.safetensors is a state dict, which does not hold"),
            "{line}"
        );
        assert!(
            line.contains(&format!("; assuming {expected}; change the eps with --batchnorm-eps")),
            "{line}"
        );
        assert_eq!(metadata_of(&model), Some(expected.as_str()));
        let worst = difference(&model, "eps_example_generator");
        assert_eq!(worst <= 1e-5, flags.contains(&"0.8"), "{flags:?}: off by {worst}");
    }
    let (printed, model) =
        export("leaky_linear_discriminator", &["--batchnorm-eps", "0.8", "--leaky-slope", "0.05"]);
    let expected = "stride 2, padding 1, LeakyReLU slope 0.05, BatchNorm eps 0.8, sigmoid";
    assert!(printed.contains(expected), "{printed}");
    assert!(difference(&model, "leaky_linear_discriminator") <= 1e-5);
}

#[test]
fn settings_out_of_range_and_of_our_own_checkpoints_are_refused() {
    let folder = TempDir::new().unwrap();
    common::generator(&common::spec("tiny", 2, &[2, 1], 1), 1)
        .save(&folder.path().join("own.safetensors"))
        .unwrap();
    let ours = |flags: &[&str]| run(&folder, &[&["--checkpoint", "own.safetensors"], flags].concat());
    for (flag, value) in [("--batchnorm-eps", "0.8"), ("--leaky-slope", "0.2")] {
        let message = stderr(&ours(&[flag, value]).code(1).stdout(""));
        let expected = format!("cannot export own.safetensors: {flag}: it is for PyTorch state dicts");
        assert!(message.contains(&expected), "{message}");
    }
    for (flag, values, range) in [
        ("--batchnorm-eps", ["0", "-0.1", "1.5", "NaN", "1e-60", "x"], "above 0 and at most 1"),
        ("--leaky-slope", ["-0.2", "1.01", "inf", "nan", "", "0,2"], "from 0 to 1"),
    ] {
        for value in values {
            let message = stderr(&ours(&[flag, value]).code(2).stdout(""));
            assert!(message.contains(flag), "{message}");
            assert!(message.contains(range) || message.contains("is not a number"), "{message}");
        }
    }
    let printed = ours(&[]).success().stderr("");
    let printed = String::from_utf8(printed.get_output().stdout.clone()).unwrap();
    assert!(!printed.contains("assuming"), "{printed}");
    let model = ModelProto::decode(fs::read(folder.path().join("g.onnx")).unwrap().as_slice()).unwrap();
    assert_eq!(metadata_of(&model), None);
}

#[test]
fn a_state_dict_that_does_not_fit_is_named_and_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let samples = path("samples");
    let assert = run(&folder, &["--checkpoint", samples.to_str().unwrap()]).code(1).stdout("");
    let message = stderr(&assert);
    assert!(message.contains("the state dict has the tensors eps_example_generator.input"), "{message}");
    assert!(message.contains("samples.safetensors"), "{message}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// Both of torch.save's formats, by how they begin.
#[test]
fn a_pickle_gets_the_line_that_converts_it() {
    let folder = TempDir::new().unwrap();
    for start in
        [&b"PK\x03\x04\x00\x00\x08\x08archive/data.pkl"[..], b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."]
    {
        fs::write(folder.path().join("netG.pth"), start).unwrap();
        let message = stderr(&run(&folder, &["--checkpoint", "netG.pth"]).code(1).stdout(""));
        assert!(message.starts_with("dcgan-export: netG.pth is a pickle of PyTorch"), "{message}");
        assert!(message.trim_end().ends_with(&format!(": {PICKLE_TO_SAFETENSORS}")), "{message}");
    }
}

/// Whatever the terminal's width is, the line is not broken, so that it can be pasted.
#[test]
fn the_help_has_the_same_line_in_one_piece() {
    for columns in ["40", "80", "200"] {
        let mut command = Command::cargo_bin("dcgan-export").unwrap();
        let assert = command.env("COLUMNS", columns).arg("--help").assert().success();
        let help = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        assert!(help.lines().any(|line| line == PICKLE_TO_SAFETENSORS), "{columns} columns:\n{help}");
    }
}

/// A safetensors file, its header written by hand.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// What is said of a file of weights; nothing may be left behind, and what stood there before is kept.
fn refusal(bytes: &[u8]) -> String {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("weights.safetensors"), bytes).unwrap();
    fs::write(folder.path().join("g.onnx"), "old").unwrap();
    let message = stderr(&run(&folder, &["--checkpoint", "weights.safetensors"]).code(1).stdout(""));
    assert!(message.starts_with("dcgan-export: ") && message.contains("weights.safetensors"), "{message}");
    assert_eq!(fs::read_to_string(folder.path().join("g.onnx")).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    message
}

#[test]
fn a_weight_that_is_no_number_is_named() {
    let bytes = fs::read(path("example_generator")).unwrap();
    let data = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&bytes[8..data]).unwrap();
    let place = data + header["main.3.weight"]["data_offsets"][0].as_u64().unwrap() as usize + 4;
    for (value, word) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let mut damaged = bytes.clone();
        damaged[place..place + 4].copy_from_slice(&value.to_le_bytes());
        let message = refusal(&damaged);
        assert!(message.contains(&format!("tensor main.3.weight has {word} at position 1: ")), "{message}");
    }
}

#[test]
fn sizes_that_the_file_does_not_have_are_refused() {
    let tensor = |shape: &str, end: &str| {
        format!(r#"{{"fc.weight":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}}}"#)
    };
    for (shape, end) in [
        ("[16,1]", "8"),
        ("[1099511627776]", "4398046511104"),
        ("[4611686018427387905]", "4"),
        ("[4294967296,4294967296]", "8"),
        ("[18446744073709551615]", "18446744073709551615"),
    ] {
        let message = refusal(&file(&tensor(shape, end), &[0; 8]));
        assert!(message.contains("is not a whole safetensors file"), "{message}");
    }
    for length in [u64::MAX, 1 << 62, 100_000_001, 1 << 32] {
        let message = refusal(&[&length.to_le_bytes()[..], b"{}"].concat());
        assert!(message.contains("is not a whole safetensors file"), "{message}");
    }
    let empty = tensor("[0,9223372036854775807,9223372036854775807]", "0");
    assert!(!refusal(&file(&empty, b"")).is_empty());
}

/// A megabyte of weights, whose feature maps take hundreds of gigabytes; and a file with more tensors than memory.
#[cfg(unix)]
#[test]
fn what_needs_more_memory_than_there_is_is_refused_with_its_size_and_the_limit() {
    let folder = TempDir::new().unwrap();
    let widths = [1, 1, 1, 1, 1, 1, 1, 4000];
    common::generator(&common::spec("wide", 2, &widths, 3), 1)
        .save(&folder.path().join("wide.safetensors"))
        .unwrap();
    let length = 2_u64 << 30;
    let header = format!(
        r#"{{"fc.weight":{{"dtype":"F32","shape":[{},16],"data_offsets":[0,{length}]}}}}"#,
        length / 64
    );
    let large = fs::File::create(folder.path().join("large.safetensors")).unwrap();
    std::io::Write::write_all(&mut &large, &file(&header, &[])).unwrap();
    large.set_len(8 + header.len() as u64 + length).unwrap();
    let program = assert_cmd::cargo::cargo_bin("dcgan-export");
    for (name, expected) in [
        (
            "wide.safetensors",
            "cannot export wide.safetensors: the weights and feature maps of the network take ",
        ),
        ("large.safetensors", "the tensors of large.safetensors take 6.0 GiB of memory, "),
    ] {
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -v 4000000 && exec \"$0\" --checkpoint \"$1\""]).arg(&program).arg(name);
        let assert = command.current_dir(&folder).assert().code(1).stdout("");
        let message = stderr(&assert);
        assert!(message.contains(expected) && message.lines().count() == 1, "{message}");
        assert!(message.contains("`ulimit -v` allows this process 3.8 GiB in all"), "{message}");
    }
    assert!(!folder.path().join("g.onnx").exists());
}
