//! `dcgan-infer doctor`: what it finds, what it says to do, and that nothing it tries takes it down.
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;

use assert_cmd::Command;
use common::fakes::{BOASTFUL, DEADLY, FOREIGN, HOLLOW, OLD, SLOW, compile};
use common::{Sandbox, fixture};
use serde_json::{Value, json};

/// `dcgan-infer doctor`, where nothing is installed.
fn doctor(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.dcgan_infer();
    command.arg("doctor");
    command
}

/// The report as text and as JSON; both with this exit code.
fn report(command: impl Fn() -> Command, code: i32) -> (String, Value) {
    let stdout = |mut command: Command| {
        let assert = command.assert().code(code).stderr("");
        String::from_utf8(assert.get_output().stdout.clone()).unwrap()
    };
    let json = {
        let mut command = command();
        command.arg("--json");
        stdout(command)
    };
    (stdout(command()), serde_json::from_str(&json).expect("one JSON object and nothing else"))
}

/// The exit code where ONNX Runtime does not work: tract may.
const WITHOUT_ONNX_RUNTIME: i32 = if cfg!(feature = "tract") { 0 } else { 1 };

fn place<'a>(report: &'a Value, name: &str) -> &'a Value {
    let places = report["onnxruntime"].as_array().unwrap();
    places.iter().find(|place| place["place"] == name).unwrap()
}

fn keys(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The line of a report that begins so, after the indentation.
fn line<'a>(text: &'a str, start: &str) -> &'a str {
    let found = text.lines().map(str::trim).find(|line| line.starts_with(start));
    found.unwrap_or_else(|| panic!("no line {start:?} in:\n{text}"))
}

#[test]
fn without_onnx_runtime_it_says_how_to_get_it() {
    if common::system_has_onnxruntime() {
        return;
    }
    let sandbox = Sandbox::new();
    let (text, json) = report(|| doctor(&sandbox), WITHOUT_ONNX_RUNTIME);
    assert_eq!(line(&text, "--onnxruntime"), "--onnxruntime   not given");
    assert_eq!(line(&text, "ORT_DYLIB_PATH"), "ORT_DYLIB_PATH  not set");
    let cached = sandbox.cached_library().display().to_string();
    assert_eq!(line(&text, "cache"), format!("cache           nothing: {cached}"));
    assert_eq!(line(&text, "ONNX Runtime:"), "ONNX Runtime: run `dcgan-infer install`");
    assert_eq!(place(&json, "cache")["path"], cached);
    assert_eq!(json["problems"][0]["remedy"], "run `dcgan-infer install`");
    for name in ["flag", "variable", "cache", "system"] {
        assert_eq!(place(&json, name)["status"], "none", "{json:#}");
    }
    if cfg!(feature = "tract") {
        assert!(line(&text, "tract ").starts_with("tract           works: ort-tract 0.5.0+0.23"), "{text}");
        assert_eq!(line(&text, "A run uses"), "A run uses tract");
        assert_eq!(json["tract"], json!({"status": "works", "version": "0.5.0+0.23", "reason": null}));
        assert_eq!(json["run"], json!({"engine": "tract", "place": null}));
    } else {
        assert_eq!(line(&text, "A run uses"), "A run uses nothing: no engine works");
        assert_eq!(json["tract"]["status"], "absent");
        assert_eq!(json["run"], json!({"engine": null, "place": null}));
    }
}

