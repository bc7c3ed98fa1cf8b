//! The gateway's side, for simulators: reading requests and writing answers.
//!
//! ```text
//! <cai3:Login><cai3:userId>u</cai3:userId><cai3:pwd>p</cai3:pwd></cai3:Login>
//! <LoginResponse xmlns="…"><sessionId>6fa1…</sessionId><baseSequenceId>1</baseSequenceId></LoginResponse>
//! ```

use super::render::envelope;
use super::request::{Association, EnumRequest, HssRequest, PrivateUser, PublicData, ServiceProfile};
use super::{CAI3G, HSS, MAX_BODY, SOAP};
use crate::wire::Secret;
use crate::wire::xml::{Element, EncodingError, Fallback, Tree, XmlError, decode};

/// A request with the session of its header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub session: Option<Secret>,
    pub operation: Operation,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    Login { user: String, password: Secret },
    Logout { session: Secret },
    Hss(HssRequest),
    Enum(EnumRequest),
}

impl Operation {
    /// The name of its element: Login, Logout, Create, Set, Delete.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Login { .. } => "Login",
            Operation::Logout { .. } => "Logout",
            Operation::Hss(HssRequest::CreateAssociation(_))
            | Operation::Enum(EnumRequest::Create { .. }) => "Create",
            Operation::Hss(HssRequest::DeleteAssociation { .. })
            | Operation::Enum(EnumRequest::Delete { .. }) => "Delete",
            Operation::Hss(_) => "Set",
        }
    }
}

