//! The advisory database, laid out so that cargo-deny takes it without a network.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::command::Runner;
use crate::environment;
use crate::project::Project;

/// The folder cargo-deny expects: the name and hash of the database's address.
const FOLDER: &str = "advisory-db-3157b0e258782691";
/// Where it looks for that folder: `db-path` in deny.toml, below the project's root.
const DB_PATH: &str = "target/advisory-dbs";

/// Where a database is taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Database {
    /// A folder that holds `crates/`.
    Folder(PathBuf),
    /// An archive of such a folder.
    Archive(PathBuf),
}

impl Database {
    /// `ICE_ADVISORY_DB`, else `shared/advisory-db.tgz` beside the project.
    pub(super) fn find(project: &Project) -> Option<Self> {
        let beside = || Some(project.root().parent()?.join("shared/advisory-db.tgz"));
        Self::at(&environment::advisory_db().or_else(beside)?)
    }

    fn at(path: &Path) -> Option<Self> {
        if path.join("crates").is_dir() {
            Some(Self::Folder(path.to_path_buf()))
        } else {
            path.is_file().then(|| Self::Archive(path.to_path_buf()))
        }
    }

    /// When the database was current: what a `.date` file beside an archive says, else when it was written.
    fn date(&self) -> Result<Timestamp> {
        let path = match self {
            Self::Folder(path) => {
                let fetched = path.join(".git/FETCH_HEAD");
                if fetched.is_file() { fetched } else { path.clone() }
            }
            Self::Archive(path) => {
                if let Ok(text) = std::fs::read_to_string(path.with_extension("date")) {
                    let date: Date =
                        text.trim().parse().context("the date of the advisory database is not one")?;
                    return Ok(date.to_zoned(TimeZone::UTC)?.timestamp());
                }
                path.clone()
            }
        };
        let written = path.metadata().and_then(|metadata| metadata.modified());
        let written = written.with_context(|| format!("{} has no date", path.display()))?;
        Ok(Timestamp::try_from(written)?)
    }
}

/// Lays the database out below the project's root and gives its date. What was there before goes.
pub(super) fn unpack(project: &Project, runner: &Runner, database: &Database) -> Result<Date> {
    let parent = project.path(DB_PATH);
    let folder = parent.join(FOLDER);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    match database {
        Database::Folder(from) => copy(&from.join("crates"), &folder.join("crates"))?,
        Database::Archive(from) => {
            let (from, into) = (from.to_string_lossy(), parent.to_string_lossy());
            runner.take("tar", &["-xzf", &from, "-C", &into])?;
        }
    }
    if !folder.join("crates").is_dir() {
        bail!("the advisory database holds no {FOLDER}/crates");
    }
    let date = database.date()?;
    // cargo-deny reads the age of the database off this file.
    let mark = folder.join(".git/FETCH_HEAD");
    std::fs::create_dir_all(folder.join(".git")).context("the database cannot be marked")?;
    let file = std::fs::File::create(&mark).context("the database cannot be marked")?;
    file.set_modified(SystemTime::from(date)).context("the database cannot be dated")?;
    Ok(date.to_zoned(TimeZone::UTC).date())
}

fn copy(from: &Path, into: &Path) -> Result<()> {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.context("the advisory database cannot be read")?;
        let target = into.join(entry.path().strip_prefix(from)?);
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(&target)?;
        } else if entry.file_type().is_file() {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    fn laid_out(project: &Project, database: &Database) -> (String, Date) {
        let date = unpack(project, &Runner::new(project), database).unwrap();
        let folder = project.path(DB_PATH).join(FOLDER);
        let mark = folder.join(".git/FETCH_HEAD").metadata().unwrap().modified().unwrap();
        let marked = Timestamp::try_from(mark).unwrap().to_zoned(TimeZone::UTC).date();
        assert_eq!(marked, date);
        (std::fs::read_to_string(folder.join("crates/a/one.md")).unwrap(), date)
    }

    #[test]
    fn a_folder_is_laid_out() {
        let (_folder, project) = project(&[("db/crates/a/one.md", "advice")]);
        let database = Database::at(&project.path("db")).unwrap();
        assert_eq!(laid_out(&project, &database).0, "advice");
        // A second time over the first.
        assert_eq!(laid_out(&project, &database).0, "advice");
    }

    #[test]
    fn an_archive_is_laid_out_with_its_date() {
        let inside = format!("{FOLDER}/crates/a/one.md");
        let (folder, project) = project(&[(&inside, "packed"), ("advisory-db.date", "2026-08-21\n")]);
        let archive = folder.path().join("advisory-db.tgz");
        let (root, file) = (folder.path().to_string_lossy(), archive.to_string_lossy());
        Runner::new(&project).take("tar", &["-czf", &file, "-C", &root, FOLDER]).unwrap();
        let database = Database::at(&archive).unwrap();
        let (text, date) = laid_out(&project, &database);
        assert_eq!((text.as_str(), date.to_string().as_str()), ("packed", "2026-08-21"));
    }

    #[test]
    fn no_database_is_none() {
        let (folder, _project) = project(&[("db/x", "")]);
        assert_eq!(Database::at(&folder.path().join("db")), None);
        assert_eq!(Database::at(&folder.path().join("gone.tgz")), None);
    }
}
