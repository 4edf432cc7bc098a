//! A text that is a grant of a host is printed as a text that is the same grant, and covers its own host.
#![no_main]

use ice_core::tools::HostGrant;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(grant) = text.parse::<HostGrant>() {
        assert_eq!(grant.to_string().parse::<HostGrant>().as_ref(), Ok(&grant));
        let host = grant.host.replace("*.", "any.");
        assert!(grant.covers(&host, grant.port), "{grant} does not cover {host}");
        assert!(!grant.covers(&host, grant.port.wrapping_add(1)));
    }
});
