//! Where runtimes are installed: on demand, each apart from the others, once for the requirements that its file states.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::command::{run, tail};
use crate::table::{Entry, Host};

/// How long an installation may take.
const LIMIT: Duration = Duration::from_secs(1200);
/// Interpreters in the order in which they are tried: old packages have no wheels for new ones.
const PYTHONS: [&str; 6] = ["python3", "python", "python3.12", "python3.11", "python3.10", "python3.9"];
/// What pip says of a package that has nothing for an interpreter.
const NO_WHEEL: &str = "No matching distribution";

/// The folders that are read and written.
pub struct Places {
    /// Of the runners and requirements.
    sources: PathBuf,
    /// Of all that is written.
    target: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self { sources: tests.join("runtimes"), target: tests.with_file_name("target").join("runtimes") }
    }
}

impl Places {
    /// The exported files.
    pub fn models(&self) -> PathBuf {
        self.target.join("models")
    }

    /// A new folder for what an entry's run writes.
    pub fn results(&self, entry: &Entry) -> anyhow::Result<PathBuf> {
        let folder = self.target.join("results").join(entry.name);
        renew(&folder)?;
        Ok(folder)
    }

    /// What an entry's installation and run say, empty at first.
    pub fn log(&self, entry: &Entry) -> anyhow::Result<PathBuf> {
        let folder = self.target.join("logs");
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let log = folder.join(format!("{}.log", entry.name));
        fs::write(&log, "").with_context(|| format!("cannot write {}", log.display()))?;
        Ok(log)
    }

    /// Installs what an entry needs and gives the command that its arguments are added to.
    ///
    /// # Errors
    /// If something is missing or does not install: why, in a line.
    pub fn command(&self, entry: &Entry, log: &Path) -> anyhow::Result<Command> {
        match entry.host {
            Host::Python { engine, requirements } => self.python("run.py", engine, requirements, log),
            Host::Check { check, requirements } => self.python("check.py", check, requirements, log),
            Host::Node { engine, packages } => self.node(engine, packages, log),
            Host::Cargo => self.cargo(log),
            Host::Embedded => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("--embedded");
                Ok(command)
            }
        }
    }

    fn python(&self, script: &str, module: &str, requirements: &str, log: &Path) -> anyhow::Result<Command> {
        let file = self.sources.join("python/requirements").join(format!("{requirements}.txt"));
        let folder = self.target.join("python").join(requirements);
        let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
        once(&folder, &file, || install_python(&folder, &python, &file, log))?;
        let mut command = Command::new(&python);
        command.arg(self.sources.join("python").join(script)).arg(module);
        // What pip installed beside it, such as a converter, is found first.
        command.env("PATH", path_with(python.parent().unwrap_or(&folder))?);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        Ok(command)
    }

    fn node(&self, engine: &str, packages: &str, log: &Path) -> anyhow::Result<Command> {
        let file = self.sources.join("node").join(packages).join("package.json");
        let folder = self.target.join("node").join(packages);
        once(&folder, &file, || install_node(&folder, &file, log))?;
        let mut command = Command::new("node");
        command.arg(self.sources.join("node/run.mjs")).arg(engine);
        command.env("NODE_PATH", folder.join("node_modules"));
        Ok(command)
    }

    fn cargo(&self, log: &Path) -> anyhow::Result<Command> {
        let target = self.target.join("cargo");
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--release", "--locked", "--manifest-path"]);
        build.arg(self.sources.join("rust/Cargo.toml")).arg("--target-dir").arg(&target);
        step(&mut build, log)?;
        Ok(Command::new(target.join("release/dcgan-runtimes")))
    }
}

/// Fills a folder anew unless it was filled for the same requirements before.
fn once(folder: &Path, file: &Path, install: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let wanted = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let stamp = folder.join("installed.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    renew(folder)?;
    install()?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

fn install_python(folder: &Path, python: &Path, requirements: &Path, log: &Path) -> anyhow::Result<()> {
    let mut fault = anyhow::anyhow!("found no python3 on the PATH");
    for name in PYTHONS.into_iter().filter(|name| works(name)) {
        renew(folder)?;
        let mut make = Command::new(name);
        make.args(["-m", "venv"]).arg(folder);
        step(&mut make, log)?;
        let mut install = Command::new(python);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"]);
        match step(install.arg(requirements), log) {
            Ok(()) => return Ok(()),
            Err(error) if error.to_string().contains(NO_WHEEL) => fault = error,
            Err(error) => return Err(error),
        }
    }
    Err(fault)
}

fn install_node(folder: &Path, package: &Path, log: &Path) -> anyhow::Result<()> {
    fs::copy(package, folder.join("package.json")).context("cannot copy package.json")?;
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    // Install scripts fetch from elsewhere what the packages have for common machines.
    npm.args([
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
        "--loglevel=error",
    ]);
    npm.current_dir(folder);
    step(&mut npm, log)
}

/// Whether a program can be run: a shim of a version that is not there cannot.
fn works(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

fn step(command: &mut Command, log: &Path) -> anyhow::Result<()> {
    let status = run(command, log, LIMIT)?;
    if !status.success() {
        bail!("{} failed: {}", command.get_program().to_string_lossy(), tail(log));
    }
    Ok(())
}

/// An empty folder.
fn renew(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

fn path_with(folder: &Path) -> anyhow::Result<std::ffi::OsString> {
    let others = std::env::var_os("PATH").unwrap_or_default();
    let folders = [folder.to_owned()].into_iter().chain(std::env::split_paths(&others));
    std::env::join_paths(folders).context("cannot extend the PATH")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tempfile::TempDir;

    use super::*;
    use crate::table::TABLE;

    #[test]
    fn an_environment_is_made_anew_when_its_requirements_change_or_it_is_not_whole() {
        let folder = TempDir::new().unwrap();
        let (target, file) = (folder.path().join("environment"), folder.path().join("requirements.txt"));
        let installs = std::cell::Cell::new(0);
        let install = |outcome: anyhow::Result<()>| {
            once(&target, &file, || {
                installs.set(installs.get() + 1);
                fs::write(target.join("part"), "").unwrap();
                outcome
            })
        };
        fs::write(&file, "one").unwrap();
        install(Err(anyhow::anyhow!("no network"))).unwrap_err();
        install(Ok(())).unwrap();
        install(Ok(())).unwrap();
        assert_eq!(installs.get(), 2, "a failed installation counts as one, or a whole one is not kept");
        fs::write(&file, "two").unwrap();
        install(Ok(())).unwrap();
        assert_eq!(installs.get(), 3);
    }

    #[test]
    fn every_runner_has_its_files() {
        let sources = Places::default().sources;
        let mut names = BTreeSet::new();
        for entry in TABLE {
            assert!(names.insert(entry.name), "{} stands twice", entry.name);
            let files = match entry.host {
                Host::Python { engine, requirements } => vec![
                    format!("python/engines/{engine}.py"),
                    format!("python/requirements/{requirements}.txt"),
                ],
                Host::Check { check, requirements } => {
                    vec![
                        format!("python/checks/{check}.py"),
                        format!("python/requirements/{requirements}.txt"),
                    ]
                }
                Host::Node { engine, packages } => {
                    vec![format!("node/engines/{engine}.mjs"), format!("node/{packages}/package.json")]
                }
                Host::Cargo => vec!["rust/Cargo.toml".into(), "rust/Cargo.lock".into()],
                Host::Embedded => Vec::new(),
            };
            for file in files {
                assert!(sources.join(&file).is_file(), "{}: no {file}", entry.name);
            }
        }
    }
}
