//! What can go wrong, and which answer tells it.

use std::io;
use std::path::PathBuf;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::generator::GeneratorError;

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A model cannot be used.
    #[error(transparent)]
    Model(#[from] GeneratorError),
    /// Two models have one name.
    #[error("two models are called {0}: name one of them with --model NAME=FILE")]
    Name(String),
    /// There is no model.
    #[error("there is no model to serve: name one with --model")]
    NoModel,
    /// The model's file is being written.
    #[error("{} changes while it is loaded: start again when it is written", .0.display())]
    Changing(PathBuf),
    /// The model's file has not the checksum that it was exported with.
    #[error("{} is damaged: it does not have the checksum that it was exported with; export it again", .0.display())]
    Damaged(PathBuf),
    /// The model did not finish its trial run.
    #[error(
        "{} cannot be served: it does not draw an image within {seconds} seconds; --trial-timeout gives it more time",
        path.display()
    )]
    Endless {
        /// The model's file.
        path: PathBuf,
        /// How long it had.
        seconds: u64,
    },
    /// The engine crashed in the model's trial run, or the process for it could not start.
    #[error("{} cannot be served: it was tried in another process, and {reason}", path.display())]
    Trial {
        /// The model's file.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// The address cannot be had.
    #[error("cannot listen on {host} port {port}: choose others with --host and --port")]
    Listen {
        /// The host that was asked for.
        host: String,
        /// The port that was asked for.
        port: u16,
        /// What the operating system said.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

/// A request that gets no images. Its answer is `{"error": message}`, as the Open Inference Protocol has it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ApiError {
    #[error("{0}")]
    Wrong(String),
    #[error(
        "this server does not answer for {0}: ask for it by its address or as localhost, or start it with --allow-host {0}"
    )]
    Host(String),
    #[error("{0}")]
    TooLarge(String),
    #[error("expected the header `Authorization: Bearer KEY` with this server's key")]
    Key,
    #[error("there is no model {name:?}, there are: {served}")]
    NoModel { name: String, served: String },
    #[error("model {name:?} has no version {version:?}, it has: 1")]
    NoVersion { name: String, version: String },
    #[error("the model is another one by now, its version is {0}")]
    OtherDigest(String),
    #[error("there is nothing at {0}: /openapi.json lists what there is")]
    NoRoute(String),
    #[error("this address does not take {0}")]
    Method(String),
    #[error("the request's body did not arrive in time")]
    SlowBody,
    #[error("the request's body has more than {0} bytes")]
    LargeBody(usize),
    #[error("{0}")]
    MediaType(String),
    #[error("the model failed: {0}")]
    Run(String),
    #[error("the model gives NaN or infinite values for image {0}")]
    NotFinite(usize),
    #[error("too many images are waiting to be drawn: try again")]
    Full,
    #[error("the requests and answers in memory are as large as the server allows: try again")]
    Buffers,
    /// Before the request's body was read, so that the connection ends.
    #[error("{}", Self::Buffers)]
    BodyBuffers,
    #[error("all connections are taken: try again")]
    Connections,
    #[error("the server stops")]
    Stopping,
    #[error("the images were not drawn in time")]
    TimedOut,
}

impl ApiError {
    pub(super) fn wrong(message: impl Into<String>) -> Self {
        Self::Wrong(message.into())
    }

    /// The same if the client chose the latents: the model's values are finite for those of seeds.
    pub(super) fn of_given_latents(self) -> Self {
        match self {
            Self::NotFinite(row) => Self::Wrong(format!(
                "latents: the model gives NaN or infinite values for row {row}: expected numbers as those of seeds, which \
                 are mostly below 5"
            )),
            other => other,
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::Key => StatusCode::UNAUTHORIZED,
            // RFC 9110, 15.5.4: the request is understood, and the server refuses it by a rule of its own.
            Self::Host(_) | Self::TooLarge(_) => StatusCode::FORBIDDEN,
            Self::NoModel { .. } | Self::NoVersion { .. } | Self::OtherDigest(_) | Self::NoRoute(_) => {
                StatusCode::NOT_FOUND
            }
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::LargeBody(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Run(_) | Self::NotFinite(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Full | Self::Buffers | Self::BodyBuffers | Self::Connections | Self::Stopping => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The header that its status asks for.
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Key => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            _ if self.status() == StatusCode::SERVICE_UNAVAILABLE => {
                Some((header::RETRY_AFTER, HeaderValue::from_static("1")))
            }
            _ => None,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = Json(serde_json::json!({ "error": self.to_string() }));
        let mut response = (self.status(), [(header::CACHE_CONTROL, "no-store")], body).into_response();
        response.headers_mut().extend(self.header());
        if self == Self::BodyBuffers {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
