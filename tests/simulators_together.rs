//! The stream of documents, provisioned into the simulated EMA as the plans say: what the one expects is what the other
//! holds, and nothing is refused on the way.

use eventmanager::plan::{Subscriber, UserType};
use eventmanager::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator, PATH};
use eventmanager::simulators::traffic::{Families, Traffic, TrafficOptions};
use eventmanager::wire::Secret;
use eventmanager::wire::cai3g::{
    self, Answer, Association, EnumRequest, HssRequest, PrivateUser, PublicData, ServiceProfile,
};
use md5::{Digest, Md5};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A CAI3G session.
struct Session {
    stream: TcpStream,
    id: Secret,
}

impl Session {
    fn open(ema: &EmaHandle) -> Session {
        let stream = TcpStream::connect(ema.addr()).unwrap();
        let mut session = Session { stream, id: Secret::default() };
        match session.post(&cai3g::login("emauser", &Secret::new("emapass"))) {
            Answer::Success { session_id: Some(id) } => session.id = id,
            other => panic!("{other:?}"),
        }
        session
    }

    fn post(&mut self, body: &str) -> Answer {
        let length = body.len();
        // In one piece: a request in several segments waits for the acknowledgement of the first.
        let request = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{body}");
        self.stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let count = self.stream.read(&mut buffer).unwrap();
            assert!(count > 0, "the connection has ended");
            answer.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&answer).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.to_ascii_lowercase().split_once("content-length: ").unwrap().1.to_owned();
            if body.len() >= length.split('\r').next().unwrap().parse::<usize>().unwrap() {
                let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                return cai3g::parse_answer(status, body.as_bytes());
            }
        }
    }

    fn hss(&mut self, request: HssRequest) {
        let answer = self.post(&cai3g::hss(&request, &self.id.clone()));
        assert!(matches!(answer, Answer::Success { .. }), "{request:?}: {answer:?}");
    }

    fn enumeration(&mut self, request: EnumRequest) {
        let answer = self.post(&cai3g::enumeration(&request, &self.id.clone()));
        assert!(matches!(answer, Answer::Success { .. }), "{request:?}: {answer:?}");
    }

    fn create(&mut self, row: &Subscriber) {
        let sip = format!("sip:{}", row.public_identity);
        self.hss(HssRequest::CreateAssociation(Association {
            association_id: row.association_id.clone(),
            is_psi: is_psi(row),
            private_user: PrivateUser { private_user_id: row.user_id.clone(), password: None },
            public_data: public_data(row, sip),
            service_profile: service_profile(row),
        }));
    }

    fn delete_phone(&mut self, row: &Subscriber) {
        let Some(phone) = &row.phone else { return };
        let (association_id, public_id) = (row.association_id.clone(), format!("tel:+299{phone}"));
        self.hss(HssRequest::DeletePublicIdentity { association_id, public_id });
        self.enumeration(EnumRequest::Delete { msisdn: format!("tel:299{phone}") });
    }

    fn set_phone(&mut self, row: &Subscriber) {
        let Some(phone) = &row.phone else { return };
        let public_data = public_data(row, format!("tel:+299{phone}"));
        self.hss(HssRequest::SetPublicIdentity { association_id: row.association_id.clone(), public_data });
        let (msisdn, public_id) = (format!("tel:299{phone}"), format!("sip:{}", row.public_identity));
        self.enumeration(EnumRequest::Create { msisdn, public_id });
    }

    /// Type, identity, phone, context, each against the state that the one before leaves.
    fn change(&mut self, before: &Subscriber, after: &Subscriber) {
        let association_id = &after.association_id;
        let mut now = Subscriber { phone_context: after.phone_context.clone(), ..before.clone() };
        if now.user_type != after.user_type {
            self.hss(HssRequest::DeleteAssociation { association_id: association_id.clone() });
            if let Some(phone) = &now.phone {
                self.enumeration(EnumRequest::Delete { msisdn: format!("tel:299{phone}") });
            }
            now.user_type = after.user_type;
            self.create(&now);
            self.set_phone(&now);
        }
        if now.public_identity != after.public_identity {
            self.delete_phone(&now);
            let (association_id, public_id) =
                (association_id.clone(), format!("sip:{}", now.public_identity));
            self.hss(HssRequest::DeletePublicIdentity { association_id: association_id.clone(), public_id });
            self.hss(HssRequest::DeleteServiceProfile {
                association_id: association_id.clone(),
                service_profile_id: now.public_identity.clone(),
            });
            now.public_identity.clone_from(&after.public_identity);
            let service_profile = service_profile(&now);
            self.hss(HssRequest::SetServiceProfile {
                association_id: association_id.clone(),
                service_profile,
            });
            let public_data = public_data(&now, format!("sip:{}", now.public_identity));
            self.hss(HssRequest::SetPublicIdentity { association_id, public_data });
            self.set_phone(&now);
        }
        if now.phone != after.phone {
            self.delete_phone(&now);
            self.set_phone(after);
        }
        if before.phone_context != after.phone_context {
            self.hss(HssRequest::SetPhoneContext {
                association_id: association_id.clone(),
                service_profile_id: after.public_identity.clone(),
                phone_context: after.phone_context.clone().unwrap(),
            });
        }
    }

    fn change_list(&mut self, before: Option<&str>, after: Option<&str>) {
        if before != after {
            before.iter().for_each(|list| self.delete(&lamp_list(list)));
            after.iter().for_each(|list| self.create(&lamp_list(list)));
        }
    }

    fn set_password(&mut self, association_id: &str, private_user_id: &str, password: &Secret) {
        self.hss(HssRequest::SetPassword {
            association_id: association_id.to_owned(),
            private_user_id: private_user_id.to_owned(),
            password: password.clone(),
        });
    }

    /// What has become of one subscriber.
    fn follow(&mut self, before: Option<&Subscriber>, after: Option<&Subscriber>) {
        match (before, after) {
            (None, Some(row)) => {
                self.create(row);
                self.set_phone(row);
            }
            (Some(before), Some(after)) => self.change(before, after),
            (Some(row), None) => self.delete(row),
            (None, None) => {}
        }
        let list = |row: Option<&Subscriber>| row.and_then(|row| row.blf_list.clone());
        self.change_list(list(before).as_deref(), list(after).as_deref());
    }

    fn delete(&mut self, row: &Subscriber) {
        self.delete_phone(row);
        self.hss(HssRequest::DeleteAssociation { association_id: row.association_id.clone() });
    }
}

