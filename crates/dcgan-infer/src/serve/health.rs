//! Whether the server is up, and what it has.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::SharedApp;
use super::error::ApiError;

/// `GET /v2/health/live`: the process is there.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// `GET /v2/health/ready`: requests are welcome.
pub(super) async fn ready(State(app): State<SharedApp>) -> Result<Json<Value>, ApiError> {
    match app.stops.load(Ordering::Relaxed) {
        true => Err(ApiError::Stopping),
        false => Ok(Json(json!({ "ready": true }))),
    }
}

/// `GET /v2`: which server this is.
pub(super) async fn server() -> Json<Value> {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    Json(json!({ "name": name, "version": version, "extensions": ["binary_tensor_data"] }))
}

/// `GET /v1/models`: what the page needs to know of the models, and the limits of a request.
pub(super) async fn models(State(app): State<SharedApp>) -> Json<Value> {
    let models = app.models.all().map(|model| {
        let [channels, height, width] = model.image;
        json!({
            "name": model.name, "latent_size": model.latent, "channels": channels, "height": height, "width": width,
            "engine": model.engine, "device": model.device, "version": model.digest,
        })
    });
    let models: Vec<_> = models.collect();
    Json(json!({ "models": models, "max_images": app.config.max_images }))
}

/// `GET /metrics`.
pub(super) async fn metrics(State(app): State<SharedApp>) -> Result<impl IntoResponse, ApiError> {
    let text = app.metrics.text(&app.models).map_err(|error| ApiError::Run(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text))
}
