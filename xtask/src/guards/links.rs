//! Links between the pages of the project lead somewhere: the file is there, and so is the heading.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::Guard;
use crate::finding::Finding;
use crate::project::Project;

/// The guard of the links.
pub(crate) const GUARD: Guard =
    Guard { name: "links", about: "links within the project lead somewhere", check };

/// What a page contains: its links with their lines, and the anchors of its headings.
#[derive(Debug, Default)]
struct Page {
    links: Vec<(String, usize)>,
    anchors: BTreeSet<String>,
}

fn check(project: &Project) -> Result<Vec<Finding>> {
    let mut pages = BTreeMap::new();
    for file in project.files_ending(&["md"]) {
        if let Some(text) = project.read_text(file)? {
            pages.insert(file, read(&text));
        }
    }
    let mut findings = Vec::new();
    for (file, page) in &pages {
        for (link, line) in &page.links {
            if let Some(message) = fault(project, &pages, file, link) {
                findings.push(Finding::at(*file, *line, format!("link `{link}` {message}")));
            }
        }
    }
    Ok(findings)
}

/// What is wrong with a link, if anything.
fn fault(project: &Project, pages: &BTreeMap<&str, Page>, file: &str, link: &str) -> Option<String> {
    let has_scheme = link.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    if has_scheme {
        return None;
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let Some(target) = join(file, path) else { return Some("leads out of the project".to_owned()) };
    if !project.contains(&target) && !project.contains_folder(&target) && !target.is_empty() {
        return Some(format!("leads to {target}, which is not there"));
    }
    let (anchor, page) = (anchor?, pages.get(target.as_str())?);
    (!page.anchors.contains(anchor)).then(|| format!("leads to a heading that {target} does not have"))
}

/// The target of a relative link, or nothing if it leaves the project.
fn join(file: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(file.to_owned());
    }
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    if link.starts_with('/') {
        return None;
    }
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other parts of a page hold neither links nor headings"
)]
fn read(text: &str) -> Page {
    let mut page = Page::default();
    let mut heading: Option<String> = None;
    for (event, range) in Parser::new(text).into_offset_iter() {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let line = text.get(..range.start).map_or(0, |before| before.matches('\n').count()) + 1;
                page.links.push((dest_url.into_string(), line));
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(part) | Event::Code(part) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&part);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some(heading) = heading.take() {
                    page.add_anchor(&heading);
                }
            }
            _ => {}
        }
    }
    page
}

impl Page {
    /// Adds the anchor that GitHub makes of a heading; a second one of the same text gets `-1`.
    fn add_anchor(&mut self, heading: &str) {
        let slug: String = heading
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let mut anchor = slug.clone();
        let mut count = 0;
        while !self.anchors.insert(anchor) {
            count += 1;
            anchor = format!("{slug}-{count}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn dead_links_are_found() {
        let page = "[a](gone.md)\n\n[b](../README.md#nowhere) ![c](/abs.png)\n\n[d](../../out.md)\n";
        let (_folder, project) = project(&[("docs/page.md", page), ("README.md", "# Here")]);
        let found: Vec<_> = check(&project).unwrap().iter().map(ToString::to_string).collect();
        let expected = [
            "docs/page.md:1: link `gone.md` leads to docs/gone.md, which is not there",
            "docs/page.md:3: link `../README.md#nowhere` leads to a heading that README.md does not have",
            "docs/page.md:3: link `/abs.png` leads out of the project",
            "docs/page.md:5: link `../../out.md` leads out of the project",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn living_links_and_code_pass() {
        let page = "# Two `words`, here!\n# Twice\n# Twice\n[a](#two-words-here) [b](#twice-1) [c](docs) \
                    [d](https://example.org/x) [e](docs/x.md#x) [f](mailto:a@example.org) [g](./docs/)\n\n    [h](gone.md)\n\n`[i](gone.md)`\n";
        let (_folder, project) = project(&[("README.md", page), ("docs/x.md", "## X")]);
        assert_eq!(check(&project).unwrap(), []);
    }
}
