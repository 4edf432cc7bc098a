//! Secrets that a command in a cage is given: where the command line says they are, and what they are.

use ice_sandbox::SecretRef;
#[cfg(target_os = "linux")]
pub(crate) use present::resolve;

/// Reads `NAME=env:VARIABLE` or `NAME=file:PATH`: the name of a secret in the cage, and where it is.
pub(crate) fn named(text: &str) -> Option<(&str, SecretRef)> {
    let (name, place) = text.split_once('=')?;
    let is_place = |kind: &str| place.strip_prefix(kind).is_some_and(|rest| !rest.is_empty());
    (is_place("env:") || is_place("file:")).then(|| (name, SecretRef::new(place)))
}

#[cfg(target_os = "linux")]
mod present {
    use std::io::Read as _;
    use std::os::unix::ffi::OsStringExt as _;

    use ice_sandbox::{SecretBytes, SecretError, SecretRef};

    /// A byte more than a secret may have.
    const MOST: usize = (64 << 10) + 1;

    /// What is in a variable of this process, or in a file but for the end of its last line.
    pub(crate) fn resolve(reference: &SecretRef) -> Result<SecretBytes, SecretError> {
        match reference.as_str().split_once(':') {
            Some(("env", name)) => match std::env::var_os(name) {
                Some(value) => Ok(SecretBytes::new(value.into_vec())),
                None => Err(SecretError("the variable is not set here".to_owned())),
            },
            Some(("file", path)) => read(path).map_err(|error| SecretError(error.to_string())),
            Some(_) | None => Err(SecretError("it is neither env:VARIABLE nor file:PATH".to_owned())),
        }
    }

    fn read(path: &str) -> std::io::Result<SecretBytes> {
        let file = std::fs::File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("it is no regular file"));
        }
        // Room for all of it from the start: what grows leaves copies behind.
        let mut bytes = Vec::with_capacity(MOST + 1);
        file.take(MOST as u64).read_to_end(&mut bytes)?;
        for end in [b'\n', b'\r'] {
            if bytes.last() == Some(&end) {
                bytes.pop();
            }
        }
        Ok(SecretBytes::new(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_named_by_where_it_is() {
        for good in ["TOKEN=env:MY_TOKEN", "TOKEN=file:/run/token", "TOKEN=file:a=b"] {
            let (name, reference) = named(good).unwrap();
            assert_eq!(format!("{name}={reference}"), good);
        }
        for bad in ["TOKEN", "TOKEN=", "TOKEN=hunter2", "TOKEN=env:", "TOKEN=vault:x"] {
            assert_eq!(named(bad), None);
        }
    }
}
