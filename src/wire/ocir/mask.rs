//! What is not shown of a document.
//!
//! ```text
//! <password>s3cret</password> … &lt;newPassword&gt;s3cret&lt;/newPassword&gt; … <user newPassword="s3cret"/>
//! <password>***</password> … &lt;newPassword&gt;***&lt;/newPassword&gt; … <user newPassword="***"/>
//! ```
//!
//! A scanner over tags, not a parser: what is not well-formed must be masked all the same. Angle brackets count in every
//! spelling (`<`, `&lt;`, `&#60;`, `&amp;lt;`, …), so text inside CDATA and escaped text are masked like the rest. Where in
//! doubt more is masked:
//!
//! | written | masked |
//! |---|---|
//! | nested elements of the same name | all of it, as one secret |
//! | an element or a quoted value without an end | up to the end |
//! | an end without its start | what is before it |
//! | text beside an empty element | the text: somebody has mistaken the tag |
//! | a name in which characters stand that no name has | as if they were not there |

mod attributes;
mod spelling;

use crate::wire::mask::names::{clean, is_part, is_secret};
use attributes::{secret_values, values_of_secret};
use memchr::{memchr2, memchr3_iter};
use spelling::{closing, opening};
use std::borrow::Cow;
use std::ops::Range;

/// Where the text of secret elements and attributes is; one may be part of another.
pub(in crate::wire) fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut secrets = Vec::new();
    secret_values(text, &mut secrets);
    secret_elements(text, &mut secrets);
    secrets
}

/// Adds what stands in secret elements, and beside empty ones.
fn secret_elements(text: &str, found: &mut Vec<Range<usize>>) {
    let (mut at, mut expected_end, mut after_last_tag) = (0, None, 0);
    while let Some(tag) = next_tag(text, at) {
        if !is_secret(&tag.name) {
            at = tag.after_name;
            after_last_tag = tag_end(text, tag.after_name).0;
            continue;
        }
        let before = after_last_tag.min(tag.start)..tag.start;
        if tag.is_end {
            if expected_end != Some(tag.start) {
                // Its start was cut off, as that of a document which begins in the middle.
                found.push(before);
            }
            (at, _) = tag_end(text, tag.after_name);
            after_last_tag = at;
            continue;
        }
        let (after, is_empty) = tag_end(text, values_of_secret(text, tag.after_name, found));
        let end = if is_empty { after } else { secret_end(text, after, &tag.name) };
        if is_empty {
            found.extend(unless_blank(text, before));
        }
        found.push(after..end);
        if end == after {
            let behind = behind_tag(text, end);
            found.extend(unless_blank(text, behind..next_name(text, behind)));
        }
        expected_end = Some(end);
        (at, after_last_tag) = (end, end);
    }
}

fn unless_blank(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    (!text[range.clone()].trim().is_empty()).then_some(range)
}

/// Behind the end tag that begins there; there, where none does.
fn behind_tag(text: &str, at: usize) -> usize {
    match next_tag(text, at) {
        Some(tag) if tag.start == at && tag.is_end => tag_end(text, tag.after_name).0,
        _ => at,
    }
}

/// Where the next tag with a name begins.
fn next_name(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(tag) = next_tag(text, at) {
        if !tag.name.is_empty() {
            return tag.start;
        }
        at = tag.after_name;
    }
    text.len()
}

/// A tag, up to its name.
struct FoundTag<'a> {
    start: usize,
    after_name: usize,
    /// Without its prefix, and without what does not belong into a name.
    name: Cow<'a, str>,
    is_end: bool,
}

fn next_tag(text: &str, from: usize) -> Option<FoundTag<'_>> {
    let mut at = from;
    loop {
        at += memchr2(b'<', b'&', &text.as_bytes()[at..])?;
        let start = at;
        let Some(bracket) = opening(&text[at..]) else {
            at += 1;
            continue;
        };
        at += bracket;
        let is_end = text[at..].starts_with('/');
        let name_start = at + usize::from(is_end);
        let name_len = text[name_start..].find(|c| !is_part(c));
        let after_name = name_len.map_or(text.len(), |len| name_start + len);
        return Some(FoundTag { start, after_name, name: clean(&text[name_start..after_name]), is_end });
    }
}

