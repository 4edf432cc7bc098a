//! Cuts the texts of a call into requests.

/// Runs of texts, each of at most so many texts and bytes; a text that is longer goes alone.
pub(super) fn batches(texts: &[String], most: usize, bytes: usize) -> impl Iterator<Item = &[String]> {
    let mut rest = texts;
    std::iter::from_fn(move || {
        let mut sum = 0_usize;
        let fits = |text: &&String| {
            sum = sum.saturating_add(text.len());
            sum <= bytes
        };
        let count = rest.iter().take(most).take_while(fits).count().max(1);
        let (batch, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(batch)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_keep_to_both_bounds_and_leave_no_text_out() {
        let texts: Vec<String> = ["a", "bb", "ccc", "d", "eeeeeeeee", "f"].map(str::to_owned).to_vec();
        let cut = |most, bytes| -> Vec<usize> { batches(&texts, most, bytes).map(<[String]>::len).collect() };
        assert_eq!(cut(2, 100), [2, 2, 2]);
        assert_eq!(cut(4, 100), [4, 2]);
        assert_eq!(cut(100, 4), [2, 2, 1, 1]);
        assert_eq!(cut(100, 1), [1; 6]);
        assert_eq!(batches(&texts, 3, 5).flatten().collect::<Vec<_>>(), texts.iter().collect::<Vec<_>>());
        assert_eq!(batches(&[], 3, 5).count(), 0);
    }
}
