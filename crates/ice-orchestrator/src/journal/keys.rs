//! Where things of a run stand in the store. The tenant comes first everywhere.

use ice_core::budget::Payer;
use ice_core::id::{BlueprintId, RunId, Tenant};
use ice_core::seal::KeyName;
use ice_core::store::{Key, KeyBuilder};
use ice_core::time::Moment;
use ice_core::value::BlobHash;

use super::RunStatus;

/// A run's id such that newer runs come first: ids ascend with time, their complements descend.
pub(crate) fn newest_first(run: RunId) -> String {
    with_newest_first(run, str::to_owned)
}

fn with_newest_first<T>(run: RunId, then: impl FnOnce(&str) -> T) -> T {
    let complement = uuid::Uuid::from_u128(!run.uuid().as_u128());
    then(complement.simple().encode_lower(&mut uuid::Uuid::encode_buffer()))
}

fn with_id<T>(run: RunId, then: impl FnOnce(&str) -> T) -> T {
    then(run.uuid().hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()))
}

/// The run that [`newest_first`] stands for.
pub(crate) fn run_of(text: &str) -> Option<RunId> {
    let complement = u128::from_str_radix(text, 16).ok().filter(|_| text.len() == 32)?;
    Some(RunId::from(uuid::Uuid::from_u128(!complement)))
}

/// Everything of all tenants.
pub(crate) fn root() -> Key {
    Key::tenant(&Tenant::default()).parent()
}

/// The tenant that a key belongs to.
pub(crate) fn tenant_of(key: &Key) -> Option<Tenant> {
    key.as_str().strip_prefix("t/")?.split('/').next()?.parse().ok()
}

/// Under whose key the value of a store key is sealed, for [`ice_core::vault::SealedStore`]: what a run has said and was told (its
/// journal, its inbox) under that of the run, so that destroying it erases them; what else a tenant has under that of the tenant;
/// nothing else.
#[must_use]
pub fn sealed_under(key: &Key) -> Option<KeyName> {
    let mut segments = key.as_str().strip_prefix("t/")?.split('/');
    let tenant = segments.next()?.parse().ok()?;
    let run = match (segments.next(), segments.next()) {
        (Some("journal" | "inbox"), Some(run)) => run.parse().ok(),
        _ => None,
    };
    Some(KeyName { tenant, run })
}

/// A key behind all those of a tenant and before those of the next.
pub(crate) fn after_tenant(tenant: &Tenant) -> Key {
    root().leaf(&format!("{tenant}0"))
}

/// All heads of a tenant: one key per run, the newest first.
pub(crate) fn heads(tenant: &Tenant) -> Key {
    Key::tenant(tenant).folder("run")
}

/// The head of a run: who owns it, where it stands, what its next record is.
pub(crate) fn head(tenant: &Tenant, run: RunId) -> Key {
    with_newest_first(run, |run| KeyBuilder::tenant(tenant).folder("run").leaf(run))
}

/// All journals of a tenant.
pub(crate) fn journals(tenant: &Tenant) -> Key {
    Key::tenant(tenant).folder("journal")
}

/// The chunks of a run's journal; each key ends in the number of its first record.
pub(crate) fn journal(tenant: &Tenant, run: RunId) -> Key {
    with_id(run, |run| KeyBuilder::tenant(tenant).folder("journal").folder(run).key())
}

/// The chunk of a run's journal that begins with this record.
pub(crate) fn chunk(tenant: &Tenant, run: RunId, first: u64) -> Key {
    with_id(run, |run| KeyBuilder::tenant(tenant).folder("journal").folder(run).number(first))
}

/// A key behind a run's journal and before that of any other.
pub(crate) fn after_journal(tenant: &Tenant, run: RunId) -> Key {
    journals(tenant).leaf(&format!("{run}0"))
}

/// The run that a chunk of a journal belongs to.
pub(crate) fn run_of_chunk(tenant: &Tenant, key: &Key) -> Option<RunId> {
    key.as_str().strip_prefix(journals(tenant).as_str())?.split('/').next()?.parse().ok()
}

/// A pinned plan.
pub(crate) fn plan(tenant: &Tenant, hash: BlobHash) -> Key {
    Key::tenant(tenant).folder("plan").leaf(&hash.to_string())
}

/// The runs of a status, the newest first.
pub(crate) fn by_status(tenant: &Tenant, status: RunStatus) -> Key {
    KeyBuilder::tenant(tenant).folder("status").folder(status.as_str()).key()
}

/// A run among those of a status.
pub(crate) fn in_status(tenant: &Tenant, status: RunStatus, run: RunId) -> Key {
    with_newest_first(run, |run| {
        KeyBuilder::tenant(tenant).folder("status").folder(status.as_str()).leaf(run)
    })
}

/// The runs of a blueprint, the newest first.
pub(crate) fn by_blueprint(tenant: &Tenant, blueprint: &BlueprintId) -> Key {
    KeyBuilder::tenant(tenant).folder("blueprint").folder(blueprint.as_str()).key()
}

/// A run among those of a blueprint.
pub(crate) fn of_blueprint(tenant: &Tenant, blueprint: &BlueprintId, run: RunId) -> Key {
    let folder = KeyBuilder::tenant(tenant).folder("blueprint").folder(blueprint.as_str());
    with_newest_first(run, |run| folder.leaf(run))
}

/// The run that a caller's idempotency key stands for.
pub(crate) fn idempotency(tenant: &Tenant, key: &str) -> Key {
    Key::tenant(tenant).folder("idempotency").leaf(&BlobHash::of(key.as_bytes()).to_string())
}

/// A run's inbox.
pub(crate) fn inbox(tenant: &Tenant, run: RunId) -> Key {
    inboxes(tenant).folder(&run.to_string())
}

