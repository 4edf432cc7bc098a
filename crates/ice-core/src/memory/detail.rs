//! What is known of an entry beside its content, by kind.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Kind;
use crate::time::Moment;
use crate::value::{Map, Value};

/// What is known of an entry beside its content. Says of which kind the entry is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// Of what is at hand.
    Working(Working),
    /// Of what happened.
    Episodic(Episode),
    /// Of what is known.
    Semantic(Fact),
    /// Of how something is done.
    Procedural(Procedure),
}

impl Detail {
    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Working(_) => Kind::Working,
            Self::Episodic(_) => Kind::Episodic,
            Self::Semantic(_) => Kind::Semantic,
            Self::Procedural(_) => Kind::Procedural,
        }
    }

    /// When the entry ends by itself.
    #[must_use]
    pub const fn expires(&self) -> Option<Moment> {
        match self {
            Self::Working(working) => working.expires,
            Self::Episodic(episode) => episode.expires,
            Self::Semantic(_) | Self::Procedural(_) => None,
        }
    }
}

/// Of what is at hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Working {
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
    /// When it was used last, in microseconds since the epoch; the table sets it, and makes it ascend.
    #[serde(default)]
    pub used: u64,
}

/// Of what happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Episode {
    /// When it happened; the time of writing if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// What it was, for example `conversation`.
    pub episode_type: String,
    /// Who took part. They count as subjects.
    #[serde(default)]
    pub participants: Vec<String>,
    /// How it ended, for example `success`, or `ongoing`.
    pub outcome: String,
    /// How it felt, for example `positive`.
    pub sentiment: String,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Moment>,
}

impl Default for Episode {
    /// An ongoing, neutral conversation of nobody.
    fn default() -> Self {
        Self {
            at: None,
            episode_type: "conversation".to_owned(),
            participants: Vec::new(),
            outcome: "ongoing".to_owned(),
            sentiment: "neutral".to_owned(),
            expires: None,
        }
    }
}

/// When something is true in the world; open ends are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// From this moment on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// Up to before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
}

impl Validity {
    /// Whether something is true at a moment.
    #[must_use]
    pub fn covers(&self, moment: Moment) -> bool {
        self.from.is_none_or(|from| from <= moment) && self.until.is_none_or(|until| moment < until)
    }
}

/// How the things a fact is about are related to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Relationship {
    /// The relation, for example `sells`.
    #[serde(rename = "type")]
    pub relation: String,
    /// The other thing.
    pub target: String,
    /// How strong it is, from 0 to 1.
    #[serde(default = "one")]
    pub strength: f64,
}

/// Of what is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What sort of fact it is.
    pub fact_type: String,
    /// The field it belongs to.
    pub domain: String,
    /// The things it is about.
    #[serde(default)]
    pub entities: Vec<String>,
    /// How these are related to others.
    #[serde(default)]
    pub relationships: Vec<Relationship>,
    /// How sure it is, from 0 to 1.
    #[serde(default = "one")]
    pub confidence: f64,
    /// When it is true in the world.
    #[serde(default)]
    pub valid: Validity,
}

impl Default for Fact {
    /// A certain fact of the type and domain `general`, about nothing.
    fn default() -> Self {
        Self {
            fact_type: "general".to_owned(),
            domain: "general".to_owned(),
            entities: Vec::new(),
            relationships: Vec::new(),
            confidence: 1.0,
            valid: Validity::default(),
        }
    }
}

const fn one() -> f64 {
    1.0
}

/// How a procedure went once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// When.
    pub at: Moment,
    /// How well it went, from 0 to 1.
    pub success_score: f64,
    /// What else was said of it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schemars(with = "serde_json::Value")]
    pub note: Value,
}

/// Of how something is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Procedure {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub category: String,
    /// What sort of procedure it is.
    pub procedure_type: String,
    /// The field it belongs to.
    pub domain: String,
    /// What is done, in this order.
    #[serde(default)]
    #[schemars(with = "Vec<serde_json::Value>")]
    pub steps: Vec<Value>,
    /// Where it fits: types of contexts.
    #[serde(default)]
    pub contexts: Vec<String>,
    /// What must be given: fields of the context that must be neither absent, false, zero nor empty.
    #[serde(default)]
    pub prerequisites: Vec<String>,
    /// When it fits: what fields of the context must be, a value or a range `[low, high]`.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub applicable_when: Map,
    /// How often it succeeds, from 0 to 1.
    pub success_rate: f64,
    /// How often it was used.
    #[serde(default)]
    pub usage_count: u64,
    /// How it went lately, the oldest first; at most [`Procedure::MAX_OUTCOMES`].
    #[serde(default)]
    pub outcomes: Vec<Outcome>,
    /// When it was used last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Moment>,
    /// When what was learned changed it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<Moment>,
    /// How often what was learned changed it.
    #[serde(default)]
    pub modification_count: u64,
}

impl Procedure {
    /// The most outcomes that are kept. An outcome weighs half of the one after it, so that older ones weigh nothing.
    pub const MAX_OUTCOMES: usize = 64;
}

impl Default for Procedure {
    /// A procedure without a name and steps, of the category, type and domain `general`, that succeeds every other time.
    fn default() -> Self {
        Self {
            name: String::new(),
            category: "general".to_owned(),
            procedure_type: "general".to_owned(),
            domain: "general".to_owned(),
            steps: Vec::new(),
            contexts: Vec::new(),
            prerequisites: Vec::new(),
            applicable_when: Map::default(),
            success_rate: 0.5,
            usage_count: 0,
            outcomes: Vec::new(),
            last_used: None,
            last_modified: None,
            modification_count: 0,
        }
    }
}
