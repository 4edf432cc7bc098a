//! The folders of manifests.

use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::fault::{Fault, plain};

/// The folders of manifests, absolute, without links and each once: those of the command line and of `ICE_TOOLS`; if
/// neither names one, the folder of the user's configuration, if it is there.
///
/// # Errors
/// [`Fault`] if a folder that was named is none.
pub(crate) fn folders(named: &[PathBuf], environment: &Environment) -> Result<Vec<PathBuf>, Fault> {
    let given = named.iter().map(|folder| ("`--tools`", folder));
    let given = given.chain(environment.tools.iter().map(|folder| ("ICE_TOOLS", folder)));
    let mut folders = Vec::new();
    for (who, folder) in given.filter(|(_, folder)| !folder.as_os_str().is_empty()) {
        let found = real(folder).map_err(|why| {
            Fault::usage(format!("{who} names {}, in which no tools can be: {why}", folder.display()))
                .help("name a folder with manifests in it; `ice new tool NAME` makes one")
        })?;
        if !folders.contains(&found) {
            folders.push(found);
        }
    }
    if folders.is_empty() {
        folders.extend(environment.configuration().and_then(|folder| real(&folder.join("tools")).ok()));
    }
    Ok(folders)
}

/// A folder, absolute and without links, or why it is none.
pub(crate) fn real(folder: &Path) -> Result<PathBuf, String> {
    let found = folder.canonicalize().map_err(|error| plain(&error))?;
    if found.is_dir() { Ok(found) } else { Err("it is not a folder".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(named: &[&str], tools: &[&str], expected: &[&str]) {
        let home = tempfile::tempdir().unwrap();
        let root = home.path().canonicalize().unwrap();
        for folder in ["a", "b", "config/ice/tools", ".config/ice/tools"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        std::fs::write(root.join("file"), "").unwrap();
        std::os::unix::fs::symlink(root.join("a"), root.join("link")).unwrap();
        let below = |names: &[&str]| names.iter().map(|name| root.join(name)).collect::<Vec<_>>();
        let mut environment =
            Environment { tools: below(tools), home: Some(root.clone()), ..Environment::default() };
        assert_eq!(folders(&below(named), &environment).unwrap(), below(expected));
        if named.is_empty() && tools.is_empty() {
            environment.config_home = Some(root.join("config"));
            assert_eq!(folders(&[], &environment).unwrap(), below(&["config/ice/tools"]));
            environment.config_home = Some(root.join("none"));
            assert!(folders(&[], &environment).unwrap().is_empty());
        }
        for wrong in ["file", "none"] {
            assert!(folders(&below(&[wrong]), &environment).is_err(), "{wrong}");
        }
    }

    #[test]
    fn folders_are_those_that_are_named_or_the_one_of_the_user() {
        check(&[], &[], &[".config/ice/tools"]);
        check(&["a"], &[], &["a"]);
        check(&[], &["b"], &["b"]);
        check(&["b", "link"], &["a", "b"], &["b", "a"]);
    }
}
