//! The simulated peers of a test, and the configuration that names them.

use eventmanager::simulators::broadworks::{BroadworksHandle, BroadworksSimulator};
use eventmanager::simulators::ema::{EmaHandle, EmaOptions, EmaSimulator, faults};
use std::net::SocketAddr;

/// A free port of loopback.
pub fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// An application server and a provisioning gateway.
pub struct Peers {
    pub broadworks: BroadworksHandle,
    pub ema: EmaHandle,
}

impl Peers {
    pub fn start() -> Peers {
        Peers {
            broadworks: BroadworksSimulator::start(any()).expect("an application server"),
            ema: EmaSimulator::start(EmaOptions::default()).expect("an ema"),
        }
    }

    /// The sections of a configuration that names both, with short times; `ema` are further keys of `[ema]`.
    pub fn config(&self, ema: &str) -> String {
        config(&self.broadworks.addr().to_string(), &self.ema.url(), ema)
    }
}

/// The sections of a configuration for peers at these addresses.
pub fn config(broadworks: &str, ema_url: &str, ema: &str) -> String {
    let numbering = eventmanager::simulators::traffic::numbering();
    let contexts = numbering.phone_contexts.iter().map(|(city, context)| format!("{city:?} = {context:?}\n"));
    format!(
        "[processing]\nretry_initial = \"20ms\"\nretry_max = \"200ms\"\n\
         [numbering]\ncountry_code = {:?}\ndefault_phone_context = {:?}\n[numbering.phone_contexts]\n{}\
         [service_profiles]\nvirtual = \"sp_virtual\"\nuser = \"sp_user\"\npilot = \"sp_pilot\"\ntrunk = \"sp_trunk\"\n\
         [ema]\nprimary = {ema_url:?}\nusername = \"emauser\"\npassword = \"emapass\"\n{ema}\n\
         [ema.faults]\n{}\n[[broadworks]]\nname = \"as1\"\naddress = {broadworks:?}\n",
        numbering.country_code,
        numbering.default_phone_context,
        contexts.collect::<String>(),
        faults(),
    )
}

/// The codes of the simulated EMA for "already there" and "not there", as `[ema.faults]` has them.
fn faults() -> String {
    let class = |codes: &[u32], class: &str| {
        codes.iter().map(|code| format!("{code} = {class:?}\n")).collect::<String>()
    };
    class(faults::EXISTS, "exists") + &class(faults::ABSENT, "absent")
}
