//! `/openapi.json`: what the server takes, with the limits of its flags and the sizes of its models.

use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use serde_json::{Map, Value, json};

use super::App;
use super::latents::MAX_LATENT;
use super::model::Model;
use super::tensor::FP32;

/// Rows of an inference whose schema is written out. JSON Schema cannot say that `data` is as long as `shape` says.
const ROWS: usize = 4;
/// The part of an address that is a model's name.
const NAME: &str = "{model}";

/// The descriptions of a server as text, without its models and with them, each with the models' versions.
#[derive(Debug, Default)]
pub(super) struct Descriptions([Mutex<Option<(String, Bytes)>>; 2]);

impl Descriptions {
    /// The description; the models are left out for clients that may not list them.
    pub(super) fn text(&self, app: &App, shows_models: bool) -> Bytes {
        let models: Vec<_> = app.models.all().collect();
        let versions = models.iter().map(|model| model.digest.as_str()).collect::<String>();
        let mut last = self.0[usize::from(shows_models)].lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((of, text)) if *of == versions => text.clone(),
            _ => {
                let models: Vec<_> = models.iter().map(AsRef::as_ref).collect();
                let described = describe(app.config.max_images.get(), shows_models.then_some(&models));
                let text = Bytes::from(described.to_string());
                *last = Some((versions, text.clone()));
                text
            }
        }
    }
}

fn describe(most: usize, models: Option<&Vec<&Model>>) -> Value {
    let text = include_str!("openapi.json");
    let mut all: Value = serde_json::from_str(text).expect("the description is JSON");
    set_limits(&mut all, most);
    if let Some(models) = models {
        set_models(&mut all, models, most);
    }
    all
}

fn set_limits(all: &mut Value, most: usize) {
    let schemas = &mut all["components"]["schemas"];
    schemas["FirstSeed"]["properties"]["n"]["maximum"] = json!(most);
    schemas["SeedList"]["properties"]["seeds"]["pattern"] =
        json!(format!("^[0-9]{{1,19}}(,[0-9]{{1,19}}){{0,{}}}$", most - 1));
    schemas["Latents"]["properties"]["latents"]["maxItems"] = json!(most);
    for parameter in parameters(&mut all["paths"]["/v1/interpolate"]["get"]) {
        if parameter["name"] == "frames" {
            parameter["schema"]["maximum"] = json!(most);
            parameter["schema"]["default"] = json!(most.min(super::images::FRAMES));
        }
    }
}

/// Names the models, with an address and schemas of their own for each.
fn set_models(all: &mut Value, models: &[&Model], most: usize) {
    let names: Vec<_> = models.iter().map(|model| &model.name).collect();
    for path in ["/v1/images", "/v1/interpolate", "/v1/latents"] {
        for parameter in parameters(&mut all["paths"][path]["get"]) {
            if parameter["name"] == "model" {
                parameter["schema"]["enum"] = json!(names);
                parameter["example"] = json!(names[0]);
            }
        }
    }
    let latents = &mut all["components"]["schemas"]["Latents"];
    let of_models: Vec<_> =
        models.iter().enumerate().map(|(k, model)| latents_of(latents, model, k == 0)).collect();
    *latents = json!({ "anyOf": of_models });
    all["paths"]["/v1/images"]["post"]["requestBody"]["content"]["application/json"]["example"]["latents"] =
        json!([vec![0.5; models[0].latent]]);
    for model in models {
        let request = infer_request(&all["components"]["schemas"]["InferRequest"], model, most);
        all["components"]["schemas"][format!("InferRequest.{}", model.name)] = request;
    }
    if let Some(paths) = all["paths"].as_object_mut() {
        let (of_models, mut others): (Map<_, _>, Map<_, _>) =
            std::mem::take(paths).into_iter().partition(|(path, _)| path.contains(NAME));
        for model in models {
            others.extend(of_models.iter().map(|(path, methods)| {
                (path.replace(NAME, &model.name).replace("{version}", "1"), addressed(methods.clone(), model))
            }));
        }
        *paths = others;
    }
}

fn parameters(operation: &mut Value) -> impl Iterator<Item = &mut Value> {
    operation["parameters"].as_array_mut().into_iter().flatten()
}

/// The body with latents for a model. The first one need not be named.
fn latents_of(schema: &Value, model: &Model, is_first: bool) -> Value {
    let mut schema = schema.clone();
    schema["properties"]["model"] = json!({ "enum": [model.name] });
    schema["properties"]["latents"]["items"]["minItems"] = json!(model.latent);
    schema["properties"]["latents"]["items"]["maxItems"] = json!(model.latent);
    match is_first {
        true => schema["properties"]["model"]["enum"] = json!([model.name, null]),
        false => schema["required"] = json!(["model", "latents"]),
    }
    schema
}

/// The body of an inference of a model.
fn infer_request(schema: &Value, model: &Model, most: usize) -> Value {
    let mut schema = schema.clone();
    let latent = model.latent;
    let number = json!({ "type": "number", "minimum": -MAX_LATENT, "maximum": MAX_LATENT });
    let list = |items: &Value, count: usize| json!({ "type": "array", "items": items, "minItems": count, "maxItems": count });
    let input = |rows: usize| {
        let data = [list(&number, rows * latent), list(&list(&number, latent), rows)];
        json!({
            "type": "object",
            "required": ["name", "shape", "datatype", "data"],
            "properties": {
                "name": { "const": model.input },
                "shape": { "const": [rows, latent] },
                "datatype": { "const": FP32 },
                "data": { "anyOf": data },
            },
        })
    };
    let inputs: Vec<_> = (1..=most.min(ROWS)).map(input).collect();
    schema["properties"]["inputs"]["items"] = json!({
        "description": format!("Up to {most} rows; the first {} are written out here.", inputs.len()),
        "anyOf": inputs,
    });
    schema["properties"]["outputs"]["items"]["properties"]["name"] = json!({ "const": model.output });
    schema
}

/// The operations at an address with the model's name in it.
fn addressed(mut methods: Value, model: &Model) -> Value {
    for operation in methods.as_object_mut().into_iter().flat_map(|methods| methods.values_mut()) {
        operation.as_object_mut().map(|operation| operation.remove("parameters"));
        if let Some(json) = operation.pointer_mut("/requestBody/content/application~1json") {
            json["schema"] = json!({ "$ref": format!("#/components/schemas/InferRequest.{}", model.name) });
            let tensor = json!({
                "name": model.input, "shape": [1, model.latent], "datatype": FP32, "data": vec![0.5; model.latent],
            });
            json["example"] = json!({ "inputs": [tensor] });
        }
    }
    methods
}
