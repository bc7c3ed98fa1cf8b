//! A call of JSON-RPC: what an event in JSON is, and a request of the Management Interface.

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;
use std::fmt;
use std::marker::PhantomData;

/// A call whose parameters are a `P`.
#[derive(Debug)]
pub struct Call<P> {
    pub method: String,
    pub params: Option<P>,
    /// A text or a number; `null` is none.
    pub id: Option<Value>,
}

/// Why a text is none. It holds nothing of the text.
#[derive(Debug, PartialEq, Eq)]
pub enum CallError {
    /// No JSON.
    Json(String),
    /// No call.
    Shape(String),
}

impl<'de, P: Deserialize<'de>> Call<P> {
    /// Reads a text that is a call and nothing else.
    pub fn parse(text: &'de str) -> Result<Call<P>, CallError> {
        serde_json::from_str(text).map_err(|error| match error.classify() {
            Category::Data if error.to_string().starts_with("invalid ") => {
                // It would say what stands there.
                CallError::Shape(format!("something of another kind at column {}", error.column()))
            }
            Category::Data => CallError::Shape(error.to_string()),
            Category::Syntax | Category::Eof | Category::Io => CallError::Json(error.to_string()),
        })
    }
}

impl<'de, P: Deserialize<'de>> Deserialize<'de> for Call<P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Call<P>, D::Error> {
        deserializer.deserialize_map(Members(PhantomData))
    }
}

struct Members<P>(PhantomData<P>);

impl<'de, P: Deserialize<'de>> Visitor<'de> for Members<P> {
    type Value = Call<P>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a call")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Call<P>, A::Error> {
        let (mut method, mut params, mut id) = (None, None, None);
        while let Some(member) = members.next_key()? {
            let is_again = match member {
                Member::Method => method.replace(members.next_value()?).is_some(),
                Member::Params => params.replace(members.next_value()?).is_some(),
                Member::Id => id.replace(members.next_value::<Value>()?).is_some(),
                Member::Version => {
                    members.next_value::<IgnoredAny>()?;
                    false
                }
                // Read as if it were one that counts: what is wrong within is wrong.
                Member::Other => {
                    members.next_value::<super::Value>()?;
                    false
                }
            };
            if is_again {
                return Err(A::Error::custom(format!("{member:?} stands in it twice")));
            }
        }
        let id = match id {
            None | Some(Value::Null) => None,
            Some(id @ (Value::String(_) | Value::Number(_))) => Some(id),
            Some(_) => return Err(A::Error::custom("an id that is neither text nor number")),
        };
        let method = method.ok_or_else(|| A::Error::custom("no method"))?;
        Ok(Call { method, params, id })
    }
}

/// Which member it is.
#[derive(Debug, Clone, Copy)]
enum Member {
    Version,
    Method,
    Params,
    Id,
    Other,
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Member, D::Error> {
        deserializer.deserialize_identifier(Name)
    }
}

struct Name;

impl Visitor<'_> for Name {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Member, E> {
        Ok(match name {
            "jsonrpc" => Member::Version,
            "method" => Member::Method,
            "params" => Member::Params,
            "id" => Member::Id,
            _ => Member::Other,
        })
    }
}
