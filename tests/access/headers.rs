//! What every answer tells a browser.

use crate::given::*;
use crate::support::http;

#[test]
fn every_answer_keeps_a_browser_from_giving_it_away() {
    let (_peers, site) = site();
    let daemon = start(&site);
    let check = |path: &str, headers: &str, status: u16| {
        let answer = http::get(daemon.http, path, headers);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}: {name}");
        }
        assert_eq!(answer.header("strict-transport-security"), None, "{path}: plain HTTP");
        let policy = answer.header("content-security-policy").expect("a policy").to_owned();
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        (policy, answer.header("cache-control").map(str::to_owned))
    };
    let bearer = "Authorization: Bearer look\r\n";
    for (path, headers, status) in [
        ("/api/v1/status", bearer, 200),
        ("/api/v1/status", "", 401),
        ("/api/v1/no/such", bearer, 404),
        ("/api/v1/audit?limit=0", bearer, 400),
        ("/events", "", 200),
        ("/metrics", "", 200),
        (SESSION, "", 200),
    ] {
        let (policy, cache) = check(path, headers, status);
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
        assert_eq!(cache.as_deref(), Some("no-store"), "{path}");
    }
    let (policy, _) = check("/", "", 200);
    assert!(policy.starts_with("default-src 'self'"), "{policy}");
}
