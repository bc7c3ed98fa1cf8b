//! Signatures of what is delivered to others, as Standard Webhooks has them.
//!
//! ```text
//! webhook-id: 0198…
//! webhook-timestamp: 1772366400
//! webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4= v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==
//! ```
//!
//! Signed is `ID.TIMESTAMP.BODY`, once with each key: with two of them one can replace the other. A key is `whsec_` and the base64 of a
//! secret (HMAC-SHA256, `v1`), or `whsk_` and that of the seed of an ed25519 key (`v1a`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use std::fmt;

/// Bytes that the secret of an HMAC has, at least and at most.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// Bytes of the seed of an ed25519 key; its public key has as many, and may stand behind it.
const SEED: usize = 32;

/// A key that signs.
pub struct SigningKey(Key);

enum Key {
    Hmac(hmac::Key),
    Ed25519(Box<Ed25519KeyPair>),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl SigningKey {
    /// Reads a key; the error says what is wrong, and nothing of the key.
    pub fn parse(text: &str) -> Result<SigningKey, String> {
        let of_base64 = |text: &str| {
            STANDARD.decode(text).map_err(|_| "what stands behind the _ is no base64".to_owned())
        };
        if let Some(secret) = text.strip_prefix("whsec_") {
            let secret = of_base64(secret)?;
            if !LENGTHS.contains(&secret.len()) {
                return Err(format!(
                    "a secret has {} to {} bytes, not {}",
                    LENGTHS.start(),
                    LENGTHS.end(),
                    secret.len()
                ));
            }
            return Ok(SigningKey(Key::Hmac(hmac::Key::new(hmac::HMAC_SHA256, &secret))));
        }
        let seed = text.strip_prefix("whsk_").ok_or("a key begins with whsec_ or whsk_")?;
        ed25519(&of_base64(seed)?).map(|pair| SigningKey(Key::Ed25519(Box::new(pair))))
    }

    fn sign(&self, signed: &[u8]) -> String {
        match &self.0 {
            Key::Hmac(key) => format!("v1,{}", STANDARD.encode(hmac::sign(key, signed))),
            Key::Ed25519(pair) => format!("v1a,{}", STANDARD.encode(pair.sign(signed))),
        }
    }

    fn verifies(&self, signed: &[u8], version: &str, signature: &[u8]) -> bool {
        match &self.0 {
            Key::Hmac(key) => version == "v1" && hmac::verify(key, signed, signature).is_ok(),
            Key::Ed25519(pair) => {
                let public = UnparsedPublicKey::new(&ED25519, pair.public_key());
                version == "v1a" && public.verify(signed, signature).is_ok()
            }
        }
    }
}

fn ed25519(key: &[u8]) -> Result<Ed25519KeyPair, String> {
    let pair = match key.len() {
        SEED => Ed25519KeyPair::from_seed_unchecked(key),
        length if length == 2 * SEED => {
            let (seed, public) = key.split_at(SEED);
            Ed25519KeyPair::from_seed_and_public_key(seed, public)
        }
        length => {
            return Err(format!(
                "the key of ed25519 has {SEED} bytes, or {} with the public one, not {length}",
                2 * SEED
            ));
        }
    };
    pair.map_err(|_| "the public key behind the seed is not its own".to_owned())
}

/// The value of `webhook-signature`: a signature of each key, in their order. `timestamp` is in seconds of the epoch.
pub fn sign(keys: &[SigningKey], id: &str, timestamp: u64, body: &[u8]) -> String {
    let signed = signed(id, timestamp, body);
    keys.iter().map(|key| key.sign(&signed)).collect::<Vec<_>>().join(" ")
}

/// Whether one of the signatures is of one of the keys. How old the timestamp is, is for the caller to judge.
pub fn verify(keys: &[SigningKey], id: &str, timestamp: u64, body: &[u8], signature: &str) -> bool {
    let signed = signed(id, timestamp, body);
    let is_good = |one: &str| {
        let Some((version, signature)) = one.split_once(',') else { return false };
        let Ok(signature) = STANDARD.decode(signature) else { return false };
        keys.iter().any(|key| key.verifies(&signed, version, &signature))
    };
    signature.split(' ').any(is_good)
}

fn signed(id: &str, timestamp: u64, body: &[u8]) -> Vec<u8> {
    let mut signed = format!("{id}.{timestamp}.").into_bytes();
    signed.extend_from_slice(body);
    signed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: u64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    /// The first key of RFC 8032, 7.1.
    const SEED_OF_RFC: &str = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
    const PUBLIC_OF_RFC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    fn keys(texts: &[&str]) -> Vec<SigningKey> {
        texts.iter().map(|text| SigningKey::parse(text).expect(text)).collect()
    }

    #[test]
    fn the_example_of_the_specification_is_signed_as_there() {
        let signature = sign(&keys(&[SECRET]), ID, TIMESTAMP, BODY);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_key_of_ed25519_is_that_of_its_seed() {
        let SigningKey(Key::Ed25519(pair)) = SigningKey::parse(SEED_OF_RFC).expect("a key") else { panic!() };
        assert_eq!(STANDARD.encode(pair.public_key()), PUBLIC_OF_RFC);
        let seed = STANDARD.decode(&SEED_OF_RFC["whsk_".len()..]).expect("base64");
        let both = [seed.clone(), STANDARD.decode(PUBLIC_OF_RFC).expect("base64")].concat();
        assert!(SigningKey::parse(&format!("whsk_{}", STANDARD.encode(&both))).is_ok());
        let other = [seed.clone(), seed].concat();
        let reason = SigningKey::parse(&format!("whsk_{}", STANDARD.encode(&other))).expect_err("another's");
        assert_eq!(reason, "the public key behind the seed is not its own");
    }

    #[test]
    fn while_one_key_replaces_the_other_either_verifies() {
        let both = keys(&[SEED_OF_RFC, SECRET]);
        let signature = sign(&both, ID, TIMESTAMP, BODY);
        let (first, second) = signature.split_once(' ').expect("two");
        assert!(first.starts_with("v1a,") && second.starts_with("v1,"), "{signature}");
        for key in both {
            assert!(verify(&[key], ID, TIMESTAMP, BODY, &signature));
        }
    }

    #[test]
    fn what_is_not_what_was_signed_does_not_verify() {
        let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        for secret in [SECRET, SEED_OF_RFC] {
            let keys = keys(&[secret]);
            let good = sign(&keys, ID, TIMESTAMP, BODY);
            let check = |id: &str, timestamp: u64, body: &[u8], signature: &str, expected: bool| {
                assert_eq!(verify(&keys, id, timestamp, body, signature), expected, "{signature}");
            };
            check(ID, TIMESTAMP, BODY, &good, true);
            check(ID, TIMESTAMP, BODY, &format!("v2,x nonsense {good}"), true);
            check("msg_other", TIMESTAMP, BODY, &good, false);
            check(ID, TIMESTAMP + 1, BODY, &good, false);
            check(ID, TIMESTAMP, b"{}", &good, false);
            let swapped = if good.starts_with("v1,") {
                good.replace("v1,", "v1a,")
            } else {
                good.replace("v1a,", "v1,")
            };
            check(ID, TIMESTAMP, BODY, &swapped, false);
            for bad in ["", "v1,", "v1", ",", "v1,!!!", "v1a,AAAA"] {
                check(ID, TIMESTAMP, BODY, bad, false);
            }
            assert!(!verify(&self::keys(&[other]), ID, TIMESTAMP, BODY, &good));
            assert!(!verify(&[], ID, TIMESTAMP, BODY, &good));
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        let check = |text: &str, expected: &str| {
            let reason = SigningKey::parse(text).expect_err(text);
            assert_eq!(reason, expected, "{text}");
        };
        check("sesame", "a key begins with whsec_ or whsk_");
        check("whsec_sesame!", "what stands behind the _ is no base64");
        check("whsec_c2VzYW1l", "a secret has 24 to 64 bytes, not 6");
        check("whsk_c2VzYW1l", "the key of ed25519 has 32 bytes, or 64 with the public one, not 6");
        assert_eq!(format!("{:?}", keys(&[SECRET, SEED_OF_RFC])), "[***, ***]");
    }
}
