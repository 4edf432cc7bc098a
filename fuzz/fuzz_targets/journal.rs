//! The bytes of a journal are decoded, whatever they are, and their values are put together again.
#![no_main]

use ice_core::value::Value;
use ice_orchestrator::journal::{Body, Decoder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut decoder = Decoder::default();
    let Ok(records) = decoder.read(bytes) else { return };
    for record in records {
        let text = serde_json::to_string(&record).expect("a record can be written");
        assert!(serde_json::from_str::<Value>(&text).is_ok());
        if let Body::Succeeded { output, .. } = &record.body {
            let missing = decoder.missing(output);
            let resolved = decoder.resolve(output);
            assert!(missing.is_empty() || resolved.is_err());
        }
    }
});
