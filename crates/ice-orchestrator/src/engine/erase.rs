//! Erasing a person: everything of a tenant that names them is removed, and nothing of it is left in the files of the store.

use std::collections::HashSet;

use ice_core::id::{RunId, Tenant};
use ice_core::memory::{Memory, Selector};
use ice_core::mention::{Mentions, NoName};
use ice_core::store::blob::Collected;
use ice_core::store::{Batch, CommitError, Version};
use ice_core::value::BlobHash;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::prune::Uncollected;
use super::search::Search;
use super::{Engine, RunError};
use crate::journal::keys;

/// Who is erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The name of the person. Found are whole words, whatever their case and the way the letters are written.
    pub person: String,
    /// What else stands for them, such as an address or a number.
    pub also: Vec<String>,
    /// Whether it is only told what would be erased.
    pub dry_run: bool,
}

impl Erasure {
    /// What is looked for.
    ///
    /// # Errors
    /// [`RunError::Option`] if a name is too short to be looked for.
    pub fn mentions(&self) -> Result<Mentions, RunError> {
        Mentions::of(self.names()).map_err(too_short)
    }

    /// The same in memory, whose redactor may have put something in the place of names.
    fn mentions_in(&self, memory: &Memory) -> Result<Mentions, RunError> {
        memory.mentions_of(self.names()).map_err(too_short)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.person).chain(&self.also).map(String::as_str)
    }
}

fn too_short(_: NoName) -> RunError {
    RunError::Option {
        option: "person",
        found: "a name that is shorter".to_owned(),
        rule: "a text with at least two letters or digits, as each of the others by which the person is found",
    }
}

/// What was erased, or would be, and what stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Erased {
    /// Entries of memory.
    pub memory: u64,
    /// Runs that have ended, the newest first.
    #[schemars(with = "Vec<String>")]
    pub runs: Vec<RunId>,
    /// Schedules, as `network/entry`.
    pub schedules: Vec<String>,
    /// Pinned blueprints that nothing needs any more.
    pub plans: u64,
    /// Blobs that nothing names any more.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Whether the store was written anew, such that nothing of what was removed is left in its files.
    pub compacted: bool,
    /// Runs that name the person and have not ended, or were changed meanwhile: they stay. Cancel them and erase again.
    #[schemars(with = "Vec<String>")]
    pub unended: Vec<RunId>,
    /// Runs that cannot be read, so that it is not known whether they name the person: they stay.
    #[schemars(with = "Vec<String>")]
    pub unreadable: Vec<RunId>,
    /// What else stays, in words.
    pub remains: Vec<String>,
}

impl Erased {
    /// Whether nothing of the person is left.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unended.is_empty() && self.unreadable.is_empty() && self.remains.is_empty()
    }
}

impl Engine {
    /// Erases a person from all that a tenant has: entries of memory, runs that have ended, schedules, pinned blueprints, and the blobs
    /// that only they name; results that are kept in memory go too. The keys of the runs are destroyed if the engine has them. Then
    /// the store is [compacted](ice_core::store::Store::compact), and so is each other one in which memory is kept, whether or not
    /// anything was found, so that a call that was cut short is finished by the next one. Reads all that the tenant has. Other engines on
    /// the store may hold plans and results in memory. While a run of any tenant cannot be read no blob is removed: that is told.
    ///
    /// # Errors
    /// [`RunError`] if a name is too short, or the store failed: what was removed so far stays removed; call it again.
    pub async fn erase(&self, tenant: &Tenant, erasure: &Erasure) -> Result<Erased, RunError> {
        let search = Search::new(self, tenant, erasure.mentions()?);
        let plans = search.plans().await?;
        let named: HashSet<BlobHash> = plans.iter().map(|(hash, _)| *hash).collect();
        let mut erased = Erased::default();
        // First what starts runs.
        let schedules = search.schedules(&named).await?;
        erased.schedules = schedules
            .iter()
            .map(|(_, _, one)| format!("{}/{}", one.shown.network, one.shown.entry))
            .collect();
        if !erasure.dry_run {
            for (key, _, _) in schedules {
                self.change(Batch::new().delete(key)).await?;
            }
        }
        search.runs(&named, &mut erased).await?;
        let memory = self.memory(tenant).await?;
        let mentions = erasure.mentions_in(&memory)?;
        let entries = Search::new(self, tenant, mentions.clone()).entries().await?;
        erased.memory = entries.len() as u64;
        if self.inner.sessions.is_some() {
            erased.remains.push("what is said in sessions is kept elsewhere: erase it there".to_owned());
        }
        if erasure.dry_run {
            erased.plans = plans.len() as u64;
            return Ok(erased);
        }
        for id in entries {
            memory.erase(&Selector::Id(id)).await?;
        }
        for name in erasure.names() {
            memory.erase(&Selector::Person(name.to_owned())).await?;
        }
        memory.erase_mentions(&mentions).await?;
        for run in std::mem::take(&mut erased.runs) {
            // Somebody else may have removed it, or have changed it meanwhile: then it stays.
            if self.remove(tenant, run).await? || self.inner.head(tenant, run).await?.is_none() {
                erased.runs.push(run);
            } else {
                erased.unended.push(run);
            }
        }
        self.inner.results.clear();
        let in_use = self.remove_plans(tenant, plans, &mut erased).await?;
        if in_use > 0 {
            let what = format!(
                "{in_use} pinned blueprints that name the person are those of runs or schedules that stay"
            );
            erased.remains.push(what);
        }
        memory.purge().await?;
        let left = memory.mentions_left(&mentions).await?;
        if left > 0 {
            let what = format!(
                "{left} values of memory name the person, which others wrote or use meanwhile: erase again"
            );
            erased.remains.push(what);
        }
        self.collect_erased(tenant, &mut erased).await?;
        for store in self.inner.memories.elsewhere().await? {
            store.compact().await?;
        }
        self.inner.store.compact().await?;
        erased.compacted = true;
        Ok(erased)
    }

