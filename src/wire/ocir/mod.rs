//! OCI-R: what a BroadWorks application server reports, one XML document after another.
//!
//! ```text
//! <?xml version="1.0" encoding="ISO-8859-1"?>
//! <BroadsoftOCIReportingDocument protocol="OCIReporting" xmlns:xsi="…">
//!   <command xsi:type="OCIReportingReportNotification"><id>write264</id><userId>admin</userId>…
//!     <request><![CDATA[<BroadsoftDocument protocol="OCI">…<command xsi:type="UserAddRequest17sp4">…]]></request>
//!   </command></BroadsoftOCIReportingDocument>
//! ```
//!
//! There is no acknowledgement and no login. [`Framer`] cuts the bytes, [`Document`] gives them a meaning, [`Command`] is
//! what is acted on, [`mask`] finds what is not shown of it, and [`write`](mod@write) plays the server.

pub mod command;
pub mod document;
pub mod frame;
pub mod mask;
pub mod write;

pub use command::Command;
pub use document::{Document, DocumentError, Notification, Report, RequestError};
pub use frame::{FrameError, Framer};

/// The largest document that is taken where nothing else is configured.
pub const DEFAULT_MAX_DOCUMENT: usize = 1 << 20;

/// The name of the outer document element, at whose end tag the stream is cut.
pub const ROOT: &str = "BroadsoftOCIReportingDocument";
