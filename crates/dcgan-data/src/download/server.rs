//! One request to a server, and what it answers.

use std::io::{self, Read};
use std::time::Duration;

use ureq::http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE, LAST_MODIFIED, RANGE};
use ureq::http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use ureq::{Agent, Body, BodyReader, Proxy, Timeout};

use super::{Failure, error};

/// Where files come from.
pub(super) struct Server {
    agent: Agent,
    stall_timeout: Duration,
}

/// A file, or the rest of one, on its way.
pub(super) struct Answer {
    /// The first byte's place in the file.
    pub(super) from: u64,
    /// What the server calls this version of the file, if it says so.
    pub(super) tag: Option<HeaderValue>,
    body: BodyReader<'static>,
    stall_timeout: Duration,
}

impl Server {
    pub(super) fn new(url: &str, stall_timeout: Duration) -> Self {
        let proxy = if is_loopback(url) { None } else { Proxy::try_from_env() };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_resolve(Some(stall_timeout))
            .timeout_connect(Some(stall_timeout))
            .timeout_per_read(Some(stall_timeout))
            .proxy(proxy)
            .user_agent(concat!("dcgan-data/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.new_agent(), stall_timeout }
    }

    /// Asks for a file of `len` bytes, without the first `from` of them if they are of the version `tag`.
    pub(super) fn get(
        &self,
        url: &str,
        from: u64,
        tag: Option<HeaderValue>,
        len: u64,
    ) -> Result<Answer, Failure> {
        let mut request = self.agent.get(url);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
            if let Some(tag) = &tag {
                request = request.header(IF_RANGE, tag);
            }
        }
        let response = request.call().map_err(|error| failure(error, self.stall_timeout, from, len))?;
        let from = match response.status() {
            StatusCode::OK => whole(response.headers(), len)?,
            StatusCode::PARTIAL_CONTENT => rest(response.headers(), from, tag.as_ref(), len)?,
            // There is less than what has come already.
            StatusCode::RANGE_NOT_SATISFIABLE => return Err(Failure::Changed),
            status => return Err(Failure::Status(status)),
        };
        Ok(Answer::new(response, from, self.stall_timeout))
    }
}

/// The place of the first byte, 0, if an answer is the whole file.
fn whole(headers: &HeaderMap, len: u64) -> Result<u64, Failure> {
    match number(headers.get(CONTENT_LENGTH)) {
        Some(found) if found != len => {
            Err(Failure::Length { expected: len, found: format!("one of {found} bytes") })
        }
        _ => Ok(0),
    }
}

/// The place of the first byte, `from`, if an answer is the rest of the file and of the same version.
fn rest(headers: &HeaderMap, from: u64, tag: Option<&HeaderValue>, len: u64) -> Result<u64, Failure> {
    let range = headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok()).unwrap_or_default();
    let expected = format!("bytes {from}-{}/{len}", len.saturating_sub(1));
    let same_version = match (tag, version(headers)) {
        (Some(before), Some(now)) => *before == now,
        _ => true,
    };
    if range == expected && same_version { Ok(from) } else { Err(Failure::Changed) }
}

/// What tells versions of a file apart: its entity tag, unless that is a weak one, or else its date.
fn version(headers: &HeaderMap) -> Option<HeaderValue> {
    let strong = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    strong.or_else(|| headers.get(LAST_MODIFIED)).cloned()
}

fn number(value: Option<&HeaderValue>) -> Option<u64> {
    value?.to_str().ok()?.parse().ok()
}

impl Answer {
    fn new(response: Response<Body>, from: u64, stall_timeout: Duration) -> Self {
        let tag = version(response.headers());
        Self { from, tag, body: response.into_body().into_reader(), stall_timeout }
    }

    /// The next bytes of the file, of which `received` of `len` have come so far; 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8], received: u64, len: u64) -> Result<usize, Failure> {
        let error = |error: io::Error| failure(error.into(), self.stall_timeout, received, len);
        self.body.read(buffer).map_err(error)
    }
}

fn failure(error: ureq::Error, stall_timeout: Duration, received: u64, expected: u64) -> Failure {
    match error {
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            Failure::Unreachable(format!("no connection within {} s", stall_timeout.as_secs_f64()))
        }
        ureq::Error::Timeout(_) => Failure::Stalled(stall_timeout),
        ureq::Error::Io(error) if error::is_broken(&error) => Failure::Cut { received, expected },
        // Without the prefix that it would have as one of ureq's errors.
        ureq::Error::Io(error) => Failure::Unreachable(error.to_string()),
        error => Failure::Unreachable(error.to_string()),
    }
}

/// Whether a URL is of this machine, which no proxy can reach.
fn is_loopback(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (name.parse().unwrap(), HeaderValue::from_static(value))
        };
        fields.iter().map(field).collect()
    }

    #[test]
    fn a_strong_tag_is_better_than_a_date_and_a_date_than_a_weak_tag() {
        let date = ("last-modified", "Tue, 09 Jun 2009 10:00:00 GMT");
        assert_eq!(version(&headers(&[("etag", "\"a\""), date])).unwrap(), "\"a\"");
        assert_eq!(version(&headers(&[("etag", "W/\"a\""), date])).unwrap(), date.1);
        assert_eq!(version(&headers(&[("etag", "W/\"a\"")])), None);
    }

    #[test]
    fn only_the_rest_of_the_same_file_is_taken() {
        let tag = HeaderValue::from_static("\"a\"");
        let rest = |fields: &[_]| rest(&headers(fields), 10, Some(&tag), 100).is_ok();
        assert!(rest(&[("content-range", "bytes 10-99/100")]));
        assert!(rest(&[("content-range", "bytes 10-99/100"), ("etag", "\"a\"")]));
        assert!(!rest(&[("content-range", "bytes 10-99/100"), ("etag", "\"b\"")]));
        for other in ["bytes 0-99/100", "bytes 10-98/99", "bytes 10-99/101", "bytes */100", "items 10-99/100"]
        {
            assert!(!rest(&[("content-range", other)]), "{other}");
        }
        assert!(!rest(&[]));
    }

    #[test]
    fn this_machine_is_reached_without_a_proxy() {
        for url in ["http://127.0.0.1:80/a", "https://localhost/a/b", "http://[::1]:8080/"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["http://example.org/127.0.0.1", "https://10.0.0.1/", "http://localhost.example.org/"] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
