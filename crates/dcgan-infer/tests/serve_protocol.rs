//! `dcgan-infer serve`: the Open Inference Protocol, in requests written by hand after its text.

#![cfg(feature = "serve")]

mod common;

use common::server::{Response, Server};
use common::{fixture, onnxruntime};
use dcgan_core::latent::latents;
use dcgan_infer::{Engine, EngineConfig, Generator};
use serde_json::{Value, json};

const INFER: &str = "/v2/models/shapes32/infer";

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Numbers of three seeds, row by row.
fn z() -> Vec<f32> {
    latents(5, 3, 100).into_raw_vec_and_offset().0
}

fn request(data: Value) -> Value {
    json!({ "inputs": [{ "name": "z", "shape": [3, 100], "datatype": "FP32", "data": data }] })
}

/// A body with a binary tensor, and the header that tells where it begins.
fn binary(mut request: Value, tensor: &[u8]) -> (String, Vec<u8>) {
    request["inputs"][0].as_object_mut().unwrap().remove("data");
    request["inputs"][0]["parameters"] = json!({ "binary_data_size": tensor.len() });
    let text = request.to_string();
    let header = format!("Inference-Header-Content-Length: {}\r\n", text.len());
    (header, [text.as_bytes(), tensor].concat())
}

/// The JSON and the tensor of a binary answer.
fn parts(response: &Response) -> (Value, &[u8]) {
    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
    let length = response.header("inference-header-content-length").expect("its length").parse().unwrap();
    let (text, tensor) = response.body.split_at(length);
    (serde_json::from_slice(text).unwrap(), tensor)
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

#[test]
fn metadata_is_as_clients_expect_it() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/v2/health/live").status, 200);
    assert_eq!(server.get("/v2/health/ready").status, 200);
    let about = server.get("/v2").json();
    assert_eq!(
        (&about["name"], &about["extensions"]),
        (&json!("dcgan-infer"), &json!(["binary_tensor_data"]))
    );
    let expected = json!({
        "name": "shapes32", "versions": ["1"], "platform": "onnxruntime_onnx",
        "inputs": [{ "name": "z", "datatype": "FP32", "shape": [-1, 100] }],
        "outputs": [{ "name": "image", "datatype": "FP32", "shape": [-1, 3, 32, 32] }],
    });
    for path in ["/v2/models/shapes32", "/v2/models/shapes32/versions/1"] {
        assert_eq!(server.get(path).json(), expected);
        assert_eq!(server.get(&format!("{path}/ready")).status, 200);
    }
}

/// The reference is the library's own generator, which other tests compare with ONNX Runtime's.
#[test]
fn every_form_of_a_request_gets_the_generators_images() {
    let config = EngineConfig {
        library: Some(onnxruntime().to_owned()),
        threads: std::num::NonZeroUsize::new(1),
        ..EngineConfig::default()
    };
    let engine = Engine::start(&config).unwrap();
    let mut generator = Generator::open(&engine, &common::model()).unwrap();
    let images = generator.sample(latents(5, 3, 100).view()).unwrap().into_raw_vec_and_offset().0;
    let server = Server::start(&[]);
    let rows: Vec<_> = z().chunks(100).map(<[f32]>::to_vec).collect();
    let mut flat = request(json!(z()));
    flat["id"] = json!("seven");
    flat["outputs"] = json!([{ "name": "image" }]);
    let answer = server.post_json(INFER, &flat).json();
    assert_eq!((&answer["id"], &answer["model_name"]), (&json!("seven"), &json!("shapes32")));
    assert_eq!(answer["model_version"], "1");
    let output = &answer["outputs"][0];
    assert_eq!((&output["name"], &output["datatype"]), (&json!("image"), &json!("FP32")));
    assert_eq!(output["shape"], json!([3, 3, 32, 32]));
    assert_eq!(numbers(&output["data"]), images);
    let nested = server.post_json("/v2/models/shapes32/versions/1/infer", &request(json!(rows))).json();
    assert_eq!(nested.get("id"), None);
    assert_eq!(nested["outputs"][0]["data"], output["data"]);
    // JSON in, binary out: for all outputs, and for the one.
    let mut all = request(json!(z()));
    all["parameters"] = json!({ "binary_data_output": true });
    let mut one = request(json!(z()));
    one["outputs"] = json!([{ "name": "image", "parameters": { "binary_data": true } }]);
    for request in [&all, &one] {
        let response = server.post_json(INFER, request);
        assert_eq!(response.header("content-type"), Some("application/octet-stream"));
        let (head, tensor) = parts(&response);
        assert_eq!(head["outputs"][0]["parameters"]["binary_data_size"], tensor.len());
        assert_eq!(head["outputs"][0].get("data"), None);
        assert_eq!(tensor, bytes(&images));
    }
    // Binary in, and either out; what one output says goes before what is said of all.
    let (header, body) = binary(all.clone(), &bytes(&z()));
    assert_eq!(parts(&server.post(INFER, &header, &body)).1, bytes(&images));
    all["outputs"] = json!([{ "name": "image", "parameters": { "binary_data": false } }]);
    let (header, body) = binary(all, &bytes(&z()));
    let answer = server.post(INFER, &header, &body).json();
    assert_eq!(answer["outputs"][0]["data"], output["data"]);
}

