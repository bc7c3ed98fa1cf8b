//! The stream of documents, read by a second opinion on what each of them does.

mod model;

use eventmanager::plan::{Subscriber, UserType};
use eventmanager::simulators::ema::{CoreState, StoredAssociation};
use eventmanager::simulators::traffic::{Expected, Families, Family, OciMessage, Traffic, TrafficOptions};
use eventmanager::wire::Field;
use model::{Model, Row, command, context, service_act};
use std::collections::{BTreeMap, BTreeSet};

/// Every command type that provisions something.
const COMMANDS: [&str; 23] = [
    "UserAddRequest",
    "UserModifyRequest",
    "UserDeleteRequest",
    "UserAuthenticationModifyRequest",
    "GroupTrunkGroupAddInstanceRequest",
    "GroupDeleteRequest",
    "GroupVoiceMessagingGroupModifyVoicePortalRequest",
    "UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest",
    "UserBusyLampFieldModifyRequest",
    "SystemDomainAddRequest",
    "SystemDomainDeleteRequest",
    "GroupAutoAttendantAddInstanceRequest",
    "GroupAutoAttendantModifyInstanceRequest",
    "GroupAutoAttendantDeleteInstanceRequest",
    "GroupHuntGroupAddInstanceRequest",
    "GroupHuntGroupModifyInstanceRequest",
    "GroupHuntGroupDeleteInstanceRequest",
    "GroupCallCenterAddInstanceRequest",
    "GroupCallCenterModifyInstanceRequest",
    "GroupCallCenterDeleteInstanceRequest",
    "GroupMeetMeConferencingAddInstanceRequest",
    "GroupMeetMeConferencingModifyInstanceRequest",
    "GroupMeetMeConferencingDeleteInstanceRequest",
];

fn traffic(seed: u64, families: Families) -> Traffic {
    let mut options = TrafficOptions { users: 40, families, ..TrafficOptions::default() };
    // Only the cities that the model knows by itself.
    options.numbering.phone_contexts.retain(|city, _| context(Some(city)) != "tg.gl");
    Traffic::new(seed, options)
}

/// Runs the model beside the stream and compares the two now and then.
fn follow(mut traffic: Traffic, documents: usize) {
    let mut model = Model::default();
    for number in 0..documents {
        let message = traffic.next_message();
        let expected = model.process(&message);
        assert_eq!(expected, message.expected, "{number}: {}", message.document);
        if number % 97 == 0 {
            compare(&model, &traffic);
        }
    }
    compare(&model, &traffic);
}

#[test]
fn the_same_seed_gives_the_same_stream() {
    for families in [Families::users_only(), Families::all()] {
        let documents = |seed| traffic(seed, families).take(2000).collect::<Vec<_>>();
        assert_eq!(documents(7), documents(7));
        assert_ne!(documents(7), documents(8));
    }
}

#[test]
fn every_event_of_users_alone_comes_to_what_it_should() {
    follow(traffic(1, Families::users_only()), 20_000);
}

#[test]
fn every_event_of_everything_comes_to_what_it_should() {
    follow(traffic(1, Families::all()), 20_000);
}

#[test]
fn every_family_stands_by_itself() {
    for family in Family::ALL {
        follow(traffic(2, Families::users_only().with(family)), 2000);
    }
}

#[test]
fn a_day_has_every_command_and_is_mostly_about_users() {
    let messages: Vec<_> = traffic(5, Families::all()).take(10_000).collect();
    let mut seen = BTreeMap::<String, usize>::new();
    let mut versions = BTreeSet::new();
    for command in messages.iter().map(command) {
        *seen.entry(command.command_type().to_owned()).or_default() += 1;
        versions.insert(command.version().to_owned());
    }
    for command in COMMANDS {
        assert!(seen.get(command).is_some_and(|&count| count >= 10), "{command}: {:?}", seen.get(command));
    }
    assert!(["", "20", "21", "17sp4"].iter().all(|version| versions.contains(*version)), "{versions:?}");
    let of_users = ["UserAddRequest", "UserModifyRequest", "UserDeleteRequest"].map(|name| seen[name]);
    assert!(of_users.iter().sum::<usize>() > 5500, "{seen:?}");
    assert!(seen["GroupDeleteRequest"] < 100, "{seen:?}");
}