/// The structure that `doctor --help` and the documentation of `Report` promise.
#[test]
fn a_library_that_works_is_described_in_full() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("cache/onnxruntime")).unwrap();
    symlink(common::onnxruntime(), sandbox.cached_library()).unwrap();
    let (text, json) = report(|| doctor(&sandbox), 0);
    assert_eq!(
        keys(&json),
        [
            "api_level_needed",
            "format",
            "model",
            "onnxruntime",
            "problems",
            "run",
            "tract",
            "version",
            "works"
        ]
    );
    assert_eq!(json["model"], Value::Null);
    assert_eq!(
        (&json["format"], &json["api_level_needed"], &json["works"]),
        (&json!(1), &json!(24), &json!(true))
    );
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(json["run"], json!({"engine": "onnxruntime", "place": "cache"}));
    assert_eq!(keys(&json["tract"]), ["reason", "status", "version"]);
    let names =
        json["onnxruntime"].as_array().unwrap().iter().map(|place| &place["place"]).collect::<Vec<_>>();
    assert_eq!(names, ["flag", "variable", "cache", "system"]);
    let cache = place(&json, "cache");
    assert_eq!(keys(cache), ["api_level", "path", "place", "providers", "reason", "status", "version"]);
    assert_eq!((&cache["status"], &cache["reason"]), (&json!("works"), &Value::Null));
    assert_eq!(cache["path"], sandbox.cached_library().to_str().unwrap());
    let version = cache["version"].as_str().unwrap();
    assert_eq!(
        version.split('.').nth(1).unwrap().parse(),
        Ok(cache["api_level"].as_u64().unwrap()),
        "{cache:#}"
    );
    let cpu = json!({"name": "CPUExecutionProvider", "status": "works", "reason": null});
    assert_eq!(cache["providers"][0], cpu);
    let level = &cache["api_level"];
    let found =
        format!("works: ONNX Runtime {version} (API level {level}), {}", sandbox.cached_library().display());
    assert_eq!(line(&text, "cache"), format!("cache           {found}"));
    assert_eq!(line(&text, "CPUExecutionProvider"), "CPUExecutionProvider         works");
    assert_eq!(line(&text, "A run uses"), "A run uses ONNX Runtime (cache)");
    if cfg!(feature = "tract") {
        assert_eq!(json["problems"], json!([]), "{json:#}");
        assert!(!text.contains("What to do"), "{text}");
    }
}

/// Each with its remedy; and what a run does is what the report says.
#[test]
fn whatever_else_lies_there_is_named() {
    let sandbox = Sandbox::new();
    compile(OLD, &sandbox.path("old.so"));
    compile(FOREIGN, &sandbox.path("foreign.so"));
    compile(DEADLY, &sandbox.path("deadly.so"));
    compile(HOLLOW, &sandbox.path("hollow.so"));
    fs::write(sandbox.path("text.so"), "not a library").unwrap();
    for (file, status, found) in [
        ("missing.so", "none", "nothing: there is no file missing.so"),
        ("text.so", "no_library", "no library: text.so cannot be loaded as a shared library: "),
        ("foreign.so", "foreign", "no ONNX Runtime: foreign.so is a shared library, but not ONNX Runtime: "),
        (
            "old.so",
            "too_old",
            "too old: old.so is ONNX Runtime 1.19.0 (API level 19), 1.24 or newer is needed",
        ),
        ("deadly.so", "crashes", "crashes: deadly.so: the process that tried it died (signal: 6 (SIGABRT)"),
        ("hollow.so", "crashes", "crashes: hollow.so: the process that tried it died (signal: 6 (SIGABRT)"),
    ] {
        for (variable, flag) in [(None, Some(file)), (Some(file), None)] {
            let command = || {
                let mut command = doctor(&sandbox);
                flag.map(|file| command.args(["--onnxruntime", file]));
                variable.map(|file| command.env("ORT_DYLIB_PATH", file));
                command
            };
            let (text, json) = report(command, WITHOUT_ONNX_RUNTIME);
            let (label, name) = flag.map_or(("ORT_DYLIB_PATH", "variable"), |_| ("--onnxruntime", "flag"));
            assert_eq!(place(&json, name)["status"], status, "{json:#}");
            assert!(line(&text, label).starts_with(&format!("{label:<15} {found}")), "{text}");
            assert_eq!(json["run"], json!({"engine": null, "place": name}), "{json:#}");
            assert!(
                line(&text, "A run uses")
                    .starts_with(&format!("A run uses nothing: it takes the library of {label}"))
            );
            assert_eq!(json["problems"][0]["subject"], label);
            assert!(line(&text, &format!("{label}: ")).contains(" 1.24 or newer, or "), "{text}");
        }
    }
    let (_, json) = report(
        || {
            let mut command = doctor(&sandbox);
            command.args(["--onnxruntime", "old.so"]);
            command
        },
        WITHOUT_ONNX_RUNTIME,
    );
    let old = place(&json, "flag");
    assert_eq!((&old["version"], &old["api_level"]), (&json!("1.19.0"), &json!(19)));
    sandbox.stderr_of_failure(sandbox.sample().args(["--onnxruntime", "old.so"]), 1);
}

