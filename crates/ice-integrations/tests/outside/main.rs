//! Every provider against servers that others wrote to speak as the vendors do, and to break as vendors break: `aimock` from
//! npm and `llmock` from PyPI, which `cargo xtask setup` installs. One table of cases, the same for every provider. Without
//! the servers the tests are skipped; CI allows none to be.

#![cfg(all(feature = "llm", unix))]

#[cfg(test)]
mod aimock;
#[cfg(test)]
mod case;
#[cfg(test)]
mod check;
#[cfg(test)]
mod gaps;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod llmock;
#[cfg(test)]
mod program;

use std::collections::BTreeSet;

use case::Case;
use futures::future::join_all;
use gaps::Gaps;
use ice_integrations::llm::Protocol;
use judge::Judge;
use serde_json::{Value as Json, json};

/// Has every provider pass every case that a judge can show. Many at once: each pair has a model of its own.
#[cfg(test)]
async fn every_provider_passes(judge: &dyn Judge, gaps: Gaps) {
    let pairs = Protocol::ALL.into_iter().flat_map(|protocol| Case::ALL.map(|case| (protocol, case)));
    let (shown, left): (Vec<_>, Vec<_>) =
        pairs.partition(|(protocol, case)| gaps::reason(gaps, *protocol, *case).is_none());
    for (protocol, case) in &left {
        let why = gaps::reason(gaps, *protocol, *case).unwrap();
        println!("not shown by {}: {case:?} of {}: {why}", judge.name(), protocol.as_str());
    }
    println!("{} of {} pairs are shown by {}", shown.len(), shown.len() + left.len(), judge.name());
    let (alone, together): (Vec<_>, Vec<_>) =
        shown.iter().copied().partition(|(_, case)| case.is_about_pauses());
    let mut failures: Vec<String> = Vec::new();
    for round in [together, alone] {
        let passed = round.into_iter().map(|(protocol, case)| async move {
            judge.arrange(protocol, case).await;
            check::passes(judge, protocol, case).await
        });
        failures.extend(join_all(passed).await.into_iter().filter_map(Result::err));
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), shown.len(), failures.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_provider_keeps_to_what_aimock_sends() {
    let Some(judge) = aimock::Aimock::start().await else { return };
    every_provider_passes(&judge, aimock::GAPS).await;
    let asked: BTreeSet<String> = judge.models().await;
    // It heard of every pair, and answered none of them with something else than it was told to.
    assert_eq!(asked.len(), judge.arranged(), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_provider_keeps_to_what_llmock_sends() {
    let Some(judge) = llmock::Llmock::start().await else { return };
    every_provider_passes(&judge, llmock::GAPS).await;
    let verdict = judge.verdict().await;
    let number = |name: &str| verdict[name].as_u64().unwrap();
    // It is content with a client that asks nothing: what it saw is counted.
    assert!(number("calls") > 60 && number("faults_injected") > 40, "{verdict:#}");
    assert_eq!(number("errors"), 0, "{verdict:#}");
    let requests = judge.requests().await;
    let found = verdict["findings"].as_array().unwrap().iter();
    let found: Vec<&Json> = found.filter(|one| !llmock::is_explained(one, &requests)).collect();
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(judge.waiting().await, json!([]), "everything that was arranged was asked for");
}

/// The judge does judge: a client that does not wait is told.
#[tokio::test]
async fn llmock_tells_a_client_that_does_not_wait() {
    let Some(judge) = llmock::Llmock::start().await else { return };
    judge.arrange(Protocol::OpenAi, Case::Limited).await;
    let body = json!({"model": judge::model(Protocol::OpenAi, Case::Limited),
        "messages": [{"role": "user", "content": "x"}]});
    let client = reqwest::Client::new();
    for status in [429, 200] {
        let address = format!("{}v1/chat/completions", judge.address());
        let answer = client.post(address).json(&body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
    }
    let verdict: Json = judge.verdict().await;
    assert_eq!(
        (&verdict["passed"], &verdict["findings"][0]["code"]),
        (&json!(false), &json!("retry_after_ignored"))
    );
}
