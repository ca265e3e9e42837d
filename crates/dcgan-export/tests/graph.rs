//! The exported graph as text.

mod common;

use common::{dcgan64, decoded, generator, spec};
use dcgan_core::GeneratorSpec;
use dcgan_export::{ExportConfig, export, render};
use dcgan_onnx::Message;

/// The text of a generator's file, without this crate's version, which changes with every release.
fn text(spec: &GeneratorSpec) -> String {
    let model = export(&generator(spec, 1), &ExportConfig::default()).unwrap();
    let producer = concat!("producer dcgan-export ", env!("CARGO_PKG_VERSION"));
    render(&decoded(&model)).replace(producer, "producer dcgan-export VERSION")
}

#[test]
fn dcgan64_as_text() {
    insta::assert_snapshot!(text(&dcgan64()));
}

#[test]
fn three_gray_stages_as_text() {
    insta::assert_snapshot!(text(&spec("small-gray", 16, &[8, 4, 2], 1)));
}

#[test]
fn a_single_stage_as_text() {
    insta::assert_snapshot!(text(&spec("one-stage", 2, &[3], 3)));
}

#[test]
fn the_same_checkpoint_gives_the_same_bytes() {
    let bytes = || {
        let checkpoint = generator(&spec("tiny", 3, &[4, 2], 1), 1);
        export(&checkpoint, &ExportConfig::default()).unwrap().encode_to_vec()
    };
    assert_eq!(bytes(), bytes());
}
