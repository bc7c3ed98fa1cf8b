//! What a configuration says about events of scripts: which are meant, by name and fields, and what is made of them.
//!
//! Pure: fields come in through a function from name to text, so that an event, a subscriber's row and another program's
//! answer can be matched and quoted alike.

mod conditions;
mod pattern;
mod template;
mod text;

pub use conditions::Conditions;
pub use pattern::Pattern;
pub use template::Template;
pub use text::Text;
