//! CAI3G 1.2: what is asked of Ericsson's provisioning gateway (EMA, PG), and what it answers.
//!
//! ```text
//! POST /CAI3G1.2/services/CAI3G1.2        Content-Type: text/xml
//! <S:Envelope xmlns:S="…" xmlns:cai3="…"><S:Header><cai3:SessionId>6fa1…</cai3:SessionId></S:Header>
//!   <S:Body><cai3:Create><cai3:MOType>IMSAssociation@…</cai3:MOType><cai3:MOId>…</cai3:MOId>
//!     <cai3:MOAttributes>…</cai3:MOAttributes></cai3:Create></S:Body></S:Envelope>
//! 200 <S:Envelope …><S:Body><CreateResponse …/></S:Body></S:Envelope>
//! 500 <S:Envelope …><S:Body><S:Fault>…<Cai3gFault><faultcode>4006</faultcode>…<errorcode>13004</errorcode>…
//! ```
//!
//! [`request`] has the requests as values, [`render`] writes them, [`answer`] reads what comes back, and [`server`] is the
//! other side, for simulators.

pub mod answer;
pub mod render;
pub mod request;
pub mod server;

pub use answer::{Answer, Fault, parse_answer};
pub use render::{enumeration, hss, login, logout};
pub use request::{Association, EnumRequest, HssRequest, PrivateUser, PublicData, ServiceProfile};

const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const CAI3G: &str = "http://schemas.ericsson.com/cai3g1.2/";
const HSS: &str = "http://schemas.ericsson.com/ma/HSS/";
const IPWORKS: &str = "http://schemas.ericsson.com/ema/UserProvisioning/IPWorks/5.0/";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// No body that a gateway or its client sends comes near this.
const MAX_BODY: usize = 1 << 20;