/// Why a request is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("the request's text is uncertain: {0}")]
    Encoding(#[from] EncodingError),
    #[error("the request cannot be read: {0}")]
    Xml(#[from] XmlError),
    #[error("the request has no {0}")]
    Missing(&'static str),
    #[error("{0} is not an operation that is known")]
    Unknown(String),
    #[error("{0} has a value that is not allowed")]
    Invalid(&'static str),
}

/// Reads a request as [`super::render`] writes it, whatever its prefixes.
pub fn parse_request(body: &[u8]) -> Result<Call, RequestError> {
    let decoded = decode(body, Fallback::Utf8);
    if let Some(error) = decoded.error {
        return Err(error.into());
    }
    let tree = Tree::parse(&decoded.text, MAX_BODY)?;
    let envelope = tree.root();
    let session = envelope.find("Header/SessionId").map(|element| Secret::new(element.text()));
    let body = envelope.find("Body").ok_or(RequestError::Missing("Body"))?;
    let call = body.children().next().ok_or(RequestError::Missing("operation"))?;
    let operation = match call.name() {
        "Login" => {
            Operation::Login { user: text(call, "userId")?, password: Secret::new(text(call, "pwd")?) }
        }
        "Logout" => Operation::Logout { session: Secret::new(text(call, "sessionId")?) },
        name @ ("Create" | "Set" | "Delete") => managed(name, call)?,
        other => return Err(RequestError::Unknown(other.to_owned())),
    };
    Ok(Call { session, operation })
}

fn managed(name: &str, call: Element<'_>) -> Result<Operation, RequestError> {
    let kind = text(call, "MOType")?;
    match (name, kind.split('@').next().unwrap_or_default()) {
        (_, "IMSAssociation") => association(name, call).map(Operation::Hss),
        ("Create", "DNSSubscription") => {
            let msisdn = text(call, "MOId/msisdn")?;
            let public_id = text(call, "MOAttributes/createDNSSubscription/records/publicId")?;
            Ok(Operation::Enum(EnumRequest::Create { msisdn, public_id }))
        }
        ("Delete", "DNSSubscription") => {
            Ok(Operation::Enum(EnumRequest::Delete { msisdn: text(call, "MOId/msisdn")? }))
        }
        _ => Err(RequestError::Unknown(format!("{name} {kind}"))),
    }
}

fn association(name: &str, call: Element<'_>) -> Result<HssRequest, RequestError> {
    let association_id = text(call, "MOId/associationId")?;
    match name {
        "Create" => create(association_id, call),
        "Set" => {
            let set = call
                .find("MOAttributes/SetIMSAssociation")
                .ok_or(RequestError::Missing("SetIMSAssociation"))?;
            let child = set.children().next().ok_or(RequestError::Missing("element to set"))?;
            self::set(association_id, child)
        }
        _ => Ok(HssRequest::DeleteAssociation { association_id }),
    }
}

fn create(association_id: String, call: Element<'_>) -> Result<HssRequest, RequestError> {
    let create = call
        .find("MOAttributes/CreateIMSAssociation")
        .ok_or(RequestError::Missing("CreateIMSAssociation"))?;
    let part = |name| create.find(name).ok_or(RequestError::Missing(name));
    let private_user = part("privateUser")?;
    Ok(HssRequest::CreateAssociation(Association {
        association_id,
        is_psi: text(create, "isPsi")?.parse().map_err(|_| RequestError::Invalid("isPsi"))?,
        private_user: PrivateUser {
            private_user_id: text(private_user, "privateUserId")?,
            password: private_user.find("userPassword").map(|element| Secret::new(element.text())),
        },
        public_data: public_data(part("publicData")?)?,
        service_profile: service_profile(part("subscriberServiceProfile")?)?,
    }))
}

fn set(association_id: String, child: Element<'_>) -> Result<HssRequest, RequestError> {
    let id = |name| child.attribute(name).map(String::from).ok_or(RequestError::Missing(name));
    let is_nil = child.field() == crate::wire::Field::Nil;
    match child.name() {
        "publicData" if is_nil => {
            Ok(HssRequest::DeletePublicIdentity { association_id, public_id: id("publicIdValue")? })
        }
        "publicData" => {
            Ok(HssRequest::SetPublicIdentity { association_id, public_data: public_data(child)? })
        }
        "subscriberServiceProfile" if is_nil => Ok(HssRequest::DeleteServiceProfile {
            association_id,
            service_profile_id: id("serviceProfileId")?,
        }),
        "subscriberServiceProfile" if child.find("serviceProfileId").is_some() => {
            Ok(HssRequest::SetServiceProfile { association_id, service_profile: service_profile(child)? })
        }
        "subscriberServiceProfile" => Ok(HssRequest::SetPhoneContext {
            association_id,
            service_profile_id: id("serviceProfileId")?,
            phone_context: text(child, "phoneContext")?,
        }),
        "privateUser" => Ok(HssRequest::SetPassword {
            association_id,
            private_user_id: id("privateUserId")?,
            password: Secret::new(text(child, "userPassword")?),
        }),
        other => Err(RequestError::Unknown(format!("Set {other}"))),
    }
}

fn public_data(element: Element<'_>) -> Result<PublicData, RequestError> {
    let implicit_reg_set = text(element, "implicitRegSet")?;
    Ok(PublicData {
        public_id: text(element, "publicIdValue")?,
        private_user_id: text(element, "privateUserId")?,
        implicit_reg_set: implicit_reg_set.parse().map_err(|_| RequestError::Invalid("implicitRegSet"))?,
        service_profile_id: text(element, "serviceProfileId")?,
    })
}

fn service_profile(element: Element<'_>) -> Result<ServiceProfile, RequestError> {
    Ok(ServiceProfile {
        service_profile_id: text(element, "serviceProfileId")?,
        configured_profile_id: text(element, "configuredServiceProfile/configuredServiceProfileId")?,
        phone_context: text(element, "phoneContext")?,
    })
}

fn text(within: Element<'_>, path: &'static str) -> Result<String, RequestError> {
    within.find(path).map(|element| element.text().to_owned()).ok_or(RequestError::Missing(path))
}

/// The answer to a login.
pub fn login_response(session: &Secret) -> String {
    envelope(None, |out| {
        out.open("LoginResponse", &[("xmlns", CAI3G)]);
        out.leaf("sessionId", session.expose());
        out.leaf("baseSequenceId", "1");
        out.close("LoginResponse");
    })
}

/// The answer to any other operation that was done.
pub fn success(operation: &Operation, session: Option<&Secret>) -> String {
    let name = format!("{}Response", operation.name());
    envelope(session, |out| {
        out.open(&name, &[("xmlns", CAI3G)]);
        match operation {
            Operation::Logout { session } => out.leaf("sessionId", session.expose()),
            _ => out.leaf("MOId", ""),
        }
        out.close(&name);
    })
}

/// A fault, to be sent with status 500; without a detail code there are no details.
pub fn fault(code: u32, detail_code: Option<u32>, message: &str) -> String {
    envelope(None, |out| {
        out.open("ns2:Fault", &[("xmlns:ns2", SOAP)]);
        out.leaf("faultcode", "ns2:Server");
        out.leaf("faultstring", "This is a server fault");
        out.open("detail", &[]);
        out.open("C:Cai3gFault", &[("xmlns", CAI3G), ("xmlns:C", CAI3G)]);
        out.leaf("faultcode", &code.to_string());
        out.open("faultreason", &[]);
        out.leaf("reasonText", "External error.");
        out.close("faultreason");
        out.leaf("faultrole", "MF");
        if let Some(detail_code) = detail_code {
            out.open("details", &[]);
            out.open("F:IMSFault", &[("xmlns", HSS), ("xmlns:F", HSS)]);
            out.leaf("errorcode", &detail_code.to_string());
            out.leaf("errormessage", message);
            out.close("F:IMSFault");
            out.close("details");
        }
        out.close("C:Cai3gFault");
        out.close("detail");
        out.close("ns2:Fault");
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::cai3g::render;
    use crate::wire::cai3g::{Answer, parse_answer};
    use proptest::prelude::*;

    fn check(body: &str, expected: &str) {
        let shown = match parse_request(body.as_bytes()) {
            Ok(call) => call.operation.name().to_owned(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected, "{body}");
    }

    #[test]
    fn requests_are_understood_under_any_prefix_or_refused_with_a_reason() {
        let in_body = |call: &str| format!("<e:Envelope><e:Body>{call}</e:Body></e:Envelope>");
        check(&in_body("<x:Login><x:userId>u</x:userId><x:pwd/></x:Login>"), "Login");
        check(
            &in_body("<Delete><MOType>DNSSubscription@</MOType><MOId><msisdn>1</msisdn></MOId></Delete>"),
            "Delete",
        );
        check(&in_body("<Login/>"), "the request has no userId");
        check(&in_body("<Get/>"), "Get is not an operation that is known");
        check(&in_body("<Set><MOType>Other</MOType></Set>"), "Set Other is not an operation that is known");
        check(&in_body(""), "the request has no operation");
        check("<Envelope/>", "the request has no Body");
        check(
            "x",
            "the request cannot be read: not well-formed at byte 0: text outside the document element",
        );
    }

    fn text() -> impl Strategy<Value = String> {
        "[ -~æøåÆ\t\n\r€]{0,30}"
    }

    fn profile() -> impl Strategy<Value = ServiceProfile> {
        (text(), text(), text()).prop_map(|(service_profile_id, configured_profile_id, phone_context)| {
            ServiceProfile { service_profile_id, configured_profile_id, phone_context }
        })
    }

    fn identity() -> impl Strategy<Value = PublicData> {
        (text(), text(), any::<u8>(), text()).prop_map(
            |(public_id, private_user_id, implicit_reg_set, id)| PublicData {
                public_id,
                private_user_id,
                implicit_reg_set,
                service_profile_id: id,
            },
        )
    }

    fn hss_request() -> impl Strategy<Value = HssRequest> {
        let values = (text(), text(), text(), any::<bool>(), prop::option::of(text()), identity(), profile());
        (0..8, values).prop_map(
            |(kind, (association_id, a, b, is_psi, password, public_data, service_profile))| {
                let password_of = |text: String| Secret::new(text);
                match kind {
                    0 => HssRequest::CreateAssociation(Association {
                        association_id,
                        is_psi,
                        private_user: PrivateUser { private_user_id: a, password: password.map(password_of) },
                        public_data,
                        service_profile,
                    }),
                    1 => HssRequest::DeleteAssociation { association_id },
                    2 => HssRequest::SetPublicIdentity { association_id, public_data },
                    3 => HssRequest::DeletePublicIdentity { association_id, public_id: a },
                    4 => HssRequest::SetServiceProfile { association_id, service_profile },
                    5 => HssRequest::DeleteServiceProfile { association_id, service_profile_id: a },
                    6 => HssRequest::SetPhoneContext {
                        association_id,
                        service_profile_id: a,
                        phone_context: b,
                    },
                    _ => HssRequest::SetPassword {
                        association_id,
                        private_user_id: a,
                        password: password_of(b),
                    },
                }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_rendered_is_understood(request in hss_request(), a in text(), b in text(), session in text()) {
            let session = Secret::new(session);
            let (create, delete) = (EnumRequest::Create { msisdn: a.clone(), public_id: b.clone() }, EnumRequest::Delete { msisdn: a.clone() });
            for (soap, operation) in [
                (render::hss(&request, &session), Operation::Hss(request)),
                (render::enumeration(&create, &session), Operation::Enum(create)),
                (render::enumeration(&delete, &session), Operation::Enum(delete)),
                (render::logout(&session), Operation::Logout { session: session.clone() }),
            ] {
                let answer = parse_answer(200, success(&operation, Some(&session)).as_bytes());
                let is_success = matches!(answer, Answer::Success { .. });
                prop_assert!(is_success);
                prop_assert_eq!(parse_request(soap.as_bytes()), Ok(Call { session: Some(session.clone()), operation }));
            }
            let login = Operation::Login { user: a.clone(), password: Secret::new(b.clone()) };
            let soap = render::login(&a, &Secret::new(b));
            prop_assert_eq!(parse_request(soap.as_bytes()), Ok(Call { session: None, operation: login }));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_request(&bytes);
        }
    }
}
