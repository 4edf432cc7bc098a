//! Where traces are sent: whether that is an address, and what of it may be shown.

/// Whether it is an address that something can be sent to: `http://` or `https://`, a host, and no signs that none has. The
/// library refuses fewer, and with texts that hold the whole address.
pub(super) fn is_usable(endpoint: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte);
    let Some((scheme, rest)) = endpoint.split_once("://") else { return false };
    let host = host(rest.split(['/', '?', '#']).next().unwrap_or_default());
    let (name, port) = match host.rfind(']') {
        Some(end) => host.split_at(end + 1),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let is_spoken = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    is_spoken && !name.is_empty() && is_port && endpoint.bytes().all(is_sign)
}

/// A [usable](is_usable) address without what may be secret in it: who asks, and what stands behind the path.
pub(super) fn shown(endpoint: &str) -> String {
    let endpoint = endpoint.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = endpoint.split_once("://") else { return String::new() };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    format!("{scheme}://{}{path}", host(authority))
}

fn host(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        assert_eq!(shown("http://me:key@host:4318/v1?key=abc"), "http://host:4318/v1");
        assert_eq!(shown("https://host"), "https://host");
        assert_eq!(shown("me:key@host"), "");
    }

    #[test]
    fn what_nothing_can_be_sent_to_is_no_address() {
        for good in [
            "http://host",
            "HTTPS://me:s3cr3t@host:4318/v1?key=abc",
            "http://127.0.0.1:4318/",
            "http://[::1]:4318",
            "http://[::1]",
        ] {
            assert!(is_usable(good), "{good}");
        }
        for bad in [
            "",
            "host:4318",
            "me:s3cr3t@host",
            "ftp://host",
            "http://",
            "http:///v1",
            "http://me:s3cr3t@:4318",
            "http://me:s3c/r3t@host",
            "http://host:port",
            "http://host:99999",
            "http://me:s3cr3t@host:4318/a b",
            "http://höst",
            "http://host/{id}",
        ] {
            assert!(!is_usable(bad), "{bad}");
        }
    }
}
