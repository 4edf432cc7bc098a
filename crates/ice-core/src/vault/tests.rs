//! Sealed stores and blobs behave as others do, and what is beneath them shows nothing.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;

use super::blob_record::Record;
use super::*;
use crate::error::ErrorCode;
use crate::id::{RunId, Tenant};
use crate::redact::{Action, Kind, Policy, Preset, Redactor};
use crate::seal::{
    KeyError, KeyName, KeyProvider, OpenError, SealingKey, SecretKey, SystemEntropy, TestEntropy,
};
use crate::store::conformance::{self, BlobSubject, StoreSubject};
use crate::store::{Batch, BlobStore, Durability, Key, MemoryBlobs, MemoryStore, Store, StoreError};
use crate::value::BlobHash;

const PLANTED: &str = "planted: ada@example.org";

fn master(seed: u64) -> SealingKey {
    SealingKey::of(SecretKey::generate(&TestEntropy::new(seed)).unwrap())
}

fn keys_of(store: &Arc<dyn Store>) -> Arc<StoreKeys> {
    Arc::new(StoreKeys::new(Arc::clone(store), master(1), Arc::new(SystemEntropy)))
}

/// All keys, those of the suites too, belong to one tenant.
fn one_tenant() -> Naming {
    Arc::new(|_| Some(KeyName { tenant: Tenant::default(), run: None }))
}

fn sealed(inner: &Arc<dyn Store>, naming: Naming) -> Arc<dyn Store> {
    Arc::new(SealedStore::new(Arc::clone(inner), keys_of(inner), naming, Arc::new(SystemEntropy)))
}

fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

/// A sealed store whose keys are kept in another store, so that the suites see only what they have written.
struct Apart(Arc<dyn Store>);

impl Apart {
    fn new() -> Self {
        let (inner, keys) = (memory(), keys_of(&memory()));
        Self(Arc::new(SealedStore::new(inner, keys, one_tenant(), Arc::new(SystemEntropy))))
    }
}

impl StoreSubject for Apart {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sealed_store_conforms() {
    conformance::store(Apart::new).await;
    conformance::lease(Apart::new).await;
    conformance::inbox(Apart::new).await;
}

#[test]
fn the_sealed_store_agrees_with_the_model() {
    conformance::model(64, Apart::new);
}

#[tokio::test]
async fn keys_in_a_store_conform() {
    crate::seal::conformance::keys(|| keys_of(&memory())).await;
}

struct Blobs {
    inner: Arc<dyn BlobStore>,
    store: Arc<dyn Store>,
    #[cfg(all(unix, feature = "embedded"))]
    folder: Option<tempfile::TempDir>,
}

impl Blobs {
    fn memory() -> Self {
        Self {
            inner: Arc::new(MemoryBlobs::new()),
            store: memory(),
            #[cfg(all(unix, feature = "embedded"))]
            folder: None,
        }
    }

    #[cfg(all(unix, feature = "embedded"))]
    fn on_disk() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(crate::store::disk::FolderDisk::new(folder.path()).unwrap());
        let inner = Arc::new(crate::store::blob::DiskBlobs::open(disk).unwrap());
        Self { inner, store: memory(), folder: Some(folder) }
    }

    fn record(&self, hash: &BlobHash) -> Option<Record> {
        let kept = self.store.get(&Record::place(hash)).now_or_never().unwrap().unwrap()?;
        Some(Record::unwrap(*hash, &kept.value, &master(1)).unwrap())
    }
}

impl BlobSubject for Blobs {
    fn blobs(&self) -> Arc<dyn BlobStore> {
        let (inner, store) = (Arc::clone(&self.inner), Arc::clone(&self.store));
        Arc::new(SealedBlobs::new(inner, store, master(1), Arc::new(SystemEntropy)))
    }

    #[cfg(all(unix, feature = "embedded"))]
    fn damage(&self, hash: &BlobHash) -> bool {
        let Some(folder) = &self.folder else { return false };
        let inner = self.record(hash).unwrap().inner.to_string();
        let files = walk(folder.path());
        let file = files.iter().find(|file| file.file_name().is_some_and(|name| *name == *inner));
        let file = std::fs::OpenOptions::new().write(true).open(file.unwrap()).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"damage", 5).unwrap();
        true
    }
}

#[cfg(all(unix, feature = "embedded"))]
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sealed_blobs_conform() {
    #[cfg(all(unix, feature = "embedded"))]
    conformance::blobs(Blobs::on_disk).await;
    #[cfg(not(all(unix, feature = "embedded")))]
    conformance::blobs(Blobs::memory).await;
}

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

