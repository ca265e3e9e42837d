//! Programs that are run with a limit of time, their output in a file.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How often a program is looked at.
const PAUSE: Duration = Duration::from_millis(50);
/// Lines of a program's output that a message repeats.
const LAST_LINES: usize = 3;

/// Runs a program to its end, its output appended to `log`.
///
/// # Errors
/// If it cannot be started or takes longer than `limit`; then it is ended, with all that it started.
pub fn run(command: &mut Command, log: &Path, limit: Duration) -> anyhow::Result<ExitStatus> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = File::options().create(true).append(true).open(log);
    let output = output.with_context(|| format!("cannot write {}", log.display()))?;
    let errors = output.try_clone().with_context(|| format!("cannot write {}", log.display()))?;
    // Nobody asked for reports of these runs.
    command.env("ORT_DISABLE_TELEMETRY", "1");
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    lead_a_group(command);
    let child = command.spawn().with_context(|| format!("cannot run {program}"))?;
    match wait(child, limit)? {
        Some(status) => Ok(status),
        None => bail!("{program} took longer than {} s", limit.as_secs()),
    }
}

/// The last lines of a log, in one.
pub fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join(" / ")
}

fn wait(mut child: Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > limit {
            end(&mut child);
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(unix)]
fn lead_a_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
fn lead_a_group(_: &mut Command) {}

/// Ends a program and, where there are groups, what it started.
fn end(child: &mut Child) {
    if cfg!(unix) {
        let group = format!("-{}", child.id());
        drop(Command::new("kill").args(["-KILL", "--", &group]).status());
    }
    drop(child.kill());
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_goes_to_the_log_and_its_end_is_told() {
        let folder = TempDir::new().unwrap();
        let log = folder.path().join("log");
        let script = "for line in 1 2 3 4; do echo $line; done; echo last >&2; exit 3";
        let status = run(&mut shell(script), &log, Duration::from_secs(20)).unwrap();
        assert_eq!(status.code(), Some(3));
        assert_eq!(tail(&log), "3 / 4 / last");
    }

    #[test]
    fn what_takes_too_long_is_ended_with_what_it_started() {
        let folder = TempDir::new().unwrap();
        let (log, late) = (folder.path().join("log"), folder.path().join("late"));
        let script = format!("(sleep 1; touch {}) & wait", late.display());
        let error = run(&mut shell(&script), &log, Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("longer than"), "{error}");
        thread::sleep(Duration::from_millis(1500));
        assert!(!late.exists(), "its child went on");
    }

    #[test]
    fn a_missing_program_is_named() {
        let folder = TempDir::new().unwrap();
        let error =
            run(&mut Command::new("no-such-program"), &folder.path().join("log"), Duration::from_secs(1))
                .unwrap_err();
        assert!(error.to_string().contains("no-such-program"), "{error}");
    }
}
