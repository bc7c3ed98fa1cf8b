//! Who passes where, with what they show.

use super::*;

const PAUSE: &str = "/api/v1/systems/hss/pause";
/// A base path of Event Management that looks like one of the original paths.
const BASE: &str = "/event/v2";

fn token(text: &str, role: Role) -> Token {
    let sha256 = digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    Token { name: text.into(), role, sha256 }
}

fn access(listen: &str, tokens: &[(&str, Role)]) -> Access {
    let tokens = tokens.iter().map(|(text, role)| token(text, *role)).collect();
    let listen = listen.parse().expect("an address");
    Access::new(&Http { listen, tokens, original_paths_open: false, ..Http::default() })
}

/// The same, with the paths of the Erlang release open as that had them, which is the default.
fn access_as_before(listen: &str, tokens: &[(&str, Role)]) -> Access {
    let tokens = tokens.iter().map(|(text, role)| token(text, *role)).collect();
    let listen = listen.parse().expect("an address");
    Access::new(&Http { listen, tokens, ..Http::default() })
}

fn bearer(text: &str) -> Shown<'_> {
    Shown { bearer: Some(text), from: Some([192, 0, 2, 1].into()), ..Shown::default() }
}

fn cookie<'a>(id: &'a str, csrf: Option<&'a str>) -> Shown<'a> {
    Shown { sessions: vec!["of another", id], csrf, ..Shown::default() }
}

/// The name of who passes.
fn judge(access: &Access, method: Method, path: &str, shown: &Shown) -> Result<Option<String>, Refusal> {
    let is_for_peers = path.starts_with(BASE);
    let asked = Asked { method: &method, path, is_for_peers, is_by_our_name: true };
    access.judge(asked, shown, Instant::now()).map(|caller| caller.name)
}

#[test]
fn a_path_is_open_by_where_it_is_asked_and_what_is_configured() {
    let viewer = &[("sesame", Role::Viewer)];
    let check = |listen, tokens: &[(&str, Role)], path, shown: Shown, expected| {
        let passes = judge(&access(listen, tokens), Method::GET, path, &shown).is_ok();
        assert_eq!(passes, expected, "{listen} {path} {shown:?}");
    };
    let nothing = Shown::default;
    check("127.0.0.1:1", &[], "/api/v1/tree", nothing(), true);
    check("127.0.0.1:1", viewer, "/api/v1/tree", nothing(), false);
    check("127.0.0.1:1", viewer, "/api/v1/tree", bearer("sesame"), true);
    check("127.0.0.1:1", viewer, "/api/v1/tree", bearer("other"), false);
    check("127.0.0.1:1", viewer, "/api/v1/tree", cookie("made up", None), false);
    for path in ["/events", "/event/1"] {
        check("127.0.0.1:1", &[], path, nothing(), true);
        check("127.0.0.1:1", viewer, path, nothing(), false);
        check("127.0.0.1:1", viewer, path, bearer("sesame"), true);
    }
    check("127.0.0.1:1", viewer, "/alivecheck", nothing(), true);
    check("0.0.0.0:1", viewer, "/alivecheck", nothing(), false);
    check("127.0.0.1:1", viewer, "/no/such", nothing(), false);
    check("0.0.0.0:1", viewer, "/events", nothing(), false);
    check("0.0.0.0:1", viewer, "/event/1", bearer("sesame"), true);
    for path in ["/metrics", "/readyz", "/", "/assets/page.js", SESSION_PATH] {
        check("0.0.0.0:1", viewer, path, nothing(), true);
    }
    check("0.0.0.0:1", viewer, "/assets", nothing(), false);
}

#[test]
fn the_original_paths_are_open_as_before_on_loopback_unless_they_are_closed() {
    let check = |listen, path, expected: Result<Option<String>, Refusal>| {
        let access = access_as_before(listen, &[("look", Role::Viewer)]);
        assert_eq!(judge(&access, Method::GET, path, &Shown::default()), expected, "{listen} {path}");
    };
    for path in ["/events", "/event/1", "/alivecheck"] {
        check("127.0.0.1:1", path, Ok(None));
        check("0.0.0.0:1", path, Err(Refusal::NoToken));
    }
    check("127.0.0.1:1", "/api/v1/events", Err(Refusal::NoToken));
    check("127.0.0.1:1", BASE, Err(Refusal::NoToken));
}

#[test]
fn whether_it_is_ready_is_told_to_everybody_and_more_to_who_may_read() {
    let check = |tokens: &[(&str, Role)], is_by_our_name, shown: &Shown, expected: bool| {
        let access = access("127.0.0.1:1", tokens);
        let asked = Asked { method: &Method::GET, path: "/readyz", is_for_peers: false, is_by_our_name };
        let caller = access.judge(asked, shown, Instant::now()).expect("it is open to everybody");
        assert_eq!(caller.may_read(), expected, "{tokens:?} {is_by_our_name} {shown:?}");
    };
    let tokens = &[("look", Role::Viewer), ("pss", Role::Peer)];
    check(&[], true, &Shown::default(), true);
    check(&[], false, &Shown::default(), false);
    check(tokens, true, &Shown::default(), false);
    check(tokens, true, &bearer("other"), false);
    check(tokens, true, &cookie("made up", None), false);
    check(tokens, true, &bearer("pss"), false);
    check(tokens, false, &bearer("look"), true);
}

