//! Whatever a text is, findings lie within it, in order, between characters, and what was redacted is still there the second time.
#![no_main]

use std::sync::OnceLock;

use ice_core::redact::{Preset, Redactor};
use libfuzzer_sys::fuzz_target;

static STRICT: OnceLock<Redactor> = OnceLock::new();

fuzz_target!(|text: &str| {
    let redactor = STRICT.get_or_init(|| Redactor::preset(Preset::Strict).expect("the preset is valid"));
    let mut end = 0;
    for finding in redactor.findings(text) {
        assert!(finding.range.start >= end && !finding.range.is_empty());
        assert!(text.get(finding.range.clone()).is_some(), "{finding:?}");
        end = finding.range.end;
    }
    let once = redactor.text(text);
    let twice = redactor.text(&once);
    let count = |text: &str| text.matches("[redacted: ").count();
    assert!(count(&twice) >= count(&once), "{once} became {twice}");
});
