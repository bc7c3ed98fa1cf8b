//! Events of Kamailio's scripts, from a payload to what rules ask of it.

use super::{Amount, Case};
use bytes::Bytes;
use eventmanager::wire::evapi::Event;
use serde::de::IgnoredAny;
use std::hint::black_box;

const REGISTERED: &str = "{\"event\":\"REGISTER\",\"method\":\"REGISTER\",\"tr_index\":\"491\",\"tr_label\":\"1820328478\",\
    \"from\":\"anna.olsen\",\"aor\":\"anna.olsen@voice.example.net\",\"contact\":\"sip:anna.olsen@192.0.2.17:5060;transport=udp\",\
    \"expires\":3600,\"user_agent\":\"Yealink SIP-T46U 108.86\",\"source\":\"192.0.2.17\",\"port\":5060}";

/// Reading, and one field.
pub fn cases() -> Vec<Case> {
    let payload = Bytes::from_static(REGISTERED.as_bytes());
    let reading = Case::new("Kamailio's events", Amount::Items(1, "events"), move || {
        let event = Event::parse(black_box(payload.clone())).expect("the sample is an event");
        black_box(event.text("aor"));
    });
    vec![reading.beside("a bare walk of the JSON", || {
        let walked = serde_json::from_str::<IgnoredAny>(black_box(REGISTERED));
        _ = black_box(walked.expect("the sample is JSON"));
    })]
}
