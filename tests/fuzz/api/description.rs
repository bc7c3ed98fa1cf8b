//! The operations of `/openapi.json`, and what their bodies are like.

use serde_json::{Map, Value, json};

/// What can be asked.
pub struct Description {
    pub operations: Vec<Operation>,
    schemas: Value,
}

/// A method of a path.
#[derive(Clone)]
pub struct Operation {
    pub method: String,
    pub path: String,
    /// The names of its parameters in the query.
    pub parameters: Vec<(String, Value)>,
    pub body: Option<Value>,
    /// Whether it may answer 503.
    pub may_be_away: bool,
}

impl Description {
    pub fn read(document: &str) -> Description {
        let document: Value = serde_json::from_str(document).expect("JSON");
        let paths = document["paths"].as_object().expect("paths");
        let mut operations = Vec::new();
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().into_iter().flatten() {
                // The stream has no end.
                if path != "/api/v1/stream" {
                    operations.push(Operation::read(path, method, operation));
                }
            }
        }
        assert!(operations.len() > 40, "{} operations", operations.len());
        Description { operations, schemas: document["components"]["schemas"].clone() }
    }

    /// Something that a schema describes, mostly.
    pub fn example(&self, schema: &Value, rng: &mut fastrand::Rng, depth: usize) -> Value {
        if depth > 6 || rng.u8(..20) == 0 {
            return odd(rng);
        }
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return self.example(&self.schemas[name], rng, depth + 1);
        }
        for several in ["oneOf", "anyOf"] {
            if let Some(list) = schema[several].as_array().filter(|list| !list.is_empty()) {
                return self.example(&list[rng.usize(..list.len())], rng, depth + 1);
            }
        }
        if let Some(all) = schema["allOf"].as_array() {
            let parts = all.iter().filter_map(|it| self.example(it, rng, depth + 1).as_object().cloned());
            return Value::Object(parts.flatten().collect());
        }
        if let Some(words) = schema["enum"].as_array().filter(|words| !words.is_empty()) {
            return words[rng.usize(..words.len())].clone();
        }
        let kinds = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            Value::String(kind) => vec![kind.as_str()],
            _ => vec!["object"],
        };
        match kinds.get(rng.usize(..kinds.len().max(1))).copied() {
            Some("string") => text(rng).into(),
            Some("integer" | "number") => number(rng),
            Some("boolean") => rng.bool().into(),
            Some("array") => {
                (0..rng.usize(..4)).map(|_| self.example(&schema["items"], rng, depth + 1)).collect()
            }
            Some("null") => Value::Null,
            _ => self.object(schema, rng, depth),
        }
    }

    fn object(&self, schema: &Value, rng: &mut fastrand::Rng, depth: usize) -> Value {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let mut object = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if required.contains(&json!(name)) && rng.u8(..20) > 0 || rng.bool() {
                object.insert(name.clone(), self.example(property, rng, depth + 1));
            }
        }
        if rng.u8(..15) == 0 {
            object.insert(text(rng), odd(rng));
        }
        Value::Object(object)
    }
}

impl Operation {
    fn read(path: &str, method: &str, operation: &Value) -> Operation {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let of_query = parameters.filter(|parameter| parameter["in"] == "query");
        let named = of_query.filter_map(|it| Some((it["name"].as_str()?.to_owned(), it["schema"].clone())));
        let content = operation["requestBody"]["content"].as_object();
        Operation {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            parameters: named.collect(),
            body: content.and_then(|content| content.values().next()).map(|media| media["schema"].clone()),
            may_be_away: !operation["responses"]["503"].is_null(),
        }
    }
}

/// Texts that somebody may send.
const TEXTS: [&str; 36] = [
    "",
    "a",
    "anna@tele.gl",
    "hss",
    "alarm",
    "numbers",
    "failed",
    "completed",
    "as1",
    "debug",
    "1",
    "0",
    "-1",
    "2",
    "9223372036854775807",
    "18446744073709551616",
    "1e308",
    "NaN",
    "72h",
    "2026-03-01T12:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999999+23:59",
    "00000000-0000-0000-0000-000000000000",
    "%",
    "_",
    "' or 1=1 --",
    "\0",
    "\u{202e}x",
    "æøå",
    "\u{1f600}",
    "../../etc/passwd",
    "a\r\nX: y",
    "http://127.0.0.1:9/events?x=y",
    "https://169.254.169.254/latest",
    "state=pending&a.b.gt=1",
    "*|!x",
];

pub fn text(rng: &mut fastrand::Rng) -> String {
    let text = TEXTS[rng.usize(..TEXTS.len())];
    match rng.u8(..20) {
        0 => text.repeat(rng.usize(1..200)),
        1 => (0..rng.usize(..12)).map(|_| rng.char(..)).collect(),
        _ => text.to_owned(),
    }
}

fn number(rng: &mut fastrand::Rng) -> Value {
    match rng.u8(..8) {
        0 => json!(-1),
        1 => json!(u64::MAX),
        2 => json!(i64::MIN),
        3 => json!(rng.f64() * 1e300),
        4 => json!(1_772_366_400.5),
        _ => json!(rng.u8(..)),
    }
}

/// What does not fit, as a rule.
fn odd(rng: &mut fastrand::Rng) -> Value {
    match rng.u8(..8) {
        0 => Value::Null,
        1 => json!([]),
        2 => json!({}),
        3 => number(rng),
        4 => json!([[[[text(rng)]]]]),
        5 => json!({ text(rng): { text(rng): 1 } }),
        6 => json!(true),
        _ => text(rng).into(),
    }
}
