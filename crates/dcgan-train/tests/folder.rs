//! A folder as people have it: what a run plans, says and learns of it.

use std::fs;
use std::path::Path;

use dcgan_core::archive::Archive;
use dcgan_core::checkpoint::Checkpoint;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageEncoder, Rgb, RgbImage};
use serde_json::{Value, json};
use tempfile::TempDir;

mod common;

use common::{FOLDER, assert_same_results, fails, pictures, state_path, train};

/// The 20 pictures and two broken ones of [`pictures`], with what a Mac, a NAS and a phone leave beside them.
fn real_folder() -> TempDir {
    let folder = pictures();
    let data = folder.path().join("data");
    let apple_double = [&[0, 5, 0x16, 7, 0, 2, 0, 0][..], &[0; 4000]].concat();
    for i in 0..20 {
        fs::write(data.join(format!("._{i}.png")), &apple_double).unwrap();
    }
    fs::create_dir_all(data.join("@eaDir/0.png")).unwrap();
    fs::copy(data.join("0.png"), data.join("@eaDir/0.png/SYNOPHOTO_THUMB_M.png")).unwrap();
    for (name, content) in [
        ("Thumbs.db", &b"thumbs"[..]),
        ("IMG_1.HEIC", b"heic"),
        ("IMG_2.heic", b"heic"),
        ("fun.gif", b"GIF89a"),
        ("ünïcödé broken.jpg", b""),
    ] {
        fs::write(data.join(name), content).unwrap();
    }
    for i in 4..8 {
        fs::write(data.join(format!("broken-{i}.png")), b"no picture").unwrap();
    }
    folder
}

fn metrics(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join("outputs/metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_can_be_read_is_planned_and_the_rest_is_counted() {
    let folder = real_folder();
    let text = train(folder.path(), &[&FOLDER, &["--num-epochs", "2"]]);
    assert!(text.contains("training dcgan32-small on folder: 20 images, 3 steps an epoch"), "{text}");
    let unread = "warning: 3 images are left out in data, of kinds that are not read: 1 .gif, 2 .heic";
    assert_eq!(text.matches(unread).count(), 1, "{text}");
    assert_eq!(text.matches("skipped image").count(), 5, "the first ones by name:\n{text}");
    assert_eq!(text.matches("warning: 7 of 27 images are skipped").count(), 1, "{text}");
    assert!(text.find("skipped image 5: ") < text.find("training dcgan32-small"), "{text}");
    assert!(!text.contains("._") && !text.contains("Thumbs"), "{text}");
    assert_eq!(metrics(folder.path()).iter().filter(|line| line.get("loss_d").is_some()).count(), 6);
    // What learning rates that fall would be planned for.
    let state = Archive::load("dcgan_state", &state_path(folder.path(), 6)).unwrap().description;
    assert_eq!(state["schedule_steps"], json!(6));
    let last = &metrics(folder.path())[5];
    assert_eq!((&last["step"], &last["images_seen"]), (&json!(6), &json!(40)));
}

/// Falling learning rates come to their end: the run is, to the byte, that of a folder without the rest.
#[test]
fn learning_rates_fall_as_in_a_clean_folder() {
    let (clean, real) = (pictures(), pictures());
    for name in ["z1.png", "z2.png", "z3.png", "z4.png", "z5.png"] {
        fs::write(real.path().join("data").join(format!("._{name}")), b"no picture").unwrap();
    }
    let falling = ["--num-epochs", "4", "--lr-decay-from", "0.5"];
    train(clean.path(), &[&FOLDER, &falling]);
    train(real.path(), &[&FOLDER, &falling]);
    assert_same_results(real.path(), clean.path());
}

/// The two broken images of 22 make no batch of 21, and no third batch of 10.
#[test]
fn batches_are_checked_against_what_can_be_read() {
    let folder = pictures();
    let expected = ["--batch-size 21: the dataset folder in data has 20 images, use --batch-size 20 or less"];
    fails(folder.path(), &[&FOLDER[..4], &["--batch-size", "21"]], &expected);
    let expected = ["--d-steps 3: an epoch of the dataset folder in data has 2 batches"];
    fails(folder.path(), &[&FOLDER[..4], &["--batch-size", "10", "--d-steps", "3"]], &expected);
    train(folder.path(), &[&FOLDER[..4], &["--batch-size", "20", "--max-steps", "1"]]);
}

/// Photos that say that they are turned by 90 degrees, and the same pixels without a word.
#[test]
fn photos_are_turned_unless_a_flag_turns_that_off_for_the_whole_run() {
    let folders = [6, 1].map(|orientation| {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        for i in 0..8_u8 {
            let photo = RgbImage::from_fn(40, 40, |x, y| Rgb([x as u8 * 6, y as u8 * 6, i * 30]));
            let mut bytes = Vec::new();
            let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 95);
            let entry = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0";
            encoder.set_exif_metadata([&entry[..], &[orientation], &[0; 6]].concat()).unwrap();
            encoder.write_image(&photo, 40, 40, image::ExtendedColorType::Rgb8).unwrap();
            fs::write(folder.path().join(format!("data/{i}.jpg")), bytes).unwrap();
        }
        folder
    });
    let corner = |folder: &Path| image::open(folder.join("outputs/reals.png")).unwrap().to_rgb8()[(2, 2)].0;
    let [turned, straight] = [&folders[0], &folders[1]].map(TempDir::path);
    train(straight, &[&FOLDER, &["--max-steps", "1"]]);
    train(turned, &[&FOLDER, &["--max-steps", "1"]]);
    // Red grows to the right and green downwards; turned clockwise, red grows downwards and green to the left.
    assert!(
        corner(straight)[1] < 40 && corner(turned)[1] > 200,
        "{:?} {:?}",
        corner(straight),
        corner(turned)
    );
    let off = ["--no-exif-orientation", "--overwrite"];
    train(turned, &[&FOLDER, &off, &["--max-steps", "1"]]);
    assert!(corner(turned)[1] < 40);
    let record = Checkpoint::load(&turned.join("checkpoints/generator_final.safetensors")).unwrap().record;
    assert_eq!(record.options["no_exif_orientation"], json!(true));
    let settings = fs::read_to_string(turned.join("outputs/config.toml")).unwrap();
    assert!(
        settings.contains("no_exif_orientation = true") && !settings.contains("allow_changed"),
        "{settings}"
    );
    let expected = ["--no-exif-orientation was true and is not set now"];
    fails(turned, &[&FOLDER, &["--max-steps", "2", "--resume"]], &expected);
    train(turned, &[&FOLDER, &off[..1], &["--max-steps", "2", "--resume"]]);
}

