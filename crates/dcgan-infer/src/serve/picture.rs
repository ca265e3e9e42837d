//! Pictures and animations as answers.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use dcgan_core::checksum;
use dcgan_core::grid::{self, GridConfig};
use ndarray::Array4;
use serde::Deserialize;

use super::error::ApiError;
use super::model::Model;
use super::{App, request};
use crate::output::{self, EncodeError, Format};

/// The most pixels of an answer, of the images as well as of their picture: 200 MB as numbers.
const MAX_PIXELS: usize = 1 << 24;
const MAX_SCALE: usize = 64;
const MAX_PADDING: usize = 1024;

/// What a picture may be.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum PictureFormat {
    Png,
    Webp,
    #[serde(alias = "jpg")]
    Jpeg,
    Gif,
}

impl PictureFormat {
    fn format(self) -> Format {
        match self {
            Self::Png => Format::Png,
            Self::Webp => Format::WebP,
            Self::Jpeg => Format::Jpeg,
            Self::Gif => Format::Gif,
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
        }
    }
}

/// How images are laid out, where it is said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    pub columns: Option<usize>,
    pub scale: Option<usize>,
    pub padding: Option<usize>,
}

/// How images become an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    pub grid: GridConfig,
    pub format: PictureFormat,
    /// How long each image is shown, if they are frames.
    pub animation: Option<Duration>,
}

impl Look {
    /// The layout of so many images: an image alone has no frame around it.
    pub(super) fn grid(&self, count: usize, columns: usize, model: &Model) -> Result<GridConfig, ApiError> {
        let number = |name, value, low, high| match (low..=high).contains(&value) {
            true => Ok(value),
            false => Err(ApiError::Wrong(format!("{name}: expected {low} to {high}, found {value}"))),
        };
        let config = GridConfig {
            columns: number("columns", self.columns.unwrap_or(columns), 1, usize::MAX)?,
            scale: number("scale", self.scale.unwrap_or(1), 1, MAX_SCALE)?,
            padding: number(
                "padding",
                self.padding.unwrap_or(if count > 1 { grid::PADDING } else { 0 }),
                0,
                MAX_PADDING,
            )?,
        };
        let [_, height, width] = model.image;
        check_pixels(count, model)?;
        match config.pixels(count, [height, width]).is_some_and(|pixels| pixels <= MAX_PIXELS) {
            true => Ok(config),
            false => Err(too_many(count, model, " at this scale")),
        }
    }
}

/// Refuses more images of a model than memory is to be spent on.
pub(super) fn check_pixels(count: usize, model: &Model) -> Result<(), ApiError> {
    let [_, height, width] = model.image;
    match count.checked_mul(height * width).is_some_and(|pixels| pixels <= MAX_PIXELS) {
        true => Ok(()),
        false => Err(too_many(count, model, "")),
    }
}

fn too_many(count: usize, model: &Model, how: &str) -> ApiError {
    let [_, height, width] = model.image;
    ApiError::TooLarge(format!(
        "{count} images of {width}x{height}{how} are more than {MAX_PIXELS} pixels: ask for fewer"
    ))
}

impl Picture {
    /// Bytes that `count` images, their picture and its file take at most, about.
    pub(super) fn memory(&self, count: usize, model: &Model) -> usize {
        let [channels, height, width] = model.image;
        let pixels = self.grid.pixels(count, [height, width]).unwrap_or(MAX_PIXELS);
        count * channels * height * width * size_of::<f32>() + 2 * pixels * channels
    }

    /// The file. It takes its time.
    pub(super) fn encode(&self, images: &Array4<f32>) -> Result<Vec<u8>, EncodeError> {
        output::encode(images.view(), &self.grid, self.animation, self.format.format())
    }

    /// The name of the bytes that come of it; `None` for a model that need not draw the same picture of the same latents
    /// again.
    pub(super) fn tag(&self, model: &Model, latents: &str) -> Option<String> {
        if !model.is_repeatable {
            return None;
        }
        let version = env!("CARGO_PKG_VERSION");
        let all = format!("{version} {} {} {} {latents} {self:?}", model.digest, model.engine, model.device);
        Some(format!("\"{}\"", &checksum::checksum(all.as_bytes())[..32]))
    }

    /// The answer that holds the file.
    pub(super) fn response(&self, bytes: Bytes, cache: Option<(&str, bool)>, app: &App) -> Response {
        let mut response = bytes.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.format.media_type()));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        match cache {
            Some((tag, is_fixed)) => headers.extend(caching(tag, is_fixed, app)),
            None => {
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            }
        }
        response
    }
}

/// 304, if the client has the picture already.
pub(super) fn unchanged(headers: &HeaderMap, cache: Option<(&str, bool)>, app: &App) -> Option<Response> {
    let (tag, is_fixed) = cache?;
    request::has(headers, tag).then(|| {
        let mut response = StatusCode::NOT_MODIFIED.into_response();
        response.headers_mut().extend(caching(tag, is_fixed, app));
        response
    })
}

/// An address that names the model's version has one answer for ever. The answer of any other may change with the
/// model's file, and is asked for again, with its tag.
fn caching(tag: &str, is_fixed: bool, app: &App) -> HeaderMap {
    let scope = if app.config.api_key.is_some() { "private" } else { "public" };
    let age = if is_fixed { "max-age=31536000, immutable" } else { "no-cache" };
    let value = |text: &str| HeaderValue::from_str(text).expect("letters and digits");
    HeaderMap::from_iter([
        (header::CACHE_CONTROL, value(&format!("{scope}, {age}"))),
        (header::ETAG, value(tag)),
    ])
}
