//! Under which name the state of a device is set on other servers.

/// Bytes behind `Custom:`, at most: Asterisk cuts longer names, so that two of them would be one.
pub const LONGEST_NAME: usize = 72;
/// Devices that can be set are of this kind.
pub const CUSTOM: &str = "Custom:";
/// Presentities that can be set are of this kind.
pub const CUSTOM_PRESENCE: &str = "CustomPresence:";
const DEVICE: &str = "{device}";

/// How the name on other servers is made of a device's own: `Custom:{device}`, perhaps with something else for each `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameTemplate {
    before: String,
    after: String,
    slash: String,
}

/// Why a name cannot be set on an Asterisk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("is empty")]
    Empty,
    #[error("has the byte {0:#04x}, which no line may have")]
    Forbidden(u8),
    #[error("makes a name of {0} bytes, of which Asterisk keeps {LONGEST_NAME}")]
    TooLong(usize),
    #[error("is no {CUSTOM_PRESENCE}… and cannot be set")]
    NotCustom,
}

impl Default for NameTemplate {
    fn default() -> Self {
        NameTemplate { before: CUSTOM.to_owned(), after: String::new(), slash: "/".to_owned() }
    }
}

impl NameTemplate {
    /// Reads a template such as `Custom:{device}`; `slash` stands for each `/` of a device. The error says what is wrong.
    pub fn parse(text: &str, slash: &str) -> Result<NameTemplate, String> {
        let Some((before, after)) = text.split_once(DEVICE).filter(|(_, after)| !after.contains(DEVICE))
        else {
            return Err(format!("does not have {DEVICE} in it once"));
        };
        if !before.starts_with(CUSTOM) {
            return Err(format!("does not begin with \"{CUSTOM}\": no other device can be set"));
        }
        if text.chars().chain(slash.chars()).any(char::is_control) {
            return Err("has a control character".to_owned());
        }
        let part = |text: &str| text.to_owned();
        Ok(NameTemplate { before: part(before), after: part(after), slash: part(slash) })
    }

    /// As [`NameTemplate::parse`] reads it, without what stands for `/`.
    pub fn as_written(&self) -> String {
        format!("{}{DEVICE}{}", self.before, self.after)
    }

    /// What stands for each `/` of a device.
    pub fn slash(&self) -> &str {
        &self.slash
    }

    /// Whether this is no device of its own but what this template makes of one. Only where the template adds something to `Custom:` can
    /// that be seen for certain; else it is so where the device within is one of a technology (`SIP/100`), or custom itself: a custom
    /// device with a `/` does not outlive its Asterisk, so that nobody has one.
    pub fn has_made(&self, name: &[u8]) -> bool {
        let Some(device) = self.device_within(name) else { return false };
        self.before != CUSTOM
            || !self.after.is_empty()
            || device.starts_with(CUSTOM.as_bytes())
            || device.contains(&b'/')
    }

    /// What stands for `{device}` in a name; `None` where it does not fit.
    pub fn device_within<'a>(&self, name: &'a [u8]) -> Option<&'a [u8]> {
        name.strip_prefix(self.before.as_bytes())?.strip_suffix(self.after.as_bytes())
    }

    /// The name of `device` on other servers.
    pub fn name(&self, device: &[u8]) -> Result<Vec<u8>, NameError> {
        check(device)?;
        let mut name = self.before.as_bytes().to_vec();
        for &byte in device {
            match byte {
                b'/' => name.extend_from_slice(self.slash.as_bytes()),
                _ => name.push(byte),
            }
        }
        name.extend_from_slice(self.after.as_bytes());
        let length = name.len() - CUSTOM.len();
        if length > LONGEST_NAME { Err(NameError::TooLong(length)) } else { Ok(name) }
    }
}

/// Whether a presentity can be set: under its own name.
pub fn check_presentity(name: &[u8]) -> Result<(), NameError> {
    check(name)?;
    let Some(behind) = name.strip_prefix(CUSTOM_PRESENCE.as_bytes()) else {
        return Err(NameError::NotCustom);
    };
    if behind.len() > LONGEST_NAME { Err(NameError::TooLong(behind.len())) } else { Ok(()) }
}

fn check(name: &[u8]) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    match name.iter().find(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        Some(&byte) => Err(NameError::Forbidden(byte)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(template: &str, slash: &str, device: &[u8], expected: Result<&str, NameError>) {
        let template = NameTemplate::parse(template, slash).expect("a template");
        assert_eq!(template.name(device), expected.map(|name| name.as_bytes().to_vec()), "{template:?}");
    }

    #[test]
    fn a_name_is_made_of_the_device() {
        check("Custom:{device}", "/", b"SIP/100", Ok("Custom:SIP/100"));
        check("Custom:em-{device}-x", "_", b"SIP/a/b", Ok("Custom:em-SIP_a_b-x"));
        assert_eq!(NameTemplate::parse("Custom:{device}", "/"), Ok(NameTemplate::default()));
    }

    #[test]
    fn a_name_that_asterisk_would_misread_is_none() {
        let long = "x".repeat(LONGEST_NAME);
        check("Custom:{device}", "/", long.as_bytes(), Ok(&format!("Custom:{long}")));
        check("Custom:{device}", "/", format!("{long}x").as_bytes(), Err(NameError::TooLong(73)));
        check("Custom:{device}", "--", format!("{}/", &long[1..]).as_bytes(), Err(NameError::TooLong(73)));
        check("Custom:{device}", "/", b"", Err(NameError::Empty));
        for byte in *b"\r\n\0" {
            check("Custom:{device}", "/", &[b'a', byte, b'b'], Err(NameError::Forbidden(byte)));
        }
    }

    #[test]
    fn a_name_that_was_made_of_a_device_is_known_again() {
        let check = |template: &str, slash: &str, made: &[&str], others: &[&str]| {
            let template = NameTemplate::parse(template, slash).expect("a template");
            for name in made {
                assert!(template.has_made(name.as_bytes()), "{template:?} made {name}");
            }
            for name in others {
                assert!(!template.has_made(name.as_bytes()), "{template:?} did not make {name}");
            }
        };
        check("Custom:{device}", "/", &["Custom:SIP/1", "Custom:Custom:door"], &["Custom:door", "SIP/1"]);
        check("Custom:em-{device}", "_", &["Custom:em-door", "Custom:em-SIP_1"], &["Custom:door", "SIP/1"]);
        check("Custom:{device}-em", "_", &["Custom:door-em"], &["Custom:door"]);
    }

    #[test]
    fn a_template_has_the_device_once_in_what_can_be_set() {
        for text in [
            "",
            "Custom:x",
            "Custom:{device}{device}",
            "SIP/{device}",
            "custom:{device}",
            "Custom:\n{device}",
        ] {
            assert!(NameTemplate::parse(text, "/").is_err(), "{text}");
        }
        assert!(NameTemplate::parse("Custom:{device}", "\n").is_err());
    }

    #[test]
    fn of_presentities_only_custom_ones_can_be_set() {
        assert_eq!(check_presentity(b"CustomPresence:300"), Ok(()));
        assert_eq!(check_presentity(b"PJSIP:300"), Err(NameError::NotCustom));
        assert_eq!(check_presentity(b"CustomPresence:3\n"), Err(NameError::Forbidden(b'\n')));
        let long = [b"CustomPresence:", &[b'x'; 73][..]].concat();
        assert_eq!(check_presentity(&long), Err(NameError::TooLong(73)));
    }
}
