//! The stream of documents, read by a second opinion on what each of them does.

use eventmanager::simulators::traffic::{Expected, OciMessage, Traffic, TrafficOptions};
use std::collections::{BTreeMap, BTreeSet};

/// What the documents say, taken literally: a second opinion on what the stream expects.
#[derive(Default)]
struct Model {
    users: BTreeMap<String, User>,
}

#[derive(Debug, Clone, PartialEq)]
struct User {
    identity: String,
    trunk: bool,
    phone: Option<String>,
    context: String,
}

/// The text of an element; `Some(None)` where it is nil.
fn element(document: &str, name: &str) -> Option<Option<String>> {
    if document.contains(&format!("<{name} xsi:nil=\"true\"/>")) {
        return Some(None);
    }
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(Some(text.to_owned()))
}

impl Model {
    fn process(&mut self, message: &OciMessage) -> Expected {
        let (_, command) = message.document.split_once("BroadsoftDocument").unwrap();
        let (_, command) = command.split_once(&format!("\"{}\"", message.command)).unwrap();
        let user_id = element(command, "userId").unwrap().unwrap();
        assert_eq!(user_id, message.user_id);
        let context = match element(command, "callingLineIdFirstName") {
            Some(Some(_)) => Some(context(element(command, "stateOrProvince").flatten())),
            _ => None,
        };
        match message
            .command
            .trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == 's' || letter == 'p')
        {
            "UserAddRequest" => self.add(user_id, context.unwrap()),
            "UserModifyRequest" => self.modify(&user_id, command, context),
            "UserDeleteRequest" => {
                self.users.remove(&user_id).expect("only who is there is deleted");
                Expected::Completed
            }
            _ => Expected::Ignored,
        }
    }

    fn add(&mut self, user_id: String, context: String) -> Expected {
        assert!(self.users.values().all(|user| user.identity != user_id));
        let user = User { identity: user_id.clone(), trunk: false, phone: None, context };
        assert_eq!(self.users.insert(user_id, user), None, "only who is not there is added");
        Expected::Completed
    }

    fn modify(&mut self, user_id: &str, command: &str, context: Option<String>) -> Expected {
        let mut user = self.users.remove(user_id).expect("only who is there is modified");
        let mut expected = Expected::Ignored;
        if let Some(endpoint) = command.split_once("<endpoint").map(|(_, endpoint)| endpoint) {
            user.trunk = endpoint.contains("trunkGroupDeviceEndpoint");
            user.identity = element(endpoint, "linePort").flatten().unwrap_or(user_id.to_owned());
            expected = Expected::Completed;
        }
        if let Some(phone) = element(command, "phoneNumber") {
            user.phone = phone.map(|phone| phone.trim_start_matches("+299-").to_owned());
            expected = Expected::Completed;
        }
        if let Some(context) = context
            && context != user.context
        {
            user.context = context;
            expected = Expected::Completed;
        }
        for other in self.users.values() {
            assert_ne!(other.identity, user.identity, "an identity belongs to one user");
            assert!(
                user.phone.is_none() || other.phone != user.phone,
                "a phone is released before it is given"
            );
        }
        self.users.insert(user_id.to_owned(), user);
        expected
    }
}

fn context(city: Option<String>) -> String {
    let known = [("Nuuk", "nuk.tg.gl"), ("Sisimiut", "sis.tg.gl"), ("Alaska", "ala.tg.gl")];
    let city = city.unwrap_or_default();
    let found = known.iter().find(|(name, _)| *name == city);
    found.map_or("tg.gl", |(_, context)| context).to_owned()
}

fn traffic(seed: u64) -> Traffic {
    let mut options = TrafficOptions { users: 40, ..TrafficOptions::default() };
    // Only the cities that this test knows by itself.
    options.numbering.phone_contexts.retain(|city, _| context(Some(city.clone())) != "tg.gl");
    Traffic::new(seed, options)
}

#[test]
fn the_same_seed_gives_the_same_stream() {
    let documents = |seed| traffic(seed).take(500).collect::<Vec<_>>();
    assert_eq!(documents(7), documents(7));
    assert_ne!(documents(7), documents(8));
}

#[test]
fn every_event_of_the_stream_comes_to_what_it_should() {
    let mut model = Model::default();
    let mut traffic = traffic(1);
    for number in 0..20_000 {
        let message = traffic.next_message();
        let expected = model.process(&message);
        assert_eq!(expected, message.expected, "{number}: {}", message.document);
        if number % 97 == 0 {
            compare(&model, &traffic);
        }
    }
    compare(&model, &traffic);
}

fn compare(model: &Model, traffic: &Traffic) {
    let state = traffic.expected_state();
    let rows = traffic.expected_subscribers();
    assert_eq!(state.associations.len(), model.users.len());
    assert_eq!(rows.len(), model.users.len());
    for (row, (user_id, user)) in rows.iter().zip(&model.users) {
        assert_eq!((&row.user_id, &row.public_identity, &row.phone), (user_id, &user.identity, &user.phone));
        let association = &state.associations[&row.association_id];
        assert_eq!((association.is_psi, &association.private_user_id), (user.trunk, user_id));
        let sip = format!("sip:{}", user.identity);
        let tel = user.phone.as_ref().map(|phone| format!("tel:+299{phone}"));
        let public_ids: BTreeSet<_> = [Some(sip.clone()), tel].into_iter().flatten().collect();
        assert!(association.public_data.keys().eq(&public_ids));
        let set = if user.trunk { 0 } else { 1 };
        assert!(association.public_data.values().all(|data| data.implicit_reg_set == set));
        let profile = &association.service_profiles[&user.identity];
        assert_eq!(profile.phone_context, user.context);
        assert_eq!(profile.configured_profile_id, if user.trunk { "sp_trunk" } else { "sp_user" });
        if let Some(phone) = &user.phone {
            assert_eq!(state.enum_records[&format!("tel:299{phone}")], sip);
        }
    }
    let phones = model.users.values().filter(|user| user.phone.is_some()).count();
    assert_eq!(state.enum_records.len(), phones);
}

#[test]
fn the_stream_has_everything_that_happens_at_a_portal() {
    let messages: Vec<_> = traffic(3).take(6000).collect();
    let seen = |text: &str| messages.iter().filter(|message| message.document.contains(text)).count();
    for text in [
        "UserAddRequest",
        "UserModifyRequest",
        "UserDeleteRequest",
        "<phoneNumber xsi:nil",
        "<phoneNumber/>",
        "+299-",
        "<accessDeviceEndpoint>",
        "<trunkGroupDeviceEndpoint>",
        "<endpoint xsi:nil",
        "<stateOrProvince xsi:nil",
        "Tasiilaq",
        "Søren",
        "Åse",
        "Næss",
        "&amp;",
    ] {
        assert!(seen(text) > 10, "{text}: {}", seen(text));
    }
    let ignored = messages.iter().filter(|message| message.expected == Expected::Ignored).count();
    assert!((600..2000).contains(&ignored), "{ignored}");
}
