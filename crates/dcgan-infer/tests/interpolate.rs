//! `dcgan-infer interpolate`.

mod common;

use std::fs;
use std::io::Cursor;

use assert_cmd::Command;
use common::{Sandbox, model, onnxruntime};
use dcgan_core::interpolation::slerp;
use dcgan_core::latent::latents;
use image::codecs::gif::GifDecoder;
use image::codecs::webp::WebPDecoder;
use image::{AnimationDecoder, GenericImageView, RgbaImage};
use ndarray::stack;
use ndarray_npy::WriteNpyExt;

fn interpolate(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.dcgan_infer();
    command.arg("interpolate").arg("--model").arg(model());
    if cfg!(not(feature = "tract")) {
        command.env("ORT_DYLIB_PATH", onnxruntime());
    }
    command
}

/// Image `k` of a grid of 32x32 images.
fn cell(sandbox: &Sandbox, name: &str, k: u32, columns: u32) -> RgbaImage {
    let grid = image::open(sandbox.path(name)).unwrap();
    grid.view(2 + (k % columns) * 34, 2 + (k / columns) * 34, 32, 32).to_image()
}

/// The images of seeds 3 and 8 and of the latent at a third of the arc between them.
fn expected(sandbox: &Sandbox) -> [RgbaImage; 3] {
    let (from, to) = (latents(3, 1, 100), latents(8, 1, 100));
    let third = slerp(from.row(0), to.row(0), 1.0 / 3.0);
    let z = stack![ndarray::Axis(0), from.row(0), third, to.row(0)];
    z.write_npy(fs::File::create(sandbox.path("z.npy")).unwrap()).unwrap();
    sandbox
        .draw()
        .args(["--latents", "z.npy", "--columns", "3", "--output", "expected.png"])
        .assert()
        .success();
    [0, 1, 2].map(|k| cell(sandbox, "expected.png", k, 3))
}

#[test]
fn a_strip_goes_from_seed_to_seed() {
    let sandbox = Sandbox::new();
    let [first, third, last] = expected(&sandbox);
    let assert =
        interpolate(&sandbox).args(["--seeds", "3,8", "--frames", "4", "--output", "strip.png"]).assert();
    assert.success().stdout("wrote strip.png: 4 images of 32x32 between seeds 3, 8\n");
    let picture = image::open(sandbox.path("strip.png")).unwrap();
    assert_eq!((picture.width(), picture.height()), (4 * 34 + 2, 36));
    for (k, image) in [(0, first), (1, third), (3, last)] {
        assert_eq!(cell(&sandbox, "strip.png", k, 4), image, "image {k}");
    }
}

/// Of six frames around two seeds, the second is a third of the way to the second seed, and the fourth is that seed.
#[test]
fn an_animation_returns_to_its_first_seed_and_repeats() {
    let sandbox = Sandbox::new();
    let [first, third, last] = expected(&sandbox);
    let flags = ["--seeds", "3,8", "--frames", "6", "--fps", "25", "--output"];
    interpolate(&sandbox).args(flags).arg("walk.webp").assert().success();
    let decoder = WebPDecoder::new(Cursor::new(fs::read(sandbox.path("walk.webp")).unwrap())).unwrap();
    let frames = decoder.into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), 6);
    assert_eq!(frames[0].delay().numer_denom_ms(), (40, 1));
    for (k, image) in [(0, &first), (1, &third), (3, &last)] {
        assert_eq!(frames[k].buffer(), image, "frame {k}");
    }
    assert_ne!(frames[5].buffer(), frames[0].buffer(), "the first frame comes once");
    interpolate(&sandbox).args(flags).arg("walk.gif").assert().success();
    let decoder = GifDecoder::new(Cursor::new(fs::read(sandbox.path("walk.gif")).unwrap())).unwrap();
    let frames = decoder.into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), 6);
    let apart =
        frames[3].buffer().iter().zip(last.iter()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>();
    let apart = apart / last.len() as f64;
    assert!(apart < 4.0, "{apart}: 256 colours are enough for a 32x32 image");
}

#[test]
fn a_square_has_the_seeds_in_its_corners() {
    let sandbox = Sandbox::new();
    let flags = ["--square", "--seeds", "5,2,9,4", "--frames", "3", "--output", "square.png"];
    interpolate(&sandbox).args(flags).assert().success();
    sandbox
        .draw()
        .args(["--seeds", "5,2,9,4", "--columns", "4", "--output", "corners.png"])
        .assert()
        .success();
    for (corner, place) in [0, 2, 6, 8].into_iter().enumerate() {
        let expected = cell(&sandbox, "corners.png", corner as u32, 4);
        assert_eq!(cell(&sandbox, "square.png", place, 3), expected, "corner {corner}");
    }
}

#[test]
fn what_cannot_be_interpolated_is_told() {
    let sandbox = Sandbox::new();
    for (flags, message) in [
        (&["--seeds", "3"][..], "there is nothing between one seed: expected two or more --seeds, found 3"),
        (&["--square", "--seeds", "1-3"], "--square has four corners, expected four --seeds, found 1 to 3"),
        (&["--square", "--seeds", "1-4", "--output", "a.gif"], "--square is a still picture"),
        (&["--output", "a.npy"], "cannot write a.npy: expected a name that ends in .png, .gif, .webp, .jpg"),
        (&["--output", "folder/"], "cannot write folder/: expected a file name"),
        (
            &["--square", "--seeds", "1-4", "--frames", "1000"],
            "1000000 images of 32x32 have 1024000000 pixels, at most 268435456 are drawn at once: ask for fewer with \
             --frames\n",
        ),
        (
            &["--frames", "1000", "--scale", "64"],
            "ask for fewer images with --frames or for smaller ones with --scale\n",
        ),
    ] {
        let said = sandbox.stderr_of_failure(interpolate(&sandbox).args(flags), 1);
        assert!(said.contains(message), "{said}");
    }
    assert_eq!(fs::read_dir(sandbox.path("")).unwrap().count(), 0);
}
