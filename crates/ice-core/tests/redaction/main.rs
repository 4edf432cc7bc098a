//! What the strict policy finds in sentences whose spans were marked by hand, per kind: recall and precision.
#![cfg(test)]

mod labelled;

use std::collections::BTreeMap;

use ice_core::redact::{Preset, Redactor};
use labelled::{Sentence, sentences};

/// Kinds that have a checksum or a fixed format: exactly what is marked is to be found.
const EXACT: &[&str] =
    &["card", "iban", "national_id", "email", "ip", "api_key", "jwt", "private_key", "url_credentials"];
/// Ids without a check digit, which are told by their form and the words around.
const WITHOUT_CHECK: &[&str] = &["us_ssn", "uk_nino"];

#[derive(Clone, Copy, Debug, Default)]
struct Score {
    marked: usize,
    recalled: usize,
    found: usize,
    right: usize,
}

impl Score {
    fn recall(&self) -> f64 {
        self.recalled as f64 / self.marked.max(1) as f64
    }

    fn precision(&self) -> f64 {
        self.right as f64 / self.found.max(1) as f64
    }
}

/// The kind under which a mark or a finding counts.
fn counted(kind: &str, label: &str) -> String {
    match kind {
        "national_id" if WITHOUT_CHECK.contains(&label) => "national_id_without_check".to_owned(),
        kind => kind.to_owned(),
    }
}

/// Scores per kind, and what went wrong.
fn scores(sentences: &[Sentence]) -> (BTreeMap<String, Score>, Vec<String>) {
    let redactor = Redactor::preset(Preset::Strict).unwrap();
    let (mut scores, mut wrong) = (BTreeMap::<String, Score>::new(), Vec::new());
    for sentence in sentences {
        let findings = redactor.findings(&sentence.text);
        let kind_of = |mark: &str| {
            let is_kind = ice_core::redact::Kind::ALL.iter().any(|kind| kind.as_str() == mark);
            if is_kind { counted(mark, mark) } else { counted("national_id", mark) }
        };
        for mark in &sentence.marks {
            let kind = kind_of(&mark.kind);
            let exact = EXACT.contains(&kind.as_str());
            let recalled = findings.iter().any(|finding| {
                let same = finding.label == mark.kind || finding.kind.as_str() == mark.kind;
                let covers = finding.range.start <= mark.range.start && finding.range.end >= mark.range.end;
                same && if exact { finding.range == mark.range } else { covers }
            });
            let score = scores.entry(kind).or_default();
            score.marked += 1;
            score.recalled += usize::from(recalled);
            if !recalled {
                wrong.push(format!(
                    "missed {} `{}` in {}: {findings:?}",
                    mark.kind,
                    &sentence.text[mark.range.clone()],
                    sentence.text
                ));
            }
        }
        for finding in &findings {
            let kind = counted(finding.kind.as_str(), finding.label);
            let right = sentence.marks.iter().any(|mark| {
                kind_of(&mark.kind) == kind
                    && finding.range.start < mark.range.end
                    && mark.range.start < finding.range.end
            });
            let score = scores.entry(kind.clone()).or_default();
            score.found += 1;
            score.right += usize::from(right);
            if !right {
                wrong.push(format!(
                    "false {kind} {} `{}` in {}",
                    finding.label,
                    &sentence.text[finding.range.clone()],
                    sentence.text
                ));
            }
        }
    }
    (scores, wrong)
}

fn check(name: &str, sentences: &[Sentence]) -> (usize, usize) {
    let (scores, wrong) = scores(sentences);
    println!("{name}: {} sentences", sentences.len());
    for (kind, score) in &scores {
        let (recall, precision) = (score.recall(), score.precision());
        println!("  {kind:28} {:4} marked  recall {recall:.3}  precision {precision:.3}", score.marked);
    }
    for line in &wrong {
        println!("  {line}");
    }
    for (kind, score) in &scores {
        let (recall, precision) = if EXACT.contains(&kind.as_str()) { (0.99, 0.98) } else { (0.85, 0.90) };
        assert!(score.recall() >= recall && score.precision() >= precision, "{name}, {kind}: {score:?}");
    }
    (sentences.len(), scores.len())
}

#[test]
fn what_is_marked_is_found_and_nothing_else() {
    let (held, known): (Vec<_>, Vec<_>) = sentences().into_iter().partition(|sentence| sentence.is_held_back);
    let (count, kinds) = check("development", &known);
    assert!(count >= 500 && kinds >= 15, "{count} {kinds}");
    let (count, kinds) = check("held back", &held);
    assert!(count >= 200 && kinds >= 13, "{count} {kinds}");
}

#[test]
fn what_was_redacted_stays_as_it_is() {
    let redactor = Redactor::preset(Preset::Strict).unwrap();
    for sentence in sentences() {
        let once = redactor.text(&sentence.text).into_owned();
        assert_eq!(redactor.text(&once), once, "{}", sentence.text);
    }
}
