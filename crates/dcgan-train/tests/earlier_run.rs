//! A new run in the folders of an earlier one: nothing of that one passes for its own, and nothing else is removed.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

mod common;

use common::{
    FOLDER, SHAPES, assert_same_results, fails, names, pictures, results, run, state_path, states, train,
};

const LONG: [&str; 9] =
    ["--num-epochs", "2", "--save-interval", "1", "--metric-every", "1", "--ema", "0.9", "--tensorboard"];
const SHORT: [&str; 4] = ["--num-epochs", "1", "--save-interval", "1"];

/// Files of a run's folders, each with its folder.
fn all(folder: &Path) -> Vec<String> {
    let of = |part: &str| {
        let part = part.to_owned();
        names(&folder.join(&part)).into_iter().map(move |name| format!("{part}/{name}"))
    };
    of("checkpoints").chain(of("outputs")).collect()
}

#[test]
fn a_shorter_run_has_the_files_of_a_run_in_a_new_folder_and_those_of_others_stay() {
    let (folder, fresh) = (pictures(), pictures());
    train(folder.path(), &[&FOLDER, &LONG]);
    let events = folder.path().join("outputs/tensorboard");
    let counts = [
        names(&folder.path().join("checkpoints")).len(),
        // Neither the settings nor the folder of event files is removed, but the event file is.
        names(&folder.path().join("outputs")).len() - 2 + names(&events).len(),
    ];
    let others = [
        "checkpoints/mine.safetensors",
        "checkpoints/generator_epoch_007.safetensors",
        "outputs/generated_epoch_1.jpg",
        "outputs/tensorboard/events.out.tfevents.1700000000.host.1.0",
    ];
    others.iter().for_each(|name| fs::write(folder.path().join(name), b"another's").unwrap());

    let text = train(folder.path(), &[&FOLDER, &SHORT]);
    let [checkpoints, outputs] = counts;
    let expected =
        format!("removed the files of an earlier run: {checkpoints} in checkpoints, {outputs} in outputs");
    assert!(text.lines().any(|line| line == expected), "expected {expected:?}:\n{text}");
    train(fresh.path(), &[&FOLDER, &SHORT]);
    for name in others {
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), b"another's", "{name}");
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    assert_eq!(names(&events), [""; 0]);
    fs::remove_dir(events).unwrap();
    assert_eq!(all(folder.path()), all(fresh.path()));
    assert_same_results(folder.path(), fresh.path());
    let text = train(TempDir::new().unwrap().path(), &[&SHAPES, &["--max-steps", "1"]]);
    assert!(!text.contains("removed"), "there is nothing to remove in new folders:\n{text}");
}

#[test]
fn a_run_that_cannot_start_costs_the_earlier_one_nothing() {
    let folder = pictures();
    train(folder.path(), &[&FOLDER, &SHORT]);
    let (before, networks) = (results(folder.path()), states(folder.path()));
    fs::create_dir(folder.path().join("broken")).unwrap();
    fs::write(folder.path().join("broken/1.png"), b"no picture").unwrap();
    let (text, code) = run(folder.path(), &[&FOLDER, &["--learning-rate", "0", "--overwrite"]]);
    assert_eq!(code, 2, "{text}");
    for (flags, said) in [
        (&["--batch-size", "23"][..], "--batch-size 23"),
        (&["--batch-size", "8", "--data-dir", "nowhere"], "nowhere"),
        (&["--batch-size", "8", "--d-steps", "1000"], "--d-steps 1000"),
        (&["--batch-size", "1", "--data-dir", "broken"], "broken/1.png"),
    ] {
        fails(folder.path(), &[&FOLDER[..4], &["--overwrite"], flags], &[said]);
    }
    // A plot could not be drawn there.
    let plot = folder.path().join("outputs/training_loss.png");
    let picture = fs::read(&plot).unwrap();
    fs::remove_file(&plot).unwrap();
    fs::create_dir(&plot).unwrap();
    fails(folder.path(), &[&FOLDER, &["--overwrite"]], &["outputs/training_loss.png"]);
    fs::remove_dir(&plot).unwrap();
    fs::write(&plot, picture).unwrap();
    assert!(results(folder.path()) == before && states(folder.path()) == networks);
}

/// Whether that run came to its end is not known.
#[test]
fn networks_without_a_state_are_replaced_only_if_that_is_asked_for() {
    let folder = TempDir::new().unwrap();
    train(folder.path(), &[&SHAPES, &["--max-steps", "2"]]);
    fs::remove_file(state_path(folder.path(), 2)).unwrap();
    let before = results(folder.path());
    let expected =
        ["checkpoints/discriminator_final.safetensors is a network of an earlier run", "--overwrite"];
    fails(folder.path(), &[&SHAPES, &["--max-steps", "1"]], &expected);
    assert!(results(folder.path()) == before);
    let text = train(folder.path(), &[&SHAPES, &["--max-steps", "1", "--overwrite"]]);
    assert!(text.contains("removed the files of an earlier run: 2 in checkpoints, "), "{text}");
}

/// Of a run whose checkpoints are elsewhere.
#[test]
fn pictures_of_another_run_are_removed_and_its_checkpoints_stay() {
    let folder = TempDir::new().unwrap();
    train(folder.path(), &[&SHAPES, &["--max-steps", "2"]]);
    let text = train(folder.path(), &[&SHAPES, &["--max-steps", "1", "--checkpoint-dir", "other"]]);
    // Its metrics, real images, two grids, plot and animation.
    assert!(text.lines().any(|line| line == "removed the files of an earlier run: 6 in outputs"), "{text}");
    assert!(states(folder.path()) == [2] && folder.path().join("other/state_1.safetensors").exists());
}

/// What a link leads to is not the run's: only the link is removed.
#[cfg(unix)]
#[test]
fn a_link_under_a_runs_name_is_removed_without_the_file_that_it_leads_to() {
    let folder = TempDir::new().unwrap();
    train(folder.path(), &[&SHAPES, &["--max-steps", "2"]]);
    let (link, file) = (folder.path().join("outputs/generated_epoch_9.png"), folder.path().join("mine.png"));
    fs::write(&file, b"another's").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    train(folder.path(), &[&SHAPES, &["--max-steps", "1"]]);
    assert!(!link.is_symlink() && fs::read(&file).unwrap() == b"another's");
}