/// Where the tag ends whose name or attributes end at `from`, and whether it is an empty element. A tag that never ends is
/// taken to end there, and so is one within which another begins.
fn tag_end(text: &str, from: usize) -> (usize, bool) {
    let brackets = memchr3_iter(b'<', b'>', b'&', &text.as_bytes()[from..]);
    let mut brackets = brackets.map(|at| from + at).filter_map(|at| {
        let rest = &text[at..];
        closing(rest).map(|len| (at, Some(len))).or_else(|| opening(rest).map(|_| (at, None)))
    });
    let Some((at, Some(len))) = brackets.next() else { return (from, false) };
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

#[cfg(test)]
mod tests {
    use crate::wire::mask_secrets;
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
        check("<n:oldPassword a='1'>x</n:oldPassword>", "<n:oldPassword a='***'>***</n:oldPassword>");
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
        check("<secretary>x</secretary>", "<secretary>x</secretary>");
        check("<a b=\"c\" type='d'>1 = 2</a>", "<a b=\"c\" type='d'>1 = 2</a>");
        check("<password/>\n <a>x</a>\n <password/>", "<password/>\n <a>x</a>\n <password/>");
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
        check("<password a='/>'>x</password>", "<password a='***'>***</password>");
        check("<newPass\0word>x</newPass\0word>", "<newPass\0word>***</newPass\0word>");
        check("<newPass\0word>x</newPassword><a>y</a>", "<newPass\0word>***</newPassword><a>y</a>");
        check("</password>x<password>y</password>", "</password>x<password>***</password>");
    }

    #[test]
    fn secrets_in_attributes_are_masked() {
        check("<u newPassword=\"x\" a='1'/>", "<u newPassword=\"***\" a='1'/>");
        check("<u n:pin = '1>2' a='1'/>", "<u n:pin = '***' a='1'/>");
        check("<password value=\"x\"/>", "<password value=\"***\"/>");
        check(
            "<password xsi:type='t' value='x'>y</password>",
            "<password xsi:type='t' value='***'>***</password>",
        );
        check(
            "&lt;u newPassword=&quot;x&amp;y&quot; a=&quot;z&quot;/&gt;",
            "&lt;u newPassword=&quot;***&quot; a=&quot;z&quot;/&gt;",
        );
        check("<u newPassword=x a=y/>", "<u newPassword=*** a=y/>");
        check("<u newPassword=\"x><a>y</a>", "<u newPassword=\"***");
        check(
            "<passwordHash>x</passwordHash><pinCode>1</pinCode>",
            "<passwordHash>***</passwordHash><pinCode>***</pinCode>",
        );
        check("<a>password=x</a>", "<a>password=***</a>");
        // What somebody else has written before does not uncover it.
        check("<a>pin=\"b</a><u newPassword=\"x\"/>", "<a>pin=\"***\"***\"/>");
        check("<u pin='newPassword=' newPassword='x'/>", "<u pin='***'***'***'/>");
        check("pin=pin=\"x\"", "pin=***\"***\"");
    }

    #[test]
    fn text_beside_an_empty_secret_is_masked() {
        check("<newPassword/>x<a>y</a>", "<newPassword/>***<a>y</a>");
        check("<a>y</a>x<newPassword/>", "<a>y</a>***<newPassword/>");
        check("<newPassword/>x</newPassword>", "<newPassword/>***</newPassword>");
        check("<newPassword></newPassword>x<a/>", "<newPassword></newPassword>***<a/>");
        check("&lt;newPassword/&gt;x &lt; y&lt;a/&gt;", "&lt;newPassword/&gt;***&lt;a/&gt;");
        check("<newPassword/>x", "<newPassword/>***");
    }

    /// Every shape in which somebody may write a secret; `@` is where it stands.
    const SHAPES: [&str; 14] = [
        "<newPassword>@</newPassword>",
        "<n:newPassword xsi:type='x'>@</n:newPassword>",
        "<newPass\0word>@</newPass\0word>",
        "<newPass\u{fffd}word>@</newPassword>",
        "<passwordHash>@</passwordHash>",
        "<pinCode>@</pinCode>",
        "<newPassword/>@",
        "@<newPassword/>",
        "<newPassword></newPassword>@",
        "<newPassword/>@</newPassword>",
        "<x newPassword=\"@\"/>",
        "<x a='1' n:pin = '@' b='2'>y</x>",
        "<newPassword value=\"@\"/>",
        "&lt;x newPassword=&quot;@&quot;/&gt;",
    ];

    proptest! {
        #[test]
        fn no_secret_is_left_in_any_shape(secret in "[a-zA-Z0-9 !#%*+,.:;=?æøå]{6,20}", shape in 0..SHAPES.len()) {
            prop_assume!(secret.trim().len() >= 6);
            let written = SHAPES[shape].replace('@', &secret);
            let document = write::report("1", "a", "b", "UserModifyRequest", &format!("<a>ø</a>{written}<b>end</b>"));
            let masked = mask_secrets(&document);
            prop_assert!(!masked.contains(&secret), "{}", masked);
            prop_assert!(masked.contains("<a>ø</a>") && masked.contains("<b>end</b>"), "{}", masked);
        }

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
        fn no_text_makes_the_mask_panic(text in "(<|/|>|&|lt;|gt;|amp;|password|=|'|\"|\\PC){0,40}") {
            mask_secrets(&text);
        }
    }

    #[test]
    fn a_large_document_of_nothing_but_beginnings_takes_linear_time() {
        let started = std::time::Instant::now();
        for part in ["<a", "pin=", "pin='", "<pin a=", "<pin/>&lt;", "</pin", "<pin/> ", "&amp;", "pin = "] {
            mask_secrets(&part.repeat((1 << 20) / part.len()));
        }
        // Quadratic it would take hours; this is patience with a busy machine.
        assert!(started.elapsed().as_secs() < 120, "{:?}", started.elapsed());
    }
}
