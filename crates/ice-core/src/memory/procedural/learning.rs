//! Changes procedures by how they went.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ProceduralMemory;
use crate::memory::working::key_of;
use crate::memory::{Detail, Entry, Kind, MemoryError, Outcome, Procedure};
use crate::time::Moment;
use crate::value::{Map, Value};

/// How a procedure went, and what was learned of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// How well it went, from 0 to 1.
    #[serde(default = "half")]
    pub success_score: f64,
    /// Better templates for steps, by the number of the step, from 0.
    #[serde(default)]
    pub template_improvements: BTreeMap<usize, Value>,
    /// Conditions that are added to those under which it fits, or take their place.
    #[serde(default)]
    pub condition_adjustments: Map,
    /// What else is to be kept of it.
    #[serde(default)]
    pub note: Value,
}

const fn half() -> f64 {
    0.5
}

impl Default for Execution {
    /// It went neither well nor badly, and nothing was learned.
    fn default() -> Self {
        Self {
            success_score: half(),
            template_improvements: BTreeMap::new(),
            condition_adjustments: Map::default(),
            note: Value::Null,
        }
    }
}

/// The mean of some scores, the newest last, each of which weighs half of the one after it. Nothing for none.
#[must_use]
pub fn success_rate(outcomes: &[Outcome]) -> Option<f64> {
    let mut weight = 1.0;
    let (mut sum, mut weights) = (0.0, 0.0);
    for outcome in outcomes.iter().rev() {
        sum += outcome.success_score * weight;
        weights += weight;
        weight /= 2.0;
    }
    (weights > 0.0).then(|| sum / weights)
}

impl ProceduralMemory {
    /// Notes how a procedure went. From the second time on its success rate is that of what was noted
    /// ([`success_rate`]); the first leaves the rate it was given. What was learned changes its steps and conditions.
    /// Two that note at the same time are both counted.
    ///
    /// # Errors
    /// [`MemoryError::NotFound`], [`MemoryError::Invalid`] if the score is not between 0 and 1 or a step is not there, or as
    /// [`Memory::remember`](crate::memory::Memory::remember).
    pub async fn record_execution(&self, key: &str, execution: Execution) -> Result<Entry, MemoryError> {
        let change = move |detail: &mut Detail, now: Moment| match detail {
            Detail::Procedural(procedure) => learn(procedure, &execution, now),
            Detail::Working(_) | Detail::Episodic(_) | Detail::Semantic(_) => Ok(()),
        };
        self.memory.amend(&self.scope, Kind::Procedural, &key_of(key)?, change).await
    }
}

