//! A run that was stopped goes on as if it had not been.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use dcgan_core::archive::Archive;
use tempfile::TempDir;

mod common;

use common::{
    FOLDER, SHAPES, assert_same_results, fails, names, pictures, results, run, state_path, states, train,
};

/// Two broken images, short last batches, ends of epochs, intervals and the steps between them.
#[test]
fn a_run_in_parts_gives_the_bytes_of_the_whole() {
    let whole = pictures();
    let until = ["--num-epochs", "4", "--save-interval", "2"];
    train(whole.path(), &[&FOLDER, &until]);
    let parts = pictures();
    train(parts.path(), &[&FOLDER, &until, &["--max-steps", "1"]]);
    for steps in ["3", "5", "6", "7"] {
        let text = train(parts.path(), &[&FOLDER, &until, &["--max-steps", steps, "--resume"]]);
        assert!(text.contains("going on from checkpoints/state_"), "{text}");
    }
    let text = train(parts.path(), &[&FOLDER, &until, &["--resume", "--threads", "1"]]);
    assert!(text.contains("going on from checkpoints/state_7.safetensors: epoch 3, step 7"), "{text}");
    assert!(!text.contains("skipped image"), "both were reported before:\n{text}");
    assert_same_results(parts.path(), whole.path());
}

#[test]
fn the_network_of_64_pixels_goes_on_to_the_same_bytes() {
    let arguments = ["--dataset", "shapes", "--arch", "dcgan64-small", "--batch-size", "4"];
    let folders = [(); 2].map(|()| TempDir::new().unwrap());
    train(folders[0].path(), &[&arguments, &["--max-steps", "4"]]);
    train(folders[1].path(), &[&arguments, &["--max-steps", "2"]]);
    train(folders[1].path(), &[&arguments, &["--max-steps", "4", "--resume"]]);
    assert_same_results(folders[1].path(), folders[0].path());
}

/// Steps of several batches, the last of an epoch with fewer, the vectors of spectral normalisation, the mean weights.
#[test]
fn other_ways_to_train_go_on_to_the_same_bytes_too() {
    let arguments = ["--num-epochs", "2", "--d-steps", "2", "--spectral-norm", "--lr-d", "0.0004", "--flip"];
    let means = ["--ema", "0.9", "--augment", "color"];
    let folders = [(); 2].map(|()| pictures());
    train(folders[0].path(), &[&FOLDER, &arguments, &means]);
    train(folders[1].path(), &[&FOLDER, &arguments, &means, &["--max-steps", "3"]]);
    train(folders[1].path(), &[&FOLDER, &arguments, &means, &["--resume"]]);
    assert_same_results(folders[1].path(), folders[0].path());
}

/// Where the learning rates fall depends on the end of the run: a signal does not move it, another limit does.
#[test]
fn another_end_is_refused_where_the_learning_rates_fall_towards_it() {
    let folder = TempDir::new().unwrap();
    let falling = ["--lr-decay-from", "0.5"];
    train(folder.path(), &[&SHAPES, &falling, &["--max-steps", "2"]]);
    let expected = ["--max-steps was 2 and is 3 now"];
    fails(folder.path(), &[&SHAPES, &falling, &["--max-steps", "3", "--resume"]], &expected);
}

/// What the state has to have: without any of it, the numbers would differ.
#[test]
fn a_state_is_more_than_the_networks() {
    let folder = TempDir::new().unwrap();
    train(folder.path(), &[&SHAPES, &["--max-steps", "2"]]);
    let bytes = fs::read(state_path(folder.path(), 2)).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for name in [
        "generator.tconv1.weight",
        "generator.bn1.running_var",
        "generator.bn1.num_batches_tracked",
        "discriminator.conv1.weight",
        "adam_g.exp_avg.tconv1.weight",
        "adam_g.exp_avg_sq.tconv1.weight",
        "adam_d.exp_avg.conv1.weight",
        "adam_d.step",
        "history.losses",
    ] {
        assert!(file.tensor(name).is_ok(), "{name} is not in {:?}", file.names());
    }
    assert_eq!(file.tensor("adam_d.step").unwrap().data(), 2_i64.to_le_bytes());
    assert_eq!(file.tensor("history.losses").unwrap().shape(), [2, 2]);
}

