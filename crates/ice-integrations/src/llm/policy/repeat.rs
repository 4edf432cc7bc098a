//! When a call that failed is repeated.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use ice_core::llm::{LlmError, LlmErrorKind, Usage};

/// The shortest wait before a repetition, if the vendor says nothing.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait that is worth it: a vendor that asks for more is not asked again here.
const LONGEST: Duration = Duration::from_secs(60);

/// The waits before the repetitions of one call: half a second, doubled with each, with as much again by chance.
pub(super) struct Waits(Box<dyn Iterator<Item = Duration> + Send>);

impl Waits {
    /// Waits for so many repetitions.
    pub(super) fn new(repetitions: u32) -> Self {
        let waits = ExponentialBuilder::default()
            .with_min_delay(FIRST)
            .with_max_delay(LONGEST)
            .with_factor(2.0)
            .with_jitter()
            .with_max_times(repetitions as usize);
        Self(Box::new(waits.build()))
    }

    /// How long to wait before the call is made again; nothing if it is not to be. A call that has spent something is not: who
    /// asked for it had room for one, and decides.
    pub(super) fn next(&mut self, error: &LlmError) -> Option<Duration> {
        let LlmErrorKind::Transient { retry_after } = error.kind else { return None };
        if error.usage != Usage::default() || retry_after.is_some_and(|wait| wait > LONGEST) {
            return None;
        }
        let usual = self.0.next()?;
        Some(retry_after.map_or(usual, |wait| wait.max(usual.min(FIRST))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy(retry_after: Option<Duration>) -> LlmError {
        LlmError::new(LlmErrorKind::Transient { retry_after }, "busy")
    }

    #[test]
    fn what_passes_is_repeated_after_a_while() {
        let mut waits = Waits::new(3);
        let seconds = |wait: Option<Duration>| wait.map(|wait| wait.as_secs_f64());
        for (least, most) in [(0.5, 1.0), (1.0, 2.0), (2.0, 4.0)] {
            let wait = seconds(waits.next(&busy(None))).unwrap();
            assert!((least..=most).contains(&wait), "{wait} of {least} to {most}");
        }
        assert_eq!(waits.next(&busy(None)), None);
    }

    #[test]
    fn what_a_vendor_asks_for_holds() {
        let mut waits = Waits::new(9);
        let asked = Duration::from_secs(7);
        assert_eq!(waits.next(&busy(Some(asked))), Some(asked));
        assert_eq!(waits.next(&busy(Some(Duration::ZERO))), Some(FIRST));
        assert_eq!(waits.next(&busy(Some(LONGEST + FIRST))), None);
    }

    #[test]
    fn what_does_not_pass_or_was_paid_for_is_not_repeated() {
        let mut waits = Waits::new(9);
        for kind in [
            LlmErrorKind::Auth,
            LlmErrorKind::Quota,
            LlmErrorKind::Refused,
            LlmErrorKind::InvalidRequest,
            LlmErrorKind::ContextTooLong,
            LlmErrorKind::Truncated,
            LlmErrorKind::Cancelled,
        ] {
            assert_eq!(waits.next(&LlmError::new(kind, "no")), None);
        }
        let usage = Usage { input: 1, ..Usage::default() };
        assert_eq!(waits.next(&LlmError { usage, ..busy(None) }), None);
    }
}
