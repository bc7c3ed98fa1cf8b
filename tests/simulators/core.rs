//! What the simulated EMA holds and refuses, and whom it serves.

use crate::client::{Client, start};
use crate::documents::*;
use eventmanager::simulators::ema::{EmaOptions, EmaSimulator, PATH, faults};
use std::time::{Duration, Instant};

#[test]
fn the_core_holds_exactly_what_requests_have_built() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    client.succeeds(&create_association("a1", "nivi@x.gl"));
    client.succeeds(&set("a1", &public_data("tel:+299321044", "nivi@x.gl", "nivi@x.gl")));
    client.succeeds(&create_enum("tel:299321044", "sip:nivi@x.gl"));
    client.succeeds(&set("a1", &nil_public_data("sip:nivi@x.gl")));
    client.succeeds(&set("a1", &profile("other@x.gl")));
    client.succeeds(&set("a1", &public_data("sip:other@x.gl", "nivi@x.gl", "other@x.gl")));
    let context = "<hss:subscriberServiceProfile serviceProfileId=\"other@x.gl\">\
                   <hss:phoneContext>nuk.tg.gl</hss:phoneContext></hss:subscriberServiceProfile>";
    client.succeeds(&set("a1", context));
    let shown = ema.state().to_string();
    let expected = "association a1 user nivi@x.gl\n    \
                    sip:other@x.gl of nivi@x.gl, set 1, profile other@x.gl\n    \
                    tel:+299321044 of nivi@x.gl, set 1, profile nivi@x.gl\n    \
                    profile nivi@x.gl = sp, context tg.gl\n    \
                    profile other@x.gl = sp, context nuk.tg.gl\n\
                    enum tel:299321044 → sip:nivi@x.gl\n";
    assert_eq!(shown, expected);
    client.succeeds(&delete_association("a1"));
    client.succeeds(&delete_enum("tel:299321044"));
    assert_eq!(ema.state().to_string(), "");
    assert_eq!((ema.counts().hss, ema.counts().enumerations, ema.counts().faults), (7, 2, 0));
}

#[test]
fn what_a_real_core_refuses_is_refused() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    let mut refused = |request: &str, detail| client.is_refused(request, faults::EXTERNAL_ERROR, detail);
    refused(&delete_association("a1"), faults::ASSOCIATION_ABSENT);
    refused(&set("a1", &profile("p")), faults::ASSOCIATION_ABSENT);
    refused(&delete_enum("tel:2991"), faults::DNS_SUBSCRIPTION_ABSENT);
    client.succeeds(&create_association("a1", "nivi@x.gl"));
    client.succeeds(&create_association("a2", "malik@x.gl"));
    client.succeeds(&create_enum("tel:2991", "sip:nivi@x.gl"));
    let before = ema.state();
    let mut refused = |request: &str, detail| client.is_refused(request, faults::EXTERNAL_ERROR, detail);
    refused(&create_association("a1", "nivi@x.gl"), faults::ASSOCIATION_EXISTS);
    refused(&create_association("a3", "nivi@x.gl"), faults::PUBLIC_IDENTITY_TAKEN);
    refused(&create_enum("tel:2991", "sip:malik@x.gl"), faults::DNS_SUBSCRIPTION_EXISTS);
    refused(
        &set("a2", &public_data("sip:nivi@x.gl", "malik@x.gl", "malik@x.gl")),
        faults::PUBLIC_IDENTITY_TAKEN,
    );
    refused(&set("a2", &public_data("tel:+2992", "nivi@x.gl", "malik@x.gl")), faults::PRIVATE_USER_ABSENT);
    refused(&set("a2", &public_data("tel:+2992", "malik@x.gl", "nivi@x.gl")), faults::SERVICE_PROFILE_ABSENT);
    refused(&set("a2", &nil_public_data("tel:+2992")), faults::PUBLIC_IDENTITY_ABSENT);
    refused(&set("a2", &nil_profile("nivi@x.gl")), faults::SERVICE_PROFILE_ABSENT);
    refused(&set("a2", &nil_profile("malik@x.gl")), faults::SERVICE_PROFILE_IN_USE);
    assert_eq!(ema.state(), before, "a refused request changes nothing");
    client.succeeds(&delete_association("a1"));
    client.succeeds(&create_association("a3", "nivi@x.gl"));
}

#[test]
fn only_open_sessions_are_served() {
    let ema = start();
    let mut client = Client::connect(ema.addr()).unwrap();
    client.is_refused(&login("emauser", "wrong"), faults::LOGIN_FAILURE, faults::AUTHENTICATION_FAILED);
    client.is_refused(&create_enum("tel:2991", "sip:a"), faults::INVALID_SESSION, 1004);
    client.log_in();
    client.succeeds(&create_enum("tel:2991", "sip:a"));
    ema.expire_sessions();
    client.is_refused(&create_enum("tel:2992", "sip:a"), faults::INVALID_SESSION, 1004);
    client.log_in();
    let session = client.session.clone().unwrap();
    assert_eq!(ema.open_sessions(), std::slice::from_ref(&session));
    client.succeeds(&format!("<cai3:Logout><cai3:sessionId>{session}</cai3:sessionId></cai3:Logout>"));
    assert!(ema.open_sessions().is_empty());
    client.is_refused(&create_enum("tel:2992", "sip:a"), faults::INVALID_SESSION, 1004);
    assert_eq!((ema.counts().logins, ema.counts().logouts), (2, 1));
}

#[test]
fn sessions_are_limited_in_number_and_in_time() {
    let lifetime = Duration::from_millis(50);
    let options =
        EmaOptions { session_limit: Some(1), session_lifetime: Some(lifetime), ..EmaOptions::default() };
    let ema = EmaSimulator::start(options).unwrap();
    let mut client = Client::logged_in(&ema);
    let opened = Instant::now();
    let refused = client.soap(&login("emauser", "emapass")).unwrap();
    if opened.elapsed() < lifetime {
        assert!(refused.1.contains(&faults::TOO_MANY_SESSIONS.to_string()), "{refused:?}");
    }
    while !ema.open_sessions().is_empty() {
        std::thread::yield_now();
    }
    client.is_refused(&delete_enum("tel:2991"), faults::INVALID_SESSION, 1004);
    client.log_in();
}

#[test]
fn rubbish_is_answered_with_a_fault() {
    let ema = start();
    let mut client = Client::logged_in(&ema);
    for body in ["", "<", "no soap at all", "<S:Envelope><S:Body/></S:Envelope>"] {
        let (status, answer) = client.post(PATH, "", body).unwrap();
        assert_eq!(status, 500, "{body:?}");
        assert!(answer.contains(&faults::BAD_REQUEST.to_string()), "{answer}");
    }
}
