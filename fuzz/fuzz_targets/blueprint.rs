//! Reading and checking a blueprint never panics; what is refused has an error, and what is read is written and
//! read again the same.
#![no_main]

use ice_core::blueprint::{Format, read};
use ice_core::registry::Catalog;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for format in [Format::Json, Format::Yaml, Format::Auto] {
        let reading = read(text, format, "fuzz");
        assert_eq!(reading.blueprint.is_none(), reading.diagnostics.has_errors());
        if let Err(found) = reading.check(&Catalog::default()) {
            assert!(found.has_errors());
            drop(found.to_string());
        }
        if let Some(blueprint) = reading.blueprint {
            let written = serde_json::to_string(&*blueprint).expect("a blueprint can be written");
            let again = read(&written, Format::Json, "again");
            assert_eq!(again.blueprint, Some(blueprint), "{}", again.diagnostics);
        }
    }
});
