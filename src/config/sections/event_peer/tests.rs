//! What a peer's section means, and what is wrong with it.

use crate::config::{EventPeer, Loaded, PeerAuth, Surroundings, parse_toml};
use crate::wire::Secret;
use std::path::Path;

const TOKENS: &str = "[[http.token]]\nname = 'pss'\nrole = 'peer'\n\
                      sha256 = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'\n";
const PUBLIC: &str = "[event_management]\npublic_url = 'https://em:8443'\n";
const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn load(text: &str) -> Result<Loaded, String> {
    let problems = match parse_toml(text, "a.toml", &Surroundings::of_process(Path::new("."))) {
        Ok(loaded) => return Ok(loaded),
        Err(problems) => problems.to_string(),
    };
    assert!(!problems.contains("hunter2"), "a secret shows: {problems}");
    Err(problems)
}

fn with(keys: &str) -> String {
    format!("{TOKENS}{PUBLIC}[[event_management.peer]]\nhost = 'pss.example.net:8443'\n{keys}\n")
}

fn peers(text: &str) -> Vec<EventPeer> {
    load(text).expect(text).config.event_management.expect("the section").peers
}

fn parse(keys: &str) -> EventPeer {
    peers(&with(keys)).remove(0)
}

#[track_caller]
fn check(keys: &str, problem: &str) {
    let problems = load(&with(keys)).expect_err(keys);
    assert!(problems.contains(problem) && problems.lines().count() == 1, "{keys}: {problems:?}");
}

#[test]
fn a_host_is_enough_and_is_one_peer_alone() {
    assert_eq!(parse(""), EventPeer::new("pss.example.net:8443"));
    let peer = |host: &str| format!("[event_management]\n[[event_management.peer]]\nhost = '{host}'\n");
    let two = |one, other| peer(one) + &peer(other).replace("[event_management]\n", "");
    assert_eq!(peers(&two("PSS:8443", "pss:8444"))[0].host, "pss:8443");
    for (one, other) in [("pss:8443", "PSS:8443"), ("[::1]:1", "[0::1]:1"), ("127.0.0.1:1", "127.0.0.1:1")] {
        let problems = load(&two(one, other)).expect_err(other);
        assert!(problems.contains("is the host of another peer already"), "{problems}");
    }
    let problems = load(&peer("pss")).expect_err("no port");
    assert!(problems.contains("the port is missing") && problems.lines().count() == 1, "{problems}");
    let problems = load("[[event_management.peer]]").expect_err("no host");
    assert!(problems.contains("event_management.peer.host: is missing"), "{problems}");
}

#[test]
fn how_we_show_who_we_are_has_its_keys() {
    let secret = |text: &str| Secret::new(text);
    let (username, password) = ("em".to_owned(), secret("hunter2"));
    let basic = "auth = 'basic'\nusername = 'em'\npassword = 'hunter2'";
    assert_eq!(parse(basic).auth, PeerAuth::Basic { username, password });
    assert_eq!(parse("auth = 'bearer'\nbearer = 'hunter2'").auth, PeerAuth::Bearer(secret("hunter2")));
    let oauth2 =
        "auth = 'oauth2'\ntoken_url = 'https://idp/token?a=b'\nclient_id = 'em'\nclient_secret = 'hunter2'";
    let expected = |scope: Option<&str>| PeerAuth::OAuth2 {
        token_url: "https://idp/token?a=b".to_owned(),
        client_id: "em".to_owned(),
        client_secret: secret("hunter2"),
        scope: scope.map(str::to_owned),
    };
    assert_eq!(parse(oauth2).auth, expected(None));
    assert_eq!(parse(&format!("{oauth2}\nscope = 'events'")).auth, expected(Some("events")));
    let mtls = "auth = 'mtls'\nclient_cert = '/etc/em.crt'\nclient_key = '/etc/em.key'";
    let (certificate, key) = ("/etc/em.crt".into(), "/etc/em.key".into());
    assert_eq!(parse(mtls).auth, PeerAuth::Mtls { certificate, key });
    assert!(!format!("{:?}{:?}{:?}", parse(basic), parse(oauth2), parse(mtls)).contains("hunter2"));
}

#[test]
fn keys_of_another_way_are_problems_and_so_are_missing_ones() {
    check("auth = 'basic'\nusername = 'em'", "password: is missing");
    check("auth = 'bearer'", "bearer: is missing");
    check("auth = 'mtls'\nclient_cert = 'x'", "client_key: is missing");
    check("bearer = 'hunter2'", "bearer: belongs to auth = \"bearer\"");
    check("auth = 'bearer'\nbearer = 'hunter2'\npassword = 'hunter2'", "belongs to auth = \"basic\"");
    check("auth = 'none'\nscope = 'x'", "belongs to auth = \"oauth2\"");
    check("auth = 'digest'", "is not one of");
    check("auth = 'basic'\nusername = 'a:b'\npassword = 'hunter2'", "must not hold a colon");
    check("auth = 'bearer'\nbearer = 'hunter2 x'", "is no token");
    let oauth2 =
        "auth = 'oauth2'\nclient_id = 'em'\nclient_secret = 'hunter2'\ntoken_url = 'http://idp/token'";
    check(oauth2, "token_url: is not https://");
}

