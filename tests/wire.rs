//! The codecs against documents and requests as they were seen on the wire.
//!
//! `fixtures/wire/documents.jsonl`: one document a line, with its commands as user, type, version, and the fields of the
//! command by path (null is nil). `fixtures/wire/cai3g.jsonl`: one request a line, with its SOAP body as
//! `[name, {attributes}, text or children]`, in the prefixes of the gateway's documentation.

use eventmanager::wire::cai3g::server::{Operation, parse_request};
use eventmanager::wire::cai3g::{enumeration, hss, login, logout};
use eventmanager::wire::ocir::{DEFAULT_MAX_DOCUMENT, Document, Framer, write};
use eventmanager::wire::{Field, Secret};
use quick_xml::NsReader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use serde_json::{Map, Value, json};

fn lines(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/fixtures/wire/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).expect("the fixture is there");
    text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
}

/// Every frame of a stream that comes in pieces of `piece` bytes.
fn frames(stream: &[u8], piece: usize) -> Vec<Vec<u8>> {
    let mut framer = Framer::new(DEFAULT_MAX_DOCUMENT);
    let mut frames = Vec::new();
    for piece in stream.chunks(piece) {
        framer.push(piece);
        while let Some(frame) = framer.next_frame().expect("there are only documents") {
            frames.push(frame.to_vec());
        }
    }
    assert_eq!(framer.pending(), 0);
    frames
}

#[test]
fn every_kind_of_document_gives_its_commands_and_fields() {
    for case in lines("documents.jsonl") {
        let text = case["document"].as_str().expect("the document is text");
        let document = Document::parse(&write::encode_latin1(text));
        assert_eq!(document.text, text);
        let commands: Vec<_> = document.commands().collect();
        let shown: Vec<_> =
            commands.iter().map(|c| json!([c.user_id(), c.command_type(), c.version()])).collect();
        assert_eq!(Value::from(shown), case["commands"], "{text}");
        let mut seen = std::collections::HashSet::new();
        for field in case["fields"].as_array().expect("fields are a list") {
            let path = field[0].as_str().expect("a path is text");
            let expected = field[1].as_str().map_or(Field::Nil, Field::Value);
            if seen.insert(path) {
                assert_eq!(commands[0].field(path), expected, "{path} of {text}");
            }
        }
    }
}

#[test]
fn a_stream_gives_the_same_documents_wherever_it_is_cut() {
    let documents = lines("documents.jsonl");
    let texts: Vec<_> =
        documents.iter().map(|case| case["document"].as_str().expect("the document is text")).collect();
    let declaration = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>";
    for separator in ["\n", "\r\n", "", "\n\n \r\n"] {
        let undeclared = texts.iter().map(|text| text.trim_start_matches(declaration));
        let stream: String =
            undeclared.clone().map(|text| format!("{declaration}{separator}{text}{separator}")).collect();
        let expected: Vec<_> =
            undeclared.map(|text| write::encode_latin1(&format!("{declaration}{separator}{text}"))).collect();
        let stream = write::encode_latin1(&stream);
        for piece in [1, 2, 3, 7, 100, 1460, stream.len()] {
            assert_eq!(frames(&stream, piece), expected, "in pieces of {piece}");
        }
    }
    let two = write::encode_latin1(&format!("{declaration}\n{}\n{declaration}\n{}\n", texts[0], texts[1]));
    let expected = frames(&two, two.len());
    for cut in 0..=two.len() {
        let mut framer = Framer::new(DEFAULT_MAX_DOCUMENT);
        let mut found = Vec::new();
        for part in [&two[..cut], &two[cut..]] {
            framer.push(part);
            while let Some(frame) = framer.next_frame().expect("there are only documents") {
                found.push(frame.to_vec());
            }
        }
        assert_eq!(found, expected, "cut at {cut}");
    }
}

fn render(request: &Value, session: &Secret) -> String {
    let text = |of: &str, name: &str| request[of][name].as_str().expect("it is text").to_owned();
    if request.get("login").is_some() {
        login(&text("login", "user"), &Secret::new(text("login", "password")))
    } else if request.get("logout").is_some() {
        logout(&Secret::new(text("logout", "session")))
    } else if let Some(request) = request.get("hss") {
        hss(&serde_json::from_value(request.clone()).expect("it is a request to the HSS"), session)
    } else {
        let request = serde_json::from_value(request["enum"].clone());
        enumeration(&request.expect("it is a request to ENUM"), session)
    }
}

