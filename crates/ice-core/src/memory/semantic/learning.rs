//! Facts that are learned from what happened.

use super::facade::SemanticMemory;
use crate::memory::{Entry, Fact, MemoryError, Write};
use crate::value::{Map, Value};

/// How sure a price pattern is.
const PRICE_CONFIDENCE: f64 = 0.8;
/// How sure a preference of a customer is.
const PREFERENCE_CONFIDENCE: f64 = 0.9;

impl SemanticMemory {
    /// Learns from an interaction: a price pattern of the domain `marketplace`, if it has a `sale_price` and an
    /// `item_condition`; a preference of the domain `customers`, if it has a `customer_id` and a `preference`. The same
    /// interaction again supersedes what it taught.
    ///
    /// # Errors
    /// As [`Memory::remember`](crate::memory::Memory::remember).
    pub async fn learn_from_interaction(&self, interaction: &Map) -> Result<Vec<Entry>, MemoryError> {
        let mut learned = Vec::new();
        let field = |name: &str| interaction.get(name).filter(|value| !value.is_null()).cloned();
        if let (Some(price), Some(condition)) = (field("sale_price"), field("item_condition")) {
            let item = field("item").or_else(|| field("item_type"));
            let mut content = vec![("sale_price", price), ("item_condition", condition.clone())];
            content.extend(item.clone().map(|item| ("item", item)));
            let fact = Fact {
                fact_type: "pricing_pattern".to_owned(),
                domain: "marketplace".to_owned(),
                entities: item.iter().chain([&condition]).filter_map(named).collect(),
                confidence: PRICE_CONFIDENCE,
                ..Fact::default()
            };
            learned.push(self.learned("pricing", Value::map(content), fact).await?);
        }
        if let (Some(customer), Some(preference)) =
            (field("customer_id"), field("preference").or_else(|| field("customer_preference")))
        {
            let content = Value::map([("customer_id", customer.clone()), ("preference", preference)]);
            let fact = Fact {
                fact_type: "customer_preference".to_owned(),
                domain: "customers".to_owned(),
                entities: named(&customer).into_iter().collect(),
                confidence: PREFERENCE_CONFIDENCE,
                ..Fact::default()
            };
            learned.push(self.learned("preference", content, fact).await?);
        }
        Ok(learned)
    }

    async fn learned(&self, sort: &str, content: Value, fact: Fact) -> Result<Entry, MemoryError> {
        // The same content has the same key, in whatever process.
        let hash = crate::value::BlobHash::of(content.to_string().as_bytes()).to_string();
        let key = crate::memory::working::key_of(&format!("{sort}:{}", hash.get(..32).unwrap_or_default()))?;
        let mut write = Write::fact(content, fact).scope(self.scope.clone()).key(key);
        write.source.source = "interaction".to_owned();
        self.memory.remember(write).await
    }
}