/// A model of bytes in another order, with maps for latents, is served in the one form.
#[test]
fn a_model_of_another_form_has_its_own_names_and_the_same_form() {
    let path = fixture("strangers/bytes_nhwc.onnx");
    let server = Server::start_with(&["--model", &format!("g={}", path.display())]);
    let about = server.get("/v2/models/g").json();
    let (input, output) = (&about["inputs"][0], &about["outputs"][0]);
    let latent = input["shape"][1].as_u64().unwrap() as usize;
    assert_eq!((&input["datatype"], &output["datatype"]), (&json!("FP32"), &json!("FP32")));
    assert_eq!(output["shape"][1], 3, "channels come first");
    let request = json!({ "inputs": [
        { "name": input["name"], "shape": [2, latent], "datatype": "FP32", "data": vec![0.5; 2 * latent] },
    ]});
    let answer = server.post_json("/v2/models/g/infer", &request).json();
    let values = numbers(&answer["outputs"][0]["data"]);
    assert!(values.iter().all(|value| (-1.0..=1.0).contains(value)));
    assert_eq!(values[..values.len() / 2], values[values.len() / 2..]);
}

#[test]
fn wrong_requests_are_told_what_is_wrong() {
    let server = Server::start(&["--max-images", "4"]);
    let good = request(json!(z()));
    let with = |change: &dyn Fn(&mut Value)| {
        let mut request = good.clone();
        change(&mut request);
        request
    };
    let inputs = "expected one input, z FP32 [N, 100], N up to 4, found ";
    for (request, part) in [
        (json!([]), "expected an object"),
        (json!([null, null, good["inputs"], null]), "expected an object"),
        (with(&|r| r["outputs"] = json!([["image", null]])), "expected an object"),
        (json!({}), "missing field `inputs`"),
        (json!({ "inputs": [] }), &format!("{inputs}0 inputs")),
        (with(&|r| r["inputs"] = json!([r["inputs"][0], r["inputs"][0]])), &format!("{inputs}2 inputs")),
        (with(&|r| r["inputs"][0]["name"] = json!("x")), &format!("{inputs}x FP32 [3, 100]")),
        (with(&|r| r["inputs"][0]["datatype"] = json!("FP64")), &format!("{inputs}z FP64 [3, 100]")),
        (with(&|r| r["inputs"][0]["shape"] = json!([300])), &format!("{inputs}z FP32 [300]")),
        (with(&|r| r["inputs"][0]["shape"] = json!([-1, 100])), "invalid value: integer `-1`"),
        (with(&|r| r["inputs"][0]["shape"] = json!([2, 100])), "[2, 100] are not 300 numbers"),
        (with(&|r| r["inputs"][0]["shape"] = json!([5, 100])), "expected 1 to 4 images, found 5"),
        (with(&|r| r["inputs"][0]["shape"] = json!([0, 100])), "expected 1 to 4 images, found 0"),
        (with(&|r| r["inputs"][0]["data"] = json!("AAAA")), "invalid type: string"),
        (with(&|r| r["inputs"][0]["data"][7] = json!(null)), "invalid type: null"),
        (with(&|r| r["inputs"][0]["data"][7] = json!(1e300)), "expected finite numbers, found inf"),
        (with(&|r| r["inputs"][0]["data"] = json!(null)), "neither data nor binary_data_size"),
        (with(&|r| r["outputs"] = json!([{ "name": "logits" }])), "shapes32 has one, image, found logits"),
        (
            with(&|r| r["outputs"] = json!([{ "name": "image", "parameters": { "classification": 3 } }])),
            "classification is not for images",
        ),
    ] {
        let message = server.post_json(INFER, &request).error(400);
        assert!(message.contains(part), "{part}: {message}");
    }
    let tensor = bytes(&z());
    let (header, body) = binary(good.clone(), &tensor);
    for (header, body, part) in [
        (
            "Inference-Header-Content-Length: 99999\r\n",
            &body[..],
            "Inference-Header-Content-Length: expected up to",
        ),
        ("Inference-Header-Content-Length: -1\r\n", &body, "found \"-1\""),
        (&header, &body[..body.len() - 1], "binary_data_size is 1200, found 1199 bytes"),
        (&header, &[&body[..], b"x"].concat(), "binary_data_size is 1200, found 1201 bytes"),
        ("", &body, "the body is not as expected: trailing characters"),
    ] {
        let message = server.post(INFER, header, body).error(400);
        assert!(message.contains(part), "{part}: {message}");
    }
    let (header, body) = binary(good.clone(), &tensor[..1199]);
    assert!(server.post(INFER, &header, &body).error(400).contains("finite"));
    let mut not_a_number = tensor.clone();
    not_a_number[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    let (header, body) = binary(good.clone(), &not_a_number);
    assert!(server.post(INFER, &header, &body).error(400).contains("found NaN"));
    let text = good.to_string();
    let header = format!("Inference-Header-Content-Length: {}\r\n", text.len());
    let both = [text.as_bytes(), &tensor].concat();
    assert!(server.post(INFER, &header, &both).error(400).contains("in JSON and in binary form"));
    let deep = format!("{{\"inputs\":{}", "[".repeat(1 << 20));
    assert!(server.post(INFER, "", deep.as_bytes()).error(400).contains("the body is not as expected"));
    assert_eq!(server.post_json(INFER, &good).status, 200, "it is as well as before");
}
