//! SOAP with the EMA, from both sides, and the requests to mail servers.

use super::source::{Source, seed};
use super::{Target, samples};
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::server::{Operation, fault, login_response, parse_request, success};
use eventmanager::wire::cai3g::{
    Answer, Association, EnumRequest, HssRequest, PrivateUser, PublicData, ServiceProfile, enumeration, hss,
    login, logout, parse_answer,
};
use eventmanager::wire::surgemail::{Credentials, MailAccount, MailRequest, target as mail_target};
use eventmanager::wire::xml::is_allowed;

pub fn targets() -> Vec<Target> {
    let target = |name, run, seeds, words| Target { name, run, seeds, words, longest: 32 << 10 };
    vec![
        target("cai3g_answer", answer, answers, samples::XML_WORDS),
        target("cai3g_request", request, requests, samples::XML_WORDS),
        target(
            "cai3g_written",
            written,
            || (0..10).map(|which| seed(&samples::TEXTS, &[which])).collect(),
            &[],
        ),
        target("surgemail", surgemail, || (0..4).map(|which| seed(&samples::TEXTS, &[which])).collect(), &[]),
    ]
}

fn answers() -> Vec<Vec<u8>> {
    let session = Secret::new("6fa1");
    let done = success(&Operation::Logout { session: session.clone() }, Some(&session));
    let answers =
        [login_response(&session), done, fault(4006, Some(13004), "DEFINED"), fault(3014, None, "")];
    answers.iter().map(|answer| seed(&[answer], &[200, 0])).collect()
}

fn requests() -> Vec<Vec<u8>> {
    (0..10)
        .map(|which| request_of(&mut Source::new(&seed(&samples::TEXTS, &[which]))).0.into_bytes())
        .collect()
}

fn answer(data: &[u8]) {
    let mut source = Source::new(data);
    let cut = usize::from(source.byte());
    let status = source.one_of(&[200, 500, 503, 0, 302]);
    let body = source.rest();
    match parse_answer(status, body) {
        Answer::Success { .. } => {
            assert_eq!(status, 200);
            // What is cut off before the end of its last tag is no success.
            let whole = body.trim_ascii_end();
            if whole.ends_with(b"Envelope>") {
                let cut = &whole[..whole.len() - 1 - cut.min(whole.len() - 1)];
                assert!(!matches!(parse_answer(status, cut), Answer::Success { .. }), "cut off");
            }
        }
        Answer::Fault(fault) => {
            for text in [&fault.reason, &fault.message, &fault.faultstring] {
                assert!(text.chars().count() <= 500 && !text.contains(char::is_control));
            }
        }
        Answer::NotUnderstood { reason } => {
            assert!(reason.len() < 2_000 && !reason.contains(char::is_control))
        }
    }
}

fn request(data: &[u8]) {
    let session = Secret::new("s");
    if let Ok(call) = parse_request(data) {
        let again = match &call.operation {
            Operation::Login { user, password } => login(user, password),
            Operation::Logout { session } => logout(session),
            Operation::Hss(request) => hss(request, &session),
            Operation::Enum(request) => enumeration(request, &session),
        };
        let read = parse_request(again.as_bytes()).unwrap_or_else(|error| panic!("{error}: {again}"));
        assert_eq!(read.operation, call.operation, "{again}");
        let _ = (call.operation.name(), success(&call.operation, call.session.as_ref()));
    }
}

/// Of any texts: what is asked comes through, and nothing besides.
fn written(data: &[u8]) {
    let (written, meant) = request_of(&mut Source::new(data));
    let read = parse_request(written.as_bytes()).unwrap_or_else(|error| panic!("{error}: {written}"));
    assert_eq!(read.operation, meant, "{written}");
}

