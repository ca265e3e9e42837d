//! What ends a run from outside: signals, kills, a full disk, and another run in the same place.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dcgan_core::rng::Rng;
use tempfile::TempDir;

mod common;

use common::{SHAPES, assert_same_results, fails, names, program, run, state_path, states, train};

/// Many steps, of which a state is saved every few.
const ENDLESS: [&str; 2] = ["--state-minutes", "0.002"];

fn start(folder: &Path, arguments: &[&[&str]]) -> Child {
    program(folder, arguments).stderr(Stdio::piped()).spawn().unwrap()
}

fn wait_for(what: &str, is_there: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_there() {
        assert!(start.elapsed() < Duration::from_secs(120), "waiting for {what}");
        sleep(Duration::from_millis(10));
    }
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
    assert!(status.success(), "kill {name}");
}

/// The run to this step, in one piece.
fn uninterrupted(steps: u64) -> TempDir {
    let folder = TempDir::new().unwrap();
    train(folder.path(), &[&SHAPES, &["--max-steps", &steps.to_string()]]);
    folder
}

#[test]
fn a_signal_ends_a_run_after_its_step_and_it_goes_on_to_the_same_bytes() {
    for (name, said, code) in [("-INT", "stopped by Ctrl-C: ", 130), ("-TERM", "stopped by SIGTERM: ", 143)] {
        let folder = TempDir::new().unwrap();
        let child = start(folder.path(), &[&SHAPES, &ENDLESS]);
        wait_for("a state", || !states_or_none(folder.path()).is_empty());
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(said), "{text}");
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("to go on: ") && last.ends_with("--state-minutes 0.002 --resume"), "{text}");
        assert!(folder.path().join("checkpoints/generator_final.safetensors").exists());
        let steps = states(folder.path()).last().unwrap() + 2;
        train(folder.path(), &[&SHAPES, &["--resume", "--max-steps", &steps.to_string()]]);
        assert_same_results(folder.path(), uninterrupted(steps).path());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_terminal_ends_a_run_with_its_state_saved_but_not_one_that_ignores_it() {
    let folder = TempDir::new().unwrap();
    let last = || states_or_none(folder.path()).last().copied();
    // The tests may run under nohup themselves, and what is ignored is handed on.
    let program = assert_cmd::cargo::cargo_bin!("dcgan-train");
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP").arg(program).args(SHAPES).args(ENDLESS);
    let child = command.current_dir(folder.path()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("a state", || last().is_some());
    signal(&child, "-HUP");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(129));

    // As nohup starts it.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(program).args(SHAPES).args(ENDLESS);
    let child = command.arg("--resume").current_dir(folder.path()).stderr(Stdio::piped()).spawn().unwrap();
    let before = last();
    wait_for("another state", || last() > before);
    signal(&child, "-HUP");
    let before = last();
    wait_for("another state", || last() > before);
    signal(&child, "-TERM");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(143));
}

#[test]
fn a_second_signal_ends_a_run_at_once() {
    let folder = TempDir::new().unwrap();
    // The step takes much longer than two signals.
    let slow = ["--dataset", "shapes", "--arch", "dcgan64", "--batch-size", "256"];
    let mut child = start(folder.path(), &[&slow]);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().starts_with("training dcgan64 ")));
    signal(&child, "-INT");
    let said = lines.find_map(|line| line.ok().filter(|line| line.starts_with("Ctrl-C: ")));
    let expected = "Ctrl-C: the run ends after this step, with its state saved; a second signal ends it at once, unsaved";
    assert_eq!(said.as_deref(), Some(expected));
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!lines.any(|line| line.unwrap().contains("stopped by")));
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let folder = TempDir::new().unwrap();
    let mut child = start(folder.path(), &[&SHAPES, &ENDLESS]);
    wait_for("a state", || !states_or_none(folder.path()).is_empty());
    let expected = ["another dcgan-train is training into checkpoints"];
    fails(folder.path(), &[&SHAPES, &["--max-steps", "1"]], &expected);
    let expected = ["another dcgan-train is training into outputs"];
    fails(folder.path(), &[&SHAPES, &["--max-steps", "1", "--checkpoint-dir", "other"]], &expected);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Kills a run at random moments, so many times, and goes on with it each time; in the end it has the bytes of a run
/// that nobody killed.
fn survives_kills(kills: u64) {
    let folder = TempDir::new().unwrap();
    let mut rng = Rng::new(kills);
    let (mut fresh, mut resumed) = (0, 0);
    for _ in 0..kills {
        let before =
            if folder.path().join("checkpoints").exists() { states(folder.path()) } else { Vec::new() };
        let begins = before.is_empty();
        let go_on: &[&str] = if begins { &[] } else { &["--resume"] };
        let mut child = start(folder.path(), &[&SHAPES, &ENDLESS, go_on]);
        // From the start of the program to some ten states later.
        sleep(Duration::from_micros(rng.below(2_500_000) as u64));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), None, "it ended before it was killed:\n{text}");
        assert!(!text.contains("warning"), "every state is whole:\n{text}");
        *(if begins { &mut fresh } else { &mut resumed }) += 1;
        assert!(before.last() <= states_or_none(folder.path()).last(), "a state was lost:\n{text}");
    }
    let last = states_or_none(folder.path()).last().copied().unwrap_or(0);
    let steps = last + 2;
    let go_on: &[&str] = if last == 0 { &[] } else { &["--resume"] };
    let text = train(folder.path(), &[&SHAPES, &["--max-steps", &steps.to_string()], go_on]);
    assert!(!text.contains("warning"), "{text}");
    assert!(!names(&folder.path().join("checkpoints")).iter().any(|name| name.starts_with(".writing")));
    assert_same_results(folder.path(), uninterrupted(steps).path());
    eprintln!(
        "{kills} kills: {fresh} of runs without a state, {resumed} of runs that went on; {steps} steps"
    );
}

