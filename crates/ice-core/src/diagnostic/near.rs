//! Near names: what somebody probably meant.

/// Longer names are not compared.
const MAX_LENGTH: usize = 128;
/// The most names that are compared.
const MAX_CANDIDATES: usize = 10_000;

/// The name among `candidates` that is most like `name`, if one is like enough: differing in at most a third
/// of its letters (one letter in short names), or only in case, `-` and `_`. The first one wins a tie.
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if name.is_empty() || name.len() > MAX_LENGTH {
        return None;
    }
    let plain = simplified(name);
    let allowed = (plain.chars().count() / 3).clamp(1, 4);
    let mut best: Option<(usize, &'c str)> = None;
    for candidate in candidates.into_iter().take(MAX_CANDIDATES) {
        let too_far = candidate.len().abs_diff(name.len()) > allowed * 4;
        if candidate == name || candidate.len() > MAX_LENGTH || too_far {
            continue;
        }
        let distance = strsim::osa_distance(&plain, &simplified(candidate));
        if distance <= allowed
            && distance < candidate.chars().count()
            && best.is_none_or(|(least, _)| distance < least)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

fn simplified(name: &str) -> String {
    name.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// "did you mean `x`?", if a candidate is near enough.
pub fn did_you_mean<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    nearest(name, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, candidates: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(name, candidates.iter().copied()), expected, "{name}");
    }

    #[test]
    fn near_names_are_found() {
        check("promt", &["model", "prompt"], Some("prompt"));
        check("Read-CSV", &["read_json", "read_csv"], Some("read_csv"));
        check("toolname", &["tool_args", "tool_name"], Some("tool_name"));
        check("teh", &["the", "tea"], Some("the"));
        check("x", &["y"], None);
        check("summary", &["rows", "model"], None);
        check("", &["a"], None);
        assert_eq!(did_you_mean("b", ["bb"]).unwrap(), "did you mean `bb`?");
    }
}
