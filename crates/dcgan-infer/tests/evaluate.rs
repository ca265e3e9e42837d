//! `dcgan-infer evaluate`: its figures are NumPy's and SciPy's of the same images, and it says what they depend on.
#![cfg(feature = "evaluate")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use common::features::{model, pattern, reference};
use common::{Sandbox, fixture, onnxruntime};
use image::{GrayImage, RgbImage};
use serde_json::Value;

/// Real images: the reference's as records of CIFAR-10, and others to test with.
fn cifar10(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.path("data");
    fs::create_dir_all(&folder).unwrap();
    let records = |first: usize, count: usize| -> Vec<u8> {
        (first..first + count).flat_map(|index| [vec![0], pattern(index, [3, 32, 32])].concat()).collect()
    };
    fs::write(folder.join("data_batch_1.bin"), records(0, 40)).unwrap();
    fs::write(folder.join("test_batch.bin"), records(100, 5)).unwrap();
    folder
}

/// `evaluate` of a generator in ONNX Runtime.
fn evaluate_of(sandbox: &Sandbox, generator: &Path, flags: &[&str]) -> Command {
    let mut command = sandbox.dcgan_infer();
    command.arg("evaluate").arg("--model").arg(generator).env("ORT_DYLIB_PATH", onnxruntime()).args(flags);
    command
}

/// `evaluate` of the committed generator in ONNX Runtime.
fn evaluate(sandbox: &Sandbox, flags: &[&str]) -> Command {
    evaluate_of(sandbox, &common::model(), flags)
}

fn json(command: &mut Command) -> Value {
    let assert = command.arg("--json").assert().success();
    serde_json::from_slice(&assert.get_output().stdout).unwrap()
}

fn text(command: &mut Command) -> String {
    String::from_utf8(command.assert().success().get_output().stdout.clone()).unwrap()
}

/// Every figure of the reference, with more flags.
fn are_the_references(sandbox: &Sandbox, more: &[&str], engine: &str) {
    cifar10(sandbox);
    let reference = reference();
    let [images, seed] = ["generated", "seed"].map(|name| reference[name].to_string());
    let cases = reference["figures"].as_array().unwrap();
    assert_eq!(cases.len(), 8);
    for case in cases {
        let flags = case["flags"].as_array().unwrap().iter().map(|flag| flag.as_str().unwrap());
        let mut command =
            evaluate(sandbox, &["--dataset", "cifar10", "--num-images", &images, "--seed", &seed]);
        let mut flags = flags.peekable();
        while let Some(flag) = flags.next() {
            command.arg(flag);
            if let ("--features", Some(name)) = (flag, flags.peek()) {
                command.arg(model(name));
                flags.next();
            }
        }
        let found = json(command.args(more));
        assert!(found["engine"].as_str().unwrap().starts_with(engine), "{found}");
        assert_eq!(found["features"]["dimension"], case["dimension"]);
        assert_eq!((&found["generated"]["images"], &found["real"]["images"]), (&48.into(), &40.into()));
        let figures = [&found["kid"]["distance"], &found["kid"]["standard_error"], &found["frechet"]];
        for (figure, name) in figures.into_iter().zip(["kid", "kid_error", "frechet"]) {
            let [found, expected] = [figure, &case[name]].map(|figure| figure.as_f64().unwrap());
            // Half floats have 11 bits, and engines round at other places.
            let tolerance = if case["flags"].to_string().contains("half") { 1e-3 } else { 1e-4 };
            assert!(
                (found / expected - 1.0).abs() < tolerance,
                "{name}: {found}, expected {expected} of {case}"
            );
        }
    }
}

#[test]
fn figures_are_those_of_numpy_and_scipy() {
    are_the_references(&Sandbox::new(), &[], "ONNX Runtime 1.");
}

#[cfg(feature = "tract")]
#[test]
fn figures_are_the_same_in_tract() {
    are_the_references(&Sandbox::new(), &["--engine", "tract"], "tract");
}

/// Its weights lie beside it, and tract looks for them only where the file is as it is on disk.
#[cfg(feature = "tract")]
#[test]
fn a_tensor_that_tract_cannot_give_needs_onnx_runtime() {
    let sandbox = Sandbox::new();
    let path = model("external");
    let flags = ["--dataset", "shapes", "--num-images", "20", "--engine", "tract", "--features"];
    let mut flags = [&flags[..], &[path.to_str().unwrap(), "--feature-output", "logits"]].concat();
    assert_eq!(json(&mut evaluate(&sandbox, &flags))["features"]["dimension"], 6);
    *flags.last_mut().unwrap() = "maps";
    let said = refusal(&sandbox, &flags, 1);
    assert!(said.contains("tract cannot run ") && said.contains("ONNX Runtime is needed"), "{said}");
}

