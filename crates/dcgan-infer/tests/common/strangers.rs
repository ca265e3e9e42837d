//! What holds for the generators of other programs, in every engine. `tests/fixtures/strangers/make.py` says how each
//! file was made; the expected values are PyTorch's.

use std::fs;
use std::path::PathBuf;

use dcgan_core::latent::latents;
use dcgan_infer::generator::{Layout, RangeSource, ValueRange};
use dcgan_infer::{Engine, Generator, GeneratorConfig, GeneratorError, ModelFile};
use ndarray::{Array4, s};

use super::fixture;

/// Length of the latents.
const LATENT: usize = 6;
/// The pixels whose values are known: every third of every third row.
const STEP: usize = 3;
/// As many images are known.
const KNOWN: usize = 4;
/// Engines differ by rounding alone.
const CLOSE: f32 = 2e-5;
/// Half a level of 255, and rounding.
const HALF_A_LEVEL: f32 = 0.5 / 127.5 + CLOSE;

/// A file, the network in it, and what has to be said of it.
struct Stranger {
    name: &'static str,
    network: &'static str,
    tolerance: f32,
    config: GeneratorConfig,
}

fn stranger(name: &'static str) -> Stranger {
    Stranger { name, network: "colour", tolerance: CLOSE, config: GeneratorConfig::default() }
}

fn range(text: &str) -> Option<ValueRange> {
    Some(text.parse().expect("a range"))
}

fn strangers() -> Vec<Stranger> {
    let bytes = |name| Stranger { tolerance: HALF_A_LEVEL, ..stranger(name) };
    let gray = |name| Stranger { network: "gray", ..stranger(name) };
    let with = |name, config| Stranger { config, ..stranger(name) };
    let config = GeneratorConfig::default;
    vec![
        stranger("maps"),
        stranger("flat"),
        stranger("opset9"),
        stranger("opset20"),
        stranger("batch1"),
        stranger("batch4"),
        stranger("unnamed_batch"),
        with("unknown_latent", GeneratorConfig { latent_size: Some(LATENT), ..config() }),
        stranger("unknown_shape"),
        stranger("initializers_as_inputs"),
        stranger("nhwc"),
        bytes("bytes"),
        bytes("bytes_nhwc"),
        gray("gray"),
        gray("gray_nhwc"),
        with("unit", GeneratorConfig { value_range: range("0,1"), ..config() }),
        with("to_255", GeneratorConfig { value_range: range("0,255"), ..config() }),
        stranger("two_outputs"),
        with("two_images", GeneratorConfig { output: Some("raw".to_owned()), ..config() }),
        with(
            "two_images",
            GeneratorConfig { output: Some("shown".to_owned()), value_range: range("0,1"), ..config() },
        ),
        stranger("dynamo_maps"),
        stranger("dynamo_flat"),
        Stranger { network: "gray", ..bytes("dynamo_bytes_nhwc") },
        stranger("dynamo_external"),
        // 11 bits of mantissa, through five layers.
        Stranger { tolerance: 0.02, ..stranger("half") },
    ]
}

/// The file of a stranger.
pub fn path(name: &str) -> PathBuf {
    fixture(&format!("strangers/{name}.onnx"))
}

/// Opens a stranger.
pub fn open(engine: &Engine, name: &str, config: &GeneratorConfig) -> Result<Generator, GeneratorError> {
    Generator::new(engine, ModelFile::read(&path(name))?, config)
}

/// The images are PyTorch's, in every form of file but those that the engine cannot run: about these it says so, and
/// what to do.
pub fn draw_what_pytorch_draws(engine: &Engine, refused: &[&str]) {
    for stranger in strangers() {
        let Stranger { name, network, tolerance, ref config } = stranger;
        let mut generator = match open(engine, name, config) {
            Err(error @ GeneratorError::Model { .. }) if refused.contains(&name) => {
                let said = error.to_string();
                assert!(said.contains(name) && said.contains("`dcgan-infer install` fetches it"), "{said}");
                continue;
            }
            opened => opened.unwrap_or_else(|error| panic!("{name}: {:#}", anyhow::Error::new(error))),
        };
        assert!(!refused.contains(&name), "{name} runs after all");
        let expected = expected(network);
        let channels = expected.dim().1;
        assert_eq!(
            (generator.latent_size(), generator.image_shape()),
            (LATENT, [channels, 64, 64]),
            "{name}"
        );
        // More than a fixed batch holds, and no multiple of it.
        let images = generator.sample(latents(0, 9, LATENT).view()).unwrap();
        let found = images.slice(s![..KNOWN, .., ..;STEP, ..;STEP]);
        let difference = (&found - &expected).iter().fold(0f32, |most, d| most.max(d.abs()));
        assert!(difference <= tolerance, "{name}: off by {difference}");
        let last = generator.sample(latents(8, 1, LATENT).view()).unwrap();
        let drift = (&last.slice(s![0, .., .., ..]) - &images.slice(s![8, .., .., ..]))
            .iter()
            .fold(0f32, |most, d| most.max(d.abs()));
        assert!(drift <= 1e-6, "{name}: an image changes by {drift} with its batch");
    }
}

