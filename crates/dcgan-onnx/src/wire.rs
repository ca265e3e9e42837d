//! Protobuf's fields, walked in a file.
//!
//! prost decodes whole messages in memory, which a file of gigabytes, or a damaged one that claims so, may not have.

use std::io::{self, BufReader, Read, Seek};

use prost::Message;

use crate::skeleton::text;

/// Longer texts are cut: none that is worth a table is.
const LONGEST_TEXT: u64 = 1 << 16;
/// Bytes of a message that is decoded: a value with its name and shape, or an operator set.
const LARGEST_MESSAGE: u64 = 1 << 20;

/// A model's structure cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OutlineError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] io::Error),
    /// The bytes are not those of a model: the first byte that is wrong, with what was expected there.
    #[error("{0}")]
    Format(String),
}

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// An integer, an enumeration or a boolean.
    Number(u64),
    /// So many bytes follow: text, a message, or packed numbers.
    Bytes(u64),
    /// Four or eight bytes, which no field of a model's structure is.
    Fixed,
}

/// A place in a file of messages.
pub(crate) struct Wire<R> {
    reader: BufReader<R>,
    at: u64,
    /// Where the message ends that is walked.
    end: u64,
}

impl<R: Read + Seek> Wire<R> {
    pub(crate) fn new(source: R, size: u64) -> Self {
        Self { reader: BufReader::new(source), at: 0, end: size }
    }

    /// Calls `visit` with the number and value of each field until the message ends. What it leaves of a field's bytes
    /// is stepped over.
    pub(crate) fn fields(
        &mut self,
        mut visit: impl FnMut(&mut Self, u64, Field) -> Result<(), OutlineError>,
    ) -> Result<(), OutlineError> {
        while self.at < self.end {
            let start = self.at;
            let key = self.varint()?;
            let field = match key & 7 {
                _ if key >> 3 == 0 => return Err(malformed(start, "no field has the number 0")),
                0 => Field::Number(self.varint()?),
                1 => Field::Fixed,
                2 => Field::Bytes(self.varint()?),
                5 => Field::Fixed,
                other => return Err(malformed(start, &format!("no field has the wire type {other}"))),
            };
            let length = match (field, key & 7) {
                (Field::Bytes(length), _) => length,
                (Field::Fixed, 1) => 8,
                (Field::Fixed, _) => 4,
                _ => 0,
            };
            let next = self.at.checked_add(length).filter(|next| *next <= self.end);
            let next = next.ok_or_else(|| {
                malformed(
                    start,
                    &format!(
                        "{length} bytes of field {} are said to follow, {} do",
                        key >> 3,
                        self.end - self.at
                    ),
                )
            })?;
            visit(self, key >> 3, field)?;
            self.skip_to(next)?;
        }
        Ok(())
    }

    /// The fields of the message that a field's bytes are.
    pub(crate) fn message(
        &mut self,
        length: u64,
        visit: impl FnMut(&mut Self, u64, Field) -> Result<(), OutlineError>,
    ) -> Result<(), OutlineError> {
        let outer = std::mem::replace(&mut self.end, self.at + length);
        let result = self.fields(visit);
        self.end = outer;
        result
    }

    /// The text that a field's bytes are, cut where it is very long.
    pub(crate) fn text(&mut self, length: u64) -> Result<String, OutlineError> {
        Ok(text(&self.bytes(length.min(LONGEST_TEXT))?))
    }

    /// The message that a field's bytes are, of a type that is small in any sane file.
    pub(crate) fn decoded<M: Message + Default>(&mut self, length: u64) -> Result<M, OutlineError> {
        let start = self.at;
        if length > LARGEST_MESSAGE {
            let reason = format!("a message has {length} bytes, expected at most {LARGEST_MESSAGE}");
            return Err(malformed(start, &reason));
        }
        let bytes = self.bytes(length)?;
        M::decode(bytes.as_slice()).map_err(|error| malformed(start, &error.to_string()))
    }

    fn bytes(&mut self, length: u64) -> Result<Vec<u8>, OutlineError> {
        let mut bytes = Vec::new();
        self.reader.by_ref().take(length).read_to_end(&mut bytes)?;
        self.at += length;
        if bytes.len() as u64 != length {
            return Err(malformed(self.at, "the file ends before its text"));
        }
        Ok(bytes)
    }

    /// Calls `visit` with each number of a repeated field, be it packed or not.
    pub(crate) fn numbers(&mut self, field: Field, mut visit: impl FnMut(u64)) -> Result<(), OutlineError> {
        match field {
            Field::Number(number) => visit(number),
            Field::Bytes(length) => {
                let end = self.at + length;
                while self.at < end {
                    visit(self.varint()?);
                }
            }
            Field::Fixed => {}
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, OutlineError> {
        let start = self.at;
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let mut byte = [0];
            if self.at >= self.end {
                return Err(malformed(start, "the message ends within a number"));
            }
            self.reader.read_exact(&mut byte)?;
            self.at += 1;
            value |= u64::from(byte[0] & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte[0] < 0x80 {
                return Ok(value);
            }
        }
        Err(malformed(start, "a number has more than 64 bits"))
    }

    fn skip_to(&mut self, next: u64) -> Result<(), OutlineError> {
        // Backwards only after packed numbers that ran over their field's end.
        let step = next.checked_sub(self.at).and_then(|step| i64::try_from(step).ok());
        let step = step.ok_or_else(|| malformed(self.at, "numbers do not end where their field does"))?;
        self.reader.seek_relative(step)?;
        self.at = next;
        Ok(())
    }
}

fn malformed(at: u64, reason: &str) -> OutlineError {
    OutlineError::Format(format!("at byte {at}, {reason}"))
}
