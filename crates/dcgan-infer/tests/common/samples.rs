//! What holds for the samples of every engine. Each engine has a test binary of its own: there is one a process.

use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::Path;

use dcgan_core::latent::latents;
use dcgan_infer::generator::not_finite;
use dcgan_infer::{Engine, EngineConfig, Generator, GeneratorConfig, GeneratorError, ModelFile};
use insta::internals::SnapshotContents;
use insta::{Comparator, Settings};
use ndarray::{ArrayView2, ArrayView3, Axis, s};

use super::{fixture, model, photos};

/// Blocks of a thumbnail's side.
const THUMBNAIL: usize = 8;

/// Starts the engine of a test binary.
pub fn start(config: &EngineConfig) -> Engine {
    Engine::start(config).unwrap_or_else(|error| panic!("{:#}", anyhow::Error::new(error)))
}

/// The committed generator of shapes, ready to run.
pub fn generator(engine: &Engine) -> Generator {
    open(engine, &model())
}

fn open(engine: &Engine, path: &Path) -> Generator {
    Generator::open(engine, path).unwrap_or_else(|error| panic!("{:#}", anyhow::Error::new(error)))
}

/// The samples of seeds 0 to 3 of the committed generators are the known ones, the same for every engine and processor.
pub fn are_the_known_ones(engine: &Engine) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_comparator(Box::new(OneInTheLastDigit));
    for (path, side, name) in [(model(), 32, "samples"), (photos(), 64, "samples_cifar10")] {
        let mut generator = open(engine, &path);
        assert_eq!((generator.latent_size(), generator.image_shape()), (100, [3, side, side]));
        let images = generator.sample(latents(0, 4, 100).view()).unwrap();
        let mut text = String::new();
        for (seed, image) in images.outer_iter().enumerate() {
            writeln!(text, "seed {seed}").unwrap();
            describe(&mut text, image);
        }
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
}

/// An image is the same alone, in a batch of any size, and first or last in it: bit for bit.
pub fn depend_on_nothing_but_their_latent(engine: &Engine) {
    const COUNT: usize = 2 * dcgan_infer::generator::MAX_BATCH.get() + 6;
    let mut generator = generator(engine);
    let z = latents(0, COUNT, 100);
    let all = generator.sample(z.view()).unwrap();
    assert_eq!(all.dim(), (COUNT, 3, 32, 32));
    for batch in [1, 2, 3, 7, 16] {
        for (z, expected) in z.axis_chunks_iter(Axis(0), batch).zip(all.axis_chunks_iter(Axis(0), batch)) {
            let images = generator.sample(z).unwrap();
            let difference = (&images - &expected).iter().fold(0f32, |most, d| most.max(d.abs()));
            assert_eq!(difference, 0.0, "a batch of {batch}");
        }
    }
    let mut generator = generator.with_batch(NonZeroUsize::new(COUNT).unwrap());
    assert_eq!(generator.sample(z.view()).unwrap(), all, "all at once");
    // Rows that lie apart in memory.
    let reversed = generator.sample(z.slice(s![..;-1, ..])).unwrap();
    assert_eq!(reversed, all.slice(s![..;-1, .., .., ..]));
}

/// Sessions that share the work draw the same images, bit for bit, whatever their number.
pub fn are_the_same_in_several_sessions(engine: &Engine) {
    for (path, latent) in [(model(), 100), (fixture("fixed_batch.onnx"), 5)] {
        let z = latents(0, 53, latent);
        let expected = Generator::open(engine, &path).unwrap().sample(z.view()).unwrap();
        for sessions in [2, 3] {
            let file = ModelFile::read(&path).unwrap();
            let sessions = NonZeroUsize::new(sessions).unwrap();
            let mut generator =
                Generator::in_sessions(engine, file, &GeneratorConfig::default(), sessions).unwrap();
            assert_eq!(generator.sessions(), sessions.get());
            for count in [0, 1, 2, 7, 53] {
                let images = generator.sample(z.slice(s![..count, ..])).unwrap();
                assert_eq!(images, expected.slice(s![..count, .., .., ..]), "{count} in {sessions}");
            }
        }
    }
}

