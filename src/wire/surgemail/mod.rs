//! SurgeMail's administration pages: what is asked of them.
//!
//! ```text
//! POST /cgi/domadmin.cgi?show=simple_msg.xml&cmd=cmd_user_login&lcmd=user_create&user_fields=user_id
//!      &username=admin@DOMAIN&password=…&lusername=LOCALPART&lpassword=… HTTP/1.1
//! Authorization: Basic …                  Content-Type: text/html, no body
//! HTTP/1.1 200 OK                         is success
//! ```
//!
//! [`request`] has the requests as values, [`render`] writes them. Of an answer only the status means anything, and whoever
//! asked judges it.

pub mod render;
pub mod request;

pub use render::{Credentials, target};
pub use request::{MailAccount, MailRequest};
