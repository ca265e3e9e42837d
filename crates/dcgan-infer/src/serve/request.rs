//! Reading requests, with errors that are answers.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, Query, Request};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use serde::de::DeserializeOwned;

use super::App;
use super::buffers::Reserved;
use super::error::ApiError;
use super::json::Object;

/// The parameters of an address.
pub(super) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, ApiError> {
    Query::try_from_uri(uri).map(|Query(query)| query).map_err(|error| ApiError::wrong(error.body_text()))
}

/// A number, or whatever else can be read, of a parameter.
pub(super) fn parse<T: FromStr>(name: &str, text: &str) -> Result<T, ApiError>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| ApiError::Wrong(format!("{name}: {error}")))
}

/// Media types of a body.
pub(super) const JSON: &str = "application/json";
pub(super) const BINARY: &str = "application/octet-stream";

/// Checks that a body is of one of these types.
///
/// Other sites may have a browser send other types without asking this server first, and bodies without a type; those
/// come with an `Origin`. Programs may leave the type out, as Triton's client does.
fn check_type(headers: &HeaderMap, types: &[&str]) -> Result<(), ApiError> {
    let mut fields = headers.get_all(header::CONTENT_TYPE).iter();
    let is_right = match (fields.next(), fields.next()) {
        (None, _) => !headers.contains_key(header::ORIGIN),
        (Some(kind), None) => kind.to_str().is_ok_and(|kind| is_of(kind, types)),
        (Some(_), Some(_)) => false,
    };
    match is_right {
        true => Ok(()),
        false => Err(ApiError::MediaType(format!("expected Content-Type: {}", types.join(" or ")))),
    }
}

/// Whether a media type is one of `types`, with no charset but UTF-8.
fn is_of(kind: &str, types: &[&str]) -> bool {
    let mut parts = kind.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let charsets = parts
        .filter_map(|part| part.split_once('='))
        .filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
    types.iter().any(|of| name.eq_ignore_ascii_case(of))
        && charsets.into_iter().all(|(_, charset)| charset.trim_matches('"').eq_ignore_ascii_case("utf-8"))
}

/// The body, of one of these media types, of so many bytes at most and in time, and its memory.
pub(super) async fn body(request: Request, app: &App, types: &[&str]) -> Result<(Bytes, Reserved), ApiError> {
    check_type(request.headers(), types)?;
    if let Some(encoding) = request.headers().get(header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        return Err(ApiError::MediaType(
            "a body with Content-Encoding is not read: send it as it is".to_owned(),
        ));
    }
    let most = app.config.max_body;
    // What is told to be too large need not come.
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > most as u64) {
        return Err(ApiError::LargeBody(most));
    }
    let bytes = length.map_or(most, |length| length as usize);
    let reserved = app.buffers.reserve(bytes).map_err(|_| ApiError::BodyBuffers)?;
    let _waits = app.activity.wait();
    match tokio::time::timeout(app.config.timeout, Bytes::from_request(request, &())).await {
        Err(_) => Err(ApiError::SlowBody),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(ApiError::LargeBody(most)),
        Ok(Err(error)) => Err(ApiError::wrong(error.body_text())),
        Ok(Ok(body)) => Ok((body, reserved)),
    }
}

/// JSON, an object.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes)
        .map(|Object(value)| value)
        .map_err(|error| ApiError::Wrong(format!("the body is not as expected: {error}")))
}

/// Whether the client has what `tag` names already.
pub(super) fn has(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_body_has_a_type_that_other_sites_cannot_send_unasked() {
        let check = |fields: &[(header::HeaderName, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(name, HeaderValue::from_static(value));
            }
            check_type(&headers, &[JSON, BINARY]).is_ok()
        };
        let kind = header::CONTENT_TYPE;
        for right in ["application/json", "Application/JSON; charset=\"UTF-8\"", "application/octet-stream"] {
            assert!(check(&[(kind.clone(), right)]), "{right}");
        }
        for wrong in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "",
            "application/json; charset=utf-16",
            "application/jsonx",
        ] {
            assert!(!check(&[(kind.clone(), wrong)]), "{wrong}");
        }
        assert!(!check(&[(kind.clone(), "application/json"), (kind, "text/plain")]));
        assert!(check(&[]), "a program");
        assert!(!check(&[(header::ORIGIN, "http://evil.example")]), "a browser");
    }

    #[test]
    fn any_tag_of_the_lists_counts() {
        let headers = |lists: &[&'static str]| {
            let lists = lists.iter().map(|list| (header::IF_NONE_MATCH, HeaderValue::from_static(list)));
            lists.fold(HeaderMap::new(), |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            })
        };
        for (lists, expected) in [
            (&["\"a\""][..], true),
            (&["W/\"a\""], true),
            (&["\"b\", \"a\""], true),
            (&["\"b\"", "\"a\""], true),
            (&["*"], true),
            (&["\"b\""], false),
            (&["a"], false),
            (&[], false),
        ] {
            assert_eq!(has(&headers(lists), "\"a\""), expected, "{lists:?}");
        }
    }
}
