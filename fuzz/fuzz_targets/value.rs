//! A JSON text that is read as a value and written is read back as the same value.
#![no_main]

use ice_core::value::{Value, ValuePath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        let text = serde_json::to_string(&value).expect("a value can be written");
        let again: Value = serde_json::from_str(&text).expect("what was written can be read");
        assert_eq!(again, value);
        assert!(value.weight(64) <= value.weight(usize::MAX));
        let Ok(path) = text.parse::<ValuePath>();
        drop(path.follow(&value));
    }
});
