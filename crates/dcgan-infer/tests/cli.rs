//! The command line: what it writes, what it says when it cannot, and with which exit code.

mod common;

use std::fs;

use common::{Sandbox, fixture, model};

#[test]
fn help_is_as_reviewed() {
    let sandbox = Sandbox::new();
    for (name, args) in [
        ("help", vec!["--help"]),
        ("help_install", vec!["install", "--help"]),
        ("help_doctor", vec!["doctor", "--help"]),
        ("help_interpolate", vec!["interpolate", "--help"]),
        ("help_bench", vec!["bench", "--help"]),
        ("help_evaluate", vec!["evaluate", "--help"]),
        ("help_serve", vec!["serve", "--help"]),
    ] {
        // Without its feature, neither the subcommand nor the line that names it is there.
        let without = |subcommand| ["help", subcommand].contains(&name);
        if cfg!(not(feature = "serve")) && without("help_serve")
            || cfg!(not(feature = "evaluate")) && without("help_evaluate")
        {
            continue;
        }
        let output = sandbox.dcgan_infer().args(args).output().unwrap();
        assert!(output.status.success());
        insta::assert_snapshot!(name, String::from_utf8(output.stdout).unwrap());
    }
}

#[test]
fn a_grid_is_drawn_and_described() {
    let sandbox = Sandbox::new();
    let assert = sandbox.draw().args(["--num_images", "7", "--seed", "3", "--columns", "4"]).assert();
    assert.success().stdout("wrote generated.png: 7 images of 32x32, seeds 3 to 9\n");
    let picture = image::open(sandbox.path("generated.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (4 * 34 + 2, 2 * 34 + 2));
}

#[test]
fn the_picture_is_as_square_as_it_can_be_in_a_folder_that_is_made() {
    let sandbox = Sandbox::new();
    sandbox.draw().args(["--num-images", "7", "--output", "a/b.png"]).assert().success();
    let picture = image::open(sandbox.path("a/b.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (3 * 34 + 2, 3 * 34 + 2));
}

/// Image k of seed s is the image of seed s + k: also around the largest seed.
#[test]
fn the_second_image_is_the_first_one_of_the_next_seed() {
    let sandbox = Sandbox::new();
    let draw = |seed: u64, count: &str| {
        let seed = seed.to_string();
        sandbox.draw().args(["--seed", &seed, "--num-images", count]).assert().success();
        image::open(sandbox.path("generated.png")).unwrap().into_rgb8()
    };
    for (seed, next) in [(41, 42), (u64::MAX, 0)] {
        let pair = draw(seed, "2");
        let second = image::imageops::crop_imm(&pair, 34, 0, 36, 36).to_image();
        assert_eq!(second, draw(next, "1"), "seed {next}");
    }
}

#[cfg(feature = "tract")]
#[test]
fn engines_agree_on_every_pixel_to_one_level() {
    let sandbox = Sandbox::new();
    let draw = |flags: &[&str]| {
        let assert = sandbox.sample().args(flags).assert().success();
        let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        (said, image::open(sandbox.path("generated.png")).unwrap().into_rgb8())
    };
    let library = common::onnxruntime().to_str().unwrap();
    let (said, with_onnxruntime) = draw(&["--onnxruntime", library, "--threads", "1"]);
    assert!(said.starts_with("engine: ONNX Runtime 1."), "{said}");
    let (said, with_tract) = draw(&["--engine", "tract"]);
    assert_eq!(said, "engine: tract (embedded)\n");
    let differences = with_onnxruntime.iter().zip(with_tract.iter()).map(|(a, b)| a.abs_diff(*b));
    assert!(differences.max().is_some_and(|most| most <= 1));
}

#[test]
fn wrong_usage_exits_with_2() {
    let sandbox = Sandbox::new();
    for args in [
        &["--num-images", "0"][..],
        &["--num-images", "10001"],
        &["--columns", "0"],
        &["--threads", "0"],
        &["--seed", "-1"],
        &["--num-images", "-3"],
        &["--threads", "100000"],
        &["--engine", "torch"],
        &["--no-such-flag"],
        &["install"],
    ] {
        let message = sandbox.stderr_of_failure(sandbox.draw().args(args), 2);
        for part in args.iter().filter(|part| **part != "install") {
            assert!(message.contains(part), "{args:?}: {message}");
        }
    }
    let both = ["--engine", "tract", "--onnxruntime", "library.so"];
    let message = sandbox.stderr_of_failure(sandbox.draw().args(both), 2);
    assert!(message.contains("'--engine tract' cannot be used with '--onnxruntime <FILE>'"), "{message}");
    let message = sandbox.stderr_of_failure(sandbox.dcgan_infer().args(["--num-images", "4"]), 2);
    assert!(message.contains("--model <FILE>"), "{message}");
    assert!(sandbox.stderr_of_failure(&mut sandbox.dcgan_infer(), 2).contains("Usage: dcgan-infer"));
    assert!(!sandbox.path("generated.png").exists());
}

#[test]
fn a_model_that_is_none_is_named() {
    let sandbox = Sandbox::new();
    let whole = fs::read(model()).unwrap();
    fs::write(sandbox.path("cut.onnx"), &whole[..whole.len() / 2]).unwrap();
    fs::write(sandbox.path("text.onnx"), "import torch\n").unwrap();
    fs::write(sandbox.path("empty.onnx"), "").unwrap();
    fs::create_dir(sandbox.path("folder.onnx")).unwrap();
    fs::copy(fixture("classifier.onnx"), sandbox.path("classifier.onnx")).unwrap();
    let library = common::onnxruntime().to_str().unwrap();
    let engines: &[&[&str]] = if cfg!(feature = "tract") {
        &[&["--engine", "tract"], &["--onnxruntime", library]]
    } else {
        &[&["--onnxruntime", library]]
    };
    for engine in engines {
        for (name, message) in [
            (
                "missing.onnx",
                "cannot read model missing.onnx: No such file or directory (os error 2); expected an ONNX",
            ),
            ("folder.onnx", "cannot read model folder.onnx: this is a folder"),
            ("cut.onnx", "cut.onnx is no whole ONNX model"),
            ("text.onnx", "text.onnx is no whole ONNX model"),
            ("empty.onnx", "empty.onnx is no whole ONNX model"),
            ("classifier.onnx", "classifier.onnx is no generator of images: expected an output"),
        ] {
            let mut command = sandbox.dcgan_infer();
            let said = sandbox.stderr_of_failure(command.args(["--model", name]).args(*engine), 1);
            assert!(said.contains(&format!("dcgan-infer: {message}")), "{engine:?} {name}: {said}");
            let advice = "such as the g.onnx that dcgan-export writes; name it with --model\n";
            assert_eq!(said.ends_with(advice), message.contains("cannot read"), "{said}");
        }
    }
}

#[test]
fn a_model_is_not_overwritten_by_its_samples() {
    let sandbox = Sandbox::new();
    fs::copy(model(), sandbox.path("model.png")).unwrap();
    let mut command = sandbox.dcgan_infer();
    let said = sandbox.stderr_of_failure(command.args(["--model", "model.png", "--output", "model.png"]), 1);
    assert!(said.contains("cannot write model.png: it is the input itself"), "{said}");
    assert_eq!(fs::read(sandbox.path("model.png")).unwrap(), fs::read(model()).unwrap());
}

#[test]
fn an_output_that_cannot_be_written_is_named_and_nothing_is_lost() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("folder.png")).unwrap();
    fs::write(sandbox.path("file"), "precious").unwrap();
    for (output, problem) in [
        ("folder.png", "this is a folder, a file name was expected"),
        ("file/picture.png", "file is a file, a folder was expected"),
        ("grid.bmp", "expected a name that ends in .png, .webp, .jpg, .npy, .npz"),
    ] {
        let said = sandbox.stderr_of_failure(sandbox.draw().args(["--output", output]), 1);
        assert!(said.ends_with(&format!("dcgan-infer: cannot write {output}: {problem}\n")), "{said}");
    }
    assert_eq!(fs::read_to_string(sandbox.path("file")).unwrap(), "precious");
    fs::write(sandbox.path("old.png"), "precious").unwrap();
    let mut command = sandbox.dcgan_infer();
    sandbox.stderr_of_failure(command.args(["--model", "missing.onnx", "--output", "old.png"]), 1);
    assert_eq!(fs::read_to_string(sandbox.path("old.png")).unwrap(), "precious");
}

/// Not even root writes there.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::new();
    let said = sandbox.stderr_of_failure(sandbox.draw().args(["--output", "/proc/picture.png"]), 1);
    assert!(said.contains("dcgan-infer: cannot write /proc/picture.png: "), "{said}");
    std::os::unix::fs::symlink("/dev/full", sandbox.path("full.png")).unwrap();
    let said = sandbox.stderr_of_failure(sandbox.draw().args(["--output", "full.png"]), 1);
    assert!(
        said.contains("cannot write full.png: this is a device or a pipe, a file was expected"),
        "{said}"
    );
}

/// A limit on the size of files stands for a full disk: the picture that was there stays, and nothing else comes.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_gets_full_is_named_and_nothing_is_lost() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("old.png"), "precious").unwrap();
    let mut command = assert_cmd::Command::new("sh");
    let limited = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    command.args(["-c", limited, env!("CARGO_BIN_EXE_dcgan-infer")]).current_dir(sandbox.path(""));
    command.arg("--model").arg(model()).args(["--output", "old.png"]);
    command.env("DCGAN_CACHE_DIR", sandbox.path("cache"));
    match cfg!(feature = "tract") {
        true => command.env_remove("ORT_DYLIB_PATH"),
        false => command.env("ORT_DYLIB_PATH", common::onnxruntime()),
    };
    let said = sandbox.stderr_of_failure(&mut command, 1);
    assert!(said.contains("dcgan-infer: cannot write old.png: File too large"), "{said}");
    assert_eq!(fs::read_to_string(sandbox.path("old.png")).unwrap(), "precious");
    assert_eq!(fs::read_dir(sandbox.path("")).unwrap().count(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_summary_that_cannot_be_printed_is_an_error() {
    let sandbox = Sandbox::new();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_dcgan-infer"));
    command.arg("--model").arg(model()).current_dir(sandbox.path("")).stdout(full);
    command.env("DCGAN_CACHE_DIR", sandbox.path("cache")).env("ORT_DYLIB_PATH", common::onnxruntime());
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("dcgan-infer: cannot print the summary: No space left on device"), "{said}");
}

#[test]
fn a_picture_that_is_too_large_is_refused_before_it_is_drawn() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.draw_with(&fixture("huge_image.onnx"));
    let said = sandbox.stderr_of_failure(command.args(["--num-images", "5"]), 1);
    assert!(
        said.ends_with(
            "dcgan-infer: 5 images of 8192x8192 have 335544320 pixels, at most 268435456 are drawn at once: ask for fewer \
             with --num-images\n"
        ),
        "{said}"
    );
    let mut command = sandbox.draw_with(&fixture("huge_image.onnx"));
    let said = sandbox.stderr_of_failure(command.args(["--seeds", "1-5"]), 1);
    assert!(said.ends_with("ask for fewer with --seeds\n"), "{said}");
    let mut command = sandbox.draw_with(&fixture("huge_image.onnx"));
    let flags = ["--num-images", "1", "--scale", "3", "--output", "folder/"];
    let said = sandbox.stderr_of_failure(command.args(flags), 1);
    assert!(said.contains("an image of 8192x8192 at --scale 3 has 603979776 pixels"), "{said}");
}