#[test]
fn every_request_is_the_soap_that_the_gateway_takes() {
    let session = Secret::new("S1");
    for case in lines("cai3g.jsonl") {
        let soap = render(&case["request"], &session);
        let envelope = canonical(&soap);
        assert_eq!(envelope[0], "S:Envelope");
        let header = if case["request"].get("login").is_some() {
            json!("")
        } else {
            json!([["cai3:SessionId", {}, "S1"]])
        };
        assert_eq!(envelope[2][0], json!(["S:Header", {}, header]));
        assert_eq!(envelope[2][1], json!(["S:Body", {}, [case["body"]]]));
    }
}

#[test]
fn every_request_is_understood_by_the_simulated_gateway() {
    let session = Secret::new("S1");
    for case in lines("cai3g.jsonl") {
        let call = parse_request(render(&case["request"], &session).as_bytes()).expect("it is a request");
        let request = match &call.operation {
            Operation::Login { user, password } => json!({"login": {"user": user, "password": password}}),
            Operation::Logout { session } => json!({"logout": {"session": session}}),
            Operation::Hss(request) => json!({"hss": request}),
            Operation::Enum(request) => json!({"enum": request}),
        };
        assert_eq!(request, case["request"]);
        assert_eq!(call.session.is_none(), matches!(call.operation, Operation::Login { .. }));
    }
}

/// `[name, {attributes}, text or children]`, with the prefix that belongs to the namespace.
fn canonical(text: &str) -> Value {
    let mut reader = NsReader::from_str(text);
    let mut open = vec![(Value::Null, String::new(), Vec::new())];
    loop {
        match reader.read_event().expect("what is rendered is well-formed") {
            Event::Start(tag) => {
                open.push((json!([name(&reader, &tag), attributes(&reader, &tag)]), String::new(), vec![]))
            }
            Event::Text(text) => open.last_mut().expect("the root is open").1.push_str(&text),
            Event::GeneralRef(reference) => {
                let entity = format!("&{};", &*reference);
                let text = quick_xml::escape::unescape(&entity).expect("a known entity");
                open.last_mut().expect("the root is open").1.push_str(&text);
            }
            Event::End(_) => {
                let (element, text, children) = open.pop().expect("an end follows a start");
                let inside = if children.is_empty() { json!(text) } else { Value::from(children) };
                let parent = open.last_mut().expect("the document is around the root");
                parent.2.push(json!([element[0], element[1], inside]));
            }
            Event::Eof => return open.remove(0).2.remove(0),
            _ => {}
        }
    }
}

fn prefix(namespace: ResolveResult<'_>) -> String {
    let ResolveResult::Bound(Namespace(namespace)) = namespace else { return String::new() };
    let known = [
        ("S:", "http://schemas.xmlsoap.org/soap/envelope/"),
        ("cai3:", "http://schemas.ericsson.com/cai3g1.2/"),
        ("hss:", "http://schemas.ericsson.com/ma/HSS/"),
        ("ns:", "http://schemas.ericsson.com/ema/UserProvisioning/IPWorks/5.0/"),
        ("xsi:", "http://www.w3.org/2001/XMLSchema-instance"),
    ];
    let found = known.iter().find(|(_, uri)| *uri == namespace);
    found.expect("the namespace is one of these").0.to_owned()
}

fn name(reader: &NsReader<&[u8]>, tag: &BytesStart<'_>) -> String {
    let (namespace, local) = reader.resolver().resolve_element(tag.name());
    prefix(namespace) + local.as_ref()
}

fn attributes(reader: &NsReader<&[u8]>, tag: &BytesStart<'_>) -> Value {
    let mut found = Map::new();
    for attribute in tag.attributes() {
        let attribute = attribute.expect("what is rendered is well-formed");
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
        let value = quick_xml::escape::unescape(&attribute.value).expect("only known entities").into_owned();
        found.insert(prefix(namespace) + local.as_ref(), json!(value));
    }
    Value::from(found)
}
