//! Errors of the HTTP layer.
//!
//! hyper answers what it cannot read as a request by itself, with a status and no body. Its only way out is the
//! connection, where such an answer is given the body that every other error has.

use axum::http::StatusCode;
use serde_json::json;

/// Where hyper says that an answer has no body.
const EMPTY: &str = "content-length: 0\r\n";

/// The answer with a body, if these bytes are an error that hyper wrote. The server's own errors have a body.
pub(super) fn with_body(bytes: &[u8]) -> Option<Vec<u8>> {
    if !bytes.starts_with(b"HTTP/1.1 4") || !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let head = std::str::from_utf8(bytes).ok()?;
    let (before, after) = head.split_once(EMPTY)?;
    let message = match StatusCode::from_bytes(head.get(9..12)?.as_bytes()).ok()? {
        StatusCode::BAD_REQUEST => "the request is not valid HTTP/1.1",
        StatusCode::URI_TOO_LONG => "the request's address is too long",
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => "the request's header has too many fields or bytes",
        _ => return None,
    };
    let body = json!({ "error": message }).to_string();
    let fields = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    Some([before, &fields, after, &body].concat().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_a_body_gets_one_and_nothing_else_is_changed() {
        let bare = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let expected = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: 61\r\ndate: x\r\n\r\n\
             {\"error\":\"the request's header has too many fields or bytes\"}";
        assert_eq!(String::from_utf8(with_body(bare).unwrap()).unwrap(), expected);
        for other in [
            &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 1\r\n\r\nx"[..],
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 10\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            b"content-length: 0\r\n\r\n",
        ] {
            assert_eq!(with_body(other), None, "{}", String::from_utf8_lossy(other));
        }
    }
}