/// No latents give no images; latents of another length are refused.
pub fn need_latents_of_the_models_length(engine: &Engine) {
    let mut generator = generator(engine);
    assert_eq!(generator.sample(latents(0, 0, 100).view()).unwrap().dim(), (0, 3, 32, 32));
    let error = generator.sample(latents(0, 2, 64).view()).unwrap_err();
    assert!(matches!(error, GeneratorError::Latent { expected: 100, found: 64, .. }), "{error}");
    assert!(error.to_string().contains("shapes32.onnx takes latents of 100 numbers"), "{error}");
}

/// A model exported for batches of four takes any number of latents; height and width keep their places.
pub fn come_from_a_fixed_batch_too(engine: &Engine) {
    let mut generator = Generator::open(engine, &fixture("fixed_batch.onnx")).unwrap();
    assert_eq!((generator.latent_size(), generator.image_shape()), (5, [1, 2, 5]));
    let all = generator.sample(latents(0, 9, 5).view()).unwrap();
    assert_eq!(all.dim(), (9, 1, 2, 5));
    for (k, image) in all.outer_iter().enumerate() {
        let alone = generator.sample(latents(k as u64, 1, 5).view()).unwrap();
        assert_eq!(alone.index_axis(Axis(0), 0), image, "image {k}");
        assert!(image.iter().all(|value| value.abs() <= 1.0) && image.iter().any(|value| *value != 0.0));
    }
}

/// An engine that needs the batch size when it loads a model refuses one that only the graph holds, and names it.
pub fn do_not_come_from_a_batch_that_only_the_graph_holds(engine: &Engine) {
    for batch in [1, 4, 64] {
        let error = Generator::open(engine, &fixture(&format!("baked{batch}.onnx"))).unwrap_err();
        let part =
            format!("baked{batch}.onnx: its input declares any batch size, but a Reshape in its graph holds");
        assert!(
            error.to_string().contains(&format!("{part} a batch of {batch}; ONNX Runtime draws")),
            "{error}"
        );
    }
}

/// A batch size that only the graph holds is found by drawing; the images are those of the same weights in a graph that
/// takes any.
pub fn come_from_a_batch_that_only_the_graph_holds(engine: &Engine) {
    let z = latents(0, 9, 5);
    let expected = open(engine, &fixture("described.onnx")).sample(z.view()).unwrap();
    for batch in [1, 4, 64, 100] {
        let mut generator = open(engine, &fixture(&format!("baked{batch}.onnx")));
        let found = (generator.hidden_batch(), generator.fixed_batch());
        assert_eq!(found, (NonZeroUsize::new(batch), NonZeroUsize::new(batch)));
        assert_eq!(generator.dependence(), None, "baked{batch}");
        let images = generator.sample(z.view()).unwrap();
        assert_eq!(images.dim(), (9, 3, 2, 2));
        let difference = (&images - &expected).iter().fold(0f32, |most, d| most.max(d.abs()));
        assert!(difference <= 1e-6, "baked{batch}: off by {difference}");
    }
    for name in ["described.onnx", "fixed_batch.onnx"] {
        assert_eq!(open(engine, &fixture(name)).hidden_batch(), None, "{name}");
    }
}

/// What else than its latent an image depends on is found by drawing, in the models that the engine runs.
pub fn tell_what_else_they_depend_on(engine: &Engine, refused: &[&str]) {
    use dcgan_infer::generator::Dependence::{Chance, Neighbors};
    for (name, expected) in [
        ("noise.onnx", Some(Chance)),
        ("centered.onnx", Some(Neighbors)),
        ("training.onnx", Some(Neighbors)),
        ("described.onnx", None),
        ("fixed_batch.onnx", None),
        ("strangers/half.onnx", None),
        ("strangers/dynamo_bytes_nhwc.onnx", None),
        ("strangers/to_255.onnx", None),
    ] {
        match Generator::open(engine, &fixture(name)) {
            Ok(generator) => assert_eq!(generator.dependence(), expected, "{name}"),
            Err(error) => assert!(refused.contains(&name), "{name}: {:#}", anyhow::Error::new(error)),
        }
    }
}

