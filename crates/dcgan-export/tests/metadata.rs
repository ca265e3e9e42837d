//! What a file says of itself, in every form that it may have.

mod common;
mod reference;

use std::collections::BTreeMap;

use common::{decoded, discriminator, generator, spec};
use dcgan_core::description::{Card, Description};
use dcgan_core::latent::latents;
use dcgan_core::{Checkpoint, GeneratorSpec, checksum, pixels};
use dcgan_export::config::{Batch, Layout, OutputFormat, Precision};
use dcgan_export::interpreter::{self, Array, Element, Limits};
use dcgan_export::{CardConfig, ExportConfig, ModelProto, export};
use dcgan_onnx::Message;
use reference::reference;

fn network() -> GeneratorSpec {
    spec("tiny", 5, &[8, 6, 4], 3)
}

fn checkpoint() -> Checkpoint {
    generator(&network(), 11)
}

fn entries(model: &ModelProto) -> BTreeMap<String, String> {
    let entry =
        |entry: &dcgan_onnx::StringStringEntryProto| (entry.key().to_owned(), entry.value().to_owned());
    model.metadata_props.iter().map(entry).collect()
}

fn described(checkpoint: &Checkpoint, config: &ExportConfig) -> (ModelProto, Description) {
    let model = decoded(&export(checkpoint, config).unwrap());
    let description = Description::read(&entries(&model)).unwrap();
    (model, description)
}

/// The forms of a file, and the tolerance that each states: what 16 bits cost, and half a level of 255.
fn forms() -> Vec<(ExportConfig, f32)> {
    let config = ExportConfig::default;
    let half = 0.5 / 127.5;
    vec![
        (config(), 1e-3),
        (ExportConfig { fold_batchnorm: false, ..config() }, 1e-3),
        (ExportConfig { batch: Batch::Fixed(3), ..config() }, 1e-3),
        (ExportConfig { layout: Layout::Nhwc, ..config() }, 1e-3),
        (ExportConfig { output_format: OutputFormat::Uint8, ..config() }, 1e-3 + half),
        (ExportConfig { precision: Precision::F16, ..config() }, 0.05),
        (
            ExportConfig {
                fold_batchnorm: false,
                batch: Batch::Fixed(2),
                precision: Precision::F16,
                output_format: OutputFormat::Uint8,
                layout: Layout::Nhwc,
                ..config()
            },
            0.05 + half,
        ),
    ]
}

/// The first image that a model draws of a seed, `[C, H, W]` in [-1, 1].
fn draw(model: &ModelProto, config: &ExportConfig, seed: u64) -> Vec<f32> {
    let batch = match config.batch {
        Batch::Dynamic => 1,
        Batch::Fixed(size) => size,
    };
    let z = latents(seed, batch, network().latent);
    let input = Array::floats(&[batch, network().latent], z.into_iter().collect());
    let images = interpreter::run(model, &[input], Limits::default()).unwrap().remove(0);
    let value = |value: f32| match images.element {
        Element::U8 => pixels::from_u8(value as u8),
        _ => value,
    };
    let (channels, area) = (3, 32 * 32);
    let place = |index: usize| match config.layout {
        Layout::Nchw => index,
        Layout::Nhwc => index % area * channels + index / area,
    };
    (0..channels * area).map(|index| value(images.values[place(index)])).collect()
}

#[test]
fn test_vectors_hold_for_every_form_and_for_no_other_image() {
    for (config, tolerance) in forms() {
        let (model, description) = described(&checkpoint(), &config);
        let vectors = &description.test_vectors;
        assert_eq!(vectors.iter().map(|vector| vector.seed).collect::<Vec<_>>(), [0, 1]);
        for vector in vectors {
            assert!((vector.tolerance - tolerance).abs() < 1e-6, "{config:?} states {}", vector.tolerance);
            let difference = vector.difference(&draw(&model, &config, vector.seed));
            assert!(vector.accepts(&draw(&model, &config, vector.seed)), "{config:?}: {difference}");
            assert!(!vector.accepts(&draw(&model, &config, vector.seed + 2)), "{config:?}");
        }
    }
}

/// PyTorch's layers written out, at the places that the documentation of `TestVector::values` says.
#[test]
fn test_vectors_are_the_checkpoints_own_values() {
    let (_, description) = described(&checkpoint(), &ExportConfig::default());
    for vector in description.test_vectors {
        let z: Vec<f64> = latents(vector.seed, 1, network().latent).into_iter().map(f64::from).collect();
        let image = reference(&network(), &checkpoint(), &z);
        assert_eq!(vector.values.len(), 64);
        for (k, value) in vector.values.iter().enumerate() {
            let expected = image[k * (image.len() - 1) / 63];
            assert!((f64::from(*value) - expected).abs() < 6e-7, "value {k}: {value}, expected {expected}");
        }
    }
}

#[test]
fn a_generator_says_how_it_was_made_and_how_it_is_used() {
    let (_, description) = described(&checkpoint(), &ExportConfig::default());
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(description.architecture, text("tiny"));
    assert_eq!(description.latent_size, Some(5));
    assert_eq!(description.latent_distribution, text("normal(0,1)"));
    assert_eq!((description.value_range, description.layout), (text("-1,1"), text("NCHW")));
    assert_eq!(description.training, Some(checkpoint().record));
    assert_eq!(description.card, Card { dataset: text("shapes"), ..Card::default() });
    let config = ExportConfig {
        layout: Layout::Nhwc,
        output_format: OutputFormat::Uint8,
        card: CardConfig {
            name: text("Blobs"),
            description: text("draws \"blobs\" \u{2014} and no faces"),
            dataset: text("my own"),
            author: text("A. Uthor"),
            license: text("CC-BY-4.0"),
        },
        ..ExportConfig::default()
    };
    let (_, description) = described(&checkpoint(), &config);
    assert_eq!((description.value_range, description.layout), (text("0,255"), text("NHWC")));
    let CardConfig { name, description: about, dataset, author, license } = config.card;
    assert_eq!(description.card, Card { name, description: about, dataset, author, license });
}

#[test]
fn a_discriminator_has_a_card_and_draws_nothing() {
    let card = CardConfig { license: Some("MIT".to_owned()), ..CardConfig::default() };
    let (_, description) = described(&discriminator(), &ExportConfig { card, ..ExportConfig::default() });
    assert_eq!(description.card.license.as_deref(), Some("MIT"));
    assert_eq!(description.layout.as_deref(), Some("NCHW"));
    assert_eq!((description.latent_size, description.latent_distribution), (None, None));
    assert!(description.test_vectors.is_empty());
}

/// The checksum covers what comes before it.
#[test]
fn the_seal_is_the_last_entry_and_every_entry_is_there_once() {
    let card = CardConfig { name: Some("before".to_owned()), ..CardConfig::default() };
    let model = export(&checkpoint(), &ExportConfig { card, ..ExportConfig::default() }).unwrap();
    let last = model.metadata_props.last().unwrap();
    assert_eq!(last.key(), "dcgan.sha256");
    assert_eq!(entries(&model).len(), model.metadata_props.len());
    let bytes = model.encode_to_vec();
    assert!(checksum::is_intact(&bytes, last.value()));
    let mut changed = model.clone();
    let name = changed.metadata_props.iter_mut().find(|entry| entry.key() == "dcgan.name").unwrap();
    name.value = Some("behind".to_owned());
    assert!(!checksum::is_intact(&changed.encode_to_vec(), last.value()));
}