#[test]
fn all_that_the_figures_depend_on_stands_beside_them() {
    let sandbox = Sandbox::new();
    cifar10(&sandbox);
    let network = model("network");
    let flags =
        ["--dataset", "cifar10", "--split", "test", "--num-images", "20", "--seed", "3", "--threads", "1"];
    let features = [
        "--features",
        network.to_str().unwrap(),
        "--feature-output",
        "maps",
        "--feature-mean",
        "0.5,0.4,0.3",
    ];
    let report = text(evaluate(&sandbox, &flags).args(features));
    let lines: Vec<_> = report.lines().collect();
    assert!(
        lines[0].starts_with("model     ") && lines[0].ends_with("shapes32.onnx, images of 32x32"),
        "{report}"
    );
    assert!(lines[1].starts_with("engine    ONNX Runtime 1.") && lines[1].ends_with(" on CPU"), "{report}");
    assert_eq!(lines[2], "generated 20 images, seeds 3 to 22");
    assert_eq!(lines[3], "real      5 of 5 images of cifar10, split test, in data, chosen by seed 3");
    // `sha256sum network.onnx`
    let expected = "network.onnx (SHA-256 454574791a60), output maps, 5 an image of 20x24x3 (nchw) in 0,1, mean 0.5,0.4,0.3";
    assert!(lines[4].starts_with("features  ") && lines[4].ends_with(expected), "{report}");
    for (line, name) in [(lines[6], "KID  "), (lines[7], "Frechet distance  ")] {
        assert!(line.starts_with(name) && line.ends_with(", 20 generated and 5 real images"), "{report}");
    }
    assert!(
        lines[8].starts_with("caution: 5 images have no covariance of full rank in 5 features"),
        "{report}"
    );
    assert_eq!(lines.len(), 9, "{report}");

    let report = json(evaluate(&sandbox, &flags).args(features));
    assert_eq!(report["format"], 1);
    assert_eq!((&report["image"], &report["device"]), (&serde_json::json!([3, 32, 32]), &"CPU".into()));
    let real = serde_json::json!({
        "dataset": "cifar10", "folder": "data", "split": "test", "images": 5, "of": 5, "skipped": 0, "seed": 3
    });
    assert_eq!(report["real"], real);
    assert_eq!(report["features"]["input"], serde_json::json!([3, 24, 20]));
    assert_eq!(report["kid_subsets"], Value::Null);
    assert_eq!(report["cautions"].as_array().unwrap().len(), 1);
}

/// Broken pictures are passed over and counted, others cut to the generator's form.
#[test]
fn a_folder_is_compared_with_a_gray_generator() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("pictures");
    fs::create_dir(&folder).unwrap();
    for index in 0..12 {
        let bytes = pattern(index, [1, 40, 50]);
        let picture = GrayImage::from_raw(50, 40, bytes).unwrap();
        picture.save(folder.join(format!("{index}.png"))).unwrap();
    }
    RgbImage::from_pixel(9, 70, image::Rgb([200, 9, 90])).save(folder.join("colour.png")).unwrap();
    fs::write(folder.join("5-broken.png"), "no picture").unwrap();
    let network = model("network");
    let flags = ["--dataset", "folder", "--data-dir", "pictures", "--features", network.to_str().unwrap()];
    let report =
        |more: &[&str]| json(evaluate_of(&sandbox, &fixture("strangers/gray.onnx"), &flags).args(more));
    let whole = report(&["--num-images", "30"]);
    assert_eq!(whole["image"], serde_json::json!([1, 64, 64]));
    let real = &whole["real"];
    assert_eq!((&real["images"], &real["of"], &real["skipped"]), (&13.into(), &14.into(), &1.into()));
    assert_eq!((&real["split"], &real["dataset"]), (&Value::Null, &"folder".into()));
    // Parts as large as the sets are these.
    let parts = report(&["--num-images", "13", "--kid-subsets", "4", "--kid-subset-size", "13"]);
    let (kid, parts) = (&parts["kid"]["distance"], &parts["kid_subsets"]);
    assert_eq!((&parts["count"], &parts["size"], &parts["seed"]), (&4.into(), &13.into(), &0.into()));
    let [kid, mean, deviation] =
        [kid, &parts["mean"], &parts["standard_deviation"]].map(|n| n.as_f64().unwrap());
    assert!((mean / kid - 1.0).abs() < 1e-9 && deviation < 1e-9 * kid, "{kid} and {parts}");
}

#[test]
fn drawn_shapes_are_near_to_their_own_generator_and_far_from_another() {
    let sandbox = Sandbox::new();
    let flags = ["--dataset", "shapes", "--num-images", "200"];
    let kid = |generator: &Path| {
        let report = json(&mut evaluate_of(&sandbox, generator, &flags));
        assert_eq!(report["real"]["folder"], Value::Null);
        report["kid"]["distance"].as_f64().unwrap()
    };
    let (own, other) = (kid(&common::model()), kid(&fixture("strangers/flat.onnx")));
    assert!(own > 0.0 && other > 3.0 * own, "{own} and {other}");
}

