//! The way to the owner of the data folder: this process itself, or another one.

use futures::StreamExt;
use futures::stream::BoxStream;
use ice_core::error::ErrorCode;
use ice_core::id::RunId;
use ice_orchestrator::control::socket::SocketError;
use ice_orchestrator::control::{Refusal, Reply, Request, Response};
use ice_orchestrator::journal::RunDocument;

use super::{Owner, Remote};
use crate::fault::Fault;

/// Answers that come one after the other, [`Response::End`] last.
pub(crate) type Answers = BoxStream<'static, Result<Response, LinkError>>;

/// The way to the owner of the data folder.
#[derive(Debug)]
pub(crate) enum Link {
    /// This process is the owner.
    Owner(Box<Owner>),
    /// Another process is.
    Remote(Remote),
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum LinkError {
    /// The owner went away: look for another one.
    Gone,
    /// It cannot be done.
    Fault(Fault),
}

impl LinkError {
    /// The owner gave another answer than the one that was asked for.
    pub(crate) fn astray() -> Self {
        Self::Fault(Fault::new(
            ErrorCode::ControlUnavailable,
            "the owner of the data folder gave an odd answer",
        ))
    }
}

impl From<LinkError> for Fault {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Fault(fault) => fault,
            LinkError::Gone => {
                Self::new(ErrorCode::ControlUnavailable, "the owner of the data folder went away")
                    .help("ask again: another process becomes the owner then")
            }
        }
    }
}

impl From<Fault> for LinkError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<SocketError> for LinkError {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::Absent | SocketError::Gone => Self::Gone,
            SocketError::Silent
            | SocketError::Version { .. }
            | SocketError::Foreign { .. }
            | SocketError::TooLarge
            | SocketError::Protocol(_)
            | SocketError::Io(_) => Self::Fault(super::socket_fault(&error, None)),
        }
    }
}

impl Link {
    /// Whether another process owns the data folder, and drives its runs.
    pub(crate) const fn is_remote(&self) -> bool {
        match self {
            Self::Owner(_) => false,
            Self::Remote(_) => true,
        }
    }

    /// Asks for what has one answer.
    pub(crate) async fn call(&self, request: Request) -> Result<Response, LinkError> {
        let response = match self {
            Self::Owner(owner) => match owner.call(request).await {
                Reply::One(response) => response,
                Reply::Many(mut responses) => responses.next().await.unwrap_or(Response::End),
            },
            Self::Remote(remote) => remote.connect().await?.call(&request).await?,
        };
        if let Response::Refused(refusal) = response { Err(refused(refusal).into()) } else { Ok(response) }
    }

    /// Asks for the document of a run.
    pub(crate) async fn show(&self, run: RunId) -> Result<Box<RunDocument>, LinkError> {
        let response = self.call(Request::Show { run }).await?;
        if let Response::Run { document } = response { Ok(document) } else { Err(LinkError::astray()) }
    }

    /// Asks for what has several answers.
    pub(crate) async fn stream(&self, request: Request) -> Result<Answers, LinkError> {
        Ok(match self {
            Self::Owner(owner) => match owner.call(request).await {
                Reply::One(response) => futures::stream::once(async { Ok(response) }).boxed(),
                Reply::Many(responses) => responses.map(Ok).boxed(),
            },
            Self::Remote(remote) => {
                let answers = remote.connect().await?.stream(&request).await?;
                answers.map(|answer| answer.map_err(LinkError::from)).boxed()
            }
        })
    }

    /// Whether this process owns the folder.
    pub(crate) const fn is_owner(&self) -> bool {
        matches!(self, Self::Owner(_))
    }

    /// Lets go: an owner closes its store, and runs that have not ended can be resumed by others.
    pub(crate) async fn close(self) -> Result<(), Fault> {
        match self {
            Self::Owner(owner) => owner.close().await,
            Self::Remote(_) => Ok(()),
        }
    }
}

/// A refusal, as the command tells it.
pub(crate) fn refused(refusal: Refusal) -> Fault {
    let Refusal { code, message, diagnostics } = refusal;
    let fault = Fault::new(code, message).diagnostics(diagnostics);
    match ADVICE.iter().find(|(about, _)| *about == code) {
        Some((_, help)) => fault.help(*help),
        None => fault,
    }
}

/// What to do about the refusals that people meet most.
const ADVICE: &[(ErrorCode, &str)] = &[
    (ErrorCode::RunNotFound, "`ice runs list` shows what there is"),
    (ErrorCode::RunInDoubt, "decide with `ice runs resume ID --in-doubt repeat` or `--in-doubt fail`"),
    (
        ErrorCode::RunFileInvalid,
        "nothing was imported; export the run once more, and copy the file whole: it is not to be edited",
    ),
    (ErrorCode::MemoryNotFound, "`ice memory list` shows what there is"),
    (ErrorCode::DurabilityUnavailable, "ask for less with `--durability`"),
    (
        ErrorCode::StoreFull,
        "make room on the disk, then start the owner of the data folder again: what was acknowledged is safe",
    ),
    (ErrorCode::StorePoisoned, "end the owner of the data folder and start it again"),
    // This command has checked the blueprint itself before.
    (
        ErrorCode::BlueprintInvalid,
        "the owner of the data folder has other tools than this command: start it with the same `--tools` or ICE_TOOLS",
    ),
    (ErrorCode::NodeKindUnavailable, "`ice validate` names the nodes that have no executor"),
];
