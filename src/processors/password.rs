//! SIP passwords for associations that are created without one of their own.

use crate::wire::Secret;

const LENGTH: usize = 14;
const LETTERS: u8 = 26;

/// 14 letters a–z from the operating system's generator, as the Erlang release makes them.
pub fn random() -> Secret {
    let mut letters = String::with_capacity(LENGTH);
    while letters.len() < LENGTH {
        let mut bytes = [0; 2 * LENGTH];
        getrandom::fill(&mut bytes).expect("the operating system has a random generator");
        // Values above the largest multiple of 26 would make the first letters likelier.
        let unbiased = bytes.iter().filter(|byte| **byte < u8::MAX / LETTERS * LETTERS);
        letters.extend(unbiased.map(|byte| char::from(b'a' + byte % LETTERS)).take(LENGTH - letters.len()));
    }
    Secret::new(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_fourteen_letters_and_never_the_same() {
        let (one, other) = (random(), random());
        assert_ne!(one, other);
        assert!(one.expose().len() == 14 && one.expose().bytes().all(|byte| byte.is_ascii_lowercase()));
    }
}
