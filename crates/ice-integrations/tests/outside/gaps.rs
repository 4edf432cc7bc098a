//! What judges cannot show, and what is shown by none of them.

use ice_integrations::llm::Protocol;

use super::case::Case;

/// Cases of protocols, and why they are not shown.
pub(crate) type Gaps = &'static [(&'static [Protocol], &'static [Case], &'static str)];

/// What no judge shows; the providers' own suite (`tests/vendors`) does, with a server of ours. docs/models.md tells of it.
const SHOWN_BY_NOBODY: Gaps = &[(
    &[Protocol::Ollama],
    &[Case::Length, Case::Reasoning, Case::Malformed, Case::Short],
    "llmock does not speak Ollama's protocol, and aimock's answers in it are always whole and without a thought",
)];

/// Why a pair is a gap, if it is one.
pub(crate) fn reason(gaps: Gaps, protocol: Protocol, case: Case) -> Option<&'static str> {
    let holds = |(protocols, cases, _): &&(&'static [Protocol], &'static [Case], &'static str)| {
        protocols.contains(&protocol) && cases.contains(&case)
    };
    gaps.iter().find(holds).map(|(_, _, why)| *why)
}

/// Needs no server: a judge that stops to show something, or begins to, changes the list above.
#[test]
fn what_no_judge_shows_is_known() {
    let is_shown = |protocol: Protocol, case: Case| {
        [super::aimock::GAPS, super::llmock::GAPS].iter().any(|gaps| reason(gaps, protocol, case).is_none())
    };
    for protocol in Protocol::ALL {
        for case in Case::ALL {
            let known = reason(SHOWN_BY_NOBODY, protocol, case);
            match (is_shown(protocol, case), known) {
                (false, None) => panic!("{case:?} of {} is shown by no judge", protocol.as_str()),
                (true, Some(_)) => panic!("{case:?} of {} is no gap any more", protocol.as_str()),
                (true, None) | (false, Some(_)) => {}
            }
        }
    }
}
