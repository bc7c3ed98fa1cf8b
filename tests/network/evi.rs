//! What clients and subscribers of our EVI have in common.

use crate::support::http;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// Sections of a daemon that hands `E_TEST` on.
pub const SECTIONS: &str = "[[route]]\nevent = \"E_TEST\"\nto = [\"calls\"]\n[evi]\nudp = \"127.0.0.1:0\"\n";

/// Asks over HTTP; what is answered to who waits no longer than so for it. What came as no request has no answer of EVI.
pub fn ask(limit: Duration, address: SocketAddr, method: &str, params: &Value) -> std::io::Result<Value> {
    let body = json!({"jsonrpc": "2.0", "method": method, "id": 1, "params": params}).to_string();
    let request = format!(
        "POST /mi HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = http::exchange_within(limit, address, &request)?;
    serde_json::from_str(&answer.body).map_err(|_| std::io::Error::other(answer.head))
}

/// An event with this number, to be raised.
pub fn numbered(number: u64) -> Value {
    json!({"event": "E_TEST", "params": {"n": number.to_string()}})
}

/// The number of an event that came.
#[track_caller]
pub fn number_of(event: &Value) -> u64 {
    let number = event["params"]["n"].as_str().and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("no number in {event}"))
}