fn is_psi(row: &Subscriber) -> bool {
    matches!(row.user_type, UserType::Trunk | UserType::Virtual)
}

/// A busy lamp field list, as the service that the HSS holds for it.
fn lamp_list(list: &str) -> Subscriber {
    let hash: [u8; 16] = Md5::digest(list.as_bytes()).into();
    Subscriber {
        user_id: list.to_owned(),
        group_id: None,
        public_identity: list.to_owned(),
        user_type: UserType::Virtual,
        phone_context: Some("tg.gl".to_owned()),
        association_id: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        phone: None,
        mail_account: None,
        mail_password: None,
        blf_list: None,
    }
}

fn public_data(row: &Subscriber, public_id: String) -> PublicData {
    PublicData {
        public_id,
        private_user_id: row.user_id.clone(),
        implicit_reg_set: u8::from(!is_psi(row)),
        service_profile_id: row.public_identity.clone(),
    }
}

fn service_profile(row: &Subscriber) -> ServiceProfile {
    ServiceProfile {
        service_profile_id: row.public_identity.clone(),
        configured_profile_id: format!("sp_{}", row.user_type.as_str()),
        phone_context: row.phone_context.clone().unwrap(),
    }
}

#[test]
fn the_core_takes_every_event_of_the_stream_and_holds_in_the_end_what_it_should() {
    let ema = EmaSimulator::start(EmaOptions::default()).unwrap();
    let mut session = Session::open(&ema);
    let options = TrafficOptions { users: 25, families: Families::all(), ..TrafficOptions::default() };
    let mut traffic = Traffic::new(11, options);
    let (mut before, mut passwords) = (BTreeMap::new(), BTreeMap::new());
    for _ in 0..3000 {
        let message = traffic.next_message();
        let after: BTreeMap<_, _> =
            traffic.expected_subscribers().into_iter().map(|row| (row.user_id.clone(), row)).collect();
        let subjects: BTreeSet<_> = before.keys().chain(after.keys()).cloned().collect();
        for subject in subjects.iter().filter(|subject| before.get(*subject) != after.get(*subject)) {
            session.follow(before.get(subject), after.get(subject));
        }
        let known = traffic.expected_passwords();
        for (id, password) in known.iter().filter(|(id, password)| passwords.get(*id) != Some(*password)) {
            session.set_password(id, &message.subject, password);
        }
        (before, passwords) = (after, known);
    }
    let state = ema.state();
    assert_eq!(traffic.wrong_passwords(&state), Vec::<String>::new());
    assert_eq!(state.without_passwords(), traffic.expected_state());
    assert_eq!((ema.counts().faults, ema.created_twice().refused), (0, 0));
    assert!(ema.created_twice().applied_again > 0, "users come back and change their type");
}
