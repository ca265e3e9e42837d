//! TensorBoard's files, read by hand; `read_tensorboard.py` reads them with the package itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use dcgan_train::report::tensorboard::EventFile;
use image::{DynamicImage, Rgb, RgbImage};
use tempfile::TempDir;

/// An event as it is in a file.
#[derive(Debug, Default, PartialEq)]
struct Event {
    seconds: f64,
    step: u64,
    version: Option<String>,
    restart: bool,
    scalars: BTreeMap<String, f32>,
    /// By tag: height, width, channels, and the PNG.
    images: BTreeMap<String, ([u64; 3], Vec<u8>)>,
}

/// CRC-32C, bit by bit (RFC 3720), and TensorFlow's mask.
fn masked_checksum(data: &[u8]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 * (crc & 1));
    let crc = !data.iter().fold(!0u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step));
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The data of a file's records, each checked.
fn records(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut records = Vec::new();
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at(count);
        rest = left;
        taken
    };
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let mut read = 0;
    while read < bytes.len() {
        let length = take(8);
        assert_eq!(number(take(4)), masked_checksum(length), "the length's checksum");
        let length = u64::from_le_bytes(length.try_into().unwrap()) as usize;
        let data = take(length);
        assert_eq!(number(take(4)), masked_checksum(data), "the data's checksum");
        records.push(data.to_vec());
        read += 16 + length;
    }
    records
}

/// A field of a message: a number (bits, where it is no whole one) or bytes.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

fn fields(mut message: &[u8]) -> Vec<(u64, Field<'_>)> {
    fn varint(message: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = message[0];
            *message = &message[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let mut take = |count: usize| {
            let (taken, left) = message.split_at(count);
            message = left;
            taken
        };
        let field = match key & 7 {
            0 => Field::Number(varint(&mut message)),
            1 => Field::Number(u64::from_le_bytes(take(8).try_into().unwrap())),
            5 => Field::Number(u64::from(u32::from_le_bytes(take(4).try_into().unwrap()))),
            2 => {
                let count = varint(&mut message) as usize;
                let (taken, left) = message.split_at(count);
                message = left;
                Field::Bytes(taken)
            }
            other => panic!("encoding {other}"),
        };
        found.push((key >> 3, field));
    }
    found
}

/// Field numbers are those of TensorFlow's event.proto and summary.proto.
fn event(data: &[u8]) -> Event {
    let mut event = Event::default();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    for (number, field) in fields(data) {
        match (number, field) {
            (1, Field::Number(bits)) => event.seconds = f64::from_bits(bits),
            (2, Field::Number(step)) => event.step = step,
            (3, Field::Bytes(version)) => event.version = Some(text(version)),
            (5, Field::Bytes(summary)) => {
                for (_, value) in fields(summary) {
                    let Field::Bytes(value) = value else { panic!("a value is a message") };
                    add_value(&mut event, value);
                }
            }
            (7, Field::Bytes(log)) => {
                event.restart = matches!(fields(log)[..], [(1, Field::Number(1))]);
            }
            (other, _) => panic!("field {other}"),
        }
    }
    event
}

fn add_value(event: &mut Event, value: &[u8]) {
    let mut tag = String::new();
    for (number, field) in fields(value) {
        match (number, field) {
            (1, Field::Bytes(bytes)) => tag = String::from_utf8(bytes.to_vec()).unwrap(),
            (2, Field::Number(bits)) => {
                event.scalars.insert(tag.clone(), f32::from_bits(bits as u32));
            }
            (4, Field::Bytes(image)) => {
                let parts = fields(image);
                let number = |requires_grad: u64| {
                    parts.iter().find_map(|(number, field)| match field {
                        Field::Number(value) if *number == requires_grad => Some(*value),
                        _ => None,
                    })
                };
                let size = [1, 2, 3].map(|requires_grad| number(requires_grad).unwrap());
                let Some((4, Field::Bytes(png))) = parts.last() else { panic!("the image's bytes") };
                event.images.insert(tag.clone(), (size, png.to_vec()));
            }
            (other, _) => panic!("field {other} of a value"),
        }
    }
}

/// The event files of a folder in the order in which TensorBoard reads them.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.iter().all(|file| file.to_string_lossy().contains("tfevents")), "{files:?}");
    files
}

fn events(file: &Path) -> Vec<Event> {
    records(file).iter().map(|data| event(data)).collect()
}