#[test]
fn flags_that_would_change_the_run_are_named_with_both_values() {
    let folder = TempDir::new().unwrap();
    train(folder.path(), &[&SHAPES, &["--max-steps", "2"]]);
    let before = results(folder.path());
    for (flag, old, new) in [
        ("--batch-size", "8", "4"),
        ("--learning-rate", "0.0002", "0.001"),
        ("--beta1", "0.5", "0.4"),
        ("--seed", "0", "1"),
        ("--dataset", "shapes", "cifar10"),
        ("--arch", "dcgan32-small", "dcgan64-small"),
    ] {
        // The last one counts.
        let mut arguments = SHAPES.to_vec();
        arguments.retain(|word| *word != flag && *word != old);
        let expected = format!("{flag} was {old} and is {new} now");
        fails(folder.path(), &[&arguments, &[flag, new, "--resume"]], &[&expected, "--checkpoint-dir"]);
    }
    assert!(results(folder.path()) == before && states(folder.path()) == [2], "nothing is changed");
    let fine = ["--save-interval", "3", "--threads", "1", "--cache-mib", "5", "--keep", "7", "--quiet"];
    train(folder.path(), &[&SHAPES, &fine, &["--resume", "--max-steps", "3", "--output-dir", "other"]]);
    assert_eq!(states(folder.path()), [2, 3]);
}

#[test]
fn data_of_another_size_is_refused() {
    let folder = pictures();
    train(folder.path(), &[&FOLDER, &["--max-steps", "2"]]);
    fs::remove_file(folder.path().join("data/7.png")).unwrap();
    let change =
        "the dataset folder in data had 22 images when the run began and has 21 now: 1 file is gone (7.png)";
    let before = results(folder.path());
    fails(folder.path(), &[&FOLDER, &["--resume"]], &[change, "--allow-changed-data"]);
    assert!(results(folder.path()) == before, "nothing is changed");
    // The broken images are found anew, under their new numbers, and there are 19 others.
    let text = train(folder.path(), &[&FOLDER, &["--resume", "--allow-changed-data", "--num-epochs", "2"]]);
    assert!(text.contains(&format!("warning: {change}\n")), "{text}");
    assert!(text.contains("folder: 19 images, 3 steps an epoch"), "{text}");
    assert_eq!(text.matches("skipped image").count(), 2, "{text}");
    let again = train(folder.path(), &[&FOLDER, &["--resume", "--num-epochs", "3"]]);
    assert!(
        !again.contains("warning") && !again.contains("skipped image"),
        "these are its data now:\n{again}"
    );
}

/// The same number of images, and names and sizes that are the same but for one.
#[test]
fn other_files_of_the_same_number_are_refused_by_name() {
    let folder = pictures();
    let path = |name: &str| folder.path().join("data").join(name);
    train(folder.path(), &[&FOLDER, &["--max-steps", "2"]]);
    let expected = "the dataset folder in data has changed since the run began: ";
    fs::rename(path("7.png"), path("7a.png")).unwrap();
    let renamed = format!("{expected}1 file is gone (7.png), 1 file is new (7a.png); ");
    fails(folder.path(), &[&FOLDER, &["--resume"]], &[&renamed, "--allow-changed-data"]);
    fs::rename(path("7a.png"), path("7.png")).unwrap();
    let bytes = fs::read(path("7.png")).unwrap();
    fs::write(path("7.png"), [&bytes[..], b"more"].concat()).unwrap();
    let sizes = format!("7.png: {} bytes before, {} now", bytes.len(), bytes.len() + 4);
    fails(folder.path(), &[&FOLDER, &["--resume"]], &[&format!("{expected}1 file is changed ({sizes})")]);
    fs::write(path("7.png"), &bytes).unwrap();
    let text = train(folder.path(), &[&FOLDER, &["--resume", "--max-steps", "3"]]);
    assert!(!text.contains("warning"), "{text}");
}

