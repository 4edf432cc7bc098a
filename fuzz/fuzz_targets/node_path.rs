//! A text that is a node path is printed as it was written, and its static form is a path without indices.
#![no_main]

use ice_core::path::NodePath;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(path) = text.parse::<NodePath>() {
        assert_eq!(path.as_str(), text);
        let fixed = path.to_static();
        assert!(!fixed.as_str().contains('['));
        assert_eq!(fixed.as_str().parse::<NodePath>().as_ref(), Ok(&fixed));
        assert_eq!(fixed.to_static(), fixed);
    }
});