#[tokio::test]
async fn what_is_beneath_shows_nothing() {
    let inner = memory();
    let store = sealed(&inner, tenants());
    let batch = Batch::new().put(key("t/local/a"), PLANTED).put(key("open"), "stays");
    store.commit(batch, Durability::Buffered).await.unwrap();
    for entry in inner
        .scan(&key("t"), None, 100)
        .await
        .unwrap()
        .into_iter()
        .chain(inner.scan(&key("seal"), None, 100).await.unwrap())
    {
        assert!(!entry.value.windows(7).any(|part| part == &PLANTED.as_bytes()[..7]), "{}", entry.key);
    }
    assert_eq!(inner.get(&key("open")).await.unwrap().unwrap().value, "stays");
    assert_eq!(store.get(&key("t/local/a")).await.unwrap().unwrap().value, PLANTED);
}

#[tokio::test]
async fn a_value_that_was_altered_or_put_elsewhere_is_damage() {
    let inner = memory();
    let store = sealed(&inner, tenants());
    let batch = Batch::new().put(key("t/local/a"), PLANTED).put(key("t/other/a"), PLANTED);
    store.commit(batch, Durability::Buffered).await.unwrap();
    let raw = inner.get(&key("t/local/a")).await.unwrap().unwrap().value;
    let mut altered = raw.to_vec();
    *altered.last_mut().unwrap() ^= 1;
    for (place, bytes, said) in [
        ("t/local/b", raw.to_vec(), "altered, or belong to another place"),
        ("t/local/c", altered, "altered, or belong to another place"),
        ("t/other/a", raw.to_vec(), "under the key"),
        ("t/local/d", raw[..30].to_vec(), "only 30 are there"),
        ("t/local/e", b"in clear".to_vec(), "not sealed"),
    ] {
        inner.commit(Batch::new().put(key(place), bytes), Durability::Buffered).await.unwrap();
        let error = store.get(&key(place)).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::StoreCorrupt);
        assert!(error.to_string().contains(place) && error.to_string().contains(said), "{error}");
        assert_eq!(store.scan(&key(place), None, 1).await.unwrap_err().code(), ErrorCode::StoreCorrupt);
    }
}

#[tokio::test]
async fn what_was_sealed_under_a_destroyed_key_is_gone_and_the_rest_is_there() {
    let run = RunId::from(uuid::Uuid::from_u128(7));
    let naming: Naming = Arc::new(move |key| {
        let run = key.as_str().contains("/run/").then_some(run);
        Some(KeyName { tenant: Tenant::default(), run })
    });
    let inner = memory();
    let (store, other) = (sealed(&inner, Arc::clone(&naming)), sealed(&inner, naming));
    let places = ["t/local/a", "t/local/run/1", "t/local/run/2", "t/local/z"];
    let batch = places.iter().fold(Batch::new(), |batch, place| batch.put(key(place), PLANTED));
    store.commit(batch, Durability::Buffered).await.unwrap();
    assert_eq!(
        other.scan(&key("t/"), None, 9).await.unwrap().len(),
        4,
        "the other one remembers the keys now"
    );
    keys_of(&inner).destroy(&KeyName { tenant: Tenant::default(), run: Some(run) }).await.unwrap();
    for store in [&store, &other] {
        let found = store.scan(&key("t/"), None, 2).await.unwrap();
        let names: Vec<&str> = found.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(names, ["t/local/a", "t/local/z"]);
        assert_eq!(store.get(&key("t/local/run/1")).await.unwrap(), None);
        let refused = store
            .commit(Batch::new().put(key("t/local/run/3"), "x"), Durability::Buffered)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), ErrorCode::KeyDestroyed);
    }
    // What is erased can be removed.
    let batch = Batch::new().delete(key("t/local/run/1")).delete(key("t/local/run/2"));
    store.commit(batch, Durability::Buffered).await.unwrap();
    assert_eq!(inner.scan(&key("t/local/run/"), None, 9).await.unwrap(), []);
}

#[tokio::test]
async fn another_master_key_opens_nothing() {
    let inner = memory();
    let name = KeyName { tenant: Tenant::default(), run: None };
    keys_of(&inner).create(&name).await.unwrap();
    let other = StoreKeys::new(Arc::clone(&inner), master(2), Arc::new(SystemEntropy));
    for result in
        [other.key(&name).await, other.create(&name).await, other.destroy(&name).await.map(|()| master(1))]
    {
        assert!(matches!(result.unwrap_err(), KeyError::Refused { .. }));
    }
    // Keys cannot be swapped either.
    let wrapped = inner.get(&key("seal/key/local/tenant")).await.unwrap().unwrap().value;
    inner
        .commit(Batch::new().put(key("seal/key/other/tenant"), wrapped), Durability::Buffered)
        .await
        .unwrap();
    let swapped = KeyName { tenant: Tenant::new("other").unwrap(), run: None };
    assert!(matches!(keys_of(&inner).key(&swapped).await, Err(KeyError::Refused { .. })));
}