/// Archives are told by their contents: here one byte of one image, in a file of the same name and size.
#[test]
fn another_byte_of_an_archive_is_noticed() {
    let cifar = ["--dataset", "cifar10", "--arch", "dcgan32-small", "--batch-size", "4", "--no-download"];
    let mnist = ["--dataset", "mnist", "--arch", "dcgan32-gray", "--batch-size", "4", "--no-download"];
    let header = [0x803_u32, 8, 28, 28].map(u32::to_be_bytes).concat();
    let noise = |len: u64| (0..len).map(|i| (i * i / 7 % 251) as u8).collect::<Vec<_>>();
    for (arguments, name, bytes, part) in [
        (cifar, "data_batch_1.bin", noise(8 * 3073), "data_batch_1.bin: other contents"),
        (mnist, "train-images-idx3-ubyte", [header, noise(8 * 784)].concat(), "the images: other contents"),
    ] {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        let (path, mut bytes) = (folder.path().join("data").join(name), bytes);
        fs::write(&path, &bytes).unwrap();
        train(folder.path(), &[&arguments, &["--max-steps", "1"]]);
        train(folder.path(), &[&arguments, &["--max-steps", "2", "--resume"]]);
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, &bytes).unwrap();
        fails(folder.path(), &[&arguments, &["--max-steps", "3", "--resume"]], &[part]);
        let allowed = ["--max-steps", "3", "--resume", "--allow-changed-data"];
        assert!(train(folder.path(), &[&arguments, &allowed]).contains(part));
    }
}

/// A state as it was before it had a fingerprint, and before EXIF orientation was applied.
#[test]
fn a_state_of_an_earlier_version_still_loads() {
    let folder = pictures();
    train(folder.path(), &[&FOLDER, &["--max-steps", "2"]]);
    let path = state_path(folder.path(), 2);
    let mut archive = Archive::load("dcgan_state", &path).unwrap();
    for key in ["fingerprint", "schedule_steps"] {
        assert!(archive.description.as_object_mut().unwrap().remove(key).is_some(), "{key}");
    }
    archive.description["options"].as_object_mut().unwrap().remove("no_exif_orientation").unwrap();
    // It knew one of the two broken images.
    archive.description["position"]["broken"] = serde_json::json!([5]);
    archive.save("dcgan_state", &path).unwrap();
    let text = train(folder.path(), &[&FOLDER, &["--max-steps", "3", "--resume", "--no-exif-orientation"]]);
    assert_eq!(text.matches("the state is of an earlier version").count(), 1, "{text}");
    assert!(text.contains("folder: 20 images, 3 steps an epoch"), "{text}");
    let whole = pictures();
    train(whole.path(), &[&FOLDER, &["--max-steps", "3"]]);
    let generator = |folder: &Path| {
        let bytes = fs::read(folder.join("checkpoints/generator_final.safetensors")).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        file.iter()
            .map(|(name, tensor)| (name.to_owned(), tensor.data().to_vec()))
            .collect::<BTreeMap<_, _>>()
    };
    assert!(generator(folder.path()) == generator(whole.path()), "the images come in the same order");
}

#[test]
fn without_a_state_it_says_what_was_looked_for_where() {
    let folder = TempDir::new().unwrap();
    let expected = ["no state_<step>.safetensors in runs/a", "--checkpoint-dir"];
    fails(folder.path(), &[&SHAPES, &["--resume", "--checkpoint-dir", "runs/a"]], &expected);
    assert_eq!(names(folder.path()), [""; 0], "nothing is written");
}

#[test]
fn a_damaged_state_gives_way_to_the_one_before() {
    let (folder, whole) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    // A state after every step.
    train(folder.path(), &[&SHAPES, &["--max-steps", "4", "--state-minutes", "1e-9"]]);
    assert_eq!(states(folder.path()), [2, 3, 4]);
    let newest = fs::read(state_path(folder.path(), 4)).unwrap();
    fs::write(state_path(folder.path(), 4), &newest[..newest.len() / 2]).unwrap();
    let mut flipped = fs::read(state_path(folder.path(), 3)).unwrap();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 16;
    fs::write(state_path(folder.path(), 3), &flipped).unwrap();
    let text = train(folder.path(), &[&SHAPES, &["--max-steps", "5", "--resume", "--quiet"]]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.starts_with("warning: ")), "{text}");
    assert!(lines[0].contains("state_4.safetensors is not a whole safetensors file"), "{text}");
    assert!(lines[1].contains("state_3.safetensors is damaged"), "{text}");
    assert!(lines[1].ends_with("going on from checkpoints/state_2.safetensors"), "{text}");
    train(whole.path(), &[&SHAPES, &["--max-steps", "5"]]);
    assert_same_results(folder.path(), whole.path());

    for step in states(folder.path()) {
        fs::write(state_path(folder.path(), step), b"hello").unwrap();
    }
    fails(folder.path(), &[&SHAPES, &["--resume"]], &["state_5.safetensors", "not a whole safetensors file"]);
    assert_same_results(folder.path(), whole.path());
}

