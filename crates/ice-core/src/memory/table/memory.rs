//! The handle on a tenant's memory.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::try_join_all;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::operation::{Amendment, Done, Operation, Remember};
use super::options::MemoryOptions;
use super::places::{self, Places};
use super::record::{Large, Record};
use super::redacted::{Redaction, checked};
use super::rules::Rules;
use super::term::Term;
use super::writer::{Request, Writer};
use super::{counters, read};
use crate::id::Tenant;
use crate::memory::account::count_value;
use crate::memory::usage::UsageByScope;
use crate::memory::{
    Account, AsOf, Candidates, Detail, Entry, EntryId, Kind, MemoryError, MemoryGuarantee, MemoryKey, Page,
    Query, Scope, UnifiedMemoryConfig, WantedCandidates, Write, guarantee,
};
use crate::store::{Batch, BlobGuard, CommitError, Durability, Store};
use crate::time::Moment;
use crate::value::BlobRef;

/// Contents of more bytes, as JSON, are kept as blobs.
const INLINE_BYTES: usize = 64 << 10;
/// How many operations may wait for the writer.
const QUEUE: usize = 1_024;

/// A tenant's memory, of all kinds. Clones are the same memory; the task that writes ends with the last of them.
///
/// Reading is cancel-safe. A write whose future is dropped may or may not be done.
///
/// ```
/// use ice_core::memory::{Kind, Memory, MemoryKey, MemoryOptions, Scope, Write};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let memory = Memory::open(MemoryOptions::in_memory()).await?;
/// let key = MemoryKey::new("greeting")?;
/// memory.remember(Write::working("Hello").key(key.clone())).await?;
/// let entry = memory.get(&Scope::default(), Kind::Working, &key).await?.ok_or("nothing there")?;
/// assert_eq!(entry.content.as_str(), Some("Hello"));
/// memory.close().await;
/// # Ok(())
/// # })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Memory(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rules: Arc<Rules>,
    queue: Mutex<Option<mpsc::Sender<Request>>>,
    writer: tokio::sync::Mutex<JoinSet<()>>,
}

impl Memory {
    /// Opens a memory. Must be called within a tokio runtime. Reads one key, however much is remembered.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`] if the configuration is out of range, [`MemoryError::Store`] if the store fails. Guarantees
    /// are checked by [`Memory::validate`] and by every write.
    pub async fn open(options: MemoryOptions) -> Result<Self, MemoryError> {
        options.config.check()?;
        let secret = secret(&*options.store, &options).await?;
        let places = Places::new(&options.tenant, secret);
        let MemoryOptions {
            store,
            blobs,
            tenant,
            config,
            clock,
            ids,
            counter,
            model,
            price,
            indexes,
            redactor,
        } = options;
        let redaction = Redaction::new(redactor, &secret);
        let rules = Arc::new(Rules {
            store,
            blobs,
            clock,
            ids,
            counter,
            model,
            price,
            indexes,
            config,
            tenant,
            places,
            redaction,
        });
        let (queue, waiting) = mpsc::channel(QUEUE);
        let mut writer = JoinSet::new();
        writer.spawn(Writer::new(Arc::clone(&rules), waiting).run());
        Ok(Self(Arc::new(Inner {
            rules,
            queue: Mutex::new(Some(queue)),
            writer: tokio::sync::Mutex::new(writer),
        })))
    }

    /// Ends the memory: what waits is written, everything later is refused.
    pub async fn close(&self) {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut writer = self.0.writer.lock().await;
        while writer.join_next().await.is_some() {}
        if let Some(indexes) = &self.0.rules.indexes {
            indexes.close().await;
        }
    }

    pub(super) fn rules(&self) -> &Rules {
        &self.0.rules
    }

