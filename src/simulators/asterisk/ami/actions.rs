//! What an Asterisk answers to actions.
//!
//! Assumed: the whole text behind "Invalid/unknown command", how a Command of which nothing is known is answered, and that a second login
//! of a user who may not is refused as a wrong one is.

use super::classes::Classes;
use super::login;
use super::sessions::Slot;
use super::{lists, sessions::Access};
use crate::simulators::asterisk::core::Core;
use crate::simulators::asterisk::counts::Outcome;
use crate::simulators::asterisk::misbehaviour::Lie;
use crate::simulators::asterisk::options::AsteriskOptions;
use crate::wire::ami::request::Request;
use crate::wire::ami::write::{end, header};
use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

/// How it goes on with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Go,
    /// It is told so after a while, and ended.
    Refuse(&'static str),
    Close,
}

/// An action of a session, on its way.
pub(super) struct Call<'a> {
    pub core: &'a mut Core,
    pub options: &'a AsteriskOptions,
    pub session: usize,
    pub request: &'a Request<'a>,
    pub lie: Option<Lie>,
    /// With which ActionID it is answered.
    id: Option<Cow<'a, [u8]>>,
}

type Answer = fn(&mut Call<'_>) -> Next;

/// Name, classes of which its user must have one, what answers it.
const ACTIONS: [(&str, Classes, Answer); 10] = [
    ("Setvar", Classes::CALL, setvar),
    ("Ping", Classes::NONE, ping),
    ("Getvar", Classes::CALL, getvar),
    ("Filter", Classes::NONE, filter),
    ("Events", Classes::NONE, set_mask),
    (lists::DEVICES, Classes::CALL, lists::devices),
    (lists::PRESENCES, Classes::CALL, lists::presences),
    ("UserEvent", Classes::USER, user_event),
    ("Command", Classes::COMMAND, command),
    ("Login", Classes::NONE, login::again),
];

/// Does what a session asks for, and leaves the answer with what is to be written to it.
pub(super) fn answer(
    core: &mut Core,
    options: &AsteriskOptions,
    session: usize,
    request: &Request<'_>,
    lie: Option<Lie>,
) -> Next {
    core.pbx.counts.actions += 1;
    let Slot { access, last_id, .. } = core.ami.slot(session);
    let access = *access;
    let lie = lie.filter(|_| access.is_some());
    let sent = request.get("ActionID").filter(|id| !id.is_empty());
    let id = match lie {
        Some(Lie::OtherIds) => {
            Some(Cow::Owned(std::mem::replace(last_id, sent.unwrap_or_default().to_vec())))
        }
        Some(Lie::UnknownIds) => Some(Cow::Borrowed(&b"nobody"[..])),
        Some(Lie::NoIds) => None,
        _ => sent.map(Cow::Borrowed),
    };
    let mut call = Call { core, options, session, request, lie, id };
    let Some(name) = request.get("Action").filter(|name| !name.is_empty()) else {
        return call.error("Missing action in request");
    };
    let is = |it: &str| name.eq_ignore_ascii_case(it.as_bytes());
    if is("Logoff") {
        call.respond("Goodbye", &[("Message", b"Thanks for all the fish.")]);
        return Next::Close;
    }
    match access {
        None => login::answer(&mut call, name),
        Some(access) => call.dispatch(name, access),
    }
}

impl Call<'_> {
    fn dispatch(&mut self, name: &[u8], access: Access) -> Next {
        let known = ACTIONS.iter().find(|(it, ..)| name.eq_ignore_ascii_case(it.as_bytes()));
        match known.filter(|(it, ..)| lists::is_loaded(it, self.options)) {
            None => {
                let before = b"Invalid/unknown command: ";
                let after = b". Use Action: ListCommands to show available commands.";
                self.respond("Error", &[("Message", &[before, name, after].concat())])
            }
            Some((_, class, _)) if !access.write.allows(*class) => self.error("Permission denied"),
            Some((.., answer)) => answer(self),
        }
    }

    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.core.ami.slot(self.session).outbox
    }

    /// Writes the header ActionID, where there is one.
    pub fn write_id(&mut self) {
        if let Some(id) = &self.id {
            header(&mut self.core.ami.slot(self.session).outbox, "ActionID", id);
        }
    }

    /// Writes a response.
    pub fn respond(&mut self, kind: &str, headers: &[(&str, &[u8])]) -> Next {
        let start = self.out().len();
        header(self.out(), "Response", kind);
        self.write_id();
        if self.lie == Some(Lie::MoreHeaders) {
            self.out().extend_from_slice(MORE);
        }
        for (name, value) in headers {
            header(self.out(), name, value);
        }
        end(self.out());
        if self.lie == Some(Lie::Twice) {
            self.out().extend_from_within(start..);
        }
        Next::Go
    }

    pub fn success(&mut self, message: &str) -> Next {
        self.respond("Success", &[("Message", message.as_bytes())])
    }

    pub fn error(&mut self, message: &str) -> Next {
        self.respond("Error", &[("Message", message.as_bytes())])
    }
}

