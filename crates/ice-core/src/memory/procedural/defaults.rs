//! Procedures to begin with.

use super::ProceduralMemory;
use crate::memory::working::key_of;
use crate::memory::{Kind, MemoryError, Procedure};
use crate::value::Value;

/// Three procedures of a market place with their keys, for whoever wants to begin with them.
#[must_use]
pub fn default_procedures() -> Vec<(&'static str, Procedure)> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let steps = |steps: &[(&str, &str)]| {
        let step = |(action, template): &(&str, &str)| {
            Value::map([("action", Value::from(*action)), ("template", Value::from(*template))])
        };
        steps.iter().map(step).collect::<Vec<_>>()
    };
    vec![
        (
            "negotiation_standard",
            Procedure {
                name: "Standard negotiation".to_owned(),
                category: "negotiation".to_owned(),
                procedure_type: "strategy".to_owned(),
                domain: "marketplace".to_owned(),
                steps: steps(&[
                    ("acknowledge", "Thank you for your offer of {{ offer }}."),
                    ("counter", "I could let it go for {{ counter_offer }}."),
                    ("close", "Shall we settle on that?"),
                ]),
                contexts: words(&["negotiation", "price_inquiry"]),
                prerequisites: words(&["offer"]),
                success_rate: 0.65,
                ..Procedure::default()
            },
        ),
        (
            "response_availability_positive",
            Procedure {
                name: "Say that something is available".to_owned(),
                category: "response".to_owned(),
                procedure_type: "template".to_owned(),
                domain: "marketplace".to_owned(),
                steps: steps(&[(
                    "answer",
                    "Yes, {{ item }} is still available. When would you like to see it?",
                )]),
                contexts: words(&["availability_inquiry"]),
                prerequisites: words(&["item"]),
                success_rate: 0.8,
                ..Procedure::default()
            },
        ),
        (
            "closing_sequence_standard",
            Procedure {
                name: "Standard closing".to_owned(),
                category: "closing".to_owned(),
                procedure_type: "sequence".to_owned(),
                domain: "marketplace".to_owned(),
                steps: steps(&[
                    ("confirm", "So we agree on {{ price }} for {{ item }}."),
                    ("arrange", "Where and when shall we meet?"),
                    ("remind", "See you then. Please bring {{ price }}."),
                ]),
                contexts: words(&["closing", "agreement"]),
                prerequisites: words(&["price", "item"]),
                success_rate: 0.85,
                ..Procedure::default()
            },
        ),
    ]
}

impl ProceduralMemory {
    /// Remembers the default procedures whose keys stand for nothing yet; says how many.
    ///
    /// # Errors
    /// As [`Memory::remember`](crate::memory::Memory::remember).
    pub async fn load_defaults(&self) -> Result<usize, MemoryError> {
        let mut loaded = 0;
        for (key, procedure) in default_procedures() {
            if self.memory.get(&self.scope, Kind::Procedural, &key_of(key)?).await?.is_none() {
                self.store(key, procedure).await?;
                loaded += 1;
            }
        }
        Ok(loaded)
    }
}
