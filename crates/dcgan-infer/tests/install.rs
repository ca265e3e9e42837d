//! `dcgan-infer install`, with a Python that hands out a wheel of the test's own: no network, and a count of the calls.
#![cfg(unix)]

mod common;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use assert_cmd::Command;
use common::Sandbox;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Makes the sandbox's only Python: a shell script.
fn set_python(sandbox: &Sandbox, script: &str) {
    let path = sandbox.path("bin/python3");
    fs::create_dir_all(sandbox.path("bin")).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A Python whose pip notes its arguments and delivers a wheel with the tests' ONNX Runtime.
fn set_working_python(sandbox: &Sandbox) {
    let wheel = sandbox.path("onnxruntime.whl");
    let mut writer = ZipWriter::new(File::create(&wheel).unwrap());
    let name = "onnxruntime/capi/libonnxruntime.so.1.32.0";
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    writer.start_file(name, stored).unwrap();
    io::copy(&mut File::open(common::onnxruntime()).unwrap(), &mut writer).unwrap();
    writer.finish().unwrap();
    let (calls, wheel) = (sandbox.path("calls"), wheel.display());
    let script = format!(
        r#"echo "$@" >> "{}"
while [ "$1" != --dest ]; do shift; done
/bin/cp "{wheel}" "$2/onnxruntime-1.32.0-cp313-cp313-linux.whl""#,
        calls.display()
    );
    set_python(sandbox, &script);
}

fn install(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.dcgan_infer();
    command.arg("install").env("PATH", sandbox.path("bin"));
    command
}

fn calls(sandbox: &Sandbox) -> Vec<String> {
    let calls = fs::read_to_string(sandbox.path("calls")).unwrap();
    calls.lines().map(str::to_owned).collect()
}

#[test]
fn the_library_is_installed_once_and_used_from_then_on() {
    let sandbox = Sandbox::new();
    set_working_python(&sandbox);
    let line = format!("ONNX Runtime is installed: {}\n", sandbox.cached_library().display());
    for _ in 0..2 {
        install(&sandbox).assert().success().stdout(line.clone());
    }
    assert_eq!(calls(&sandbox).len(), 1, "{:?}", calls(&sandbox));
    assert!(calls(&sandbox)[0].starts_with("-m pip download --no-deps --only-binary=:all: "));
    assert!(calls(&sandbox)[0].ends_with(" onnxruntime==1.32.*"));
    let assert = sandbox.sample().assert().success();
    assert!(assert.get_output().stderr.starts_with(b"engine: ONNX Runtime 1."));
    install(&sandbox).arg("--force").assert().success();
    assert_eq!(calls(&sandbox).len(), 2);
    // The lock and the library: nothing temporary stays.
    assert_eq!(fs::read_dir(sandbox.path("cache/onnxruntime")).unwrap().count(), 2);
}

#[test]
fn of_processes_at_once_one_installs() {
    let sandbox = Sandbox::new();
    set_working_python(&sandbox);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| install(&sandbox).assert().success());
        }
    });
    assert_eq!(calls(&sandbox).len(), 1);
}

#[test]
fn a_failed_install_keeps_the_old_library() {
    let sandbox = Sandbox::new();
    set_python(&sandbox, "echo ERROR: No matching distribution found >&2; exit 1");
    fs::create_dir_all(sandbox.path("cache/onnxruntime")).unwrap();
    fs::write(sandbox.cached_library(), "old").unwrap();
    let said = sandbox.stderr_of_failure(&mut install(&sandbox), 1);
    assert!(
        said.starts_with(
            "dcgan-infer: cannot fetch ONNX Runtime from PyPI: pip found no onnxruntime==1.32.*"
        )
    );
    assert!(said.ends_with("pip said: ERROR: No matching distribution found\n"), "{said}");
    assert_eq!(fs::read_to_string(sandbox.cached_library()).unwrap(), "old");
}

#[test]
fn what_is_missing_is_named() {
    let sandbox = Sandbox::new();
    let said = sandbox.stderr_of_failure(&mut install(&sandbox), 1);
    assert!(said.contains("found neither python3 nor python on the PATH"), "{said}");
    set_python(&sandbox, "echo /usr/bin/python3: No module named pip >&2; exit 1");
    let said = sandbox.stderr_of_failure(&mut install(&sandbox), 1);
    assert!(said.contains("python3 has no pip: install it"), "{said}");
    set_python(&sandbox, "exit 0");
    let said = sandbox.stderr_of_failure(&mut install(&sandbox), 1);
    assert!(said.contains("pip left no wheel of onnxruntime==1.32.*"), "{said}");
}

#[test]
fn a_version_that_cannot_work_is_refused_before_anything_is_fetched() {
    let sandbox = Sandbox::new();
    for version in ["1.19.0", "latest", "1.32.*"] {
        let said = sandbox.stderr_of_failure(install(&sandbox).args(["--version", version]), 2);
        assert!(said.contains(&format!("from 1.24 on, such as 1.32 or 1.32.0, found {version:?}")), "{said}");
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("cache"), "a file").unwrap();
    let said = sandbox.stderr_of_failure(&mut install(&sandbox), 1);
    assert!(said.starts_with("dcgan-infer: cannot write to ") && said.contains("DCGAN_CACHE_DIR"), "{said}");
    assert_eq!(fs::read_to_string(sandbox.path("cache")).unwrap(), "a file");
}
