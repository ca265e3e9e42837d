//! The host names that requests may be for.
//!
//! A page of another site can have its own name resolve to this machine and then read the answers as its own (DNS
//! rebinding). The browser still sends that name as `Host`.

use std::net::{IpAddr, SocketAddr};

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, Version, header};

use super::ServeConfig;
use super::error::ApiError;

/// Checks the host of a request.
#[derive(Debug)]
pub(super) struct Hosts {
    /// Names besides `localhost` and addresses; any, if `None`.
    names: Option<Vec<String>>,
}

impl Hosts {
    /// Only known names on a loopback address, or where names are given; any name elsewhere.
    pub(super) fn new(config: &ServeConfig, address: SocketAddr) -> Self {
        let names = config.allowed_hosts.iter().chain([&config.host]).map(|name| normalized(name));
        let is_checked = address.ip().is_loopback() || !config.allowed_hosts.is_empty();
        Self { names: is_checked.then(|| names.collect()) }
    }

    /// # Errors
    /// [`ApiError::Wrong`] if the request has not exactly one valid `Host`, which HTTP/1.0 may lack, and
    /// [`ApiError::Host`] if it is for a name that this server does not have.
    pub(super) fn check(&self, version: Version, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let mut fields = headers.get_all(header::HOST).iter();
        let host = match (fields.next(), fields.next()) {
            (Some(host), None) => {
                let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
                let host = host.filter(|host| !host.as_str().contains('@'));
                Some(host.ok_or_else(|| ApiError::wrong("Host: expected NAME or NAME:PORT"))?)
            }
            (None, _) if version == Version::HTTP_10 => None,
            (None, _) => return Err(ApiError::wrong("expected the header Host, found none")),
            (Some(_), Some(_)) => return Err(ApiError::wrong("expected one header Host, found several")),
        };
        for host in host.iter().chain(uri.authority()) {
            if !self.allows(host.host()) {
                return Err(ApiError::Host(host.host().to_owned()));
            }
        }
        Ok(())
    }

    fn allows(&self, host: &str) -> bool {
        let Some(names) = &self.names else { return true };
        let host = normalized(host);
        let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        is_address || host == "localhost" || host.ends_with(".localhost") || names.contains(&host)
    }
}

/// Names are the same in lower case, and with a last dot.
fn normalized(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(address: &str, host: &str, allowed: &[&str]) -> Hosts {
        let allowed_hosts = allowed.iter().map(|&name| name.to_owned()).collect();
        let config = ServeConfig { host: host.to_owned(), allowed_hosts, ..ServeConfig::default() };
        Hosts::new(&config, address.parse().unwrap())
    }

    #[test]
    fn only_known_names_reach_a_loopback_address() {
        let local = hosts("127.0.0.1:8080", "127.0.0.1", &["Faces.Example"]);
        for name in
            ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "[::1]", "10.0.0.1", "faces.example"]
        {
            assert!(local.allows(name), "{name}");
        }
        for name in ["evil.example", "localhost.evil.example", "xfaces.example", "127.0.0.1.evil.example", ""]
        {
            assert!(!local.allows(name), "{name}");
        }
        assert!(hosts("[::1]:8080", "ip6-loopback", &[]).allows("ip6-loopback"));
        assert!(!hosts("[::1]:8080", "::1", &[]).allows("evil.example"));
    }

    #[test]
    fn other_addresses_take_any_name_unless_names_are_given() {
        assert!(hosts("0.0.0.0:8080", "0.0.0.0", &[]).allows("faces.example"));
        let named = hosts("0.0.0.0:8080", "0.0.0.0", &["faces.example"]);
        assert!(named.allows("faces.example") && named.allows("10.0.0.1") && !named.allows("evil.example"));
    }
}
