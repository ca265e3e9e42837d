//! An outline as a table for people.

use std::fmt;

use dcgan_core::terminal::escaped;

use super::outline::{Outline, Value, type_name};
use crate::metadata_entry::readable;

/// Characters of a text that are shown.
const SHOWN: usize = 600;

/// A title and what stands beside it, one row each.
type Section = (String, Vec<String>);

impl fmt::Display for Outline {
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

impl Outline {
    fn about(&self) -> Vec<Section> {
        let producer = self.producer.join(" ");
        let domain = |domain: &str| if domain.is_empty() { "ai.onnx".to_owned() } else { shown(domain) };
        let opsets = self.opsets.iter().map(|(name, version)| format!("{} {version}", domain(name)));
        vec![
            row("bytes", grouped(self.bytes)),
            row("IR version", self.ir_version.map_or(String::new(), |version| version.to_string())),
            ("opset".to_owned(), opsets.collect()),
            row("producer", shown(producer.trim())),
            row("description", shown(&self.doc)),
            row("graph", shown(&self.graph)),
        ]
    }

    fn interface(&self) -> Vec<Section> {
        vec![("inputs".to_owned(), values(&self.inputs)), ("outputs".to_owned(), values(&self.outputs))]
    }

    fn operators(&self) -> Vec<Section> {
        let total: u64 = self.nodes.values().sum();
        let mut counts: Vec<_> = self.nodes.iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let counts = counts.into_iter().map(|(operator, count)| format!("{count} {}", shown(operator)));
        vec![("nodes".to_owned(), [grouped(total)].into_iter().chain(counts).collect())]
    }

    fn weights(&self) -> Vec<Section> {
        let constants = &self.constants;
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
        let entries = self.metadata.iter().map(entry);
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
