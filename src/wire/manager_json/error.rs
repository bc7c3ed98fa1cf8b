//! What cannot be read.

use super::LARGEST;

/// Why a message is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("more than {LARGEST} bytes")]
    TooLong,
    #[error("a message of {0} frames")]
    Frames(usize),
    /// No JSON, or JSON of another shape.
    #[error("{0}")]
    Json(String),
    #[error("no event: the first member is not Event")]
    NoEvent,
    #[error("no reply: there is no Response in it")]
    NoResponse,
    /// Topics stand in brackets.
    #[error("no topic where one belongs")]
    NoTopic,
    #[error("the type of message {0:?}, which nobody knows")]
    Kind(String),
}

impl JsonError {
    /// One word for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            JsonError::TooLong => "oversize",
            JsonError::Frames(_) | JsonError::NoTopic => "framing",
            JsonError::Json(_) => "json",
            JsonError::NoEvent | JsonError::NoResponse | JsonError::Kind(_) => "kind",
        }
    }
}
