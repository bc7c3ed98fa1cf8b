//! Where events are delivered: one reading of an address, for whoever checks it and whoever connects to it.
//!
//! Addresses that two programs might read differently are refused: whatever was checked is what is asked.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use url::Url;

/// Bytes, at most.
const LONGEST: usize = 2_048;

/// An address that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callback {
    /// In its normal form; this is what is asked.
    pub url: String,
    pub is_https: bool,
    pub host: Host,
    pub port: u16,
}

/// Whom it names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// In small letters.
    Name(String),
    /// However it was written.
    Ip(IpAddr),
}

/// Why an address is none for a callback. What it says holds nothing of the address but its host: it may have a secret in its query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallbackError {
    #[error("the callback is longer than {LONGEST} bytes")]
    TooLong,
    #[error("the callback has characters that a URL has not")]
    Characters,
    #[error("the callback is not an address that begins with https:// or http://")]
    Scheme,
    #[error("the callback has a user's name or a password in it")]
    UserInfo,
    #[error("the callback has a fragment")]
    Fragment,
    #[error("the callback names no host: write a name of letters, digits and hyphens, or an address")]
    Host,
    /// With what it means.
    #[error("the callback's host is an address in an odd spelling, which is refused: write it as {0}")]
    OddAddress(Ipv4Addr),
    #[error("the callback's port is none")]
    Port,
    #[error("the callback is no URL: {0}")]
    Url(String),
}

impl Callback {
    /// Reads an absolute `https` or `http` URL without user, password and fragment.
    pub fn parse(text: &str) -> Result<Callback, CallbackError> {
        if text.len() > LONGEST {
            return Err(CallbackError::TooLong);
        }
        // The parser leaves out some of these, and takes the others for something else.
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte)) {
            return Err(CallbackError::Characters);
        }
        let authority = authority(text).ok_or(CallbackError::Scheme)?;
        check_authority(authority)?;
        if text.contains('#') {
            return Err(CallbackError::Fragment);
        }
        let url = Url::parse(text).map_err(|error| CallbackError::Url(error.to_string()))?;
        let host = match url.host() {
            Some(url::Host::Domain(name)) => name_of(name)?,
            // `127.1`, `0x7f.1` and `2130706433` are the same to this parser, and names to others.
            Some(url::Host::Ipv4(address)) if is_plain(authority, address) => Host::Ip(address.into()),
            Some(url::Host::Ipv4(address)) => return Err(CallbackError::OddAddress(address)),
            Some(url::Host::Ipv6(address)) => Host::Ip(address.into()),
            None => return Err(CallbackError::Host),
        };
        let port = url.port_or_known_default().filter(|port| *port > 0).ok_or(CallbackError::Port)?;
        let callback = Callback { is_https: url.scheme() == "https", host, port, url: url.into() };
        // It is kept as it is written here, with more characters escaped, and read again after a restart.
        if callback.url.len() > LONGEST {
            return Err(CallbackError::TooLong);
        }
        Ok(callback)
    }

    /// `HOST:PORT`, as a peer is configured.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Host::Name(name) => f.write_str(name),
            Host::Ip(IpAddr::V4(address)) => address.fmt(f),
            Host::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// What stands between the scheme and the path; `None` where no scheme of ours is.
fn authority(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let is_known = ["https", "http"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    is_known.then(|| &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())])
}

/// Refuses what the parser would let pass: an empty user, escapes in a name, a port that is left empty.
fn check_authority(authority: &str) -> Result<(), CallbackError> {
    match authority {
        "" => Err(CallbackError::Host),
        _ if authority.contains('@') => Err(CallbackError::UserInfo),
        _ if authority.contains('%') => Err(CallbackError::Host),
        _ if authority.ends_with(':') => Err(CallbackError::Port),
        _ => Ok(()),
    }
}

/// Whether an address is written with its four numbers.
fn is_plain(authority: &str, address: Ipv4Addr) -> bool {
    authority.split(':').next() == Some(address.to_string().as_str())
}

