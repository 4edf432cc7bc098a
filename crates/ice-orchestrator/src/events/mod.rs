//! Events of runs. Durable ones are journal records and carry their numbers; transient ones (tokens,
//! progress) live in a bounded ring and may be missed. Both can be followed from a cursor.

mod cursor;
mod event;
mod feed;
mod run_events;

pub use cursor::{Cursor, InvalidCursor};
pub use event::{Event, EventClass};
pub use feed::Feed;
pub use run_events::RunEvents;
