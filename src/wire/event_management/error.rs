//! The body of every error.
//!
//! ```text
//! {"@type":"Error","code":"404","reason":"Not Found","message":"there is no topic \"ordre\"","status":"404"}
//! ```

use serde_json::{Value, json};

/// What an error is answered with; `reason` is what the status means, `message` what is wrong and can be done about it.
pub fn error_body(status: u16, reason: &str, message: &str) -> Value {
    let code = status.to_string();
    json!({ "@type": "Error", "code": code, "reason": reason, "message": message, "status": code })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_an_error_is_text() {
        let error = error_body(403, "Forbidden", "not this host");
        assert_eq!(
            error.to_string(),
            r#"{"@type":"Error","code":"403","message":"not this host","reason":"Forbidden","status":"403"}"#
        );
    }
}
