//! The owner of the data folder when it is another process.

use ice_orchestrator::control::socket::{Client, SocketError};

use super::DataFolder;
use crate::fault::Fault;

/// The owner of the data folder when it is another process. Holds no connection.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    folder: DataFolder,
    uid: u32,
}

impl Remote {
    /// The owner of a folder, for the user of this process.
    pub(crate) fn of(folder: &DataFolder) -> Self {
        Self { folder: folder.clone(), uid: rustix::process::geteuid().as_raw() }
    }

    /// Connects to it.
    pub(crate) async fn connect(&self) -> Result<Client, SocketError> {
        Client::connect(self.folder.path(), self.uid).await
    }
}

/// An error of the socket, as the command tells it. `owner` is the owner's process id, if it is known.
pub(crate) fn socket_fault(error: &SocketError, owner: Option<u32>) -> Fault {
    let who = owner.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
    let message = match error {
        SocketError::Io(source) => format!("{error}: {}", crate::fault::plain(source)),
        SocketError::Absent
        | SocketError::Gone
        | SocketError::Silent
        | SocketError::Version { .. }
        | SocketError::Foreign { .. }
        | SocketError::TooLarge
        | SocketError::Protocol(_) => format!("{error}{who}"),
    };
    let fault = Fault::new(error.code(), message);
    match error {
        SocketError::Absent | SocketError::Gone | SocketError::Silent => {
            let which = owner.map_or_else(|| "its owner".to_owned(), |pid| format!("the process {pid}"));
            fault.help(format!(
                "wait for {which} or end it (its runs can be resumed), or use another folder with `--data DIR`"
            ))
        }
        SocketError::Version { .. } => {
            fault.help("end the owner, then ask again: its runs can be resumed by this version")
        }
        SocketError::Foreign { .. } => fault.help("use a data folder of your own with `--data DIR`"),
        SocketError::TooLarge => fault.help("give large data as files that tools read"),
        SocketError::Protocol(_) | SocketError::Io(_) => fault.help("use another folder with `--data DIR`"),
    }
}
