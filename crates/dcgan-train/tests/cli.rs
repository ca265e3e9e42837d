//! `dcgan-train` as a person uses it.

use std::fs;

use assert_cmd::Command;
use dcgan_core::checkpoint::Checkpoint;
use tempfile::TempDir;

mod common;

use common::names;

/// The program in an empty folder of its own.
fn program(folder: &TempDir) -> Command {
    let mut command = Command::cargo_bin("dcgan-train").unwrap();
    command.current_dir(folder.path()).env_remove("COLUMNS");
    command
}

/// What was printed to standard error, and the exit code.
fn run(folder: &TempDir, arguments: &[&str]) -> (String, i32) {
    let output = program(folder).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains("panicked"), "{arguments:?}:\n{text}");
    (text, output.status.code().unwrap())
}

fn fails(folder: &TempDir, arguments: &[&str], code: i32, parts: &[&str]) {
    let (text, found) = run(folder, arguments);
    assert_eq!(found, code, "{arguments:?}:\n{text}");
    for part in parts {
        assert!(text.contains(part), "{arguments:?} lacks {part:?}:\n{text}");
    }
}

const SMALL: [&str; 8] =
    ["--dataset", "shapes", "--arch", "dcgan32-small", "--batch-size", "8", "--max-steps", "3"];

fn train(folder: &TempDir, more: &[&str]) -> String {
    let arguments: Vec<&str> = SMALL.iter().chain(more).copied().collect();
    let (text, code) = run(folder, &arguments);
    assert_eq!(code, 0, "{text}");
    text
}