#[test]
fn users_alone_have_no_other_commands() {
    let users = Families::users_only();
    let others = COMMANDS.iter().skip(3).copied().collect::<BTreeSet<_>>();
    for message in traffic(5, users).take(5000) {
        assert!(!others.contains(command(&message).command_type()), "{}", message.command);
    }
}

/// What a page can say of a service: three ways for its phone and its identity each.
#[test]
fn services_and_portals_get_change_and_lose_phones_and_identities() {
    let mut seen = BTreeSet::new();
    for message in traffic(5, Families::all()).take(10_000) {
        let command = command(&message);
        let portal = command.command_type() == "GroupVoiceMessagingGroupModifyVoicePortalRequest";
        let Some(act) = service_act(command.command_type()).or(portal.then_some("Portal")) else { continue };
        let said = |path: &str| match command.field(path) {
            Field::Absent => "absent",
            Field::Nil => "nil",
            Field::Value("") => "empty",
            Field::Value(_) => "set",
        };
        let phone = said("serviceInstanceProfile/phoneNumber");
        seen.insert((act, phone, said("serviceInstanceProfile/publicUserIdentity")));
    }
    for case in [
        ("Add", "absent", "absent"),
        ("Add", "set", "set"),
        ("Modify", "absent", "absent"),
        ("Modify", "empty", "absent"),
        ("Modify", "absent", "set"),
        ("Modify", "nil", "absent"),
        ("Modify", "nil", "set"),
        ("Modify", "set", "absent"),
        ("Modify", "set", "set"),
        ("Portal", "absent", "set"),
        ("Portal", "nil", "set"),
        ("Portal", "set", "set"),
    ] {
        assert!(seen.contains(&case), "{case:?} is not among {seen:?}");
    }
}

#[test]
fn phones_and_identities_move_between_users_and_services() {
    let mut traffic = traffic(9, Families::all());
    let mut owners = BTreeMap::new();
    let mut moves = BTreeSet::new();
    for _ in 0..10_000 {
        traffic.next_message();
        for row in traffic.expected_subscribers() {
            let kind = row.user_type == UserType::Virtual;
            for (what, name) in [("phone", row.phone), ("identity", Some(row.public_identity))] {
                let before = name.and_then(|name| owners.insert((what, name), kind));
                moves.extend(before.map(|before| (what, before, kind)));
            }
        }
    }
    for what in ["phone", "identity"] {
        assert!(moves.contains(&(what, true, false)) && moves.contains(&(what, false, true)), "{what}");
    }
}

#[test]
fn nothing_of_a_group_is_left_when_it_is_deleted() {
    let mut traffic = traffic(4, Families::all());
    let mut largest = BTreeMap::<&str, usize>::new();
    for _ in 0..20_000 {
        let (rows, mail) = (traffic.expected_subscribers(), traffic.expected_mail());
        let message = traffic.next_message();
        if !message.command.starts_with("GroupDeleteRequest") {
            continue;
        }
        let (members, others): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.group_id.as_ref() == Some(&message.subject));
        let mut of = |what, is: &dyn Fn(&&Subscriber) -> bool| {
            let most = largest.entry(what).or_default();
            *most = members.iter().filter(is).count().max(*most);
        };
        of("members", &|_| true);
        of("services", &|row| row.user_type == UserType::Virtual);
        of("pilots", &|row| row.user_type == UserType::Pilot);
        of("phones", &|row| row.phone.is_some());
        of("accounts", &|row| row.mail_account.is_some());
        of("lamps", &|row| row.blf_list.is_some());

        assert_eq!(traffic.expected_subscribers(), others);
        let left = names(&traffic.expected_state());
        for row in &members {
            let phone = row.phone.as_ref().map(|phone| format!("299{phone}"));
            let own = [&row.user_id, &row.public_identity].into_iter().chain(&row.blf_list).chain(&phone);
            let found: Vec<_> = own.filter(|name| left.contains(*name)).collect();
            assert!(found.is_empty(), "{found:?} of {}", message.subject);
        }
        let accounts = members.iter().filter(|row| row.mail_account.is_some()).count();
        assert_eq!(traffic.expected_mail().counts(), (mail.counts().0, mail.counts().1 - accounts));
    }
    for what in ["members", "services", "pilots", "phones", "accounts", "lamps"] {
        assert!(largest[what] > 0, "{what} were in no group that was deleted: {largest:?}");
    }
}

