//! The page of `dcgan-infer serve`, in a browser without a window. It needs Node.js with npm, which gets the browser.
//!
//! `SCREENSHOTS=folder cargo test -p dcgan-infer --test page` leaves pictures of the page there.

#![cfg(feature = "serve")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::server::Server;
use common::{fixture, model};

const KEY: &str = "open sesame";

/// The folder that npm has put the browser and what drives it into, once for all runs.
fn packages(scripts: &Path) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(scripts.join("package.json"), folder.join("package.json")).unwrap();
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    // What is there already is not asked for again, and no package runs a script of its own.
    npm.args([
        "install",
        "--prefer-offline",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-package-lock",
    ]);
    let status = npm.arg("--loglevel=error").current_dir(&folder).status();
    let status = status.expect("the test of the page needs Node.js and npm (Debian's nodejs and npm)");
    assert!(
        status.success(),
        "npm cannot install the browser that the test of the page needs: see its output"
    );
    folder.join("node_modules")
}

#[test]
fn visitors_find_what_they_look_for() {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let packages = packages(&scripts);
    let other = format!("other={}", fixture("fixed_batch.onnx").display());
    let open = Server::start(&["--model", &other]);
    let keyed = Server::start_with(&["--model", model().to_str().unwrap(), "--api-key", KEY]);
    let mut node = Command::new("node");
    node.arg("--test-reporter=tap");
    node.arg(scripts.join("page.mjs")).env("NODE_PATH", packages);
    let address = |server: &Server| format!("http://{}", server.address);
    node.env("OPEN", address(&open)).env("KEYED", address(&keyed)).env("KEY", KEY);
    let output = node.output().expect("node is there, as npm is");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    // Tests that are not run do not fail, either.
    assert!(
        said.contains("# skipped 0") && said.contains("# cancelled 0") && !said.contains("# pass 0"),
        "{said}"
    );
}
