//! Conv and ConvTranspose.

use super::*;

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
