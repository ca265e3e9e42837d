//! `/v1/images` and `/v1/interpolate`: pictures for people.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use dcgan_core::latent::latents_of;
use dcgan_core::{grid, interpolation};
use ndarray::Array2;
use serde::Deserialize;

use super::error::ApiError;
use super::json::Whole;
use super::latents::{self, Wanted, blocking};
use super::model::Model;
use super::picture::{Look, Picture, PictureFormat, unchanged};
use super::{App, SharedApp, request};
use crate::output::EncodeError;

/// Images of an interpolation, where nothing is said.
pub(super) const FRAMES: usize = 30;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImagesQuery {
    model: Option<String>,
    version: Option<String>,
    seed: Option<u64>,
    n: Option<usize>,
    seeds: Option<String>,
    truncation: Option<f64>,
    columns: Option<usize>,
    scale: Option<usize>,
    padding: Option<usize>,
    format: Option<PictureFormat>,
}

/// `GET /v1/images?seed=7&n=16&columns=4&format=png`.
pub(super) async fn of_seeds(
    State(app): State<SharedApp>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query: ImagesQuery = request::query(&uri)?;
    let model = app.models.find(query.model.as_deref())?;
    let is_fixed = is_of_version(&model, query.version.as_deref())?;
    let ImagesQuery { seed, n, seeds, truncation, columns, scale, padding, .. } = query;
    let seeds = Wanted { seed, n, seeds, truncation }.seeds(app.config.max_images.get())?;
    let count = seeds.as_slice().len();
    let picture = Picture {
        grid: Look { columns, scale, padding }.grid(count, grid::square_columns(count), &model)?,
        format: still(query.format)?,
        animation: None,
    };
    let tag = picture.tag(&model, &format!("{:?} {truncation:?}", seeds.as_slice()));
    let cache = tag.as_deref().map(|tag| (tag, is_fixed));
    if let Some(response) = unchanged(&headers, cache, &app) {
        return Ok(response);
    }
    let z = latents::draw(seeds, model.latent, truncation).await?;
    let bytes = draw(&app, model, z, picture).await?;
    Ok(picture.response(bytes, cache, &app))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LatentsBody {
    model: Option<String>,
    latents: Vec<Vec<f32>>,
    columns: Option<Whole>,
    scale: Option<Whole>,
    padding: Option<Whole>,
    format: Option<PictureFormat>,
}

/// `POST /v1/images` with `{"latents": [[...]]}`.
pub(super) async fn of_latents(State(app): State<SharedApp>, request: Request) -> Result<Response, ApiError> {
    let (body, reserved) = request::body(request, &app, &[request::JSON]).await?;
    let LatentsBody { model, latents, columns, scale, padding, format } = request::json(&body)?;
    let model = app.models.find(model.as_deref())?;
    let z = latents::from_rows(&latents, &model, app.config.max_images.get())?;
    let [columns, scale, padding] =
        [columns, scale, padding].map(|number| number.map(|Whole(number)| number));
    let picture = Picture {
        grid: Look { columns, scale, padding }.grid(z.nrows(), grid::square_columns(z.nrows()), &model)?,
        format: still(format)?,
        animation: None,
    };
    drop((body, latents, reserved));
    let bytes = draw(&app, model, z, picture).await.map_err(ApiError::of_given_latents)?;
    Ok(picture.response(bytes, None, &app))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BetweenQuery {
    model: Option<String>,
    version: Option<String>,
    from: u64,
    to: u64,
    frames: Option<usize>,
    fps: Option<u32>,
    scale: Option<usize>,
    format: Option<PictureFormat>,
}

/// `GET /v1/interpolate?from=1&to=9&frames=30`: an animation there and back, or a strip from one to the other.
pub(super) async fn between(
    State(app): State<SharedApp>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query: BetweenQuery = request::query(&uri)?;
    let model = app.models.find(query.model.as_deref())?;
    let is_fixed = is_of_version(&model, query.version.as_deref())?;
    let most = app.config.max_images.get();
    let frames = latents::count("frames", query.frames.unwrap_or(most.min(FRAMES)), most)?;
    let fps = query.fps.unwrap_or(20);
    if !(1..=50).contains(&fps) {
        return Err(ApiError::Wrong(format!("fps: expected 1 to 50, found {fps}")));
    }
    let format = query.format.unwrap_or(PictureFormat::Webp);
    let moves = matches!(format, PictureFormat::Webp | PictureFormat::Gif);
    let padding = moves.then_some(0);
    let picture = Picture {
        grid: Look { columns: None, scale: query.scale, padding }.grid(frames, frames, &model)?,
        format,
        animation: moves.then(|| Duration::from_secs(1) / fps),
    };
    let tag = picture.tag(&model, &format!("{} to {} in {frames}", query.from, query.to));
    let cache = tag.as_deref().map(|tag| (tag, is_fixed));
    if let Some(response) = unchanged(&headers, cache, &app) {
        return Ok(response);
    }
    let (ends, latent) = ([query.from, query.to], model.latent);
    let z = blocking(move || {
        let stops = latents_of(&ends, latent, None);
        match moves {
            true => interpolation::round(stops.view(), frames),
            false => interpolation::way(stops.view(), frames),
        }
    });
    let bytes = draw(&app, model, z.await?, picture).await?;
    Ok(picture.response(bytes, cache, &app))
}

/// Whether a version was asked for, and it is the model's.
fn is_of_version(model: &Model, version: Option<&str>) -> Result<bool, ApiError> {
    match version {
        Some(version) if version != model.digest => Err(ApiError::OtherDigest(model.digest.clone())),
        version => Ok(version.is_some()),
    }
}

/// A format of pictures that do not move, by default PNG.
fn still(format: Option<PictureFormat>) -> Result<PictureFormat, ApiError> {
    match format.unwrap_or(PictureFormat::Png) {
        PictureFormat::Gif => {
            Err(ApiError::wrong("format: expected png, webp or jpeg; gif is one of /v1/interpolate"))
        }
        format => Ok(format),
    }
}

/// The file of the images of latents `[N, latent]`.
async fn draw(app: &App, model: Arc<Model>, z: Array2<f32>, picture: Picture) -> Result<Bytes, ApiError> {
    let reserved = app.buffers.reserve(picture.memory(z.nrows(), &model))?;
    let images = model.draw(z, app.config.timeout).await?;
    let encode = move || picture.encode(&images).map(|bytes| reserved.body(bytes));
    blocking(encode).await?.map_err(|error| match error {
        EncodeError::TooLarge { .. } => ApiError::TooLarge(error.to_string()),
        _ => ApiError::Run(error.to_string()),
    })
}
