//! `/v1/latents`: the numbers of which images are made.

use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use dcgan_core::latent::{LEAST_TRUNCATION, is_truncation, latents_of};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::model::Model;
use super::{SharedApp, request};
use crate::seeds::Seeds;

/// Which seeds: `seed` and the `n - 1` after it, or the list `seeds`.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub seed: Option<u64>,
    pub n: Option<usize>,
    pub seeds: Option<String>,
    pub truncation: Option<f64>,
}

impl Wanted {
    /// The seeds, `most` of them at most.
    pub(super) fn seeds(&self, most: usize) -> Result<Seeds, ApiError> {
        if let Some(truncation) = self.truncation
            && !is_truncation(truncation)
        {
            let message =
                format!("truncation: expected a number from {LEAST_TRUNCATION} on, found {truncation}");
            return Err(ApiError::Wrong(message));
        }
        let seeds = match &self.seeds {
            Some(_) if self.seed.is_some() || self.n.is_some() => {
                return Err(ApiError::wrong("seeds is a list of all seeds: leave seed and n out"));
            }
            Some(seeds) => request::parse("seeds", seeds)?,
            None => Seeds::from_first(self.seed.unwrap_or(0), count("n", self.n.unwrap_or(1), most)?),
        };
        count("seeds", seeds.as_slice().len(), most)?;
        Ok(seeds)
    }
}

/// A number of images that is not too large.
pub(super) fn count(name: &str, count: usize, most: usize) -> Result<usize, ApiError> {
    match (1..=most).contains(&count) {
        true => Ok(count),
        false => Err(ApiError::Wrong(format!("{name}: expected 1 to {most} images, found {count}"))),
    }
}

/// Bytes that a number takes at most, as such and in JSON, with a comma.
pub(super) const NUMBER: usize = 4 + 16;

/// The latents `[N, latent]` of seeds, off the threads that answer: many long ones take a second.
pub(super) async fn draw(
    seeds: Seeds,
    latent: usize,
    truncation: Option<f64>,
) -> Result<Array2<f32>, ApiError> {
    blocking(move || latents_of(seeds.as_slice(), latent, truncation)).await
}

/// The result of work that takes longer than an answer may hold its thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| ApiError::Run("its answer could not be made".to_owned()))
}

/// Latents `[N, latent]` from rows, finite and as long as the model's.
pub(super) fn from_rows(rows: &[Vec<f32>], model: &Model, most: usize) -> Result<Array2<f32>, ApiError> {
    count("latents", rows.len(), most)?;
    if let Some(row) = rows.iter().find(|row| row.len() != model.latent) {
        let (expected, found) = (model.latent, row.len());
        return Err(ApiError::Wrong(format!(
            "latents: {} takes {expected} numbers each, found {found}",
            model.name
        )));
    }
    let values = rows.concat();
    check_finite("latents", &values)?;
    Ok(Array2::from_shape_vec((rows.len(), model.latent), values).expect("rows of one length"))
}

/// The largest number of a latent, in either direction: far beyond those that a model is trained with, and far from
/// those with which its sums overflow.
pub(super) const MAX_LATENT: f32 = 1e6;

/// Refuses what is no number, and numbers beyond [`MAX_LATENT`].
pub(super) fn check_finite(name: &str, values: &[f32]) -> Result<(), ApiError> {
    let wrong =
        |expected: &str, found| Err(ApiError::Wrong(format!("{name}: expected {expected}, found {found}")));
    match values.iter().find(|value| !value.is_finite() || value.abs() > MAX_LATENT) {
        Some(value) if value.is_finite() => wrong("numbers from -1e6 to 1e6", value),
        Some(value) => wrong("finite numbers", value),
        None => Ok(()),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LatentsQuery {
    model: Option<String>,
    seed: Option<u64>,
    n: Option<usize>,
    seeds: Option<String>,
    truncation: Option<f64>,
}

/// The numbers of each seed, as short as they can be written.
#[derive(Debug, Serialize)]
struct LatentsAnswer {
    model: String,
    /// A seed above 2^53 would not survive JavaScript as a number.
    seeds: Vec<String>,
    latents: Vec<Vec<f32>>,
}

/// `GET /v1/latents?seed=7&n=2`.
pub(super) async fn of_seeds(State(app): State<SharedApp>, uri: Uri) -> Result<Response, ApiError> {
    let LatentsQuery { model, seed, n, seeds, truncation } = request::query(&uri)?;
    let model = app.models.find(model.as_deref())?;
    let seeds = Wanted { seed, n, seeds, truncation }.seeds(app.config.max_images.get())?;
    let reserved = app.buffers.reserve(seeds.as_slice().len() * model.latent * NUMBER)?;
    let names = seeds.as_slice().iter().map(u64::to_string).collect();
    let z = draw(seeds, model.latent, truncation).await?;
    let latents = z.outer_iter().map(|row| row.to_vec()).collect();
    let text = serde_json::to_vec(&LatentsAnswer { model: model.name.clone(), seeds: names, latents });
    let text = text.map_err(|error| ApiError::Run(error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, request::JSON)], reserved.body(text)).into_response())
}
