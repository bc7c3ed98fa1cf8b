//! What is sent to a hub for an event: purely.
//!
//! ```text
//! POST /events HTTP/1.1
//! content-type: application/json;charset=utf-8
//! webhook-id: 0198…               the event's, the same at each attempt
//! webhook-timestamp: 1772366400
//! webhook-signature: v1,…         where the peer has signing keys
//! webhook-sequence: 42            the how-manieth event of this hub it is; or, where it is sent again on demand,
//! webhook-replay: true
//! ```

use crate::wire::webhooks::{SigningKey, sign};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const SEQUENCE: HeaderName = HeaderName::from_static("webhook-sequence");
const REPLAY: HeaderName = HeaderName::from_static("webhook-replay");

/// As what an event is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// For the first time, as this one of the hub.
    Number(i64),
    /// Once more, on demand.
    Replay,
}

/// The headers for this body, which is sent at `timestamp`, in seconds since 1970.
pub fn headers(event: Uuid, place: Place, timestamp: u64, body: &[u8], keys: &[SigningKey]) -> HeaderMap {
    let id = event.to_string();
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=utf-8"));
    if !keys.is_empty() {
        headers.insert(SIGNATURE, plain(sign(keys, &id, timestamp, body)));
    }
    headers.insert(ID, plain(id));
    headers.insert(TIMESTAMP, timestamp.into());
    match place {
        Place::Number(number) => headers.insert(SEQUENCE, number.into()),
        Place::Replay => headers.insert(REPLAY, HeaderValue::from_static("true")),
    };
    headers
}

/// A uuid, or a signature: base64, with spaces between several.
fn plain(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("its letters are ASCII that can be printed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::webhooks::verify;

    fn key() -> SigningKey {
        SigningKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a key")
    }

    #[test]
    fn an_event_is_sent_with_its_id_its_number_and_a_signature_of_what_is_sent() {
        let event = Uuid::from_u128(7);
        let headers = headers(event, Place::Number(42), 1_614_265_330, b"{}", &[key()]);
        let text = |name: &str| headers[name].to_str().expect("text").to_owned();
        assert_eq!(text("content-type"), "application/json;charset=utf-8");
        assert_eq!(text("webhook-id"), event.to_string());
        assert_eq!((text("webhook-timestamp"), text("webhook-sequence")), ("1614265330".into(), "42".into()));
        assert!(verify(&[key()], &text("webhook-id"), 1_614_265_330, b"{}", &text("webhook-signature")));
        assert!(!headers.contains_key("webhook-replay"));
    }

    #[test]
    fn one_that_is_sent_again_says_so_and_has_no_number() {
        let headers = headers(Uuid::nil(), Place::Replay, 1, b"{}", &[]);
        assert_eq!(headers["webhook-replay"], "true");
        assert!(!headers.contains_key("webhook-sequence") && !headers.contains_key("webhook-signature"));
    }
}
