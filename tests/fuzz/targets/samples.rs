//! What to begin with: made by our own encoders, or written as peers do; and the words that inputs are made of.

use super::source::seed;
use bytes::BytesMut;
use eventmanager::wire::ocir::write::{encode_latin1, report, server_status};
use eventmanager::wire::{ami, netstring};

pub const EM_INI: &str = "[em_db]\nem_db_host=db1\nem_db_database=em\nem_db_username=em\nem_db_password=hush\n[srd_db]\nsrd_db_host=db2\n\
    srd_db_port=5433\nsrd_db_database=srd\nsrd_db_username=srd\nsrd_db_password=hush\n[ema]\nprimary_host=10.0.0.2\nusername=emauser\n\
    password=hush\n[surgemail]\ndomain_password=hush\nprimary_host=10.0.0.4\nport=7027\nusername=smuser\npassword=hush\n[broadworks]\n\
    host=10.0.0.1\n[service_profiles]\nvirtual=sp_virtual\nuser=sp_user\ntrunk_pilot=sp_pilot\ntrunk_ddi=sp_trunk\n[em]\nloglevel=notice\n";
const BROKER_INI: &str = "[general]\ndevice_state = yes\npresence = no ; comment\nrequest_timeout = 1000\nlog_level = info\n[servers]\n\
    sections = a, b\n[a]\nname = PBX a\naddr = tcp://10.0.0.1\ncmd_port = 6967\nevt_port = 6968\n[b]\naddr = h\ncmd_port = 1\nevt_port = 2\n";
const SECRETS_TOML: &str = "[ema]\nprimary = 'ema'\nusername = 'u'\npassword = \"hush\"\ntimeout = '3s'\n[store]\nem_ini = 'file:/run/credentials/em.ini'\n\
    [surgemail]\nprimary = 'mail:7026'\nusername = '${SECRET}'\npassword = 'hush'\ndomain_password = '${SECRET}'\n\
    [nats]\nurls = ['nats://${SECRET}@n1']\npassword = 'file:/run/credentials/ema'\n[[kamailio]]\nname = 'k1'\naddress = '${SECRET}'\n\
    [[http.token]]\nname = 'page'\nsha256 = '${SECRET}'\nrole = 'viewer'\n[[asterisk]]\nname = 'a'\nami = 'a:5038'\nusername = 'em'\npassword = 'hush'\n";

