//! A text that is read as a blueprint, as JSON and as YAML, is checked and locked; what was read is written
//! and read back as the same blueprint.
#![no_main]

use ice_core::blueprint::{Format, VersionLock, read};
use ice_core::check::check;
use ice_core::registry::Catalog;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for format in [Format::Json, Format::Yaml] {
        let reading = read(text, format, "fuzz");
        assert_eq!(reading.blueprint.is_some(), !reading.diagnostics.has_errors());
        if let Some(lock) = &reading.lock {
            assert_eq!(*lock, VersionLock::of(&reading.document));
        }
        let Some(blueprint) = reading.blueprint else { continue };
        drop(check(&blueprint, &Catalog::default()));
        let written = serde_json::to_string(&*blueprint).expect("a blueprint can be written");
        let again = read(&written, Format::Json, "again");
        assert_eq!(again.blueprint.as_ref(), Some(&blueprint), "{}", again.diagnostics);
    }
});
