//! Reading requests, with errors that are answers.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, Query, Request};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use serde::de::DeserializeOwned;

use super::ServeConfig;
use super::error::ApiError;

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

/// The body, of so many bytes at most and in time.
pub(super) async fn body(request: Request, config: &ServeConfig) -> Result<Bytes, ApiError> {
    if let Some(encoding) = request.headers().get(header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        return Err(ApiError::MediaType(
            "a body with Content-Encoding is not read: send it as it is".to_owned(),
        ));
    }
    // What is told to be too large need not come.
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if length
        .and_then(|length| length.parse().ok())
        .is_some_and(|length: u64| length > config.max_body as u64)
    {
        return Err(ApiError::LargeBody(config.max_body));
    }
    match tokio::time::timeout(config.timeout, Bytes::from_request(request, &())).await {
        Err(_) => Err(ApiError::SlowBody),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(ApiError::LargeBody(config.max_body))
        }
        Ok(Err(error)) => Err(ApiError::wrong(error.body_text())),
        Ok(Ok(body)) => Ok(body),
    }
}

/// JSON, whatever its Content-Type.
pub(super) fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes)
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