fn bytes(folder: &TempDir, path: &str) -> Vec<u8> {
    fs::read(folder.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The folder is not there yet, and one lock is enough for it.
#[test]
fn checkpoints_and_pictures_may_share_a_new_folder() {
    let folder = TempDir::new().unwrap();
    train(&folder, &["--checkpoint-dir", "both", "--output-dir", "both"]);
    let names = names(&folder.path().join("both"));
    for name in ["generator_final.safetensors", "metrics.jsonl", "reals.png"] {
        assert!(names.iter().any(|found| found == name), "{name}: {names:?}");
    }
}

/// A mean that an earlier run left would be taken for this one's.
#[test]
fn a_new_run_leaves_no_generator_of_an_earlier_one_that_is_preferred_to_its_own() {
    let folder = TempDir::new().unwrap();
    train(&folder, &["--ema", "0.9"]);
    let mean = "checkpoints/generator_ema_final.safetensors";
    assert!(folder.path().join(mean).exists());
    train(&folder, &[]);
    assert!(!folder.path().join(mean).exists());
}

#[test]
fn help_says_what_each_flag_does() {
    let folder = TempDir::new().unwrap();
    for (name, arguments) in [
        ("help", &["--help"][..]),
        ("help_sample", &["sample", "--help"]),
        ("help_describe", &["describe", "--help"]),
        ("help_recalibrate", &["recalibrate", "--help"]),
    ] {
        let output = program(&folder).args(arguments).output().unwrap();
        insta::assert_snapshot!(name, String::from_utf8(output.stdout).unwrap());
    }
}

#[test]
fn a_run_leaves_checkpoints_grids_and_metrics() {
    let folder = TempDir::new().unwrap();
    let text = train(&folder, &["--seed", "7"]);
    assert!(text.contains("saved checkpoints/generator_final.safetensors"), "{text}");
    assert_eq!(
        names(&folder.path().join("checkpoints")),
        ["discriminator_final.safetensors", "generator_final.safetensors", "state_3.safetensors"]
    );
    assert_eq!(
        names(&folder.path().join("outputs")),
        [
            "config.toml",
            "generated_epoch_0.png",
            "generated_epoch_1.png",
            "metrics.jsonl",
            "reals.png",
            "training.gif",
            "training_loss.png"
        ]
    );

    let (spec, checkpoint) =
        Checkpoint::load_generator(&folder.path().join("checkpoints/generator_final.safetensors")).unwrap();
    assert_eq!((spec.arch.as_str(), spec.image_size()), ("dcgan32-small", 32));
    assert_eq!((checkpoint.record.steps, checkpoint.record.images_seen), (3, 24));
    assert_eq!(checkpoint.record.options["seed"], 7);

    let metrics = String::from_utf8(bytes(&folder, "outputs/metrics.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> =
        metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let field = |name: &str| lines.iter().map(|line| line[name].as_f64().unwrap()).collect::<Vec<_>>();
    assert_eq!(field("step"), [1.0, 2.0, 3.0]);
    assert_eq!(field("images_seen"), [8.0, 16.0, 24.0]);
    assert!(field("grad_norm_d").iter().chain(&field("grad_norm_g")).all(|norm| *norm > 0.0));
    if cfg!(target_os = "linux") {
        assert!(field("memory_mib").iter().all(|mib| (10.0..10_000.0).contains(mib)), "{metrics}");
    }
    assert!(field("d_x").iter().chain(&field("d_g_z")).all(|probability| (0.0..1.0).contains(probability)));

    let grid = image::load_from_memory(&bytes(&folder, "outputs/generated_epoch_1.png")).unwrap();
    assert_eq!((grid.width(), grid.height()), (8 * 34 + 2, 8 * 34 + 2));
}

#[test]
fn the_same_run_gives_the_same_bytes_and_another_seed_others() {
    let folders = [(); 3].map(|()| TempDir::new().unwrap());
    train(&folders[0], &["--threads", "1"]);
    train(&folders[1], &["--threads", "2", "--checkpoint-dir", "elsewhere/deep"]);
    train(&folders[2], &["--seed", "1"]);
    for network in ["generator", "discriminator"] {
        let one = bytes(&folders[0], &format!("checkpoints/{network}_final.safetensors"));
        assert_eq!(one, bytes(&folders[1], &format!("elsewhere/deep/{network}_final.safetensors")));
        assert_ne!(one, bytes(&folders[2], &format!("checkpoints/{network}_final.safetensors")));
    }
    assert_eq!(
        bytes(&folders[0], "outputs/generated_epoch_1.png"),
        bytes(&folders[1], "outputs/generated_epoch_1.png")
    );
}

/// 20 images in batches of 8: three steps an epoch, the last one of 4 images.
#[test]
fn intervals_short_batches_and_broken_files() {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("pictures/deep");
    fs::create_dir_all(&data).unwrap();
    for i in 0..20u8 {
        let picture = image::RgbImage::from_fn(40, 50, |x, y| image::Rgb([i * 10, x as u8 * 6, y as u8 * 5]));
        picture.save(data.join(format!("{i}.png"))).unwrap();
    }
    fs::write(data.join("broken.png"), b"no picture").unwrap();
    let arguments = [
        "--dataset",
        "folder",
        "--data_dir",
        "pictures",
        "--arch",
        "dcgan32-small",
        "--batch_size",
        "8",
        "--num_epochs",
        "4",
        "--save_interval",
        "2",
        "--learning_rate",
        "0.001",
    ];
    let (text, code) = run(&folder, &arguments);
    assert_eq!(code, 0, "{text}");
    assert_eq!(text.matches("broken.png").count(), 1, "{text}");
    let saved = ["epoch_2", "epoch_4", "final"].map(|when| format!("generator_{when}.safetensors"));
    assert!(saved.iter().all(|name| names(&folder.path().join("checkpoints")).contains(name)));
    assert_eq!(
        names(&folder.path().join("outputs")),
        [
            "config.toml",
            "generated_epoch_0.png",
            "generated_epoch_2.png",
            "generated_epoch_4.png",
            "metrics.jsonl",
            "reals.png",
            "training.gif",
            "training_loss.png"
        ]
    );
    let path = folder.path().join("checkpoints/generator_final.safetensors");
    let (_, checkpoint) = Checkpoint::load_generator(&path).unwrap();
    assert_eq!((checkpoint.record.steps, checkpoint.record.images_seen), (12, 80));
}

/// A hundred epochs of the dataset would take hours.
#[test]
fn a_run_stops_when_its_time_is_over() {
    let folder = TempDir::new().unwrap();
    let flags = ["--dataset", "shapes", "--arch", "dcgan32-small", "--max-minutes", "0.01"];
    let (text, code) = run(&folder, &flags);
    assert_eq!(code, 0, "{text}");
    let path = folder.path().join("checkpoints/generator_final.safetensors");
    let (_, checkpoint) = Checkpoint::load_generator(&path).unwrap();
    // On a busy machine, none.
    assert!(checkpoint.record.steps < 7900, "{}", checkpoint.record.steps);
}

#[test]
fn a_checkpoint_is_sampled_and_an_image_depends_on_its_seed_alone() {
    let folder = TempDir::new().unwrap();
    train(&folder, &[]);
    let sample = |count: &str, seed: &str, output: &str| {
        let arguments =
            ["sample", "--checkpoint", "checkpoints/generator_final.safetensors", "--num_images", count];
        let (text, code) =
            run(&folder, &[&arguments[..], &["--seed", seed, "--columns", "3", "--output", output]].concat());
        assert_eq!(code, 0, "{text}");
        image::open(folder.path().join(output)).unwrap().into_rgb8()
    };
    let (seven, one) = (sample("7", "4", "seven.png"), sample("1", "9", "one.png"));
    assert_eq!((seven.dimensions(), one.dimensions()), ((3 * 34 + 2, 3 * 34 + 2), (36, 36)));
    // Seed 9 is image 5 of those from seed 4: second row, third column.
    let found = image::imageops::crop_imm(&seven, 2 * 34 + 2, 34 + 2, 32, 32).to_image();
    let expected = image::imageops::crop_imm(&one, 2, 2, 32, 32).to_image();
    let differs = found.iter().zip(expected.iter()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(differs <= Some(1), "{differs:?}");
}

#[test]
fn wrong_flags_are_usage_errors() {
    let folder = TempDir::new().unwrap();
    for (flag, value) in [
        ("--batch-size", "0"),
        ("--batch-size", "-3"),
        ("--num-epochs", "0"),
        ("--save-interval", "0"),
        ("--max-steps", "0"),
        ("--max-minutes", "0"),
        ("--max-minutes", "-1"),
        ("--learning-rate", "0"),
        ("--learning-rate", "nan"),
        ("--beta1", "1"),
        ("--d-steps", "0"),
        ("--d-steps", "1.5"),
        ("--g-loss", "wasserstein"),
        ("--real-label", "1.1"),
        ("--fake-label", "-0.1"),
        ("--lr-d", "0"),
        ("--lr-g", "inf"),
        ("--lr-decay-from", "1"),
        ("--lr-decay-from", "-0.5"),
        ("--ema", "1"),
        ("--augment", "colour"),
        ("--augment", "color,"),
        ("--ema", "-0.1"),
        ("--threads", "0"),
        ("--arch", "dcgan65"),
        ("--dataset", "imagenet"),
        ("--device", "tpu"),
    ] {
        fails(&folder, &[flag, value], 2, &[flag, value]);
    }
    fails(&folder, &["--arch", "none"], 2, &["dcgan64", "dcgan64-small", "dcgan32", "dcgan32-gray"]);
    fails(&folder, &["--dataset", "none"], 2, &["cifar10", "mnist", "folder", "shapes"]);
    fails(&folder, &["sample"], 2, &["--checkpoint"]);
    fails(&folder, &["sample", "--checkpoint", "x", "--num-images", "0"], 2, &["--num-images"]);
    assert_eq!(names(folder.path()), [""; 0], "nothing is written");
}

#[test]
fn missing_data_says_what_to_put_where() {
    let folder = TempDir::new().unwrap();
    let cifar10 = ["data_batch_1.bin", "data_batch_5.bin", "data/cifar-10-batches-bin", "--no-download"];
    fails(&folder, &["--dataset", "cifar10", "--no-download"], 1, &cifar10);
    let mnist = ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "data/MNIST/raw", "--no-download"];
    fails(&folder, &["--dataset", "mnist", "--no-download"], 1, &mnist);
    fails(&folder, &["--dataset", "folder", "--data-dir", "nowhere"], 1, &["nowhere", "--data-dir"]);
    assert_eq!(names(folder.path()), [""; 0], "nothing is written");

    fs::create_dir(folder.path().join("data")).unwrap();
    fails(&folder, &["--dataset", "cifar10", "--no-download"], 1, &cifar10);
    fails(&folder, &["--dataset", "mnist", "--no-download"], 1, &mnist);
    fails(&folder, &["--dataset", "folder"], 1, &["no images in data", ".png", ".jpg", "--data-dir"]);
    assert_eq!(names(folder.path()), ["data"], "nothing else is written");
}

#[test]
fn damaged_data_is_named_with_what_was_expected_and_found() {
    let header = |count: u32| [0x803, count, 28, 28].map(u32::to_be_bytes).concat();
    let lies = [header(60_000), vec![0; 784]].concat();
    for (dataset, name, content, parts) in [
        ("cifar10", "data_batch_2.bin", vec![], ["found 0 bytes", "3073", "again"]),
        ("cifar10", "data_batch_2.bin", vec![0; 5000], ["found 5000 bytes", "3073", "again"]),
        ("mnist", "train-images-idx3-ubyte", vec![], ["a header of 16 bytes", "an empty file", "remove it"]),
        ("mnist", "train-images-idx3-ubyte", lies, ["60000 images", "found 784", "remove it"]),
        ("mnist", "train-images-idx3-ubyte.gz", vec![0x1f, 0x8b, 8], ["gzip", "found", "remove it"]),
    ] {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        fs::write(folder.path().join("data").join(name), &content).unwrap();
        fails(&folder, &["--dataset", dataset], 1, &[&format!("data/{name}"), parts[0], parts[1], parts[2]]);
        assert_eq!(names(folder.path()), ["data"], "nothing else is written");
    }
}

#[test]
fn a_batch_larger_than_the_dataset_is_refused() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(folder.path().join("data/data_batch_1.bin"), vec![0; 3 * 3073]).unwrap();
    let expected = "--batch-size 4: the dataset cifar10 in data has 3 images, use --batch-size 3 or less";
    fails(&folder, &["--batch-size", "4"], 1, &[expected]);
    let expected = "--batch-size 10001: the dataset shapes has 10000 images, use --batch-size 10000 or less";
    fails(&folder, &["--dataset", "shapes", "--batch-size", "10001"], 1, &[expected]);
    assert_eq!(names(folder.path()), ["data"], "nothing else is written");

    let exact = ["--arch", "dcgan32-small", "--batch-size", "3", "--num-epochs", "2"];
    let (text, code) = run(&folder, &exact);
    assert!(code == 0 && text.contains("1 step an epoch, 3 images a step"), "{text}");

    fs::write(folder.path().join("data/data_batch_1.bin"), vec![0; 3073]).unwrap();
    let expected = "--batch-size 4: the dataset cifar10 in data has 1 image, use --batch-size 1";
    fails(&folder, &["--batch-size", "4"], 1, &[expected]);
}

#[cfg(not(feature = "cuda"))]
#[test]
fn cuda_in_a_build_without_it_names_the_build_command() {
    let folder = TempDir::new().unwrap();
    fails(&folder, &["--device", "cuda"], 1, &["--device cuda", "cargo build --release", "--features cuda"]);
}

#[test]
fn an_output_that_cannot_be_written_is_known_before_training() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("file"), b"kept").unwrap();
    for flag in ["--checkpoint-dir", "--output-dir"] {
        let (text, code) = run(&folder, &[&SMALL[..], &[flag, "file"]].concat());
        assert_eq!(code, 1, "{text}");
        assert!(
            text.contains("cannot write") && text.contains("file") && !text.contains("epoch 1"),
            "{text}"
        );
    }
    assert_eq!(bytes(&folder, "file"), b"kept");
}

#[test]
fn a_failure_keeps_the_weights_and_the_records_of_an_earlier_run() {
    let folder = TempDir::new().unwrap();
    // A folder in the place of the sample grid: known only when the grid is written.
    fs::create_dir_all(folder.path().join("outputs/generated_epoch_1.png")).unwrap();
    let (text, code) = run(&folder, &SMALL);
    assert!(code == 1 && text.contains("cannot write outputs/generated_epoch_1.png"), "{text}");
    let path = folder.path().join("checkpoints/generator_final.safetensors");
    assert_eq!(Checkpoint::load_generator(&path).unwrap().1.record.steps, 3);

    // Data that turns out to be unusable.
    let metrics = bytes(&folder, "outputs/metrics.jsonl");
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(folder.path().join("data/broken.png"), b"no picture").unwrap();
    fails(&folder, &["--dataset", "folder", "--batch-size", "1"], 1, &["broken.png"]);
    assert!(!metrics.is_empty() && metrics == bytes(&folder, "outputs/metrics.jsonl"));
}

#[test]
fn a_checkpoint_is_never_overwritten_by_its_samples() {
    let folder = TempDir::new().unwrap();
    train(&folder, &[]);
    let path = "checkpoints/generator_final.safetensors";
    let before = bytes(&folder, path);
    fails(&folder, &["sample", "--checkpoint", path, "--output", path], 1, &[path, "it is the input itself"]);
    assert_eq!(bytes(&folder, path), before);
}

#[cfg(unix)]
#[test]
fn a_run_goes_on_when_nobody_listens() {
    let folder = TempDir::new().unwrap();
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("dcgan-train"));
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else { return eprintln!("skipped: this system has no /dev/full") };
    let status = command.args(SMALL).current_dir(folder.path()).stderr(full).status().unwrap();
    assert!(status.success(), "{status}");
    assert!(folder.path().join("checkpoints/generator_final.safetensors").exists());
}