#[test]
fn by_a_name_that_is_not_this_hosts_the_original_paths_are_as_all_others() {
    let access = access_as_before("127.0.0.1:1", &[("look", Role::Viewer)]);
    for path in ["/events", "/event/1", "/alivecheck"] {
        let asked = Asked { method: &Method::GET, path, is_for_peers: false, is_by_our_name: false };
        let judge = |shown: &Shown| access.judge(asked, shown, Instant::now()).map(|caller| caller.name);
        assert_eq!(judge(&Shown::default()), Err(Refusal::NoToken), "{path}");
        assert_eq!(judge(&bearer("look")), Ok(Some("look".to_owned())), "{path}");
    }
}

#[test]
fn acts_want_an_operator_and_say_who_it_is() {
    let access_to = access("127.0.0.1:1", &[("look", Role::Viewer), ("act", Role::Operator)]);
    let check = |method: Method, shown: Shown, expected: Result<Option<&str>, Refusal>| {
        let expected = expected.map(|name| name.map(str::to_owned));
        assert_eq!(judge(&access_to, method, PAUSE, &shown), expected, "{shown:?}");
    };
    check(Method::POST, Shown::default(), Err(Refusal::NoToken));
    check(Method::POST, bearer("other"), Err(Refusal::UnknownToken));
    check(Method::POST, bearer("look"), Err(Refusal::NotAnOperator));
    check(Method::DELETE, bearer("look"), Err(Refusal::NotAnOperator));
    check(Method::POST, bearer("act"), Ok(Some("act")));
    check(Method::GET, bearer("look"), Ok(Some("look")));
    let open = access("127.0.0.1:1", &[]);
    assert_eq!(judge(&open, Method::POST, PAUSE, &Shown::default()), Ok(None));
}

#[test]
fn a_peer_has_the_paths_of_event_management_and_no_others() {
    let tokens = [("look", Role::Viewer), ("act", Role::Operator), ("pss", Role::Peer)];
    let access_to = access("127.0.0.1:1", &tokens);
    let check = |method: Method, path: &str, shown: Shown, expected: Result<Option<&str>, Refusal>| {
        let expected = expected.map(|name| name.map(str::to_owned));
        assert_eq!(judge(&access_to, method.clone(), path, &shown), expected, "{method} {path} {shown:?}");
    };
    for path in ["/event/v2", "/event/v2/topic", "/event/v2/topic/order/hub"] {
        check(Method::GET, path, Shown::default(), Err(Refusal::NoToken));
        check(Method::GET, path, bearer("other"), Err(Refusal::UnknownToken));
        check(Method::GET, path, bearer("look"), Ok(Some("look")));
        check(Method::POST, path, bearer("look"), Err(Refusal::NotAnOperator));
        check(Method::DELETE, path, bearer("look"), Err(Refusal::NotAnOperator));
        for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
            check(method.clone(), path, bearer("pss"), Ok(Some("pss")));
            check(method, path, bearer("act"), Ok(Some("act")));
        }
    }
    check(Method::GET, "/api/v1/tree", bearer("pss"), Err(Refusal::PeerElsewhere));
    check(Method::POST, PAUSE, bearer("pss"), Err(Refusal::PeerElsewhere));
    check(Method::POST, "/mi", bearer("pss"), Err(Refusal::PeerElsewhere));
    check(Method::GET, "/api/v1/stream", bearer("pss"), Err(Refusal::PeerElsewhere));
    // What is open to everybody is open to a peer, too.
    check(Method::GET, "/alivecheck", bearer("pss"), Ok(None));
    check(Method::GET, "/event/1", bearer("pss"), Err(Refusal::PeerElsewhere));
    let refused = access_to.log_in("pss", None).err();
    assert!(matches!(refused, Some(NoLogin::Refused(Refusal::PeerElsewhere))), "{refused:?}");
}

