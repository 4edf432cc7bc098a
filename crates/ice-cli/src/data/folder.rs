//! Where the data folder is.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use ice_core::error::ErrorCode;

use crate::fault::{Fault, plain};
use crate::screen::Screen;
use crate::shell::Shell;
use crate::toolbox::Toolbox;

/// The data folder: `--data`, `ICE_DATA`, `$XDG_STATE_HOME/ice` or `~/.local/state/ice`, the first that is
/// given. With it goes what whoever owns it works with.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    toolbox: Toolbox,
    accepts_loss: bool,
    seal_key: Option<String>,
    screen: Screen,
}

impl DataFolder {
    /// Where it is; whether it exists is another matter.
    ///
    /// # Errors
    /// [`ErrorCode::Usage`] if nothing says where.
    pub(crate) fn of(shell: &Shell) -> Result<Self, Fault> {
        let given = shell.global.data.as_ref().filter(|given| !given.as_os_str().is_empty());
        if let Some(given) = given.or(shell.environment.data.as_ref()) {
            let absolute = std::path::absolute(given)
                .map_err(|error| Fault::usage(format!("`--data {}`: {}", given.display(), plain(&error))))?;
            return Ok(Self::at(absolute, shell));
        }
        let state = shell.environment.state().ok_or_else(|| {
            Fault::usage("there is no data folder: neither HOME nor XDG_STATE_HOME is set")
                .help("name one with `--data DIR` or ICE_DATA")
        })?;
        Ok(Self::at(state, shell))
    }

    /// As [`Self::of`], for whoever looks for runs in it.
    ///
    /// # Errors
    /// [`ErrorCode::RunNotFound`] if the folder does not exist, besides.
    pub(crate) fn existing(shell: &Shell) -> Result<Self, Fault> {
        let folder = Self::of(shell)?;
        if folder.exists() { Ok(folder) } else { Err(folder.no_runs()) }
    }

    /// What is said to whoever looks for runs in a folder that does not exist.
    pub(crate) fn no_runs(&self) -> Fault {
        let message = format!("there are no runs: the data folder {} does not exist", self.path().display());
        Fault::new(ErrorCode::RunNotFound, message)
            .help("start one with `ice run`, or name the right folder with `--data DIR`")
    }

    fn at(path: PathBuf, shell: &Shell) -> Self {
        let toolbox = shell.toolbox.clone();
        let seal_key = shell.environment.seal_key.clone();
        Self { path, toolbox, accepts_loss: shell.global.accept_loss, seal_key, screen: shell.screen }
    }

    /// The path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What its owner works with.
    pub(crate) const fn toolbox(&self) -> &Toolbox {
        &self.toolbox
    }

    /// Whether it is opened even if acknowledged data is lost.
    pub(crate) const fn accepts_loss(&self) -> bool {
        self.accepts_loss
    }

    /// Where the key is under which it is sealed, if one was named.
    pub(crate) fn seal_key(&self) -> Option<&str> {
        self.seal_key.as_deref()
    }

    /// Where its owner says what it found.
    pub(crate) const fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Whether it is there.
    pub(crate) fn exists(&self) -> bool {
        self.path.is_dir()
    }

    /// The process id that the owner wrote into the lock, if there is one.
    pub(crate) fn owner(&self) -> Option<u32> {
        std::fs::read_to_string(self.path.join("LOCK")).ok()?.trim().parse().ok()
    }

    /// Makes it, open to its user only, if it is not there.
    ///
    /// # Errors
    /// [`ErrorCode::StoreUnavailable`] if it cannot be made, or something else is in its place.
    pub(crate) fn prepare(&self) -> Result<(), Fault> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        made.map_err(|error| {
            let why = if error.kind() == std::io::ErrorKind::AlreadyExists {
                "a file is in its place".to_owned()
            } else {
                plain(&error)
            };
            Fault::new(
                ErrorCode::StoreUnavailable,
                format!("cannot make the data folder {}: {why}", self.path.display()),
            )
            .help("name another one with `--data DIR` or ICE_DATA")
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::ColorChoice;

    use super::*;
    use crate::args::Global;
    use crate::environment::Environment;

    fn check(data: Option<&str>, state_home: Option<&str>, home: Option<&str>, expected: Option<&str>) {
        let global = Global {
            data: data.map(PathBuf::from),
            tools: Vec::new(),
            agents: Vec::new(),
            accept_loss: false,
            seal_key: None,
            json: false,
            color: ColorChoice::Auto,
            verbose: 0,
        };
        let environment = Environment {
            data: None,
            home: home.map(PathBuf::from),
            state_home: state_home.map(PathBuf::from),
            ..Environment::default()
        };
        let screen = Screen::new(false, ColorChoice::Auto);
        let toolbox = Toolbox::new(&[], &[], &environment, screen);
        let shell = Shell { global, environment, screen, toolbox };
        assert_eq!(DataFolder::of(&shell).ok().map(|folder| folder.path), expected.map(PathBuf::from));
    }

    #[test]
    fn what_is_given_first_holds() {
        check(Some("/d"), Some("/s"), Some("/h"), Some("/d"));
        check(Some("/d/../e"), None, None, Some("/d/../e"));
        check(None, Some("/s"), Some("/h"), Some("/s/ice"));
        check(Some(""), None, Some("/h"), Some("/h/.local/state/ice"));
        check(None, None, None, None);
    }
}