#[test]
fn a_wrong_checkpoint_is_named_and_the_old_picture_kept() {
    let folder = TempDir::new().unwrap();
    train(&folder, &[]);
    let good = bytes(&folder, "checkpoints/generator_final.safetensors");
    fs::write(folder.path().join("half.safetensors"), &good[..good.len() / 2]).unwrap();
    fs::write(folder.path().join("text.safetensors"), b"hello").unwrap();
    fs::write(folder.path().join("generated.png"), b"old").unwrap();
    for (file, part) in [
        ("missing.safetensors", "; expected a checkpoint that dcgan-train saved, "),
        ("half.safetensors", "not a whole safetensors file"),
        ("text.safetensors", "not a whole safetensors file"),
        ("checkpoints/discriminator_final.safetensors", "a generator is needed"),
    ] {
        fails(&folder, &["sample", "--checkpoint", file], 1, &[file, part]);
    }
    let to_folder =
        ["sample", "--checkpoint", "checkpoints/generator_final.safetensors", "--output", "outputs"];
    fails(&folder, &to_folder, 1, &["cannot write", "outputs"]);
    assert_eq!(bytes(&folder, "generated.png"), b"old");
}

#[test]
fn describe_counts_what_a_checkpoint_holds() {
    let folder = TempDir::new().unwrap();
    train(&folder, &["--spectral-norm"]);
    let output = program(&folder)
        .args(["describe", "--checkpoint", "checkpoints/discriminator_final.safetensors", "--json"])
        .output()
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let network = &json[0];
    assert_eq!((&network["network"], &network["spectral_norm"]), (&"discriminator".into(), &true.into()));
    let path = folder.path().join("checkpoints/discriminator_final.safetensors");
    let bytes = fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let is_trained =
        |name: &str| [".weight", ".weight_orig", ".bias"].iter().any(|part| name.ends_with(part));
    let trained = file.tensors().into_iter().filter(|(name, _)| is_trained(name));
    let count: usize = trained.map(|(_, view)| view.shape().iter().product::<usize>()).sum();
    assert_eq!(network["parameters"], count);
    fails(&folder, &["describe", "--checkpoint", "nothing"], 1, &["nothing", "No such file"]);
    fails(&folder, &["describe", "--arch", "dcgan64", "--checkpoint", "x"], 2, &["--checkpoint"]);
}

