//! CAI3G 1.2: what is asked of Ericsson's provisioning gateway (EMA, PG), and what it answers.

pub mod request;

pub use request::{Association, EnumRequest, HssRequest, PrivateUser, PublicData, ServiceProfile};
