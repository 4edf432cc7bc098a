//! The shape of a generator: it makes files in memory; they are then written, or compared.

use anyhow::{Context, Result};

use crate::console;
use crate::finding::Finding;
use crate::project::Project;

/// A file as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GeneratedFile {
    /// Its name below the project's root.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
}

/// Makes files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Generator {
    /// Its name, as on the command line.
    pub(crate) name: &'static str,
    /// The folder that holds nothing but its files, if it has one.
    pub(crate) folder: Option<&'static str>,
    /// Makes the files.
    pub(crate) make: fn() -> Result<Vec<GeneratedFile>>,
}

impl Generator {
    /// Writes what differs, removes what is no longer made.
    pub(crate) fn write(&self, project: &Project) -> Result<()> {
        let files = (self.make)()?;
        for file in files.iter().filter(|file| !is_same(project, file)) {
            let path = project.path(&file.name);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("{} cannot be made", folder.display()))?;
            }
            std::fs::write(&path, &file.text).with_context(|| format!("{} cannot be written", file.name))?;
            console::say(&format!("{}: wrote {}", self.name, file.name));
        }
        for name in self.stale(project, &files) {
            std::fs::remove_file(project.path(name)).with_context(|| format!("{name} cannot be removed"))?;
            console::say(&format!("{}: removed {name}", self.name));
        }
        console::say(&format!("{}: {} files", self.name, files.len()));
        Ok(())
    }

    /// Compares byte by byte; changes nothing.
    pub(crate) fn check(&self, project: &Project) -> Result<Vec<Finding>> {
        let files = (self.make)()?;
        let differ = files.iter().filter(|file| !is_same(project, file)).map(|file| {
            Finding::new(
                &file.name,
                "is not what its generator makes: run `cargo xtask generate` and commit it",
            )
        });
        let stale = self.stale(project, &files).map(|name| {
            Finding::new(name, "is no longer generated: run `cargo xtask generate`, which removes it")
        });
        Ok(differ.chain(stale).collect())
    }

    fn stale<'a>(&self, project: &'a Project, files: &'a [GeneratedFile]) -> impl Iterator<Item = &'a str> {
        let prefix = self.folder.map(|folder| format!("{folder}/"));
        project.files().filter(move |name| {
            prefix.as_ref().is_some_and(|prefix| name.starts_with(prefix))
                && !files.iter().any(|file| file.name == *name)
        })
    }
}

fn is_same(project: &Project, file: &GeneratedFile) -> bool {
    std::fs::read(project.path(&file.name)).is_ok_and(|bytes| bytes == file.text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    const SAMPLE: Generator = Generator {
        name: "sample",
        folder: Some("made"),
        make: || Ok(vec![GeneratedFile { name: "made/a.txt".into(), text: "a\n".into() }]),
    };

    #[test]
    fn drift_is_found_and_writing_ends_it() {
        let (folder, before) = project(&[("made/a.txt", "a \n"), ("made/old.txt", ""), ("else.txt", "")]);
        let found: Vec<_> = SAMPLE.check(&before).unwrap().into_iter().map(|finding| finding.file).collect();
        assert_eq!(found, ["made/a.txt", "made/old.txt"]);
        SAMPLE.write(&before).unwrap();
        let after = Project::at(folder.path()).unwrap();
        assert_eq!(SAMPLE.check(&after).unwrap(), []);
        assert_eq!(after.files().collect::<Vec<_>>(), ["else.txt", "made/a.txt"]);
    }
}