fn request_of(source: &mut Source) -> (String, Operation) {
    let which = source.byte() % 10;
    let session = Secret::new(text(source));
    let hss_of = |request: HssRequest| (hss(&request, &session), Operation::Hss(request));
    let enum_of = |request: EnumRequest| (enumeration(&request, &session), Operation::Enum(request));
    let association_id = text(source);
    match which {
        0 => {
            let (user, password) = (text(source), Secret::new(text(source)));
            (login(&user, &password), Operation::Login { user, password })
        }
        1 => (logout(&session), Operation::Logout { session }),
        2 => enum_of(EnumRequest::Create { msisdn: text(source), public_id: text(source) }),
        3 => enum_of(EnumRequest::Delete { msisdn: text(source) }),
        4 => hss_of(HssRequest::DeleteAssociation { association_id }),
        5 => {
            let (private_user_id, password) = (text(source), Secret::new(text(source)));
            hss_of(HssRequest::SetPassword { association_id, private_user_id, password })
        }
        6 => {
            let (service_profile_id, phone_context) = (text(source), text(source));
            hss_of(HssRequest::SetPhoneContext { association_id, service_profile_id, phone_context })
        }
        7 => hss_of(HssRequest::SetPublicIdentity { association_id, public_data: public_data(source) }),
        8 => hss_of(HssRequest::DeletePublicIdentity { association_id, public_id: text(source) }),
        _ => {
            let (is_psi, user) = (source.flag(), text(source));
            let password = (!is_psi).then(|| Secret::new(text(source)));
            let private_user = PrivateUser { private_user_id: user, password };
            let (public_data, service_profile) = (public_data(source), profile(source));
            let association =
                Association { association_id, is_psi, private_user, public_data, service_profile };
            hss_of(HssRequest::CreateAssociation(association))
        }
    }
}

/// What XML can hold; what it cannot is written as U+FFFD, which `xml_text` looks at.
fn text(source: &mut Source) -> String {
    source.text().chars().filter(|c| is_allowed(*c)).collect()
}

fn public_data(source: &mut Source) -> PublicData {
    PublicData {
        public_id: text(source),
        private_user_id: text(source),
        implicit_reg_set: source.byte() & 1,
        service_profile_id: text(source),
    }
}

fn profile(source: &mut Source) -> ServiceProfile {
    ServiceProfile {
        service_profile_id: text(source),
        configured_profile_id: text(source),
        phone_context: text(source),
    }
}

/// No value gets out of its parameter, and each comes through.
fn surgemail(data: &[u8]) {
    let mut source = Source::new(data);
    let which = source.byte() % 4;
    let credentials = Credentials {
        username: source.text(),
        password: Secret::new(source.text()),
        domain_password: Secret::new(source.text()),
    };
    let (local_part, domain, password) = (source.text(), source.text(), Secret::new(source.text()));
    let account = MailAccount { local_part: local_part.clone(), domain: domain.clone() };
    if let Some(read) = MailAccount::parse(&account.to_string()) {
        assert_eq!(read.to_string(), account.to_string());
    }
    let (request, values) = match which {
        0 => (MailRequest::SaveDomain { domain: domain.clone() }, vec![("name", domain)]),
        1 => (MailRequest::DeleteDomain { domain: domain.clone() }, vec![("domain", domain)]),
        2 => {
            let values = vec![("lusername", local_part), ("lpassword", password.expose().to_owned())];
            (MailRequest::CreateAccount { account, password }, values)
        }
        _ => (MailRequest::DeleteAccount { account }, vec![("lusername", local_part)]),
    };
    let target = mail_target(&request, &credentials);
    let target = target.expose();
    assert!(
        target.starts_with("/cgi/") && target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
    );
    let (_, query) = target.split_once('?').expect("a query");
    for (name, value) in values {
        let found: Vec<_> =
            query.split('&').filter_map(|pair| pair.split_once('=')).filter(|it| it.0 == name).collect();
        let [(_, written)] = found[..] else { panic!("{name} is there {} times", found.len()) };
        let read = percent_encoding::percent_decode_str(written).decode_utf8().expect("UTF-8");
        assert_eq!(read, value, "{name}");
    }
    let login = credentials.authorization();
    assert!(login.expose().bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
}