    /// Removes the blobs that nothing names any more, here and where memory is kept. While something that may name some cannot be read
    /// they stay, which is told; a store that fails fails.
    async fn collect_erased(&self, tenant: &Tenant, erased: &mut Erased) -> Result<(), RunError> {
        match self.finish_removals(tenant).await {
            Ok(Collected { removed, bytes, .. }) => {
                (erased.blobs, erased.blob_bytes) = (removed, bytes);
                if self.has_removals(tenant).await? {
                    erased.remains.push("a run that was removed is being brought here again".to_owned());
                }
            }
            Err(Uncollected { run, error }) if error.is_unreadable() => {
                let what = match run {
                    Some(run) => format!("the run {run}"),
                    None => "what names some".to_owned(),
                };
                erased
                    .remains
                    .push(format!("blobs were not collected, since {what} cannot be read: {error}"));
            }
            Err(Uncollected { error, .. }) => return Err(error),
        }
        match self.collect_elsewhere().await.map_err(RunError::from) {
            Ok((removed, bytes)) => {
                erased.blobs += removed;
                erased.blob_bytes += bytes;
            }
            Err(error) if error.is_unreadable() => {
                erased.remains.push(format!(
                    "blobs of memory were not collected, since what names some cannot be read: {error}"
                ));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Removes pinned plans that no run and no schedule is bound to any more; says how many are still needed.
    async fn remove_plans(
        &self,
        tenant: &Tenant,
        plans: Vec<(BlobHash, Version)>,
        erased: &mut Erased,
    ) -> Result<u64, RunError> {
        // Whoever starts a run over one from now on writes it again.
        plans.iter().for_each(|(hash, _)| self.inner.plans.forget(tenant, *hash));
        if plans.is_empty() {
            return Ok(0);
        }
        let mut needed = HashSet::new();
        for (_, run) in self.all_runs().await?.into_iter().filter(|(owner, _)| owner == tenant) {
            needed.extend(self.inner.head(tenant, run).await?.map(|(head, _)| head.plan));
        }
        needed.extend(self.schedules_of(tenant, None).await?.into_iter().map(|(_, _, one)| one.plan));
        let mut in_use = 0;
        for (hash, version) in plans {
            if needed.contains(&hash) {
                in_use += 1;
                continue;
            }
            let key = keys::plan(tenant, hash);
            let batch = Batch::new().expect_version(key.clone(), version).delete(key);
            match self.inner.store.commit(batch, self.inner.store.offers().durability).await {
                Ok(_) => erased.plans += 1,
                // A run was started over it meanwhile, unless somebody else removed it.
                Err(CommitError::Conflict { .. }) => {
                    in_use += u64::from(self.inner.store.get(&keys::plan(tenant, hash)).await?.is_some());
                }
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
        Ok(in_use)
    }
}
