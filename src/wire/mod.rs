//! Pure codecs: bytes in, values out, and back. No sockets, no clocks, nothing of the rest of the crate.

pub mod ami;
pub mod cai3g;
pub mod evapi;
pub mod event_management;
pub mod evi;
pub mod field;
pub mod json;
pub mod manager_json;
pub mod mask;
pub mod mi;
pub mod netstring;
pub mod ocir;
pub mod secret;
pub mod surgemail;
pub mod webhooks;
pub mod xml;
pub mod zmtp;

pub use field::Field;
pub use mask::mask_secrets;
pub use secret::Secret;
