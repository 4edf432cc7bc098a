//! The nearest known name for one that is not known.

/// The longest name that is compared, and the most it is compared with: advice is cheap or not given.
const LONGEST: usize = 64;
const MOST: usize = 1000;

/// The candidate most like `name`, if one is like enough to be what was meant.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const ENOUGH: f64 = 0.6;
    if name.len() > LONGEST {
        return None;
    }
    let best = candidates
        .into_iter()
        .take(MOST)
        .filter(|candidate| *candidate != name && candidate.len() <= LONGEST)
        .map(|candidate| (strsim::normalized_damerau_levenshtein(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= ENOUGH)
        .max_by(|left, right| left.0.total_cmp(&right.0))?;
    Some(best.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, nearest};

    #[test]
    fn only_a_name_that_is_near_is_advised() {
        assert_eq!(nearest("titel", ["text", "title", "id"]).as_deref(), Some("title"));
        assert_eq!(nearest("titel", ["summary", "id"]), None);
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(nearest(&long, [format!("{long}y").as_str()]), None);
    }
}
