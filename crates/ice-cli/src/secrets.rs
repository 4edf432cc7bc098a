//! Secrets that a command in a cage is given: where the command line says they are, and what they are.

use std::path::absolute;

use ice_core::process::SecretRef;
#[cfg(target_os = "linux")]
pub(crate) use present::resolve;

use crate::fault::Fault;

/// Reads `NAME=env:VARIABLE` or `NAME=file:PATH`: the name of a secret in the cage, and where it is.
fn named(text: &str) -> Option<(&str, &str)> {
    let (name, place) = text.split_once('=')?;
    let is_place = |kind: &str| place.strip_prefix(kind).is_some_and(|rest| !rest.is_empty());
    let is_named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    (is_named && (is_place("env:") || is_place("file:"))).then_some((name, place))
}

/// The same for the value of an option.
///
/// # Errors
/// [`Fault`] if it is written in another way. It does not repeat what was written, which may be the secret itself.
pub(crate) fn named_for<'t>(option: &str, text: &'t str) -> Result<(&'t str, &'t str), Fault> {
    named(text)
        .ok_or_else(|| Fault::usage(format!("`{option}` is written NAME=env:VARIABLE or NAME=file:PATH")))
}

/// A secret that a run is granted. Whoever carries the run out may have another working folder.
///
/// # Errors
/// [`Fault`] if it is written in another way, or its file is not there.
pub(crate) fn granted(text: &str) -> Result<(&str, SecretRef), Fault> {
    let (name, place) = named_for("--secret", text)?;
    let Some(path) = place.strip_prefix("file:") else { return Ok((name, SecretRef::new(place))) };
    let unreadable = |error: std::io::Error| {
        Fault::usage(format!("`--secret {name}=file:{path}` cannot be read: {error}"))
    };
    let whole = absolute(path).map_err(unreadable)?;
    if !std::fs::metadata(&whole).map_err(unreadable)?.is_file() {
        return Err(Fault::usage(format!("`--secret {name}=file:{path}` names no regular file")));
    }
    Ok((name, SecretRef::new(format!("file:{}", whole.display()))))
}

#[cfg(target_os = "linux")]
mod present {
    use std::io::Read as _;
    use std::os::unix::ffi::OsStringExt as _;
    use std::os::unix::fs::OpenOptionsExt as _;

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
        // To open a pipe would wait for somebody to write.
        let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = std::fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path)?;
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
            let (name, place) = named(good).unwrap();
            assert_eq!(format!("{name}={place}"), good);
        }
        for bad in ["TOKEN", "TOKEN=", "=env:X", "a b=env:X", "TOKEN=hunter2", "TOKEN=env:", "TOKEN=vault:x"]
        {
            assert_eq!(named(bad), None);
        }
    }
}
