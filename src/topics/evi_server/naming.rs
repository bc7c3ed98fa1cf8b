//! What events are called over EVI.

use crate::config::{EviName, LONGEST_EVI_NAME, is_evi_name};

/// What an event has that its sender has not named.
const UNNAMED: &str = "E_UNNAMED";

/// The name of an event: that of the first entry that means it, its own where it is one, else its own in capitals.
pub fn evi_name(names: &[EviName], event: &str) -> String {
    if let Some(entry) = names.iter().find(|entry| entry.event.means(Some(event))) {
        return entry.name.clone();
    }
    match is_evi_name(event) {
        true => event.to_owned(),
        false => upper_snake(event),
    }
}

/// `call_start` is `E_CALL_START`, `UserAddRequest` is `E_USER_ADD_REQUEST`; what names do not have becomes `_`.
fn upper_snake(event: &str) -> String {
    let mut name = String::from("E_");
    let letters: Vec<char> = event.chars().take(LONGEST_EVI_NAME).collect();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let is_new_word = match letter {
            'A'..='Z' => begins_word(before, letters.get(at + 1).copied()),
            'a'..='z' | '0'..='9' => false,
            _ => true,
        };
        if is_new_word && !name.ends_with('_') {
            name.push('_');
        }
        if letter.is_ascii_alphanumeric() {
            name.push(letter.to_ascii_uppercase());
        }
    }
    name.truncate(LONGEST_EVI_NAME);
    let end = name.trim_end_matches('_').len();
    name.truncate(end);
    if is_evi_name(&name) { name } else { UNNAMED.to_owned() }
}

/// Whether a capital begins a word: behind a small letter or a digit, and as the last one of several before a small letter.
fn begins_word(before: Option<char>, after: Option<char>) -> bool {
    match before {
        Some('a'..='z' | '0'..='9') => true,
        Some('A'..='Z') => after.is_some_and(|after| after.is_ascii_lowercase()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::Pattern;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_made_of_words_in_capitals() {
        let check = |event: &str, expected: &str| assert_eq!(evi_name(&[], event), expected, "{event:?}");
        check("call_start", "E_CALL_START");
        check("UserAddRequest", "E_USER_ADD_REQUEST");
        check("UserModifyRequest17sp4", "E_USER_MODIFY_REQUEST17SP4");
        check("OCIReport", "E_OCI_REPORT");
        check("call2Start", "E_CALL2_START");
        check("call.start--now", "E_CALL_START_NOW");
        check("_x_", "E_X");
        check("E_TEST_1", "E_TEST_1");
        check("E_test", "E_E_TEST");
        check("E_", "E_E");
        check("élan", "E_LAN");
        for none in ["", "_", "é", "…", "  "] {
            check(none, "E_UNNAMED");
        }
        check(
            &"Ab".repeat(100),
            &"E_".chars().chain("AB_".repeat(100).chars()).take(100).collect::<String>(),
        );
    }

    #[test]
    fn an_entry_that_means_it_names_it() {
        let entry = |event: &str, name: &str| EviName {
            event: Pattern::parse(event).expect("a pattern"),
            name: name.to_owned(),
        };
        let names = [entry("UserAddRequest*", "E_BW_USER_ADD"), entry("User*", "E_BW_USER")];
        assert_eq!(evi_name(&names, "UserAddRequest17"), "E_BW_USER_ADD");
        assert_eq!(evi_name(&names, "UserX"), "E_BW_USER");
        assert_eq!(evi_name(&names, "GroupX"), "E_GROUP_X");
        assert_eq!(evi_name(&[entry("E_A", "E_B")], "E_A"), "E_B");
    }

    proptest! {
        #[test]
        fn whatever_it_is_called_it_has_a_name(event in ".{0,300}") {
            prop_assert!(is_evi_name(&evi_name(&[], &event)));
        }
    }
}
