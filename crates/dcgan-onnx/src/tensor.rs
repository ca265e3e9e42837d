//! Values of a tensor.

use crate::TensorProto;

impl TensorProto {
    /// The values of an `INT64` tensor, in row-major order.
    pub fn integers(&self) -> Vec<i64> {
        match self.raw_data() {
            [] => self.int64_data.clone(),
            raw => raw.as_chunks::<8>().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect(),
        }
    }
}
