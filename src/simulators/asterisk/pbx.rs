//! What an Asterisk holds: the states of its devices and presentities, and its rules for setting them.
//!
//! ```text
//! DEVICE_STATE(Custom:SIP/100)         INUSE                       one of Asterisk's words, but not UNKNOWN
//! PRESENCE_STATE(CustomPresence:300)   away,c3Vi,aGVsbG8=,e        state, subtype, message; "e" says that these are base64
//! ```
//!
//! Nothing here knows how it was asked for: every transport uses it.
//!
//! Assumed: text of a presence that is too long is cut at 255 bytes; in base64, letters that are none are skipped; plain text is split at
//! its commas, and refused where the fourth part has no `e`; variables that are no functions can always be set, and are forgotten.

use super::counts::{Counts, Journal, Outcome};
use crate::states::naming::{CUSTOM, CUSTOM_PRESENCE, LONGEST_NAME};
use crate::states::presence::LONGEST_TEXT;
use crate::states::{DeviceState, Presence, PresenceState};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use std::collections::{BTreeMap, HashMap};

/// Devices of this kind have no state that Asterisk would keep: they have events, and are in no list.
const NOT_KEPT: &[u8] = b"Local/";

/// The states of one Asterisk.
#[derive(Debug, Default)]
pub(super) struct Pbx {
    /// Its own devices.
    devices: HashMap<Vec<u8>, DeviceState>,
    /// Those that can be set, by what is behind `Custom:`.
    custom: HashMap<Vec<u8>, Custom>,
    /// By what is behind `CustomPresence:`.
    presences: HashMap<Vec<u8>, Presence>,
    pub counts: Counts,
    pub journal: Journal,
}

#[derive(Debug)]
struct Custom {
    state: DeviceState,
    /// How often it was asked to be set.
    setvars: u64,
}

/// What has become different, for whom it is to be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Change<'c> {
    /// `prefix` and `name` together are the device's name.
    Device { prefix: &'static str, name: &'c [u8], state: DeviceState },
    /// Of the presentity `CustomPresence:` and `name`.
    Presence { name: &'c [u8], presence: &'c Presence },
}

impl Pbx {
    /// Nothing held.
    pub fn new(journal: usize) -> Pbx {
        Pbx { journal: Journal::new(journal), ..Pbx::default() }
    }

    /// Sets a variable as the action Setvar does.
    pub fn setvar<'c>(&'c mut self, variable: &'c [u8], value: &'c [u8]) -> (Outcome, Option<Change<'c>>) {
        let function = variable.iter().position(|&byte| byte == b'(').map(|open| variable.split_at(open));
        let of = |rest: &'c [u8]| rest[1..].strip_suffix(b")").unwrap_or(&rest[1..]);
        let (counts, journal) = (&mut self.counts, &mut self.journal);
        counts.setvars += 1;
        let change = match function {
            None if variable.is_empty() => Err(Refused),
            None => Ok(None),
            Some((b"DEVICE_STATE", rest)) => set_custom(&mut self.custom, of(rest), value),
            Some((b"PRESENCE_STATE", rest)) => write_presence(&mut self.presences, of(rest), value),
            Some(_) => Err(Refused),
        };
        let (outcome, change) = match change {
            Ok(Some(change)) => (Outcome::Changed, Some(change)),
            Ok(None) => (Outcome::Same, None),
            Err(Refused) => (Outcome::Refused, None),
        };
        counts.changed += u64::from(outcome == Outcome::Changed);
        counts.refused += u64::from(outcome == Outcome::Refused);
        journal.add(variable, value, outcome);
        (outcome, change)
    }

    /// A device of its own is in another state, or its dialplan sets one of `Custom:`; `None` where it is in that state.
    pub fn set_device<'c>(&'c mut self, name: &'c [u8], state: DeviceState) -> Option<Change<'c>> {
        if let Some(name) = name.strip_prefix(CUSTOM.as_bytes()) {
            let name = cut(name);
            return put_custom(&mut self.custom, name, state, 0).then_some(custom(name, state));
        }
        let is_new = match self.devices.get_mut(name) {
            Some(held) => std::mem::replace(held, state) != state,
            None => self.devices.insert(name.to_vec(), state).is_none(),
        };
        is_new.then_some(Change::Device { prefix: "", name, state })
    }

    /// Its dialplan sets a presence; `None` where it is as before.
    pub fn set_presence<'c>(&'c mut self, name: &'c [u8], presence: Presence) -> Option<Change<'c>> {
        let name = name.strip_prefix(CUSTOM_PRESENCE.as_bytes()).unwrap_or(name);
        put_presence(&mut self.presences, name, presence)
    }

    /// A new start of Asterisk: what was set under names with `/` does not come back.
    pub fn forget(&mut self) {
        self.custom.retain(|name, _| !name.contains(&b'/'));
    }

    /// The state of a device; `None` where it is not known.
    pub fn device(&self, name: &[u8]) -> Option<DeviceState> {
        match name.strip_prefix(CUSTOM.as_bytes()) {
            Some(name) => self.custom.get(cut(name)).map(|device| device.state),
            None => self.devices.get(name).copied(),
        }
    }

    /// How often the device `Custom:…` was asked to be set, by Setvar.
    pub fn setvars_of(&self, name: &[u8]) -> u64 {
        let name = name.strip_prefix(CUSTOM.as_bytes()).unwrap_or(name);
        self.custom.get(cut(name)).map_or(0, |device| device.setvars)
    }

    /// All devices by name.
    pub fn devices(&self) -> BTreeMap<Vec<u8>, DeviceState> {
        let own = self.devices.iter().map(|(name, &state)| (name.clone(), state));
        let custom = self.custom.iter().map(|(name, it)| ([CUSTOM.as_bytes(), name].concat(), it.state));
        own.chain(custom).collect()
    }

    /// Those that Asterisk lists.
    pub fn listed(&self) -> BTreeMap<Vec<u8>, DeviceState> {
        let mut devices = self.devices();
        devices.retain(|name, _| !name.starts_with(NOT_KEPT));
        devices
    }

    /// All presentities by name, with what is said of each.
    pub fn presences(&self) -> BTreeMap<Vec<u8>, Presence> {
        let name = |name: &Vec<u8>| [CUSTOM_PRESENCE.as_bytes(), name].concat();
        self.presences.iter().map(|(it, presence)| (name(it), presence.clone())).collect()
    }
}

