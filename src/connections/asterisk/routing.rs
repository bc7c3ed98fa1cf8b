//! What becomes of the events of an Asterisk: counted all, stored and handed on where a `[[route]]` wants them.

use crate::config::{Live, Route};
use crate::connections::recorder::{Recorder, Routed};
use crate::topics::Wanted;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::SystemTime;

/// Letters of a name that are of use: tables hold no more.
const NAME: usize = 255;

/// See the module.
#[derive(Clone)]
pub struct Routing {
    source: Arc<str>,
    routes: Live<Vec<Route>>,
    recorder: Recorder,
    received: metrics::Counter,
}

impl Routing {
    /// The events of `source`.
    pub fn new(source: &str, routes: Live<Vec<Route>>, recorder: Recorder) -> Routing {
        let received = metrics::counter!("eventmanager_events_received_total", "source" => source.to_owned());
        Routing { source: source.into(), routes, recorder, received }
    }

    /// The rules that mean this source.
    pub fn routes(&self) -> Vec<Route> {
        own(&self.routes.get(), &self.source)
    }

    /// Resolves when the rules that mean this source are others than `known`.
    pub async fn changed(&self, known: &[Route]) {
        let mut routes = self.routes.clone();
        while own(&routes.get(), &self.source) == known {
            match routes.changed().await {
                Some(changed) => routes = changed,
                None => return std::future::pending().await,
            }
        }
    }

    /// An event of this name, with its headers in order.
    pub fn event<'h, I>(&self, name: &[u8], headers: impl Fn() -> I)
    where
        I: Iterator<Item = (&'h [u8], &'h [u8])>,
    {
        self.received.increment(1);
        let routes = self.routes.get();
        if routes.is_empty() {
            return;
        }
        let name = String::from_utf8_lossy(name);
        let field = |field: &str| {
            let found = headers().find(|(name, _)| name.eq_ignore_ascii_case(field.as_bytes()));
            found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
        };
        let wanted = Wanted::by(&routes, &self.source, &name, field);
        if !wanted.store && wanted.topics.is_empty() {
            return;
        }
        let name = name.char_indices().nth(NAME).map_or(&*name, |(end, _)| &name[..end]);
        let document: Arc<str> = json(headers()).into();
        let document = || Arc::clone(&document);
        let received = SystemTime::now();
        let routed = Routed { name: name.into(), received, document: &document, payload: &document };
        self.recorder.record(&routed, wanted);
    }
}

fn own(routes: &[Route], source: &str) -> Vec<Route> {
    routes.iter().filter(|route| route.source.means(Some(source))).cloned().collect()
}

/// A JSON object of the headers in order. Of a name that comes again all values stand in a list, under the name as it came first. What is no
/// UTF-8 becomes U+FFFD.
fn json<'h>(headers: impl Iterator<Item = (&'h [u8], &'h [u8])>) -> String {
    let mut members: Vec<(&[u8], Vec<&[u8]>)> = Vec::new();
    let mut places: HashMap<Vec<u8>, usize> = HashMap::new();
    for (name, value) in headers {
        let place = *places.entry(name.to_ascii_lowercase()).or_insert(members.len());
        match members.get_mut(place) {
            Some((_, values)) => values.push(value),
            None => members.push((name, vec![value])),
        }
    }
    let text = |bytes: &[u8]| Value::from(String::from_utf8_lossy(bytes));
    let mut object = String::from("{");
    for (at, (name, values)) in members.into_iter().enumerate() {
        let value = match values.as_slice() {
            [one] => text(one),
            several => Value::Array(several.iter().map(|value| text(value)).collect()),
        };
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(object, "{comma}{}:{value}", text(name)); // a string takes everything
    }
    object.push('}');
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_an_object_of_its_headers_in_order() {
        let headers: [(&[u8], &[u8]); 6] = [
            (b"Event", b"Newchannel"),
            (b"Zebra", b"a \"quoted\"\r"),
            (b"ChanVariable", b"x=1"),
            (b"Bytes", b"\xff"),
            (b"chanvariable", b""),
            (b"ChanVariable", b"y=2"),
        ];
        let expected =
            r#"{"Event":"Newchannel","Zebra":"a \"quoted\"\r","ChanVariable":["x=1","","y=2"],"Bytes":"�"}"#;
        assert_eq!(json(headers.into_iter()), expected);
        assert_eq!(json([].into_iter()), "{}");
    }
}
