//! The options of training as a person uses them: each alters the run, and the checkpoint says which there were.

use std::fs;

use assert_cmd::Command;
use dcgan_core::TensorData;
use dcgan_core::checkpoint::Checkpoint;
use dcgan_core::spec::NetworkSpec;
use serde_json::json;
use tempfile::TempDir;

/// A run in a folder of its own; what it printed and its exit code.
fn run(folder: &TempDir, arguments: &[&str]) -> (String, i32) {
    let mut command = Command::cargo_bin("dcgan-train").unwrap();
    let small = ["--arch", "dcgan32-small", "--batch-size", "8"];
    let output = command.current_dir(folder.path()).args(small).args(arguments).output().unwrap();
    (String::from_utf8(output.stderr).unwrap(), output.status.code().unwrap())
}

/// What a run on drawn pictures leaves in `{network}_final.safetensors`.
fn trained(network: &str, arguments: &[&str]) -> Checkpoint {
    let folder = TempDir::new().unwrap();
    let (text, code) = run(&folder, &[&["--dataset", "shapes"], arguments].concat());
    assert_eq!(code, 0, "{arguments:?}:\n{text}");
    Checkpoint::load(&folder.path().join(format!("checkpoints/{network}_final.safetensors"))).unwrap()
}

/// A folder with 20 pictures: three batches an epoch, the last one of 4.
fn pictures() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    for i in 0..20u8 {
        let picture = image::RgbImage::from_fn(32, 32, |x, y| image::Rgb([i * 10, x as u8 * 6, y as u8 * 5]));
        picture.save(folder.path().join(format!("data/{i}.png"))).unwrap();
    }
    folder
}

#[test]
fn a_step_takes_a_batch_for_each_update_and_an_epoch_shows_each_image_once() {
    let folder = pictures();
    let epochs = ["--dataset", "folder", "--num-epochs", "3", "--d-steps"];
    let (text, code) = run(&folder, &[&epochs[..], &["2"]].concat());
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("2 steps an epoch, 16 images a step"), "{text}");
    let path = folder.path().join("checkpoints/generator_final.safetensors");
    let record = Checkpoint::load(&path).unwrap().record;
    assert_eq!((record.steps, record.images_seen, &record.options["d_steps"]), (6, 60, &json!(2)));
    let metrics = fs::read_to_string(folder.path().join("outputs/metrics.jsonl")).unwrap();
    let seen = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["images_seen"].clone();
    assert_eq!(metrics.lines().map(seen).collect::<Vec<_>>(), [16, 20, 36, 40, 56, 60]);

    let (text, code) = run(&folder, &[&epochs[..], &["4"]].concat());
    let message =
        "--d-steps 4: an epoch of the dataset folder in data has 3 batches, use --d-steps 3 or less";
    assert!(code == 1 && text.contains(message), "{text}");
}

#[test]
fn learning_rates_are_those_of_each_network_and_of_each_step() {
    let steps = |more: &[&str]| trained("generator", &[&["--max-steps", "4"], more].concat());
    let plain = steps(&[]);
    assert_eq!(plain.record.options["lr_decay_from"], json!(null));
    // The last quarter of four steps is the last one: it begins to fall, from the whole rate, when it is made.
    for same in [&["--lr-d", "0.0002", "--lr-g", "0.0002"][..], &["--lr-decay-from", "0.75"]] {
        assert!(steps(same).tensors == plain.tensors, "{same:?}");
    }
    for (flags, option) in [
        (["--lr-d", "0.001"], ("lr_d", 0.001)),
        (["--lr-g", "0.001"], ("lr_g", 0.001)),
        (["--lr-decay-from", "0.5"], ("lr_decay_from", 0.5)),
    ] {
        let other = steps(&flags);
        assert!(other.tensors != plain.tensors, "{flags:?}");
        assert_eq!(other.record.options[option.0], json!(option.1));
    }
}

#[test]
fn losses_and_labels_alter_the_run() {
    let plain = trained("generator", &["--max-steps", "2"]);
    for (flags, option) in [
        (["--g-loss", "minimax"], ("g_loss", json!("minimax"))),
        (["--real-label", "1"], ("real_label", json!(1.0))),
        (["--fake-label", "0"], ("fake_label", json!(0.0))),
    ] {
        let other = trained("generator", &[&["--max-steps", "2"], &flags[..]].concat());
        assert!(other.tensors != plain.tensors, "{flags:?}");
        assert_eq!(other.record.options[option.0], option.1);
        assert_ne!(plain.record.options[option.0], option.1);
    }
}

#[test]
fn a_spectrally_normalised_discriminator_is_saved_with_its_vectors() {
    let checkpoint = trained("discriminator", &["--max-steps", "2", "--spectral-norm"]);
    assert!(matches!(&checkpoint.spec, NetworkSpec::Discriminator(spec) if spec.spectral_norm));
    assert_eq!(checkpoint.record.options["spectral_norm"], json!(true));
    assert!(
        checkpoint.tensors.contains_key("conv3.weight_u") && checkpoint.tensors.contains_key("fc.weight_v")
    );
}

