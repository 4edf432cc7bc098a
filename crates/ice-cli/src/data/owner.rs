//! The owner of the data folder: its store, its engine, and the socket through which others reach it.

use std::sync::Arc;

use ice_core::error::ErrorCode;
use ice_core::id::{Principal, Tenant};
use ice_core::llm::RedactSecrets;
use ice_core::seal::{SealingKey, SystemEntropy};
use ice_core::store::{BlobStore, EmbeddedStore, RecoveryReport, Store, StoreError};
use ice_core::vault::{Seal, SealError, SealedData};
use ice_orchestrator::control::socket::Server;
use ice_orchestrator::control::{Caller, Control, Info, Reply, Request};
use ice_orchestrator::engine::{Engine, TakenUp};
use ice_orchestrator::journal::{RunStatus, sealed_under};

use super::{DataFolder, KeyPlace, Raw, seal_fault};
use crate::cage;
use crate::fault::{Fault, plain};
use crate::memory::MemoryFile;
use crate::screen::{YELLOW, styled};

/// What an owner is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It runs something in the foreground.
    Run,
    /// It runs what others start.
    Worker,
    /// It looks something up and is gone in a moment: it serves nobody.
    Glance,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Worker => "worker",
            Self::Glance => "glance",
        }
    }
}

/// Why this process is not the owner.
#[derive(Debug)]
pub(crate) enum NotOwner {
    /// Another process is.
    Locked {
        /// Its process id, if it said so.
        pid: Option<u32>,
    },
    /// The folder cannot be used.
    Fault(Fault),
}

/// The owner of the data folder.
#[derive(Debug)]
pub(crate) struct Owner {
    control: Control,
    caller: Caller,
    server: Option<Server>,
    store: Arc<EmbeddedStore>,
}

impl Owner {
    /// Becomes the owner of a folder, and serves its socket unless it only glances at it.
    pub(crate) async fn open(folder: &DataFolder, role: Role) -> Result<Self, NotOwner> {
        // Read before anything is opened: where it is wrong nothing is done.
        let key = folder.seal_key().map(KeyPlace::read).transpose().map_err(NotOwner::Fault)?;
        let Raw { store, blobs } = Raw::open(folder)?;
        let sealed = match raw_or_sealed(&store, &blobs, key.as_ref()).await {
            Ok(sealed) => sealed,
            Err(error) => {
                let closed = store.close().await;
                closed.map_err(|error| NotOwner::Fault(store_fault(folder, &error)))?;
                return Err(NotOwner::Fault(seal_fault(folder, &error)));
            }
        };
        let uid = rustix::process::geteuid().as_raw();
        let tenant = Tenant::default();
        let principal = Principal::new(&format!("cli:{uid}"))
            .map_err(|error| NotOwner::Fault(Fault::new(ErrorCode::InvalidId, error.to_string())))?;
        let registry = match role {
            // A broken manifest keeps nobody from looking at runs.
            Role::Glance => folder.toolbox().built_in(),
            Role::Run | Role::Worker => folder.toolbox().registry(),
        };
        let redaction = folder.toolbox().redaction().map_err(NotOwner::Fault)?;
        let builder = match &sealed {
            Some(data) => Engine::builder().sealed(data),
            None => Engine::builder().store(Arc::clone(&store) as Arc<dyn Store>, blobs),
        };
        let memory = MemoryFile::of(folder.toolbox().environment());
        let memory = if sealed.is_some() { memory.beside_sealed() } else { memory };
        let builder = builder
            .registry(registry.map_err(NotOwner::Fault)?.clone())
            // The lock of the folder makes sure that there is one at a time: it takes over at once.
            .name("owner")
            .memory(Arc::new(memory))
            .views(redaction.views.clone())
            .memory_redactor(redaction.memory.clone())
            .prompt_policy(Arc::new(RedactSecrets::with(redaction.prompts.clone())))
            .known_secrets(&redaction.known)
            .message_content(folder.toolbox().environment().telemetry.content);
        #[cfg(feature = "wasm")]
        let builder = builder.wasm(crate::webassembly::host(folder.toolbox().environment()));
        // Without it what needs a process of its own says so when it is called.
        let engine = match cage::host(&redaction.known) {
            Ok(host) => builder.processes(host).build(),
            Err(_) => builder.build(),
        };
        let info = Info {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            role: role.name().to_owned(),
            sealed: key.map(|key| key.id().to_string()),
            active: Vec::new(),
        };
        let control = Control::new(engine, info);
        let server = match role {
            Role::Glance => None,
            Role::Run | Role::Worker => {
                let opened = Server::open(folder.path(), uid, tenant.clone(), control.clone());
                Some(opened.map_err(|error| NotOwner::Fault(super::socket_fault(&error, None)))?)
            }
        };
        Ok(Self { control, caller: Caller { tenant, principal }, server, store })
    }

