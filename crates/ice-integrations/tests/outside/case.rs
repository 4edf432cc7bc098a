//! The cases: what a server does, and what must come of it.

/// What is asked.
pub(crate) const PROMPT: &str = "Tell me what the weather is like in Oslo and in Bergen today, please.";
/// What is answered.
pub(crate) const TEXT: &str =
    "It rains in Bergen, as it mostly does: 11 °C. In Oslo it is dry and 14 °C — take a coat.";
/// What was thought before.
pub(crate) const THOUGHT: &str = "Two towns. Rain is likely in one of them.";
/// How long a server wants to be left alone, in seconds.
pub(crate) const WAIT: u64 = 1;

/// The longest pause that is borne where a server makes a longer one, in seconds. A busy machine makes some, too.
pub(crate) const PAUSE: u32 = 3;

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Case {
    /// It answers.
    Text,
    /// The answer has as many tokens as it may.
    Length,
    /// It thinks before it answers.
    Reasoning,
    /// It asks for two tools at once.
    Tools,
    /// It answers once the results of the tools are there.
    Results,
    /// It is busy once, says for how long, and answers then.
    Limited,
    /// It is busy for good.
    Busy,
    /// It fails once, and answers then.
    Broken,
    /// It is overloaded once (529, which is Anthropic's), and answers then.
    Overloaded,
    /// It does not know the key.
    Unauthorized,
    /// It does not let this key in.
    Forbidden,
    /// There is no such model.
    Unknown,
    /// There is something wrong with the request.
    Wrong,
    /// The conversation is too long.
    TooLong,
    /// There is no money left.
    Unpaid,
    /// A piece of the answer is no JSON.
    Malformed,
    /// Its answer is no JSON at all.
    Garbage,
    /// The connection is cut in the middle of the answer.
    Cut,
    /// The answer ends in the middle, as if it were whole.
    Short,
    /// Nothing more comes in the middle of the answer.
    Stalled,
    /// Nothing comes for a long time.
    Slow,
}

impl Case {
    pub(crate) const ALL: [Self; 21] = [
        Self::Text,
        Self::Length,
        Self::Reasoning,
        Self::Tools,
        Self::Results,
        Self::Limited,
        Self::Busy,
        Self::Broken,
        Self::Overloaded,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Unknown,
        Self::Wrong,
        Self::TooLong,
        Self::Unpaid,
        Self::Malformed,
        Self::Garbage,
        Self::Cut,
        Self::Short,
        Self::Stalled,
        Self::Slow,
    ];

    /// Whether it is about time, and must not be held up by what else is going on.
    pub(crate) const fn is_about_pauses(self) -> bool {
        matches!(self, Self::Stalled | Self::Slow)
    }

    /// The status of the error that it answers with, and how often; for good if absent.
    pub(crate) const fn error(self) -> Option<(u16, Option<u32>)> {
        Some(match self {
            Self::Limited => (429, Some(1)),
            Self::Busy => (429, None),
            Self::Broken => (500, Some(1)),
            Self::Overloaded => (529, Some(1)),
            Self::Unauthorized => (401, None),
            Self::Forbidden => (403, None),
            Self::Unknown => (404, None),
            Self::Wrong | Self::TooLong => (400, None),
            Self::Unpaid => (402, None),
            Self::Text
            | Self::Length
            | Self::Reasoning
            | Self::Tools
            | Self::Results
            | Self::Malformed
            | Self::Garbage
            | Self::Cut
            | Self::Short
            | Self::Stalled
            | Self::Slow => return None,
        })
    }

    /// What it says with an error.
    pub(crate) const fn message(self) -> &'static str {
        if matches!(self, Self::TooLong) {
            "This model's maximum context length is 9 tokens."
        } else {
            "Not now, and not like this."
        }
    }
}
