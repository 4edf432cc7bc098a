//! What kinds of things are found, in the order of their precedence.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of thing that a policy rules on. The order is that of precedence: where findings overlap, the kind that stands first
/// gives its name to the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A text that is known to be secret.
    Secret,
    /// A private key in PEM or as `age` writes it.
    PrivateKey,
    /// A JSON web token.
    Jwt,
    /// A key or token in the format of a service.
    ApiKey,
    /// What a pattern of the policy's own matches.
    Custom,
    /// User and password in a URL.
    UrlCredentials,
    /// A password or token, by the words around it.
    Password,
    /// An e-mail address.
    Email,
    /// An international bank account number.
    Iban,
    /// The number of a payment card.
    Card,
    /// A number by which a state knows a person.
    NationalId,
    /// An IP address, version 4 or 6.
    Ip,
    /// A date of birth, by the words around it.
    BirthDate,
    /// A telephone number.
    Phone,
    /// The address of a house, a flat or a post box.
    Address,
    /// The name of a person, by the words around it.
    Name,
}

impl Kind {
    /// Every kind, in the order of precedence.
    pub const ALL: [Self; 16] = [
        Self::Secret,
        Self::PrivateKey,
        Self::Jwt,
        Self::ApiKey,
        Self::Custom,
        Self::UrlCredentials,
        Self::Password,
        Self::Email,
        Self::Iban,
        Self::Card,
        Self::NationalId,
        Self::Ip,
        Self::BirthDate,
        Self::Phone,
        Self::Address,
        Self::Name,
    ];

    /// The name, as in policies and in what stands for something that was redacted.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::PrivateKey => "private_key",
            Self::Jwt => "jwt",
            Self::ApiKey => "api_key",
            Self::Custom => "custom",
            Self::UrlCredentials => "url_credentials",
            Self::Password => "password",
            Self::Email => "email",
            Self::Iban => "iban",
            Self::Card => "card",
            Self::NationalId => "national_id",
            Self::Ip => "ip",
            Self::BirthDate => "birth_date",
            Self::Phone => "phone",
            Self::Address => "address",
            Self::Name => "name",
        }
    }

    /// Whether it is a secret of a system rather than something about a person.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        match self {
            Self::Secret | Self::PrivateKey | Self::Jwt | Self::ApiKey | Self::UrlCredentials => true,
            Self::Custom
            | Self::Password
            | Self::Email
            | Self::Iban
            | Self::Card
            | Self::NationalId
            | Self::Ip
            | Self::BirthDate
            | Self::Phone
            | Self::Address
            | Self::Name => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
