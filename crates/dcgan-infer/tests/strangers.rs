//! The command line with models of other programs: flags, notes, and messages.

mod common;

use std::fs;

use common::strangers::path;
use common::{Sandbox, fixture};
use image::RgbImage;

/// Draws four images with a stranger's model: the picture, and what was said of it but for the engine's name.
fn draw(sandbox: &Sandbox, name: &str, flags: &[&str]) -> (RgbImage, String) {
    let mut command = sandbox.draw_with(&path(name));
    let assert = command.args(["--num-images", "4"]).args(flags).assert().success();
    let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    let lines = said.lines().filter(|line| !line.starts_with("engine: ")).collect::<Vec<_>>();
    (image::open(sandbox.path("generated.png")).unwrap().into_rgb8(), lines.join("\n"))
}

fn largest_difference(a: &RgbImage, b: &RgbImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

/// The same network in other layouts, types and ranges is the same picture.
#[test]
fn the_picture_is_the_same_whatever_the_files_form() {
    let sandbox = Sandbox::new();
    let (picture, said) = draw(&sandbox, "maps", &["--value-range=-1,1"]);
    assert_eq!(said, "");
    for (name, flags) in [
        ("flat", &["--value-range", "-1,1"][..]),
        ("nhwc", &["--value-range=-1,1", "--layout", "nhwc"]),
        ("bytes", &[]),
        ("bytes_nhwc", &[]),
        ("unit", &["--value-range=0,1"]),
        ("to_255", &["--value-range=0,255"]),
        ("two_outputs", &["--value-range=-1,1", "--latent-size", "6"]),
        ("two_images", &["--value-range=0,1", "--model-output", "shown"]),
        ("dynamo_external", &["--value-range=-1,1"]),
    ] {
        let (other, said) = draw(&sandbox, name, flags);
        assert_eq!(said, "", "{name}");
        assert!(largest_difference(&picture, &other) <= 1, "{name}");
    }
}

#[test]
fn an_assumed_range_is_told_and_a_wrong_one_is_warned_of() {
    let sandbox = Sandbox::new();
    let model = |name| path(name).display().to_string();
    let (_, said) = draw(&sandbox, "maps", &[]);
    let start = format!(
        "dcgan-infer: note: {} does not say its value range, -1,1 is assumed; it gives",
        model("maps")
    );
    assert!(said.starts_with(&start) && said.ends_with("--value-range=-1,1 would say it"), "{said}");
    let (_, said) = draw(&sandbox, "unit", &[]);
    assert!(said.contains("is assumed") && said.ends_with("--value-range=0,1 would say it"), "{said}");
    let (_, said) = draw(&sandbox, "to_255", &[]);
    let start = format!("dcgan-infer: warning: {} gives values from 0.00", model("to_255"));
    assert!(said.starts_with(&start), "{said}");
    assert!(said.contains("well outside of the range -1,1, which is assumed: --value-range=0,255"), "{said}");
    let (_, said) = draw(&sandbox, "maps", &["--value-range=0,1"]);
    assert!(
        said.contains("well outside of the range 0,1 of --value-range: --value-range=-1,1 would"),
        "{said}"
    );
}

#[test]
fn flags_that_no_model_has_are_wrong_usage() {
    let sandbox = Sandbox::new();
    for (flag, value) in [
        ("--latent-size", "0"),
        ("--latent-size", "-1"),
        ("--latent-size", "65537"),
        ("--value-range", "1,1"),
        ("--value-range", "0"),
        ("--value-range", "low,high"),
        ("--layout", "chwn"),
    ] {
        let said = sandbox.stderr_of_failure(sandbox.draw().args([flag, value]), 2);
        assert!(said.contains(flag) && said.contains(value), "{said}");
    }
}

#[test]
fn what_a_file_leaves_open_is_asked_for_by_the_flags_name() {
    let sandbox = Sandbox::new();
    for (model, message) in [
        (path("two_images"), "two_images.onnx has several outputs, raw f32"),
        (path("two_images"), "with --model-output"),
        (fixture("ambiguous.onnx"), "ambiguous.onnx gives images of [3, 2, 1]"),
        (fixture("ambiguous.onnx"), "--layout nchw or --layout nhwc"),
    ] {
        let said = sandbox.stderr_of_failure(&mut sandbox.draw_with(&model), 1);
        assert!(said.contains(message), "{said}");
    }
    assert!(!sandbox.path("generated.png").exists());
}

/// tract cannot run every model; ONNX Runtime asks for the size and then runs this one.
#[test]
fn an_input_of_any_size_needs_onnx_runtime_and_a_latent_size() {
    let sandbox = Sandbox::new();
    let library = common::onnxruntime().to_str().unwrap();
    let open = |flags: &[&str]| {
        let mut command = sandbox.dcgan_infer();
        command.arg("--model").arg(path("unknown_latent")).args(flags);
        command
    };
    if cfg!(feature = "tract") {
        let said = sandbox.stderr_of_failure(&mut open(&["--engine", "tract", "--latent-size", "6"]), 1);
        assert!(
            said.contains("dcgan-infer: tract cannot run ") && said.contains("unknown_latent.onnx"),
            "{said}"
        );
        assert!(said.contains("`dcgan-infer install` fetches it"), "{said}");
    }
    let said = sandbox.stderr_of_failure(&mut open(&["--onnxruntime", library]), 1);
    assert!(said.contains("does not say how long its latents are"), "{said}");
    open(&["--onnxruntime", library, "--latent-size", "6"]).assert().success();
}

#[test]
fn weights_in_a_file_of_their_own_are_found_missed_and_kept() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("models")).unwrap();
    fs::copy(path("dynamo_external"), sandbox.path("models/dynamo_external.onnx")).unwrap();
    let weights = "models/dynamo_external.onnx.data";
    let open = || sandbox.draw_with("models/dynamo_external.onnx".as_ref());
    let said = sandbox.stderr_of_failure(&mut open(), 1);
    let start = format!(
        "dcgan-infer: models/dynamo_external.onnx keeps weights in {weights}, which cannot be read: "
    );
    assert!(said.starts_with(&start), "{said}");
    let whole = fs::read(fixture("strangers/dynamo_external.onnx.data")).unwrap();
    fs::write(sandbox.path(weights), &whole[..whole.len() / 2]).unwrap();
    let said = sandbox.stderr_of_failure(&mut open(), 1);
    assert!(said.starts_with(&start) && said.contains(&format!("{} are needed", whole.len())), "{said}");
    fs::write(sandbox.path(weights), &whole).unwrap();
    open().assert().success();
    // Out of the folder leads no link, though there is what it should be.
    #[cfg(unix)]
    {
        fs::rename(sandbox.path(weights), sandbox.path("outside.data")).unwrap();
        std::os::unix::fs::symlink("../outside.data", sandbox.path(weights)).unwrap();
        let said = sandbox.stderr_of_failure(&mut open(), 1);
        let expected = "models/dynamo_external.onnx keeps weights in \"dynamo_external.onnx.data\", which leaves the \
                        model's folder: ";
        assert!(said.contains(expected), "{said}");
        fs::remove_file(sandbox.path(weights)).unwrap();
        fs::rename(sandbox.path("outside.data"), sandbox.path(weights)).unwrap();
    }
    let said = sandbox.stderr_of_failure(open().args(["--output", weights, "--format", "png"]), 1);
    assert!(said.contains(&format!("cannot write {weights}: it is the input itself")), "{said}");
    assert_eq!(fs::read(sandbox.path(weights)).unwrap(), whole);
}