/// A model that gives NaN is refused; one that overflows at extreme latents is not, and the rows are told.
pub fn are_finite(engine: &Engine) {
    let error = Generator::open(engine, &fixture("nan.onnx")).unwrap_err();
    assert!(matches!(error, GeneratorError::NotFinite { .. }), "{error}");
    assert!(
        error.to_string().contains("nan.onnx gives NaN or infinite values for ordinary latents"),
        "{error}"
    );
    let mut generator = open(engine, &fixture("overflow.onnx"));
    let mut z = latents(0, 4, 5);
    assert_eq!(not_finite(generator.sample(z.view()).unwrap().view()), [0usize; 0]);
    z.row_mut(1).fill(3e38);
    z.row_mut(3).fill(-3e38);
    assert_eq!(not_finite(generator.sample(z.view()).unwrap().view()), [1, 3]);
}

/// Models of another form are refused with what they have.
pub fn come_from_generators_alone(engine: &Engine) {
    let cases = [
        (
            "classifier.onnx",
            "is no generator of images: expected an output, f32, f16 or u8 [N, C, H, W] or [N, H, W, C] with C 1 or 3, \
             H and W up to 8192, found image f32 [-1, 10]",
        ),
        ("four_channels.onnx", "H and W up to 8192, found images of [4, 2, 2]"),
        ("two_inputs.onnx", "N x latent up to 16777216, found z f32 [-1, 5], label f32 [1]"),
        // A size that would be allocated before anything else could fail.
        ("huge_latent.onnx", "N x latent up to 16777216, found z f32 [-1, 4398046511104]"),
    ];
    for (name, message) in cases {
        let error = Generator::open(engine, &fixture(name)).unwrap_err();
        assert!(matches!(error, GeneratorError::Interface { .. }), "{name}: {error}");
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// A model cut short anywhere is an error, never a crash.
pub fn do_not_come_from_a_truncated_model(engine: &Engine) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.onnx");
    let whole = std::fs::read(fixture("four_channels.onnx")).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = Generator::open(engine, &path).unwrap_err();
        assert!(error.to_string().contains("cut.onnx"), "cut at {length}: {error}");
    }
}

/// Statistics of each channel, and the brightness of each block on a scale from 0 to 100.
fn describe(text: &mut String, image: ArrayView3<f32>) {
    for (name, channel) in ["red", "green", "blue"].into_iter().zip(image.outer_iter()) {
        let (mean, deviation) = (channel.mean().unwrap(), channel.std(0.0));
        let (least, most) = channel.iter().fold((1f32, -1f32), |(a, b), x| (a.min(*x), b.max(*x)));
        writeln!(text, "{name:5} mean {mean:.3} std {deviation:.3} min {least:.3} max {most:.3}").unwrap();
    }
    let gray = image.mean_axis(Axis(0)).unwrap();
    let side = gray.nrows() / THUMBNAIL;
    for row in gray.axis_chunks_iter(Axis(0), side) {
        let brightness = |block: ArrayView2<f32>| ((block.mean().unwrap() + 1.0) * 50.0).round();
        let blocks = row.axis_chunks_iter(Axis(1), side).map(|block| format!("{:3}", brightness(block)));
        writeln!(text, "{}", blocks.collect::<Vec<_>>().join(" ")).unwrap();
    }
}

/// Texts are alike if their numbers differ by one in the last digit at most: engines and processors round
/// differently, and a value that lies between two roundings goes either way.
#[derive(Clone)]
struct OneInTheLastDigit;

impl Comparator for OneInTheLastDigit {
    fn matches(&self, reference: &insta::Snapshot, test: &insta::Snapshot) -> bool {
        let (SnapshotContents::Text(reference), SnapshotContents::Text(test)) =
            (reference.contents(), test.contents())
        else {
            return false;
        };
        let (reference, test) = (reference.to_string(), test.to_string());
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let (reference, test) = (words(&reference), words(&test));
        reference.len() == test.len() && reference.iter().zip(&test).all(|(a, b)| a == b || are_close(a, b))
    }

    fn dyn_clone(&self) -> Box<dyn Comparator> {
        Box::new(self.clone())
    }
}

fn are_close(a: &str, b: &str) -> bool {
    let decimals = a.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => (a - b).abs() < 1.5 * 0.1f64.powi(decimals as i32),
        _ => false,
    }
}
