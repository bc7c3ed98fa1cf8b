//! CAI3G: the largest request of a subscriber, read by a gateway, and an answer of it.

use super::{Amount, Case};
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::{
    self, Answer, Association, HssRequest, PrivateUser, PublicData, ServiceProfile, server,
};
use std::hint::black_box;

/// Writing and reading.
pub fn cases() -> Vec<Case> {
    let session = Secret::new("6fa1c0ffee");
    let request = HssRequest::CreateAssociation(association());
    let rendered = cai3g::hss(&request, &session);
    let operation = server::parse_request(rendered.as_bytes()).expect("a request").operation;
    let success = server::success(&operation, Some(&session));
    let fault = server::fault(4006, Some(13004), "ASSOCIATION ALREADY DEFINED");
    let (requests, answers) = (Amount::Items(1, "requests"), Amount::Items(1, "answers"));
    vec![
        Case::new("CAI3G requests written", requests, move || {
            black_box(cai3g::hss(black_box(&request), &session));
        }),
        Case::new("CAI3G requests read", requests, move || {
            black_box(server::parse_request(black_box(rendered.as_bytes()))).expect("a request");
        }),
        Case::new("CAI3G answers read", answers, move || {
            let answer = cai3g::parse_answer(200, black_box(success.as_bytes()));
            assert!(matches!(answer, Answer::Success { .. }));
        }),
        Case::new("CAI3G faults read", answers, move || {
            _ = black_box(cai3g::parse_answer(500, black_box(fault.as_bytes())));
        }),
    ]
}

fn association() -> Association {
    let user = "soren.ostergaard@voice.example.net".to_owned();
    Association {
        association_id: "630c00d88cf8e4331e456963b9e9d054".into(),
        is_psi: false,
        private_user: PrivateUser {
            private_user_id: user.clone(),
            password: Some(Secret::new("abcdefghijklmn")),
        },
        public_data: PublicData {
            public_id: format!("sip:{user}"),
            private_user_id: user.clone(),
            implicit_reg_set: 1,
            service_profile_id: user.clone(),
        },
        service_profile: ServiceProfile {
            service_profile_id: user,
            configured_profile_id: "sp_user".into(),
            phone_context: "sis.example.net".into(),
        },
    }
}