/// What [`Lie::MoreHeaders`] adds.
const MORE: &[u8] =
    b"ActionID: nobody\r\nResponse: Error\r\nEvent: DeviceStateChange\r\nDevice: SIP/forged\r\n\
    State: INUSE\r\nno colon\r\nEventList: Complete\r\nListItems: 0\r\n";

fn setvar(call: &mut Call<'_>) -> Next {
    let Some(variable) = call.request.get("Variable").filter(|variable| !variable.is_empty()) else {
        return call.error("No variable specified");
    };
    match call.core.setvar(variable, call.request.get("Value").unwrap_or_default()) {
        Outcome::Changed | Outcome::Same => call.success("Variable Set"),
        Outcome::Refused => call.error("Variable not set"),
    }
}

fn getvar(call: &mut Call<'_>) -> Next {
    let Some(variable) = call.request.get("Variable").filter(|variable| !variable.is_empty()) else {
        return call.error("No variable specified");
    };
    let device = variable.strip_prefix(b"DEVICE_STATE(").and_then(|rest| rest.strip_suffix(b")"));
    let state = device.map(|device| call.core.pbx.device(device).map_or("INVALID", |state| state.as_str()));
    let value = state.unwrap_or_default().as_bytes();
    call.respond("Success", &[("Variable", variable), ("Value", value)])
}

fn ping(call: &mut Call<'_>) -> Next {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = format!("{}.{:06}", now.as_secs(), now.subsec_micros());
    call.respond("Success", &[("Ping", b"Pong"), ("Timestamp", now.as_bytes())])
}

fn filter(call: &mut Call<'_>) -> Next {
    if !call.request.get("Operation").is_some_and(|it| it.eq_ignore_ascii_case(b"Add")) {
        return call.error("Unknown operation");
    }
    let pattern = call.request.get("Filter").unwrap_or_default();
    match call.core.ami.slot(call.session).filters.add(pattern) {
        Ok(()) => call.success("Success"),
        Err(_) => call.error("Filter did not compile. Check the syntax of the filter given."),
    }
}

fn set_mask(call: &mut Call<'_>) -> Next {
    let wanted = Classes::parse(call.request.get("EventMask").unwrap_or_default());
    if let Some(access) = &mut call.core.ami.slot(call.session).access {
        access.wanted = wanted;
    }
    let word: &[u8] = if wanted == Classes::NONE { b"Off" } else { b"On" };
    call.respond("Success", &[("Events", word)])
}

/// The event has all headers of the action, its ActionID too: which does not make it an answer.
fn user_event(call: &mut Call<'_>) -> Next {
    let request = call.request;
    let name = request.get("UserEvent").unwrap_or_default();
    let begins = |line: &[u8], name: &str| {
        line.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name.as_bytes()))
    };
    call.core.ami.tell(Classes::USER, |out, system_name| {
        super::events::begin(out, "UserEvent", Classes::USER, system_name);
        header(out, "UserEvent", name);
        for line in request.lines().filter(|line| !begins(line, "Action:") && !begins(line, "UserEvent:")) {
            out.extend_from_slice(line);
            end(out);
        }
        end(out);
    });
    call.success("Event Sent")
}

fn command(call: &mut Call<'_>) -> Next {
    let command = call.request.get("Command").unwrap_or_default();
    let follows = ("Message", &b"Command output follows"[..]);
    match command {
        b"" => call.error("No command provided"),
        b"core show version" => {
            let version = ("Output", &b"Asterisk 20.0.0, simulated"[..]);
            call.respond("Success", &[follows, version])
        }
        b"core show sysinfo" => {
            // With an empty line, and one that looks like a header.
            let lines =
                [("Output", &b""[..]), ("Output", b"System Statistics"), ("Output", b"  Total RAM: 1 KiB")];
            call.respond("Success", &[follows, lines[0], lines[1], lines[2]])
        }
        _ => {
            let line = [b"No such command '", command, b"'"].concat();
            call.respond("Error", &[follows, ("Output", &line)])
        }
    }
}
