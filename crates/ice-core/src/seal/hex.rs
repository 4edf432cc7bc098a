//! Keys as texts, in the form in which people keep them in files and variables.

use zeroize::Zeroizing;

use super::SecretKey;

/// Why a text is no key. It repeats nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyText {
    /// It has another length.
    #[error("a key is written as 64 hexadecimal digits; this text has {found} characters")]
    Length {
        /// How many characters it has, without white space around them.
        found: usize,
    },
    /// It has other characters.
    #[error("a key is written as 64 hexadecimal digits; character {at} of this text is none")]
    Digit {
        /// Which one, from 1.
        at: usize,
    },
}

impl SecretKey {
    /// The key as 64 hexadecimal digits: whoever has them has the key.
    ///
    /// ```
    /// use ice_core::seal::{SecretKey, SystemEntropy};
    ///
    /// let key = SecretKey::generate(&SystemEntropy).unwrap();
    /// let text = key.to_hex();
    /// assert_eq!(SecretKey::from_hex(&text).unwrap().to_hex(), text);
    /// ```
    #[must_use]
    pub fn to_hex(&self) -> String {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
        self.bytes().iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
    }

    /// The key that 64 hexadecimal digits stand for; white space around them does not count.
    ///
    /// # Errors
    /// [`InvalidKeyText`].
    pub fn from_hex(text: &str) -> Result<Self, InvalidKeyText> {
        let text = text.trim();
        let found = text.chars().count();
        if found != 2 * Self::BYTES {
            return Err(InvalidKeyText::Length { found });
        }
        let mut bytes = Zeroizing::new([0_u8; Self::BYTES]);
        for (index, digit) in text.chars().enumerate() {
            let digit = digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            let digit = digit.ok_or(InvalidKeyText::Digit { at: index + 1 })?;
            if let Some(byte) = bytes.get_mut(index / 2) {
                *byte = (*byte << 4) | digit;
            }
        }
        Ok(Self::from_bytes(&mut bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_text_of_64_digits_is_a_key() {
        let text = "00ff".repeat(16);
        assert_eq!(SecretKey::from_hex(&format!(" {}\n", text.to_uppercase())).unwrap().to_hex(), text);
        let check = |text: &str, expected| assert_eq!(SecretKey::from_hex(text).unwrap_err(), expected);
        check("", InvalidKeyText::Length { found: 0 });
        check(&"é".repeat(63), InvalidKeyText::Length { found: 63 });
        check(&"é".repeat(64), InvalidKeyText::Digit { at: 1 });
        check(&text.replace('f', "g"), InvalidKeyText::Digit { at: 3 });
    }
}
