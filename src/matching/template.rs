//! Templates of JSON objects: `{"cmd":"reply","tr_index":"{tr_index}","code":"202"}`.
//!
//! A template is JSON before anything is put into its strings, so that no field can close a string or add a key.

use super::Text;
use serde_json::Value;

/// A JSON object whose strings are [`Text`]s.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    written: String,
    object: Node,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Text(Text),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
    /// Numbers, true, false and null.
    Fixed(Value),
}

impl Template {
    /// Reads a template; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Template, String> {
        match serde_json::from_str(text).map_err(|error| format!("is no JSON: {error}"))? {
            object @ Value::Object(_) => Ok(Template { written: text.to_owned(), object: node(object)? }),
            _ => Err("is JSON, but no object".to_owned()),
        }
    }

    /// `{}`.
    pub fn empty() -> Template {
        Template { written: "{}".to_owned(), object: Node::Object(Vec::new()) }
    }

    /// The object with fields put in, on one line. What is not there is empty.
    pub fn fill(&self, field: impl Fn(&str) -> Option<String>) -> String {
        filled(&self.object, &field).to_string()
    }

    /// The fields that it quotes.
    pub fn fields(&self) -> Vec<&str> {
        let (mut fields, mut nodes) = (Vec::new(), vec![&self.object]);
        while let Some(node) = nodes.pop() {
            match node {
                Node::Text(text) => fields.extend(text.fields()),
                Node::List(list) => nodes.extend(list),
                Node::Object(object) => nodes.extend(object.iter().map(|(_, node)| node)),
                Node::Fixed(_) => {}
            }
        }
        fields
    }

    /// As it was written.
    pub fn as_written(&self) -> &str {
        &self.written
    }
}

fn node(value: Value) -> Result<Node, String> {
    Ok(match value {
        Value::String(text) => Node::Text(Text::parse(&text)?),
        Value::Array(list) => Node::List(list.into_iter().map(node).collect::<Result<_, _>>()?),
        Value::Object(object) => {
            let member = |(key, value)| Ok((key, node(value)?));
            Node::Object(object.into_iter().map(member).collect::<Result<_, String>>()?)
        }
        fixed => Node::Fixed(fixed),
    })
}

fn filled(node: &Node, field: &impl Fn(&str) -> Option<String>) -> Value {
    match node {
        Node::Text(text) => Value::String(text.fill(field)),
        Node::List(list) => list.iter().map(|node| filled(node, field)).collect(),
        Node::Object(object) => object.iter().map(|(key, node)| (key.clone(), filled(node, field))).collect(),
        Node::Fixed(value) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str) -> Option<String> {
        match name {
            "index" => Some("491".to_owned()),
            "from" => Some("x\",\"code\":\"200".to_owned()),
            _ => None,
        }
    }

    #[track_caller]
    fn check(template: &str, expected: &str) {
        let template = Template::parse(template).unwrap_or_else(|error| panic!("{template}: {error}"));
        assert_eq!(template.fill(field), expected);
    }

    #[test]
    fn fields_are_put_into_strings() {
        check(r#"{"a":"{index}"}"#, r#"{"a":"491"}"#);
        check(
            r#"{"a":["-{index}-{index}",7,null,{"b":"{index}"}]}"#,
            r#"{"a":["-491-491",7,null,{"b":"491"}]}"#,
        );
        check("{ }", "{}");
    }

    #[test]
    fn no_field_gets_out_of_its_string() {
        check(r#"{"a":"{from}"}"#, r#"{"a":"x\",\"code\":\"200"}"#);
    }

    #[test]
    fn what_is_no_template_is_told() {
        let check = |template: &str, reason: &str| {
            let error = Template::parse(template).expect_err(template);
            assert!(error.contains(reason), "{template}: {error}");
        };
        check("", "no JSON");
        check(r#"{"a":{index}}"#, "no JSON");
        check("[]", "no object");
        check(r#"{"a":[{"b":"{index"}]}"#, "without the other");
    }

    #[test]
    fn the_fields_that_it_quotes_are_known() {
        let template = Template::parse(r#"{"a":"{x} {y}","b":["{z}"],"c":"{{w}}"}"#).expect("a template");
        let mut fields = template.fields();
        fields.sort_unstable();
        assert_eq!(fields, ["x", "y", "z"]);
    }
}
