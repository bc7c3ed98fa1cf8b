//! How the page comes to the browser.

use crate::given::Desk;
use crate::support::http;

#[test]
fn the_page_is_asked_for_anew_but_sent_only_when_it_has_changed() {
    let desk = Desk::with_tokens();
    let get = |path: &str, headers: &str| http::get(desk.daemon().http, path, headers);
    let page = get("/", "");
    assert_eq!(page.status, 200, "it is open to strangers");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
    for (name, kind) in
        [("main.js", "text/javascript"), ("style.css", "text/css"), ("icon.svg", "image/svg+xml")]
    {
        let path = format!("/assets/{name}");
        assert!(page.body.contains(&path), "{path}");
        let asset = get(&path, "");
        assert_eq!(asset.status, 200, "{path}");
        assert!(asset.header("content-type").is_some_and(|found| found.starts_with(kind)), "{path}");
        let tag = asset.header("etag").expect("a tag");
        let known = get(&path, &format!("If-None-Match: \"other\", {tag}\r\n"));
        assert_eq!((known.status, known.body.as_str()), (304, ""), "{path}");
        assert_eq!(get(&path, "If-None-Match: \"other\"\r\n").status, 200, "{path}");
    }
    assert_eq!(get("/assets/none.js", "").status, 404);
    assert_eq!(get("/assets/..%2fmod.rs", "").status, 404);
}
