//! `/v2/models/{model}`: the Open Inference Protocol. A model takes latents `[N, latent]` and gives images
//! `[N, C, H, W]` in [-1, 1], whatever the form and the range of its file: its input and output have their own names.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use ndarray::Array4;
use serde::Deserialize;
use serde_json::{Value, json};

use super::buffers::Reserved;
use super::error::ApiError;
use super::latents::{NUMBER, blocking};
use super::model::Model;
use super::picture::check_pixels;
use super::tensor::{BinarySize, FP32, InferRequest, InferResponse, OutputTensor, to_bytes};
use super::{App, SharedApp, request};

/// The one version of each model.
const VERSION: &str = "1";
/// How many bytes of a body are JSON, where binary tensors follow.
const HEADER_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");

#[derive(Debug, Deserialize)]
pub(super) struct ModelPath {
    model: String,
    version: Option<String>,
}

type ModelOf = Result<Path<ModelPath>, PathRejection>;

fn find(app: &App, path: ModelOf) -> Result<Arc<Model>, ApiError> {
    let Path(ModelPath { model, version }) = path.map_err(|error| ApiError::wrong(error.body_text()))?;
    let found = app.models.find(Some(&model))?;
    match version {
        Some(version) if version != VERSION => Err(ApiError::NoVersion { name: model, version }),
        _ => Ok(found),
    }
}

/// `GET /v2/models/{model}`: what it takes and gives; -1 is any number.
pub(super) async fn metadata(State(app): State<SharedApp>, path: ModelOf) -> Result<Json<Value>, ApiError> {
    let model = find(&app, path)?;
    let [channels, height, width] = model.image;
    Ok(Json(json!({
        "name": model.name,
        "versions": [VERSION],
        "platform": "onnxruntime_onnx",
        "inputs": [{ "name": model.input, "datatype": FP32, "shape": [-1, model.latent] }],
        "outputs": [{ "name": model.output, "datatype": FP32, "shape": [-1, channels, height, width] }],
    })))
}

/// `GET /v2/models/{model}/ready`: a model that is there is.
pub(super) async fn ready(State(app): State<SharedApp>, path: ModelOf) -> Result<Json<Value>, ApiError> {
    let model = find(&app, path)?;
    Ok(Json(json!({ "name": model.name, "ready": true })))
}

/// `POST /v2/models/{model}/infer`.
pub(super) async fn infer(
    State(app): State<SharedApp>,
    path: ModelOf,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    let model = find(&app, path)?;
    let (body, reserved) = request::body(request, &app, &[request::JSON, request::BINARY]).await?;
    let (text, binary) = split(&body, &headers)?;
    let request: InferRequest = request::json(text)?;
    let (id, wants_binary) = (request.id.clone(), request.wants_binary(&model)?);
    let z = request.latents(binary, &model, app.config.max_images.get())?;
    check_pixels(z.nrows(), &model)?;
    drop((body, reserved));
    let values = z.nrows() * model.image.iter().product::<usize>();
    let reserved = app.buffers.reserve(values * NUMBER)?;
    let images = model.draw(z, app.config.timeout).await.map_err(ApiError::of_given_latents)?;
    blocking(move || match wants_binary {
        true => binary_response(id, &model, &images, reserved),
        false => json_response(id, &model, &images, reserved),
    })
    .await?
}

/// The JSON of a body, and the bytes that follow it.
fn split<'a>(body: &'a Bytes, headers: &HeaderMap) -> Result<(&'a [u8], &'a [u8]), ApiError> {
    let Some(length) = headers.get(HEADER_LENGTH) else { return Ok((body, &[])) };
    let parts = length.to_str().ok().and_then(|length| body.split_at_checked(length.parse().ok()?));
    parts.ok_or_else(|| {
        let (found, body) = (String::from_utf8_lossy(length.as_bytes()).into_owned(), body.len());
        ApiError::Wrong(format!("Inference-Header-Content-Length: expected up to {body}, found {found:?}"))
    })
}

fn json_response(
    id: Option<String>,
    model: &Model,
    images: &Array4<f32>,
    reserved: Reserved,
) -> Result<Response, ApiError> {
    let text = head(id, model, images, false)?;
    Ok(([(header::CONTENT_TYPE, request::JSON)], reserved.body(text)).into_response())
}

fn binary_response(
    id: Option<String>,
    model: &Model,
    images: &Array4<f32>,
    reserved: Reserved,
) -> Result<Response, ApiError> {
    let mut bytes = head(id, model, images, true)?;
    let length = HeaderValue::from(bytes.len());
    bytes.extend(to_bytes(numbers(images)?));
    let kind = HeaderValue::from_static(request::BINARY);
    Ok(([(header::CONTENT_TYPE, kind), (HEADER_LENGTH, length)], reserved.body(bytes)).into_response())
}

/// An answer's JSON; the images are in it, or their size.
fn head(
    id: Option<String>,
    model: &Model,
    images: &Array4<f32>,
    is_binary: bool,
) -> Result<Vec<u8>, ApiError> {
    let (rows, channels, height, width) = images.dim();
    let data = numbers(images)?;
    let output = OutputTensor {
        name: &model.output,
        datatype: FP32,
        shape: [rows, channels, height, width],
        parameters: is_binary.then_some(BinarySize { binary_data_size: size_of_val(data) }),
        data: (!is_binary).then_some(data),
    };
    let response = InferResponse { id, model_name: &model.name, model_version: VERSION, outputs: [output] };
    serde_json::to_vec(&response).map_err(|error| ApiError::Run(error.to_string()))
}

fn numbers(images: &Array4<f32>) -> Result<&[f32], ApiError> {
    images.as_slice().ok_or_else(|| ApiError::Run("the images are not in order".to_owned()))
}
