//! MNIST, gray and small, trains every network. The images are drawn here: no file of MNIST is needed.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use dcgan_core::checkpoint::Checkpoint;
use tempfile::TempDir;

/// An IDX file of 20 images, each with a white square at a place of its own.
fn write_images(path: &Path) {
    let header = [0x803, 20, 28, 28].map(u32::to_be_bytes).concat();
    let is_lit = |i: usize, row: usize, column: usize| (i..i + 9).contains(&row) && (5..14).contains(&column);
    let pixel = |at: usize| if is_lit(at / 784, at % 784 / 28, at % 28) { 255 } else { 0 };
    let pixels: Vec<u8> = (0..20 * 784).map(pixel).collect();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, [header, pixels].concat()).unwrap();
}

#[test]
fn gray_and_colour_networks_train_on_it() {
    for arch in ["dcgan32-gray", "dcgan32-small", "dcgan64-small"] {
        let folder = TempDir::new().unwrap();
        write_images(&folder.path().join("data/MNIST/raw/train-images-idx3-ubyte"));
        let arguments = ["--dataset", "mnist", "--arch", arch, "--batch-size", "8", "--num-epochs", "1"];
        let output = Command::cargo_bin("dcgan-train")
            .unwrap()
            .current_dir(folder.path())
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{text}");
        assert!(text.contains(&format!("training {arch} on mnist: 20 images, 3 steps an epoch")), "{text}");
        let path = folder.path().join("checkpoints/generator_final.safetensors");
        let (spec, checkpoint) = Checkpoint::load_generator(&path).unwrap();
        assert_eq!((spec.arch.as_str(), checkpoint.record.images_seen), (arch, 20));
        assert_eq!(checkpoint.record.options["dataset"], "mnist");
    }
}