/// All inboxes of a tenant.
pub(crate) fn inboxes(tenant: &Tenant) -> Key {
    Key::tenant(tenant).folder("inbox")
}

/// The run that a message in an inbox is for; nothing for what else stands there.
pub(crate) fn run_of_message(inboxes: &Key, key: &Key) -> Option<RunId> {
    let (run, rest) = key.as_str().strip_prefix(inboxes.as_str())?.split_once('/')?;
    rest.starts_with("m/").then(|| run.parse().ok())?
}

/// When runs that wait must be looked at, the earliest first.
pub(crate) fn timers(tenant: &Tenant) -> Key {
    Key::tenant(tenant).folder("timer")
}

/// When a run that waits must be looked at.
pub(crate) fn timer(tenant: &Tenant, at: Moment, run: RunId) -> Key {
    let at = u64::try_from(at.as_millis()).unwrap_or_default();
    timers(tenant).number(at).folder("").leaf(&run.to_string())
}

/// The time and the run that a timer stands for.
pub(crate) fn timer_of(timers: &Key, key: &Key) -> Option<(Moment, RunId)> {
    let (at, run) = key.as_str().strip_prefix(timers.as_str())?.split_once('/')?;
    let at = i64::try_from(u64::from_str_radix(at, 16).ok()?).unwrap_or(i64::MAX);
    Some((Moment::from_millis(at), run.parse().ok()?))
}

/// The budgets that runs of a tenant share.
pub(crate) fn budgets(tenant: &Tenant) -> Key {
    Key::tenant(tenant).folder("budget")
}

/// A budget that runs share.
pub(crate) fn budget(tenant: &Tenant, payer: &Payer) -> Key {
    of_payer(&budgets(tenant), payer)
}

/// What runs of a tenant have drawn from shared budgets.
pub(crate) fn shares(tenant: &Tenant) -> Key {
    Key::tenant(tenant).folder("share")
}

/// What a run has drawn from shared budgets.
pub(crate) fn shares_of(tenant: &Tenant, run: RunId) -> Key {
    shares(tenant).folder(&run.to_string())
}

/// What a run has drawn from a shared budget.
pub(crate) fn share(tenant: &Tenant, run: RunId, payer: &Payer) -> Key {
    of_payer(&shares_of(tenant, run), payer)
}

/// The run whose share stands at a key.
pub(crate) fn run_of_share(shares: &Key, key: &Key) -> Option<RunId> {
    key.as_str().strip_prefix(shares.as_str())?.split('/').next()?.parse().ok()
}

fn of_payer(folder: &Key, payer: &Payer) -> Key {
    match payer {
        Payer::Tenant => folder.leaf("tenant"),
        Payer::Blueprint(id) => folder.folder("blueprint").leaf(id.as_str()),
    }
}

/// The runs of a tenant that were removed, and of which something may be left.
pub(crate) fn removals(tenant: &Tenant) -> Key {
    Key::tenant(tenant).folder("removed")
}

/// Says that a run was removed, until nothing of it is left.
pub(crate) fn removal(tenant: &Tenant, run: RunId) -> Key {
    removals(tenant).leaf(&run.to_string())
}

/// The pinned plans of a tenant.
pub(crate) fn plans(tenant: &Tenant) -> Key {
    Key::tenant(tenant).folder("plan")
}

/// The schedules of a tenant.
pub(crate) fn schedules(tenant: &Tenant) -> Key {
    Key::tenant(tenant).folder("schedule")
}

/// The schedule of an entry of a network.
pub(crate) fn schedule(tenant: &Tenant, network: &str, entry: &str) -> Key {
    schedules(tenant).folder(network).leaf(entry)
}

/// The lease of an engine: the runs it owns are its own for as long as it holds.
pub(crate) fn engine(name: &str) -> Key {
    Key::tenant(&Tenant::default()).folder("engine").leaf(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_runs_come_first() {
        let run = |number: u128| RunId::from(uuid::Uuid::from_u128(number));
        assert!(newest_first(run(2)) < newest_first(run(1)));
        assert_eq!(run_of(&newest_first(run(77))), Some(run(77)));
        assert_eq!(run_of("77"), None);
    }

    #[test]
    fn what_a_run_has_is_sealed_under_its_key_and_the_rest_under_that_of_the_tenant() {
        let (tenant, run) = (Tenant::default(), RunId::from(uuid::Uuid::from_u128(7)));
        let name = |run| Some(KeyName { tenant: Tenant::default(), run });
        let inbox = inbox(&tenant, run);
        for key in
            [chunk(&tenant, run, 1), inbox.leaf("last"), ice_core::store::inbox::messages(&inbox).number(3)]
        {
            assert_eq!(sealed_under(&key), name(Some(run)), "{key}");
        }
        for key in [
            head(&tenant, run),
            share(&tenant, run, &Payer::Tenant),
            engine("pid"),
            journals(&tenant).leaf("other"),
        ] {
            assert_eq!(sealed_under(&key), name(None), "{key}");
        }
        assert_eq!(sealed_under(&Key::new("seal/key/local/tenant").unwrap()), None);
    }

    #[test]
    fn keys_say_whose_they_are() {
        let (tenant, run) = (Tenant::default(), RunId::from(uuid::Uuid::from_u128(7)));
        let (at, timers, inboxes) = (Moment::from_millis(77), timers(&tenant), inboxes(&tenant));
        assert_eq!(timer_of(&timers, &timer(&tenant, at, run)), Some((at, run)));
        let inbox = inbox(&tenant, run);
        let message = ice_core::store::inbox::messages(&inbox).number(3);
        assert_eq!(run_of_message(&inboxes, &message), Some(run));
        assert_eq!(run_of_message(&inboxes, &inbox.leaf("last")), None);
    }
}
