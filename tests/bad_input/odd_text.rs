//! Odd letters in every value of every command arrive everywhere as what they are, and go away again.

use super::commands::xml;
use super::support::documents::report;
use super::world::{World, both};
use bytes::Bytes;
use eventmanager::simulators::broadworks::encode;
use eventmanager::simulators::ema::StoredAssociation;
use std::collections::BTreeMap;

/// A part of every value. None is blank, so that nothing is wrong with any.
#[rustfmt::skip]
const TEXTS: &[&str] = &[
    "plain", "&<>\"'", "&amp;&lt;&#65;", "]]>", "<![CDATA[", "<!--", "æøåÆØÅ", "😀👨\u{200d}👩\u{200d}👧", "a\r\nb", "\ta", "\u{a0}a",
    "%0d%0a%s{}%", "';drop table srd_user;--", "\\n\\", "$1 ?1 #:/;,=+", "\u{85}\u{2028}\u{202e}", "\u{fffd}", "A\u{30a}", "\u{10fffd}",
    "\u{7f}\u{9f}", "null", "undefined",
];

/// The services' families, one after the other.
const KINDS: [&str; 4] = ["HuntGroup", "AutoAttendant", "CallCenter", "MeetMeConferencing"];

/// One text in all values of a life.
struct Life {
    text: &'static str,
    number: usize,
}

impl Life {
    fn name(&self, part: &str) -> String {
        format!("{}{part}{}@tele.gl", self.text, self.number)
    }

    fn group(&self) -> String {
        format!("{}group{}", self.text, self.number)
    }

    fn secret(&self, part: &str) -> String {
        format!("{}{part}", self.text)
    }

    fn domain(&self) -> String {
        format!("{}{}.gl", self.text, self.number)
    }

    /// User, service and portal have one each.
    fn phone(&self, which: usize) -> String {
        format!("{}", 320_000 + 10 * self.number + which)
    }

    fn documents(&self) -> Vec<String> {
        let kind = KINDS[self.number % 4];
        let user = xml(&self.name("user"));
        let (group, service, portal) =
            (xml(&self.group()), xml(&self.name("service")), xml(&self.name("portal")));
        let body = |kind: &str, body: String| report(1, kind, &body);
        vec![
            body("UserAddRequest17sp4", format!("<groupId>{group}</groupId><userId>{user}</userId>")),
            body(
                "UserModifyRequest",
                format!("<userId>{user}</userId><phoneNumber>{}</phoneNumber>", self.phone(0)),
            ),
            body(
                "UserModifyRequest",
                format!(
                    "<userId>{user}</userId><endpoint><accessDeviceEndpoint><linePort>{}</linePort></accessDeviceEndpoint></endpoint>",
                    xml(&self.name("line"))
                ),
            ),
            body(
                "UserAuthenticationModifyRequest",
                format!("<userId>{user}</userId><newPassword>{}</newPassword>", xml(&self.secret("sip"))),
            ),
            body(
                "UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest",
                format!(
                    "<userId>{user}</userId><groupMailServerUserId>{}</groupMailServerUserId>\
                 <groupMailServerPassword>{}</groupMailServerPassword>",
                    xml(&self.name("mail")),
                    xml(&self.secret("box"))
                ),
            ),
            body(
                "UserBusyLampFieldModifyRequest",
                format!("<userId>{user}</userId><listURI>{}</listURI>", xml(&self.name("list"))),
            ),
            body(
                "GroupTrunkGroupAddInstanceRequest",
                format!(
                    "<groupId>{group}</groupId><pilotUser><userId>{}</userId><linePort>sip:{}</linePort></pilotUser>\
                 <sipAuthenticationPassword>{}</sipAuthenticationPassword>",
                    xml(&self.name("pilot")),
                    xml(&self.name("trunk")),
                    xml(&self.secret("trunk"))
                ),
            ),
            body(
                &format!("Group{kind}AddInstanceRequest"),
                format!(
                    "<groupId>{group}</groupId><serviceUserId>{service}</serviceUserId><serviceInstanceProfile>\
                 <phoneNumber>{}</phoneNumber></serviceInstanceProfile>",
                    self.phone(1)
                ),
            ),
            body(
                &format!("Group{kind}ModifyInstanceRequest"),
                format!(
                    "<serviceUserId>{service}</serviceUserId><serviceInstanceProfile><publicUserIdentity>{}</publicUserIdentity>\
                 </serviceInstanceProfile>",
                    xml(&self.name("reached"))
                ),
            ),
            body(
                "GroupVoiceMessagingGroupModifyVoicePortalRequest",
                format!(
                    "<groupId>{group}</groupId><serviceInstanceProfile><phoneNumber>{}</phoneNumber>\
                 <publicUserIdentity>{portal}</publicUserIdentity></serviceInstanceProfile>",
                    self.phone(2)
                ),
            ),
            body("SystemDomainAddRequest", format!("<domain>{}</domain>", xml(&self.domain()))),
        ]
    }

