//! What a dataset consists of, to tell whether it is still the same.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

/// More than a list of 10 million files has: a bound for what a small text may unpack to.
const MAX_BYTES: u64 = 1 << 30;

/// The names of a dataset's parts, in order, with their sizes or checksums.
///
/// As JSON it is one string, compressed: a list of 200,000 files takes about 1 MB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Fingerprint {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// Without control characters: it goes to terminals, and to a line of a list.
    name: String,
    /// What is compared: a size in bytes, or a checksum.
    content: String,
}

/// How [`Part::content`] begins for a checksum.
const MD5: &str = "md5:";

impl Fingerprint {
    /// Adds a file by its size in bytes; `None` if it cannot be looked at.
    pub fn add_file(&mut self, name: &str, size: Option<u64>) {
        let content = size.map_or("unknown".to_owned(), |size| size.to_string());
        self.parts.push(Part { name: name.escape_debug().to_string(), content });
    }

    /// Adds a part by the MD5 sum of its content.
    pub fn add_md5(&mut self, name: &str, md5: &str) {
        self.parts.push(Part { name: name.escape_debug().to_string(), content: format!("{MD5}{md5}") });
    }

    /// What is different in `new`, for people; `None` if nothing is.
    ///
    /// ```
    /// use dcgan_data::Fingerprint;
    /// let fingerprint = |files: &[(&str, u64)]| {
    ///     let mut fingerprint = Fingerprint::default();
    ///     files.iter().for_each(|(name, size)| fingerprint.add_file(name, Some(*size)));
    ///     fingerprint
    /// };
    /// let old = fingerprint(&[("a.png", 10), ("b.png", 20)]);
    /// assert_eq!(old.change_to(&old), None);
    /// let new = fingerprint(&[("b.png", 21), ("c.png", 30)]);
    /// let change = "1 file is gone (a.png), 1 file is new (c.png), 1 file is changed (b.png: 20 bytes before, 21 now)";
    /// assert_eq!(old.change_to(&new).as_deref(), Some(change));
    /// ```
    pub fn change_to(&self, new: &Self) -> Option<String> {
        if self == new {
            return None;
        }
        let [old_parts, new_parts] = [self, new].map(Self::by_name);
        let missing_in = |parts: &HashMap<&str, &str>, list: &[Part]| -> Vec<String> {
            let names = list.iter().map(|part| part.name.as_str());
            names.filter(|name| !parts.contains_key(name)).map(str::to_owned).collect()
        };
        let change = |part: &Part| {
            let now = new_parts.get(part.name.as_str())?;
            (*now != part.content).then(|| changed(&part.name, &part.content, now))
        };
        let lists = [
            ("gone", missing_in(&new_parts, &self.parts)),
            ("new", missing_in(&old_parts, &new.parts)),
            ("changed", self.parts.iter().filter_map(change).collect()),
        ];
        let texts: Vec<String> = lists.iter().filter_map(|(what, list)| summary(what, list)).collect();
        Some(if texts.is_empty() { "its files are in another order".to_owned() } else { texts.join(", ") })
    }

    fn by_name(&self) -> HashMap<&str, &str> {
        self.parts.iter().map(|part| (part.name.as_str(), part.content.as_str())).collect()
    }
}

fn changed(name: &str, old: &str, new: &str) -> String {
    if old.starts_with(MD5) && new.starts_with(MD5) {
        return format!("{name}: other contents");
    }
    format!("{name}: {old} bytes before, {new} now")
}

/// How many files are gone, new or changed, and the first of them.
fn summary(what: &str, list: &[String]) -> Option<String> {
    match list {
        [] => None,
        [only] => Some(format!("1 file is {what} ({only})")),
        [first, ..] => Some(format!("{} files are {what} (the first: {first})", list.len())),
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        let mut list = String::new();
        for Part { name, content } in &fingerprint.parts {
            let _ = writeln!(list, "{content}\t{name}");
        }
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        let packed = encoder.write_all(list.as_bytes()).and_then(|()| encoder.finish());
        STANDARD_NO_PAD.encode(packed.expect("writing to memory does not fail"))
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = io::Error;

    fn try_from(text: String) -> Result<Self, io::Error> {
        let invalid = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason);
        let packed = STANDARD_NO_PAD.decode(text).map_err(|_| invalid("the fingerprint is not base64"))?;
        let mut list = String::new();
        DeflateDecoder::new(packed.as_slice()).take(MAX_BYTES).read_to_string(&mut list)?;
        let part = |line: &str| {
            let (content, name) =
                line.split_once('\t').ok_or_else(|| invalid("the fingerprint is damaged"))?;
            Ok(Part { name: name.to_owned(), content: content.to_owned() })
        };
        Ok(Self { parts: list.lines().map(part).collect::<Result<_, io::Error>>()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(files: &[(&str, u64)]) -> Fingerprint {
        let mut fingerprint = Fingerprint::default();
        files.iter().for_each(|(name, size)| fingerprint.add_file(name, Some(*size)));
        fingerprint
    }

    #[test]
    fn names_of_all_kinds_come_back_and_a_list_of_many_files_is_small() {
        let mut odd = fingerprint(&[("ä b/日本.png", 3), ("tab\tnewline\nescape\x1b[31m.png", 0), ("", 1)]);
        odd.add_file("gone.png", None);
        odd.add_md5("batch", "d41d8cd98f00b204e9800998ecf8427e");
        let text = String::from(odd.clone());
        assert_eq!(Fingerprint::try_from(text).unwrap(), odd);
        let mut many = Fingerprint::default();
        (0..200_000).for_each(|i| many.add_file(&format!("{i:06}.jpg"), Some(5000 + i * 7919 % 9000)));
        let text = String::from(many.clone());
        assert!(text.len() < 2_000_000, "{} bytes", text.len());
        assert!(Fingerprint::try_from(text).unwrap() == many);
    }

    #[test]
    fn changes_are_counted_and_the_first_of_each_kind_is_named() {
        let old = fingerprint(&[("a", 1), ("b", 2), ("c", 3), ("d", 4)]);
        let change = |files: &[(&str, u64)]| old.change_to(&fingerprint(files)).unwrap();
        let found = change(&[("a", 1), ("b", 9), ("c", 8), ("d", 4)]);
        assert_eq!(found, "2 files are changed (the first: b: 2 bytes before, 9 now)");
        assert_eq!(change(&[("d", 4)]), "3 files are gone (the first: a)");
        let found = change(&[("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e\u{1b}[0m", 5)]);
        assert_eq!(found, "1 file is new (e\\u{1b}[0m)");
        assert_eq!(change(&[("b", 2), ("a", 1), ("c", 3), ("d", 4)]), "its files are in another order");
        let mut sums = [Fingerprint::default(), Fingerprint::default()];
        sums[0].add_md5("data_batch_1.bin", "00");
        sums[1].add_md5("data_batch_1.bin", "01");
        let found = sums[0].change_to(&sums[1]).unwrap();
        assert_eq!(found, "1 file is changed (data_batch_1.bin: other contents)");
    }

    #[test]
    fn a_damaged_text_is_refused() {
        let text = String::from(fingerprint(&[("a", 1)]));
        for damaged in ["%", "AAAA", &text[..text.len() - 3]] {
            assert!(Fingerprint::try_from(damaged.to_owned()).is_err(), "{damaged}");
        }
    }
}