fn states_or_none(folder: &Path) -> Vec<u64> {
    if folder.join("checkpoints").exists() { states(folder) } else { Vec::new() }
}

#[test]
fn a_run_survives_kills_at_random_moments() {
    survives_kills(3);
}

/// `DCGAN_KILLS=50 cargo test -p dcgan-train --test signals -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes"]
fn a_run_survives_as_many_kills_as_are_asked_for() {
    let kills = std::env::var("DCGAN_KILLS").map_or(50, |kills| kills.parse().unwrap());
    survives_kills(kills);
}

/// What a run does when a state cannot be written: it ends, and the one before is still there to go on from.
fn ends_when_full(folder: &Path, full: &mut dyn FnMut() -> (String, i32)) {
    train(folder, &[&SHAPES, &["--max-steps", "2"]]);
    let (old, networks) = (fs::read(state_path(folder, 2)).unwrap(), names(&folder.join("checkpoints")));
    let (text, code) = full();
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("cannot write checkpoints/state_4.safetensors"), "{text}");
    assert!(text.contains("or write elsewhere") && text.contains("the run's last state is kept"), "{text}");
    assert!(fs::read(state_path(folder, 2)).unwrap() == old);
    assert_eq!(names(&folder.join("checkpoints")), networks, "nothing half-written is left");
}

#[test]
fn a_file_beyond_the_limit_of_sizes_ends_a_run_and_keeps_the_state() {
    let folder = TempDir::new().unwrap();
    // 1 MiB in blocks of 512 bytes: a network fits, a state does not.
    let limited = || {
        let program = assert_cmd::cargo::cargo_bin!("dcgan-train");
        let script = "ulimit -f 2048 && exec \"$0\" \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(program).args(SHAPES).args(["--max-steps", "4", "--resume"]);
        let output = command.current_dir(folder.path()).output().unwrap();
        (String::from_utf8(output.stderr).unwrap(), output.status.code().unwrap_or(-1))
    };
    ends_when_full(folder.path(), &mut { limited });
    train(folder.path(), &[&SHAPES, &["--max-steps", "4", "--resume"]]);
    assert_same_results(folder.path(), uninterrupted(4).path());
}

/// A run whose address space has a limit, in KiB: what it says, and its exit code.
#[cfg(target_os = "linux")]
fn run_within(folder: &Path, kib: u32, arguments: &[&str]) -> (String, i32) {
    let program = assert_cmd::cargo::cargo_bin!("dcgan-train");
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -v {kib} && exec \"$0\" \"$@\"")]).arg(program).args(arguments);
    let output = command.args(["--threads", "2", "--max-steps", "1"]).current_dir(folder).output().unwrap();
    (String::from_utf8(output.stderr).unwrap(), output.status.code().unwrap_or(-1))
}

/// The batch that the message names does fit.
#[cfg(target_os = "linux")]
#[test]
fn a_batch_beyond_the_limit_of_memory_is_refused_with_one_that_fits() {
    let folder = TempDir::new().unwrap();
    let flags = |batch_size| ["--dataset", "shapes", "--arch", "dcgan32-small", "--batch-size", batch_size];
    let (text, code) = run_within(folder.path(), 600_000, &flags("5000"));
    assert_eq!(code, 1, "{text}");
    let expected = "dcgan-train: --batch-size 5000: training needs about 1.";
    let line = text.lines().find(|line| line.starts_with(expected)).unwrap_or_else(|| panic!("{text}"));
    assert!(line.contains(" MiB are left of address space (ulimit -v): use --batch-size "), "{line}");
    assert_eq!(names(folder.path()), [""; 0], "nothing is written");
    let words: Vec<&str> = line.split(' ').collect();
    let fits = words[words.len() - 3];
    assert!((100..5000).contains(&fits.parse::<u32>().unwrap()), "{line}");
    let (text, code) = run_within(folder.path(), 600_000, &flags(fits));
    assert_eq!(code, 0, "{text}");
    let (text, code) = run_within(folder.path(), 600_000, &["--dataset", "shapes", "--batch-size", "5000"]);
    assert!(code == 1 && text.contains("--batch-size 5000: training needs about 15."), "{text}");
}

/// A file system of its own, gone with the test.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(path: &'a Path, size: &str) -> Option<Self> {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(path).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success()).then_some(Self(path))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_ends_a_run_and_keeps_the_state() {
    let folder = TempDir::new().unwrap();
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let Some(_mounted) = Mounted::new(&disk, "16m") else {
        return eprintln!("skipped: only root can mount a small file system");
    };
    let filler = disk.join("filler");
    let mut full = || {
        // All but 1 MiB.
        let mut bytes = 16 << 20;
        while fs::write(&filler, vec![1; bytes]).is_err() {
            bytes -= 64 << 10;
        }
        fs::write(&filler, vec![1; bytes - (1 << 20)]).unwrap();
        run(&disk, &[&SHAPES, &["--max-steps", "4", "--resume"]])
    };
    ends_when_full(&disk, &mut full);
    fs::remove_file(&filler).unwrap();
    train(&disk, &[&SHAPES, &["--max-steps", "4", "--resume"]]);
    assert_same_results(&disk, uninterrupted(4).path());
}
