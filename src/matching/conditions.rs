//! Conditions on fields: all of them must hold.

use super::Pattern;
use std::collections::BTreeMap;

/// Fields, and what their values must be like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions(BTreeMap<String, Pattern>);

impl Conditions {
    /// A pattern for each field.
    pub fn new(patterns: BTreeMap<String, Pattern>) -> Self {
        Conditions(patterns)
    }

    /// Whether all of them hold, with the fields that `field` gives as text.
    pub fn hold(&self, field: impl Fn(&str) -> Option<String>) -> bool {
        self.0.iter().all(|(name, pattern)| pattern.means(field(name).as_deref()))
    }

    /// Whether those hold that are about a field which `is_known`.
    pub fn may_hold(&self, is_known: impl Fn(&str) -> bool, field: impl Fn(&str) -> Option<String>) -> bool {
        let mut known = self.0.iter().filter(|(name, _)| is_known(name));
        known.all(|(name, pattern)| pattern.means(field(name).as_deref()))
    }

    /// The fields that it depends on.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Field and pattern, as written.
    pub fn patterns(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, pattern)| (name.as_str(), pattern.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_conditions_must_hold() {
        let conditions = |pairs: &[(&str, &str)]| {
            let pattern =
                |(name, text): &(&str, &str)| (name.to_string(), Pattern::parse(text).expect("a pattern"));
            Conditions::new(pairs.iter().map(pattern).collect())
        };
        let field = |name: &str| match name {
            "method" => Some("MESSAGE".to_owned()),
            "from" => Some("anna".to_owned()),
            _ => None,
        };
        let check = |pairs: &[(&str, &str)], holds: bool| {
            assert_eq!(conditions(pairs).hold(field), holds, "{pairs:?}");
        };
        check(&[], true);
        check(&[("method", "MESSAGE|INFO"), ("from", "a*")], true);
        check(&[("method", "MESSAGE"), ("from", "bo")], false);
        check(&[("method", "!MESSAGE")], false);
        check(&[("to", "*")], false);
        check(&[("to", "!*")], true);
        let both = conditions(&[("method", "MESSAGE"), ("from", "bo")]);
        assert!(
            both.may_hold(|name| name != "from", field) && !both.may_hold(|name| name != "method", field)
        );
    }
}