#[tokio::test]
async fn a_collection_removes_the_key_with_the_blob_and_no_other() {
    let subject = Blobs::memory();
    let blobs = subject.blobs();
    let guard = blobs.enter();
    let kept = blobs.put(&guard, Bytes::from_static(b"kept"), Durability::Buffered).await.unwrap();
    let gone = blobs.put(&guard, Bytes::from_static(PLANTED.as_bytes()), Durability::Buffered).await.unwrap();
    drop(guard);
    assert!(subject.record(&gone).is_some());
    blobs.collect(async { Ok([kept].into()) }.boxed()).await.unwrap();
    assert!(subject.record(&gone).is_none() && subject.record(&kept).is_some());
    assert!(matches!(blobs.get(&gone, None).await, Err(StoreError::BlobMissing { .. })));
    assert_eq!(blobs.get(&kept, None).await.unwrap(), "kept");
}

#[test]
fn who_holds_the_key_turns_tokens_back() {
    let vault = Vault::new(&master(1));
    let policy = Policy::preset(Preset::Strict).with(Kind::Email, Action::Vault);
    let redactor = Redactor::builder(policy).vault(Arc::new(vault.clone())).build().unwrap();
    let text = "[Write] to ada@example.org, not to [ada@example.org] or bob@example.org [now";
    let seen = redactor.text(text).into_owned();
    assert!(!seen.contains("example") && seen.matches("[email:v1:").count() == 3, "{seen}");
    assert_eq!(redactor.text(&seen), seen, "tokens stay as they are");
    let tokens: Vec<&str> = seen
        .split(' ')
        .filter(|word| word.contains(":v1:"))
        .map(|word| word.trim_matches(['[', ']', ',']))
        .collect();
    assert_eq!(tokens[0], tokens[1], "what is equal stays equal");
    assert_eq!(vault.restore(&seen), text);
    let other = Vault::new(&master(2));
    assert_eq!(other.restore(&seen), seen);
    let token = format!("[{}]", tokens[0]);
    assert!(matches!(other.reveal(&token), Err(OpenError::OtherKey { .. })));
    assert_eq!(vault.reveal(&token).unwrap(), "ada@example.org");
    assert_eq!(vault.reveal(&token.replace("email", "phone")), Err(OpenError::Altered));
    assert_eq!(vault.reveal("[email:v1:!]"), Err(OpenError::NotSealed));
    assert_eq!(vault.restore(&"[".repeat(1_000_000)), "[".repeat(1_000_000));
}

/// A store that takes so many more commits and then fails, as a process that ends does.
#[derive(Debug)]
struct Ending(Arc<dyn Store>, std::sync::atomic::AtomicUsize);

#[async_trait::async_trait]
impl Store for Ending {
    async fn get(&self, key: &Key) -> Result<Option<crate::store::Versioned>, StoreError> {
        self.0.get(key).await
    }

    async fn scan(
        &self,
        prefix: &Key,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<crate::store::Entry>, StoreError> {
        self.0.scan(prefix, after, limit).await
    }

    async fn commit(
        &self,
        batch: Batch,
        durability: Durability,
    ) -> Result<crate::store::CommitSeq, crate::store::CommitError> {
        use std::sync::atomic::Ordering::SeqCst;
        if self.1.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err() {
            return Err(StoreError::Poisoned { cause: "the process ends".to_owned() }.into());
        }
        self.0.commit(batch, durability).await
    }

    fn watch(&self, prefix: &Key, after: Option<crate::store::CommitSeq>) -> crate::store::Watch {
        self.0.watch(prefix, after)
    }

    fn last_commit(&self) -> crate::store::CommitSeq {
        self.0.last_commit()
    }

    fn offers(&self) -> crate::store::Offers {
        self.0.offers()
    }

    async fn compact(&self) -> Result<(), StoreError> {
        self.0.compact().await
    }
}

async fn opened(
    raw: &Arc<dyn Store>,
    blobs: &Arc<dyn BlobStore>,
    seed: u64,
) -> Result<SealedData, SealError> {
    let (raw, blobs) = (Arc::clone(raw), Arc::clone(blobs));
    SealedData::open(raw, blobs, &master(seed), tenants(), Arc::new(SystemEntropy)).await
}

fn memory_blobs() -> Arc<dyn BlobStore> {
    Arc::new(MemoryBlobs::new())
}

#[tokio::test]
async fn data_opens_as_what_it_is_and_as_nothing_else() {
    let (raw, blobs) = (memory(), memory_blobs());
    assert_eq!(Seal::of(&*raw).await.unwrap(), Seal::Empty);
    let data = opened(&raw, &blobs, 1).await.unwrap();
    assert_eq!(Seal::of(&*raw).await.unwrap(), Seal::Sealed { key: master(1).id() });
    data.store().commit(Batch::new().put(key("t/local/a"), PLANTED), Durability::Buffered).await.unwrap();
    let again = opened(&raw, &blobs, 1).await.unwrap();
    assert_eq!(again.store().get(&key("t/local/a")).await.unwrap().unwrap().value, PLANTED);
    let refused = opened(&raw, &blobs, 2).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::SealMismatch);
    assert!(refused.to_string().contains(&master(1).id().to_string()), "{refused}");
    let without = Seal::of(&*raw).await.unwrap().expect_clear().unwrap_err();
    assert!(matches!(without, SealError::Sealed { wanted } if wanted == master(1).id()));

