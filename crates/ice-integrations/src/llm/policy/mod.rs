//! What is done around every provider, once: how long a call may take, how often and when it is repeated, how many there are
//! at once, and when a provider that fails is left alone.

mod gate;
mod guarded;
mod repeat;

pub use gate::Room;
pub use guarded::Guarded;
