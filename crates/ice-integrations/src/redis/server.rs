//! What a server is and promises, read from its own words.

use std::collections::HashMap;

use ::redis::aio::MultiplexedConnection;
use ::redis::{InfoDict, RedisError};
use ice_core::store::{Durability, StoreError};

use super::failure::Fault;

/// The oldest major version that is spoken to: scripts with flags came with it.
const OLDEST: u32 = 7;

/// What was read of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    /// The id of this run of the server: another one after each start.
    pub(super) run: String,
    /// What a commit survives once it is answered.
    pub(super) durability: Durability,
    /// Whether the server keeps anything on its disk.
    pub(super) persistent: bool,
}

impl Server {
    /// Asks a server what it is.
    ///
    /// # Errors
    /// A lasting [`Fault`] if it is none that can be used.
    pub(super) async fn inspect(connection: &mut MultiplexedConnection, place: &str) -> Result<Self, Fault> {
        let failed = |error: RedisError| Fault::of(place, "asking what the server promises", &error);
        let info: InfoDict = redis::cmd("INFO").query_async(connection).await.map_err(failed)?;
        let config: Result<HashMap<String, String>, RedisError> = redis::cmd("CONFIG")
            .arg("GET")
            .arg(&["appendonly", "appendfsync", "no-appendfsync-on-rewrite", "maxmemory-policy", "save"])
            .query_async(connection)
            .await;
        let config = match config {
            Ok(config) => config,
            Err(error) if error.is_io_error() => return Err(failed(error)),
            // Not every server lets its configuration be read. What is not known is not promised.
            Err(_) => HashMap::new(),
        };
        let told = |field: &str| info.get::<String>(field);
        let refused = |what: String| Fault::lasting(StoreError::Unavailable { what, source: None });

        let version = told("redis_version").unwrap_or_default();
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < OLDEST) {
            return Err(refused(format!(
                "{place} is Redis {version:?}; version {OLDEST}.0 or newer is needed"
            )));
        }
        if told("role").as_deref() == Some("slave") {
            return Err(refused(format!("{place} is a replica; give the address of the primary")));
        }
        let policy = config.get("maxmemory-policy").cloned().or_else(|| told("maxmemory_policy"));
        if policy.as_deref() != Some("noeviction") {
            let policy = policy.unwrap_or_else(|| "an unknown policy".to_owned());
            return Err(refused(format!(
                "{place} removes keys when its memory is full (maxmemory-policy is {policy}), and a key that is removed is lost \
                 data; set maxmemory-policy to noeviction"
            )));
        }
        let run = told("run_id")
            .ok_or_else(|| refused(format!("{place} does not say which run of the server it is")))?;
        Ok(Self { run, durability: durability(&config), persistent: persistent(&config) })
    }
}

/// What the answer to a commit means. Only `appendfsync always` writes and syncs before anyone is answered, and ends the server if
/// it cannot; with `no-appendfsync-on-rewrite` it still writes, but leaves out the sync for as long as a rewrite takes.
/// `everysec` and `no` answer although the write was put off or has failed: nothing is promised then.
fn durability(config: &HashMap<String, String>) -> Durability {
    let is = |name: &str, value: &str| config.get(name).is_some_and(|found| found == value);
    if !is("appendonly", "yes") || !is("appendfsync", "always") {
        Durability::Buffered
    } else if is("no-appendfsync-on-rewrite", "no") {
        Durability::PowerLoss
    } else {
        Durability::ProcessCrash
    }
}

fn persistent(config: &HashMap<String, String>) -> bool {
    config.get("appendonly").is_some_and(|on| on == "yes")
        || config.get("save").is_some_and(|points| !points.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_configuration_holds_is_promised() {
        let check = |pairs: &[(&str, &str)], expected| {
            let config =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!((durability(&config), persistent(&config)), expected, "{pairs:?}");
        };
        let always = ("appendfsync", "always");
        let (on, off) = (("appendonly", "yes"), ("appendonly", "no"));
        check(&[on, always, ("no-appendfsync-on-rewrite", "no")], (Durability::PowerLoss, true));
        check(&[on, always, ("no-appendfsync-on-rewrite", "yes")], (Durability::ProcessCrash, true));
        check(&[on, always], (Durability::ProcessCrash, true));
        check(&[on, ("appendfsync", "everysec")], (Durability::Buffered, true));
        check(&[off, always, ("save", "3600 1")], (Durability::Buffered, true));
        check(&[off, always, ("save", "")], (Durability::Buffered, false));
        check(&[], (Durability::Buffered, false));
    }
}
