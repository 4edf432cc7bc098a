//! Reading, writing and surviving: whole blueprints of every kind.

pub(crate) mod arbitrary;
mod dialect;
mod hostile;
mod mistakes;
mod round_trip;
