//! What happened: episodes in the order of time, and what they have in common.

mod facade;
mod patterns;

pub use facade::{EpisodicMemory, episode, episode_of};
pub(super) use facade::{number, text, texts};
pub use patterns::{MAX_ANALYSED, Patterns, patterns};