/// What nobody named is passed over, by a run and in the report.
#[cfg(all(feature = "tract", target_os = "linux"))]
#[test]
fn what_lies_in_the_cache_and_the_system_is_passed_over_if_it_cannot_be_used() {
    let sandbox = Sandbox::new();
    compile(OLD, &sandbox.cached_library());
    let system = sandbox.path("system/libonnxruntime.so");
    let command = || {
        let mut command = doctor(&sandbox);
        command.env("LD_LIBRARY_PATH", sandbox.path("system"));
        command
    };
    compile(FOREIGN, &system);
    let (text, json) = report(command, 0);
    assert_eq!(place(&json, "cache")["status"], "too_old");
    assert_eq!(place(&json, "system")["status"], "foreign");
    assert_eq!(json["run"], json!({"engine": "tract", "place": null}));
    assert_eq!(line(&text, "cache:"), "cache: `dcgan-infer install --force` replaces it");
    assert_eq!(line(&text, "system:"), "system: `dcgan-infer install` puts one that works before it");
    fs::write(&system, "not a library").unwrap();
    let (text, json) = report(command, 0);
    assert_eq!(place(&json, "system")["status"], "no_library");
    assert!(
        line(&text, "system ").contains("libonnxruntime.so cannot be loaded as a shared library: "),
        "{text}"
    );
    fs::remove_file(&system).unwrap();
    symlink(common::onnxruntime(), &system).unwrap();
    let (text, json) = report(command, 0);
    let (found, file) = (place(&json, "system"), common::onnxruntime().canonicalize().unwrap());
    assert_eq!((&found["status"], &found["path"]), (&json!("works"), &json!(file.to_str().unwrap())));
    assert_eq!(line(&text, "A run uses"), "A run uses ONNX Runtime (system)");
    let assert = sandbox.sample().env("LD_LIBRARY_PATH", sandbox.path("system")).assert().success();
    let said = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(said.contains("passed over: ") && said.contains("(from the system's library path)"), "{said}");
}

/// A provider that crashes and talks nonsense is one line of the report, and takes nothing else with it.
#[test]
fn a_provider_that_crashes_or_does_not_start_is_named_and_the_cpu_works() {
    let sandbox = Sandbox::new();
    compile(BOASTFUL, &sandbox.path("boastful.so"));
    let command = || {
        let mut command = doctor(&sandbox);
        command.args(["--onnxruntime", "boastful.so"]);
        command
    };
    let (text, json) = report(command, 0);
    let flag = place(&json, "flag");
    assert_eq!(
        (&flag["status"], &json["run"]["engine"]),
        (&json!("works"), &json!("onnxruntime")),
        "{json:#}"
    );
    let providers = flag["providers"].as_array().unwrap();
    let states =
        providers.iter().map(|provider| (&provider["name"], &provider["status"])).collect::<Vec<_>>();
    let expected = [
        (&json!("CPUExecutionProvider"), &json!("works")),
        (&json!("CUDAExecutionProvider"), &json!("crashes")),
        (&json!("TensorrtExecutionProvider"), &json!("fails")),
    ];
    assert_eq!(states, expected, "{json:#}");
    let cuda = providers[1]["reason"].as_str().unwrap();
    assert!(cuda.starts_with("the process that tried it ") && cuda.contains("SIGABRT"), "{cuda}");
    assert!(cuda.ends_with("; it said: the driver / is broken"), "{cuda}");
    assert!(providers[2]["reason"].as_str().unwrap().contains("TensorRT"), "{json:#}");
    assert!(
        line(&text, "CUDAExecutionProvider ")
            .starts_with("CUDAExecutionProvider        crashes: the process")
    );
    for subject in ["CUDAExecutionProvider (--onnxruntime)", "TensorrtExecutionProvider (--onnxruntime)"] {
        assert!(
            line(&text, &format!("{subject}: "))
                .contains("dcgan-infer does without it, on the CPU; for other programs, install "),
            "{text}"
        );
    }
}

