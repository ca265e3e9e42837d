//! `cargo runtimes`: the exported files of every architecture in every runtime that a package registry has.
//!
//! Each runtime is installed on demand into `target/runtimes`, runs in a process of its own and leaves the images of
//! given latents, which are compared here with dfdx's own.

mod cases;
mod command;
mod embedded;
mod environment;
mod report;
mod table;
mod trial;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;

use crate::cases::Cases;
use crate::environment::Places;
use crate::report::Report;
use crate::table::{Entry, TABLE};

/// Runs the exported files of every architecture in every runtime, compares the images with dfdx's, and writes the table
#[derive(Parser)]
#[command(name = "cargo runtimes", max_term_width = 100)]
struct Runtimes {
    /// Only these, by the names that --list shows; the table is printed, not written
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Only those that install in little time; the table is printed, not written
    #[arg(long, conflicts_with = "only")]
    fast: bool,
    /// Fail too where a runtime cannot be installed
    #[arg(long)]
    all_must_run: bool,
    /// Show the names of all runtimes and checks
    #[arg(long)]
    list: bool,
    /// The table's file; the default one is copied into the README
    #[arg(long, value_name = "FILE", default_value_os_t = report::default_path())]
    output: PathBuf,
    /// Run the embedded engine on a job: how this program runs itself
    #[arg(long, hide = true, num_args = 2, value_names = ["JOB", "FOLDER"])]
    embedded: Vec<PathBuf>,
}

fn main() -> ExitCode {
    match Runtimes::parse().run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            drop(writeln!(io::stderr(), "runtimes: {error:#}"));
            ExitCode::from(2)
        }
    }
}

impl Runtimes {
    /// Whether all is well.
    fn run(&self) -> anyhow::Result<bool> {
        if let [job, folder] = self.embedded.as_slice() {
            return embedded::run(job, folder).map(|()| true);
        }
        let chosen = self.chosen()?;
        if self.list {
            return list(&chosen).map(|()| true);
        }
        let places = Places::default();
        say("exporting every architecture")?;
        let cases = Cases::write(&places.models())?;
        let mut report = Report::default();
        for entry in chosen {
            let verdict = trial::run(entry, &places, &cases);
            say(&report::line(entry, &verdict))?;
            report.add(entry, verdict);
        }
        if self.only.is_empty() && !self.fast {
            report.save(&self.output)?;
            say(&format!("\nwrote {}", self.output.display()))?;
            // A table for another place is no news for the README.
            if self.output == report::default_path() {
                report.update_readme(&report::readme())?;
            }
        } else {
            say(&format!("\n{}", report.markdown()))?;
        }
        let count = report.count();
        say(&format!(
            "runtimes: {} passed, {} failed, {} skipped",
            count.passed, count.failed, count.skipped
        ))?;
        Ok(count.failed == 0 && !(self.all_must_run && count.skipped > 0))
    }

    fn chosen(&self) -> anyhow::Result<Vec<&'static Entry>> {
        if let Some(name) = self.only.iter().find(|name| TABLE.iter().all(|entry| entry.name != **name)) {
            bail!("--only {name}: there is no such runtime; --list shows all");
        }
        let wanted = |entry: &Entry| {
            let named = self.only.is_empty() || self.only.iter().any(|name| name == entry.name);
            named && (entry.fast || !self.fast)
        };
        Ok(TABLE.iter().filter(|entry| wanted(entry)).collect())
    }
}

fn list(entries: &[&Entry]) -> anyhow::Result<()> {
    entries.iter().try_for_each(|entry| {
        say(&format!("{:20} {}{}", entry.name, entry.title, if entry.fast { " (fast)" } else { "" }))
    })
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{line}").context("cannot write to the terminal")
}
