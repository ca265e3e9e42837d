//! The command to type after a run.

use std::env;

use dcgan_train::run::error::TrainError;
use dcgan_train::run::{Ending, Outcome};

/// What to type after a run.
pub(super) fn next_command(outcome: &Outcome) -> String {
    match outcome.ending {
        Ending::Complete => {
            let generator = outcome.generator.to_string_lossy();
            let words = ["dcgan-export", "--checkpoint", &generator, "--output", "generator.onnx"];
            format!("next: {}", shell(words))
        }
        Ending::Interrupted(_) => format!("to go on: {}", resume_command(None)),
    }
}

/// What can be done with the states that a failed run left.
pub(super) fn kept_hint(error: &TrainError) -> String {
    match error {
        // As it was, it would come to the same end again.
        TrainError::Collapsed { rollbacks: 0, .. } => {
            let command = resume_command(Some("rollback"));
            format!("the run's states are kept; resume from a good one with: {command}")
        }
        _ => format!("the run's last state is kept; resume from it with: {}", resume_command(None)),
    }
}

/// The command that goes on with this run, with another value of `--on-collapse` if there is one.
fn resume_command(on_collapse: Option<&str>) -> String {
    let words = env::args_os().map(|word| word.to_string_lossy().into_owned());
    resumed(words.collect(), on_collapse)
}

fn resumed(mut words: Vec<String>, on_collapse: Option<&str>) -> String {
    words.retain(|word| !["--resume", "--allow-changed-data", "--overwrite"].contains(&word.as_str()));
    let mut more = vec!["--resume"];
    if let Some(choice) = on_collapse {
        const SPELLINGS: [&str; 2] = ["--on-collapse", "--on_collapse"];
        words.retain(|word| !SPELLINGS.iter().any(|flag| word.starts_with(&format!("{flag}="))));
        while let Some(at) = words.iter().position(|word| SPELLINGS.contains(&word.as_str())) {
            // With its value, which clap has seen there.
            words.drain(at..words.len().min(at + 2));
        }
        more.extend(["--on-collapse", choice]);
    }
    shell(words.iter().map(String::as_str).chain(more))
}

/// Words as a shell takes them.
fn shell<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    // No argument of a process has the byte 0 in it, which is all that cannot be quoted.
    shlex::try_join(words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_goes_on_names_each_flag_once() {
        let resumed =
            |words: &str, on_collapse| resumed(words.split(' ').map(str::to_owned).collect(), on_collapse);
        let rollback = Some("rollback");
        for words in [
            "dcgan-train --seed 1",
            "dcgan-train --on-collapse stop --seed 1",
            "dcgan-train --seed 1 --on-collapse=continue --overwrite",
            "dcgan-train --on_collapse rollback --seed 1 --resume",
        ] {
            let expected = "dcgan-train --seed 1 --resume --on-collapse rollback";
            assert_eq!(resumed(words, rollback), expected, "{words}");
        }
        let kept = resumed("dcgan-train --on-collapse rollback --overwrite", None);
        assert_eq!(kept, "dcgan-train --on-collapse rollback --resume");
    }
}
