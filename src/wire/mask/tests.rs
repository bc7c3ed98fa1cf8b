use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value};

#[track_caller]
fn check(document: &str, expected: &str) {
    assert_eq!(mask_secrets(document), expected, "{document}");
}

#[test]
fn secrets_in_json_are_masked_whatever_they_are() {
    check(r#"{"event":"x","password":"s3cret","a":1.50}"#, r#"{"event":"x","password":"***","a":1.50}"#);
    check(r#"{"pin" : 1234, "b":1e+2}"#, r#"{"pin" : "***", "b":1e+2}"#);
    check(r#"{"pin":-1}"#, r#"{"pin":"***"}"#);
    check("{\n  \"pin\": 5\n}\n", "{\n  \"pin\": \"***\"\n}\n");
    check(r#"{"pin":true,"secret":null,"pwd":""}"#, r#"{"pin":"***","secret":"***","pwd":"***"}"#);
    check(r#"{"passwords":["a","]",{"b":["}"]}],"c":[1]}"#, r#"{"passwords":"***","c":[1]}"#);
    check(r#"{"secret":{"a":{"b":"}"},"c":"\"}"},"d":{}}"#, r#"{"secret":"***","d":{}}"#);
    check(r#"[[{"a":[{"userPin":"1"}]}],"pin"]"#, r#"[[{"a":[{"userPin":"***"}]}],"pin"]"#);
    check(
        r#"{"event":"push","token":"eyJhbG.x.y","to":"https://push.example/?token=s3cret&a=1","tag":"t"}"#,
        r#"{"event":"push","token":"***","to":"https://push.example/?token=***","tag":"t"}"#,
    );
    check(r#"{"password":"a","password":"b","b":0}"#, r#"{"password":"***","password":"***","b":0}"#);
    check(r#"{"password":"a\",\"b\\","b":"\\"}"#, r#"{"password":"***","b":"\\"}"#);
}

#[test]
fn names_are_known_in_every_spelling() {
    check(r#"{"\u0070assword":"x"}"#, r#"{"\u0070assword":"***"}"#);
    check(r#"{"new_PassWord":"x","sip-pin":"y"}"#, r#"{"new_PassWord":"***","sip-pin":"***"}"#);
    check(r#"{"\"password\"":"x"}"#, r#"{"\"password\"":"***"}"#);
    check(r#"{"the password \"new\"":"x"}"#, r#"{"the password \"new\"":"***"}"#);
    check(
        r#"{"Proxy-Authorization":"Digest response=\"x\"","authorization":"y"}"#,
        r#"{"Proxy-Authorization":"***","authorization":"***"}"#,
    );
}

#[test]
fn what_holds_no_secret_stays() {
    for document in [
        "",
        "{}",
        r#"{"event":"AUTH","auth":true,"from":"\"Anna\" <sip:anna@tele.gl:5060>;tag=1","x":"pin","":"\\"}"#,
        r#"["password",":x",{"a":["secret",": "]}]"#,
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1",
        "no JSON: {\"a\":\"b\"",
    ] {
        check(document, document);
    }
}

#[test]
fn json_in_a_string_of_json_is_masked() {
    check(r#"{"body":"{\"password\":\"x\"}"}"#, r#"{"body":"{\"password\":\"***\"}"}"#);
    check(r#"{"body":"{\"pin\":12,\"a\":1}"}"#, r#"{"body":"{\"pin\":\"***\",\"a\":1}"}"#);
    check(r#"{"body":"{\"secret\":[\"]\",{}]}","a":1}"#, r#"{"body":"{\"secret\":\"***\"}","a":1}"#);
    check(
        r#"{"b":"{\"c\":\"{\\\"pin\\\":\\\"x\\\",\\\"pwd\\\":1}\"}"}"#,
        r#"{"b":"{\"c\":\"{\\\"pin\\\":\\\"***\\\",\\\"pwd\\\":\\\"***\\\"}\"}"}"#,
    );
    check(
        r#"{"b":"{\u0022\\u0070in\u0022:\u0022x\u0022,\u0022pwd\u0022:1}"}"#,
        r#"{"b":"{\u0022\\u0070in\u0022:\u0022***\u0022,\u0022pwd\u0022:\u0022***\u0022}"}"#,
    );
    // Cut off within its string.
    check(r#"[["{\"password\":\"x"],2]"#, r#"[["{\"password\":\"***"],2]"#);
    check(r#"["\"password\":\"x", 5]"#, r#"["\"password\":\"***", 5]"#);
    check(r#"["{\"password\":", "{\"pin\":[1", 5]"#, r#"["{\"password\":", "{\"pin\":\"***\"", 5]"#);
}

#[test]
fn xml_and_headers_in_a_string_of_json_are_masked() {
    check(
        r#"{"b":"<password>x</password><u newPassword=\"y\"/>\u003cpin>1\u003c/pin>"}"#,
        r#"{"b":"<password>***</password><u newPassword=\"***\"/>\u003cpin>***\u003c/pin>"}"#,
    );
    check(r#"{"b":"<password>x","c":"d"}"#, r#"{"b":"<password>***","c":"d"}"#);
    check(r#"{"b":"pin=1\r\n","c":"pin='2","d":"'"}"#, r#"{"b":"pin=***\r\n","c":"pin='***","d":"'"}"#);
    check(
        r#"{"m":"Authorization: Digest username=\"a\", uri=\"sip:[::1]\", response=\"x\"\r\nTo: b","c":1}"#,
        r#"{"m":"Authorization: ***\r\nTo: b","c":1}"#,
    );
    check(r#"{"m":"your pin: 12","c":1}"#, r#"{"m":"your pin: ***","c":1}"#);
}

#[test]
fn broken_json_is_masked_all_the_same() {
    check(r#"{"password":"x"#, r#"{"password":"***"#);
    check(r#"{"password":"x\"#, r#"{"password":"***"#);
    check(r#"{"a":<null>,"password":<nil>,"b":1}"#, r#"{"a":<null>,"password":"***","b":1}"#);
    check(r#"{"password":geheim wort}"#, r#"{"password":"***"}"#);
    check(r#"{"a":b,"pin":12 ,"c":"d"#, r#"{"a":b,"pin":"***" ,"c":"d"#);
    check(r#"{"secret":{"a":["x"#, r#"{"secret":"***""#);
    check(r#"password":"x","b":1}"#, r#"password":"***","b":1}"#);
    check("{\"a\":\"\t\",\"pin\":\"x\ny\"}", "{\"a\":\"\t\",\"pin\":\"***\"}");
    check(r#"{password:"x",'pin':'y, z','b':1}"#, r#"{password:"***",'pin':***,'b':1}"#);
    check(r#"{"b":"{"password":"x"}"}"#, r#"{"b":"{"password":"***"}"}"#);
    check(r#"{"body":"{\"password\":\"x"y\"}"}"#, r#"{"body":"{\"password\":\"***\"}"}"#);
    check(r#"{"a":"b""c","password":"x"}"#, r#"{"a":"b""c","password":"***"}"#);
    check(r#"{"password":"x" "b":1, "c":"d"}"#, r#"{"password":"***"}"#);
    check(r#"{"password":,"b":"x"}"#, r#"{"password":,"b":"x"}"#);
    // A backslash that is text, as it may stand in XML that was cut off.
    check(r"x pin=a\nb c", "x pin=*** c");
    check(r#"<null>{"a":"<password>x</password>"}"#, r#"<null>{"a":"<password>***</password>"}"#);
}

/// A header with quotes in it, put between quotes as it is.
#[test]
fn a_value_with_quotes_that_are_not_escaped_is_masked_to_its_end() {
    let digest = r#"Digest username="anna", realm="r", uri="sip:[::1]", response="5ecret", qop=auth"#;
    for (before, after) in [("\"", "\""), ("", "")] {
        check(
            &format!(r#"{{"authorization":{before}{digest}{after},"b":"c"}}"#),
            r#"{"authorization":"***","b":"c"}"#,
        );
    }
    check(
        &format!("REGISTER\r\nAuthorization: {digest}\r\nTo: b"),
        "REGISTER\r\nAuthorization: ***\r\nTo: b",
    );
}

#[test]
fn xml_is_masked_as_xml_alone() {
    let document = "\u{feff} <a b='{\"pin\":1}'>\\\"pin\\\":2</a><password>x</password>\n";
    check(document, &document.replace(">x<", ">***<"));
}

/// A secret, and documents that hold it, whole and broken.
const SECRET: &str = "s3cReT";
const DOCUMENTS: [&str; 8] = [
    r#"{"a":{"password":"@"},"b":"x"}"#,
    r#"{"a":"{\"b\":\"{\\\"password\\\":\\\"@\\\"}\"}"}"#,
    r#"{"secret":[{"a":"@"},"@"],"b":"x"}"#,
    r#"{"authorization":"Digest username="a", response="@"","b":"x"}"#,
    r#"{"b":"<u newPassword=\"@\"/><password>@</password>","c":1}"#,
    r#"{"b":"{\"m\":\"Authorization: Digest response=\\\"@\\\"\"}"}"#,
    r#"{"event":"x","a":"b"c","pin":@,"d":"e"}"#,
    r#"{"b":"{"newPassword":"@"}","c":"d"}"#,
];

#[test]
fn a_secret_is_masked_wherever_its_document_is_cut_off() {
    for document in DOCUMENTS.map(|document| document.replace('@', SECRET)) {
        for end in 0..=document.len() {
            let masked = mask_secrets(&document[..end]);
            assert!(!masked.contains(&SECRET[..3]), "{} gives {masked}", &document[..end]);
        }
    }
}

/// Values with secrets in them, and as text in strings.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-zæ \\\\\"/{}\\[\\],'\n\t\u{1}]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let name = prop_oneof![
            Just("password".to_owned()),
            Just("PIN\n2".to_owned()),
            Just("\\ \"a\\\\\"".to_owned()),
            "[a-z \",{}æ]{0,6}"
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name, inner.clone()), 0..4)
                .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
            inner.prop_map(|value| value.to_string().into()),
        ]
    })
}

/// The same with secrets masked, and the text of values in strings in one spelling.
fn masked(value: &Value, is_masked: bool) -> Value {
    let member = |(name, value): (&String, &Value)| match is_masked && names::is_secret_member(name) {
        true => (name.clone(), "***".into()),
        false => (name.clone(), masked(value, is_masked)),
    };
    match value {
        Value::Object(members) => members.iter().map(member).collect::<Map<_, _>>().into(),
        Value::Array(values) => {
            values.iter().map(|value| masked(value, is_masked)).collect::<Vec<_>>().into()
        }
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(value) => masked(&value, is_masked).to_string().into(),
            Err(_) => value.clone(),
        },
        _ => value.clone(),
    }
}

proptest! {
    #[test]
    fn json_is_masked_and_else_as_it_was(value in values(), is_pretty: bool) {
        let document = if is_pretty { format!("{value:#}") } else { value.to_string() };
        let shown = mask_secrets(&document);
        let read: Value = serde_json::from_str(&shown).map_err(|error| TestCaseError::fail(format!("{document} gives {shown}: {error}")))?;
        prop_assert_eq!(masked(&read, false), masked(&value, true), "{} gives {}", document, shown);
        prop_assert_eq!(mask_secrets(&shown), shown);
    }

    #[test]
    fn json_stays_json_whatever_its_strings_are(text in "(password|pin|secret|<|>|/|=|:|\"|'|\\\\|,|\\{|\\}|\\[|\\]|\n|\\PC){0,30}") {
        let document = serde_json::json!({"a": [text, 5], "b": {"password": 1}, text.clone(): "x"}).to_string();
        let shown = mask_secrets(&document);
        prop_assert!(serde_json::from_str::<Value>(&shown).is_ok(), "{} gives {}", document, shown);
        prop_assert!(shown.contains(r#""b":{"password":"***"}"#), "{} gives {}", document, shown);
    }

    #[test]
    fn no_damage_makes_the_mask_panic(
        document in 0..DOCUMENTS.len(), at in 0_usize..60, letter in "[\"\\\\{}\\[\\],:<>\\PC]",
    ) {
        let mut document = DOCUMENTS[document].replace('@', "[1\\");
        let at = (0..=at.min(document.len())).rfind(|at| document.is_char_boundary(*at)).unwrap_or_default();
        document.insert_str(at, &letter);
        mask_secrets(&document);
    }

    #[test]
    fn no_text_makes_the_mask_panic(text in "(password|\\\\|\\\\u0022|\\\\u00|\"|'|:|,|\\{|\\}|\\[|\\]|<|>|=|&quot;|pin|\n| |\\PC){0,40}") {
        mask_secrets(&text);
    }
}

#[test]
fn a_large_document_of_nothing_but_beginnings_takes_linear_time() {
    let started = std::time::Instant::now();
    for part in [
        "\"pin\":",
        "\"pin\":\"",
        "\"pin\":{",
        "\"pin\":[\"",
        "\"pin\":1,",
        "pin:",
        "pin: \n",
        "\\",
        "\\\"pin\\\":",
        "\\u0022",
        "\"",
        "\" ,",
        ": ",
        "\"\\\"\":",
        "\"pin\"   ",
        "<pin>\\\"",
        "\"pin\":\"\\\\\\\"x\",",
        "{\"pin\":",
    ] {
        mask_secrets(&part.repeat((1 << 20) / part.len()));
        mask_secrets(&format!("{}\"pin\":\"x\"", part.repeat((1 << 20) / part.len())));
    }
    // Quadratic it would take hours; this is patience with a busy machine.
    assert!(started.elapsed().as_secs() < 240, "{:?}", started.elapsed());
}
