//! The page of all flags: what `--help` of each program and subcommand says, which their own tests hold to the programs.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Programs in the order in which they are used.
const PROGRAMS: [&str; 3] = ["dcgan-train", "dcgan-export", "dcgan-infer"];
const PAGE: &str = "crates/dcgan-core/docs/flags.md";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The text that a program prints, as its tests have it.
fn reviewed(program: &str, subcommand: Option<&str>) -> String {
    let name =
        subcommand.map_or_else(|| "cli__help.snap".to_owned(), |name| format!("cli__help_{name}.snap"));
    let path = root().join("crates").join(program).join("tests/snapshots").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; {program}'s tests/cli.rs has to hold the help of each subcommand",
            path.display()
        )
    });
    let (_, help) = text.trim_start_matches("---\n").split_once("\n---\n").expect("a snapshot has a header");
    let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n")
}

/// The subcommands that a help lists.
fn subcommands(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect()
}

fn page() -> String {
    let mut page = String::from(
        "# All flags\n\nWhat `--help` says. The usual spelling of Python programs, `--batch_size`, works, too.\n",
    );
    for program in PROGRAMS {
        let help = reviewed(program, None);
        section(&mut page, 2, program, &help);
        for subcommand in subcommands(&help) {
            let title = format!("{program} {subcommand}");
            section(&mut page, 3, &title, &reviewed(program, Some(subcommand)));
        }
    }
    page
}

fn section(page: &mut String, level: usize, title: &str, help: &str) {
    let marks = "#".repeat(level);
    write!(page, "\n{marks} {title}\n\n```text\n{help}\n```\n").expect("a String takes all");
}

#[test]
fn the_page_has_the_help_of_every_program_and_subcommand() {
    let (page, path) = (page(), root().join(PAGE));
    if env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        fs::create_dir_all(path.parent().expect("a page is in a folder")).expect("its folder can be made");
        fs::write(&path, &page).expect("the page can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "{PAGE} is not what --help says; INSTA_UPDATE=always cargo test -p dcgan-tests --test flags writes it"
    );
}