#[test]
fn a_library_that_does_not_answer_is_not_waited_for() {
    let sandbox = Sandbox::new();
    compile(SLOW, &sandbox.path("slow.so"));
    let mut command = doctor(&sandbox);
    let command = command
        .args(["--onnxruntime", "slow.so", "--timeout", "1"])
        .timeout(std::time::Duration::from_secs(60));
    let assert = command.assert().code(WITHOUT_ONNX_RUNTIME);
    let text = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    assert!(line(&text, "--onnxruntime").ends_with("crashes: slow.so: no answer within 1 seconds"), "{text}");
}

/// A file with a model card and test vectors, `described.onnx`, with more entries behind them; the last of a key counts.
fn save_described(sandbox: &Sandbox, entries: &[(&str, &str)]) {
    let mut bytes = fs::read(fixture("described.onnx")).unwrap();
    for (key, value) in entries {
        let field = |number: u8, content: &[u8]| {
            let length = content.len();
            [&[number << 3 | 2, length as u8 | 0x80, (length >> 7) as u8], content].concat()
        };
        let entry = [field(1, key.as_bytes()), field(2, value.as_bytes())].concat();
        bytes.extend(field(14, &entry));
    }
    fs::write(sandbox.path("described.onnx"), bytes).unwrap();
}

/// `dcgan-infer doctor` of that file, with the ONNX Runtime of the tests.
fn replay(sandbox: &Sandbox) -> Command {
    let mut command = doctor(sandbox);
    command.args(["--model", "described.onnx", "--onnxruntime"]).arg(common::onnxruntime());
    command
}

/// numpy computed the vectors.
#[test]
fn a_models_test_vectors_are_replayed_in_every_engine() {
    let sandbox = Sandbox::new();
    save_described(&sandbox, &[]);
    let (text, json) = report(|| replay(&sandbox), 0);
    let model = &json["model"];
    assert_eq!(
        keys(model),
        ["engines", "is_changed", "license", "name", "passes", "path", "reason", "seeds"]
    );
    assert_eq!((&model["path"], &model["license"]), (&json!("described.onnx"), &json!("MIT")));
    assert_eq!((&model["seeds"], &model["passes"]), (&json!([0, u64::MAX]), &json!(true)));
    let engines = model["engines"].as_array().unwrap();
    let names: Vec<_> = engines.iter().map(|engine| (&engine["engine"], &engine["place"])).collect();
    let expected = [(&json!("onnxruntime"), &json!("flag")), (&json!("tract"), &Value::Null)];
    assert_eq!(names, expected[..if cfg!(feature = "tract") { 2 } else { 1 }]);
    for engine in engines {
        assert_eq!(keys(engine), ["difference", "engine", "place", "reason", "status"]);
        assert_eq!((&engine["status"], &engine["reason"]), (&json!("passes"), &Value::Null));
        let difference = engine["difference"].as_f64().unwrap();
        assert!(difference > 0.0 && difference < 2e-6, "{difference}");
    }
    let about =
        "Model described.onnx, name Nothing\\nmuch, licence MIT, images of the seeds 0, 18446744073709551615";
    assert_eq!(line(&text, "Model "), about);
    assert!(text.contains("  --onnxruntime   passes, largest difference "), "{text}");
}

