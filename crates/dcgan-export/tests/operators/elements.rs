//! Operators that compute each element on its own, and products of matrices.

use super::*;

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
