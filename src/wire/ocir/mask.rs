//! Making a document fit to be shown.
//!
//! ```text
//! <password>s3cret</password> … &lt;newPassword&gt;s3cret&lt;/newPassword&gt;
//! <password>***</password> … &lt;newPassword&gt;***&lt;/newPassword&gt;
//! ```
//!
//! A scanner over tags, not a parser: what is not well-formed must be masked all the same. Angle brackets count in every
//! spelling (`<`, `&lt;`, `&#60;`, `&amp;lt;`, …), so text inside CDATA and escaped text are masked like the rest. Where in
//! doubt more is masked: nested elements of the same name are one secret, and one without an end reaches to the end.

use memchr::memchr2;

/// The end of the (local) names of elements that hold secrets, in any case.
const SECRETS: [&str; 9] = [
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

/// The document with the text of every secret element replaced by `***`.
pub fn mask_secrets(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut written = 0;
    let mut at = 0;
    let mut expected_end = None;
    let mut after_last_tag = 0;
    while let Some(tag) = next_tag(text, at) {
        let (after, is_empty) = tag_end(text, tag.after_name);
        let before = std::mem::replace(&mut after_last_tag, after);
        at = tag.after_name;
        if !is_secret(tag.name) {
            continue;
        }
        if tag.is_end && expected_end != Some(tag.start) && tag.start > before.max(written) {
            // Its start was cut off, as that of a document which begins in the middle: what is before it is the secret.
            masked.push_str(&text[written..before.max(written)]);
            masked.push_str("***");
            written = tag.start;
        }
        at = after;
        if tag.is_end || is_empty {
            continue;
        }
        let end = secret_end(text, after, tag.name);
        masked.push_str(&text[written..after]);
        if end > after {
            masked.push_str("***");
        }
        expected_end = Some(end);
        (written, at, after_last_tag) = (end, end, end);
    }
    masked.push_str(&text[written..]);
    masked
}

/// A tag, up to its name.
struct FoundTag<'a> {
    start: usize,
    after_name: usize,
    /// Without its prefix.
    name: &'a str,
    is_end: bool,
}

fn next_tag(text: &str, from: usize) -> Option<FoundTag<'_>> {
    let mut at = from;
    loop {
        at += memchr2(b'<', b'&', &text.as_bytes()[at..])?;
        let start = at;
        let Some(bracket) = bracket(&text[at..], "lt", &["60", "x3c"], '<') else {
            at += 1;
            continue;
        };
        at += bracket;
        let is_end = text[at..].starts_with('/');
        let name_start = at + usize::from(is_end);
        let name_len = text[name_start..].find(|c: char| !(c.is_alphanumeric() || "_-.:".contains(c)));
        let after_name = name_len.map_or(text.len(), |len| name_start + len);
        let name = crate::wire::xml::local(&text[name_start..after_name]);
        return Some(FoundTag { start, after_name, name, is_end });
    }
}

