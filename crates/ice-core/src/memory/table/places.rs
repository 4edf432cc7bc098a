//! The keys of a tenant's memory. Values in keys are digests: keys are never sealed and must not show personal data.
//!
//! Below `t/<tenant>/memory/`, with `<d>` for 22 digits of a digest and `<p>` for 32 digits of a position:
//!
//! - `secret`: the key under which digests are made.
//! - `id/<id>`: the entry. `k/<d>`: the id of what a key stands for. `v/<d>/<p>`: what it stood for, by when it was learned.
//! - `x/<d>/<p>`: the current entries with a property, the newest first; `h/<d>/<p>`: the past ones. The values are marks.
//! - `f/<d>/<d>`: the values of a property. `r/<d>/<when><id>`: working memory by its last use.
//! - `e/<when><id>`: what ends by itself, by when. `b/<hash>/<id>`: the blobs that an entry names.
//! - `i/<d>`: idempotency keys. `w/<d>`: runs that were taken back.
//! - `u/<d>/<kind>-<writer>`: what each writer counts of a scope; `g/<d>`: changes whenever there is a new one.

use super::position::{Position, encode};
use super::term::Term;
use crate::id::{RunId, Tenant};
use crate::memory::{EntryId, Kind, MemoryKey, Scope};
use crate::store::Key;
use crate::time::Moment;
use crate::value::BlobHash;

/// The root of a tenant's memory.
pub(super) fn root(tenant: &Tenant) -> Key {
    Key::tenant(tenant).folder("memory")
}

/// Where the key of the digests stands.
pub(super) fn secret(tenant: &Tenant) -> Key {
    root(tenant).leaf("secret")
}

/// Makes the keys of a tenant's memory.
#[derive(Clone)]
pub(super) struct Places {
    root: Key,
    secret: [u8; 32],
}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Places").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Places {
    pub(super) fn new(tenant: &Tenant, secret: [u8; 32]) -> Self {
        Self { root: root(tenant), secret }
    }

    /// A digest of some texts, which nobody without the secret can guess.
    fn digest(&self, parts: &[&str]) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.secret);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let digest = hasher.finalize();
        encode(digest.as_bytes().first_chunk::<16>().map_or(&[], |digest| &digest[..]))
    }

    fn below(&self, rest: &str) -> Key {
        // At most 140 bytes, which is within the bound of keys: a tenant has 64, and the rest 70.
        Key::new(&format!("{}{rest}", self.root)).unwrap_or_else(|_| self.root.clone())
    }

    pub(super) fn entry(&self, id: EntryId) -> Key {
        self.below(&format!("id/{}", encode(&id.bytes())))
    }

    fn key_digest(&self, scope: &Scope, kind: Kind, key: &MemoryKey) -> String {
        self.digest(&["key", scope.as_str(), kind.name(), key.as_str()])
    }

    pub(super) fn current(&self, scope: &Scope, kind: Kind, key: &MemoryKey) -> Key {
        self.below(&format!("k/{}", self.key_digest(scope, kind, key)))
    }

    pub(super) fn versions(&self, scope: &Scope, kind: Kind, key: &MemoryKey) -> Key {
        self.below(&format!("v/{}/", self.key_digest(scope, kind, key)))
    }

    pub(super) fn list(&self, family: Family, scope: &Scope, kind: Kind, term: &Term) -> Key {
        let value = term.value();
        let digest = if term.is_everywhere() {
            self.digest(&[term.field(), &value])
        } else {
            self.digest(&[term.field(), scope.as_str(), kind.name(), &value])
        };
        self.below(&format!("{}/{digest}/", family.letter()))
    }

    pub(super) fn all(&self) -> &Key {
        &self.root
    }

    pub(super) fn all_facets(&self) -> Key {
        self.below("f/")
    }

    /// What stands below the root at a key, if that may be a text that somebody gave, and not a digest, an id or a number. Indexes are
    /// left out: what is in them stands in entries.
    pub(super) fn may_be_text(&self, key: &Key) -> bool {
        let below = key.as_str().strip_prefix(self.root.as_str()).unwrap_or_default();
        let family = below.split('/').next().unwrap_or_default();
        let others = ["secret", "k", "v", "x", "h", "r", "e", "b", "i", "w", "g", "texts", "vectors"];
        !others.contains(&family)
    }

    pub(super) fn facets(&self, scope: &Scope, kind: Kind, field: &str) -> Key {
        self.below(&format!("f/{}/", self.digest(&["facet", field, scope.as_str(), kind.name()])))
    }

    pub(super) fn facet(&self, scope: &Scope, kind: Kind, term: &Term) -> Key {
        self.facets(scope, kind, term.field()).leaf(&self.digest(&["value", &term.value()]))
    }

    pub(super) fn recency(&self, scope: &Scope) -> Key {
        self.below(&format!("r/{}/", self.digest(&["recency", scope.as_str()])))
    }

    pub(super) fn used(&self, scope: &Scope, used: u64, id: EntryId) -> Key {
        self.recency(scope).leaf(&format!("{used:016x}{}", encode(&id.bytes())))
    }

    pub(super) fn expiries(&self) -> Key {
        self.below("e/")
    }

    pub(super) fn expiry(&self, at: Moment, id: EntryId) -> Key {
        self.below(&format!("e/{:016x}{}", super::position::biased(at), encode(&id.bytes())))
    }

    pub(super) fn idempotency(&self, key: &str) -> Key {
        self.below(&format!("i/{}", self.digest(&["idempotency", key])))
    }

    pub(super) fn taken_back(&self, run: RunId) -> Key {
        self.below(&format!("w/{}", self.digest(&["taken back", &run.to_string()])))
    }

    pub(super) fn blob(&self, hash: &BlobHash, id: EntryId) -> Key {
        self.below(&format!("b/{hash}/{}", encode(&id.bytes())))
    }

    pub(super) fn counters(&self) -> Key {
        self.below("u/")
    }

    pub(super) fn counters_of(&self, scope: &Scope) -> Key {
        self.below(&format!("u/{}/", self.digest(&["scope", scope.as_str()])))
    }

    pub(super) fn counter(&self, scope: &Scope, kind: Kind, writer: &str) -> Key {
        self.counters_of(scope).leaf(&format!("{kind}-{writer}"))
    }

    pub(super) fn members(&self, scope: &Scope) -> Key {
        self.below(&format!("g/{}", self.digest(&["scope", scope.as_str()])))
    }
}

/// The lists of what is current, and of what is past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Current,
    Past,
}

impl Family {
    const fn letter(self) -> char {
        match self {
            Self::Current => 'x',
            Self::Past => 'h',
        }
    }
}

/// When something ends by itself and what it is, from its key.
pub(super) fn expiry_of(key: &Key, expiries: &Key) -> Option<(Moment, EntryId)> {
    let rest = key.as_str().strip_prefix(expiries.as_str())?;
    let (when, id) = rest.split_at_checked(16)?;
    let when = u64::from_str_radix(when, 16).ok()?;
    Some((super::position::unbiased(when), entry_id(id)?))
}

/// The id at the end of a key of recency.
pub(super) fn used_id(key: &Key) -> Option<EntryId> {
    let (_, last) = key.as_str().rsplit_once('/')?;
    entry_id(last.get(16..)?)
}

fn entry_id(text: &str) -> Option<EntryId> {
    super::position::decode(text)?.try_into().ok().map(EntryId::from_bytes)
}

/// The position at the end of a key of a list.
pub(super) fn position_of(key: &Key, list: &Key) -> Option<Position> {
    Position::parse(key.as_str().strip_prefix(list.as_str())?)
}