/// What is said of a run that fails, with this exit code.
fn refusal(sandbox: &Sandbox, flags: &[&str], code: i32) -> String {
    sandbox.stderr_of_failure(&mut evaluate(sandbox, flags), code)
}

#[test]
fn what_gives_no_features_is_refused_with_what_to_do() {
    let sandbox = Sandbox::new();
    cifar10(&sandbox);
    let said = |name: &str, flags: &[&str], code| {
        let path = model(name);
        let path = path.to_str().unwrap();
        let all = [&["--dataset", "cifar10", "--num-images", "10", "--features", path], flags].concat();
        refusal(&sandbox, &all, code)
    };
    for (name, flags, parts) in [
        (
            "network",
            &["--feature-output", "map"][..],
            &["--feature-output map: ", "no tensor of this name; it has maps, "][..],
        ),
        ("nhwc", &[], &["has several outputs", "--feature-output, one of maps, negative"]),
        ("network", &["--feature-output", "label"], &["expected features of f32 or f16, found label i64"]),
        (
            "network",
            &["--feature-output", "tokens"],
            &["expected features [N, D] or maps [N, C, H, W]", "[1, 5, 120]"],
        ),
        (
            "network",
            &["--feature-output", "no_numbers"],
            &["the generated image of seed 0 is not a number", "--feature-range"],
        ),
        ("network", &["--feature-size", "32"], &["takes images of side 24, --feature-size says 32"]),
        ("network", &["--feature-mean", "1,2"], &["3 channels", "in --feature-mean, or one, found 2"]),
        ("bytes", &["--feature-range", "0,1"], &["takes bytes, from 0 to 255: leave --feature-range"]),
        (
            "../classifier",
            &[],
            &["gives no features of images: expected one input, f32, f16 or u8 [N, C, H, W]"],
        ),
        ("missing", &[], &["cannot read ", "missing.onnx", "name it with --features"]),
    ] {
        let said = said(name, flags, 1);
        for part in parts {
            assert!(said.contains(part), "{flags:?} lacks {part:?}: {said}");
        }
    }
    for (flags, part) in [
        (["--feature-std", "1,0"], "expected numbers from 0.000001 on"),
        (["--feature-mean", "a"], "expected numbers such as 0.485,0.456,0.406"),
        (["--feature-range", "1,0"], "expected the lowest and the highest value"),
    ] {
        assert!(said("network", &flags, 2).contains(part), "{flags:?}");
    }
    let text = sandbox.path("text.onnx");
    fs::write(&text, "no model").unwrap();
    let said = refusal(&sandbox, &["--dataset", "shapes", "--features", "text.onnx"], 1);
    assert!(said.contains("text.onnx is no whole ONNX model"), "{said}");
}

#[test]
fn data_that_cannot_be_compared_is_refused_with_what_to_do() {
    let sandbox = Sandbox::new();
    let folder = cifar10(&sandbox);
    for (flags, part) in [
        (
            &["--dataset", "shapes", "--split", "test"][..],
            "--split: shapes is not divided into splits, leave it out",
        ),
        (&["--dataset", "mnist", "--no-download"], "no MNIST files: expected train-images-idx3-ubyte"),
        (
            &["--dataset", "mnist", "--split", "test", "--no-download"],
            "no MNIST files: expected t10k-images-idx3-ubyte",
        ),
        (&["--dataset", "folder"], "no images in data"),
        (
            &["--dataset", "cifar10", "--num-images", "50", "--kid-subsets", "1", "--kid-subset-size", "41"],
            "--kid-subset-size 41: there are 40 real images",
        ),
        (
            &["--dataset", "cifar10", "--num-images", "20", "--kid-subsets", "1", "--kid-subset-size", "21"],
            "--kid-subset-size 21: there are 20 generated images",
        ),
    ] {
        let said = refusal(&sandbox, flags, 1);
        assert!(said.contains(part), "{flags:?} lacks {part:?}: {said}");
    }
    fs::write(folder.join("test_batch.bin"), vec![0; 2 * 3073]).unwrap();
    let said = refusal(&sandbox, &["--dataset", "cifar10", "--split", "test"], 1);
    assert!(
        said.contains("the dataset cifar10 in data has 2 images that can be used, at least 3 are needed"),
        "{said}"
    );
    for index in 0..4 {
        fs::write(folder.join(format!("{index}.png")), "no picture").unwrap();
    }
    let said = refusal(&sandbox, &["--dataset", "folder", "--num-images", "5"], 1);
    assert!(said.contains("has 0 images that can be used") && said.contains("cannot decode data"), "{said}");
    let said = refusal(&sandbox, &["--dataset", "cifar10", "--num-images", "2"], 2);
    assert!(said.contains("2 is not in 3..=1000000"), "{said}");
    for needed in ["--feature-output", "--feature-mean"] {
        let said = refusal(&sandbox, &["--dataset", "shapes", needed, "1"], 2);
        assert!(said.contains("--features <FILE>"), "{said}");
    }
}
