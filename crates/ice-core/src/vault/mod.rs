//! What stands on sealing: keys kept in a store, stores and blobs that are sealed, and tokens that can be turned back.
//!
//! ```
//! use std::sync::Arc;
//!
//! use ice_core::id::Tenant;
//! use ice_core::seal::{KeyName, KeyProvider, SealingKey, SecretKey, SystemEntropy};
//! use ice_core::store::{Batch, Durability, Key, MemoryStore, Store};
//! use ice_core::vault::{SealedStore, StoreKeys, tenants};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let (raw, master): (Arc<dyn Store>, _) = (Arc::new(MemoryStore::new()), SecretKey::generate(&SystemEntropy).unwrap());
//! let keys = Arc::new(StoreKeys::new(Arc::clone(&raw), SealingKey::of(master), Arc::new(SystemEntropy)));
//! let store = SealedStore::new(Arc::clone(&raw), keys.clone(), tenants(), Arc::new(SystemEntropy));
//!
//! let key = Key::tenant(&Tenant::default()).leaf("note");
//! store.commit(Batch::new().put(key.clone(), "personal"), Durability::Buffered).await.unwrap();
//! assert_eq!(store.get(&key).await.unwrap().unwrap().value, "personal");
//! assert_ne!(raw.get(&key).await.unwrap().unwrap().value, "personal");
//!
//! keys.destroy(&KeyName { tenant: Tenant::default(), run: None }).await.unwrap();
//! assert_eq!(store.get(&key).await.unwrap(), None, "it is erased");
//! # });
//! ```

mod blob_record;
mod blobs;
mod data;
mod error;
mod keys;
mod mark;
mod naming;
mod rotation;
mod store;
mod token;

#[cfg(test)]
mod tests;

pub use blobs::SealedBlobs;
pub use data::SealedData;
pub use error::SealError;
pub use keys::StoreKeys;
pub use mark::Seal;
pub use naming::{Naming, tenants};
pub use rotation::{Rotated, rotate};
pub use store::SealedStore;
pub use token::Vault;