pub const OCIR_WORDS: &[&str] = &[
    "<BroadsoftOCIReportingDocument",
    "</BroadsoftOCIReportingDocument>",
    "<?xml",
    "?>",
    "BroadsoftOCI",
    " >",
    "x:",
    "\r\n",
    "\0",
];
pub const XML_WORDS: &[&str] = &[
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?xml version='1.0' encoding='",
    "UTF-8",
    "ISO-8859-1",
    "UTF-16",
    "?>",
    "&lt;",
    "&#x",
    "&#10;",
    "&",
    "<command xsi:type=\"",
    "</command>",
    "<request>",
    "</request>",
    "<BroadsoftDocument>",
    "</BroadsoftDocument>",
    "xsi:nil=\"true\"",
    "<!DOCTYPE",
    "<a>",
    "</a>",
    "<a/>",
    "\u{feff}",
    "<userId>",
    "</userId>",
    "xmlns:x=\"y\"",
    "x:",
    "UserAddRequest",
    "UserModifyRequest",
    "<password>",
    "</password>",
    "newPassword=\"",
];
pub const JSON_WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"\"",
    ":",
    ",",
    "null",
    "<null>",
    "true",
    "1e400",
    "-0",
    "\"\\u",
    "\\ud800",
    "\\\"",
    "\"event\":",
    "\"params\":",
    "\"id\":",
    "\"cmd\":\"tag\"",
    "\"topics\":[",
    "\"password\":",
    "\"a\":",
    "{\"a\":[",
    "18446744073709551616",
    "\"Response\":\"Success\"",
    "\"msg_type\":",
    "\"callback\":",
    "\"eventTime\":",
];
pub const MASK_WORDS: &[&str] = &[
    "<password>",
    "</password>",
    "<pin ",
    "newPassword=\"",
    "&lt;",
    "&gt;",
    "&amp;",
    "&quot;",
    "\"password\":",
    "\\\"pin\\\":",
    "\\\\",
    "\\u0022",
    "\"",
    "{",
    "}",
    "[",
    "]",
    "<![CDATA[",
    "]]>",
    "<",
    ">",
    "=",
    "'",
    "secret",
    "token",
    "***",
];
pub const AMI_WORDS: &[&str] = &[
    "\r\n",
    "\r\n\r\n",
    "\n",
    ": ",
    "Response: Follows",
    "--END COMMAND--",
    "Event: ",
    "ActionID: ",
    "Privilege:",
    "Output: ",
];
pub const EVI_WORDS: &[&str] = &[
    "::",
    "\n",
    "\"",
    "\\\"",
    "\n\n",
    "{\"jsonrpc\":\"2.0\",\"method\":",
    "\"params\":{",
    "\"id\":7",
    ":event_subscribe:",
    ":raise_event:",
    ":subscribers_list:",
    "200 OK\n",
    "Event:: ",
    "Subscriber::  socket=",
    " expire=",
    "id=",
    "\"Events\":[",
    "\"Subscribers\":[",
    "\"result\":",
    "\"error\":",
    "18446744073709551615",
];
pub const TOML_WORDS: &[&str] = &[
    "[",
    "]",
    "[[",
    "]]",
    "=",
    "\"",
    "'",
    "${",
    "}",
    "file:",
    "\n",
    "password = \"hush\"\n",
    "'''",
    "\"\"\"",
    "{",
    "#",
    "${SECRET}",
    "10s",
    "1MiB",
    "name = ",
];
pub const INI_WORDS: &[&str] = &[
    "[",
    "]",
    "=",
    "\n",
    " ;",
    "\n ",
    "password=hush\n",
    "[general]\n",
    "[servers]\n",
    "sections=",
    "[em_db]\n",
    "#",
];
/// Those of a person, a phone and a device.
pub const TEXTS: [&str; 8] =
    ["nivi@tele.gl", "s3cret", "sip:nivi@tele.gl", "tel:+299321044", "sp_user", "Søren & søn", "ctx", "x"];

fn body(user: &str) -> String {
    format!(
        "<userId>{user}</userId><phoneNumber>321044</phoneNumber><password>hush</password><address><city>Nuuk</city></address>\
         <endpoint><accessDeviceEndpoint><linePort>{user}</linePort></accessDeviceEndpoint></endpoint><groupId>KNI-014</groupId>"
    )
}

pub fn ocir_streams() -> Vec<Vec<u8>> {
    let one = report("write1", "admin", "admin", "UserAddRequest17sp4", &body("nivi@tele.gl"));
    let nil =
        "<userId>a@b</userId><phoneNumber xsi:nil=\"true\"/><alternate><aliases>]]></aliases></alternate>";
    let two = report("write2", "ad&min", "Bær", "UserModifyRequest", nil);
    let both = [encode_latin1(&one), b"\r\n\n".to_vec(), two.clone().into_bytes(), b"\0x".to_vec()].concat();
    vec![one.into_bytes(), two.into_bytes(), server_status(1).into_bytes(), both]
}

/// Of each command one.
pub fn commands() -> Vec<Vec<u8>> {
    let own = "<userId>nivi@tele.gl</userId><serviceUserId>s@tele.gl</serviceUserId><groupId>g</groupId><domain>mail.tele.gl</domain>\
               <newPassword>hush</newPassword><phoneNumber>321045</phoneNumber><newUserId>n@tele.gl</newUserId>\
               <serviceInstanceProfile><phoneNumber>321046</phoneNumber></serviceInstanceProfile><listURI>l@tele.gl</listURI>";
    let of = |name: &str| report("w1", "admin", "admin", name, own).into_bytes();
    eventmanager::processors::COMMANDS.iter().map(|entry| of(entry.command)).collect()
}

