//! The process that answers a [`Probe`], seen from outside.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;
use wait_timeout::ChildExt;

use super::probe::{MARK, Probe};

/// As much of what a process prints as is kept, from the end.
const KEPT: usize = 1 << 16;
/// Lines of a dead process's last words.
const LAST_WORDS: usize = 3;

/// What became of a question.
pub(crate) enum Asked<T> {
    Answered(T),
    /// The process died, for this reason.
    Died(String),
    /// The process was killed after the timeout, as this says.
    Late(String),
}

/// Starts the program for one question.
pub(crate) fn ask<T: DeserializeOwned>(program: &Path, timeout: Duration, probe: &Probe) -> Asked<T> {
    let (result, said, complained) = match run(program, timeout, probe) {
        Ok(run) => run,
        Err(error) => {
            return Asked::Died(format!("cannot start {} to try it: {error}", program.display()));
        }
    };
    let answer = said.rsplit_once(MARK).and_then(|(_, rest)| serde_json::from_str(rest.lines().next()?).ok());
    let reason = match (result, answer) {
        (Some(status), Some(answer)) if status.success() => return Asked::Answered(answer),
        (Some(status), Some(_)) => format!("the process that tried it did so, and then died ({status})"),
        (Some(status), None) => format!("the process that tried it died ({status})"),
        (None, _) => format!("no answer within {} seconds", timeout.as_secs()),
    };
    let reason = match last_words(&complained) {
        words if words.is_empty() => reason,
        words => format!("{reason}; it said: {words}"),
    };
    if result.is_some() { Asked::Died(reason) } else { Asked::Late(reason) }
}

/// How the process ended (`None` if it had to be killed), and what it wrote to stdout and stderr.
fn run(program: &Path, timeout: Duration, probe: &Probe) -> io::Result<(Option<ExitStatus>, String, String)> {
    let mut command = Command::new(program);
    command.args(probe.arguments()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    // The process ends when this closes, so it does not outlive the one that asked.
    let _stdin = child.stdin.take();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // Both are read while the process runs: it would wait for a full pipe to empty.
    thread::scope(|scope| {
        let said = scope.spawn(|| tail(stdout));
        let complained = scope.spawn(|| tail(stderr));
        let status = wait(&mut child, timeout)?;
        let text = |reader: thread::ScopedJoinHandle<Vec<u8>>| {
            String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
        };
        Ok((status, text(said), text(complained)))
    })
}

fn wait(child: &mut Child, timeout: Duration) -> io::Result<Option<ExitStatus>> {
    let status = child.wait_timeout(timeout)?;
    if status.is_none() {
        child.kill()?;
        child.wait()?;
    }
    Ok(status)
}

/// The end of what there is to read.
fn tail(source: Option<impl Read>) -> Vec<u8> {
    let (mut kept, mut chunk) = (Vec::new(), [0; 4096]);
    let Some(mut source) = source else { return kept };
    while let Ok(read @ 1..) = source.read(&mut chunk) {
        kept.extend_from_slice(&chunk[..read]);
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
    kept
}

fn last_words(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_WORDS)..].join(" / ")
}
