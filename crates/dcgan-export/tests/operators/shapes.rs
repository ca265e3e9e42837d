//! Operators that move elements and compute none.

use super::*;

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
