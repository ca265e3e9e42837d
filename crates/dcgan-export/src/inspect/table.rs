//! An outline as a table for people.

use std::fmt;

use dcgan_core::terminal::escaped;
use dcgan_onnx::{Outline, Value, type_name};

use crate::metadata_entry::readable;

/// Characters of a text that are shown.
const SHOWN: usize = 600;

/// A title and what stands beside it, one row each.
type Section = (String, Vec<String>);

/// An outline, printed as a table with a row for each fact.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a>(pub &'a Outline);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sections: Vec<Section> =
            [self.about(), self.interface(), self.operators(), self.weights(), self.entries()]
                .into_iter()
                .flatten()
                .filter(|(_, rows)| !rows.is_empty())
                .collect();
        let width = sections.iter().map(|(title, _)| title.chars().count()).max().unwrap_or(0);
        for (title, rows) in &sections {
            for (index, row) in rows.iter().enumerate() {
                let title = if index == 0 { title } else { "" };
                writeln!(f, "{title:width$}  {row}")?;
            }
        }
        Ok(())
    }
}

impl Table<'_> {
    fn about(&self) -> Vec<Section> {
        let producer = self.0.producer.join(" ");
        let domain = |domain: &str| if domain.is_empty() { "ai.onnx".to_owned() } else { shown(domain) };
        let opsets = self.0.opsets.iter().map(|(name, version)| format!("{} {version}", domain(name)));
        vec![
            row("bytes", grouped(self.0.bytes)),
            row("IR version", self.0.ir_version.map_or(String::new(), |version| version.to_string())),
            ("opset".to_owned(), opsets.collect()),
            row("producer", shown(producer.trim())),
            row("description", shown(&self.0.doc)),
            row("graph", shown(&self.0.graph)),
        ]
    }

    fn interface(&self) -> Vec<Section> {
        vec![("inputs".to_owned(), values(&self.0.inputs)), ("outputs".to_owned(), values(&self.0.outputs))]
    }

    fn operators(&self) -> Vec<Section> {
        let total: u64 = self.0.nodes.values().sum();
        let mut counts: Vec<_> = self.0.nodes.iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let counts = counts.into_iter().map(|(operator, count)| format!("{count} {}", shown(operator)));
        vec![("nodes".to_owned(), [grouped(total)].into_iter().chain(counts).collect())]
    }

    fn weights(&self) -> Vec<Section> {
        let constants = &self.0.constants;
        let types = constants.elements.iter();
        let types = types.map(|(data_type, count)| format!("{} {}", grouped(*count), type_name(*data_type)));
        let files = constants.external.iter();
        let files = files.map(|(file, count)| format!("{} in {}", tensors(*count), shown(file)));
        let stored = format!(
            "{} tensors, {} bytes in this file",
            grouped(constants.tensors),
            grouped(constants.bytes)
        );
        vec![
            row("parameters", grouped(constants.parameters)),
            ("constants".to_owned(), [stored].into_iter().chain(types).chain(files).collect()),
        ]
    }

    fn entries(&self) -> Vec<Section> {
        let entry =
            |(key, value): &(String, String)| format!("{}: {}", shown(key), shown(&readable(key, value)));
        let entries = self.0.metadata.iter().map(entry);
        vec![("metadata".to_owned(), entries.collect())]
    }
}

/// A row, or none without text.
fn row(title: &str, text: String) -> Section {
    (title.to_owned(), if text.is_empty() { Vec::new() } else { vec![text] })
}

fn values(values: &[Value]) -> Vec<String> {
    values.iter().map(|value| format!("{}: {}", shown(&value.name), shown(&value.kind))).collect()
}

/// Text of a file on one line: a foreign file must not steer the terminal.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", escaped(&text[..end])),
        None => escaped(text).into_owned(),
    }
}

fn tensors(count: u64) -> String {
    format!("{} tensor{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// As in `3,576,704`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let separated = digits.char_indices().flat_map(|(index, digit)| {
        let comma = index > 0 && (digits.len() - index).is_multiple_of(3);
        comma.then_some(',').into_iter().chain([digit])
    });
    separated.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_file_does_not_steer_the_terminal() {
        let mut outline = Outline::default();
        outline.metadata.push(("k".to_owned(), "a\x1b[2J".to_owned()));
        outline.constants.external.insert("w.bin".to_owned(), 1);
        let text = Table(&outline).to_string();
        assert!(text.contains("k: a\\u{1b}[2J"), "{text}");
        assert!(text.contains("1 tensor in w.bin"), "{text}");
    }
}
