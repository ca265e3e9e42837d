//! Each operator of the interpreter against numbers worked out by hand, from ONNX's definitions.

use dcgan_export::ModelProto;
use dcgan_export::interpreter::{self, Array, Element, Limits};
use dcgan_export::onnx::tensor_proto::DataType;
use dcgan_export::onnx::{
    AttributeProto, GraphProto, NodeProto, OperatorSetIdProto, TensorProto, ValueInfoProto,
};

/// A version in which all operators have their axes and bounds as inputs.
const OPSET: i64 = 13;

fn int(name: &str, value: impl Into<i64>) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), i: Some(value.into()), ..Default::default() }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), ints: values.to_vec(), ..Default::default() }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: Some(name.to_owned()), f: Some(value), ..Default::default() }
}

fn floats(shape: &[usize], values: &[f32]) -> Array {
    Array::floats(shape, values.to_vec())
}

fn half(shape: &[usize], values: &[f32]) -> Array {
    Array { element: Element::F16, ..floats(shape, values) }
}

fn integers(values: &[i64]) -> Array {
    let (shape, integers) = (vec![values.len()], values.to_vec());
    Array { shape, element: Element::I64, values: Vec::new(), integers }
}

fn value(name: String) -> ValueInfoProto {
    ValueInfoProto { name: Some(name), ..Default::default() }
}

/// A model of one node that takes all its inputs; an input that is none is left out.
fn model(operator: &str, opset: i64, inputs: &[Option<Array>], attributes: &[AttributeProto]) -> ModelProto {
    let names = inputs.iter().enumerate();
    let names = names.map(|(index, input)| if input.is_some() { format!("x{index}") } else { String::new() });
    let names: Vec<_> = names.collect();
    let node = NodeProto {
        input: names.clone(),
        output: vec!["y".to_owned()],
        name: Some("node".to_owned()),
        op_type: Some(operator.to_owned()),
        attribute: attributes.to_vec(),
        ..Default::default()
    };
    let graph = GraphProto {
        node: vec![node],
        input: names.into_iter().filter(|name| !name.is_empty()).map(value).collect(),
        output: vec![value("y".to_owned())],
        ..Default::default()
    };
    ModelProto {
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(opset) }],
        graph: Some(graph),
        ..Default::default()
    }
}

/// What an operator makes of its inputs.
fn apply_in(
    opset: i64,
    operator: &str,
    inputs: &[Option<Array>],
    attributes: &[AttributeProto],
) -> Result<Array, String> {
    let given: Vec<_> = inputs.iter().flatten().cloned().collect();
    let outputs = interpreter::run(&model(operator, opset, inputs, attributes), &given, Limits::default());
    outputs.map(|mut outputs| outputs.remove(0)).map_err(|error| error.to_string())
}

fn apply(operator: &str, inputs: &[Array], attributes: &[AttributeProto]) -> Array {
    let inputs: Vec<_> = inputs.iter().cloned().map(Some).collect();
    apply_in(OPSET, operator, &inputs, attributes).unwrap()
}

fn refusal(operator: &str, inputs: &[Array], attributes: &[AttributeProto]) -> String {
    let inputs: Vec<_> = inputs.iter().cloned().map(Some).collect();
    apply_in(OPSET, operator, &inputs, attributes).unwrap_err()
}