fn is_secret(name: &str) -> bool {
    let ends_in = |end: &str| {
        let start = name.len().checked_sub(end.len());
        start.and_then(|start| name.get(start..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
    };
    SECRETS.iter().any(|end| ends_in(end))
}

/// Where the tag ends whose name ends at `from`, and whether it is an empty element. A tag that never ends is taken to end
/// with its name.
fn tag_end(text: &str, from: usize) -> (usize, bool) {
    let ends = |(at, c): (usize, char)| match c {
        '>' | '&' => bracket(&text[from + at..], "gt", &["62", "x3e"], '>').map(|len| (from + at, len)),
        _ => None,
    };
    let Some((at, len)) = text[from..].char_indices().find_map(ends) else { return (from, false) };
    let inside = &text[from..at];
    // A slash in a quoted attribute, of which only a part is inside, does not make the element empty.
    let is_quoted = inside.matches('"').count() % 2 == 1 || inside.matches('\'').count() % 2 == 1;
    (at + len, inside.ends_with('/') && !is_quoted)
}

/// Where the end tag begins that matches a start tag of `name`; the end of the text where there is none.
fn secret_end(text: &str, from: usize, name: &str) -> usize {
    let mut open = 1;
    let mut at = from;
    while let Some(tag) = next_tag(text, at) {
        at = tag.after_name;
        if tag.name != name {
            continue;
        }
        open = if tag.is_end { open - 1 } else { open + 1 };
        if open == 0 {
            return tag.start;
        }
    }
    text.len()
}

/// The length of an angle bracket at the beginning of `text`, in any spelling: itself, by its name, or by its number, with
/// its ampersand escaped any number of times.
fn bracket(text: &str, name: &str, numbers: &[&str], itself: char) -> Option<usize> {
    if text.starts_with(itself) {
        return Some(1);
    }
    let mut rest = text.strip_prefix('&')?;
    while let Some(unescaped) = rest.strip_prefix("amp;") {
        rest = unescaped;
    }
    let (reference, _) = rest.get(..rest.len().min(12)).unwrap_or(rest).split_once(';')?;
    let is_number = |number: &str| {
        numbers.iter().any(|n| match n.strip_prefix('x') {
            Some(hex) => number.strip_prefix(['x', 'X']).is_some_and(|n| same_number(n, hex)),
            None => same_number(number, n),
        })
    };
    let matches = reference == name || reference.strip_prefix('#').is_some_and(is_number);
    matches.then(|| text.len() - rest.len() + reference.len() + 1)
}

fn same_number(a: &str, b: &str) -> bool {
    a.trim_start_matches('0').eq_ignore_ascii_case(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ocir::write;
    use proptest::prelude::*;

    #[test]
    fn what_comes_before_the_end_of_a_secret_whose_start_was_cut_off_is_masked() {
        assert_eq!(mask_secrets("ord>S3CRET</newPassword><a>b</a>"), "***</newPassword><a>b</a>");
        assert_eq!(mask_secrets("<a>b</a>S3CRET</newPassword>"), "<a>b</a>***</newPassword>");
        assert_eq!(mask_secrets("<password>x</password><a/>"), "<password>***</password><a/>");
        assert_eq!(mask_secrets("<password/><a>b</a>"), "<password/><a>b</a>");
    }

    fn check(text: &str, expected: &str) {
        assert_eq!(mask_secrets(text), expected);
    }

    #[test]
    fn secrets_are_masked_in_every_spelling() {
        check("", "");
        check("<a>b</a>", "<a>b</a>");
        check("<password>x</password><b>y</b>", "<password>***</password><b>y</b>");
        check("<newPassword>x</newPassword>", "<newPassword>***</newPassword>");
        check("<moderatorPin>1</moderatorPin><PIN>2</PIN>", "<moderatorPin>***</moderatorPin><PIN>***</PIN>");
        check(
            "<accountAuthorizationCode>1</accountAuthorizationCode>",
            "<accountAuthorizationCode>***</accountAuthorizationCode>",
        );
        check("<n:oldPassword a='1'>x</n:oldPassword>", "<n:oldPassword a='1'>***</n:oldPassword>");
        check(
            "<sipAuthenticationPassword\n>x</sipAuthenticationPassword >",
            "<sipAuthenticationPassword\n>***</sipAuthenticationPassword >",
        );
        check(
            "<PASSCODE>1</PASSCODE><clientSecret>2</clientSecret>",
            "<PASSCODE>***</PASSCODE><clientSecret>***</clientSecret>",
        );
        check("<![CDATA[<password>a]]b</password>]]>", "<![CDATA[<password>***</password>]]>");
        check("<password><![CDATA[x]]></password>", "<password>***</password>");
        check("&lt;password&gt;x&amp;y&lt;/password&gt;z", "&lt;password&gt;***&lt;/password&gt;z");
        check("&lt;password>x&lt;/password>z", "&lt;password>***&lt;/password>z");
        check("&#60;password&#x3E;x&#x03c;/password&#62;", "&#60;password&#x3E;***&#x03c;/password&#62;");
        check(
            "&amp;lt;password&amp;gt;x&amp;lt;/password&amp;gt;",
            "&amp;lt;password&amp;gt;***&amp;lt;/password&amp;gt;",
        );
    }

    #[test]
    fn what_holds_no_secret_stays() {
        check(
            "<password/><password xsi:nil=\"true\"/><a>x</a>",
            "<password/><password xsi:nil=\"true\"/><a>x</a>",
        );
        check("<password></password>", "<password></password>");
        check("<passwordRules>x</passwordRules>", "<passwordRules>x</passwordRules>");
        check("a < b && c &lt; d; <é>ø</é> & ", "a < b && c &lt; d; <é>ø</é> & ");
    }

    #[test]
    fn broken_documents_are_masked_all_the_same() {
        check("<password>x", "<password>***");
        check("<password>x</passwor", "<password>***");
        check("<password>x</passwort><a>y</a>", "<password>***");
        check("<password x", "<password***");
        check("<password>a<b</password>", "<password>***</password>");
        check("<password>a<password>b</password>c</password>d", "<password>***</password>d");
        check("<password a='/>'>x</password>", "<password a='/>***</password>");
        check("</password>x<password>y</password>", "</password>x<password>***</password>");
    }

    proptest! {
        #[test]
        fn no_secret_of_a_report_is_left(secret in "[ -~æøå]{6,20}") {
            let mut body = String::from("<userId>u</userId><newPassword>");
            crate::wire::xml::escape::push_text(&mut body, &secret);
            let secret = body["<userId>u</userId><newPassword>".len()..].to_owned();
            prop_assume!(!"<command xsi:type=".contains(&secret));
            body.push_str("</newPassword><a>ø</a>");
            let document = write::report("1", "a", "b", "UserModifyRequest", &body);
            let masked = mask_secrets(&document);
            prop_assert_eq!(masked, document.replace(&format!(">{secret}<"), ">***<"));
        }

        #[test]
        fn no_text_makes_the_mask_panic(text in "(<|/|>|&|lt;|gt;|amp;|password|'|\"|\\PC){0,40}") {
            mask_secrets(&text);
        }
    }
}
