//! The peers that eventmanager talks to, as programs of our own: for tests, benches, `eventmanager simulate` and
//! `eventmanager demo`.
//!
//! | peer | module | what it does |
//! |---|---|---|
//! | BroadWorks application server | [`broadworks`] | sends OCI-R documents to whoever connects |
//! | Ericsson EMA | [`ema`] | keeps HSS and ENUM as CAI3G requests build them, and refuses what a real one refuses |
//! | SurgeMail | [`surgemail`] | keeps mail domains and accounts |
//! | Asterisk | [`asterisk`] | tells and takes the states of devices and presentities over AMI, and forgets what a real one forgets |
//! | OpenSIPS | [`opensips`] | takes subscriptions and tells events to whoever has subscribed, and forgets subscriptions as a real one does |
//! | the people at the BroadWorks portal | [`traffic`] | an endless stream of documents, and what must come of it |
//!
//! Every simulator has its own thread and stops when its handle is dropped, so that a test may use several of them,
//! with paused time or not, and none of them slows what it measures. They misbehave on demand: see [`script`] for
//! scripted faults, and the handles for refused, dropped and torn connections.
//!
//! What the simulators assume about the real systems beyond what was observed is said where it is assumed.

pub mod asterisk;
pub mod broadworks;
pub mod ema;
mod http;
pub mod opensips;
mod port;
pub mod script;
pub mod surgemail;
pub mod traffic;
