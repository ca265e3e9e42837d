//! What `dcgan-infer` writes, in every format and to every kind of place, and whose images it is told to draw.

mod common;

use std::fs;
use std::io::{Cursor, Read};

use common::{Sandbox, model, onnxruntime};
use dcgan_core::latent::latents;
use dcgan_core::pixels;
use image::{DynamicImage, GenericImageView, ImageFormat, RgbImage};
use ndarray::{Array1, Array2, Array4};
use ndarray_npy::{ReadNpyExt, WriteNpyExt};

/// Draws with some flags, and gives the file that they name.
fn draw(sandbox: &Sandbox, output: &str, flags: &[&str]) -> Vec<u8> {
    sandbox.draw().args(["--output", output]).args(flags).assert().success();
    fs::read(sandbox.path(output)).unwrap()
}

fn picture(bytes: &[u8]) -> RgbImage {
    image::load_from_memory(bytes).unwrap().into_rgb8()
}

/// Image `k` of a grid of 32x32 images.
fn cell(grid: &DynamicImage, k: u32, columns: u32) -> RgbImage {
    grid.view(2 + (k % columns) * 34, 2 + (k / columns) * 34, 32, 32).to_image().convert()
}

trait Convert {
    fn convert(self) -> RgbImage;
}

impl Convert for image::RgbaImage {
    fn convert(self) -> RgbImage {
        DynamicImage::from(self).into_rgb8()
    }
}

#[test]
fn the_extension_chooses_the_format_of_the_same_picture() {
    let sandbox = Sandbox::new();
    let png = draw(&sandbox, "grid.png", &["--num-images", "5"]);
    assert_eq!(image::guess_format(&png).unwrap(), ImageFormat::Png);
    let webp = draw(&sandbox, "grid.webp", &["--num-images", "5"]);
    assert_eq!(image::guess_format(&webp).unwrap(), ImageFormat::WebP);
    assert_eq!(picture(&webp), picture(&png));
    let jpeg = draw(&sandbox, "grid.JPG", &["--num-images", "5"]);
    assert_eq!(image::guess_format(&jpeg).unwrap(), ImageFormat::Jpeg);
    let (jpeg, png) = (picture(&jpeg), picture(&png));
    let difference = jpeg.iter().zip(png.iter()).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>();
    assert!(difference / (png.len() as f64) < 6.0);
}

#[test]
fn tensors_are_those_of_the_picture() {
    let sandbox = Sandbox::new();
    let flags = ["--seed", "18446744073709551614", "--num-images", "3", "--columns", "3"];
    let grid = image::load_from_memory(&draw(&sandbox, "grid.png", &flags)).unwrap();
    let npy = draw(&sandbox, "images.npy", &flags);
    let images = Array4::<f32>::read_npy(Cursor::new(&npy)).unwrap();
    assert_eq!(images.dim(), (3, 3, 32, 32));
    for (k, image) in images.outer_iter().enumerate() {
        let cell = cell(&grid, k as u32, 3);
        let drawn = RgbImage::from_fn(32, 32, |x, y| {
            image::Rgb([0, 1, 2].map(|c| pixels::to_u8(image[[c, y as usize, x as usize]])))
        });
        assert_eq!(drawn, cell, "image {k}");
    }
    let npz = draw(&sandbox, "images.npz", &flags);
    let mut archive = zip::ZipArchive::new(Cursor::new(npz)).unwrap();
    let mut entry = |name: &str| {
        let mut bytes = Vec::new();
        archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        Cursor::new(bytes)
    };
    assert_eq!(Array4::<f32>::read_npy(entry("images.npy")).unwrap(), images);
    assert_eq!(Array2::<f32>::read_npy(entry("z.npy")).unwrap(), latents(u64::MAX - 1, 3, 100));
    let seeds = Array1::<u64>::read_npy(entry("seeds.npy")).unwrap();
    assert_eq!(seeds.to_vec(), [u64::MAX - 1, u64::MAX, 0]);
}

#[test]
fn a_folder_gets_a_file_for_each_image() {
    let sandbox = Sandbox::new();
    let grid = image::load_from_memory(&draw(&sandbox, "grid.png", &["--seeds", "7,100"])).unwrap();
    let said = sandbox.draw().args(["--seeds", "7,100", "--output", "a/samples/"]).assert().success();
    said.stdout("wrote a/samples/: 2 images of 32x32, seeds 7, 100\n");
    for (k, name) in ["seed_007.png", "seed_100.png"].into_iter().enumerate() {
        let alone = picture(&fs::read(sandbox.path("a/samples").join(name)).unwrap());
        assert_eq!(alone, cell(&grid, k as u32, 2), "{name}");
    }
    // The folder is there now, and other formats go beside.
    let flags = ["--seeds", "7", "--output", "a/samples", "--format", "webp", "--scale", "2"];
    sandbox.draw().args(flags).assert().success();
    let twice = picture(&fs::read(sandbox.path("a/samples/seed_7.webp")).unwrap());
    assert_eq!(twice.dimensions(), (64, 64));
    assert_eq!(fs::read_dir(sandbox.path("a/samples")).unwrap().count(), 3);
}