/// A value as the name of a thing.
fn named(value: &Value) -> Option<String> {
    let name = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    crate::memory::write::word("a name", &name).is_ok().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{AsOf, Filter, Memory, MemoryKey, MemoryOptions, Relationship, Scope};

    async fn memory() -> SemanticMemory {
        SemanticMemory::new(Memory::open(MemoryOptions::in_memory()).await.unwrap(), Scope::default())
    }

    fn metadata(json: &str) -> Map {
        serde_json::from_str::<Value>(json).unwrap().as_map().unwrap().clone()
    }

    fn relates(entity: &str, relation: &str, target: &str, strength: f64) -> Fact {
        let relationship =
            Relationship { relation: relation.to_owned(), target: target.to_owned(), strength };
        Fact { entities: vec![entity.to_owned()], relationships: vec![relationship], ..Fact::default() }
    }

    #[tokio::test]
    async fn the_graph_is_walked_in_both_directions_up_to_a_depth() {
        let semantic = memory().await;
        for (entity, relation, target, strength) in [
            ("Ada", "sells", "bicycles", 0.9),
            ("Ada", "sells", "bicycles", 0.4),
            ("Bob", "buys", "bicycles", 0.7),
            ("Bob", "knows", "Eve", 0.5),
            ("Eve", "lives in", "Paris", 1.0),
        ] {
            let fact = relates(entity, relation, target, strength);
            semantic.learn(format!("{entity} {relation} {target}"), fact).await.unwrap();
        }
        let related = semantic.find_related("bicycles", None, 10).await.unwrap();
        let names: Vec<(&str, &str, bool)> = related
            .iter()
            .map(|found| (found.entity.as_str(), found.relation.as_str(), found.is_incoming))
            .collect();
        assert_eq!(names, [("Ada", "sells", true), ("Bob", "buys", true)]);
        assert_eq!(semantic.find_related("bicycles", Some("buys"), 10).await.unwrap().len(), 1);
        assert_eq!(semantic.find_related("Bob", None, 1).await.unwrap()[0].entity, "bicycles");
        let graph = semantic.knowledge_graph("Ada", 2).await.unwrap();
        let nodes: Vec<(&str, usize)> =
            graph.nodes.iter().map(|node| (node.entity.as_str(), node.depth)).collect();
        assert_eq!(nodes, [("Ada", 0), ("bicycles", 1), ("Bob", 2)]);
        let edges: Vec<(&str, &str, f64)> = graph
            .edges
            .iter()
            .map(|edge| (edge.source.as_str(), edge.target.as_str(), edge.strength))
            .collect();
        assert_eq!(edges, [("Ada", "bicycles", 0.9), ("Bob", "bicycles", 0.7)]);
        assert_eq!(graph.nodes[0].facts, ["Ada sells bicycles", "Ada sells bicycles"]);
        assert_eq!(semantic.knowledge_graph("Ada", 9).await.unwrap_err().code().name(), "MEMORY_INVALID");
        assert_eq!(semantic.list_relationship_types().await.unwrap(), ["buys", "knows", "lives in", "sells"]);
        assert_eq!(semantic.relationships_by_type("sells").await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn facts_that_are_merged_give_way_to_one_and_stay_readable_as_of_then() {
        let semantic = memory().await;
        let key = |key: &str| MemoryKey::new(key).unwrap();
        semantic
            .store("a", "red", metadata(r#"{"entities":["rose"],"confidence":0.6,"domain":"garden"}"#))
            .await
            .unwrap();
        let last = semantic
            .store("b", "thorny", metadata(r#"{"entities":["rose","thorn"],"domain":"garden"}"#))
            .await
            .unwrap();
        let merged = semantic.merge_facts(&[key("a"), key("b")], key("rose")).await.unwrap();
        let fact = super::super::fact(&merged).unwrap();
        assert_eq!((fact.entities.len(), fact.confidence, fact.domain.as_str()), (2, 0.6, "garden"));
        assert_eq!(merged.content.get("merged_from").unwrap().to_string(), r#"["a","b"]"#);
        let listed = semantic.list(Filter::default(), 10).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&merged));
        assert_eq!(semantic.retrieve("a", AsOf::NOW).await.unwrap(), None);
        let before = semantic.memory.by_id(last.id).await.unwrap().unwrap();
        assert_eq!(before.superseded_by, Some(merged.id));
        let missing = semantic.merge_facts(&[key("a"), key("rose")], key("x")).await.unwrap_err();
        assert_eq!(missing.code().name(), "MEMORY_NOT_FOUND");
    }

    #[tokio::test]
    async fn interactions_teach_prices_and_preferences() {
        let semantic = memory().await;
        let interaction = r#"{"sale_price":120,"item_condition":"used","item":"bicycle","customer_id":"c1","preference":"red"}"#;
        for _ in 0..2 {
            assert_eq!(semantic.learn_from_interaction(&metadata(interaction)).await.unwrap().len(), 2);
        }
        assert_eq!(semantic.learn_from_interaction(&metadata(r#"{"sale_price":3}"#)).await.unwrap(), []);
        assert_eq!(semantic.list_domains().await.unwrap(), ["customers", "marketplace"]);
        let prices = semantic.domain_knowledge("marketplace", Some("pricing_pattern")).await.unwrap();
        assert_eq!((prices.len(), super::super::fact(&prices[0]).unwrap().confidence), (1, 0.8));
        assert_eq!(semantic.entities_by_domain("marketplace").await.unwrap(), ["bicycle", "used"]);
        assert_eq!(semantic.facts_for_entity_in_domain("customers", "c1").await.unwrap().len(), 1);
        let sure = Filter { min_confidence: Some(0.85), ..Filter::default() };
        assert_eq!(semantic.list(sure, 10).await.unwrap().len(), 1);
    }
}