/// The file says another image than it draws, or one that no engine of another file's size could draw.
#[test]
fn a_model_that_draws_something_else_is_named_and_the_exit_code_1() {
    let sandbox = Sandbox::new();
    for (vectors, difference) in [
        (r#"[{"seed":0,"tolerance":0.001,"values":[0.999999,0.7]}]"#, Some(0.953_145)),
        (r#"[{"seed":0,"tolerance":0.001,"values":[0,0,0,0,0,0,0,0,0,0,0,0,0]}]"#, None),
    ] {
        save_described(&sandbox, &[("dcgan.test_vectors", vectors)]);
        let (text, json) = report(|| replay(&sandbox), 1);
        let engine = &json["model"]["engines"][0];
        assert_eq!((&json["model"]["passes"], &engine["status"]), (&json!(false), &json!("differs")));
        let found = engine["difference"].as_f64();
        assert_eq!(found.is_some(), difference.is_some(), "{json:#}");
        assert!(
            found.zip(difference).is_none_or(|(found, expected): (f64, f64)| (found - expected).abs() < 1e-5)
        );
        let problem = json["problems"].as_array().unwrap().last().unwrap();
        assert_eq!(problem["subject"], "described.onnx");
        assert!(text.contains("  --onnxruntime   differs"), "{text}");
        assert!(text.contains(": the images are not those of the file's test vectors\n"), "{text}");
    }
}

#[test]
fn a_model_without_test_vectors_says_so() {
    let sandbox = Sandbox::new();
    save_described(&sandbox, &[("dcgan.test_vectors", "[]")]);
    let (text, json) = report(|| replay(&sandbox), 0);
    assert_eq!((&json["model"]["passes"], &json["model"]["engines"]), (&Value::Null, &json!([])));
    assert_eq!(line(&text, "it has no"), "it has no test vectors to compare with; dcgan-export writes them");
}

#[test]
fn a_model_that_is_none_or_damaged_is_named() {
    let sandbox = Sandbox::new();
    let said = sandbox.stderr_of_failure(&mut replay(&sandbox), 1);
    assert!(said.starts_with("dcgan-infer: cannot read model described.onnx: "), "{said}");
    save_described(&sandbox, &[("dcgan.test_vectors", "[{\"seed\": -1}]")]);
    let (text, json) = report(|| replay(&sandbox), 1);
    assert_eq!(json["model"]["passes"], false);
    assert!(
        line(&text, "metadata entry").starts_with("metadata entry dcgan.test_vectors: invalid"),
        "{text}"
    );
    assert_eq!(line(&text, "described.onnx:"), "described.onnx: its metadata is damaged: export it again");
    save_described(&sandbox, &[("dcgan.sha256", &"1".repeat(64))]);
    let (text, json) = report(|| replay(&sandbox), 0);
    assert_eq!((&json["model"]["is_changed"], &json["model"]["passes"]), (&json!(true), &json!(true)));
    assert!(line(&text, "described.onnx:").contains("it is damaged: export it again"), "{text}");
}

#[test]
fn a_report_that_cannot_be_printed_is_an_error() {
    let sandbox = Sandbox::new();
    for wrong in [["--timeout", "0"], ["--timeout", "-3"]] {
        let said = sandbox.stderr_of_failure(doctor(&sandbox).args(wrong), 2);
        assert!(said.contains("--timeout <SECONDS>") && said.contains(wrong[1]), "{said}");
    }
    if cfg!(target_os = "linux") {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "\"$0\" doctor > /dev/full", env!("CARGO_BIN_EXE_dcgan-infer")]);
        let output = shell.env("DCGAN_CACHE_DIR", sandbox.path("cache")).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(said.starts_with("dcgan-infer: cannot print the report: No space left on device"), "{said}");
    }
}
