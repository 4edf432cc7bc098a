//! The format of lcov, as far as llvm-cov writes it: which line of which file ran how often.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

/// Per file, as it is named there, its lines that hold code, and how often each ran.
pub(super) type Counts = BTreeMap<String, BTreeMap<usize, u64>>;

/// Reads the counts.
pub(super) fn read(text: &str) -> Result<Counts> {
    let mut counts = Counts::new();
    let mut file = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("SF:") {
            name.clone_into(&mut file);
        } else if let Some(count) = line.strip_prefix("DA:") {
            let mut parts = count.split(',').map(str::parse::<u64>);
            let (Some(Ok(number)), Some(Ok(times))) = (parts.next(), parts.next()) else {
                return Err(anyhow::anyhow!("llvm-cov writes `{line}`"));
            };
            let number = usize::try_from(number).context("a line is too far down")?;
            *counts.entry(file.clone()).or_default().entry(number).or_default() += times;
        }
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_counts() {
        let text = "SF:/a.rs\nDA:3,0\nDA:4,17\nLF:2\nLH:1\nend_of_record\nSF:/b.rs\nDA:1,1\nend_of_record\n";
        let counts = read(text).unwrap();
        assert_eq!(counts["/a.rs"], BTreeMap::from([(3, 0), (4, 17)]));
        assert_eq!(counts["/b.rs"], BTreeMap::from([(1, 1)]));
        assert!(read("SF:/a.rs\nDA:x,1\n").is_err());
    }
}
