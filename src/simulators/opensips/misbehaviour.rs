//! How an OpenSIPS misbehaves, for as long as it is told to.

use bytes::Bytes;
use std::time::Duration;

/// What is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Misbehaviour {
    #[default]
    None,
    /// Does what it is asked, and answers nothing.
    Silent,
    /// Does what it is asked, and answers so long after that; whoever asks meanwhile waits too.
    Late(Duration),
    /// Answers in plain text where JSON is due. One of text answers as ever.
    Plain,
    /// Answers these bytes, whatever was asked.
    Garbage(Bytes),
    /// Does nothing of what it is asked, and says that it failed.
    Failing,
    /// Answers have an id that nobody has sent. Text has none.
    WrongId,
    /// Answers what was to be answered to the request before, which may be none.
    OfAnother,
    /// Ends a connection of event_stream when it has written so many bytes to it.
    Truncating { after: usize },
}
