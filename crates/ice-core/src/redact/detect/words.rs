//! The words and prefixes at which detectors look closer, all in one table.

use super::key::{SHAPES, Shape};
use super::{address, birth, name, password, pem};
use crate::redact::Kind;

/// What is looked for where a literal stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::redact) enum Trigger {
    Key(&'static Shape),
    Telegram,
    Pem,
    Age,
    Token,
    Url,
    Password(password::Cue),
    Birth,
    Address(address::Cue),
    Name(name::Cue),
}

impl Trigger {
    /// The kind that is found so.
    pub(in crate::redact) const fn kind(self) -> Kind {
        match self {
            Self::Key(_) | Self::Telegram => Kind::ApiKey,
            Self::Pem | Self::Age => Kind::PrivateKey,
            Self::Token => Kind::Jwt,
            Self::Url => Kind::UrlCredentials,
            Self::Password(_) => Kind::Password,
            Self::Birth => Kind::BirthDate,
            Self::Address(_) => Kind::Address,
            Self::Name(_) => Kind::Name,
        }
    }
}

/// Every literal with what it triggers.
pub(in crate::redact) fn literals() -> impl Iterator<Item = (&'static str, Trigger)> {
    let fixed = [
        (pem::BEGIN, Trigger::Pem),
        ("AGE-SECRET-KEY-1", Trigger::Age),
        ("eyJ", Trigger::Token),
        ("://", Trigger::Url),
        (":AA", Trigger::Telegram),
    ];
    let keys = SHAPES.iter().map(|shape| (shape.prefix, Trigger::Key(shape)));
    let passwords = password::CUES.iter().map(|(word, cue)| (*word, Trigger::Password(*cue)));
    let births = birth::CUES.iter().map(|word| (*word, Trigger::Birth));
    let addresses = address::CUES.iter().map(|(word, cue)| (*word, Trigger::Address(*cue)));
    let names = name::CUES.iter().map(|(word, cue)| (*word, Trigger::Name(*cue)));
    fixed.into_iter().chain(keys).chain(passwords).chain(births).chain(addresses).chain(names)
}
