//! Which page a request comes from, as far as a browser tells.
//!
//! Without tokens everything on loopback is open, also to the operator's own browser. A page of somebody else that is
//! shown there must not be able to act: a browser asks no leave to send a form, but it says where the page is from, and
//! it does ask before it sends JSON to another site. A name that a stranger's server resolves to loopback (DNS
//! rebinding) shows in `Host`.

use super::refusal::Refusal;
use actix_web::http::header::HeaderMap;
use std::net::IpAddr;

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?"))
}

/// An act is JSON, which no form can send.
pub fn check_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = text(headers, "Content-Type").and_then(|kind| kind.split(';').next()).unwrap_or_default();
    match kind.trim().eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Refusal::NotJson),
    }
}

/// The same of what peers post: also JSON of a kind of its own, in no other letters than UTF-8.
pub fn check_json_of_peers(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = text(headers, "Content-Type").unwrap_or_default().to_ascii_lowercase();
    let (kind, parameters) = kind.split_once(';').unwrap_or((&kind, ""));
    let is_json = kind.trim().strip_prefix("application/").is_some_and(|kind| {
        kind == "json" || kind.strip_suffix("+json").is_some_and(|kind| !kind.is_empty())
    });
    let is_of_utf8 = parameters.split(';').filter_map(|part| part.split_once('=')).all(|(name, value)| {
        name.trim() != "charset" || matches!(value.trim().trim_matches('"'), "utf-8" | "utf8")
    });
    if is_json && is_of_utf8 { Ok(()) } else { Err(Refusal::NotJson) }
}

/// A page that asks, if it is one, is of this site.
pub fn check_origin(headers: &HeaderMap) -> Result<(), Refusal> {
    let site = text(headers, "Sec-Fetch-Site");
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return Err(Refusal::OtherSite);
    }
    let Some(origin) = text(headers, "Origin") else { return Ok(()) };
    let of = origin.split_once("://").map(|(_, of)| of);
    match of.zip(text(headers, "Host")) {
        Some((of, host)) if of.eq_ignore_ascii_case(host) => Ok(()),
        _ => Err(Refusal::OtherSite),
    }
}

/// It was asked on this machine: by a name of it that nobody else can give to it, and with no sign that it was handed on. `Host` is the
/// choice of who asks, and a proxy on this host asks for all the world, so that this holds where nobody needs a token, and proves nothing.
pub fn check_host(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.keys().any(|name| is_of_a_proxy(name.as_str())) {
        return Err(Refusal::HandedOn);
    }
    match text(headers, "Host").is_some_and(is_loopback) {
        true => Ok(()),
        false => Err(Refusal::ForeignHost),
    }
}

/// The same where there is little to know: old scripts say no host at all, and who looks after this host by way of a proxy may.
pub fn check_name(headers: &HeaderMap) -> Result<(), Refusal> {
    match text(headers, "Host").is_none_or(is_loopback) {
        true => Ok(()),
        false => Err(Refusal::ForeignHost),
    }
}

/// What proxies add to what they hand on (RFC 9110, 7.6.3; RFC 7239, and what was there before). Names are in lower case.
fn is_of_a_proxy(header: &str) -> bool {
    matches!(header, "via" | "forwarded" | "x-real-ip") || header.starts_with("x-forwarded-")
}

