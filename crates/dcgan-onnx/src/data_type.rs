//! Types of a tensor's elements, by ONNX's numbers.

use crate::tensor_proto::DataType;

/// ONNX's name of a data type, such as `FLOAT`, or its number where the name came later than this program.
pub fn type_name(data_type: i64) -> String {
    known(data_type).map_or_else(|| format!("type {data_type}"), |known| known.as_str_name().to_owned())
}

/// Whether the elements of a type are floats.
pub(crate) fn is_float(data_type: i64) -> bool {
    use DataType::*;
    known(data_type).is_some_and(|known| {
        matches!(
            known,
            Float
                | Float16
                | Double
                | Bfloat16
                | Float8e4m3fn
                | Float8e4m3fnuz
                | Float8e5m2
                | Float8e5m2fnuz
                | Float4e2m1
        )
    })
}

fn known(data_type: i64) -> Option<DataType> {
    i32::try_from(data_type).ok().and_then(|number| DataType::try_from(number).ok())
}
