//! Which address is answered by what, and what holds for all of them.

use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state, map_request};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use subtle::ConstantTimeEq;

use super::error::ApiError;
use super::places::Place;
use super::{App, SharedApp, health, images, latents, page, protocol};

/// What needs no key: what tells whether the server is up, and the page, which asks for the key.
const OPEN: [&str; 5] = ["/", "/openapi.json", "/v2/health/live", "/v2/health/ready", "/favicon.ico"];

/// Answers that may come before the request's body: it is not waited for, and the connection ends.
const EARLY: [StatusCode; 7] = [
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
];

/// What is answered on each kind of place.
#[derive(Debug)]
pub(super) struct Routes {
    all: Router,
    reserved: Router,
}

impl Routes {
    pub(super) fn new(app: &SharedApp) -> Self {
        let models = Router::new()
            .route("/", get(protocol::metadata))
            .route("/ready", get(protocol::ready))
            .route("/infer", post(protocol::infer));
        let all = Router::new()
            .route("/", get(page::page))
            .route("/favicon.ico", get(page::icon))
            .route("/openapi.json", get(page::openapi))
            .route("/v1/models", get(health::models))
            .route("/v1/images", get(images::of_seeds).post(images::of_latents))
            .route("/v1/interpolate", get(images::between))
            .route("/v1/latents", get(latents::of_seeds))
            .route("/v2", get(health::server))
            .nest("/v2/models/{model}", models.clone())
            .nest("/v2/models/{model}/versions/{version}", models)
            .fallback(no_route);
        Self { all: finished(all, app), reserved: finished(Router::new().fallback(no_place), app) }
    }

    pub(super) fn of(&self, place: &Place) -> Router {
        if place.is_reserved { self.reserved.clone() } else { self.all.clone() }
    }
}

/// Adds what is answered everywhere, and what holds for all addresses.
fn finished(router: Router<SharedApp>, app: &SharedApp) -> Router {
    let router = router
        .route("/metrics", get(health::metrics))
        .route("/v2/health/live", get(health::live))
        .route("/v2/health/ready", get(health::ready))
        .method_not_allowed_fallback(no_method)
        .layer(from_fn_with_state(app.clone(), check_key))
        .layer(from_fn_with_state(app.clone(), check_host))
        .layer(from_fn_with_state(app.clone(), observe))
        .layer(DefaultBodyLimit::max(app.config.max_body))
        .with_state(app.clone());
    // Layers of a router see a request after it is routed.
    Router::new().fallback_service(router).layer(map_request(trim))
}

/// Makes an address with a last slash the one without.
async fn trim(mut request: Request) -> Request {
    let uri = request.uri();
    let path = uri.path().trim_end_matches('/');
    if !path.is_empty() && path.len() < uri.path().len() {
        let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
        let mut parts = uri.clone().into_parts();
        // The parts of a valid address are valid.
        parts.path_and_query = PathAndQuery::try_from(format!("{path}{query}")).ok();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    request
}

async fn no_place() -> ApiError {
    ApiError::Connections
}

async fn no_route(uri: Uri) -> ApiError {
    ApiError::NoRoute(uri.path().to_owned())
}

async fn no_method(method: Method) -> ApiError {
    ApiError::Method(method.to_string())
}

/// Answers 400 or 403 to a request that is not for a host of this server.
async fn check_host(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    match app.hosts.check(request.version(), request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Answers 401 where a key is wanted and not given.
async fn check_key(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    match has_key(&app, request.headers()) || OPEN.contains(&request.uri().path()) {
        true => next.run(request).await,
        false => ApiError::Key.into_response(),
    }
}

/// Whether a request has the server's key, or needs none.
pub(super) fn has_key(app: &App, headers: &HeaderMap) -> bool {
    let Some(key) = &app.config.api_key else { return true };
    let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let given = given.and_then(|value| value.split_at_checked(7));
    given.is_some_and(|(scheme, given)| {
        // The time that it takes tells how long the key is, and nothing else.
        scheme.eq_ignore_ascii_case(b"bearer ") && bool::from(given.ct_eq(key.as_bytes()))
    })
}

/// Counts and logs an answer.
async fn observe(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let has_body = !request.body().is_end_stream();
    let at_work = app.activity.work();
    let mut response = next.run(request).await;
    drop(at_work);
    if app.stops.load(Ordering::Relaxed) || has_body && EARLY.contains(&response.status()) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let (status, time) = (response.status(), start.elapsed());
    // Methods that clients make up add no series.
    let known = [Method::GET, Method::HEAD, Method::POST].contains(&method);
    app.metrics.answered(if known { method.as_str() } else { "other" }, &route, status.as_u16(), time);
    let milliseconds = time.as_secs_f64() * 1e3;
    match status {
        StatusCode::INTERNAL_SERVER_ERROR => {
            tracing::error!(%method, path, status = status.as_u16(), milliseconds, "answered");
        }
        _ => tracing::debug!(%method, path, status = status.as_u16(), milliseconds, "answered"),
    }
    response
}
