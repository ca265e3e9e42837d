//! The runtimes and checks, in the order of the table that is written.

/// A line of the table.
#[derive(Debug)]
pub struct Entry {
    /// For `--only`.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What it is run with.
    pub host: Host,
    /// Whether it installs in little time, for `--fast`.
    pub fast: bool,
    /// What a reader should know.
    pub notes: &'static str,
}

/// What a runtime is run with, and which of its files.
#[derive(Debug)]
pub enum Host {
    /// A module of `python/engines` in the environment of a file of `python/requirements`.
    Python { engine: &'static str, requirements: &'static str },
    /// A module of `python/checks`, likewise; it looks at the file and makes no images.
    Check { check: &'static str, requirements: &'static str },
    /// A module of `node/engines` in the environment of a folder of `node`.
    Node { engine: &'static str, packages: &'static str },
    /// The crate of the folder `rust`, outside of the workspace.
    Cargo,
    /// `dcgan-infer`'s own engine, in this program.
    Embedded,
}

impl Entry {
    /// Whether it makes images to compare.
    pub fn draws(&self) -> bool {
        !matches!(self.host, Host::Check { .. })
    }

    const fn fast(mut self) -> Self {
        self.fast = true;
        self
    }

    const fn notes(mut self, notes: &'static str) -> Self {
        self.notes = notes;
        self
    }
}

/// A runtime whose engine and requirements have its own name.
const fn python(name: &'static str, title: &'static str) -> Entry {
    with(name, title, Host::Python { engine: name, requirements: name })
}

const fn with(name: &'static str, title: &'static str, host: Host) -> Entry {
    Entry { name, title, host, fast: false, notes: "" }
}

const fn check(name: &'static str, title: &'static str) -> Entry {
    with(name, title, Host::Check { check: name, requirements: "onnx" })
}

/// A module of `python/engines` that needs other packages than its name says.
const fn shared(
    name: &'static str,
    title: &'static str,
    engine: &'static str,
    requirements: &'static str,
) -> Entry {
    with(name, title, Host::Python { engine, requirements })
}

/// A module of `node/engines`.
const fn node(
    name: &'static str,
    title: &'static str,
    engine: &'static str,
    packages: &'static str,
) -> Entry {
    with(name, title, Host::Node { engine, packages })
}

/// All of them.
pub const TABLE: &[Entry] = &[
    python("onnxruntime", "ONNX Runtime, Python").fast(),
    shared("onnxruntime-old", "ONNX Runtime of 2023, Python", "onnxruntime", "onnxruntime-old").fast(),
    node("onnxruntime-node", "ONNX Runtime, Node.js", "onnxruntime-node", "onnxruntime").fast(),
    node("onnxruntime-web", "ONNX Runtime Web, Node.js", "onnxruntime-web", "onnxruntime")
        .fast()
        .notes("WebAssembly"),
    node("chromium-wasm", "ONNX Runtime Web, in a browser", "chromium-wasm", "onnxruntime")
        .fast()
        .notes("WebAssembly in headless Chromium"),
    node("chromium-webgpu", "ONNX Runtime Web, in a browser", "chromium-webgpu", "onnxruntime")
        .notes("WebGPU in headless Chromium, drawn by SwiftShader"),
    python("openvino", "OpenVINO").fast().notes("CPU, f32"),
    shared("opencv5", "OpenCV 5, Python", "opencv", "opencv5").fast(),
    shared("opencv4", "OpenCV 4, Python", "opencv", "opencv4"),
    node("opencv-js", "OpenCV.js, Node.js", "opencv", "opencv").fast().notes("WebAssembly"),
    with("embedded", "tract, embedded in `dcgan-infer`", Host::Embedded).fast(),
    python("tract", "tract, Python").fast(),
    with("rten", "rten, Rust", Host::Cargo),
    python("nxrt", "nxrt, Python"),
    python("mnn", "MNN").notes("by `mnnconvert`"),
    python("iree", "IREE").notes("compiled for the CPU"),
    python("tvm", "Apache TVM").notes("by Relax, compiled for the CPU"),
    python("tinygrad", "tinygrad").notes("needs clang"),
    python("emx", "emx-onnx-cgen").notes("C, compiled by `cc`"),
    shared("reference", "ONNX's reference evaluator", "reference", "onnx").fast(),
    check("checker", "`onnx.checker`").fast().notes("full check, strict shape inference"),
    check("onnxslim", "onnxslim").fast().notes("finds nothing to simplify"),
    check("onnxsim", "onnxsim").fast().notes("finds nothing to simplify"),
];
