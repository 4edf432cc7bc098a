//! What a memory promises, and what it can promise on its store.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Kind, MemoryError};
use crate::store::{Durability, Offers};

/// What a memory promises of what it was given.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum MemoryGuarantee {
    /// It is there as long as the process is.
    Ephemeral,
    /// It outlives the process as a rule, for a while.
    ShortTerm,
    /// It is there until its time is over.
    Ttl,
    /// Once acknowledged it survives the end of the process, however sudden.
    #[default]
    Durable,
    /// It is found by its meaning.
    Vectorised,
}

impl MemoryGuarantee {
    /// The name: `ephemeral`, `short_term`, `ttl`, `durable` or `vectorised`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ephemeral => "ephemeral",
            Self::ShortTerm => "short_term",
            Self::Ttl => "ttl",
            Self::Durable => "durable",
            Self::Vectorised => "vectorised",
        }
    }
}

impl fmt::Display for MemoryGuarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a kind of memory can promise on a store, with an index of meanings or without.
///
/// Working memory: `ephemeral` and `ttl`, and `short_term` on a store that outlives the process. Episodes: `ttl`. Episodes,
/// facts and procedures: `ephemeral`, and `durable` on a store that outlives the process and keeps commits through its end;
/// `vectorised` with an index of meanings.
#[must_use]
pub fn offered(kind: Kind, store: &Offers, meanings: bool) -> BTreeSet<MemoryGuarantee> {
    let durable = store.persistent && store.durability >= Durability::ProcessCrash;
    let all = [
        (MemoryGuarantee::Ephemeral, true),
        (MemoryGuarantee::ShortTerm, store.persistent),
        (MemoryGuarantee::Ttl, matches!(kind, Kind::Working | Kind::Episodic)),
        (MemoryGuarantee::Durable, durable && kind != Kind::Working),
        (MemoryGuarantee::Vectorised, meanings && kind != Kind::Working),
    ];
    all.into_iter().filter(|(_, offered)| *offered).map(|(guarantee, _)| guarantee).collect()
}

/// Refuses a guarantee that is not offered.
pub(super) fn check(
    guarantee: MemoryGuarantee,
    kind: Kind,
    backend: &str,
    store: &Offers,
    meanings: bool,
) -> Result<(), MemoryError> {
    let offered = offered(kind, store, meanings);
    if offered.contains(&guarantee) {
        return Ok(());
    }
    let reason = match guarantee {
        MemoryGuarantee::Durable if kind == Kind::Working => "working memory is short-lived".to_owned(),
        MemoryGuarantee::Durable | MemoryGuarantee::ShortTerm if !store.persistent => {
            "its store does not outlive the process".to_owned()
        }
        MemoryGuarantee::Durable => format!("its store keeps commits `{}` only", store.durability),
        MemoryGuarantee::Vectorised if kind != Kind::Working => "it has no embedder".to_owned(),
        MemoryGuarantee::Ephemeral
        | MemoryGuarantee::ShortTerm
        | MemoryGuarantee::Ttl
        | MemoryGuarantee::Vectorised => format!("it is none of those of {kind} memory"),
    };
    let names: Vec<&str> = offered.into_iter().map(MemoryGuarantee::name).collect();
    Err(MemoryError::Guarantee {
        guarantee,
        kind,
        backend: backend.to_owned(),
        reason,
        offered: names.join(", "),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(persistent: bool, durability: Durability) -> Offers {
        Offers { durability, max_value_bytes: 1, max_batch_bytes: 1, persistent }
    }

    #[test]
    fn what_is_offered_follows_from_the_store() {
        use MemoryGuarantee::{Durable, Ephemeral, ShortTerm, Ttl, Vectorised};
        let memory = offers(false, Durability::Buffered);
        let disk = offers(true, Durability::PowerLoss);
        let degraded = offers(true, Durability::Buffered);
        let list = |kind, store, meanings| offered(kind, store, meanings).into_iter().collect::<Vec<_>>();
        assert_eq!(list(Kind::Working, &memory, true), [Ephemeral, Ttl]);
        assert_eq!(list(Kind::Working, &disk, false), [Ephemeral, ShortTerm, Ttl]);
        assert_eq!(list(Kind::Episodic, &memory, false), [Ephemeral, Ttl]);
        assert_eq!(list(Kind::Episodic, &disk, true), [Ephemeral, ShortTerm, Ttl, Durable, Vectorised]);
        assert_eq!(list(Kind::Semantic, &disk, false), [Ephemeral, ShortTerm, Durable]);
        assert_eq!(list(Kind::Procedural, &degraded, false), [Ephemeral, ShortTerm]);
    }

    #[test]
    fn the_refusal_says_what_is_offered_and_why_it_is_no_more() {
        let error = check(Durable, Kind::Semantic, "memory", &offers(false, Durability::Buffered), false);
        let said = error.unwrap_err().to_string();
        assert_eq!(
            said,
            "semantic memory on the backend `memory` cannot keep the guarantee `durable`: its store does not outlive the \
             process; it offers ephemeral. Ask for one of these, or use another backend"
        );
    }

    use MemoryGuarantee::Durable;
}
