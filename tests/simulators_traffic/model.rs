//! What the documents say, taken literally and read as the daemon reads them: a second opinion on what the stream
//! expects.

use eventmanager::simulators::traffic::{Expected, OciMessage};
use eventmanager::wire::Field;
use eventmanager::wire::ocir::{Command, Document};
use std::collections::BTreeMap;

/// Everything that the documents so far have brought about.
#[derive(Default)]
pub struct Model {
    pub rows: BTreeMap<String, Row>,
    /// Mail domains that were made at the portal.
    pub domains: Vec<String>,
    /// Address to password.
    pub accounts: BTreeMap<String, String>,
}

/// A subscriber: user, pilot, service or voice portal.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub group: Option<String>,
    pub user_type: &'static str,
    pub identity: String,
    pub phone: Option<String>,
    pub context: String,
    pub mail: Option<(String, String)>,
    pub lamps: Option<String>,
    /// Where it was set at the portal.
    pub password: Option<String>,
}

impl Row {
    fn new(command: &Command, user_id: &str, user_type: &'static str) -> Row {
        Row {
            group: command.field("groupId").value().map(str::to_owned),
            user_type,
            identity: user_id.to_owned(),
            phone: None,
            context: "tg.gl".to_owned(),
            mail: None,
            lamps: None,
            password: None,
        }
    }
}

/// An identifier that must be there.
fn required(command: &Command, path: &str) -> String {
    let value = command.field(path).value().unwrap_or_else(|| panic!("{path} of {}", command.command_type()));
    assert!(!value.trim().is_empty(), "{path}");
    value.to_owned()
}

/// The phone of the document, without its country code; an empty element counts as absent.
fn phone(command: &Command, path: &str) -> Field<String> {
    match command.field(path) {
        Field::Value("") => Field::Absent,
        phone => phone.map(|phone| {
            let digits = phone.trim_start_matches("+299-");
            assert!(!digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()), "{phone}");
            digits.to_owned()
        }),
    }
}

fn set(column: &mut Option<String>, value: Field<String>) {
    if !value.is_absent() {
        *column = value.value();
    }
}

pub fn context(city: Option<&str>) -> &'static str {
    let known = [("Nuuk", "nuk.tg.gl"), ("Sisimiut", "sis.tg.gl"), ("Alaska", "ala.tg.gl")];
    let found = known.iter().find(|(name, _)| Some(*name) == city);
    found.map_or("tg.gl", |(_, context)| context)
}

/// The command of a document, which must have exactly one.
pub fn command(message: &OciMessage) -> Command {
    let document = Document::from_text(message.document.clone());
    let mut commands = document.commands();
    let command = commands.next().unwrap_or_else(|| panic!("{}", message.document)).clone();
    assert!(commands.next().is_none(), "one command a document");
    assert_eq!(format!("{}{}", command.command_type(), command.version()), message.command);
    command
}

impl Model {
    pub fn process(&mut self, message: &OciMessage) -> Expected {
        let command = &command(message);
        let subject = message.subject.as_str();
        if let Some(act) = service_act(command.command_type()) {
            assert_eq!(required(command, "serviceUserId"), subject);
            return self.service(command, act, subject);
        }
        let named = match command.command_type() {
            "GroupDeleteRequest" => "groupId",
            "GroupTrunkGroupAddInstanceRequest" => "pilotUser/userId",
            "GroupVoiceMessagingGroupModifyVoicePortalRequest" => "serviceInstanceProfile/publicUserIdentity",
            "SystemDomainAddRequest" | "SystemDomainDeleteRequest" => "domain",
            _ => "userId",
        };
        assert_eq!(required(command, named), subject);
        match command.command_type() {
            "UserAddRequest" => {
                let mut row = Row::new(command, subject, "user");
                row.context = context(command.field("address/stateOrProvince").value()).to_owned();
                self.insert(subject, row)
            }
            "UserModifyRequest" => return self.modify(command, subject),
            "UserDeleteRequest" => self.remove(subject),
            "UserAuthenticationModifyRequest" => {
                self.row(subject).password = Some(required(command, "newPassword"));
            }
            "GroupTrunkGroupAddInstanceRequest" => {
                let mut row = Row::new(command, subject, "pilot");
                row.identity = required(command, "pilotUser/linePort");
                row.password = Some(required(command, "sipAuthenticationPassword"));
                self.insert(subject, row);
            }
            "GroupVoiceMessagingGroupModifyVoicePortalRequest" => self.portal(command, subject),
            "UserVoiceMessagingUserModifyAdvancedVoiceManagementRequest" => self.voicemail(command, subject),
            "UserBusyLampFieldModifyRequest" => match command.field("listURI").to_owned() {
                Field::Value(own) if own == subject => self.row(subject).lamps = None,
                list => set(&mut self.row(subject).lamps, list),
            },
            "GroupDeleteRequest" => {
                let is_member = |row: &Row| row.group.as_deref() == Some(subject);
                let members = self.rows.iter().filter(|(_, row)| is_member(row)).map(|(id, _)| id.clone());
                members.collect::<Vec<_>>().iter().for_each(|member| self.remove(member));
            }
            "SystemDomainAddRequest" => {
                assert!(!self.domains.iter().any(|domain| domain == subject), "{subject} is there");
                self.domains.push(subject.to_owned());
            }
            "SystemDomainDeleteRequest" => {
                assert!(self.accounts.keys().all(|account| !account.ends_with(&format!("@{subject}"))));
                let at = self.domains.iter().position(|domain| domain == subject);
                self.domains.remove(at.expect("only a domain that is there is deleted"));
            }
            _ => return Expected::Ignored,
        }
        Expected::Completed
    }

