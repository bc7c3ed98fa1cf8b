//! Which kinds of things the people at the portal do besides looking after users.

use std::str::FromStr;

/// A kind of things that are provisioned, with the acts about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Trunk groups with a pilot.
    Trunks,
    /// Hunt groups, auto attendants, call centres and meet-me conferences.
    Services,
    /// The voice portals of groups.
    Portals,
    /// Mail accounts of users.
    Voicemail,
    /// Busy lamp field lists of users.
    Lamps,
    /// SIP passwords of users.
    Passwords,
    /// Small groups, which are deleted with everything in them.
    Groups,
    /// Mail domains.
    Domains,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 8] = [
        Family::Trunks,
        Family::Services,
        Family::Portals,
        Family::Voicemail,
        Family::Lamps,
        Family::Passwords,
        Family::Groups,
        Family::Domains,
    ];

    /// Lower-case name for the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Family::Trunks => "trunks",
            Family::Services => "services",
            Family::Portals => "portals",
            Family::Voicemail => "voicemail",
            Family::Lamps => "lamps",
            Family::Passwords => "passwords",
            Family::Groups => "groups",
            Family::Domains => "domains",
        }
    }
}

/// The families that a stream has. Users it always has: adding, changing and deleting them, and commands that provision
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Families(u8);

impl Families {
    /// Users and nothing else.
    pub const fn users_only() -> Families {
        Families(0)
    }

    /// Everything that is provisioned.
    pub fn all() -> Families {
        Family::ALL.into_iter().fold(Families::users_only(), Families::with)
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, family: Family) -> Families {
        Families(self.0 | bit(family))
    }

    /// Whether the stream has it.
    pub fn has(self, family: Family) -> bool {
        self.0 & bit(family) != 0
    }
}

fn bit(family: Family) -> u8 {
    1 << family as u8
}

/// A word that names no family.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is none of users, all, {}", Family::ALL.map(Family::as_str).join(", "))]
pub struct UnknownFamily {
    pub word: String,
}

/// `users`, `all`, or names of families with commas between them.
impl FromStr for Families {
    type Err = UnknownFamily;

    fn from_str(text: &str) -> Result<Families, UnknownFamily> {
        let mut families = Families::users_only();
        for word in text.split(',').map(str::trim) {
            match Family::ALL.into_iter().find(|family| family.as_str() == word) {
                Some(family) => families = families.with(family),
                None if word == "all" => families = Families::all(),
                None if word == "users" => {}
                None => return Err(UnknownFamily { word: word.to_owned() }),
            }
        }
        Ok(families)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_read_by_their_names() {
        let services = Families::users_only().with(Family::Services);
        assert_eq!("users".parse(), Ok(Families::users_only()));
        assert_eq!("services".parse(), Ok(services));
        assert_eq!("users, services,lamps".parse(), Ok(services.with(Family::Lamps)));
        assert_eq!("all".parse(), Ok(Families::all()));
        assert!(Family::ALL.into_iter().all(|family| Families::all().has(family)));
        assert!(services.has(Family::Services) && !services.has(Family::Lamps));
        let error = Families::from_str("services,huntgroups").map_err(|error| error.to_string());
        assert_eq!(
            error,
            Err("\"huntgroups\" is none of users, all, trunks, services, portals, voicemail, lamps, passwords, \
                 groups, domains"
                .to_owned())
        );
    }
}
