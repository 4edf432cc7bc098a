//! What is to run.

use std::ffi::{OsStr, OsString};

/// The `PATH` of a cage, where a program that is named without a folder is looked up unless the policy sets another one.
pub const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program with its arguments. Secrets do not belong into arguments: name them in the policy
/// ([`PolicyBuilder::secret`](crate::PolicyBuilder::secret)), or give them on standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) input: Vec<u8>,
}

impl Command {
    /// A program, by its path inside of the cage, or by a name that is looked up in the `PATH` there.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self { program: program.as_ref().to_owned(), arguments: Vec::new(), input: Vec::new() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// What [`run`](crate::ResourceSandbox::run) writes to its standard input. Default: nothing.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }
}
