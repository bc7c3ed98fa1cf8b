//! A command fit to be shown: what its names call a secret is `***`, as in documents.

use crate::wire::ocir::mask_secrets;
use serde_json::{Map, Value};

/// The object with every secret of it replaced, at whatever depth, also in texts.
pub fn masked(object: &Map<String, Value>) -> Map<String, Value> {
    object.iter().map(|(name, value)| (name.clone(), member(name, value))).collect()
}

fn member(name: &str, value: &Value) -> Value {
    // Nothing is hidden by it, and it may be what matters.
    if is_secret(name) && !value.is_null() {
        return "***".into();
    }
    match value {
        Value::Object(object) => masked(object).into(),
        Value::Array(list) => list.iter().map(|value| member("", value)).collect(),
        Value::String(text) => shown(text).into(),
        _ => value.clone(),
    }
}

/// A text, which may be a document or JSON itself.
fn shown(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => {
            let masked = member("", &value);
            if masked == value { text.to_owned() } else { masked.to_string() }
        }
        _ => mask_secrets(text),
    }
}

/// Whether a document would hide what has this name.
fn is_secret(name: &str) -> bool {
    let name: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    let value = format!("{name}=shown");
    mask_secrets(&value) != value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(object: &str, expected: &str) {
        let object: Map<String, Value> = serde_json::from_str(object).expect("an object");
        assert_eq!(Value::Object(masked(&object)).to_string(), expected);
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        for plain in [
            r#"{"cmd":"tag","tag":"em1"}"#,
            r#"{"a":[1,-1.5,true,null,"x",{"b":{}}],"spinner":"x","text":"{\"a\": 1}"}"#,
        ] {
            check(plain, plain);
        }
    }

    #[test]
    fn a_secret_is_hidden_at_whatever_depth() {
        check(r#"{"cmd":"auth","password":"s"}"#, r#"{"cmd":"auth","password":"***"}"#);
        check(
            r#"{"a":[{"userPin":1},{"b":{"secret":["s"]}}]}"#,
            r#"{"a":[{"userPin":"***"},{"b":{"secret":"***"}}]}"#,
        );
        for name in ["sip password", "pass-password/2", "PIN", "auth.secret", "pin:code"] {
            check(&format!(r#"{{"{name}":{{"x":"s"}}}}"#), &format!(r#"{{"{name}":"***"}}"#));
        }
        check(r#"{"password":null}"#, r#"{"password":null}"#);
    }

    #[test]
    fn nor_does_a_text_show_one() {
        check(r#"{"x":"<password>s</password>"}"#, r#"{"x":"<password>***</password>"}"#);
        check(r#"{"x":["user=anna password=s"]}"#, r#"{"x":["user=anna password=***"]}"#);
        check(r#"{"x":"{\"a\": [{\"pin\": 1}]}"}"#, r#"{"x":"{\"a\":[{\"pin\":\"***\"}]}"}"#);
    }
}
