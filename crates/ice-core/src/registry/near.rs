//! The known names nearest to a mistyped one, for advice.

/// The most names that are given.
const MOST: usize = 3;
/// Longer names are compared by their first characters only, which bounds the work.
const COMPARED: usize = 64;

/// The known names that `wanted` may have meant: at most three, the nearest first, ties in alphabetical
/// order. Letter case does not count as a difference; about a third of the characters may differ.
#[must_use]
pub fn near_names<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let fold = |name: &str| name.chars().take(COMPARED).flat_map(char::to_lowercase).collect::<String>();
    let wanted = fold(wanted);
    let length = wanted.chars().count();
    if length == 0 {
        return Vec::new();
    }
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .filter_map(|name| {
            let folded = fold(name);
            let distance = strsim::damerau_levenshtein(&wanted, &folded);
            // A name that continues or ends the wanted one is near however long the rest is.
            let contains = length >= 3 && (folded.starts_with(&wanted) || folded.ends_with(&wanted));
            let near = distance <= (length.max(folded.chars().count()) / 3).max(1);
            (near || contains).then_some((distance, name))
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    // Beside a close name, a much farther one only distracts.
    let nearest = near.first().map_or(0, |(distance, _)| *distance);
    near.retain(|(distance, _)| *distance <= nearest + 1);
    near.truncate(MOST);
    near.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: &str, expected: &[&str]) {
        let known = ["read_csv", "read_json", "read_text", "write_text", "hash", "now", "http_fetch"];
        assert_eq!(near_names(wanted, known), expected, "{wanted}");
    }

    #[test]
    fn near_names_are_sorted_by_distance() {
        check("raed_csv", &["read_csv"]);
        check("read_txt", &["read_text"]);
        check("READ_CSV", &["read_csv"]);
        check("csv", &["read_csv"]);
        check("read", &["read_csv", "read_json", "read_text"]);
        check("nwo", &["now"]);
    }

    #[test]
    fn far_names_give_no_advice() {
        check("", &[]);
        check("zzz", &[]);
        check("send_mail", &[]);
        check(&"read".repeat(10_000), &[]);
    }
}