fn is_loopback(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address, rest),
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    // Nothing else may stand behind the name: what a client or a proxy makes of it is another host.
    let is_port = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if !port.is_empty() && !port.strip_prefix(':').is_some_and(is_port) {
        return false;
    }
    let address = name.parse::<IpAddr>().map(|address| address.to_canonical());
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    /// As for an act without a token.
    fn judge(headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            map.append(name, HeaderValue::from_str(value).expect("a value"));
        }
        check_json(&map).and_then(|()| check_origin(&map)).and_then(|()| check_host(&map))
    }

    #[test]
    fn a_peer_posts_json_of_whatever_kind() {
        let check = |kind: &'static str, expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static("content-type"), HeaderValue::from_static(kind));
            assert_eq!(check_json_of_peers(&headers).is_ok(), expected, "{kind}");
        };
        for kind in [
            "application/json",
            "Application/JSON;charset=utf-8",
            "application/json; charset=\"UTF-8\"",
            "application/json ; profile=x; Charset = utf8",
            "application/merge-patch+json",
            "application/cloudevents+json; charset=UTF-8",
        ] {
            check(kind, true);
        }
        for kind in [
            "",
            "text/json",
            "text/plain",
            "application/xml",
            "application/jsonx",
            "application/+json",
            "json",
            "application/json;charset=iso-8859-1",
            "application/x-www-form-urlencoded",
        ] {
            check(kind, false);
        }
        assert_eq!(check_json_of_peers(&HeaderMap::new()), Err(Refusal::NotJson));
    }

    #[test]
    fn a_page_of_another_site_may_not_act() {
        let json = ("Content-Type", "application/json");
        let host = ("Host", "127.0.0.1:8080");
        let check = |headers: &[(&str, &str)], expected| {
            assert_eq!(judge(headers), expected, "{headers:?}");
        };
        check(&[json, host], Ok(()));
        check(&[("content-type", "Application/JSON; charset=utf-8"), host], Ok(()));
        check(&[host], Err(Refusal::NotJson));
        check(&[("Content-Type", "text/plain"), host], Err(Refusal::NotJson));
        check(&[("Content-Type", "application/x-www-form-urlencoded"), host], Err(Refusal::NotJson));
        check(&[json, host, ("Origin", "http://127.0.0.1:8080")], Ok(()));
        check(&[json, ("Host", "LocalHost:8080"), ("Origin", "http://localhost:8080")], Ok(()));
        check(&[json, ("Host", "[::1]:8080"), ("Sec-Fetch-Site", "same-origin")], Ok(()));
        check(&[json, host, ("Origin", "http://127.0.0.1:3000")], Err(Refusal::OtherSite));
        check(&[json, host, ("Origin", "https://evil.example")], Err(Refusal::OtherSite));
        check(&[json, host, ("Origin", "null")], Err(Refusal::OtherSite));
        check(&[json, ("Origin", "http://127.0.0.1:8080")], Err(Refusal::OtherSite));
        check(&[json, host, ("Sec-Fetch-Site", "cross-site")], Err(Refusal::OtherSite));
        check(&[json, host, ("Sec-Fetch-Site", "same-site")], Err(Refusal::OtherSite));
        // Rebound to loopback, its page is of the same origin as far as the browser knows.
        let evil = [json, ("Host", "evil.example:8080"), ("Origin", "http://evil.example:8080")];
        check(&evil, Err(Refusal::ForeignHost));
        for host in
            ["127.0.0.1.evil.example", "[::1].evil.example", "localhost:1@evil.example", "localhost:1:2"]
        {
            check(&[json, ("Host", host)], Err(Refusal::ForeignHost));
        }
        for host in ["localhost", "localhost:", "[::1]", "127.0.0.1:80", "[::ffff:127.0.0.1]:1"] {
            check(&[json, ("Host", host)], Ok(()));
        }
        check(&[json], Err(Refusal::ForeignHost));
    }

    #[test]
    fn what_a_proxy_hands_on_is_not_asked_on_this_host() {
        let host = ("Host", "127.0.0.1:8080");
        let check = |header: &str, expected: Result<(), Refusal>| {
            let json = ("Content-Type", "application/json");
            assert_eq!(judge(&[json, host, (header, "127.0.0.1")]), expected, "{header}");
        };
        for header in [
            "Via",
            "Forwarded",
            "X-Forwarded-For",
            "x-forwarded-host",
            "X-FORWARDED-PROTO",
            "X-Forwarded-Server",
            "X-Real-IP",
        ] {
            check(header, Err(Refusal::HandedOn));
        }
        for header in ["X-Forwarded", "X-Operator", "Accept", "Viable"] {
            check(header, Ok(()));
        }
    }
}
