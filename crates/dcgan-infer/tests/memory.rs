//! Where memory is short: an error that names the flag, the size and the limit, and never the end of an allocator.
#![cfg(all(target_os = "linux", feature = "tract"))]

mod common;

use std::fs;

use assert_cmd::Command;
use common::{Sandbox, fixture, model};

/// The program with so many MiB of addresses in all.
fn limited(sandbox: &Sandbox, mebibytes: usize) -> Command {
    let mut command = Command::new("sh");
    let limit = format!("ulimit -v {}; exec \"$0\" \"$@\"", mebibytes << 10);
    command.args(["-c", &limit, env!("CARGO_BIN_EXE_dcgan-infer")]).current_dir(sandbox.path(""));
    command.env("DCGAN_CACHE_DIR", sandbox.path("cache")).env_remove("ORT_DYLIB_PATH");
    command
}

/// 262,144 images of 3x2x2 floats and their latents of 5 are 18 MB; their picture, of 10x10 pixels each, is 79 MB, for
/// which four times as much is set aside.
#[test]
fn a_large_square_names_frames_the_size_and_the_limit() {
    let sandbox = Sandbox::new();
    let square = |mebibytes| {
        let mut command = limited(&sandbox, mebibytes);
        let flags = ["interpolate", "--engine", "tract", "--square", "--seeds", "1-4", "--frames", "512"];
        command.args(flags).args(["--scale", "4", "--output", "square.png", "--model"]);
        command.arg(fixture("unit_range.onnx"));
        command
    };
    let said = sandbox.stderr_of_failure(&mut square(200), 1);
    let images = 262_144 * (3 * 2 * 2 * 4 + 5 * 4);
    let side = 512 * (2 * 4 + 2) + 2;
    let mebibytes = (images + side * side * 3 * 4) as f64 / f64::from(1 << 20);
    let expected = format!(
        "dcgan-infer: 262144 images of 2x2, their latents and their file take {mebibytes:.1} MiB of memory, which does not \
         fit: `ulimit -v` allows this process 200.0 MiB in all: ask for fewer with --frames\n"
    );
    assert!(said.ends_with(&expected), "{said}");
    assert!(!sandbox.path("square.png").exists());
    square(800).assert().success();
    assert!(sandbox.path("square.png").exists());
}

/// Whatever the limit is, from too little to start the engine on, there is a message or a file.
#[test]
fn no_limit_ends_in_an_abort() {
    let sandbox = Sandbox::new();
    fs::copy(model(), sandbox.path("g.onnx")).unwrap();
    for output in ["grid.png", "grid.webp", "images.npz"] {
        let mut outcomes = Vec::new();
        for mebibytes in [80, 100, 140, 180, 220, 600] {
            let mut command = limited(&sandbox, mebibytes);
            let flags = ["--engine", "tract", "--threads", "2", "--model", "g.onnx", "--num-images", "3000"];
            let run = command.args(flags).args(["--output", output]).output().unwrap();
            let said = String::from_utf8_lossy(&run.stderr);
            let code = run.status.code();
            assert!(matches!(code, Some(0 | 1)), "{output}, {mebibytes} MiB: {:?}\n{said}", run.status);
            assert!(code == Some(0) || said.contains("memory"), "{output}, {mebibytes} MiB: {said}");
            outcomes.extend(code);
        }
        assert!(outcomes.contains(&1) && outcomes.last() == Some(&0), "{output}: {outcomes:?}");
    }
}

#[test]
fn more_latents_than_images_are_refused() {
    let sandbox = Sandbox::new();
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (10001, 100), }";
    let mut bytes = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    bytes.extend(format!("{header:117}\n").bytes());
    bytes.extend(vec![0; 10_001 * 100 * 4]);
    fs::write(sandbox.path("many.npy"), bytes).unwrap();
    let said = sandbox.stderr_of_failure(sandbox.draw().args(["--latents", "many.npy"]), 1);
    assert!(
        said.ends_with("many.npy has 10001 latents, at most 10000 are drawn at once: split it\n"),
        "{said}"
    );
}
