//! The versions that an exported file declares.

use std::ops::RangeInclusive;

use crate::error::ExportError;

/// Operator sets that all runtimes we tried share: the operators used here mean the same in each.
const OPSETS: RangeInclusive<i64> = 9..=18;
/// Format versions that all runtimes we tried share: 4 is the first whose initialisers need not be inputs.
const IR_VERSIONS: RangeInclusive<i64> = 4..=9;

/// Choices of an export that do not change what the network computes.
///
/// ```
/// let config = dcgan_export::ExportConfig::default();
/// assert_eq!((config.opset, config.ir_version), (13, 8));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportConfig {
    /// Version of the operator set, 9 to 18; 13 by default. PyTorch equivalent: `opset_version`.
    pub opset: i64,
    /// Version of the file format, 4 to 9; 8 by default.
    pub ir_version: i64,
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self { opset: 13, ir_version: 8 }
    }
}

impl ExportConfig {
    /// Refuses versions outside of the window that runtimes share.
    pub(crate) fn validate(&self) -> Result<(), ExportError> {
        within("opset", self.opset, OPSETS)?;
        within("ir_version", self.ir_version, IR_VERSIONS)
    }
}

fn within(field: &'static str, found: i64, expected: RangeInclusive<i64>) -> Result<(), ExportError> {
    if expected.contains(&found) { Ok(()) } else { Err(ExportError::Version { field, found, expected }) }
}
