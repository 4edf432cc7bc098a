//! Giving a tool its secrets, once it is in its cage: nobody outside sees them.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use super::fault::At;
use crate::policy::Delivery;
use crate::report::{SetupFailure, Stage};
use crate::secret::{FOLDER, SecretBytes};
use crate::wire::Slot;

/// Writes a secret to where it goes. Returns the variable that is set because of it, `NAME=VALUE`.
pub(super) fn give(slot: &Slot, secret: &SecretBytes, rooted: bool) -> Result<Vec<u8>, SetupFailure> {
    let Slot { name, delivery, bytes: _ } = slot;
    match delivery {
        Delivery::Variable => Ok([name.as_bytes(), b"=", secret.expose()].concat()),
        Delivery::File if !rooted => {
            let what = format!("`{name}`: without the layer root there is no folder in memory for its file");
            Err(SetupFailure::new(Stage::Secret, what))
        }
        Delivery::File => {
            let what = format!("writing the file of `{name}`");
            let folder = Path::new(FOLDER);
            DirBuilder::new().recursive(true).mode(0o700).create(folder).at(Stage::Secret, &what)?;
            let path = folder.join(name);
            let file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&path);
            file.and_then(|mut file| file.write_all(secret.expose())).at(Stage::Secret, &what)?;
            Ok(format!("{name}_FILE={}", path.display()).into_bytes())
        }
    }
}