/// A name as DNS has them: labels of letters, digits and hyphens.
fn name_of(name: &str) -> Result<Host, CallbackError> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    match name.len() <= 253 && name.split('.').all(is_label) {
        true => Ok(Host::Name(name.to_ascii_lowercase())),
        false => Err(CallbackError::Host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_read_in_one_way() {
        let check = |text: &str, authority: &str, url: &str| {
            let callback = Callback::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((callback.authority().as_str(), callback.url.as_str()), (authority, url), "{text}");
            assert_eq!(callback.is_https, url.starts_with("https:"), "{text}");
        };
        check("https://a.example/x?y=1", "a.example:443", "https://a.example/x?y=1");
        check("HTTPS://A.Example", "a.example:443", "https://a.example/");
        check("http://a.example:8080/", "a.example:8080", "http://a.example:8080/");
        check("http://a_b.example", "a_b.example:80", "http://a_b.example/");
        check("https://a.example:443/b/../c", "a.example:443", "https://a.example/c");
        check("https://a.example/@b", "a.example:443", "https://a.example/@b");
        check("https://[2001:DB8::1]:8443/", "[2001:db8::1]:8443", "https://[2001:db8::1]:8443/");
        check("http://127.0.0.1/", "127.0.0.1:80", "http://127.0.0.1/");
        check("http://[::ffff:127.0.0.1]/", "[::ffff:127.0.0.1]:80", "http://[::ffff:7f00:1]/");
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        use CallbackError::*;
        let check = |text: &str, expected: CallbackError| {
            assert_eq!(Callback::parse(text), Err(expected), "{text:?}");
        };
        for other in [
            "",
            "x",
            "ftp://a/",
            "file:///etc/passwd",
            "https:a",
            "https:/a",
            "//a/",
            "gopher://a/",
            "javascript:1",
        ] {
            check(other, Scheme);
        }
        for user in [
            "https://u@a/",
            "https://u:p@a/",
            "https://@a/",
            "https://:@a/",
            "https://good.example@bad.example/",
        ] {
            check(user, UserInfo);
        }
        for odd in [
            "https://a\\b/",
            "https://a/ b",
            " https://a/",
            "https://a/\n",
            "https://a\t.example/",
            "https://a/\0",
            "https://ä.example/",
            "https://a/\u{202e}",
            "https://a\\@b/",
        ] {
            check(odd, Characters);
        }
        for host in [
            "https:///a",
            "https://",
            "https://?a",
            "https://%61/",
            "https://a..b/",
            "https://a./",
            "https://.a/",
            "https://a,b/",
        ] {
            check(host, Host);
        }
        for address in [
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1:8080/",
            "http://0177.0.0.1/",
            "http://0x7f000001/",
            "http://127.0.0.1./",
            "http://127.0.0.01/",
        ] {
            check(address, OddAddress(Ipv4Addr::LOCALHOST));
        }
        check("https://a/#b", Fragment);
        check("https://a#@b/", Fragment);
        check("https://a:/", Port);
        check("https://a:0/", Port);
        for url in [
            "https://a:65536/",
            "https://a:b/",
            "https://[::1/",
            "https://[fe80::1%25eth0]/",
            "https://1.2.3.4.5/",
            "https://256.1.1.1/",
            "https://::1/",
        ] {
            let error = Callback::parse(url).expect_err(url);
            assert!(matches!(error, Url(_) | Host | Port), "{url}: {error}");
        }
        check(&format!("https://a/{}", "x".repeat(LONGEST)), TooLong);
        // Each of them is written with three characters.
        check(&format!("https://a/?{}", "'".repeat(LONGEST / 2)), TooLong);
        check(&format!("https://{}.example/", "x".repeat(64)), Host);
    }

    proptest! {
        #[test]
        fn what_is_read_reads_the_same_again(text in "(https?://)?[a-zA-Z0-9.:@/?#%\\[\\]\\\\-]{0,40}") {
            if let Ok(callback) = Callback::parse(&text) {
                prop_assert_eq!(Callback::parse(&callback.url), Ok(callback.clone()));
                prop_assert!(callback.port > 0);
            }
        }
    }
}
