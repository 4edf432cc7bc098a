//! Lints are silenced with `#[expect(lint, reason = "…")]`: it says why, and goes when it is not needed.

use anyhow::Result;
use syn::visit::{self, Visit};

use super::Guard;
use crate::finding::Finding;
use crate::project::Project;

/// The guard of silenced lints.
pub(crate) const GUARD: Guard =
    Guard { name: "expectations", about: "lints are silenced by `#[expect(…, reason = …)]` only", check };

fn check(project: &Project) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for file in project.files_ending(&["rs"]) {
        // What cannot be parsed is the compiler's to report.
        if let Ok(syntax) = syn::parse_file(&project.read(file)?) {
            let mut reader = Reader { file, findings: &mut findings };
            reader.visit_file(&syntax);
        }
    }
    Ok(findings)
}

struct Reader<'a> {
    file: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let path = attribute.path();
        let (file, line) = (self.file, attribute.pound_token.span.start().line);
        let mut found = |message: &str| self.findings.push(Finding::at(file, line, message));
        // What several tests or benchmarks share is unused in some of them: there nothing can be expected.
        let may_be_shared = file.split('/').any(|part| part == "tests" || part == "benches");
        if path.is_ident("allow") && !(may_be_shared && gives_reason(attribute)) {
            found("`allow` stays when it is no longer needed: write `#[expect(lint, reason = \"…\")]`");
        }
        if path.is_ident("expect") && !gives_reason(attribute) {
            found("`expect` needs a reason: `#[expect(lint, reason = \"…\")]`");
        }
        visit::visit_attribute(self, attribute);
    }
}

fn gives_reason(attribute: &syn::Attribute) -> bool {
    let mut found = false;
    let parsed = attribute.parse_nested_meta(|meta| {
        if meta.path.is_ident("reason") {
            let reason: syn::LitStr = meta.value()?.parse()?;
            found = !reason.value().trim().is_empty();
        }
        Ok(())
    });
    parsed.is_ok() && found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::fixture::project;

    #[test]
    fn silence_without_a_reason_is_found() {
        let text = "#![allow(dead_code)]\n#[expect(unused)]\nfn f() {}\n#[expect(unused, reason = \" \")]\nfn g() {}\n\
                    #[expect(clippy::unwrap_used, reason = \"a test\")]\nfn h() {}\n";
        let shared = "#![allow(dead_code, reason = \"not every test uses all\")]\n";
        let (_folder, project) = project(&[
            ("a.rs", text),
            ("tests/common/mod.rs", shared),
            ("benches/a.rs", "#![allow(unused)]"),
        ]);
        let lines: Vec<_> = check(&project).unwrap().into_iter().filter_map(|finding| finding.line).collect();
        assert_eq!(lines, [1, 2, 4, 1]);
    }
}
