use proptest::prelude::*;
use serde_json::json;

use super::extract::extract;
use super::tool;
use crate::support::testing::{Bench, call};

#[tokio::test]
async fn a_summary_has_the_most_telling_sentences_in_their_order_and_once() {
    let writes = [
        json!({"key": "1", "content": "Boats leave the harbour at noon. It rained."}),
        json!({"key": "2", "content": "The harbour has boats. The harbour has boats."}),
    ];
    let bench = Bench::new().remembering(&["kb"]).await.with(&writes).await;
    let sum = async |input| call(&*tool().unwrap(), &bench.ctx, input).await.unwrap();
    let short = sum(json!({"max_tokens": 16, "style": "paragraph"})).await;
    let expected = "The harbour has boats. Boats leave the harbour at noon.";
    assert_eq!((&short["summary"], &short["sources"]), (&json!(expected), &json!(["2", "1"])));
    let long = sum(json!({"max_tokens": 100})).await;
    let expected = "- The harbour has boats.\n- Boats leave the harbour at noon.\n- It rained.";
    assert_eq!((&long["summary"], &long["entries"]), (&json!(expected), &json!(2)));
    let about = sum(json!({"query": "rained", "max_tokens": 100})).await;
    assert_eq!(about["entries"], 1);
    assert_eq!(sum(json!({"query": "submarine"})).await["summary"], "");
}

proptest! {
    #[test]
    fn a_summary_keeps_within_its_tokens(
        texts in proptest::collection::vec(".{0,80}", 0..8),
        most in 16_u64..400,
    ) {
        let chosen = extract(&texts, most, |sentence| format!("- {}\n", sentence.text));
        let lines: Vec<String> = chosen.iter().map(|sentence| format!("- {}", sentence.text)).collect();
        prop_assert!(ice_core::llm::tokens::estimate_text(&lines.join("\n")) <= most);
        for sentence in chosen {
            prop_assert!(texts[sentence.entry].contains(sentence.text));
        }
    }
}
