//! Asterisk's manager interface: what it tells of calls and of its devices.

use super::{Amount, Case, copy};
use eventmanager::wire::ami;
use std::hint::black_box;

const CALL: &str = "Event: Newstate\r\nPrivilege: call,all\r\nChannel: PJSIP/100-00000a2f\r\nChannelState: 6\r\n\
    ChannelStateDesc: Up\r\nCallerIDNum: 100\r\nCallerIDName: Anna Olsen\r\nConnectedLineNum: 200\r\nConnectedLineName: \
    <unknown>\r\nLanguage: en\r\nAccountCode: \r\nContext: inside\r\nExten: 200\r\nPriority: 3\r\nUniqueid: \
    1763769600.2607\r\nLinkedid: 1763769600.2607\r\n\r\n";
const STATE: &str =
    "Event: DeviceStateChange\r\nPrivilege: call,all\r\nDevice: PJSIP/100\r\nState: INUSE\r\n\r\n";

/// Every header, owned.
pub fn cases() -> Vec<Case> {
    [("AMI events of calls to owned headers", CALL), ("AMI events of states to owned headers", STATE)]
        .map(|(name, sample)| {
            let stream = sample.repeat((64 << 10) / sample.len());
            let (amount, copied) = (Amount::Bytes(stream.len()), stream.clone());
            let mut decoder = ami::Decoder::new();
            let reading = Case::new(name, amount, move || {
                black_box(read(&mut decoder, black_box(stream.as_bytes())));
            });
            reading.at_least(500e6).beside("a bare copy", copy(copied))
        })
        .into()
}

/// Takes what a read has brought, and looks at every header.
fn read(decoder: &mut ami::Decoder, read: &[u8]) -> usize {
    decoder.buffer_mut().extend_from_slice(read);
    let mut headers = 0;
    while let Some(message) = decoder.next_message().expect("the sample is well-formed") {
        headers += message.headers().map(black_box).count();
    }
    headers
}