    fn deletions(&self) -> Vec<String> {
        vec![
            report(1, "GroupDeleteRequest", &format!("<groupId>{}</groupId>", xml(&self.group()))),
            report(1, "SystemDomainDeleteRequest", &format!("<domain>{}</domain>", xml(&self.domain()))),
        ]
    }

    /// Row of `srd_user`: group, identity, phone, mail account and password, list.
    fn rows(&self) -> [(String, [Option<String>; 6]); 4] {
        let group = Some(self.group());
        let row = |identity: &str, phone: Option<usize>| {
            [group.clone(), Some(self.name(identity)), phone.map(|which| self.phone(which)), None, None, None]
        };
        let mut user = row("line", Some(0));
        user[3..].clone_from_slice(&[
            Some(self.name("mail")),
            Some(self.secret("box")),
            Some(self.name("list")),
        ]);
        [
            (self.name("user"), user),
            (self.name("pilot"), row("trunk", None)),
            (self.name("service"), row("reached", Some(1))),
            (self.name("portal"), row("portal", Some(2))),
        ]
    }

    #[track_caller]
    fn check(&self, world: &World, rows: &BTreeMap<String, Vec<Option<String>>>) {
        let (text, core, mail) = (self.text, world.peers.ema.state(), world.peers.surgemail.state());
        let by_user: BTreeMap<&str, &StoredAssociation> =
            core.associations.values().map(|held| (held.private_user_id.as_str(), held)).collect();
        for (user, row) in self.rows() {
            assert_eq!(rows.get(&user).map(Vec::as_slice), Some(&row[..]), "{text:?}");
            let held = by_user.get(&*user).unwrap_or_else(|| panic!("{user:?} is not in the core"));
            let [_, identity, phone, ..] = row;
            let identity = identity.expect("an identity");
            let sip = format!("sip:{identity}");
            let tel = phone.as_ref().map(|phone| format!("tel:+299{phone}"));
            let public: Vec<&String> = held.public_data.keys().collect();
            assert_eq!(public, std::iter::once(&sip).chain(&tel).collect::<Vec<_>>(), "{text:?}");
            assert_eq!(held.service_profiles.keys().collect::<Vec<_>>(), [&identity], "{text:?}");
            let record = phone.and_then(|phone| core.enum_records.get(&format!("tel:299{phone}")).cloned());
            assert_eq!(record, tel.map(|_| sip), "{text:?}");
        }
        let password =
            |user: &str| by_user[&*self.name(user)].password.as_ref().map(|held| held.expose().to_owned());
        assert_eq!(password("user"), Some(self.secret("sip")), "{text:?}");
        assert_eq!(password("pilot"), Some(self.secret("trunk")), "{text:?}");
        assert!(by_user[&*self.name("list")].is_psi, "{text:?}");
        let local_part = self.name("mail").trim_end_matches("@tele.gl").to_owned();
        let account = mail.domains["tele.gl"].accounts.get(&local_part).map(|held| held.expose().to_owned());
        assert_eq!(account, Some(self.secret("box")), "{text:?}: {mail}");
        assert!(mail.domains.contains_key(&self.domain()), "{text:?}: {mail}");
    }
}

/// In ISO-8859-1 with references for what it lacks, as the server sends it.
fn usual(document: &str) -> Bytes {
    encode(document)
}

/// In UTF-8 under a declaration that says ISO-8859-1.
fn mislabelled(document: &str) -> Bytes {
    document.to_owned().into()
}

#[test]
fn odd_letters_arrive_at_every_system_and_in_every_row_and_are_deleted_again() {
    for mut world in both() {
        for (run, encoded) in [usual, mislabelled as fn(&str) -> Bytes].into_iter().enumerate() {
            let life = |(at, text): (usize, &&'static str)| Life { text, number: at + 100 * run };
            let lives: Vec<Life> = TEXTS.iter().enumerate().map(life).collect();
            let documents: Vec<Bytes> = lives.iter().flat_map(Life::documents).map(|d| encoded(&d)).collect();
            let each = documents.len() / lives.len();
            for (at, ended) in world.send_bytes(&documents).into_iter().enumerate() {
                ended.check(&format!("{:?}, document {}", TEXTS[at / each], at % each), "");
            }
            let sql = "select id, group_id, sipurl, e164, vmail_user, vmail_password, blf_user from srd_user";
            let rows =
                world.rows(sql).into_iter().map(|mut row| (row.remove(0).expect("an id"), row)).collect();
            lives.iter().for_each(|life| life.check(&world, &rows));
            let deletions: Vec<Bytes> = lives.iter().flat_map(Life::deletions).map(|d| encoded(&d)).collect();
            world.send_bytes(&deletions).iter().for_each(|ended| ended.check("deletion", ""));
            assert_eq!(world.peers.ema.holds(), (0, 0), "{}", world.peers.ema.state());
            assert_eq!(world.peers.surgemail.state().counts(), (1, 0), "{}", world.peers.surgemail.state());
            assert_eq!(world.rows("select id from srd_user"), Vec::<Vec<Option<String>>>::new());
        }
        world.check_alive();
    }
}