/// Asterisk does not do it.
#[derive(Debug)]
struct Refused;

type Set<'c> = Result<Option<Change<'c>>, Refused>;

fn custom(name: &[u8], state: DeviceState) -> Change<'_> {
    Change::Device { prefix: CUSTOM, name, state }
}

/// A longer name is cut, and is another's then.
fn cut(name: &[u8]) -> &[u8] {
    &name[..name.len().min(LONGEST_NAME)]
}

fn set_custom<'c>(held: &mut HashMap<Vec<u8>, Custom>, device: &'c [u8], value: &[u8]) -> Set<'c> {
    let name = behind(CUSTOM, device).map(cut).ok_or(Refused)?;
    let state = DeviceState::parse(value).filter(|state| state.is_settable()).ok_or(Refused)?;
    Ok(put_custom(held, name, state, 1).then_some(custom(name, state)))
}

fn put_custom(held: &mut HashMap<Vec<u8>, Custom>, name: &[u8], state: DeviceState, setvars: u64) -> bool {
    match held.get_mut(name) {
        Some(device) => {
            device.setvars += setvars;
            std::mem::replace(&mut device.state, state) != state
        }
        None => held.insert(name.to_vec(), Custom { state, setvars }).is_none(),
    }
}

fn write_presence<'c>(
    held: &'c mut HashMap<Vec<u8>, Presence>,
    presentity: &'c [u8],
    value: &[u8],
) -> Set<'c> {
    let name = behind(CUSTOM_PRESENCE, presentity).ok_or(Refused)?;
    Ok(put_presence(held, name, read_presence(value)?))
}

fn put_presence<'c>(
    held: &'c mut HashMap<Vec<u8>, Presence>,
    name: &'c [u8],
    presence: Presence,
) -> Option<Change<'c>> {
    let before = held.insert(name.to_vec(), presence);
    let presence = held.get(name)?;
    (before.as_ref() != Some(presence)).then_some(Change::Presence { name, presence })
}

/// What is behind a prefix, in whatever case that is written; there must be something.
fn behind<'n>(prefix: &str, name: &'n [u8]) -> Option<&'n [u8]> {
    let (begin, rest) = name.split_at_checked(prefix.len())?;
    (begin.eq_ignore_ascii_case(prefix.as_bytes()) && !rest.is_empty()).then_some(rest)
}

fn read_presence(value: &[u8]) -> Result<Presence, Refused> {
    let mut parts = value.splitn(4, |&byte| byte == b',');
    let mut part = || parts.next().unwrap_or_default();
    let state = PresenceState::parse(part()).ok_or(Refused)?;
    let (subtype, message, options) = (part(), part(), part());
    let is_encoded = options.contains(&b'e');
    if !options.is_empty() && !is_encoded {
        return Err(Refused);
    }
    let text = |text: &[u8]| {
        let mut text = if is_encoded { decode(text) } else { text.to_vec() };
        text.truncate(LONGEST_TEXT);
        text
    };
    Ok(Presence { state, subtype: text(subtype), message: text(message) })
}

