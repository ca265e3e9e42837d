//! Everything that the program prints. Text of a file and names of files are in it, so that all of it is escaped.

use std::fmt::Display;
use std::io::{self, Write};
use std::process;

use anyhow::Context;
use dcgan_core::terminal::{arguments_are_plain, escaped, escaped_json, escaped_lines};
use dcgan_infer::engine::with_causes;
use serde::Serialize;

/// Prints a line on stderr. `eprintln!` would panic where nobody listens any more.
pub fn line(line: impl Display) {
    drop(writeln!(io::stderr(), "{}", escaped(&line.to_string())));
}

/// Prints a note, a warning or an error on stderr, behind the program's name.
pub fn note(note: impl Display) {
    line(format_args!("dcgan-infer: {note}"));
}

/// Prints an error with its causes.
pub fn error(error: &anyhow::Error) {
    note(with_causes(error.as_ref()));
}

/// Prints a line on stdout, `what` it is for people.
pub fn result(line: &str, what: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{}", escaped(line)).with_context(|| format!("cannot print {what}"))
}

/// Prints a report on stdout, as JSON or for people.
pub fn report<R: Display + Serialize>(report: &R, as_json: bool) -> anyhow::Result<()> {
    let text = match as_json {
        true => format!("{}\n", escaped_json(&serde_json::to_string_pretty(report)?)),
        false => escaped_lines(&report.to_string()).into_owned(),
    };
    io::stdout().write_all(text.as_bytes()).context("cannot print the report")
}

/// Ends the program with what clap says, its help or what is wrong with the arguments. It quotes these as they are.
pub fn usage(error: &clap::Error) -> ! {
    if !error.use_stderr() || arguments_are_plain() {
        error.exit();
    }
    drop(write!(io::stderr(), "{}", escaped_lines(&error.render().to_string())));
    process::exit(error.exit_code());
}
