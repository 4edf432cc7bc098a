//! Under whose key the value of a store key is sealed.

use std::sync::Arc;

use crate::seal::KeyName;
use crate::store::Key;

/// Says under whose key the value of a store key is sealed; nothing if it stays in clear. It must say the same of a key for ever.
pub type Naming = Arc<dyn Fn(&Key) -> Option<KeyName> + Send + Sync>;

/// Everything below `t/<tenant>/` under the key of that tenant, the rest in clear.
#[must_use]
pub fn tenants() -> Naming {
    Arc::new(|key| {
        let tenant = key.as_str().strip_prefix("t/")?.split('/').next()?.parse().ok()?;
        Some(KeyName { tenant, run: None })
    })
}