/// A picture of 14,000 x 14,000 pixels beside small ones, with and without a limit of address space.
#[cfg(target_os = "linux")]
#[test]
fn a_picture_that_memory_does_not_hold_is_named_with_its_size_and_the_limit() {
    use image::codecs::png::PngEncoder;
    let folder = pictures();
    let path = folder.path().join("data/poster.png");
    let save = |side: usize, color: image::ExtendedColorType| {
        let mut file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
        let bytes = vec![0; side * side * usize::from(color.channel_count())];
        PngEncoder::new(&mut file).write_image(&bytes, side as u32, side as u32, color).unwrap();
    };
    save(14_000, image::ExtendedColorType::Rgb8);
    let text = train(folder.path(), &[&FOLDER, &["--max-steps", "1"]]);
    let named = "data/poster.png: its 14000x14000 pixels take 561 MiB and may take 512 MiB";
    assert!(text.contains(named) && text.contains("folder: 20 images"), "{text}");
    // In gray, it may be decoded, but needs 561 MiB more in colour.
    save(14_000, image::ExtendedColorType::L8);
    let program = assert_cmd::cargo::cargo_bin!("dcgan-train").to_str().unwrap();
    let words = [&[program][..], &FOLDER, &["--max-steps", "1", "--overwrite", "--threads", "2"]].concat();
    let limited = format!("ulimit -v 900000; exec {}", shlex::try_join(words).unwrap());
    let mut shell = std::process::Command::new("bash");
    let output = shell.current_dir(folder.path()).args(["-c", &limited]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{:?}\n{text}", output.status);
    let named = "data/poster.png: its 14000x14000 pixels take up to 748 MiB of memory while they are decoded, and the \
                 program has 879 MiB of address space in all (ulimit -v)";
    assert!(text.contains(named) && text.contains("folder: 20 images"), "{text}");
}
