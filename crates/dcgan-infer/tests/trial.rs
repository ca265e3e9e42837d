//! What the command line says of models that are no good, which show it in the draws at load.

mod common;

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{Sandbox, fixture, onnxruntime};
use ndarray::Array2;

/// The flags of each engine that is there.
fn engines() -> Vec<Vec<&'static str>> {
    let mut engines = vec![vec!["--onnxruntime", onnxruntime().to_str().unwrap()]];
    if cfg!(feature = "tract") {
        engines.push(vec!["--engine", "tract"]);
    }
    engines
}

/// Runs the program in a sandbox; its exit code, and what it said of the model.
fn run(sandbox: &Sandbox, model: &str, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = sandbox.dcgan_infer();
    command.arg("--model").arg(fixture(model)).args(flags);
    let output = command.timeout(Duration::from_secs(120)).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let ours = said.lines().filter(|line| line.starts_with("dcgan-infer: ") && line.contains(model));
    (output.status.code(), ours.collect::<Vec<_>>().join("\n"))
}

/// The numbers of images are those of more and of fewer than a batch, and the pictures those of the same weights in a graph
/// that takes any batch.
#[test]
fn a_batch_that_only_the_graph_holds_is_drawn_and_told() {
    let sandbox = Sandbox::new();
    let engine = ["--onnxruntime", onnxruntime().to_str().unwrap()];
    let picture = || image::open(sandbox.path("generated.png")).unwrap().into_rgb8();
    for count in ["1", "6"] {
        let flags = [&engine[..], &["--num-images", count, "--value-range=-1,1"]].concat();
        assert_eq!(run(&sandbox, "described.onnx", &flags), (Some(0), String::new()));
        let expected = picture();
        for batch in ["1", "4", "64"] {
            let name = format!("baked{batch}.onnx");
            let (code, said) = run(&sandbox, &name, &flags);
            assert_eq!(code, Some(0), "{said}");
            let note =
                format!("declares any batch size, but its graph runs with {batch} only: it is drawn so");
            assert!(said.ends_with(&note) && said.lines().count() == 1, "{said}");
            assert_eq!(picture(), expected, "{name}, {count} images");
        }
    }
}

#[test]
fn images_that_depend_on_more_than_their_latent_are_warned_of() {
    let sandbox = Sandbox::new();
    let flags = ["--onnxruntime", onnxruntime().to_str().unwrap(), "--value-range=-1,1"];
    for (model, part) in [
        ("noise.onnx", "noise.onnx draws random numbers in its graph: a seed gives another image each time"),
        ("training.onnx", "training.onnx gives a latent another image beside other latents: BatchNorm uses"),
        ("centered.onnx", "centered.onnx gives a latent another image beside other latents"),
    ] {
        let (code, said) = run(&sandbox, model, &flags);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.starts_with("dcgan-infer: warning: ") && said.contains(part), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
    assert_eq!(run(&sandbox, "described.onnx", &flags), (Some(0), String::new()));
}

#[test]
fn values_that_are_not_finite_are_an_error_and_no_picture() {
    let sandbox = Sandbox::new();
    let z = Array2::from_shape_fn((4, 5), |(row, _)| if row % 3 == 1 { 3e38f32 } else { 0.5 });
    fs::write(sandbox.path("z.npy"), npy(&z)).unwrap();
    for engine in engines() {
        let (code, said) = run(&sandbox, "nan.onnx", &engine);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("gives NaN or infinite values for ordinary latents"), "{said}");
        for output in ["images.png", "images.npy", "images/"] {
            let flags = [&engine[..], &["--latents", "z.npy", "--output", output]].concat();
            let (code, said) = run(&sandbox, "overflow.onnx", &flags);
            assert_eq!(code, Some(1), "{said}");
            assert!(
                said.contains("gives NaN or infinite values for row 1 of the latents of z.npy: ")
                    && said.contains("numbers up to 3e38"),
                "{said}"
            );
            assert!(!sandbox.path(output).exists(), "{output}");
        }
        assert!(!sandbox.path("generated.png").exists());
    }
}

/// A `.npy` file of float32.
fn npy(z: &Array2<f32>) -> Vec<u8> {
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", z.nrows(), z.ncols());
    let header = format!("{header:117}\n");
    let values = z.iter().flat_map(|value| value.to_le_bytes());
    b"\x93NUMPY\x01\x00\x76\x00".iter().copied().chain(header.into_bytes()).chain(values).collect()
}

/// The engine never returns; the signal ends the process all the same, and it leaves nothing.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_model_that_never_finishes() {
    use std::os::unix::process::ExitStatusExt;
    let sandbox = Sandbox::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dcgan-infer"));
    command.arg("--model").arg(fixture("endless.onnx")).arg("--onnxruntime").arg(onnxruntime());
    let mut process = command.current_dir(sandbox.path("")).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_secs(3));
    assert!(process.try_wait().unwrap().is_none(), "it finishes");
    let start = Instant::now();
    assert!(Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap().success());
    assert_eq!(process.wait().unwrap().signal(), Some(2));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!(fs::read_dir(sandbox.path("")).unwrap().count(), 0);
}