pub fn xml_documents() -> Vec<String> {
    let plain = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a x='1&amp;2'>b&lt;<c>d</c><![CDATA[<e>]]><f/><!-- g --><h:i xsi:nil=\"true\"/></a>";
    vec![plain.to_owned(), report("1", "a", "b", "UserAddRequest", &body("u@d")), server_status(7)]
}

pub fn netstrings() -> Vec<Vec<u8>> {
    let mut stream = BytesMut::new();
    for payload in [r#"{"event":"heartbeat","n":1}"#, "", "x"] {
        netstring::encode(payload.as_bytes(), &mut stream);
    }
    vec![stream.to_vec(), b"27:{\"event\"".to_vec(), b"05:".to_vec()]
}

pub fn objects() -> Vec<Vec<u8>> {
    let objects = [
        r#"{"event":"call_start","from":"anna","n":-1,"b":true,"c":null,"d":"a\"b","e":[1.5,{"x":[]}]}"#,
        r#"{"a":1,"a":2}{"b":"}"} {"c":{"d":["]"]}}"#,
        r#"{ "a" : "b" , "\u0061" : 18446744073709551616 }"#,
        "{}",
    ];
    objects.map(|object| object.as_bytes().to_vec()).into()
}

/// As scripts write them.
pub fn script_events() -> Vec<Vec<u8>> {
    ["{\"event\":\"x\ny\",\"from\":<null>}", r#"{"event":"x","from":"x","event":"forged"}"#]
        .map(|it| it.as_bytes().to_vec())
        .into()
}

pub fn evapi_commands() -> Vec<Vec<u8>> {
    [
        r#"{"cmd":"tag","tag":"X"}"#,
        r#"{"cmd":"tag","tag":7}"#,
        r#"{"cmd":"subscribe","topics":["calls*","!x|y"]}"#,
        "[]",
    ]
    .map(|it| it.as_bytes().to_vec())
    .into()
}

pub fn ami_messages() -> Vec<Vec<u8>> {
    let mut states = Vec::new();
    ami::write::header(&mut states, "Event", "DeviceStateChange");
    ami::write::header(&mut states, "Device", b"SIP/\xff");
    ami::write::escaped_header(&mut states, "Message", b"a\r\nb");
    ami::write::end(&mut states);
    let old = b"Response: Follows\r\nPrivilege: Command\r\nActionID: 1\r\na line\r\n\r\nanother--END COMMAND--\r\n\r\n";
    let banner =
        [ami::write::BANNER_LINE, b"Response: Success\r\nActionID: 1\r\nnonsense\r\n\r\n\r\n"].concat();
    vec![states, old.to_vec(), banner]
}

pub fn ami_actions() -> Vec<Vec<u8>> {
    let action = ami::Action::new("Setvar", "7")
        .and_then(|action| action.header("Value", "INUSE"))
        .expect("an action");
    let mut stream = BytesMut::new();
    action.encode(&mut stream);
    stream.extend_from_slice(&[b'x'; 1_030]);
    stream.extend_from_slice(b"\r\n\r\nAction: Ping\n\n");
    vec![stream.to_vec()]
}

pub fn manager_messages() -> Vec<Vec<u8>> {
    let event = r#"{"Event":"DeviceStateChange","Device":"SIP/100","State":"INUSE"}"#;
    let reply = r#"[{"Response":"Success","ActionID":"2"},{"Event":"X","Device":"SIP/1"}]"#;
    let body = r#"{"msg_type":"AsteriskEvent","uuid":"7","origin":"S0","x_data":{"Event":"Reload","Status":"0","T":1.5}}"#;
    vec![
        event.into(),
        reply.into(),
        format!("[*]\u{1e}{body}").into(),
        "[S1]\u{1e}{\"msg_type\":\"AgentPing\",\"uuid\":\"8\",\"origin\":\"S1\"}".into(),
    ]
}

pub fn evi_events() -> Vec<Vec<u8>> {
    [
        "E_UL_AOR_INSERT\ndomain::location\naor::anna\n\n",
        "E_BODY\nmethod::MESSAGE\nbody::\"one\r\ntwo \\\"quoted\\\" \\ end\r\n\"\n\n",
        "E_X\n::a\n\"b\nc::18446744073709551615\n\n",
        r#"{"jsonrpc":"2.0","method":"E_X","params":{"a":1,"a":"b","":null},"id":7}"#,
        r#"{"jsonrpc":"2.0","method":"E_X","params":["a",-2,1.5,{"b":[]}],"id":"x"}"#,
    ]
    .map(|it| it.as_bytes().to_vec())
    .into()
}

pub fn mi_requests() -> Vec<Vec<u8>> {
    [
        ":event_subscribe:rep24\nE_TEST\nudp:127.0.0.1:9011\n1800\njson\n\n",
        ":subscribers_list:\nE_TEST\nudp:h:1\n",
        ":raise_event:x\nE_X\na::b\n\"c\nd\"\n\n",
        r#"{"jsonrpc":"2.0","method":"event_subscribe","id":1,"params":{"event":"E","socket":"udp:h:1","expire":60}}"#,
        r#"[{"jsonrpc":"2.0","method":"raise_event","id":"a","params":["E",{"a":1}]},{"method":"events_list"}]"#,
        r#":rep:{"jsonrpc":"2.0","method":"version","id":1}"#,
    ]
    .map(|it| it.as_bytes().to_vec())
    .into()
}

pub fn mi_replies() -> Vec<Vec<u8>> {
    let replies = [
        "200 OK\nEvent:: E_TEST id=9\n\tSubscriber::  socket=udp:127.0.0.1:9011 expire=60\n\n",
        "500 command not available\n",
        "200 OK\nServer:: OpenSIPS (2.4.9)\n\n",
        r#"{"jsonrpc":"2.0","result":{"Events":[{"name":"E","id":9,"Subscribers":[{"socket":"x","expire":"never","ttl":5}]}]},"id":1}"#,
        r#"{"jsonrpc":"2.0","error":{"code":-32602,"message":"Invalid params","data":"x"},"id":1}"#,
        "400 Parse_error\n",
    ];
    (0..4).flat_map(|asked| replies.map(|reply| seed(&[reply], &[asked, 1, 1]))).collect()
}

pub fn filters() -> Vec<Vec<u8>> {
    let event = r#"{"eventType":"created","event":{"state":"pending","items":[{"price":10.5}]}}"#;
    ["state=pending", "eventType=created,updated&event.items.price.gte=10", "a%2Eb=c%2Cd"]
        .map(|query| seed(&[query, event], &[]))
        .into()
}

pub fn bodies() -> Vec<Vec<u8>> {
    [
        r#"{"eventId":"7","eventType":"updated","eventTime":"2026-03-01T12:00:00Z","event":{"id":"42"},"relatedParty":[{"id":"x"}],"priority":null}"#,
        r#"{"callback":"https://pss.example.net/events","query":"state=pending","@type":"Hub"}"#,
    ]
    .map(|it| it.as_bytes().to_vec())
    .into()
}

/// Documents with secrets, whole and broken.
pub fn shown() -> Vec<Vec<u8>> {
    let broken = r#"{"event":"x","body":"<password>hush</password>","pin":12,"a":"{\"secret\":[1,{\"b\":2}]}" "token":"#;
    ocir_streams()
        .into_iter()
        .chain(objects())
        .chain([broken.as_bytes().to_vec(), b"password=hush&pin='1>2'".to_vec()])
        .collect()
}

pub fn tomls() -> Vec<Vec<u8>> {
    let full = include_str!("../../fixtures/config/full.toml");
    vec![full.into(), SECRETS_TOML.into(), include_str!("../../../config/eventmanager.toml").into()]
}

pub fn inis() -> Vec<Vec<u8>> {
    vec![EM_INI.into(), BROKER_INI.into()]
}
