//! Compiles `proto/onnx.proto` to Rust. `protox` parses it, so that no `protoc` has to be installed.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto/onnx.proto");
    let files = protox::compile(["onnx.proto"], ["proto"])?;
    prost_build::compile_fds(files)?;
    Ok(())
}
