//! The table, as lines of a terminal and as Markdown.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use dcgan_core::atomic;

use crate::table::Entry;
use crate::trial::Verdict;

/// What stands above the tables.
const INTRODUCTION: &str = "\
# Where the exported file runs

Written by `cargo runtimes`. Generators of every architecture, with random weights that use the whole range of values,
were exported with the default options and run in batches of 1, 2 and 7. The difference is the largest of any value from
dfdx's own, on a range of -1 to 1; more than 1e-4 is a failure.

Dynamic batch: *yes* where a file that was loaded once took all batches, *per size* where the program was made anew
for each size of batch.
";

/// Between these lines stands the README's copy of the tables.
const MARKS: [&str; 2] = ["<!-- written by `cargo runtimes` -->\n", "<!-- to here -->\n"];

/// Numbers of ways to end.
#[derive(Debug, Default)]
pub struct Count {
    /// As expected.
    pub passed: usize,
    /// Refused or wrong.
    pub failed: usize,
    /// Not to be had here.
    pub skipped: usize,
}

/// What came of each entry.
#[derive(Default)]
pub struct Report(Vec<(&'static Entry, Verdict)>);

impl Report {
    /// Takes down another one.
    pub fn add(&mut self, entry: &'static Entry, verdict: Verdict) {
        self.0.push((entry, verdict));
    }

    /// How many passed, failed, and did not run.
    pub fn count(&self) -> Count {
        let mut count = Count::default();
        for (_, verdict) in &self.0 {
            match verdict {
                Verdict::Passed(..) => count.passed += 1,
                Verdict::Failed(_) => count.failed += 1,
                Verdict::NotRun(_) => count.skipped += 1,
            }
        }
        count
    }

    /// Two tables: runtimes and checks.
    pub fn markdown(&self) -> String {
        let (mut runtimes, mut checks) = (String::new(), String::new());
        for (entry, verdict) in &self.0 {
            if entry.draws() {
                runtimes.push_str(&runtime_row(entry, verdict));
            } else {
                checks.push_str(&check_row(entry, verdict));
            }
        }
        let mut text = String::new();
        if !runtimes.is_empty() {
            text.push_str(
                "| runtime | version | largest difference | dynamic batch | notes |\n|---|---|---|---|---|\n",
            );
            text.push_str(&runtimes);
        }
        if !checks.is_empty() {
            text.push_str("\n| check | version | result | notes |\n|---|---|---|---|\n");
            text.push_str(&checks);
        }
        text
    }

    /// Writes the page of the tables.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        let machine = format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH);
        let text = format!("{INTRODUCTION}\nMeasured on {machine}.\n\n{}", self.markdown());
        Ok(atomic::write(path, |file| file.write_all(text.as_bytes()))?)
    }

    /// Puts the tables into the README, in the place of those that it has.
    pub fn update_readme(&self, path: &Path) -> anyhow::Result<()> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
        let [before, _, after] =
            split(&text).with_context(|| format!("{shown} has no place for the table"))?;
        let [start, end] = MARKS;
        let text = format!("{before}{start}\n{}\n{end}{after}", self.markdown());
        Ok(atomic::write(path, |file| file.write_all(text.as_bytes()))?)
    }
}

/// Where the table is kept.
pub fn default_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("crates").join("dcgan-export/docs/runtimes.md")
}

/// The README.
pub fn readme() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("README.md")
}

/// What is before, between and after the marks.
fn split(text: &str) -> Option<[&str; 3]> {
    let (before, rest) = text.split_once(MARKS[0])?;
    let (between, after) = rest.split_once(MARKS[1])?;
    Some([before, between, after])
}

