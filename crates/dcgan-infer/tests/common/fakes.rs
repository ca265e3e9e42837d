//! Shared libraries that are not the ONNX Runtime that they are taken for, compiled from C.

use std::fs;
use std::mem::{offset_of, size_of};
use std::path::Path;
use std::process::Command;

use ort::sys::OrtApi;

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

/// It kills whoever loads it.
pub const DEADLY: &str = r#"
    #include <stdio.h>
    #include <stdlib.h>
    __attribute__((constructor)) static void die(void) { fputs("no such luck\n", stderr); abort(); }
"#;

/// It lets whoever loads it wait.
pub const SLOW: &str = r#"
    #include <unistd.h>
    __attribute__((constructor)) static void wait(void) { sleep(600); }
"#;

/// It has the interface that is asked for, and none of its functions works.
pub const HOLLOW: &str = r#"
    #include <stdio.h>
    #include <stdlib.h>
    static void die(void) { puts("dcgan-infer probe: {\"Loaded\": {}}"); fflush(stdout); abort(); }
    static void *table[SIZE];
    static const void *get_api(unsigned version) {
        for (int i = 0; i < SIZE; i++) table[i] = (void *)die;
        return version <= 30 ? table : NULL;
    }
    static const char *get_version(void) { return "1.30.0"; }
    static const struct { const void *(*api)(unsigned); const char *(*version)(void); } base = { get_api, get_version };
    const void *OrtGetApiBase(void) { return &base; }
"#;

/// It is the real one of the tests and lists two providers more: CUDA's crashes after it has talked nonsense, TensorRT's
/// is not there.
pub const BOASTFUL: &str = r#"
    #include <dlfcn.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    struct base { const void *(*api)(unsigned); const char *(*version)(void); };
    static const struct base *real(void) {
        return ((const struct base *(*)(void))dlsym(dlopen(REAL, RTLD_NOW), "OrtGetApiBase"))();
    }
    static char *names[] = { "TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider" };
    static void *list(char ***out, int *count) { *out = names; *count = 3; return NULL; }
    static void *release(char **list, int count) { return NULL; }
    static void *die(void **out) {
        puts("dcgan-infer probe: {\"status\": \"works\", \"reason\": null, \"build\": null}");
        fflush(stdout);
        fputs("the driver\nis broken\n", stderr);
        abort();
    }
    static void *table[SIZE];
    static const void *get_api(unsigned version) {
        const void *api = real()->api(version);
        if (!api) return NULL;
        memcpy(table, api, sizeof table);
        table[LIST] = (void *)list;
        table[RELEASE] = (void *)release;
        table[CUDA] = (void *)die;
        return table;
    }
    static const char *get_version(void) { return real()->version(); }
    static const struct base base = { get_api, get_version };
    const void *OrtGetApiBase(void) { return &base; }
"#;

/// Compiles C code into a shared library.
pub fn compile(code: &str, library: &Path) {
    let source = library.with_extension("c");
    fs::create_dir_all(library.parent().unwrap()).unwrap();
    fs::write(&source, code).unwrap();
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-o"]).arg(library).arg(&source).arg("-ldl");
    let pointers = |bytes: usize| bytes / size_of::<usize>();
    command.arg(format!("-DSIZE={}", pointers(size_of::<OrtApi>())));
    command.arg(format!("-DLIST={}", pointers(offset_of!(OrtApi, GetAvailableProviders))));
    command.arg(format!("-DRELEASE={}", pointers(offset_of!(OrtApi, ReleaseAvailableProviders))));
    command.arg(format!("-DCUDA={}", pointers(offset_of!(OrtApi, CreateCUDAProviderOptions))));
    if code.contains("REAL") {
        command.arg(format!("-DREAL={:?}", super::onnxruntime()));
    }
    assert!(command.status().expect("the tests need a C compiler, cc").success());
}
