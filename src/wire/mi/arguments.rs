//! The parameters of a request in JSON-RPC: by name, or in the order of the command.

use super::json::{INVALID_PARAMS, invalid};
use super::{Failure, Request, Subscribe, seconds};
use crate::wire::evi::{ListOrObject, Param, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

const NO_MATCH: &str = "Named parameters do not match";
const WRONG_COUNT: &str = "Too few or too many parameters";

/// All that came, with the names of an object.
#[derive(Debug, PartialEq)]
pub enum Arguments {
    Named(Vec<(String, Argument)>),
    Placed(Vec<Argument>),
}

/// One of them.
#[derive(Debug, PartialEq)]
pub enum Argument {
    Plain(Value),
    Several(Vec<Param>),
    /// `true`, `false`, a fraction: what no command takes.
    Other,
}

impl Arguments {
    /// The request of this method.
    pub fn read(self, method: &str) -> Result<Request, Failure> {
        match method {
            "version" => self.place([]).map(|[]| Request::Version),
            "events_list" => self.place([]).map(|[]| Request::Events),
            "event_subscribe" => self.subscribe(),
            "subscribers_list" => self.subscribers(),
            "raise_event" => self.raise(),
            other => Ok(Request::Unknown(other.to_owned())),
        }
    }

    fn subscribe(self) -> Result<Request, Failure> {
        let missing = self.missing();
        match self.place(["event", "socket", "expire", "format"])? {
            [Some(event), Some(socket), expire, format] => Ok(Request::Subscribe(Subscribe {
                event: text("event", event)?,
                socket: text("socket", socket)?,
                expire: expire.map(expiry).transpose()?,
                format: format.map(|format| text("format", format)).transpose()?,
            })),
            _ => Err(invalid(missing)),
        }
    }

    fn subscribers(self) -> Result<Request, Failure> {
        let [event, socket] = self.place(["event", "socket"])?;
        if event.is_none() && socket.is_some() {
            return Err(invalid(NO_MATCH));
        }
        let event = event.map(|event| text("event", event)).transpose()?;
        let socket = socket.map(|socket| text("socket", socket)).transpose()?;
        Ok(Request::Subscribers { event, socket })
    }

    fn raise(self) -> Result<Request, Failure> {
        let missing = self.missing();
        let [event, params] = self.place(["event", "params"])?;
        let event = text("event", event.ok_or_else(|| invalid(missing))?)?;
        match params {
            None => Ok(Request::Raise { event, params: Vec::new() }),
            Some(Argument::Several(params)) => Ok(Request::Raise { event, params }),
            Some(_) => Err(bad_type("params")),
        }
    }

    /// What is said where one is missing.
    fn missing(&self) -> &'static str {
        match self {
            Arguments::Named(named) if !named.is_empty() => NO_MATCH,
            _ => WRONG_COUNT,
        }
    }

    /// Each where a command of these names has it.
    fn place<const N: usize>(self, names: [&str; N]) -> Result<[Option<Argument>; N], Failure> {
        let mut places = [const { None }; N];
        match self {
            Arguments::Placed(list) if list.len() > N => return Err(invalid(WRONG_COUNT)),
            Arguments::Placed(list) => {
                places.iter_mut().zip(list).for_each(|(place, argument)| *place = Some(argument));
            }
            Arguments::Named(named) => {
                for (name, argument) in named {
                    let at = names.iter().position(|known| *known == name);
                    let is_new = at.is_some_and(|at| places[at].replace(argument).is_none());
                    if !is_new {
                        return Err(invalid(NO_MATCH));
                    }
                }
            }
        }
        Ok(places)
    }
}

fn text(name: &str, argument: Argument) -> Result<String, Failure> {
    match argument {
        Argument::Plain(Value::Text(text)) if !text.is_empty() => Ok(text),
        _ => Err(bad_type(name)),
    }
}

/// Seconds, as a number or the text of one.
fn expiry(argument: Argument) -> Result<u32, Failure> {
    match argument {
        Argument::Plain(Value::Integer(..0)) => Err(invalid("Negative expire value")),
        Argument::Plain(Value::Integer(number)) => u32::try_from(number).map_err(|_| bad_type("expire")),
        Argument::Plain(Value::Text(text)) => match text.strip_prefix('-').and_then(seconds) {
            Some(1..) => Err(invalid("Negative expire value")),
            _ => seconds(&text).ok_or_else(|| bad_type("expire")),
        },
        _ => Err(bad_type("expire")),
    }
}

fn bad_type(name: &str) -> Failure {
    Failure { data: Some(format!("Bad type for parameter '{name}'")), ..INVALID_PARAMS.into() }
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Arguments, D::Error> {
        deserializer.deserialize_any(Whole)
    }
}

struct Whole;

impl<'de> Visitor<'de> for Whole {
    type Value = Arguments;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Arguments, A::Error> {
        let mut placed = Vec::new();
        while let Some(argument) = list.next_element()? {
            placed.push(argument);
        }
        Ok(Arguments::Placed(placed))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Arguments, A::Error> {
        let mut named = Vec::new();
        while let Some(member) = members.next_entry()? {
            named.push(member);
        }
        Ok(Arguments::Named(named))
    }
}

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Argument, D::Error> {
        deserializer.deserialize_any(One)
    }
}

struct One;

impl<'de> Visitor<'de> for One {
    type Value = Argument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Argument, E> {
        Ok(Argument::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Argument, E> {
        Ok(Argument::Plain(Value::Integer(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Argument, E> {
        let number = i64::try_from(number).map(Value::Integer);
        Ok(number.map_or(Argument::Other, Argument::Plain))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Argument, E> {
        Ok(Argument::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Argument, E> {
        Ok(Argument::Plain(Value::Text(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Argument, E> {
        Ok(Argument::Plain(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Argument, A::Error> {
        ListOrObject.visit_seq(list).map(Argument::Several)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Argument, A::Error> {
        ListOrObject.visit_map(members).map(Argument::Several)
    }
}