    fn row(&mut self, user_id: &str) -> &mut Row {
        self.rows.get_mut(user_id).unwrap_or_else(|| panic!("{user_id} is not there"))
    }

    fn insert(&mut self, user_id: &str, row: Row) {
        self.check_owners(user_id, &row);
        assert_eq!(self.rows.insert(user_id.to_owned(), row), None, "only who is not there is added");
    }

    fn remove(&mut self, user_id: &str) {
        let row = self.rows.remove(user_id).expect("only who is there is deleted");
        if let Some((account, _)) = row.mail {
            self.accounts.remove(&account).expect("the account is there");
        }
    }

    fn modify(&mut self, command: &Command, user_id: &str) -> Expected {
        let mut row = self.row(user_id).clone();
        let mut expected = Expected::Ignored;
        if command.has("endpoint") {
            let trunk = command.field("endpoint/trunkAddressing/trunkGroupDeviceEndpoint/linePort");
            let device = command.field("endpoint/accessDeviceEndpoint/linePort");
            let user_type = if trunk.is_absent() { "user" } else { "trunk" };
            if row.user_type != "pilot" && row.user_type != user_type {
                row.user_type = user_type;
                row.password = None;
            }
            row.identity = trunk.value().or(device.value()).unwrap_or(user_id).to_owned();
            expected = Expected::Completed;
        }
        let phone = phone(command, "phoneNumber");
        if !phone.is_absent() {
            set(&mut row.phone, phone);
            expected = Expected::Completed;
        }
        if !command.field("callingLineIdFirstName").is_absent() {
            let context = context(command.field("address/stateOrProvince").value());
            if row.context != context {
                row.context = context.to_owned();
                expected = Expected::Completed;
            }
        }
        self.check_owners(user_id, &row);
        *self.row(user_id) = row;
        expected
    }

    fn service(&mut self, command: &Command, act: &str, user_id: &str) -> Expected {
        let phone = phone(command, "serviceInstanceProfile/phoneNumber");
        let identity = command.field("serviceInstanceProfile/publicUserIdentity").value();
        match act {
            "Delete" => self.remove(user_id),
            "Modify" if phone.is_absent() && identity.is_none() => return Expected::Ignored,
            _ => {
                let mut row = match act {
                    "Add" => Row::new(command, user_id, "virtual"),
                    _ => self.rows.remove(user_id).expect("only who is there is modified"),
                };
                set(&mut row.phone, phone);
                row.identity = identity.map_or(row.identity, str::to_owned);
                self.insert(user_id, row);
            }
        }
        Expected::Completed
    }

    fn portal(&mut self, command: &Command, user_id: &str) {
        let mut row = self.rows.remove(user_id).unwrap_or_else(|| Row::new(command, user_id, "virtual"));
        assert_eq!(row.group, command.field("groupId").value().map(str::to_owned));
        set(&mut row.phone, phone(command, "serviceInstanceProfile/phoneNumber"));
        self.insert(user_id, row);
    }

    fn voicemail(&mut self, command: &Command, user_id: &str) {
        let Field::Value(account) = command.field("groupMailServerUserId") else { return };
        let mail = (account.to_owned(), required(command, "groupMailServerPassword"));
        let row = self.row(user_id);
        if row.mail.as_ref().is_some_and(|(before, _)| *before == mail.0) {
            return;
        }
        row.mail = Some(mail.clone());
        assert_eq!(self.accounts.insert(mail.0, mail.1), None, "an account belongs to one user");
    }

    /// Nobody else has what this row has.
    fn check_owners(&self, user_id: &str, row: &Row) {
        for (_, other) in self.rows.iter().filter(|(id, _)| *id != user_id) {
            assert_ne!(other.identity, row.identity, "an identity belongs to one subscriber");
            let shares = row.phone.is_some() && other.phone == row.phone;
            assert!(!shares, "a phone is released before it is given");
        }
    }
}

/// What is done with a service; `None` where the command is about something else.
pub fn service_act(command_type: &str) -> Option<&'static str> {
    let rest = command_type.strip_prefix("Group")?;
    let kinds = ["HuntGroup", "AutoAttendant", "CallCenter", "MeetMeConferencing"];
    let rest = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    ["Add", "Modify", "Delete"].into_iter().find(|act| rest == format!("{act}InstanceRequest"))
}