#[test]
fn standard_output_gets_the_file_and_nothing_else() {
    let sandbox = Sandbox::new();
    for (format, flags) in [("png", &[][..]), ("webp", &["--format", "webp"]), ("npy", &["--format", "npy"])]
    {
        let file = draw(&sandbox, &format!("file.{format}"), &["--num-images", "2"]);
        let assert =
            sandbox.draw().args(["--num-images", "2", "--output", "-"]).args(flags).assert().success();
        let output = assert.get_output();
        assert_eq!(output.stdout, file, "{format}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("wrote standard output: 2 images of 32x32, seeds 0 to 1"), "{said}");
    }
    assert!(!sandbox.path("-").exists());
}

#[test]
fn a_list_of_seeds_is_drawn_in_its_order() {
    let sandbox = Sandbox::new();
    let list = image::load_from_memory(&draw(&sandbox, "list.png", &["--seeds", "9,3-4", "--columns", "3"]))
        .unwrap();
    for (k, seed) in ["9", "3", "4"].into_iter().enumerate() {
        let alone = draw(&sandbox, "one.png", &["--seeds", seed, "--padding", "0"]);
        assert_eq!(picture(&alone), cell(&list, k as u32, 3), "seed {seed}");
    }
}

#[test]
fn latents_of_a_file_are_drawn_as_those_of_seeds() {
    let sandbox = Sandbox::new();
    let file = |name: &str| fs::File::create(sandbox.path(name)).unwrap();
    latents(5, 4, 100).write_npy(file("z.npy")).unwrap();
    latents(5, 4, 100).mapv(f64::from).write_npy(file("double.npy")).unwrap();
    latents(5, 4, 99).write_npy(file("short.npy")).unwrap();
    let expected = draw(&sandbox, "seeds.png", &["--seed", "5", "--num-images", "4"]);
    for name in ["z.npy", "double.npy"] {
        let output = sandbox.draw().args(["--latents", name, "--output", "z.png"]).assert().success();
        output.stdout(format!("wrote z.png: 4 images of 32x32, latents of {name}\n"));
        assert_eq!(fs::read(sandbox.path("z.png")).unwrap(), expected);
    }
    let said = sandbox.stderr_of_failure(sandbox.draw().args(["--latents", "short.npy"]), 1);
    assert!(said.contains("short.npy holds latents of 99 numbers, the model takes 100"), "{said}");
    let said = sandbox.stderr_of_failure(sandbox.draw().args(["--latents", "none.npy"]), 1);
    assert!(said.contains("cannot read latents none.npy: expected a .npy or .npz file"), "{said}");
    // The archive that --output writes, and the noise of PyTorch's example.
    draw(&sandbox, "images.npz", &["--seed", "5", "--num-images", "4"]);
    latents(5, 4, 100)
        .into_shape_with_order((4, 100, 1, 1))
        .unwrap()
        .write_npy(file("fixed_noise.npy"))
        .unwrap();
    for name in ["images.npz", "fixed_noise.npy"] {
        assert_eq!(draw(&sandbox, "again.png", &["--latents", name]), expected, "{name}");
    }
    let flags = ["--latents", "z.npy", "--output", "z.npy"];
    let said = sandbox.stderr_of_failure(sandbox.draw().args(flags), 1);
    assert!(said.contains("cannot write z.npy: it is the input itself"), "{said}");
}

#[test]
fn truncation_keeps_latents_within_its_bound_and_changes_no_others() {
    let sandbox = Sandbox::new();
    let z = |flags: &[&str]| {
        let npz = draw(&sandbox, "z.npz", flags);
        let mut bytes = Vec::new();
        let mut archive = zip::ZipArchive::new(Cursor::new(npz)).unwrap();
        archive.by_name("z.npy").unwrap().read_to_end(&mut bytes).unwrap();
        Array2::<f32>::read_npy(Cursor::new(bytes)).unwrap()
    };
    let truncated = z(&["--num-images", "4", "--truncation", "0.7"]);
    assert!(truncated.iter().all(|number| number.abs() <= 0.7));
    // The numbers are the seed's own, those beyond the bound left out.
    for (seed, row) in truncated.outer_iter().enumerate() {
        let long = latents(seed as u64, 1, 400);
        let expected: Vec<_> = long.iter().copied().filter(|number| number.abs() <= 0.7).take(100).collect();
        assert_eq!(row.to_vec(), expected, "seed {seed}");
    }
    assert_eq!(z(&["--num-images", "4", "--truncation", "100"]), latents(0, 4, 100));
}

#[test]
fn pixels_are_repeated_and_the_padding_is_chosen() {
    let sandbox = Sandbox::new();
    let plain = picture(&draw(&sandbox, "a.png", &["--num-images", "2", "--padding", "0"]));
    assert_eq!(plain.dimensions(), (64, 32));
    let scaled = picture(&draw(&sandbox, "b.png", &["--num-images", "2", "--padding", "5", "--scale", "3"]));
    assert_eq!(scaled.dimensions(), (2 * (96 + 5) + 5, 96 + 10));
    for (x, y) in [(0, 0), (31, 31), (32, 0), (40, 17), (63, 31)] {
        let left = 5 + (x / 32) * 101 + (x % 32) * 3;
        for (dx, dy) in [(0, 0), (2, 0), (1, 1), (2, 2)] {
            assert_eq!(scaled.get_pixel(left + dx, 5 + y * 3 + dy), plain.get_pixel(x, y), "{x}, {y}");
        }
    }
    assert_eq!(scaled.get_pixel(4, 50).0, [0; 3]);
}

#[test]
fn the_batch_size_changes_nothing() {
    let sandbox = Sandbox::new();
    let expected = draw(&sandbox, "a.png", &["--num-images", "7"]);
    for batch in ["1", "3", "64"] {
        assert_eq!(
            draw(&sandbox, "b.png", &["--num-images", "7", "--batch-size", batch]),
            expected,
            "{batch}"
        );
    }
}

#[test]
fn outputs_that_contradict_themselves_are_refused_with_what_to_do() {
    let sandbox = Sandbox::new();
    for (flags, message) in [
        (
            &["--output", "grid.tiff"][..],
            "cannot write grid.tiff: expected a name that ends in .png, .webp, .jpg, .npy, .npz",
        ),
        (&["--output", "grid.gif"], "cannot write grid.gif: expected a name that ends in .png"),
        (
            &["--output", "a.png", "--format", "webp"],
            "--format webp and --output a.png contradict each other",
        ),
        (
            &["--output", "wide.webp", "--num-images", "600", "--columns", "600"],
            "a webp picture has at most 16383 pixels a side, this one has 20402x36",
        ),
        (
            &["--num-images", "10000", "--scale", "64"],
            "10000 images of 32x32 at --scale 64 and --padding 2 has 42025820004 pixels, at most 268435456 are drawn",
        ),
    ] {
        let said = sandbox.stderr_of_failure(sandbox.draw().args(flags), 1);
        assert!(said.contains(message), "{said}");
    }
    for (flags, message) in [
        (
            &["--seeds", "5-x"][..],
            "expected whole numbers from 0 on and ranges of them, such as 3,7,10-19, found \"5-x\"",
        ),
        (&["--seeds", "0-10000"], "these are more than 10000 seeds"),
        (&["--seeds", "1", "--seed", "2"], "cannot be used with"),
        (&["--latents", "z.npy", "--truncation", "1"], "cannot be used with"),
        (&["--truncation", "0.05"], "expected a number from 0.1 on"),
        (&["--truncation", "nan"], "expected a number from 0.1 on"),
        (&["--scale", "0"], "0 is not in 1..=64"),
        (&["--padding", "-1"], "-1 is not in 0..=1024"),
        (&["--batch-size", "0"], "0 is not in 1..=4096"),
    ] {
        let said = sandbox.stderr_of_failure(sandbox.draw().args(flags), 2);
        assert!(said.contains(message), "{said}");
    }
    assert_eq!(fs::read_dir(sandbox.path("")).unwrap().count(), 0);
}

/// The package of the tests is the one without CUDA.
#[test]
fn cuda_that_is_not_there_is_an_error_and_no_slow_cpu() {
    let sandbox = Sandbox::new();
    let library = onnxruntime().to_str().unwrap();
    let mut command = sandbox.sample();
    let said = sandbox.stderr_of_failure(command.args(["--onnxruntime", library, "--device", "cuda"]), 1);
    assert!(said.contains("has no CUDA: name the library of a build that has it"), "{said}");
    assert!(said.contains("--onnxruntime, or compute with --device cpu"), "{said}");
    if cfg!(feature = "tract") {
        let mut command = sandbox.sample();
        let said = sandbox.stderr_of_failure(command.args(["--engine", "tract", "--device", "cuda"]), 1);
        assert!(said.contains("tract (embedded) has no CUDA"), "{said}");
    }
    assert!(!sandbox.path("generated.png").exists());
    let on = |device: &str| {
        let flags = ["--onnxruntime", library, "--device", device, "--num-images", "2"];
        sandbox.dcgan_infer().arg("--model").arg(model()).args(flags).assert().success();
        fs::read(sandbox.path("generated.png")).unwrap()
    };
    assert_eq!(on("cpu"), on("auto"));
}
