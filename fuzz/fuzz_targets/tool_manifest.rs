//! A text that is read as the manifest of a tool, as JSON and as YAML; what was read is written and read back as the same
//! manifest.
#![no_main]

use std::path::Path;

use ice_core::blueprint::Format;
use ice_core::error::ErrorCode;
use ice_orchestrator::process::ToolManifest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let folder = Path::new("/tools");
    for format in [Format::Json, Format::Yaml] {
        let reading = ToolManifest::read(text, format, "fuzz", folder);
        assert_eq!(reading.value.is_some(), !reading.diagnostics.has_errors());
        let Some(manifest) = reading.value else { continue };
        let written = serde_json::to_string(&manifest).expect("a manifest can be written");
        let again = ToolManifest::read(&written, Format::Json, "again", folder);
        // A whole schema nests deeper than the simple form it was made of.
        let is_too_deep = again.diagnostics.errors().all(|error| error.code == ErrorCode::BlueprintTooLarge);
        assert!(
            again.value.as_ref() == Some(&manifest) || (again.value.is_none() && is_too_deep),
            "{}",
            again.diagnostics
        );
    }
});