#[test]
fn a_session_reads_with_its_cookie_and_acts_with_its_csrf_token_too() {
    let access = access("127.0.0.1:1", &[("look", Role::Viewer), ("act", Role::Operator)]);
    let (id, caller) = access.log_in("act", None).expect("known");
    let (csrf, _) = access.session(&caller).expect("open");
    let check = |method: Method, path, shown: Shown, expected: Result<Option<&str>, Refusal>| {
        let expected = expected.map(|name| name.map(str::to_owned));
        assert_eq!(judge(&access, method, path, &shown), expected, "{path} {shown:?}");
    };
    check(Method::GET, "/api/v1/tree", cookie(&id, None), Ok(Some("act")));
    check(Method::POST, PAUSE, cookie(&id, None), Err(Refusal::NoCsrf));
    check(Method::POST, PAUSE, cookie(&id, Some(&id)), Err(Refusal::NoCsrf));
    check(Method::POST, PAUSE, cookie(&id, Some(&csrf)), Ok(Some("act")));
    check(Method::DELETE, SESSION_PATH, cookie(&id, None), Err(Refusal::NoCsrf));
    check(Method::POST, SESSION_PATH, cookie(&id, None), Ok(Some("act")));
    let (looking, viewer) = access.log_in("look", None).expect("known");
    let (its, _) = access.session(&viewer).expect("open");
    check(Method::POST, PAUSE, cookie(&looking, Some(&its)), Err(Refusal::NotAnOperator));
    check(Method::POST, PAUSE, cookie(&id, Some(&its)), Err(Refusal::NoCsrf));
    access.log_out(&caller, None);
    check(Method::GET, "/api/v1/tree", cookie(&id, None), Err(Refusal::SessionOver));
    check(Method::GET, SESSION_PATH, cookie(&id, None), Ok(None));
}

#[test]
fn a_token_that_is_taken_out_of_the_configuration_ends_what_was_opened_with_it() {
    let access = access("127.0.0.1:1", &[("one", Role::Operator), ("two", Role::Operator)]);
    let (first, one) = access.log_in("one", None).expect("known");
    let (_, two) = access.log_in("two", None).expect("known");
    let shown = bearer("one");
    let asked =
        Asked { method: &Method::GET, path: "/api/v1/tree", is_for_peers: false, is_by_our_name: true };
    let by_token = access.judge(asked, &shown, Instant::now()).expect("known");
    let current = || [&one, &two, &by_token].map(|caller| access.is_current(caller));
    assert_eq!(current(), [true; 3]);
    let tokens = vec![token("one", Role::Viewer), token("two", Role::Operator)];
    let changed = Http { tokens, ..Http::default() };
    assert_eq!(access.configure(&changed), 1);
    assert_eq!(current(), [false, true, false], "another role");
    let expired = judge(&access, Method::GET, "/api/v1/tree", &cookie(&first, None));
    assert_eq!(expired, Err(Refusal::SessionOver));
    assert!(judge(&access, Method::GET, "/api/v1/tree", &shown).is_ok(), "the token itself is known still");
}

#[test]
fn who_shows_unknown_tokens_is_refused_and_nobody_else() {
    let access = access("0.0.0.0:1", &[("act", Role::Operator)]);
    let from = |last: u8, text: &'static str| Shown { from: Some([192, 0, 2, last].into()), ..bearer(text) };
    let tree = |shown: Shown| judge(&access, Method::GET, "/api/v1/tree", &shown);
    for _ in 0..10 {
        assert_eq!(tree(from(1, "guess")), Err(Refusal::UnknownToken));
    }
    assert!(matches!(tree(from(1, "guess")), Err(Refusal::TooManyFailures(_))));
    assert!(matches!(tree(from(1, "act")), Err(Refusal::TooManyFailures(_))), "no guess is answered");
    let login = access.log_in("act", Some([192, 0, 2, 1].into()));
    assert!(matches!(login, Err(NoLogin::Refused(Refusal::TooManyFailures(_)))));
    assert_eq!(tree(from(2, "act")), Ok(Some("act".to_owned())));
    assert_eq!(tree(Shown::default()), Err(Refusal::NoToken));
    let open = judge(&access, Method::GET, "/healthz", &from(1, "guess"));
    assert_eq!(open, Ok(None), "what is open to everybody stays so");
}

#[test]
fn an_empty_token_is_never_known() {
    let access = access("127.0.0.1:1", &[("", Role::Operator)]);
    for text in ["", " ", "\n", "\t \r\n"] {
        let read = judge(&access, Method::GET, "/api/v1/tree", &bearer(text));
        assert_eq!(read, Err(Refusal::UnknownToken), "{text:?}");
        let login = access.log_in(text, None);
        assert!(matches!(login, Err(NoLogin::Refused(Refusal::UnknownToken))), "{text:?}");
    }
}

#[test]
fn beyond_loopback_nobody_is_served_without_a_token() {
    let check = |listen, open: bool| {
        let access = access(listen, &[]);
        assert_eq!(access.object(&[]).is_none(), open, "{listen}");
        assert_eq!(access.object(&[token("act", Role::Viewer)]), None, "{listen}");
        let act = judge(&access, Method::POST, PAUSE, &Shown::default());
        assert_eq!(act, if open { Ok(None) } else { Err(Refusal::NoToken) }, "{listen}");
    };
    check("127.0.0.1:1", true);
    check("127.1.2.3:1", true);
    check("[::1]:1", true);
    check("[::ffff:127.0.0.1]:1", true);
    check("0.0.0.0:1", false);
    check("[::]:1", false);
    check("192.0.2.1:1", false);
    check("[::ffff:192.0.2.1]:1", false);
}
