//! The known names nearest to one that is not known: what somebody probably meant.

/// Longer names are not compared: advice is cheap or not given.
const MAX_LENGTH: usize = 128;
/// The most names that are compared.
const MAX_CANDIDATES: usize = 10_000;
/// The most names that [`near_names`] gives.
const MOST: usize = 3;

/// The name among `candidates` that is most like `name`, if one is like enough: differing in at most a third of
/// its letters (one letter in short names, four in long ones), or only in case, `-` and `_`. The first one wins a
/// tie; `name` itself is never the answer.
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let wanted = Wanted::of(name)?;
    let mut best: Option<(usize, &'c str)> = None;
    for candidate in candidates.into_iter().take(MAX_CANDIDATES).filter(|candidate| *candidate != name) {
        if let Some(distance) = wanted.distance(candidate)
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// "did you mean `x`?", if a candidate is [near](nearest) enough.
pub fn did_you_mean<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    nearest(name, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// The known names that `name` may have meant: at most three, the nearest first, ties in alphabetical order. Near
/// are those that [`nearest`] takes, and those that begin or end with `name`, however long the rest is.
#[must_use]
pub fn near_names<'c>(name: &str, known: impl IntoIterator<Item = &'c str>) -> Vec<&'c str> {
    let Some(wanted) = Wanted::of(name) else { return Vec::new() };
    let near = |name| Some((wanted.distance(name).or_else(|| wanted.continued(name))?, name));
    let mut near: Vec<(usize, &str)> = known.into_iter().take(MAX_CANDIDATES).filter_map(near).collect();
    near.sort_unstable();
    near.dedup();
    // Beside a close name, a much farther one only distracts.
    let nearest = near.first().map_or(0, |(distance, _)| *distance);
    near.retain(|(distance, _)| *distance <= nearest + 1);
    near.truncate(MOST);
    near.into_iter().map(|(_, name)| name).collect()
}

/// A name that is looked for.
struct Wanted {
    plain: String,
    /// The most differences.
    allowed: usize,
}

impl Wanted {
    fn of(name: &str) -> Option<Self> {
        if name.is_empty() || name.len() > MAX_LENGTH {
            return None;
        }
        let plain = simplified(name);
        let allowed = (plain.chars().count() / 3).clamp(1, 4);
        Some(Self { plain, allowed })
    }

    /// In how much a name differs, if it is near. A name of which nothing is left is not.
    fn distance(&self, name: &str) -> Option<usize> {
        // A character has at most four bytes.
        if name.len() > MAX_LENGTH || name.len().abs_diff(self.plain.len()) > self.allowed * 4 {
            return None;
        }
        let name = simplified(name);
        let distance = strsim::osa_distance(&self.plain, &name);
        (distance <= self.allowed && distance < name.chars().count()).then_some(distance)
    }

    /// How much longer a name is that begins or ends as this one.
    fn continued(&self, name: &str) -> Option<usize> {
        if self.plain.len() < 3 || name.len() > MAX_LENGTH {
            return None;
        }
        let name = simplified(name);
        let continues = name.starts_with(&self.plain) || name.ends_with(&self.plain);
        continues.then(|| name.len() - self.plain.len())
    }
}

fn simplified(name: &str) -> String {
    name.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, candidates: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(name, candidates.iter().copied()), expected, "{name}");
    }

    #[test]
    fn the_nearest_name_is_found() {
        check("promt", &["model", "prompt"], Some("prompt"));
        check("Read-CSV", &["read_json", "read_csv"], Some("read_csv"));
        check("toolname", &["tool_args", "tool_name"], Some("tool_name"));
        check("teh", &["the", "tea"], Some("the"));
        check("titel", &["text", "title", "id"], Some("title"));
        check("a", &["a", "A"], Some("A"));
        check("größe", &["grosse", "größen"], Some("größen"));
        assert_eq!(did_you_mean("b", ["bb"]).unwrap(), "did you mean `bb`?");
    }

    #[test]
    fn what_has_too_little_in_common_is_not_near() {
        check("x", &["y"], None);
        check("x", &["xy"], Some("xy"));
        check("xy", &["y"], None);
        check("summary", &["rows", "model"], None);
        check("titel", &["summary", "id"], None);
        check("", &["a"], None);
        let long = "x".repeat(MAX_LENGTH);
        check(&long, &[&format!("{long}y")], None);
        check(&format!("{long}y"), &[&long], None);
        let many = vec!["far"; MAX_CANDIDATES];
        check("near", &[&many[1..], &["neer"][..]].concat(), Some("neer"));
        check("near", &[&many[..], &["neer"][..]].concat(), None);
    }

    fn check_all(wanted: &str, expected: &[&str]) {
        let known = ["read_csv", "read_json", "read_text", "write_text", "hash", "now", "http_fetch"];
        assert_eq!(near_names(wanted, known), expected, "{wanted}");
    }

    #[test]
    fn near_names_are_sorted_by_distance() {
        check_all("raed_csv", &["read_csv"]);
        check_all("read_txt", &["read_text"]);
        check_all("READ_CSV", &["read_csv"]);
        check_all("csv", &["read_csv"]);
        check_all("read", &["read_csv", "read_json", "read_text"]);
        check_all("nwo", &["now"]);
        check_all("read_csv", &["read_csv"]);
    }

    #[test]
    fn far_names_are_not_near() {
        check_all("", &[]);
        check_all("zzz", &[]);
        check_all("send_mail", &[]);
        check_all(&"read".repeat(10_000), &[]);
    }
}
