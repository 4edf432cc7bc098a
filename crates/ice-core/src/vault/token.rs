//! Tokens in the place of what was redacted, which who holds the key turns back.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::redact::Conceal;
use crate::seal::{OpenError, SealingKey};

/// Turns what is redacted into tokens, `[email:v1:…]`, and tokens back. The same text under the same label gives the same token,
/// so that who reads tokens sees what is equal, and about how long it is, and no more. With the key destroyed nothing can be
/// turned back.
#[derive(Clone, Debug)]
pub struct Vault {
    key: SealingKey,
}

impl Vault {
    /// A vault with a key of its own.
    #[must_use]
    pub fn new(key: &SealingKey) -> Self {
        Self { key: SealingKey::of(key.secret().derive("tokens of redaction")) }
    }

    /// What a token stands for.
    ///
    /// # Errors
    /// [`OpenError`] if it is none, or one of another key.
    pub fn reveal(&self, token: &str) -> Result<String, OpenError> {
        let (label, sealed) = parts(token).ok_or(OpenError::NotSealed)?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| OpenError::NotSealed)?;
        let clear = self.key.open(label.as_bytes(), &sealed)?;
        String::from_utf8(clear).map_err(|_| OpenError::Altered)
    }

    /// A text with what tokens stand for in their places. Those of other keys stay.
    #[must_use]
    pub fn restore<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let (mut clear, mut told, mut at) = (String::new(), 0, 0);
        while let Some(begin) = text.get(at..).and_then(|rest| rest.find('[')).map(|found| at + found) {
            at = begin + 1;
            // A token holds no other bracket.
            let Some(end) = text.get(at..).and_then(|rest| rest.find(['[', ']'])).map(|found| at + found + 1)
            else {
                break;
            };
            let Some(revealed) = text.get(begin..end).and_then(|token| self.reveal(token).ok()) else {
                at = end - 1;
                continue;
            };
            clear.push_str(text.get(told..begin).unwrap_or(""));
            clear.push_str(&revealed);
            (told, at) = (end, end);
        }
        if told == 0 {
            return Cow::Borrowed(text);
        }
        clear.push_str(text.get(told..).unwrap_or(""));
        Cow::Owned(clear)
    }
}

/// The label of a token, and what is sealed in it.
fn parts(token: &str) -> Option<(&str, &str)> {
    token.strip_prefix('[')?.strip_suffix(']')?.split_once(":v1:")
}

impl Conceal for Vault {
    fn conceal(&self, label: &str, text: &str) -> String {
        let sealed = self.key.seal_equal(label.as_bytes(), text.as_bytes());
        format!("[{label}:v1:{}]", URL_SAFE_NO_PAD.encode(sealed))
    }
}
