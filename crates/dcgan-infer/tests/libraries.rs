//! Where ONNX Runtime is looked for, and what is said of a library that is none or is too old.

mod common;

use std::fs;

use common::Sandbox;
use common::fakes::{FOREIGN, OLD, compile};

#[test]
fn an_old_library_is_refused_with_both_versions() {
    let sandbox = Sandbox::new();
    compile(OLD, &sandbox.path("old.so"));
    let message = "old.so is ONNX Runtime 1.19.0 (API level 19), 1.24 or newer is needed (API level 24)";
    let said = sandbox.stderr_of_failure(sandbox.sample().args(["--onnxruntime", "old.so"]), 1);
    assert!(said.contains("dcgan-infer: --onnxruntime names no ONNX Runtime that can be used"), "{said}");
    assert!(said.contains(message), "{said}");
    let said = sandbox.stderr_of_failure(sandbox.sample().env("ORT_DYLIB_PATH", "old.so"), 1);
    assert!(said.contains("dcgan-infer: ORT_DYLIB_PATH names no ONNX Runtime that can be used"), "{said}");
    assert!(said.contains("`dcgan-infer install`") && said.contains(message), "{said}");
}

#[test]
fn a_named_file_that_is_no_onnx_runtime_is_refused() {
    let sandbox = Sandbox::new();
    compile(FOREIGN, &sandbox.path("foreign.so"));
    fs::write(sandbox.path("text.so"), "not a library").unwrap();
    for (name, message) in [
        ("missing.so", "there is no file missing.so"),
        (".", "there is no file ."),
        ("text.so", "text.so cannot be loaded as a shared library: "),
        (
            "foreign.so",
            "foreign.so is a shared library, but not ONNX Runtime: it does not export OrtGetApiBase",
        ),
    ] {
        for command in
            [sandbox.sample().args(["--onnxruntime", name]), sandbox.sample().env("ORT_DYLIB_PATH", name)]
        {
            let said = sandbox.stderr_of_failure(command, 1);
            assert!(said.contains(message), "{said}");
        }
    }
}

#[test]
fn the_flag_comes_before_the_variable_and_the_variable_before_the_cache() {
    let sandbox = Sandbox::new();
    let library = common::onnxruntime().to_str().unwrap();
    fs::create_dir_all(sandbox.path("cache/onnxruntime")).unwrap();
    fs::copy(library, sandbox.cached_library()).unwrap();
    let engine = |command: &mut assert_cmd::Command| {
        let assert = command.assert().success();
        String::from_utf8(assert.get_output().stderr.clone()).unwrap()
    };
    let said = engine(&mut sandbox.sample());
    assert!(
        said.starts_with("engine: ONNX Runtime 1.")
            && said.contains(sandbox.cached_library().to_str().unwrap())
    );
    // An empty variable is none.
    assert_eq!(engine(sandbox.sample().env("ORT_DYLIB_PATH", "")), said);
    let said = engine(sandbox.sample().env("ORT_DYLIB_PATH", library));
    assert!(said.contains(&format!("({library})")), "{said}");
    let said = engine(sandbox.sample().env("ORT_DYLIB_PATH", "nonsense").args(["--onnxruntime", library]));
    assert!(said.contains(&format!("({library})")), "{said}");
}

/// Microsoft's builds for Linux keep what they report in the user's cache, and no reports where they think that they run
/// in CI.
#[cfg(target_os = "linux")]
#[test]
fn onnx_runtime_reports_nothing() {
    let sandbox = Sandbox::new();
    for folder in ["home", "home/.cache"] {
        fs::create_dir(sandbox.path(folder)).unwrap();
    }
    let mut command = sandbox.sample();
    command.env_clear().env("HOME", sandbox.path("home")).env("ORT_DYLIB_PATH", common::onnxruntime());
    let assert = command.assert().success();
    let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(said.starts_with("engine: ONNX Runtime 1."), "{said}");
    assert_eq!(fs::read_dir(sandbox.path("home/.cache")).unwrap().count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn the_systems_library_is_found_last() {
    let sandbox = Sandbox::new();
    let system = common::onnxruntime().parent().unwrap();
    let assert = sandbox.sample().env("LD_LIBRARY_PATH", system).assert().success();
    let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(
        said.starts_with("engine: ONNX Runtime 1.") && said.contains("(from the system's library path)"),
        "{said}"
    );
}

/// Nobody asked for what lies in the cache or the system: it is passed over, aloud.
#[cfg(feature = "tract")]
#[test]
fn a_broken_library_in_the_cache_is_passed_over_with_a_warning() {
    if common::system_has_onnxruntime() {
        return;
    }
    let sandbox = Sandbox::new();
    for (code, message) in [(OLD, "is ONNX Runtime 1.19.0"), (FOREIGN, "not ONNX Runtime")] {
        compile(code, &sandbox.cached_library());
        let assert = sandbox.sample().assert().success();
        let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
        let (warning, rest) = said.split_once('\n').unwrap();
        assert!(
            warning.starts_with("dcgan-infer: warning: passed over: ") && warning.contains(message),
            "{said}"
        );
        assert!(warning.ends_with("`dcgan-infer install --force` replaces it"), "{said}");
        assert_eq!(rest, "engine: tract (embedded)\n");
    }
}

/// The system's too: one that is no library is not one that is not there.
#[cfg(all(feature = "tract", target_os = "linux"))]
#[test]
fn a_broken_library_of_the_system_is_passed_over_with_a_warning() {
    let sandbox = Sandbox::new();
    let library = sandbox.path("system/libonnxruntime.so");
    fs::create_dir(sandbox.path("system")).unwrap();
    let draw = || {
        let assert = sandbox.sample().env("LD_LIBRARY_PATH", sandbox.path("system")).assert().success();
        String::from_utf8(assert.get_output().stderr.clone()).unwrap()
    };
    fs::write(&library, "not a library").unwrap();
    let said = draw();
    assert!(said.contains("passed over: libonnxruntime.so cannot be loaded as a shared library: "), "{said}");
    compile(OLD, &library);
    let said = draw();
    assert!(said.contains("passed over: libonnxruntime.so is ONNX Runtime 1.19.0 (API level 19)"), "{said}");
    assert!(said.ends_with("engine: tract (embedded)\n"), "{said}");
}

#[test]
fn without_any_onnx_runtime_the_message_says_how_to_get_one() {
    if common::system_has_onnxruntime() {
        return;
    }
    let sandbox = Sandbox::new();
    let said = sandbox.stderr_of_failure(sandbox.sample().args(["--engine", "onnxruntime"]), 1);
    assert!(said.starts_with("dcgan-infer: found no ONNX Runtime: run `dcgan-infer install`"), "{said}");
}

#[cfg(not(feature = "tract"))]
#[test]
fn a_build_without_tract_says_so() {
    if common::system_has_onnxruntime() {
        return;
    }
    let sandbox = Sandbox::new();
    let said = sandbox.stderr_of_failure(&mut sandbox.sample(), 1);
    assert!(said.starts_with("dcgan-infer: found no ONNX Runtime: run `dcgan-infer install`"), "{said}");
    let said = sandbox.stderr_of_failure(sandbox.sample().args(["--engine", "tract"]), 1);
    assert!(said.starts_with("dcgan-infer: this build has no tract"), "{said}");
}
