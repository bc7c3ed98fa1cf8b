//! The text of an object of JSON, taken apart without being written anew.

use serde::de::IgnoredAny;

/// What is between the braces; `None` where the text is no object.
pub fn inside(object: &str) -> Option<&str> {
    let text = object.trim_matches([' ', '\t', '\r', '\n']);
    let inside = text.strip_prefix('{')?.strip_suffix('}')?;
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    Some(inside)
}

/// The members of an object, or the values of a list, of which this is known to be between the braces: each as its text, a member with its key.
pub fn members(inside: &str) -> Vec<&str> {
    let (mut members, mut from) = (Vec::new(), 0);
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => {
                members.push(&inside[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    members.push(&inside[from..]);
    members
}

/// The key of a member, and the text of its value.
pub fn key_and_value(member: &str) -> Option<(String, &str)> {
    let mut keys = serde_json::Deserializer::from_str(member).into_iter::<String>();
    let key = keys.next()?.ok()?;
    let rest = member.get(keys.byte_offset()..)?;
    Some((key, rest.trim_start().strip_prefix(':')?.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_taken_apart_as_it_is_written() {
        let check = |object: &str, expected: &[(&str, &str)]| {
            let inside = inside(object).expect(object);
            let members: Vec<_> = members(inside).into_iter().filter_map(key_and_value).collect();
            let members: Vec<_> = members.iter().map(|(key, value)| (key.as_str(), *value)).collect();
            assert_eq!(members, expected, "{object}");
        };
        check("{}", &[]);
        check(" { } ", &[]);
        check(
            r#"{"b" : 1.50e3 , "a":[ 1,{"x":","}],"a":"}\""}"#,
            &[("b", "1.50e3"), ("a", r#"[ 1,{"x":","}]"#), ("a", r#""}\"""#)],
        );
        check(r#"{"\u0061\"":null}"#, &[("a\"", "null")]);
        for object in ["", "[1]", "{", "{\"a\":}", "{} {}"] {
            assert_eq!(super::inside(object), None, "{object}");
        }
    }
}