/// Every third pixel of PyTorch's images of the seeds 0 to 3.
fn expected(network: &str) -> Array4<f32> {
    let bytes = fs::read(fixture(&format!("strangers/{network}.f32"))).expect("the fixture is there");
    let values =
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect::<Vec<_>>();
    let side = 64usize.div_ceil(STEP);
    let channels = values.len() / (KNOWN * side * side);
    Array4::from_shape_vec((KNOWN, channels, side, side), values).expect("whole images")
}

/// What the file does not say has to be said, and what it says is not to be contradicted.
pub fn are_asked_what_they_leave_open(engine: &Engine) {
    let config = GeneratorConfig::default;
    let named = |output: &str| GeneratorConfig { output: Some(output.to_owned()), ..config() };
    let with_layout = |layout| GeneratorConfig { layout: Some(layout), ..config() };
    let cases = [
        ("two_images", config(), "two_images.onnx has several outputs, raw f32 [-1, 3, 64, 64], shown f32"),
        ("two_images", config(), "name the one that holds the images with --model-output"),
        ("two_images", named("drawn"), "has no output \"drawn\", --model-output names one of raw f32"),
        ("two_outputs", named("mean"), "expected an output, f32, f16 or u8 [N, C, H, W] or [N, H, W, C]"),
        (
            "maps",
            GeneratorConfig { latent_size: Some(7), ..config() },
            "takes latents of 6 numbers, --latent-size says 7",
        ),
        ("maps", with_layout(Layout::Nhwc), "which are 64 channels in --layout nhwc, expected 1 or 3"),
    ];
    for (name, config, message) in cases {
        let error = open(engine, name, &config).unwrap_err().to_string();
        assert!(error.contains(message), "{name}: {error}");
    }
}

/// Three channels of two rows of one pixel, or two rows of one pixel in one channel: nobody can tell.
pub fn have_the_layout_that_is_said(engine: &Engine) {
    let file = || ModelFile::read(&fixture("ambiguous.onnx")).unwrap();
    let error = Generator::new(engine, file(), &GeneratorConfig::default()).unwrap_err().to_string();
    assert!(
        error.contains("gives images of [3, 2, 1]") && error.contains("--layout nchw or --layout nhwc"),
        "{error}"
    );
    let sample = |layout| {
        let config = GeneratorConfig { layout: Some(layout), ..GeneratorConfig::default() };
        Generator::new(engine, file(), &config).unwrap().sample(latents(0, 2, 5).view()).unwrap()
    };
    let (nchw, nhwc) = (sample(Layout::Nchw), sample(Layout::Nhwc));
    assert_eq!((nchw.dim(), nhwc.dim()), ((2, 3, 2, 1), (2, 1, 3, 2)));
    assert_eq!(nchw[[1, 2, 0, 0]], nhwc[[1, 0, 2, 0]]);
}

/// The file's metadata says the range, the configuration overrules it, and bytes are bytes.
pub fn have_the_range_that_is_said(engine: &Engine) {
    let unit = |config: &GeneratorConfig| {
        Generator::new(engine, ModelFile::read(&fixture("unit_range.onnx")).unwrap(), config).unwrap()
    };
    let mut by_file = unit(&GeneratorConfig::default());
    assert_eq!(by_file.value_range(), (range("0,1").unwrap(), RangeSource::File));
    let mut by_config = unit(&GeneratorConfig { value_range: range("-1,1"), ..GeneratorConfig::default() });
    assert_eq!(by_config.value_range(), (ValueRange::SIGNED, RangeSource::Config));
    let z = latents(0, 3, 5);
    let (halved, whole) = (by_file.sample(z.view()).unwrap(), by_config.sample(z.view()).unwrap());
    assert_eq!(halved, whole.mapv(|value| (value - 0.5) / 0.5));
    let source = |name| open(engine, name, &GeneratorConfig::default()).unwrap().value_range();
    assert_eq!(source("bytes"), (ValueRange::BYTES, RangeSource::Type));
    assert_eq!(source("maps"), (ValueRange::SIGNED, RangeSource::Assumed));
}

/// An input of any latent size needs one to be said.
pub fn need_a_latent_size(engine: &Engine) {
    let error = open(engine, "unknown_latent", &GeneratorConfig::default()).unwrap_err().to_string();
    assert!(
        error.contains(
            "does not say how long its latents are (input f32 [-1, -1, 1, 1]): say it with --latent-size"
        ),
        "{error}"
    );
}
