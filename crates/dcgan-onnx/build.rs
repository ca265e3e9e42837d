//! Compiles `proto/onnx.proto` to Rust, in three forms: the messages (`onnx.rs`), the messages without the values of
//! tensors (`skeleton/onnx.rs`), and the numbers of all fields (`fields.rs`).
//!
//! `protox` parses it, so that no `protoc` has to be installed.

use std::error::Error;
use std::fmt::Write;
use std::path::PathBuf;
use std::{env, fs};

use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// The fields of TensorProto that hold values.
const VALUES: [&str; 7] =
    ["float_data", "int32_data", "string_data", "int64_data", "raw_data", "double_data", "uint64_data"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto/onnx.proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut files = protox::compile(["onnx.proto"], ["proto"])?;
    prost_build::compile_fds(files.clone())?;
    fs::write(out.join("fields.rs"), field_numbers(&files)?)?;
    files.file.iter_mut().flat_map(|file| &mut file.message_type).for_each(skeleton);
    let folder = out.join("skeleton");
    fs::create_dir_all(&folder)?;
    prost_build::Config::new().out_dir(folder).compile_fds(files)?;
    Ok(())
}

/// A module for each message, with a constant for each field.
fn field_numbers(files: &FileDescriptorSet) -> Result<String, Box<dyn Error>> {
    let mut code = String::new();
    files
        .file
        .iter()
        .flat_map(|file| &file.message_type)
        .try_for_each(|message| module(&mut code, message))?;
    Ok(code)
}

fn module(code: &mut String, message: &DescriptorProto) -> Result<(), Box<dyn Error>> {
    writeln!(code, "pub mod {} {{", snake_case(message.name()))?;
    for field in &message.field {
        writeln!(code, "pub const {}: u64 = {};", field.name().to_uppercase(), field.number())?;
    }
    message.nested_type.iter().try_for_each(|message| module(code, message))?;
    writeln!(code, "}}")?;
    Ok(())
}

/// `ModelProto` as `model_proto`.
fn snake_case(name: &str) -> String {
    let separated = name.char_indices().flat_map(|(index, letter)| {
        let before = (index > 0 && letter.is_uppercase()).then_some('_');
        before.into_iter().chain(letter.to_lowercase())
    });
    separated.collect()
}

/// Leaves out the values of tensors, makes text bytes, and enumerations numbers.
fn skeleton(message: &mut DescriptorProto) {
    message.field.retain(|field| !VALUES.contains(&field.name()));
    message.field.iter_mut().for_each(plain);
    message.enum_type.clear();
    message.nested_type.iter_mut().for_each(skeleton);
}

fn plain(field: &mut FieldDescriptorProto) {
    match field.r#type() {
        Type::String => field.set_type(Type::Bytes),
        Type::Enum => {
            field.set_type(Type::Int32);
            field.type_name = None;
        }
        _ => {}
    }
}