    // A key of the same name that is another one.
    let forged = SealingKey::new(master(1).id(), SecretKey::generate(&SystemEntropy).unwrap());
    let entropy = Arc::new(SystemEntropy);
    let refused = SealedData::open(Arc::clone(&raw), Arc::clone(&blobs), &forged, tenants(), entropy).await;
    assert!(matches!(refused, Err(SealError::Broken(OpenError::Altered))));

    let clear = memory();
    clear.commit(Batch::new().put(key("t/local/a"), "clear"), Durability::Buffered).await.unwrap();
    assert_eq!(Seal::of(&*clear).await.unwrap(), Seal::Clear);
    assert!(matches!(opened(&clear, &blobs, 1).await, Err(SealError::InClear)));
    assert_eq!(clear.scan(&key("seal/"), None, 9).await.unwrap(), [], "nothing was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_first_openings_at_once_one_key_wins() {
    for _ in 0..50 {
        let (raw, blobs) = (memory(), memory_blobs());
        let open = |seed: u64| {
            let (raw, blobs) = (Arc::clone(&raw), Arc::clone(&blobs));
            conformance::spawn(async move { opened(&raw, &blobs, seed).await.map(drop) })
        };
        let (one, same, other) = (open(1), open(1), open(2));
        let results = [one.await.unwrap(), same.await.unwrap(), other.await.unwrap()];
        let Seal::Sealed { key } = Seal::of(&*raw).await.unwrap() else { panic!("it is not sealed") };
        for (result, seed) in results.into_iter().zip([1, 1, 2]) {
            assert_eq!(result.is_ok(), key == master(seed).id());
        }
    }
}

#[tokio::test]
async fn a_master_key_is_changed_wherever_that_was_cut_short_before() {
    for commits in 0..6 {
        let (raw, blobs) = (memory(), memory_blobs());
        let data = opened(&raw, &blobs, 1).await.unwrap();
        let batch = Batch::new().put(key("t/local/a"), PLANTED).put(key("t/other/a"), "other");
        data.store().commit(batch, Durability::Buffered).await.unwrap();
        let guard = data.blobs().enter();
        let hash = data.blobs().put(&guard, Bytes::from_static(b"blob"), Durability::Buffered).await.unwrap();
        let gone = KeyName { tenant: Tenant::new("gone").unwrap(), run: None };
        data.keys().destroy(&gone).await.unwrap();

        let ending: Arc<dyn Store> = Arc::new(Ending(Arc::clone(&raw), commits.into()));
        let cut = rotate(&*ending, &master(1), &master(2), &SystemEntropy).await;
        // The beginning, the keys, the blobs, the end.
        assert_eq!(cut.is_err(), commits < 4, "{commits}");
        if (1..4).contains(&commits) {
            for seed in [1, 2] {
                assert!(matches!(opened(&raw, &blobs, seed).await, Err(SealError::Rotating { .. })));
            }
            let third = rotate(&*raw, &master(1), &master(3), &SystemEntropy).await;
            assert!(matches!(third, Err(SealError::Rotating { .. })));
        }
        let rotated = rotate(&*raw, &master(1), &master(2), &SystemEntropy).await.unwrap();
        assert_eq!(rotated.keys, [4, 4, 1, 0, 0, 0][commits], "{commits}");
        assert!(matches!(opened(&raw, &blobs, 1).await, Err(SealError::OtherKey { .. })));
        let data = opened(&raw, &blobs, 2).await.unwrap();
        assert_eq!(data.store().get(&key("t/local/a")).await.unwrap().unwrap().value, PLANTED);
        assert_eq!(data.blobs().get(&hash, None).await.unwrap(), "blob");
        assert!(matches!(data.keys().create(&gone).await, Err(KeyError::Destroyed { .. })));
        assert_eq!(rotate(&*raw, &master(1), &master(2), &SystemEntropy).await.unwrap().keys, 0);
    }
    let clear = memory();
    let refused = rotate(&*clear, &master(1), &master(2), &SystemEntropy).await;
    assert!(matches!(refused, Err(SealError::InClear)));
}
