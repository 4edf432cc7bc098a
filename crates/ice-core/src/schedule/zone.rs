//! Time zones by their names in the IANA database. The database is part of the program: what a schedule means does not
//! depend on the machine.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::near::{did_you_mean, nearest};

/// A time zone.
#[derive(Clone, PartialEq, Eq)]
pub struct Zone {
    name: Arc<str>,
    pub(super) rules: TimeZone,
}

/// A name that no time zone has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is no time zone{}", .advice.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default())]
pub struct UnknownZone {
    /// The name, at most 60 characters of it.
    pub name: String,
    /// What to write.
    pub advice: Option<String>,
}

impl Default for Zone {
    fn default() -> Self {
        Self { name: Arc::from("UTC"), rules: TimeZone::UTC }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(text: &str) -> Result<Self, UnknownZone> {
        if text.eq_ignore_ascii_case("utc") {
            return Ok(Self::default());
        }
        let database = TimeZoneDatabase::bundled();
        let found = if text.is_empty() || text.len() > 64 { None } else { database.get(text).ok() };
        if let Some(rules) = found {
            // As the database writes it, whatever the case it was written in.
            let name = Arc::from(rules.iana_name().unwrap_or(text));
            return Ok(Self { name, rules });
        }
        let names: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
        let city = |name: &String| name.rsplit('/').next().unwrap_or_default().to_owned();
        let cities: Vec<String> = names.iter().map(city).collect();
        let near = cities.iter().find(|city| city.eq_ignore_ascii_case(text)).map(String::as_str);
        let near = near.or_else(|| nearest(text, cities.iter().map(String::as_str)));
        let of_city = names.iter().zip(&cities).find(|(_, city)| Some(city.as_str()) == near);
        let advice = match of_city {
            Some((name, _)) => Some(format!("did you mean `{name}`?")),
            None => did_you_mean(text, names.iter().map(String::as_str)),
        };
        Err(UnknownZone {
            name: text.chars().take(60).collect(),
            advice: Some(
                advice.unwrap_or_else(|| "write it as the IANA database does: `Europe/Oslo`".to_owned()),
            ),
        })
    }
}

impl Serialize for Zone {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Zone {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Zone".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A time zone by its name in the IANA database.",
            "examples": ["UTC", "Europe/Oslo"]
        })
    }
}
