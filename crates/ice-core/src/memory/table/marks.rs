//! Marks: what a row of a list says of the other lists in which its entry stands.

use bytes::Bytes;

use crate::store::Key;

/// The most lists of which a row tells: their marks have 64 bytes, which stores keep beside the key.
const MOST: usize = 16;

/// Four digits of the digest in the key of a list. Of others with the same it is told by looking at the entry.
pub(super) type Mark = [u8; 4];

/// The mark of a list.
pub(super) fn mark_of(list: &Key) -> Mark {
    let digest = list.as_str().trim_end_matches('/').rsplit('/').next();
    digest.and_then(|digest| digest.as_bytes().first_chunk()).copied().unwrap_or_default()
}

/// What stands in each row of an entry: the marks of all its lists; nothing if these are too many.
pub(super) fn marks_of(lists: &[Key]) -> Bytes {
    if lists.len() > MOST {
        return Bytes::new();
    }
    lists.iter().flat_map(mark_of).collect()
}

/// The marks in a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks<'a>(&'a [Mark]);

impl<'a> Marks<'a> {
    pub(super) fn of(value: &'a [u8]) -> Self {
        Self(value.as_chunks().0)
    }

    /// Whether the entry may stand in a list. It does not if this says so.
    pub(super) fn may_have(self, mark: Mark) -> bool {
        self.0.is_empty() || self.0.contains(&mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_tell_of_their_lists_unless_these_are_too_many() {
        let list = |digest: &str| Key::new(&format!("t/local/memory/x/{digest}/")).unwrap();
        let lists = [list("abcd0123"), list("ABCD0123")];
        let value = marks_of(&lists);
        assert_eq!(&value[..], b"abcdABCD");
        let marks = Marks::of(&value);
        assert!(lists.iter().all(|list| marks.may_have(mark_of(list))));
        assert!(!marks.may_have(mark_of(&list("abcD0123"))));
        let many: Vec<Key> = (0..=MOST).map(|number| list(&format!("{number:08}"))).collect();
        assert!(Marks::of(&marks_of(&many)).may_have(*b"none"));
    }
}
