//! Every form that a file can be exported in, drawn by `dcgan-infer`.

use std::path::Path;

use dcgan_core::{GeneratorSpec, latent, pixels};
use dcgan_export::config::{Batch, Layout, OutputFormat, Precision};
use dcgan_export::{ExportConfig, export};
use dcgan_infer::{Engine, Generator, ModelFile};
use dcgan_onnx::Message;
use ndarray::{Array4, Axis};
use tempfile::TempDir;

use crate::difference::largest_difference;
use crate::wide;

/// Images that are drawn: not a multiple of the fixed batch.
const COUNT: usize = 7;
/// The least and the most of the opsets, and the default one.
const OPSETS: [i64; 3] = [9, 13, 18];

/// A file of every combination of the options gives the images of the default one: within rounding, and the same bytes
/// where it has the same weights. They are those of the file's own test vectors, too.
///
/// An engine refuses the forms of which `refuses` says so, and no others.
///
/// # Panics
/// If it does not.
pub fn every_form_is_drawn_alike(engine: &Engine, refuses: impl Fn(&ExportConfig) -> bool) {
    for channels in [1, 3] {
        let spec = GeneratorSpec { arch: "small".to_owned(), latent: 20, widths: vec![32, 16, 8], channels };
        let expected = draw(engine, &spec, &ExportConfig::default()).expect("the default form is drawn");
        for config in configs() {
            match draw(engine, &spec, &config) {
                Ok(_) if refuses(&config) => panic!("{config:?} is drawn: it is no longer refused"),
                Ok(found) => check(&config, &found, &expected),
                Err(error) => assert!(refuses(&config), "{config:?}: {error}"),
            }
        }
    }
}

fn check(config: &ExportConfig, found: &Array4<f32>, expected: &Array4<f32>) {
    let is_uint8 = config.output_format == OutputFormat::Uint8;
    if is_uint8 && config.fold_batchnorm && config.precision == Precision::F32 {
        assert_eq!(found.mapv(pixels::to_u8), expected.mapv(pixels::to_u8), "{config:?}");
    }
    let rounding = match config.precision {
        Precision::F32 => 1e-5,
        Precision::F16 => 0.02,
    };
    let half_a_level = if is_uint8 { 0.5 / 127.5 } else { 0.0 };
    let difference = largest_difference(found.view(), expected.view());
    assert!(difference <= rounding + half_a_level, "{config:?}: off by {difference}");
}

/// The images of the first seeds, and an error if the engine refuses the file.
fn draw(engine: &Engine, spec: &GeneratorSpec, config: &ExportConfig) -> Result<Array4<f32>, String> {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("g.onnx");
    let model = export(&wide::checkpoint(spec.clone()), config).expect("the checkpoint is exported");
    std::fs::write(&path, model.encode_to_vec()).expect("the model is written");
    let mut generator = Generator::open(engine, &path).map_err(|error| error.to_string())?;
    let z = latent::latents(0, COUNT, generator.latent_size());
    let images = generator.sample(z.view()).unwrap_or_else(|error| panic!("{config:?}: {error}"));
    check_vectors(config, &path, &images);
    Ok(images)
}

/// The seeds of a file's test vectors are among those that were drawn.
fn check_vectors(config: &ExportConfig, path: &Path, images: &Array4<f32>) {
    let file = ModelFile::read(path).expect("the file is whole");
    let vectors = file.description().expect("its metadata is as it was written").test_vectors;
    assert!(!vectors.is_empty(), "{config:?}");
    for vector in vectors {
        let image: Vec<f32> = images.index_axis(Axis(0), vector.seed as usize).iter().copied().collect();
        let (seed, difference) = (vector.seed, vector.difference(&image));
        assert!(vector.accepts(&image), "{config:?}: seed {seed} is off by {difference}");
    }
}

fn configs() -> Vec<ExportConfig> {
    let mut configs = Vec::new();
    for opset in OPSETS {
        for choices in 0..32 {
            let on = |bit: u32| choices >> bit & 1 == 1;
            configs.push(ExportConfig {
                opset,
                fold_batchnorm: !on(0),
                batch: if on(1) { Batch::Fixed(4) } else { Batch::Dynamic },
                precision: if on(2) { Precision::F16 } else { Precision::F32 },
                output_format: if on(3) { OutputFormat::Uint8 } else { OutputFormat::F32 },
                layout: if on(4) { Layout::Nhwc } else { Layout::Nchw },
                ..ExportConfig::default()
            });
        }
    }
    configs
}
