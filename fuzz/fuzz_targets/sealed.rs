//! Bytes that were not sealed are never opened, whatever they are; those that were are opened, and only as they were.
#![no_main]

use ice_core::seal::{KeyId, OVERHEAD, SealingKey, SecretKey, TestEntropy, key_of};
use ice_core::vault::Vault;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let key = SealingKey::new(KeyId::from_bytes([7; 16]), SecretKey::from_bytes(&mut [9; 32]));
    assert!(key.open(b"place", bytes).is_err(), "nobody has sealed these bytes");
    let _ = key_of(bytes);
    let sealed = key.seal(&TestEntropy::new(1), b"place", bytes).expect("tests have randomness");
    assert_eq!(sealed.len(), bytes.len() + OVERHEAD);
    assert_eq!(key.open(b"place", &sealed).as_deref(), Ok(bytes));
    if let Some(last) = bytes.last() {
        let mut altered = sealed.clone();
        let at = usize::from(*last) % altered.len();
        altered[at] ^= 1;
        assert!(key.open(b"place", &altered).is_err(), "byte {at} was altered");
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let vault = Vault::new(&key);
        assert_eq!(vault.restore(text), text, "there is no token in it");
        assert!(vault.reveal(text).is_err());
    }
});
