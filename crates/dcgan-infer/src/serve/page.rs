//! The page for people, and the description for tools.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::IntoResponse;

use super::{SharedApp, request, route};

/// Nothing is fetched from elsewhere, and nothing that a name or a message holds is run.
const POLICY: &str = "default-src 'none'; img-src 'self' blob: data:; connect-src 'self'; style-src 'unsafe-inline'; \
                      script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /`.
pub(super) async fn page() -> impl IntoResponse {
    let headers: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, include_str!("page.html"))
}

/// `GET /favicon.ico`: the page has its own.
pub(super) async fn icon() -> impl IntoResponse {
    StatusCode::NO_CONTENT
}

/// `GET /openapi.json`: without the models for clients that lack the key.
pub(super) async fn openapi(State(app): State<SharedApp>, headers: HeaderMap) -> impl IntoResponse {
    let text = app.descriptions.text(&app, route::has_key(&app, &headers));
    ([(header::CONTENT_TYPE, request::JSON)], text)
}