/// Names of a folder, of a broken picture in it, and of what a run writes clear the terminal's screen and start a line.
#[cfg(unix)]
#[test]
fn names_of_files_reach_the_terminal_escaped() {
    const NAME: &str = "a\u{1b}[2J\u{9b}2J\nb";
    const ESCAPED: &str = "a\\u{1b}[2J\\u{9b}2J\\nb";
    let folder = TempDir::new().unwrap();
    let data = folder.path().join(NAME);
    fs::create_dir(&data).unwrap();
    for i in 0..8u8 {
        let picture = image::RgbImage::from_pixel(32, 32, image::Rgb([i * 30; 3]));
        picture.save(data.join(format!("{i}.png"))).unwrap();
    }
    fs::write(data.join(format!("{NAME}.png")), b"no picture").unwrap();
    let flags = ["--dataset", "folder", "--arch", "dcgan32-small", "--batch-size", "8", "--max-steps", "3"];
    let places = ["--data-dir", NAME, "--output-dir", NAME, "--checkpoint-dir", NAME];
    let (text, code) = run(&folder, &[&flags[..], &places].concat());
    assert_eq!(code, 0, "{text}");
    let (missing, _) = run(&folder, &["sample", "--checkpoint", &format!("{NAME}2")]);
    let (wrong, _) = run(&folder, &["--arch", NAME]);
    for said in [&text, &missing, &wrong] {
        assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
    }
    let broken = format!("{ESCAPED}.png");
    for part in ["skipped image 1: ", &broken, "state", "next: "] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    assert!(missing.contains(&format!("{ESCAPED}2")), "{missing}");
}