/// What a killed run wrote after its last state, whole lines and a part of one.
#[test]
fn metrics_after_the_state_are_forgotten_and_another_folder_begins_anew() {
    let (folder, whole) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    train(folder.path(), &[&SHAPES, &["--max-steps", "2"]]);
    let path = folder.path().join("outputs/metrics.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let again = text.lines().next().unwrap();
    fs::write(&path, format!("{text}{again}\n{}", &again[..20])).unwrap();
    let text = train(folder.path(), &[&SHAPES, &["--max-steps", "3", "--resume"]]);
    assert!(!text.contains("begins after step"), "{text}");
    train(whole.path(), &[&SHAPES, &["--max-steps", "3"]]);
    assert_same_results(folder.path(), whole.path());

    let other = ["--max-steps", "4", "--resume", "--output-dir", "other"];
    let text = train(folder.path(), &[&SHAPES, &other]);
    assert!(text.contains("other/metrics.jsonl begins after step 3"), "{text}");
    assert_eq!(fs::read_to_string(folder.path().join("other/metrics.jsonl")).unwrap().lines().count(), 1);
}

#[test]
fn a_complete_run_is_left_as_it_is_and_a_new_one_replaces_it() {
    let folder = TempDir::new().unwrap();
    let arguments: &[&[&str]] = &[&SHAPES, &["--max-steps", "3", "--state-minutes", "1e-9"]];
    train(folder.path(), arguments);
    let before = results(folder.path());
    // As a kill between the last state and the networks would have left it.
    fs::remove_file(folder.path().join("checkpoints/generator_final.safetensors")).unwrap();
    train(folder.path(), &[arguments, &[&["--resume"]]].concat());
    assert!(results(folder.path()) == before);
    let text = train(folder.path(), &[&SHAPES, &["--max-steps", "1"]]);
    assert!(text.contains("replacing an earlier run in checkpoints, which came to step 3"), "{text}");
    assert_eq!(states(folder.path()), [1], "nothing is left that --resume could take for this run's");
}

#[test]
fn a_run_that_did_not_end_is_not_replaced_by_accident() {
    let folder = TempDir::new().unwrap();
    let often = ["--max-steps", "2", "--state-minutes", "1e-9"];
    train(folder.path(), &[&SHAPES, &often]);
    // What is left is a state from the midst of the run, as a kill leaves it.
    fs::remove_file(state_path(folder.path(), 2)).unwrap();
    let expected = ["checkpoints has the states of a run", "step 1", "--resume", "--overwrite"];
    fails(folder.path(), &[&SHAPES], &expected);
    assert_eq!(states(folder.path()), [1]);
    fails_as_usage(folder.path(), &["--resume", "--overwrite"]);
    train(folder.path(), &[&SHAPES, &["--max-steps", "2", "--overwrite"]]);
    assert_eq!(states(folder.path()), [2]);
}

fn fails_as_usage(folder: &Path, arguments: &[&str]) {
    let (text, code) = run(folder, &[arguments]);
    assert_eq!(code, 2, "{text}");
}

#[test]
fn the_newest_states_are_kept_and_leftovers_cleared_away() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("checkpoints")).unwrap();
    fs::write(folder.path().join("checkpoints/.writing-abc"), b"of a run that was killed").unwrap();
    let text =
        train(folder.path(), &[&SHAPES, &["--max-steps", "5", "--state-minutes", "1e-9", "--keep", "2"]]);
    assert_eq!(states(folder.path()), [4, 5], "{text}");
    assert!(!names(&folder.path().join("checkpoints")).iter().any(|name| name.starts_with('.')));
    train(folder.path(), &[&SHAPES, &["--max-steps", "6", "--resume", "--keep", "1"]]);
    assert_eq!(states(folder.path()), [6]);
}

#[test]
fn a_run_ends_with_where_everything_is_and_what_to_type_next() {
    let folder = TempDir::new().unwrap();
    let text = train(folder.path(), &[&SHAPES, &["--max-steps", "2"]]);
    let summary: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("done: ")).collect();
    assert!(summary[0].starts_with("done: 2 steps, 16 images in 00:"), "{text}");
    let expected = [
        "  generator  checkpoints/generator_final.safetensors",
        "  state      checkpoints/state_2.safetensors",
        "  samples    outputs/generated_epoch_1.png",
        "  losses     outputs/training_loss.png",
        "  metrics    outputs/metrics.jsonl",
        "next: dcgan-export --checkpoint checkpoints/generator_final.safetensors --output generator.onnx",
    ];
    assert_eq!(summary[1..], expected, "{text}");
}
