//! Labels that a peer chooses, kept from filling the memory.

use std::collections::HashSet;

/// So many different values become labels; all further ones are counted together.
const LIMIT: usize = 200;
const LONGEST: usize = 100;

/// The values of one label that have been seen.
#[derive(Debug, Default)]
pub struct Labels {
    seen: HashSet<String>,
}

impl Labels {
    /// The label of `name`: itself, or `other` where it is no plain name or there are too many.
    pub fn label(&mut self, name: &str) -> String {
        let plain = !name.is_empty()
            && name.len() <= LONGEST
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let known = self.seen.contains(name);
        if !plain || (!known && self.seen.len() >= LIMIT) {
            return "other".to_owned();
        }
        if !known {
            self.seen.insert(name.to_owned());
        }
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_cannot_make_labels_without_end() {
        let mut labels = Labels::default();
        assert_eq!(labels.label("UserAddRequest"), "UserAddRequest");
        assert_eq!(labels.label("not a name"), "other");
        assert_eq!(labels.label(&"x".repeat(101)), "other");
        let given: HashSet<String> = (0..1000).map(|n| labels.label(&format!("Type{n}"))).collect();
        assert_eq!(given.len(), LIMIT);
        assert_eq!(labels.label("UserAddRequest"), "UserAddRequest");
    }
}