/// Every user, list, identity and phone in HSS and ENUM.
fn names(state: &CoreState) -> BTreeSet<String> {
    let without_scheme = |id: &str| id.trim_start_matches("sip:").trim_start_matches("tel:+").to_owned();
    let of_association = |held: &StoredAssociation| {
        let public_ids = held.public_data.keys().map(|id| without_scheme(id));
        public_ids.chain([held.private_user_id.clone()]).collect::<Vec<_>>()
    };
    let records = state.enum_records.keys().map(|id| id.trim_start_matches("tel:").to_owned());
    state.associations.values().flat_map(of_association).chain(records).collect()
}

#[test]
fn an_account_goes_with_its_user_and_stays_when_another_takes_its_place() {
    let mut traffic = traffic(6, Families::all());
    let (mut replaced, mut deleted) = (0, 0);
    for _ in 0..10_000 {
        let before: BTreeMap<_, _> = mail_accounts(&traffic);
        let message = traffic.next_message();
        let after = mail_accounts(&traffic);
        let Some(account) = before.get(&message.subject) else { continue };
        let held = traffic.expected_mail().to_string().contains(&format!("    {account}\n"));
        match after.get(&message.subject) {
            None => deleted += usize::from(!held),
            Some(now) if now != account => replaced += usize::from(held),
            Some(_) => continue,
        }
        assert_eq!(held, after.contains_key(&message.subject), "{account} after {}", message.command);
    }
    assert!(replaced > 10 && deleted > 10, "{replaced} replaced, {deleted} deleted");
}

fn mail_accounts(traffic: &Traffic) -> BTreeMap<String, String> {
    let rows = traffic.expected_subscribers().into_iter();
    rows.filter_map(|row| Some((row.user_id, row.mail_account?))).collect()
}

#[test]
fn a_password_of_the_portal_is_known_until_the_type_changes() {
    let mut traffic = traffic(8, Families::all());
    let mut lost = 0;
    for _ in 0..5000 {
        let before = traffic.expected_passwords();
        let message = traffic.next_message();
        let after = traffic.expected_passwords();
        let is_there = |id: &String| traffic.expected_state().associations.contains_key(id);
        let forgotten: Vec<_> = before.keys().filter(|id| !after.contains_key(*id) && is_there(id)).collect();
        assert!(forgotten.is_empty() || message.document.contains("<endpoint"), "{}", message.document);
        lost += forgotten.len();
    }
    assert!(lost > 0, "no type of a user with a known password has changed");
    let mut core = traffic.expected_state();
    let known = traffic.expected_passwords();
    assert_eq!(traffic.wrong_passwords(&core).len(), known.len(), "a password that is not there is wrong");
    for (id, password) in known {
        core.associations.get_mut(&id).expect("an association").password = Some(password);
    }
    assert_eq!(traffic.wrong_passwords(&core), Vec::<String>::new());
}

fn compare(model: &Model, traffic: &Traffic) {
    let state = traffic.expected_state();
    let rows = traffic.expected_subscribers();
    assert_eq!(rows.len(), model.rows.len());
    for (row, (user_id, expected)) in rows.iter().zip(&model.rows) {
        compare_row(row, user_id, expected);
        let association = &state.associations[&row.association_id];
        compare_association(association, user_id, expected);
        let phone = expected.phone.as_ref().map(|phone| &state.enum_records[&format!("tel:299{phone}")]);
        assert_eq!(phone, expected.phone.as_ref().map(|_| format!("sip:{}", expected.identity)).as_ref());
    }
    let lists: Vec<_> = model.rows.values().filter_map(|row| row.lamps.as_ref()).collect();
    lists.iter().for_each(|list| compare_list(&state, list));
    assert_eq!(state.associations.len(), model.rows.len() + lists.len());
    let phones = model.rows.values().filter(|row| row.phone.is_some()).count();
    assert_eq!(state.enum_records.len(), phones);
    compare_passwords(model, traffic, &rows);
    compare_mail(model, traffic);
}

