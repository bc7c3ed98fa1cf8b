//! What a document says about one value: nothing, "remove it", or a new value.

use serde::{Deserialize, Serialize};

/// A value of an OCI document, matched in full wherever it is used.
///
/// OCI leaves out what stays as it is, sends `xsi:nil="true"` for what is removed, and text for what is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field<T> {
    /// The element is not there: leave the value as it is.
    #[default]
    Absent,
    /// `xsi:nil="true"`: remove the value.
    Nil,
    /// The element's text.
    Value(T),
}

impl<T> Field<T> {
    /// The value, where one is set.
    pub fn value(self) -> Option<T> {
        match self {
            Field::Value(value) => Some(value),
            Field::Absent | Field::Nil => None,
        }
    }

    /// Whether the element is missing altogether.
    pub fn is_absent(&self) -> bool {
        matches!(self, Field::Absent)
    }

    /// The same statement about another type.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Field::Absent => Field::Absent,
            Field::Nil => Field::Nil,
            Field::Value(value) => Field::Value(change(value)),
        }
    }
}

impl Field<&str> {
    /// An owned copy.
    pub fn to_owned(self) -> Field<String> {
        self.map(str::to_owned)
    }
}