/// `[1, 1, 3, 3]`: 1 to 9.
fn nine() -> Array {
    floats(&[1, 1, 3, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
}

/// 1 x 1 + 2 x 2 + 4 x 3 + 5 x 4 = 37, and so on.
#[test]
fn a_convolution_strides_pads_and_dilates() {
    let kernel = floats(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let conv = |attributes: &[AttributeProto]| apply("Conv", &[nine(), kernel.clone()], attributes);
    assert_eq!(conv(&[]), floats(&[1, 1, 2, 2], &[37.0, 47.0, 67.0, 77.0]));
    assert_eq!(conv(&[ints("strides", &[2, 1])]), floats(&[1, 1, 1, 2], &[37.0, 47.0]));
    // One row on top and two columns on the right: top, left, bottom, right.
    let padded = [11.0, 18.0, 9.0, 0.0, 37.0, 47.0, 21.0, 0.0, 67.0, 77.0, 33.0, 0.0];
    assert_eq!(conv(&[ints("pads", &[1, 0, 0, 2])]), floats(&[1, 1, 3, 4], &padded));
    // The first and the third row: 1 + 4 + 7 x 3 + 8 x 4 = 58.
    assert_eq!(conv(&[ints("dilations", &[2, 1])]), floats(&[1, 1, 1, 2], &[58.0, 68.0]));
    let all = [ints("strides", &[2, 2]), ints("pads", &[1, 1, 0, 0]), ints("dilations", &[1, 2])];
    // Rows -1 and 0, then 1 and 2; columns -1 and 1: 2 x 4 = 8, then 5 x 2 + 8 x 4 = 42.
    assert_eq!(conv(&all), floats(&[1, 1, 2, 1], &[8.0, 42.0]));
}

#[test]
fn the_groups_of_a_convolution_see_their_own_channels() {
    let x = floats(&[2, 2, 1, 1], &[2.0, 3.0, 5.0, 7.0]);
    let weight = floats(&[4, 1, 1, 1], &[1.0, 10.0, 100.0, 1000.0]);
    let bias = floats(&[4], &[1.0, 2.0, 3.0, 4.0]);
    let expected = [3.0, 22.0, 303.0, 3004.0, 6.0, 52.0, 703.0, 7004.0];
    let inputs = [x.clone(), weight.clone(), bias];
    assert_eq!(apply("Conv", &inputs, &[int("group", 2)]), floats(&[2, 4, 1, 1], &expected));
    assert!(refusal("Conv", &[x, weight], &[]).contains("do not go together in 1 groups"));
}

/// Each of 1, 2, 3 and 4 adds its multiple of 1, 10, 100 and 1000, a kernel of 2 x 2.
#[test]
fn a_transposed_convolution_strides_pads_and_dilates() {
    let inputs =
        [floats(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]), floats(&[1, 1, 2, 2], &[1.0, 10.0, 100.0, 1000.0])];
    let conv = |attributes: &[AttributeProto]| apply("ConvTranspose", &inputs, attributes);
    let dense = [1.0, 12.0, 20.0, 103.0, 1234.0, 2040.0, 300.0, 3400.0, 4000.0];
    assert_eq!(conv(&[]), floats(&[1, 1, 3, 3], &dense));
    let rows = [
        [1.0, 10.0, 2.0, 20.0],
        [100.0, 1000.0, 200.0, 2000.0],
        [3.0, 30.0, 4.0, 40.0],
        [300.0, 3000.0, 400.0, 4000.0],
    ];
    let strides = ints("strides", &[2, 2]);
    assert_eq!(conv(std::slice::from_ref(&strides)), floats(&[1, 1, 4, 4], rows.as_flattened()));
    // Padding takes away: the first row and the last column.
    let cropped = [100.0, 1000.0, 200.0, 3.0, 30.0, 4.0, 300.0, 3000.0, 400.0];
    assert_eq!(conv(&[strides.clone(), ints("pads", &[1, 0, 0, 1])]), floats(&[1, 1, 3, 3], &cropped));
    // A kernel of three rows, the middle one empty.
    let dilated = [1.0, 12.0, 20.0, 3.0, 34.0, 40.0, 100.0, 1200.0, 2000.0, 300.0, 3400.0, 4000.0];
    assert_eq!(conv(&[ints("dilations", &[2, 1])]), floats(&[1, 1, 4, 3], &dilated));
}

#[test]
fn output_padding_adds_rows_below_and_columns_on_the_right() {
    let inputs = [floats(&[1, 1, 1, 2], &[1.0, 2.0]), floats(&[1, 1, 2, 2], &[1.0, 10.0, 100.0, 1000.0])];
    let strides = ints("strides", &[2, 2]);
    let padded = |more: &[AttributeProto]| {
        let attributes = [&[strides.clone(), ints("output_padding", &[1, 1])], more].concat();
        apply("ConvTranspose", &inputs, &attributes)
    };
    let rows = [[1.0, 10.0, 2.0, 20.0, 0.0], [100.0, 1000.0, 200.0, 2000.0, 0.0], [0.0; 5]];
    assert_eq!(padded(&[]), floats(&[1, 1, 3, 5], rows.as_flattened()));
    // What the padding would take away comes back.
    let whole = [rows[0][..4].to_vec(), rows[1][..4].to_vec()].concat();
    assert_eq!(padded(&[ints("pads", &[0, 0, 1, 1])]), floats(&[1, 1, 2, 4], &whole));
}

#[test]
fn the_groups_of_a_transposed_convolution_see_their_own_channels() {
    let inputs = [
        floats(&[1, 2, 1, 1], &[2.0, 3.0]),
        floats(&[2, 2, 1, 1], &[1.0, 10.0, 100.0, 1000.0]),
        floats(&[4], &[1.0, 2.0, 3.0, 4.0]),
    ];
    let grouped = apply("ConvTranspose", &inputs, &[int("group", 2)]);
    assert_eq!(grouped, floats(&[1, 4, 1, 1], &[3.0, 22.0, 303.0, 3004.0]));
    let together = apply("ConvTranspose", &inputs[..2], &[]);
    assert_eq!(together, floats(&[1, 2, 1, 1], &[302.0, 3020.0]));
}

/// The numbers 0 to 8 under two kernels of ones: each pixel is the sum of the inputs that reach it.
#[test]
fn a_transposed_convolution_of_ones_sums_its_neighbours() {
    let x = floats(&[1, 1, 3, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
    let map = [
        [0.0, 1.0, 3.0, 3.0, 2.0],
        [3.0, 8.0, 15.0, 12.0, 7.0],
        [9.0, 21.0, 36.0, 27.0, 15.0],
        [9.0, 20.0, 33.0, 24.0, 13.0],
        [6.0, 13.0, 21.0, 15.0, 8.0],
    ];
    let y = apply("ConvTranspose", &[x, floats(&[1, 2, 3, 3], &[1.0; 18])], &[]);
    assert_eq!(y, floats(&[1, 2, 5, 5], &[map, map].concat().concat()));
}

#[test]
fn convolutions_refuse_what_would_mean_something_else() {
    let same = AttributeProto { s: Some(b"SAME_UPPER".to_vec()), ..int("auto_pad", 0) };
    let kernel = floats(&[1, 1, 2, 2], &[1.0; 4]);
    let message = |operator, attribute: &AttributeProto| {
        refusal(operator, &[nine(), kernel.clone()], std::slice::from_ref(attribute))
    };
    for operator in ["Conv", "ConvTranspose"] {
        assert!(message(operator, &same).contains("auto_pad SAME_UPPER is not known here"));
        assert!(message(operator, &ints("kernel_shape", &[3, 3])).contains("kernel_shape is [3, 3]"));
        assert!(
            message(operator, &ints("strides", &[0, 1])).contains("strides is [0, 1], expected 2 integers")
        );
        assert!(message(operator, &int("group", 0)).contains("group is below 1"));
    }
    assert!(
        message("ConvTranspose", &ints("output_shape", &[4, 4])).contains("output_shape is not known here")
    );
    assert!(message("Conv", &ints("dilations", &[3, 1])).contains("larger than the padded image"));
}

/// A is [[1, 2, 3], [4, 5, 6]], B is [[1, 0], [0, 1], [1, 1]]: [[1 + 3, 2 + 3], [4 + 6, 5 + 6]].
#[test]
fn gemm_transposes_scales_and_adds() {
    let a = floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let a_turned = floats(&[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    let b = floats(&[3, 2], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    let b_turned = floats(&[2, 3], &[1.0, 0.0, 1.0, 0.0, 1.0, 1.0]);
    let product = floats(&[2, 2], &[4.0, 5.0, 10.0, 11.0]);
    for (a, b, turned) in
        [(&a, &b, [0, 0]), (&a_turned, &b, [1, 0]), (&a, &b_turned, [0, 1]), (&a_turned, &b_turned, [1, 1])]
    {
        let flags = [int("transA", turned[0]), int("transB", turned[1])];
        assert_eq!(apply("Gemm", &[a.clone(), b.clone()], &flags), product, "{turned:?}");
    }
    let scaled =
        |c: Array| apply("Gemm", &[a.clone(), b.clone(), c], &[float("alpha", 0.5), float("beta", 2.0)]);
    // Half the product, and twice a row, a column, a number.
    assert_eq!(scaled(floats(&[2], &[1.0, -1.0])), floats(&[2, 2], &[4.0, 0.5, 7.0, 3.5]));
    assert_eq!(scaled(floats(&[2, 1], &[1.0, -1.0])), floats(&[2, 2], &[4.0, 4.5, 3.0, 3.5]));
    assert_eq!(scaled(floats(&[], &[10.0])), floats(&[2, 2], &[22.0, 22.5, 25.0, 25.5]));
    assert!(refusal("Gemm", &[a.clone(), a.clone()], &[]).contains("cannot be multiplied"));
    assert!(refusal("Gemm", &[a, b, floats(&[3], &[0.0; 3])], &[]).contains("does not stretch to [2, 2]"));
}

/// Blocks of 4 x 8 in the arithmetic must not show: 5 x 3 times 3 x 11, the elements of either their own index.
#[test]
fn a_product_of_no_whole_number_of_blocks_is_whole() {
    let count = |shape: [usize; 2]| {
        let values: Vec<f32> = (0..shape[0] * shape[1]).map(|index| index as f32).collect();
        floats(&shape, &values)
    };
    let y = apply("Gemm", &[count([5, 3]), count([3, 11])], &[]);
    // The sum over k of (3 i + k) (11 k + j).
    let element = |i: usize, j: usize| (0..3).map(|k| (3 * i + k) * (11 * k + j)).sum::<usize>() as f32;
    let expected: Vec<f32> = (0..55).map(|index| element(index / 11, index % 11)).collect();
    assert_eq!(y, floats(&[5, 11], &expected));
}

#[test]
fn arithmetic_stretches_dimensions_of_one() {
    let (column, row) = (floats(&[2, 1], &[1.0, 2.0]), floats(&[3], &[10.0, 20.0, 40.0]));
    for (operator, expected) in [
        ("Add", [11.0, 21.0, 41.0, 12.0, 22.0, 42.0]),
        ("Sub", [-9.0, -19.0, -39.0, -8.0, -18.0, -38.0]),
        ("Mul", [10.0, 20.0, 40.0, 20.0, 40.0, 80.0]),
        ("Div", [0.1, 0.05, 0.025, 0.2, 0.1, 0.05]),
        ("Min", [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]),
        ("Max", [10.0, 20.0, 40.0, 10.0, 20.0, 40.0]),
    ] {
        assert_eq!(
            apply(operator, &[column.clone(), row.clone()], &[]),
            floats(&[2, 3], &expected),
            "{operator}"
        );
    }
    let scalar = floats(&[], &[0.5]);
    assert_eq!(apply("Mul", &[scalar, row.clone()], &[]), floats(&[3], &[5.0, 10.0, 20.0]));
    assert!(refusal("Add", &[floats(&[2], &[1.0; 2]), row.clone()], &[]).contains("do not go together"));
    assert!(refusal("Add", &[half(&[1], &[1.0]), row], &[]).contains("expected one type"));
}

#[test]
fn a_value_that_is_no_number_stays_one() {
    let (nan, one) = (floats(&[1], &[f32::NAN]), floats(&[1], &[1.0]));
    for operator in ["Min", "Max", "Add"] {
        assert!(apply(operator, &[nan.clone(), one.clone()], &[]).values[0].is_nan(), "{operator}");
        assert!(apply(operator, &[one.clone(), nan.clone()], &[]).values[0].is_nan(), "{operator}");
    }
    for operator in ["Relu", "LeakyRelu", "Clip", "Tanh", "Sigmoid"] {
        assert!(apply(operator, std::slice::from_ref(&nan), &[]).values[0].is_nan(), "{operator}");
    }
}

#[test]
fn bounds_are_attributes_before_opset_11_and_inputs_since() {
    let x = floats(&[4], &[-2.0, -0.5, 0.5, 3.0]);
    let attributes = [float("min", -1.0), float("max", 1.0)];
    let old = apply_in(6, "Clip", &[Some(x.clone())], &attributes).unwrap();
    assert_eq!(old.values, [-1.0, -0.5, 0.5, 1.0]);
    let bound = |value| Some(floats(&[], &[value]));
    let new = |low, high| apply_in(11, "Clip", &[Some(x.clone()), low, high], &[]).unwrap().values;
    assert_eq!(new(bound(-1.0), bound(1.0)), [-1.0, -0.5, 0.5, 1.0]);
    assert_eq!(new(None, bound(0.0)), [-2.0, -0.5, 0.0, 0.0]);
    assert_eq!(new(bound(0.0), None), [0.0, 0.0, 0.5, 3.0]);
    // The higher bound comes last.
    assert_eq!(new(bound(1.0), bound(-1.0)), [-1.0; 4]);
    let two = apply_in(11, "Clip", &[Some(x.clone()), Some(floats(&[2], &[0.0; 2]))], &[]).unwrap_err();
    assert!(two.contains("its min is [2], expected one value"), "{two}");
}

#[test]
fn dimensions_of_one_are_put_in_and_taken_out() {
    let x = || Some(floats(&[3, 1, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
    for (operator, axes, expected) in [
        ("Unsqueeze", &[0, -1][..], &[1, 3, 1, 2, 1][..]),
        ("Unsqueeze", &[3, 1], &[3, 1, 1, 1, 2]),
        ("Squeeze", &[1], &[3, 2]),
        ("Squeeze", &[-2], &[3, 2]),
    ] {
        let old = apply_in(11, operator, &[x()], &[ints("axes", axes)]).unwrap();
        let new = apply_in(13, operator, &[x(), Some(integers(axes))], &[]).unwrap();
        assert_eq!((old.shape.as_slice(), &old), (expected, &new), "{operator} {axes:?}");
        assert_eq!(new.values, x().unwrap().values);
    }
    for (operator, axes, part) in [
        ("Squeeze", &[0][..], "are not of length 1"),
        ("Squeeze", &[3], "axis 3 is none of 3 dimensions"),
        ("Squeeze", &[1, -2], "name one twice"),
        ("Unsqueeze", &[0, 0], "name one twice"),
        ("Unsqueeze", &[4], "axis 4 is none of 4 dimensions"),
        ("Unsqueeze", &[i64::MIN], "is none of 4 dimensions"),
    ] {
        let message = refusal(operator, &[x().unwrap(), integers(axes)], &[]);
        assert!(message.contains(part), "{operator} {axes:?}: {message}");
    }
}

#[test]
fn a_shape_may_keep_dimensions_and_leave_one_open() {
    let x = || floats(&[2, 3, 2], &(0..12_u8).map(f32::from).collect::<Vec<_>>());
    for (target, expected) in
        [(&[-1][..], &[12][..]), (&[0, -1], &[2, 6]), (&[4, 0, -1], &[4, 3, 1]), (&[-1, 0], &[4, 3])]
    {
        let y = apply("Reshape", &[x(), integers(target)], &[]);
        assert_eq!((y.shape.as_slice(), y.values), (expected, x().values), "{target:?}");
    }
    for target in [&[-1, -1][..], &[5, -1], &[13], &[0, 0, 0, 0], &[-2, 6], &[i64::MAX, i64::MAX], &[]] {
        let message = refusal("Reshape", &[x(), integers(target)], &[]);
        assert!(message.contains("cannot become") || message.contains("limit"), "{target:?}: {message}");
    }
    // A 0 that means nothing but itself.
    let empty = floats(&[0, 3], &[]);
    let allowed = [int("allowzero", 1)];
    assert_eq!(apply("Reshape", &[empty, integers(&[3, 0])], &allowed), floats(&[3, 0], &[]));
    assert!(refusal("Reshape", &[x(), integers(&[0, 12])], &allowed).contains("cannot become"));
}

#[test]
fn flatten_has_two_dimensions_and_transpose_moves_elements() {
    let x = floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    for (axis, shape) in [(0, [1, 6]), (1, [2, 3]), (2, [6, 1]), (-1, [2, 3])] {
        let y = apply("Flatten", std::slice::from_ref(&x), &[int("axis", axis)]);
        assert_eq!((y.shape, y.values), (shape.to_vec(), x.values.clone()), "axis {axis}");
    }
    assert!(refusal("Flatten", std::slice::from_ref(&x), &[int("axis", 3)]).contains("axis 3 is none"));
    let turned = floats(&[3, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    assert_eq!(apply("Transpose", std::slice::from_ref(&x), &[]), turned);
    // Channels last.
    let image = floats(&[1, 2, 1, 2], &[1.0, 2.0, 10.0, 20.0]);
    let last = apply("Transpose", &[image], &[ints("perm", &[0, 2, 3, 1])]);
    assert_eq!(last, floats(&[1, 1, 2, 2], &[1.0, 10.0, 2.0, 20.0]));
    assert!(refusal("Transpose", &[x], &[ints("perm", &[0, 0])]).contains("each axis"));
}

/// 65519 is nearer to 65504 than to 65536, which f16 has not; halves go to the even neighbour.
#[test]
fn a_cast_rounds_floats_and_saturates_bytes() {
    let to = |element: DataType| [int("to", element as i32)];
    let cast = |x: &Array, element| apply("Cast", std::slice::from_ref(x), &to(element));
    let x = floats(
        &[8],
        &[1.0 / 3.0, 65_519.0, 65_520.0, 1.0 + 1.0 / 2048.0, 1.0 + 3.0 / 2048.0, 2e-8, 4e-8, -0.0],
    );
    let rounded = [0.333_251_95, 65_504.0, f32::INFINITY, 1.0, 1.0 + 1.0 / 512.0, 0.0, 5.960_464_5e-8, -0.0];
    assert_eq!(cast(&x, DataType::Float16), half(&[8], &rounded));
    // ONNX drops the fraction, and leaves what is beyond a byte open.
    let bytes = cast(&floats(&[7], &[0.0, 0.99, 1.5, 254.99, 255.0, 300.0, -3.0]), DataType::Uint8);
    assert_eq!(
        (bytes.element, &bytes.values[..]),
        (Element::U8, &[0.0, 0.0, 1.0, 254.0, 255.0, 255.0, 0.0][..])
    );
    let back = cast(&bytes, DataType::Float);
    assert_eq!((back.element, back.values), (Element::F32, bytes.values));
    assert_eq!(cast(&integers(&[-7, 1 << 40]), DataType::Float), floats(&[2], &[-7.0, 1_099_511_627_776.0]));
    let message = refusal("Cast", &[x], &to(DataType::Bfloat16));
    assert!(message.contains("a cast to data type 16 is not known here"), "{message}");
}

/// 2049 lies between two numbers of f16, 2048 and 2050.
#[test]
fn a_value_of_16_bits_is_rounded_after_each_operator() {
    let sum = apply("Add", &[half(&[2], &[2048.0, 2048.0]), half(&[2], &[1.0, 3.0])], &[]);
    assert_eq!(sum, half(&[2], &[2048.0, 2052.0]));
    let product = apply("Gemm", &[half(&[1, 2], &[2048.0, 1.0]), half(&[2, 1], &[1.0, 1.0])], &[]);
    assert_eq!(product, half(&[1, 1], &[2048.0]));
}

/// (1 - 2) / sqrt(4) x 2 + 1 = 0, and so on; with an epsilon of 5 the deviation is 3.
#[test]
fn batch_norm_uses_the_running_statistics_of_each_channel() {
    let statistics = [[2.0, -1.0], [1.0, 0.0], [2.0, 10.0], [4.0, 25.0]].map(|part| floats(&[2], &part));
    let [scale, bias, mean, variance] = statistics;
    let inputs = [floats(&[1, 2, 1, 2], &[1.0, 3.0, 10.0, 20.0]), scale, bias, mean, variance];
    let y = apply("BatchNormalization", &inputs, &[float("epsilon", 0.0)]);
    assert_eq!(y, floats(&[1, 2, 1, 2], &[0.0, 2.0, 0.0, -2.0]));
    let y = apply("BatchNormalization", &inputs, &[float("epsilon", 5.0)]);
    assert!((y.values[0] - 1.0 / 3.0).abs() < 1e-6, "{y:?}");
    let training = refusal("BatchNormalization", &inputs, &[int("training_mode", 1)]);
    assert!(training.contains("training_mode is not known here"), "{training}");
}

#[test]
fn elements_go_through_functions() {
    let x = floats(&[4], &[-2.5, -0.5, 0.5, 1.5]);
    let y = |operator, attributes: &[AttributeProto]| {
        apply(operator, std::slice::from_ref(&x), attributes).values
    };
    assert_eq!(y("Relu", &[]), [0.0, 0.0, 0.5, 1.5]);
    assert_eq!(y("LeakyRelu", &[])[1..], [-0.005, 0.5, 1.5]);
    assert_eq!(y("LeakyRelu", &[float("alpha", 0.2)])[1..], [-0.1, 0.5, 1.5]);
    assert_eq!(y("Floor", &[]), [-3.0, -1.0, 0.0, 1.0]);
    assert_eq!(y("Ceil", &[]), [-2.0, 0.0, 1.0, 2.0]);
    assert_eq!(y("Round", &[]), [-2.0, 0.0, 0.0, 2.0]);
    assert_eq!(y("Neg", &[]), [2.5, 0.5, -0.5, -1.5]);
    assert_eq!(y("Identity", &[]), x.values);
    let near =
        |found: f32, expected: f32| assert!((found - expected).abs() < 1e-6, "{found}, not {expected}");
    // tanh 0.5 = (e - 1) / (e + 1), the sigmoid of 1.5 is 1 / (1 + e^-1.5).
    near(y("Tanh", &[])[2], 0.462_117_16);
    near(y("Sigmoid", &[])[3], 0.817_574_5);
    assert!(refusal("Selu", &[x], &[]).contains("this operator is not known here"));
}

/// An initialiser of a shape and no data.
fn declared(name: &str, dims: &[i64]) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(DataType::Float.into()),
        ..Default::default()
    }
}

#[test]
fn sizes_beyond_all_measure_are_refused_before_anything_is_allocated() {
    let message = |operator, initializer: Vec<TensorProto>, attributes: &[AttributeProto]| {
        let inputs: Vec<_> = initializer.iter().map(|_| Some(floats(&[], &[0.0]))).collect();
        let mut model = model(operator, OPSET, &inputs, attributes);
        model.graph.as_mut().unwrap().initializer = initializer;
        interpreter::run(&model, &[], Limits::default()).unwrap_err().to_string()
    };
    let huge = message("Relu", vec![declared("x0", &[1 << 40])], &[]);
    assert_eq!(huge, "initialiser x0: a value of [1099511627776] is beyond the limit of this run");
    // No elements, but each other dimension as large as the limit, and an output of 2^77 pixels.
    let (x, weight) = (declared("x0", &[0, 1, 1, 1 << 29]), declared("x1", &[1, 0, 65_536, 1]));
    let attributes = [ints("strides", &[1, 65_536]), ints("dilations", &[65_536, 1])];
    let wide = message("ConvTranspose", vec![x, weight], &attributes);
    assert!(wide.contains("is beyond the limit of this run"), "{wide}");
    let deep = message("Relu", vec![declared("x0", &[1; 65])], &[]);
    assert!(deep.contains("65 dimensions, expected at most 64"), "{deep}");
}

#[test]
fn one_value_under_many_outputs_is_paid_for_each_time() {
    let x = floats(&[1 << 10], &[1.0; 1 << 10]);
    let mut model = model("Relu", OPSET, &[Some(x.clone())], &[]);
    let graph = model.graph.as_mut().unwrap();
    graph.output = vec![graph.output[0].clone(); 100];
    let run = |elements| interpreter::run(&model, std::slice::from_ref(&x), Limits { elements, products: 0 });
    assert_eq!(run(101 << 10).unwrap().len(), 100);
    let error = run(100 << 10).unwrap_err().to_string();
    assert!(error.contains("is beyond the limit of this run"), "{error}");
}