#[test]
fn numbers_and_pictures_come_back() {
    let folder = TempDir::new().unwrap();
    let mut file = EventFile::create(&folder.path().join("deep/tensorboard")).unwrap();
    file.scalars(3, &[("loss/D", 0.5), ("loss/G", f64::NAN)]).unwrap();
    let picture = DynamicImage::from(RgbImage::from_fn(5, 300, |x, y| Rgb([x as u8, y as u8, 7])));
    file.image(u64::from(u32::MAX) + 1, "samples", &picture).unwrap();
    file.image(7, "samples", &DynamicImage::from(picture.to_luma8())).unwrap();
    file.flush().unwrap();

    let files = files(&folder.path().join("deep/tensorboard"));
    let events = events(&files[0]);
    assert_eq!(events.len(), 4);
    assert_eq!(events[0].version.as_deref(), Some("brain.Event:2"));
    assert!(events.iter().all(|event| event.seconds > 1.6e9 && event.seconds <= events[3].seconds));
    assert_eq!(events[1].step, 3);
    assert_eq!(events[1].scalars["loss/D"], 0.5);
    assert!(events[1].scalars["loss/G"].is_nan());
    let (size, png) = &events[2].images["samples"];
    assert_eq!((events[2].step, *size), (1 << 32, [300, 5, 3]));
    assert_eq!(image::load_from_memory(png).unwrap(), picture);
    assert_eq!(events[3].images["samples"].0, [300, 5, 1]);
}

#[test]
fn a_new_run_begins_anew_and_one_that_goes_on_has_a_further_file() {
    let folder = TempDir::new().unwrap();
    let mut first = EventFile::create(folder.path()).unwrap();
    first.scalars(1, &[("loss/D", 1.0)]).unwrap();
    drop(first);
    let names = files(folder.path());
    let mut second = EventFile::resume(folder.path(), 10).unwrap();
    second.scalars(11, &[("loss/D", 2.0)]).unwrap();
    drop(second);
    let both = files(folder.path());
    assert_eq!((both.len(), &both[0]), (2, &names[0]), "the further file comes second");
    let events = events(&both[1]);
    assert!(events[1].restart, "{events:?}");
    assert_eq!((events[1].step, events[2].step), (11, 11));
    EventFile::create(folder.path()).unwrap();
    assert_eq!(files(folder.path()).len(), 1, "that of the new run");
}

#[test]
fn a_run_writes_what_it_shows() {
    let folder = TempDir::new().unwrap();
    let run = |more: &[&str]| {
        let mut command = Command::cargo_bin("dcgan-train").unwrap();
        command.current_dir(folder.path());
        command.args(["--dataset", "shapes", "--arch", "dcgan32-small", "--batch-size", "8", "--quiet"]);
        command.args(more).assert().success();
    };
    run(&["--max-steps", "3"]);
    assert!(!folder.path().join("outputs/tensorboard").exists(), "only where it is asked for");
    run(&["--max-steps", "3", "--tensorboard"]);
    let found = files(&folder.path().join("outputs/tensorboard"));
    assert_eq!(found.len(), 1);
    let found = events(&found[0]);
    let metrics = fs::read_to_string(folder.path().join("outputs/metrics.jsonl")).unwrap();
    let steps: Vec<_> = found.iter().filter(|event| event.scalars.contains_key("loss/D")).collect();
    assert_eq!(steps.len(), 3);
    let names = [
        ("loss_d", "loss/D"),
        ("loss_g", "loss/G"),
        ("d_x", "probability/D(x)"),
        ("d_g_z", "probability/D(G(z))"),
        ("grad_norm_d", "gradient norm/D"),
        ("grad_norm_g", "gradient norm/G"),
    ];
    for (event, line) in steps.iter().zip(metrics.lines()) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["step"], event.step);
        for (name, tag) in names {
            assert_eq!(line[name].as_f64().unwrap() as f32, event.scalars[tag], "{name}");
        }
    }
    let images: Vec<_> =
        found.iter().flat_map(|event| event.images.keys().map(|tag| (tag.as_str(), event.step))).collect();
    assert_eq!(images, [("reals", 0), ("samples", 0), ("samples", 3)]);
    run(&["--max-steps", "5", "--tensorboard", "--resume"]);
    let found = files(&folder.path().join("outputs/tensorboard"));
    assert_eq!(found.len(), 2);
    let found = events(&found[1]);
    assert!(found[1].restart && found[1].step == 4, "{found:?}");
}