    /// Whose memory it is.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.rules().tenant
    }

    /// How it is set up.
    #[must_use]
    pub fn config(&self) -> &UnifiedMemoryConfig {
        &self.rules().config
    }

    /// The present moment, by the clock of the memory.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.rules().clock.now()
    }

    /// What a kind can promise now.
    #[must_use]
    pub fn guarantees(&self, kind: Kind) -> BTreeSet<MemoryGuarantee> {
        let rules = self.rules();
        let meanings = rules.indexes.as_ref().is_some_and(|indexes| indexes.finds_meanings());
        guarantee::offered(kind, &rules.store.offers(), meanings)
    }

    /// Checks that every kind that is switched on can keep its guarantee.
    ///
    /// # Errors
    /// [`MemoryError::Guarantee`] of the first that cannot, [`MemoryError::Invalid`] if a range is broken.
    pub fn validate(&self) -> Result<(), MemoryError> {
        self.config().check()?;
        let kinds = Kind::ALL.into_iter().filter(|kind| self.config().enables(*kind));
        kinds.into_iter().try_for_each(|kind| self.validate_kind(kind))
    }

    /// Checks that a kind is switched on and can keep its guarantee.
    ///
    /// # Errors
    /// [`MemoryError::Disabled`] or [`MemoryError::Guarantee`].
    pub fn validate_kind(&self, kind: Kind) -> Result<(), MemoryError> {
        self.rules().check(kind)
    }

    /// Remembers something. What has the same scope, kind and key is superseded: it stays readable by "as of", except in
    /// working memory. What has the same idempotency key is not written again: the entry of the first time is returned.
    ///
    /// # Errors
    /// [`MemoryError::Invalid`], [`MemoryError::Guarantee`], [`MemoryError::Budget`], [`MemoryError::TakenBack`] or
    /// [`MemoryError::Disabled`]: then nothing was written. [`MemoryError::Conflict`]: nothing was written, try again.
    /// [`MemoryError::Store`]: it may have been written.
    pub async fn remember(&self, write: Write) -> Result<Entry, MemoryError> {
        self.replace(Vec::new(), write).await
    }

    /// Remembers several things, each as [`Memory::remember`] does; they share batches, and the first that fails is told
    /// while others may be written.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn remember_all(&self, writes: Vec<Write>) -> Result<Vec<Entry>, MemoryError> {
        try_join_all(writes.into_iter().map(|write| self.remember(write))).await
    }

    /// Remembers something in the place of other entries, by the same commit.
    ///
    /// # Errors
    /// As [`Memory::remember`].
    pub async fn replace(&self, replaces: Vec<EntryId>, write: Write) -> Result<Entry, MemoryError> {
        let (write, guard) = self.prepare(write, replaces).await?;
        match self.ask(Operation::Remember(Box::new(write)), guard).await? {
            Done::Entry(entry) | Done::Known(entry) => Ok(*entry),
            Done::Gone | Done::Nothing => Err(MemoryError::Closed),
        }
    }

    /// Changes the current entry of a key in its place, by one commit: for what counts how it is used. Scope, kind, key,
    /// source, times and content stay as they are.
    ///
    /// # Errors
    /// What `change` returns, [`MemoryError::NotFound`], or as [`Memory::remember`].
    pub async fn amend(
        &self,
        scope: &Scope,
        kind: Kind,
        key: &MemoryKey,
        change: impl Fn(&mut Detail, Moment) -> Result<(), MemoryError> + Send + Sync + 'static,
    ) -> Result<Entry, MemoryError> {
        let missing = || MemoryError::NotFound { kind, scope: scope.clone(), key: key.to_string() };
        let key = &*self.rules().redaction.key(key);
        let id = read::current(self.rules(), scope, kind, key).await?.ok_or_else(missing)?.entry.id;
        let rules = Arc::clone(&self.0.rules);
        let change = move |entry: &mut Entry, now: Moment| {
            let kind = entry.kind();
            change(&mut entry.detail, now)?;
            rules.redaction.detail(&mut entry.detail);
            if entry.kind() == kind {
                return crate::memory::write::check_detail(&mut entry.detail);
            }
            Err(MemoryError::invalid("the change of an entry", "it changes the kind"))
        };
        match self.ask(Operation::Amend(id, Amendment(Arc::new(change))), None).await? {
            Done::Entry(entry) | Done::Known(entry) => self.by_id(entry.id).await?.ok_or_else(missing),
            Done::Gone | Done::Nothing => Err(missing()),
        }
    }

    /// Changes a current entry in its place, by one commit; does nothing if it is current no more. Its kind, key and content must stay.
    pub(in crate::memory) async fn change_entry(
        &self,
        id: EntryId,
        change: impl Fn(&mut Entry) + Send + Sync + 'static,
    ) -> Result<(), MemoryError> {
        let change = move |entry: &mut Entry, _: Moment| {
            change(entry);
            Ok(())
        };
        self.ask(Operation::Amend(id, Amendment(Arc::new(change))), None).await.map(drop)
    }

    /// What a key stands for now. Does not count as use.
    ///
    /// # Errors
    /// [`MemoryError::Store`] if the store fails or what it holds is damaged.
    pub async fn get(
        &self,
        scope: &Scope,
        kind: Kind,
        key: &MemoryKey,
    ) -> Result<Option<Entry>, MemoryError> {
        self.get_as_of(scope, kind, key, AsOf::NOW).await
    }

    /// What a key stood for.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn get_as_of(
        &self,
        scope: &Scope,
        kind: Kind,
        key: &MemoryKey,
        as_of: AsOf,
    ) -> Result<Option<Entry>, MemoryError> {
        let key = &*self.rules().redaction.key(key);
        let found = if as_of.is_now() {
            read::current(self.rules(), scope, kind, key).await?
        } else {
            read::as_of(self.rules(), scope, kind, key, as_of).await?
        };
        self.whole(found).await
    }

    /// What a key of working memory stands for now, which counts as use: it is forgotten last.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn take_up(&self, scope: &Scope, key: &MemoryKey) -> Result<Option<Entry>, MemoryError> {
        let key = &*self.rules().redaction.key(key);
        let Some(found) = read::current(self.rules(), scope, Kind::Working, key).await? else {
            return Ok(None);
        };
        match self.ask(Operation::Touch(found.entry.id), None).await? {
            Done::Entry(entry) | Done::Known(entry) => {
                self.whole(Some(Record { entry: *entry, large: found.large })).await
            }
            Done::Gone | Done::Nothing => Ok(None),
        }
    }

    /// An entry by its id, whether it is current or past. Nothing if it was erased, taken back or has ended by itself.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn by_id(&self, id: EntryId) -> Result<Option<Entry>, MemoryError> {
        let found = read::record(self.rules(), id).await?;
        self.whole(found.filter(|record| !record.entry.is_expired(self.now()))).await
    }

    async fn whole(&self, found: Option<Record>) -> Result<Option<Entry>, MemoryError> {
        match found {
            Some(record) => Ok(Some(read::whole(self.rules(), record).await?)),
            None => Ok(None),
        }
    }

    /// Entries by their properties, the newest first.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn list(&self, query: &Query) -> Result<Page, MemoryError> {
        let rules = self.rules();
        match rules.redaction.filter(&query.filter) {
            Cow::Borrowed(_) => read::list(rules, query).await,
            Cow::Owned(filter) => read::list(rules, &Query { filter, ..query.clone() }).await,
        }
    }

    /// Whether there are indexes of contents.
    pub(in crate::memory) fn has_indexes(&self) -> bool {
        self.rules().indexes.is_some()
    }

    /// The candidates of the indexes of contents; none without indexes. Look at each with [`Memory::candidate`].
    ///
    /// # Errors
    /// [`MemoryError`] of an index.
    pub async fn candidates(&self, wanted: &WantedCandidates<'_>) -> Result<Vec<Candidates>, MemoryError> {
        match &self.rules().indexes {
            Some(indexes) => {
                let filter = &*self.rules().redaction.filter(wanted.filter);
                indexes.candidates(&WantedCandidates { filter, ..wanted.clone() }).await
            }
            None => Ok(Vec::new()),
        }
    }

    /// A candidate, if it is there and is what is wanted.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn candidate(
        &self,
        id: EntryId,
        wanted: &WantedCandidates<'_>,
    ) -> Result<Option<Entry>, MemoryError> {
        let filter = self.rules().redaction.filter(wanted.filter);
        read::candidate(self.rules(), id, wanted.scopes, wanted.kinds, &filter, wanted.as_of).await
    }

    /// The domains of current facts or procedures, sorted.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn domains(&self, scope: &Scope, kind: Kind) -> Result<Vec<String>, MemoryError> {
        read::values(self.rules(), scope, kind, Term::Domain).await
    }

    /// The types of current entries, sorted.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn types(&self, scope: &Scope, kind: Kind) -> Result<Vec<String>, MemoryError> {
        read::values(self.rules(), scope, kind, Term::Type).await
    }

    /// The tags of current entries, sorted.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn tags(&self, scope: &Scope, kind: Kind) -> Result<Vec<String>, MemoryError> {
        read::values(self.rules(), scope, kind, Term::Tag).await
    }

    /// The types of relationships of current facts, sorted.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn relations(&self, scope: &Scope) -> Result<Vec<String>, MemoryError> {
        read::values(self.rules(), scope, Kind::Semantic, Term::Relation).await
    }

    /// The things that current facts are about, sorted.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn entities(&self, scope: &Scope) -> Result<Vec<String>, MemoryError> {
        read::values(self.rules(), scope, Kind::Semantic, Term::Entity).await
    }

    /// The categories of current procedures, sorted.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn categories(&self, scope: &Scope) -> Result<Vec<String>, MemoryError> {
        read::values(self.rules(), scope, Kind::Procedural, Term::Category).await
    }

    /// How much is remembered of each kind in each scope.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn usage(&self) -> Result<UsageByScope, MemoryError> {
        counters::usage(self.rules(), None).await
    }

    /// How much is remembered of each kind in a scope.
    ///
    /// # Errors
    /// As [`Memory::get`].
    pub async fn usage_of(&self, scope: &Scope) -> Result<UsageByScope, MemoryError> {
        counters::usage(self.rules(), Some(scope)).await
    }

    /// Gives an operation to the writer and waits for what comes of it.
    pub(super) async fn ask(
        &self,
        operation: Operation,
        guard: Option<BlobGuard>,
    ) -> Result<Done, MemoryError> {
        let queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (reply, done) = oneshot::channel();
        let request = Request { operation, guard, reply };
        queue.ok_or(MemoryError::Closed)?.send(request).await.map_err(|_| MemoryError::Closed)?;
        done.await.map_err(|_| MemoryError::Closed)?
    }

    /// Checks what is to be written and does what takes long, outside of the writer.
    async fn prepare(
        &self,
        write: Write,
        replaces: Vec<EntryId>,
    ) -> Result<(Remember, Option<BlobGuard>), MemoryError> {
        let rules = self.rules();
        let kind = write.kind();
        let checked = rules.check(kind).and_then(|()| checked(&rules.redaction, write));
        let write = checked.inspect_err(|error| super::metrics::refused(kind, error.reason()))?;
        let Write {
            scope,
            key,
            content,
            metadata,
            tags,
            subjects,
            mut detail,
            source,
            importance,
            ttl,
            cost,
        } = write;
        let id = EntryId::new(&*rules.ids);
        let learned = rules.clock.now();
        let ends = ttl.or(rules.bounds(kind).ttl).filter(|ttl| *ttl != std::time::Duration::MAX);
        let ends = ends.map(|ttl| learned.plus(ttl));
        match &mut detail {
            Detail::Working(working) => working.expires = working.expires.or(ends),
            Detail::Episodic(episode) => episode.expires = episode.expires.or(ends),
            Detail::Semantic(_) | Detail::Procedural(_) => {}
        }
        let count = count_value(&*rules.counter, rules.model.as_deref(), &content);
        let is_unnamed = key.is_none();
        let mut entry = Entry {
            id,
            scope,
            key: key.unwrap_or_else(|| id.into()),
            content,
            metadata,
            tags,
            subjects,
            detail,
            source,
            learned,
            until: None,
            supersedes: None,
            superseded_by: None,
            importance,
            access_count: 0,
            account: Account {
                tokens: count.tokens,
                estimated: count.estimated,
                bytes: 0,
                cost: cost.plus(rules.cost(count.tokens)),
            },
        };
        let prepared = match &rules.indexes {
            Some(indexes) => Some(indexes.prepare(&entry).await?),
            None => None,
        };
        if let Some(prepared) = &prepared {
            entry.account.cost += prepared.cost;
        }
        let (large, guard) = self.externalise(&entry).await?;
        Ok((Remember { entry, large, is_unnamed, replaces, prepared }, guard))
    }

    /// Puts a large content into the store of blobs, which spares it as long as the guard lives.
    pub(super) async fn externalise(
        &self,
        entry: &Entry,
    ) -> Result<(Option<Large>, Option<BlobGuard>), MemoryError> {
        if entry.content.weight(INLINE_BYTES) <= INLINE_BYTES {
            return Ok((None, None));
        }
        let json = serde_json::to_vec(&entry.content)
            .map_err(|error| MemoryError::invalid("the content", error.to_string()))?;
        let rules = self.rules();
        let guard = rules.blobs.enter();
        let durability = rules.durability([entry.kind()]).min(rules.blobs.durability());
        let size = json.len() as u64;
        let hash = rules.blobs.put(&guard, json.into(), durability).await?;
        let blob = BlobRef { hash, media_type: "application/json".to_owned(), size };
        Ok((Some(Large::new(blob, &entry.content)), Some(guard)))
    }
}

/// The key of a tenant's digests; made with the first memory of the tenant.
async fn secret(store: &dyn Store, options: &MemoryOptions) -> Result<[u8; 32], MemoryError> {
    let key = places::secret(&options.tenant);
    for _ in 0..2 {
        if let Some(found) = store.get(&key).await? {
            let broken = || MemoryError::corrupt(format!("the key of memory at `{key}`"));
            return found.value[..].try_into().map_err(|_| broken());
        }
        let mut hasher = blake3::Hasher::new();
        // A fresh id has 74 random bits: four of them are more than a key has.
        (0..4).for_each(|_| {
            hasher.update(options.ids.uuid().as_bytes());
        });
        let secret = *hasher.finalize().as_bytes();
        let batch = Batch::new().put(key.clone(), secret.to_vec()).expect_absent(key.clone());
        match store.commit(batch, Durability::Buffered).await {
            Ok(_) => return Ok(secret),
            // Somebody else was first.
            Err(CommitError::Conflict { .. }) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    Err(MemoryError::Conflict { attempts: 2 })
}
