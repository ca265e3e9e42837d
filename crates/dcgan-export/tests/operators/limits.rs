//! What a run may cost.

use super::*;

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