    /// The engine.
    pub(crate) const fn engine(&self) -> &Engine {
        self.control.engine()
    }

    /// Takes up the runs that nobody drives; tells of each that cannot go on, and how many do, and how many wait.
    pub(crate) async fn take_up(&self, note: impl Fn(String)) -> Result<(usize, usize), Fault> {
        let Caller { tenant, principal } = &self.caller;
        let taken = self.engine().resume_all(tenant, principal).await;
        let TakenUp { runs, waiting, refused } =
            taken.map_err(|error| Fault::new(error.code(), error.to_string()))?;
        for (run, error) in refused {
            note(format!("the run {run} stays as it is: {}: {error}", error.code()));
        }
        let mut going = 0;
        for run in runs {
            match run.end().filter(|end| end.status == RunStatus::Parked) {
                Some(end) => {
                    let why = end.failure.as_ref().map(|failure| format!(": {failure}")).unwrap_or_default();
                    note(format!("the run {} cannot go on and is parked{why}", end.id));
                }
                None => going += 1,
            }
        }
        Ok((going, waiting))
    }

    /// Starts what schedules ask for, from now on.
    pub(crate) fn keep_schedules(&self) {
        self.engine().keep_schedules(&self.caller.tenant);
    }

    /// Whether no run is active, none waits for a time, and no schedule asks for one.
    pub(crate) async fn is_idle(&self) -> bool {
        let (engine, tenant) = (self.engine(), &self.caller.tenant);
        engine.active().is_empty()
            && engine.next_timer(tenant).await.is_ok_and(|at| at.is_none())
            && engine.next_scheduled(tenant).await.is_ok_and(|at| at.is_none())
    }

    /// Waits until the store fails, for example since the disk is full: nothing can be kept from then on.
    pub(crate) async fn failed(&self) -> Fault {
        let error = self.store.failed().await;
        Fault::new(error.code(), error.to_string())
            .help("the runs are as they were last kept: once the cause is gone, start a worker again to go on with them")
    }

    /// Asks itself.
    pub(crate) async fn call(&self, request: Request) -> Reply {
        self.control.call(&self.caller, request).await
    }

    /// Lets go once what was accepted is over: nobody is served any more, and what somebody started a moment
    /// ago is still driven to its end, unless `skip` comes first.
    ///
    /// # Errors
    /// As [`Self::close`].
    pub(crate) async fn retire(mut self: Box<Self>, skip: impl Future) -> Result<(), Fault> {
        if let Some(server) = self.server.take() {
            server.close().await;
        }
        tokio::select! {
            () = self.engine().drain() => {}
            _ = skip => {}
        }
        self.close().await
    }

    /// Lets go: nobody is served any more, runs stop where they are and can be resumed, the store is closed.
    ///
    /// # Errors
    /// [`Fault`] if the store could not write what it had accepted.
    pub(crate) async fn close(self: Box<Self>) -> Result<(), Fault> {
        let Self { control, server, store, .. } = *self;
        if let Some(server) = server {
            server.close().await;
        }
        control.engine().clone().close().await;
        drop(control);
        store.close().await.map_err(|error| Fault::new(error.code(), error.to_string()))
    }
}

