//! What is shown of documents: no secret, in whatever document it stands.

use super::source::{Source, seed};
use super::{Target, samples};
use eventmanager::wire::mask_secrets;
use serde::de::IgnoredAny;

/// What must not be seen. Nothing else is written like this.
const SECRET: &str = "S3cretValueQ9";

/// How secrets are written; `@` is where it stands.
const IN_XML: [&str; 10] = [
    "<newPassword>@</newPassword>",
    "<n:password xsi:type='x'>@</n:password>",
    "<a><pin>@</pin></a>",
    "<u newPassword=\"@\" b='c'/>",
    "<password><![CDATA[@]]></password>",
    "&lt;password&gt;@&lt;/password&gt;",
    "<sipAuthenticationPassword\n>@</sipAuthenticationPassword >",
    "<passcode>1 @ 2</passcode>",
    "<newPassword/>@<b/>",
    "<clientSecret>@",
];
const IN_JSON: [&str; 8] = [
    r#""password":"@""#,
    r#""pass\u0077ord" : "@""#,
    r#""secret":["@",{"a":"@"}]"#,
    r#""secret":{"a":"@"}"#,
    r#""body":"{\"pin\":\"@\"}""#,
    r#""body":"<password>@</password>""#,
    r#""a":{"newPassword":"@"}"#,
    r#""sip Password":"x@""#,
];

pub fn targets() -> Vec<Target> {
    let target = |name, run, seeds, words| Target { name, run, seeds, words, longest: 16 << 10 };
    vec![
        target("mask", mask, samples::shown, samples::MASK_WORDS),
        target(
            "mask_xml",
            mask_xml,
            || (0..10).map(|shape| xml_seed("<a>b</a>", shape)).collect(),
            samples::XML_WORDS,
        ),
        target("mask_json", mask_json, json_seeds, samples::JSON_WORDS),
    ]
}

fn xml_seed(around: &str, shape: u8) -> Vec<u8> {
    seed(&[around, around], &[shape])
}

fn json_seeds() -> Vec<Vec<u8>> {
    (0..8).map(|shape| seed(&[r#"{"a":[1,null,"b"]}"#, r#"{"c":"d"}"#], &[shape])).collect()
}

/// Whatever it is: it ends, in a time and a text that are not much longer than the document, and JSON stays JSON.
fn mask(data: &[u8]) {
    let document = String::from_utf8_lossy(data);
    let masked = mask_secrets(&document);
    assert!(masked.len() <= 4 * document.len() + 16);
    if serde_json::from_str::<IgnoredAny>(&document).is_ok() {
        let is_json = serde_json::from_str::<IgnoredAny>(&masked).is_ok();
        assert!(is_json, "{document:?} became {masked:?}");
    }
    // But for the quotes around what was none.
    for part in masked.split("***").map(|part| part.trim_matches(['"', '\\'])) {
        assert!(document.contains(part), "{part:?} was not there before: {document:?}");
    }
}

/// Between two elements that can be read, and between two that cannot.
fn mask_xml(data: &[u8]) {
    let mut source = Source::new(data);
    let shape = source.one_of(&IN_XML);
    let (before, after) = (source.text(), source.text());
    let is_read = |text: &str| {
        let wrapped = format!("<a>{text}</a>");
        eventmanager::wire::xml::Tree::parse(&wrapped, usize::MAX).is_ok()
    };
    let document = format!("<r>{before}{}{after}</r>", shape.replace('@', SECRET));
    let masked = mask_secrets(&document);
    let is_said = [&before, &after].iter().any(|text| text.contains(SECRET));
    // Around a secret may stand what hides that it is one: a comment that has begun, or an attribute.
    if is_read(&before) && !is_said {
        assert!(!masked.contains(SECRET), "{document:?} became {masked:?}");
    }
}

/// As a member of an object, whatever its other members are, and of what is cut off.
fn mask_json(data: &[u8]) {
    let mut source = Source::new(data);
    let shape = source.one_of(&IN_JSON);
    let cut = source.byte();
    let (before, after) = (source.text(), source.text());
    if [&before, &after].iter().any(|text| text.contains(SECRET)) {
        // It stands where nobody has called it a secret.
        return;
    }
    let [before, after] = [before, after].map(|text| {
        let is_json = serde_json::from_str::<IgnoredAny>(&text).is_ok();
        if is_json { text } else { serde_json::Value::from(text).to_string() }
    });
    let document = format!("{{\"x\":{before},{},\"y\":{after}}}", shape.replace('@', SECRET));
    assert!(serde_json::from_str::<IgnoredAny>(&document).is_ok());
    let masked = mask_secrets(&document);
    assert!(!masked.contains(SECRET), "{document:?} became {masked:?}");
    let is_json = serde_json::from_str::<IgnoredAny>(&masked).is_ok();
    assert!(is_json, "{document:?} became {masked:?}");
    let end = document.floor_char_boundary(document.len().saturating_sub(usize::from(cut)));
    let cut = mask_secrets(&document[..end]);
    assert!(!cut.contains(SECRET), "{:?} became {cut:?}", &document[..end]);
}