#[test]
fn tokens_are_not_got_from_an_address_that_nobody_could_mean() {
    let at = |host: &str| {
        format!(
            "auth = 'oauth2'\nclient_id = 'em'\nclient_secret = 'hunter2'\ntoken_url = 'https://{host}/token'"
        )
    };
    for host in
        ["169.254.169.254", "168.63.129.16", "[fd00:ec2::23]", "[fe80::1]:8443", "0.0.0.0", "2852039166"]
    {
        check(&at(host), "token_url: is at a");
    }
    for host in ["127.0.0.1:1", "10.0.0.1", "[::1]:1", "[fd00::1]", "idp.example.net", "8.8.8.8"] {
        parse(&at(host));
    }
}

#[test]
fn secrets_that_would_go_in_clear_are_warned_of() {
    let warnings = |keys: &str| load(&with(keys)).expect(keys).warnings.to_string();
    let bearer = "auth = 'bearer'\nbearer = 'hunter2'";
    assert!(
        warnings(&format!("{bearer}\nallow_http = true")).contains("peer.allow_http: what shows who we are")
    );
    assert!(warnings(bearer).is_empty() && warnings("allow_http = true").is_empty());
}

#[test]
fn deliveries_are_signed_by_one_key_or_by_two() {
    let keys = |count: usize| format!("signing_keys = [{}]", vec![format!("'{KEY}'"); count].join(", "));
    assert_eq!(parse(&keys(2)).signing_keys, vec![Secret::new(KEY); 2]);
    check(&keys(3), "are more than two");
    check("signing_keys = ['hunter2']", "signing_keys: a key begins with");
    check("signing_keys = 'hunter2'", "must be a list");
    assert!(!format!("{:?}", parse(&keys(1))).contains(KEY));
}

#[test]
fn a_peer_is_known_by_a_token_that_there_is() {
    assert_eq!(parse("token = 'pss'").name(), "pss");
    assert_eq!(parse("").name(), "pss.example.net:8443");
    check("token = 'desk'", "is the name of no [[http.token]]");
    let endpoint = format!("{}[[broadworks]]\nname = 'pss'\naddress = 'as1:8025'\n", with("token = 'pss'"));
    assert!(load(&endpoint).expect_err("two sources").contains("names another source of events already"));
    let reserved = "[event_management]\n[[broadworks]]\nname = 'event_management'\naddress = 'as1:8025'";
    assert!(load(reserved).expect_err("two sources").contains("what is posted to [event_management]"));
}

#[test]
fn a_peer_with_a_token_of_another_role_is_warned_of() {
    let warnings = |role: &str| {
        let text = with("token = 'pss'").replace("'peer'", &format!("'{role}'"));
        load(&text).expect(role).warnings.to_string()
    };
    assert!(
        warnings("viewer").contains("peer.token: \"pss\" has the role \"viewer\""),
        "{}",
        warnings("viewer")
    );
    assert!(warnings("operator").contains("whatever an operator can"), "{}", warnings("operator"));
    assert_eq!(warnings("peer"), "");
}

#[test]
fn its_paths_are_at_its_host() {
    let url = |keys: &str| parse(keys).url;
    assert_eq!(url(""), "https://pss.example.net:8443/psi-api/event/v2");
    assert_eq!(url("allow_http = true"), "http://pss.example.net:8443/psi-api/event/v2");
    assert_eq!(
        url("url = 'https://PSS.example.net:8443/event/v2/'"),
        "https://PSS.example.net:8443/event/v2"
    );
    check("url = 'https://pss.example.net/event/v2'", "is not at the peer's host");
    check("url = 'https://other:8443/event/v2'", "is not at the peer's host");
    check("url = 'http://pss.example.net:8443/event/v2'", "is not https://");
    check("url = 'https://pss.example.net:8443/event/v2?a=b'", "must not hold");
    check("url = 'https://u:hunter2@pss.example.net:8443/event/v2'", "keys of their own");
}

#[test]
fn a_subscription_has_a_topic_of_ours_and_a_way_back() {
    let peer = parse("subscribe = ['order', 'asterisk']\nquery = 'state=pending'");
    assert_eq!((peer.subscribe.len(), peer.query.as_deref()), (2, Some("state=pending")));
    check("subscribe = ['numbers']", "\"numbers\" is none of our topics");
    check("subscribe = ['order', 'order']", "twice");
    check("query = 'state=pending'", "has no effect without subscribe");
    let nowhere = with("subscribe = ['order']").replace("public_url = 'https://em:8443'\n", "");
    assert!(load(&nowhere).expect_err("no way back").contains("needs event_management.public_url"));
    let other = "[[event_management.peer]]\nhost = 'b:1'\ntoken = 'pss'\nsubscribe = ['order']\n";
    let two = with("token = 'pss'\nsubscribe = ['order']") + other;
    assert!(load(&two).expect_err("one name").contains("subscribes as another peer already"));
}