fn learn(procedure: &mut Procedure, execution: &Execution, now: Moment) -> Result<(), MemoryError> {
    let (at, success_score, note) = (now, execution.success_score, execution.note.clone());
    procedure.usage_count += 1;
    procedure.last_used = Some(now);
    procedure.outcomes.push(Outcome { at, success_score, note });
    if procedure.outcomes.len() > 1
        && let Some(rate) = success_rate(&procedure.outcomes)
    {
        procedure.success_rate = rate;
    }
    if execution.template_improvements.is_empty() && execution.condition_adjustments.is_empty() {
        return Ok(());
    }
    for (number, template) in &execution.template_improvements {
        let steps = procedure.steps.len();
        let Some(step) = procedure.steps.get_mut(*number) else {
            let problem = format!("there is no step {number}, the procedure has {steps}");
            return Err(MemoryError::invalid("an improved template", problem));
        };
        let mut improved = step.as_map().cloned().unwrap_or_default();
        if improved.is_empty() && !step.is_null() {
            improved.insert("action".into(), step.clone());
        }
        improved.insert("template".into(), template.clone());
        *step = Value::from(improved);
    }
    for (name, condition) in execution.condition_adjustments.iter() {
        procedure.applicable_when.insert(name.clone(), condition.clone());
    }
    procedure.last_modified = Some(now);
    procedure.modification_count += 1;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::procedural::{MIN_USES, default_procedures};
    use crate::memory::{Filter, Memory, MemoryKey, MemoryOptions, Scope};

    async fn memory() -> ProceduralMemory {
        ProceduralMemory::new(Memory::open(MemoryOptions::in_memory()).await.unwrap(), Scope::default())
    }

    fn named(name: &str, rate: f64) -> Procedure {
        Procedure { name: name.to_owned(), success_rate: rate, ..Procedure::default() }
    }

    fn scored(success_score: f64) -> Execution {
        Execution { success_score, ..Execution::default() }
    }

    fn map(json: &str) -> Map {
        serde_json::from_str::<Value>(json).unwrap().as_map().unwrap().clone()
    }

    fn names(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.key.as_str()).collect()
    }

    #[tokio::test]
    async fn each_run_weighs_half_of_the_next_and_the_first_leaves_the_rate() {
        let procedural = memory().await;
        procedural.store("p", named("P", 0.65)).await.unwrap();
        let rate = |entry: &Entry| procedural.success_rate_of(entry);
        assert_eq!(rate(&procedural.record_execution("p", scored(0.1)).await.unwrap()), 0.65);
        let second = procedural.record_execution("p", scored(1.0)).await.unwrap();
        assert!((rate(&second) - (1.0 + 0.1 * 0.5) / 1.5).abs() < 1e-12);
        let third = procedural.record_execution("p", scored(0.0)).await.unwrap();
        assert!((rate(&third) - (0.0 + 0.5 + 0.025) / 1.75).abs() < 1e-12);
        let Detail::Procedural(procedure) = &third.detail else { panic!("{third:?}") };
        assert_eq!(
            (procedure.usage_count, procedure.outcomes.len(), procedure.modification_count),
            (3, 3, 0)
        );
        let error = procedural.record_execution("p", scored(1.5)).await.unwrap_err();
        assert_eq!(error.code().name(), "MEMORY_INVALID");
        let missing = procedural.record_execution("q", scored(1.0)).await.unwrap_err();
        assert_eq!(missing.to_string(), "there is no procedural entry `q` in the scope default");
    }

    #[tokio::test]
    async fn what_was_learned_changes_steps_and_conditions() {
        let procedural = memory().await;
        let steps = vec![Value::from("greet"), Value::map([("template", Value::from("Buy!"))])];
        procedural.store("p", Procedure { steps, ..named("P", 0.5) }).await.unwrap();
        let execution = Execution {
            template_improvements: [(0, Value::from("Hello")), (1, Value::from("Please buy."))].into(),
            condition_adjustments: map(r#"{"price":[10,20]}"#),
            ..scored(1.0)
        };
        let learned = procedural.record_execution("p", execution.clone()).await.unwrap();
        let Detail::Procedural(procedure) = &learned.detail else { panic!("{learned:?}") };
        assert_eq!(
            Value::list(procedure.steps.iter().cloned()).to_string(),
            r#"[{"action":"greet","template":"Hello"},{"template":"Please buy."}]"#
        );
        assert_eq!(
            (procedure.applicable_when.clone(), procedure.modification_count),
            (map(r#"{"price":[10,20]}"#), 1)
        );
        let beyond = Execution { template_improvements: [(2, Value::Null)].into(), ..execution };
        assert!(procedural.record_execution("p", beyond).await.is_err());
        let composite =
            procedural.create_composite_procedure(&[MemoryKey::new("p").unwrap()], "c", "C").await.unwrap();
        let Detail::Procedural(composite) = &composite.detail else { panic!("{composite:?}") };
        assert_eq!(
            Value::list(composite.steps.iter().cloned()).to_string(),
            r#"[{"use_template":"Hello"},{"use_template":"Please buy."}]"#
        );
        assert_eq!(composite.category, "composite");
    }

    #[tokio::test]
    async fn the_best_were_used_often_enough_or_are_the_best_three() {
        let procedural = memory().await;
        for (key, rate) in [("a", 0.7), ("b", 0.9), ("c", 0.8), ("d", 0.65), ("e", 0.5)] {
            procedural.store(key, named(key, rate)).await.unwrap();
        }
        assert_eq!(names(&procedural.best_procedures("general", 0.6).await.unwrap()), ["b", "c", "a"]);
        for _ in 0..MIN_USES {
            procedural.record_execution("d", scored(0.75)).await.unwrap();
        }
        assert_eq!(names(&procedural.best_procedures("general", 0.6).await.unwrap()), ["d"]);
        assert_eq!(names(&procedural.export_successful_procedures(0.7, 5).await.unwrap()), ["d"]);
        assert_eq!(procedural.export_successful_procedures(0.7, 10).await.unwrap(), []);
        let found = procedural.search("", 2, Filter::default()).await.unwrap();
        assert_eq!(found.iter().map(|(entry, _)| entry.key.as_str()).collect::<Vec<_>>(), ["b", "d"]);
        assert!((found[1].1 - (0.75 * 0.7 + 0.05)).abs() < 1e-12);
        let metrics = procedural.category_metrics().await.unwrap()["general"];
        assert_eq!((metrics.procedures, metrics.usage_count), (5, 5));
    }

    #[tokio::test]
    async fn procedures_fit_by_context_prerequisites_and_conditions() {
        let procedural = memory().await;
        let (contexts, prerequisites) = (vec!["negotiation".to_owned()], vec!["price".to_owned()]);
        let applicable_when = map(r#"{"price":[10,20],"colour":"red"}"#);
        procedural
            .store("p", Procedure { contexts, prerequisites, applicable_when, ..named("P", 0.5) })
            .await
            .unwrap();
        for (context, fits) in [
            (r#"{"type":"negotiation","price":10}"#, true),
            (r#"{"price":20,"colour":"red"}"#, true),
            (r#"{"price":20.5}"#, false),
            (r#"{"price":15,"colour":"blue"}"#, false),
            (r#"{"type":"support","price":15}"#, false),
            (r#"{"type":"negotiation"}"#, false),
            (r#"{"price":0}"#, false),
        ] {
            let found = procedural.find_applicable_procedures(&map(context), None).await.unwrap();
            assert_eq!(!found.is_empty(), fits, "{context}");
        }
    }

    #[tokio::test]
    async fn the_default_procedures_are_loaded_once() {
        let procedural = memory().await;
        assert_eq!(procedural.load_defaults().await.unwrap(), default_procedures().len());
        procedural.record_execution("negotiation_standard", scored(1.0)).await.unwrap();
        assert_eq!(procedural.load_defaults().await.unwrap(), 0);
        let rates: Vec<f64> =
            default_procedures().iter().map(|(_, procedure)| procedure.success_rate).collect();
        assert_eq!(rates, [0.65, 0.8, 0.85]);
        assert_eq!(procedural.list(Filter::default(), 10).await.unwrap().len(), 3);
        assert_eq!(procedural.list_categories().await.unwrap().len(), 3);
    }
}
