//! Archives as they should be, and crafted ones.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::*;

const SELECTION: Selection =
    Selection { folder: "set", files: &["a.bin", "b.bin"], max_file_bytes: 5000, max_total_bytes: 20_000 };

/// Path, kind, and content of an archive's entries.
type Entries<'a> = &'a [(&'a str, EntryType, &'a [u8])];

const WHOLE: Entries = &[
    ("./set/", EntryType::Directory, b""),
    ("set/readme.html", EntryType::Regular, b"not wanted"),
    ("./set/b.bin", EntryType::Regular, b"second"),
    ("set/a.bin", EntryType::Continuous, b"first"),
    ("a.bin", EntryType::Regular, b"of another folder"),
    ("set/deeper/a.bin", EntryType::Regular, b"of a folder below"),
];

fn header(path: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    // Not through `set_path`, which refuses what a test of bad paths needs.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_cksum();
    header
}

fn tar(entries: Entries) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (path, kind, content) in entries {
        builder.append(&header(path, *kind, content.len() as u64), *content).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn unpack(folder: &TempDir, archive: &[u8]) -> Result<(), UnpackError> {
    let path = folder.path().join("set.tar.gz");
    fs::write(&path, archive).unwrap();
    SELECTION.unpack(&path, folder.path())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Refused with a message of these parts, and nothing is left but the archive.
fn refuses(archive: &[u8], parts: &[&str]) {
    let folder = TempDir::new().unwrap();
    let message = unpack(&folder, archive).unwrap_err().to_string();
    for part in parts.iter().chain(&["set.tar.gz"]) {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    assert_eq!(names(folder.path()), ["set.tar.gz"], "{message}");
}

#[test]
fn the_wanted_files_are_taken_and_no_others() {
    let folder = TempDir::new().unwrap();
    unpack(&folder, &gzip(&tar(WHOLE))).unwrap();
    assert_eq!(names(folder.path()), ["set", "set.tar.gz"]);
    assert_eq!(names(&folder.path().join("set")), ["a.bin", "b.bin"]);
    assert_eq!(fs::read(folder.path().join("set/a.bin")).unwrap(), b"first");
    assert_eq!(fs::read(folder.path().join("set/b.bin")).unwrap(), b"second");
}

#[test]
fn long_names_and_other_extensions_are_passed_over() {
    let long = format!("set/{}", "x".repeat(150));
    let mut builder = Builder::new(Vec::new());
    builder.append_data(&mut header("", EntryType::Regular, 1), long, &b"x"[..]).unwrap();
    builder.append_pax_extensions([("mtime", &b"1.5"[..])]).unwrap();
    let extensions = builder.into_inner().unwrap();
    // Without its end, two blocks of zeros.
    let bytes = [&extensions[..extensions.len() - 1024], &tar(WHOLE)].concat();
    let folder = TempDir::new().unwrap();
    unpack(&folder, &gzip(&bytes)).unwrap();
    assert_eq!(names(&folder.path().join("set")), ["a.bin", "b.bin"]);
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for path in ["../a.bin", "set/../../a.bin", "/a.bin", "/set/a.bin"] {
        let entries = [WHOLE, &[(path, EntryType::Regular, b"bad")]].concat();
        refuses(&gzip(&tar(&entries)), &["paths below its own folder", path]);
    }
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Fifo, EntryType::GNUSparse]
    {
        for path in ["set/a.bin", "set/other"] {
            let entries = [&[(path, kind, &b""[..])], WHOLE].concat();
            refuses(&gzip(&tar(&entries)), &["only files and folders", path]);
        }
    }
}

#[test]
fn more_bytes_than_there_should_be_are_refused() {
    let large = vec![0; 5001];
    refuses(&gzip(&tar(&[("set/a.bin", EntryType::Regular, &large)])), &["5000 bytes in a.bin", "5001"]);
    let unwanted = vec![0; 21_000];
    let entries = [&[("set/zeros", EntryType::Regular, &unwanted[..])], WHOLE].concat();
    refuses(&gzip(&tar(&entries)), &["20000 bytes in all"]);
    // Declared only: nothing of that size is read or reserved.
    let declared = [header("set/a.bin", EntryType::Regular, 1 << 33).as_bytes(), &[0; 512][..]].concat();
    refuses(&gzip(&declared), &["5000 bytes in a.bin", "8589934592"]);
}

#[test]
fn an_archive_that_is_not_whole_is_refused() {
    refuses(b"", &["cannot unpack"]);
    refuses(b"<html>Please log in</html>", &["cannot unpack"]);
    refuses(&gzip(b""), &["set/a.bin in it"]);
    refuses(&gzip(&tar(&WHOLE[..3])), &["set/a.bin in it"]);
    refuses(&gzip(&tar(&[WHOLE, WHOLE].concat())), &["b.bin once", "twice"]);
    let (bytes, packed) = (tar(WHOLE), gzip(&tar(WHOLE)));
    for kept in [10, 700, 1030, 2000, 3000] {
        refuses(&gzip(&bytes[..kept]), &["set"]);
    }
    for kept in [5, packed.len() / 2] {
        refuses(&packed[..kept], &["cannot unpack"]);
    }
}

#[test]
fn what_a_killed_process_left_is_not_taken_for_the_files() {
    let folder = TempDir::new().unwrap();
    let left = folder.path().join(".unpacking-set");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("a.bin"), b"fir").unwrap();
    unpack(&folder, &gzip(&tar(WHOLE))).unwrap();
    assert_eq!(names(folder.path()), ["set", "set.tar.gz"]);
    assert_eq!(fs::read(folder.path().join("set/a.bin")).unwrap(), b"first");
}

#[test]
fn a_folder_in_the_way_is_kept_unless_it_is_empty() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("set")).unwrap();
    unpack(&folder, &gzip(&tar(WHOLE))).unwrap();

    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("set")).unwrap();
    fs::write(folder.path().join("set/mine"), b"kept").unwrap();
    let message = unpack(&folder, &gzip(&tar(WHOLE))).unwrap_err().to_string();
    assert!(message.contains("set is there already"), "{message}");
    assert_eq!(names(folder.path()), ["set", "set.tar.gz"]);
    assert_eq!(fs::read(folder.path().join("set/mine")).unwrap(), b"kept");
}
