//! Passes a [`Value`] through serde by its reference count, where both ends are ours.
//!
//! Serde knows no way to hand an existing value to a visitor. So a [`Value`] announces itself under a name
//! of its own; [`super::de`] and [`super::ser`] know that name, put the value into a slot of the thread and
//! have it taken out within the same call. Every other format sees a transparent wrapper.

use std::cell::{Cell, RefCell};

use super::Value;

/// The name under which a [`Value`] announces itself to a (de)serializer.
pub(super) const TOKEN: &str = "$ice::value";

thread_local! {
    static OFFERED: RefCell<Option<Value>> = const { RefCell::new(None) };
    static WANTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `read` while `value` lies in the slot; the slot is empty afterwards, whether it was taken or not.
pub(super) fn offer<T>(value: Value, read: impl FnOnce() -> T) -> T {
    OFFERED.replace(Some(value));
    let result = read();
    OFFERED.take();
    result
}

/// Takes the value out of the slot.
pub(super) fn take() -> Option<Value> {
    OFFERED.take()
}

/// Runs `write`, which may put a value into the slot instead of writing it out; returns that value.
pub(super) fn collect<T>(write: impl FnOnce() -> T) -> (T, Option<Value>) {
    WANTED.set(true);
    let result = write();
    WANTED.set(false);
    (result, OFFERED.take())
}

/// Puts the value into the slot if somebody wants it; whether it did.
pub(super) fn give(value: &Value) -> bool {
    let wanted = WANTED.replace(false);
    if wanted {
        OFFERED.replace(Some(value.clone()));
    }
    wanted
}
