//! Uuids that follow from what they belong to: made again they are the same.

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

/// The uuid of these texts (RFC 9562, version 8: of SHA-256). What ends where one ends and the next begins counts.
pub fn uuid(texts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_texts_have_the_same_uuid_and_others_another() {
        // Kept in databases: it must never change.
        assert_eq!(
            uuid(&["pss", "order", "eventId", "7"]).to_string(),
            "9e5d1769-fb3c-8501-89ac-40ff520d0ecf"
        );
        let different = [&["a", "b"][..], &["ab"], &["ab", ""], &["", "ab"], &["a", "b", ""], &[]].map(uuid);
        let distinct: std::collections::BTreeSet<Uuid> = different.into_iter().collect();
        assert_eq!(distinct.len(), different.len());
    }
}