#[test]
fn the_mean_of_the_generators_weights_has_files_of_its_own() {
    let folder = TempDir::new().unwrap();
    let flags = ["--dataset", "shapes", "--max-steps", "3", "--ema", "0.9"];
    let (text, code) = run(&folder, &flags);
    assert!(code == 0 && text.contains("saved checkpoints/generator_ema_final.safetensors"), "{text}");
    let load = |name: &str| Checkpoint::load_generator(&folder.path().join(name)).unwrap().1;
    let [last, mean] =
        ["final", "ema_final"].map(|when| load(&format!("checkpoints/generator_{when}.safetensors")));
    // Training does not notice.
    assert!(last.tensors == trained("generator", &["--max-steps", "3"]).tensors);
    assert_eq!(mean.record.options["ema"], json!(0.9));
    assert!(mean.tensors["fc.weight"] != last.tensors["fc.weight"]);

    // Its statistics are those of the command, which the folder is enough for.
    let command = |arguments: &[&str]| {
        let mut command = Command::cargo_bin("dcgan-train").unwrap();
        let output = command.current_dir(folder.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let printed = command(&["recalibrate", "--checkpoint", "checkpoints", "--output", "mean.safetensors"]);
    let chosen = "taking checkpoints/generator_ema_final.safetensors: the mean of the generator's weights";
    assert!(printed.contains(chosen) && printed.contains("4096 latents"), "{printed}");
    assert!(load("mean.safetensors").tensors == mean.tensors);
    let printed = command(&["sample", "--checkpoint", "checkpoints", "--num-images", "64"]);
    assert!(printed.contains(chosen) && printed.contains("wrote generated.png"), "{printed}");
    // So is its grid, beside that of the last weights.
    let picture = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(picture("generated.png") == picture("outputs/generated_ema_epoch_1.png"));
    assert!(picture("generated.png") != picture("outputs/generated_epoch_1.png"));
}

#[test]
fn a_generators_statistics_are_computed_anew() {
    let folder = TempDir::new().unwrap();
    let (text, code) = run(&folder, &["--dataset", "shapes", "--max-steps", "3"]);
    assert_eq!(code, 0, "{text}");
    let input = "checkpoints/generator_final.safetensors";
    let load = |name: &str| Checkpoint::load_generator(&folder.path().join(name)).unwrap().1;
    let recalibrated = |batches: &str, output: &str| {
        let mut command = Command::cargo_bin("dcgan-train").unwrap();
        command.current_dir(folder.path()).args(["recalibrate", "--checkpoint", input]);
        command.args(["--batches", batches, "--output", output]).assert()
    };
    for output in ["a.safetensors", "b.safetensors"] {
        recalibrated("3", output).success();
    }
    let (before, after) = (load(input), load("a.safetensors"));
    assert!(after.tensors == load("b.safetensors").tensors);
    for (name, data) in &after.tensors {
        let is_statistic = name.contains("running") || name.ends_with("num_batches_tracked");
        assert_eq!(*data != before.tensors[name], is_statistic, "{name}");
    }
    assert_eq!(after.tensors["bn1.num_batches_tracked"], TensorData::Count(3));
    assert_eq!(after.record.options["recalibrated_batches"], json!(3));
    recalibrated("2", input).code(1);
    recalibrated("0", "c.safetensors").code(2);
    assert!(load(input).tensors == before.tensors);
}

/// Of 20 pictures that are no mirror images of themselves.
#[test]
fn mirrored_and_changed_images_alter_the_run() {
    let folder = pictures();
    let weights = |more: &[&str]| {
        let flags = ["--dataset", "folder", "--max-steps", "2"];
        let (text, code) = run(&folder, &[&flags[..], more].concat());
        assert_eq!(code, 0, "{text}");
        Checkpoint::load(&folder.path().join("checkpoints/discriminator_final.safetensors")).unwrap()
    };
    let plain = weights(&[]);
    let mut seen = vec![plain.tensors];
    for flags in [
        &["--flip"][..],
        &["--augment", "color"],
        &["--augment", "translation"],
        &["--augment", "cutout"],
        &["--augment", "cutout,color,translation"],
    ] {
        let other = weights(flags);
        assert!(!seen.contains(&other.tensors), "{flags:?} changes nothing");
        assert!(weights(flags).tensors == other.tensors, "{flags:?} is not repeated");
        seen.push(other.tensors);
        if let [_, policy] = flags {
            let ordered = if policy.contains(',') { "color,translation,cutout" } else { policy };
            assert_eq!(other.record.options["augment"], json!(ordered));
        } else {
            assert_eq!(other.record.options["flip"], json!(true));
        }
    }
}