/// The data sealed if there is a key, and nothing if it is in clear and there is none.
async fn raw_or_sealed(
    store: &Arc<EmbeddedStore>,
    blobs: &Arc<dyn BlobStore>,
    key: Option<&SealingKey>,
) -> Result<Option<SealedData>, SealError> {
    let raw = Arc::clone(store) as Arc<dyn Store>;
    let Some(key) = key else {
        return Seal::of(&*raw).await?.expect_clear().map(|()| None);
    };
    let entropy = Arc::new(SystemEntropy);
    let data = SealedData::open(raw, Arc::clone(blobs), key, Arc::new(sealed_under), entropy).await?;
    Ok(Some(data))
}

/// Says which acknowledged commits are gone, if a loss was accepted.
pub(super) fn tell_loss(folder: &DataFolder, report: &RecoveryReport) {
    let Some(loss) = &report.lost else { return };
    folder.screen().note(format_args!(
        "{} {loss}; what could not be read is in {}",
        styled(YELLOW, "warning:"),
        folder.path().join("damaged").display()
    ));
}

pub(super) fn store_fault(folder: &DataFolder, error: &StoreError) -> Fault {
    let shown = folder.path().display();
    let cause = if let StoreError::Unavailable { source: Some(source), .. } = error {
        format!(": {}", plain(source))
    } else {
        String::new()
    };
    let message = format!("cannot open the data folder {shown}: {error}{cause}");
    let help = match error {
        StoreError::Full { .. } => "make room on the disk",
        StoreError::Format { .. } => {
            "use the version of ice that wrote it, or another folder with `--data DIR`"
        }
        StoreError::Corrupt { .. } | StoreError::Lost(_) if folder.accepts_loss() => {
            "restore the folder from a copy; `ice errors STORE_CORRUPT` says what can be done"
        }
        StoreError::Corrupt { .. } | StoreError::Lost(_) => {
            "keep a copy of the folder, then `--accept-loss` opens it without what is lost"
        }
        StoreError::Unavailable { .. }
        | StoreError::Locked { .. }
        | StoreError::Poisoned { .. }
        | StoreError::TooLarge { .. }
        | StoreError::Durability { .. }
        | StoreError::BlobMissing { .. }
        | StoreError::Key(_) => "name another one with `--data DIR` or ICE_DATA",
    };
    Fault::new(error.code(), message).help(help)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use ice_core::value::Value;
    use ice_orchestrator::control::{Document, Response, Start};
    use ice_orchestrator::journal::{RunOptions, RunStatus};

    use super::*;
    use crate::args::Cli;
    use crate::shell::Shell;

    const SLOW: &str = "nodes: [{id: n, type: tool, tool_name: sleep, tool_args: {seconds: 0.3}}]";

    async fn started(owner: &Owner) -> ice_core::id::RunId {
        let documents = vec![Document::new("slow.yaml", SLOW)];
        let start = Start { documents, inputs: Value::empty_map(), options: RunOptions::default() };
        let Reply::One(Response::Started { run }) = owner.call(Request::Start(Box::new(start))).await else {
            panic!("the run did not start")
        };
        run
    }

    #[tokio::test]
    async fn what_was_accepted_a_moment_ago_is_driven_to_its_end_unless_that_is_skipped() {
        let place = tempfile::tempdir().unwrap();
        let data = place.path().to_str().unwrap();
        let shell = Shell::new(Cli::try_parse_from(["ice", "--data", data, "tools", "list"]).unwrap().global);
        let folder = DataFolder::of(&shell).unwrap();
        let open = async || Box::new(Owner::open(&folder, Role::Worker).await.unwrap());
        let owner = open().await;
        let run = started(&owner).await;
        owner.retire(std::future::pending::<()>()).await.unwrap();
        let owner = open().await;
        let tenant = owner.caller.tenant.clone();
        assert_eq!(owner.engine().show(&tenant, run).await.unwrap().status, RunStatus::Succeeded);
        let run = started(&owner).await;
        owner.retire(std::future::ready(())).await.unwrap();
        let owner = open().await;
        assert_eq!(owner.engine().show(&tenant, run).await.unwrap().status, RunStatus::Running);
        owner.close().await.unwrap();
    }
}