fn compare_row(row: &Subscriber, user_id: &str, expected: &Row) {
    assert_eq!((row.user_id.as_str(), &row.public_identity), (user_id, &expected.identity));
    assert_eq!((&row.phone, &row.group_id), (&expected.phone, &expected.group), "{user_id}");
    assert_eq!(row.user_type.as_str(), expected.user_type, "{user_id}");
    assert_eq!(row.phone_context.as_ref(), Some(&expected.context), "{user_id}");
    let password = row.mail_password.as_ref().map(|password| password.expose().to_owned());
    assert_eq!(row.mail_account.clone().zip(password), expected.mail, "{user_id}");
    assert_eq!(row.blf_list, expected.lamps, "{user_id}");
}

fn compare_association(association: &StoredAssociation, user_id: &str, expected: &Row) {
    let is_psi = ["trunk", "virtual"].contains(&expected.user_type);
    assert_eq!((association.is_psi, association.private_user_id.as_str()), (is_psi, user_id));
    let tel = expected.phone.as_ref().map(|phone| format!("tel:+299{phone}"));
    let public_ids: BTreeSet<_> =
        [Some(format!("sip:{}", expected.identity)), tel].into_iter().flatten().collect();
    assert!(association.public_data.keys().eq(&public_ids));
    let set = if is_psi { 0 } else { 1 };
    assert!(association.public_data.values().all(|data| data.implicit_reg_set == set));
    assert_eq!(association.service_profiles.len(), 1);
    let profile = &association.service_profiles[&expected.identity];
    assert_eq!(profile.phone_context, expected.context);
    assert_eq!(profile.configured_profile_id, format!("sp_{}", expected.user_type));
}

/// A busy lamp field list is a service without a row.
fn compare_list(state: &CoreState, list: &str) {
    let held = state.associations.values().find(|association| association.private_user_id == list);
    let row = Row {
        group: None,
        user_type: "virtual",
        identity: list.to_owned(),
        phone: None,
        context: "tg.gl".to_owned(),
        mail: None,
        lamps: None,
        password: None,
    };
    compare_association(held.unwrap_or_else(|| panic!("{list} is not there")), list, &row);
}

fn compare_passwords(model: &Model, traffic: &Traffic, rows: &[Subscriber]) {
    let known = traffic.expected_passwords();
    for row in rows {
        let password = known.get(&row.association_id).map(|password| password.expose());
        assert_eq!(password, model.rows[&row.user_id].password.as_deref(), "{}", row.user_id);
    }
}

fn compare_mail(model: &Model, traffic: &Traffic) {
    let mail = traffic.expected_mail();
    let accounts: BTreeMap<String, String> = mail
        .domains
        .iter()
        .flat_map(|(name, domain)| domain.accounts.iter().map(move |account| (name, account)))
        .map(|(name, (account, password))| (format!("{account}@{name}"), password.expose().to_owned()))
        .collect();
    assert_eq!(accounts, model.accounts);
    let made = mail.domains.iter().filter(|(_, domain)| domain.manager == "mailadmin");
    let mut domains = model.domains.clone();
    domains.sort();
    assert!(made.map(|(name, _)| name).eq(&domains), "{domains:?}");
}

#[test]
fn the_stream_has_everything_that_happens_at_a_portal() {
    let messages: Vec<_> = traffic(3, Families::users_only()).take(6000).collect();
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
        assert!(seen(&messages, text) > 10, "{text}: {}", seen(&messages, text));
    }
    let ignored = messages.iter().filter(|message| message.expected == Expected::Ignored).count();
    assert!((600..2000).contains(&ignored), "{ignored}");
}

#[test]
fn the_stream_has_the_odd_values_of_a_portal() {
    let messages: Vec<_> = traffic(3, Families::all()).take(10_000).collect();
    for text in [
        "<listURI xsi:nil",
        "<listURI>blf-",
        "<groupMailServerUserId xsi:nil",
        "<groupMailServerUserId>søren",
        "<groupMailServerUserId>drift&amp;salg",
        "<newPassword>",
        "% + =?",
        "&lt;&amp;&gt;",
    ] {
        assert!(seen(&messages, text) > 10, "{text}: {}", seen(&messages, text));
    }
}

fn seen(messages: &[OciMessage], text: &str) -> usize {
    messages.iter().filter(|message| message.document.contains(text)).count()
}
