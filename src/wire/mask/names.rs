//! Names of elements, attributes and members that hold secrets.

use crate::wire::xml;
use std::borrow::Cow;

/// How such a (local) name ends, in any case.
const ENDS: [&str; 9] = [
    "password",
    "passcode",
    "passwd",
    "passphrase",
    "secret",
    "pwd",
    "pin",
    "authorizationcode",
    "accesscode",
];

/// What such a name contains, in any case: `passwordHash`.
const PARTS: [&str; 5] = ["password", "passcode", "passwd", "passphrase", "authorizationcode"];

/// What it contains as a word of its own: `pinCode`, but no `spinner`. Who has a token of a session, or of an interface, is let in with it.
const WORDS: [&str; 4] = ["secret", "pwd", "pin", "token"];

/// Members that hold what a SIP client proves with that it knows its password, without hyphens and underscores.
const PROOFS: [&str; 2] = ["authorization", "proxyauthorization"];

/// Whether a name goes on with this character. What no document may hold, or nobody sees, does not end a name: it may have
/// been put there, or have come there by damage.
pub fn is_part(c: char) -> bool {
    c.is_alphanumeric() || "_-.:".contains(c) || is_damage(c)
}

fn is_damage(c: char) -> bool {
    let is_unseen = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{fffd}');
    is_unseen || !xml::is_allowed(c)
}

/// The local name without what does not belong into a name.
pub fn clean(written: &str) -> Cow<'_, str> {
    undamaged(xml::local(written))
}

fn undamaged(name: &str) -> Cow<'_, str> {
    match name.contains(is_damage) {
        true => name.chars().filter(|c| !is_damage(*c)).collect::<String>().into(),
        false => name.into(),
    }
}

/// Whether a member of JSON that has this name is a secret, as it was written but for escapes.
pub fn is_secret_member(written: &str) -> bool {
    // A backslash that is left is one before a letter that it does not belong to.
    let name = undamaged(written).replace('\\', "");
    let name = name.trim();
    let is_proof = |proof: &str| {
        let letters = name.chars().filter(|c| !"-_".contains(*c)).map(|c| c.to_ascii_lowercase());
        letters.eq(proof.chars())
    };
    is_secret(name) || PROOFS.iter().any(|proof| is_proof(proof))
}

/// Whether what has this name is a secret.
pub fn is_secret(name: &str) -> bool {
    let small = name.to_ascii_lowercase();
    ENDS.iter().any(|end| small.ends_with(end))
        || PARTS.iter().any(|part| small.contains(part))
        || WORDS.iter().any(|word| small.match_indices(word).any(|(at, _)| is_word(name, at, word.len())))
}

/// Whether a word of that length begins and ends there: `pin` in `userPinCode`, `PIN_2` and `PINCode`.
fn is_word(name: &str, at: usize, len: usize) -> bool {
    let (before, word, after) = (&name[..at], &name[at..at + len], &name[at + len..]);
    let begins = before.chars().next_back().is_none_or(|last| {
        !last.is_alphabetic() || (last.is_lowercase() && word.starts_with(char::is_uppercase))
    });
    begins && after.chars().next().is_none_or(|next| !next.is_alphabetic() || next.is_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_the_words_of_its_name() {
        let check = |name: &str, expected| assert_eq!(is_secret(&clean(name)), expected, "{name:?}");
        for name in
            ["password", "n:newPassword", "PASSWORD", "sippassword", "passwordHash", "oldPasswordHash2"]
        {
            check(name, true);
        }
        for name in ["pin", "moderatorPin", "PIN", "pinCode", "PINCode", "user_pin_2", "secretKey", "pwdHash"]
        {
            check(name, true);
        }
        for name in ["authorizationCode", "accountAuthorizationCodeHash", "accessCode"] {
            check(name, true);
        }
        for name in ["token", "accessToken", "refresh_token", "X-Auth-Token", "TokenId"] {
            check(name, true);
        }
        for name in ["newPass\0word", "newPass\u{fffd}word", "p\u{200b}in", "\u{1}password"] {
            check(name, true);
        }
        for name in [
            "",
            "spinner",
            "shippingRule",
            "secretary",
            "userId",
            "pass",
            "accessCodes",
            "æpin2",
            "tokens",
            "tokenizer",
        ] {
            check(name, false);
        }
    }

    #[test]
    fn a_member_is_known_by_the_same_words_and_by_its_header() {
        let check = |name: &str, expected| assert_eq!(is_secret_member(name), expected, "{name:?}");
        for name in
            ["password", "a password ", "password: old", "p\u{200b}in", "sip:pin", "pin code", "pass\\word"]
        {
            check(name, true);
        }
        for name in ["authorization", "Proxy-Authorization", "proxy_authorization", "AUTHORIZATION"] {
            check(name, true);
        }
        for name in ["", "auth", "authorizations", "www-authenticate", "authorized", "user"] {
            check(name, false);
        }
    }
}