/// Asterisk takes what it can: letters that are none of base64 are skipped, and it ends at the first `=`.
fn decode(text: &[u8]) -> Vec<u8> {
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let text = text.split(|&byte| byte == b'=').next().unwrap_or_default();
    let mut letters: Vec<u8> = text.iter().copied().filter(is_letter).collect();
    if letters.len() % 4 == 1 {
        letters.pop();
    }
    // The bits behind the last byte, which should be 0, do not matter.
    let engine = base64::engine::GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        BASE64_STANDARD_NO_PAD.config().with_decode_allow_trailing_bits(true),
    );
    engine.decode(letters).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of setting it: `outcome`, and the change.
    #[track_caller]
    fn check(pbx: &mut Pbx, variable: &str, value: &str, expected: &str) {
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let shown = match pbx.setvar(variable.as_bytes(), value.as_bytes()) {
            (outcome, None) => format!("{outcome:?}"),
            (_, Some(Change::Device { prefix, name, state })) => {
                format!("{prefix}{} {}", text(name), state.as_str())
            }
            (_, Some(Change::Presence { name, presence: it })) => {
                format!(
                    "{} {} [{}] [{}]",
                    text(name),
                    it.state.as_str(),
                    text(&it.subtype),
                    text(&it.message)
                )
            }
        };
        assert_eq!(shown, expected, "{variable} = {value}");
    }

    #[test]
    fn devices_are_set_by_asterisks_rules() {
        let pbx = &mut Pbx::new(0);
        check(pbx, "DEVICE_STATE(Custom:SIP/100)", "INUSE", "Custom:SIP/100 INUSE");
        check(pbx, "DEVICE_STATE(Custom:SIP/100)", "INUSE", "Same");
        check(pbx, "DEVICE_STATE(custom:SIP/100)", "busy", "Custom:SIP/100 BUSY");
        for value in ["UNKNOWN", "", "NEWSTATE", "IN USE"] {
            check(pbx, "DEVICE_STATE(Custom:SIP/100)", value, "Refused");
        }
        for variable in ["DEVICE_STATE(SIP/100)", "DEVICE_STATE(Custom:)", "OTHER(Custom:1)", ""] {
            check(pbx, variable, "INUSE", "Refused");
        }
        check(pbx, "FOO", "bar", "Same");
        assert_eq!(pbx.device(b"Custom:SIP/100"), Some(DeviceState::Busy));
        assert_eq!(pbx.setvars_of(b"Custom:SIP/100"), 3);
        assert_eq!((pbx.counts.setvars, pbx.counts.changed, pbx.counts.refused), (12, 2, 8));
    }

    #[test]
    fn names_that_are_too_long_are_one() {
        let pbx = &mut Pbx::new(0);
        let name =
            |length: usize, last: &str| format!("DEVICE_STATE(Custom:{}{last})", "x".repeat(length - 1));
        let held = format!("Custom:{}a", "x".repeat(71));
        check(pbx, &name(72, "a"), "INUSE", &format!("{held} INUSE"));
        check(pbx, &name(72, "ab"), "BUSY", &format!("{held} BUSY"));
        check(pbx, &name(72, "b"), "INUSE", &format!("Custom:{}b INUSE", "x".repeat(71)));
        assert_eq!(pbx.devices().len(), 2);
    }

    #[test]
    fn presence_is_read_as_asterisk_reads_it() {
        let pbx = &mut Pbx::new(0);
        let of = "PRESENCE_STATE(CustomPresence:300)";
        check(pbx, of, "xa,c3Vi,aGVsbG8=,e", "300 xa [sub] [hello]");
        check(pbx, of, "xa,c3Vi,aGVsbG8=,e", "Same");
        check(pbx, of, "xa,sub,hello", "Same");
        check(pbx, of, "not_set", "300 not_set [] []");
        // Plain text with a comma: refused where what is behind it has no "e", and taken for base64 where it has.
        check(pbx, of, "away,sub,hi,bob", "Refused");
        check(pbx, of, "away,sub,aGk,me", "300 away [\\xb2\\xe6] [hi]");
        for value in ["", "online", ",sub"] {
            check(pbx, of, value, "Refused");
        }
        check(pbx, "PRESENCE_STATE(SIP/300)", "away", "Refused");
        check(pbx, "PRESENCE_STATE(CustomPresence:)", "away", "Refused");
        let long = "eHh4".repeat(100);
        check(pbx, of, &format!("dnd,,{long},e"), &format!("300 dnd [] [{}]", "x".repeat(LONGEST_TEXT)));
    }

    #[test]
    fn a_new_start_forgets_names_with_a_slash_alone() {
        let pbx = &mut Pbx::new(0);
        check(pbx, "DEVICE_STATE(Custom:SIP/100)", "INUSE", "Custom:SIP/100 INUSE");
        check(pbx, "DEVICE_STATE(Custom:lamp)", "INUSE", "Custom:lamp INUSE");
        assert!(pbx.set_device(b"SIP/100", DeviceState::Busy).is_some());
        assert_eq!(pbx.set_device(b"SIP/100", DeviceState::Busy), None);
        assert!(pbx.set_device(b"Local/1", DeviceState::Busy).is_some());
        pbx.forget();
        let names: Vec<_> = pbx.listed().into_keys().collect();
        assert_eq!(names, [&b"Custom:lamp"[..], b"SIP/100"]);
        check(pbx, "DEVICE_STATE(Custom:SIP/100)", "INUSE", "Custom:SIP/100 INUSE");
    }
}
