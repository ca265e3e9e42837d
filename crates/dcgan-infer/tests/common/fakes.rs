//! Shared libraries that are not the ONNX Runtime that they are taken for, compiled from C.

use std::fs;
use std::path::Path;
use std::process::Command;

/// It says it is ONNX Runtime 1.19.0 and has no newer interface, as that release would.
pub const OLD: &str = r#"
    #include <stddef.h>
    static const void *get_api(unsigned version) { return version <= 19 ? "" : NULL; }
    static const char *get_version(void) { return "1.19.0"; }
    static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = { get_api, get_version };
    const void *OrtGetApiBase(void) { return &base; }
"#;

/// It is something else.
pub const FOREIGN: &str = "int answer(void) { return 42; }";

/// Compiles C code into a shared library.
pub fn compile(code: &str, library: &Path) {
    let source = library.with_extension("c");
    fs::create_dir_all(library.parent().unwrap()).unwrap();
    fs::write(&source, code).unwrap();
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-o"]).arg(library).arg(&source);
    assert!(command.status().expect("the tests need a C compiler, cc").success());
}
