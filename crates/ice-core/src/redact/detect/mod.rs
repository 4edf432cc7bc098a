//! The detectors: each finds one kind, from a place at which it may stand. Together they take time that is linear in the text:
//! from each place a detector looks at a bounded number of bytes, or at bytes at which it does not look again.

pub(super) mod address;
pub(super) mod birth;
pub(super) mod email;
pub(super) mod iban;
pub(super) mod ip;
pub(super) mod key;
pub(super) mod name;
pub(super) mod national;
pub(super) mod number;
pub(super) mod password;
pub(super) mod pem;
pub(super) mod phone;
pub(super) mod token;
pub(super) mod url;
pub(super) mod words;

mod card;
mod date;
