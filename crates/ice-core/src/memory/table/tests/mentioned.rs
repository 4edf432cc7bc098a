//! Tests of what is left of a name when its entries are gone.

use std::time::Duration;

use super::Ground;
use crate::memory::{Episode, Memory, MemoryKey, Scope, Selector, Write};
use crate::mention::Mentions;
use crate::redact::{Action, HashKey, Kind as Found, Policy, Preset, Redactor};
use crate::store::Key;

async fn raw(ground: &Ground) -> String {
    let all = ground.store.scan(&Key::new("t").unwrap(), None, 10_000).await.unwrap();
    all.iter().map(|entry| String::from_utf8_lossy(&entry.value).into_owned()).collect()
}

fn episode(text: &str, tag: &str) -> Write {
    let episode = Episode { outcome: "Zyxwv agreed".to_owned(), ..Episode::default() };
    Write { ttl: Some(Duration::from_secs(60)), ..Write::episode(text, episode) }.tags([tag.to_owned()])
}

#[tokio::test]
async fn what_entries_that_ended_by_themselves_left_of_a_name_goes() {
    let ground = Ground::new();
    let memory = ground.open().await;
    let scope = Scope::new("of-zyxwv").unwrap();
    memory.remember(episode("Tea", "tea").scope(scope)).await.unwrap();
    memory.remember(episode("Met", "with zyxwv")).await.unwrap();
    memory.remember(Write::episode("Bees", Episode::default()).tags(["of Grace".to_owned()])).await.unwrap();
    let zyxwv = Mentions::of(["Zyxwv"]).unwrap();
    assert_eq!(memory.erase_mentions(&zyxwv).await.unwrap(), 0, "what is in use stays");
    assert!(memory.mentions_left(&zyxwv).await.unwrap() >= 5);
    ground.clock.advance(Duration::from_secs(61));
    assert_eq!(memory.sweep().await.unwrap(), 2);
    let left = memory.mentions_left(&zyxwv).await.unwrap();
    assert!(left >= 4, "two outcomes, a tag and a counter: {left}");
    assert!(memory.erase_mentions(&zyxwv).await.unwrap() >= left);
    assert_eq!(memory.mentions_left(&zyxwv).await.unwrap(), 0);
    let raw = raw(&ground).await.to_lowercase();
    assert!(!raw.contains("zyxwv") && raw.contains("of grace"), "{raw}");
    // The scope is as new, and counts as it should.
    let scope = Scope::new("of-zyxwv").unwrap();
    memory.remember(episode("Tea", "tea").scope(scope.clone())).await.unwrap();
    assert_eq!(memory.usage_of(&scope).await.unwrap().values().map(|usage| usage.entries).sum::<u64>(), 1);
    assert_eq!(memory.tags(&scope, crate::memory::Kind::Episodic).await.unwrap(), ["tea"]);
}

#[tokio::test]
async fn a_name_is_found_in_the_forms_that_the_redactor_gave_it() {
    const MAIL: &str = "ada@example.org";
    let ground = Ground::new();
    let policy = Policy::preset(Preset::Strict).with(Found::Email, Action::Hash);
    let redactor = Redactor::builder(policy).hash_key(HashKey::new([7; 32])).build().unwrap();
    let memory = Memory::open(ground.options().redactor(redactor)).await.unwrap();
    let key = |text: &str| MemoryKey::new(text).unwrap();
    let by_text = memory.remember(Write::working(format!("Ask {MAIL}")).key(key("a"))).await.unwrap();
    let by_card =
        memory.remember(Write::working("x").tags(["4111 1111 1111 1111".to_owned()])).await.unwrap();
    let masked = memory.remember(Write::working("Paid with 4111 1111 1111 1111")).await.unwrap();
    let other = memory.remember(Write::working("Ask bob@example.org")).await.unwrap();
    let said = |entry: &crate::memory::Entry| serde_json::to_string(entry).unwrap();
    assert!(!said(&by_text).contains(MAIL) && said(&masked).contains("[redacted: card]"));
    let found =
        |names: &[&str], entry| memory.mentions_of(names.iter().copied()).unwrap().in_text(&said(entry));
    assert!(found(&["Ada@Example.org"], &by_text) && !found(&[MAIL], &other));
    assert!(found(&["4111-1111-1111-1111"], &by_card) && !found(&["4111 1111 1111 1111"], &masked));
    let mentions = memory.mentions_of([MAIL]).unwrap();
    assert_eq!(memory.mentions_left(&mentions).await.unwrap(), 1);
    memory.erase(&Selector::Id(by_text.id)).await.unwrap();
    assert_eq!(memory.mentions_left(&mentions).await.unwrap(), 0);
}
