//! How much counts besides how well an entry fits.

use std::time::Duration;

use crate::memory::{Decay, Detail, Entry};
use crate::time::Moment;

/// The uses of a procedure from which on its use counts in full.
const FULL_USE: f64 = 100.0;

/// How much counts besides how well an entry fits. What is found is multiplied by a factor for each; with all of them at 0, only
/// the fit counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// How sure a fact is: its confidence c gives 1 - w + w c. 0 to 1, 0.5 if nobody says.
    pub confidence: f64,
    /// How much an entry matters: its importance i, as far as it has not faded, gives 1 + w (i - 1) / 9. 0 to 1, 0.5 if nobody says.
    pub importance: f64,
    /// How importance fades; it does not if absent.
    pub decay: Option<Decay>,
    /// How long ago an episode was, or working memory was written: with age a and half-life h, 1 - w + w 2^(-a / h). 0 to 1, 0.5
    /// if nobody says.
    pub recency: f64,
    /// The half-life: 7 days if nobody says.
    pub half_life: Duration,
    /// How well a procedure has done: its success rate s and uses u give 1 - w + w (0.7 s + min(u / 100, 0.3)). 0 to 1, 0.5 if
    /// nobody says.
    pub success: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            confidence: 0.5,
            importance: 0.5,
            decay: Some(Decay::default()),
            recency: 0.5,
            half_life: Duration::from_secs(7 * 24 * 3_600),
            success: 0.5,
        }
    }
}

impl Weights {
    /// Nothing but how well an entry fits.
    pub const FIT: Self = Self {
        confidence: 0.0,
        importance: 0.0,
        decay: None,
        recency: 0.0,
        half_life: Duration::MAX,
        success: 0.0,
    };

    /// The factor of an entry, above 0.
    #[must_use]
    pub fn factor(&self, entry: &Entry, now: Moment) -> f64 {
        let weight = |weight: f64| if weight.is_finite() { weight.clamp(0.0, 1.0) } else { 0.0 };
        let part = |w: f64, share: f64| 1.0 - weight(w) + weight(w) * share;
        let own = match &entry.detail {
            Detail::Semantic(fact) => part(self.confidence, fact.confidence),
            Detail::Procedural(procedure) => {
                let use_share = (procedure.usage_count as f64 / FULL_USE).min(0.3);
                part(self.success, 0.7 * procedure.success_rate + use_share)
            }
            Detail::Episodic(_) | Detail::Working(_) => {
                let half_lives =
                    now.since(entry.time()).as_secs_f64() / self.half_life.as_secs_f64().max(1.0);
                part(self.recency, (-half_lives).exp2())
            }
        };
        let importance = self.decay.map_or(entry.importance, |decay| decay.importance(entry, now));
        let importance = 1.0 + weight(self.importance) * (importance - 1.0) / 9.0;
        (own * importance).max(f64::MIN_POSITIVE)
    }
}
