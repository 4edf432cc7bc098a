//! Which names a template has bound itself at a place: certainly, or only on some way to it.

use std::collections::BTreeSet;

/// What a name is at some place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// A name from outside.
    No,
    /// Bound on some way to this place: read as the template's own if it is there, else from outside.
    Perhaps,
    /// The template's own.
    Yes,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Frame {
    certain: BTreeSet<String>,
    perhaps: BTreeSet<String>,
}

/// The frames of names, the innermost last. `for` and `with` have one of their own, as in the engine.
#[derive(Clone, Debug)]
pub(super) struct Bindings(Vec<Frame>);

impl Default for Bindings {
    fn default() -> Self {
        Self(vec![Frame::default()])
    }
}

impl Bindings {
    pub(super) fn push(&mut self) {
        self.0.push(Frame::default());
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }

    pub(super) fn bind(&mut self, name: &str) {
        if let Some(frame) = self.0.last_mut() {
            frame.certain.insert(name.to_owned());
        }
    }

    pub(super) fn of(&self, name: &str) -> Bound {
        if self.0.iter().any(|frame| frame.certain.contains(name)) {
            Bound::Yes
        } else if self.0.iter().any(|frame| frame.perhaps.contains(name)) {
            Bound::Perhaps
        } else {
            Bound::No
        }
    }

    /// What holds after either of two ways was taken.
    pub(super) fn join(one: &Self, other: &Self) -> Self {
        let frames = one.0.iter().zip(&other.0).map(|(one, other)| {
            let certain: BTreeSet<String> = one.certain.intersection(&other.certain).cloned().collect();
            let seen = [&one.certain, &other.certain, &one.perhaps, &other.perhaps];
            let perhaps =
                seen.into_iter().flatten().filter(|name| !certain.contains(*name)).cloned().collect();
            Frame { certain, perhaps }
        });
        Self(frames.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_bound_on_one_way_is_perhaps_bound() {
        let mut one = Bindings::default();
        let mut other = one.clone();
        one.bind("both");
        one.bind("one");
        other.bind("both");
        let joined = Bindings::join(&one, &other);
        assert_eq!(
            [joined.of("both"), joined.of("one"), joined.of("x")],
            [Bound::Yes, Bound::Perhaps, Bound::No]
        );
    }
}