/// One entry's end, for a terminal.
pub fn line(entry: &Entry, verdict: &Verdict) -> String {
    let mut line = format!("{:20} ", entry.name);
    let rest = match verdict {
        Verdict::Passed(facts, Some(difference)) => write!(line, "{difference:.1e}  {}", facts.version),
        Verdict::Passed(facts, None) => write!(line, "well     {}", facts.version),
        Verdict::Failed(why) => write!(line, "FAILED: {why}"),
        Verdict::NotRun(why) => write!(line, "not run: {why}"),
    };
    rest.expect("a string takes all");
    line
}

fn runtime_row(entry: &Entry, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed(facts, difference) => {
            let difference = difference.map_or_else(String::new, |difference| format!("{difference:.1e}"));
            let batch = match facts.batch.as_str() {
                "dynamic" => "yes",
                "fixed" => "per size",
                other => other,
            };
            row(&[entry.title, &facts.version, &difference, batch, &notes(entry, &facts.note)])
        }
        Verdict::Failed(why) => row(&[entry.title, "", "failed", "", why]),
        Verdict::NotRun(why) => row(&[entry.title, "", "not run", "", why]),
    }
}

fn check_row(entry: &Entry, verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed(facts, _) => row(&[entry.title, &facts.version, "passed", entry.notes]),
        Verdict::Failed(why) => row(&[entry.title, "", "failed", why]),
        Verdict::NotRun(why) => row(&[entry.title, "", "not run", why]),
    }
}

fn notes(entry: &Entry, found: &str) -> String {
    [entry.notes, found].into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join("; ")
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<_> = cells.iter().map(|cell| cell.replace(['|', '\n'], " ")).collect();
    format!("| {} |\n", cells.join(" | "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::TABLE;
    use crate::trial::Facts;

    fn facts(batch: &str) -> Facts {
        Facts { version: "1.2".into(), batch: batch.into(), note: String::new() }
    }

    fn entry(name: &str) -> &'static Entry {
        TABLE.iter().find(|entry| entry.name == name).unwrap()
    }

    #[test]
    fn every_end_has_its_row_and_is_counted() {
        let mut report = Report::default();
        report.add(entry("openvino"), Verdict::Passed(facts("dynamic"), Some(2.5e-6)));
        report.add(entry("tract"), Verdict::Failed("off by 1 | 2".into()));
        report.add(entry("reference"), Verdict::NotRun("no network".into()));
        report.add(entry("checker"), Verdict::Passed(facts(""), None));
        let text = report.markdown();
        let rows = [
            "| OpenVINO | 1.2 | 2.5e-6 | yes | CPU, f32 |",
            "| tract, Python |  | failed |  | off by 1   2 |",
            "| ONNX's reference evaluator |  | not run |  | no network |",
            "| `onnx.checker` | 1.2 | passed | full check, strict shape inference |",
        ];
        for row in rows {
            assert!(text.lines().any(|line| line == row), "no {row} in\n{text}");
        }
        let Count { passed, failed, skipped } = report.count();
        assert_eq!((passed, failed, skipped), (2, 1, 1));
    }
    /// Figures of two runs beside each other would tell of no run.
    #[test]
    fn the_readme_shows_the_page_s_tables() {
        let (readme, page) = (readme(), default_path());
        let [readme, page] = [readme, page].map(|path| std::fs::read_to_string(path).unwrap());
        let tables = &page[page.find("| runtime ").unwrap()..];
        assert_eq!(split(&readme).unwrap()[1].trim(), tables.trim());
    }

    #[test]
    fn an_update_changes_the_tables_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("README.md");
        std::fs::write(&path, format!("before\n{}old\n{}after\n", MARKS[0], MARKS[1])).unwrap();
        let mut report = Report::default();
        report.add(entry("openvino"), Verdict::Passed(facts("dynamic"), Some(2.5e-6)));
        report.update_readme(&path).unwrap();
        let expected = format!("before\n{}\n{}\n{}after\n", MARKS[0], report.markdown(), MARKS[1]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        std::fs::write(&path, "no marks").unwrap();
        assert!(report.update_readme(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "no marks");
    }
}
