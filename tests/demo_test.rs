//! The program behind `cargo demo`, with little time.

use assert_cmd::Command;
use tempfile::TempDir;

#[test]
fn the_demo_leaves_pictures_and_names_them() {
    let folder = TempDir::new().unwrap();
    let mut command = Command::cargo_bin("demo").unwrap();
    command.current_dir(folder.path()).args(["--minutes", "0.02", "--folder", "here"]);
    let output = command.assert().success().get_output().clone();
    let said = String::from_utf8(output.stdout).unwrap();
    for path in ["here/samples.png", "here/outputs/training_loss.png"] {
        assert!(said.contains(path), "{path} is not named:\n{said}");
        image::open(folder.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let samples = image::open(folder.path().join("here/samples.png")).unwrap();
    assert_eq!((samples.width(), samples.height()), (8 * 34 + 2, 8 * 34 + 2));
    assert!(said.contains("dcgan-infer -- --model here/g.onnx"), "{said}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("file"), "precious").unwrap();
    let mut command = Command::cargo_bin("demo").unwrap();
    let command = command.current_dir(folder.path()).args(["--minutes", "0.02", "--folder", "file"]);
    let output = command.assert().failure().get_output().clone();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("demo: cannot train: ") && said.contains("file"), "{said}");
    assert_eq!(std::fs::read_to_string(folder.path().join("file")).unwrap(), "precious");
}
