//! One source file as syntax: its modules, the names they import, and every path and method they use.
//! Code that exists only in tests is left out.

use std::collections::BTreeMap;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::visit::{self, Visit};
use syn::{ImplItem, Item, ItemMod, ItemUse, TraitItem, UseTree};

use crate::test_only::{attributes, is_test_only, of_impl, of_trait};

/// A path as it is written at some place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// Its segments; `crate`, `self` and `super` included.
    pub(super) path: Vec<String>,
    /// The line, from 1.
    pub(super) line: usize,
    /// Whether everything below it is imported: `use path::*`.
    pub(super) glob: bool,
}

/// What one module contains.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// The names it imports, each with the paths it may stand for.
    pub(super) names: BTreeMap<String, Vec<Vec<String>>>,
    /// The paths it uses, imports included.
    pub(super) uses: Vec<Use>,
    /// The methods it calls, by name, with the line.
    pub(super) methods: Vec<(String, usize)>,
    /// Modules declared here whose text is in a file of its own, with the line.
    pub(super) outlined: Vec<(String, usize)>,
}

/// The modules of one file: the file's own under the empty path, inline ones under theirs.
pub(super) fn read(text: &str) -> Result<BTreeMap<Vec<String>, Module>> {
    let file = syn::parse_file(text).map_err(|error| {
        let start = error.span().start();
        anyhow!("line {}: {error}", start.line)
    })?;
    let mut reader = Reader::default();
    reader.modules.insert(Vec::new(), Module::default());
    if !is_test_only(&file.attrs) {
        reader.visit_file(&file);
    }
    Ok(reader.modules)
}

#[derive(Default)]
struct Reader {
    inside: Vec<String>,
    modules: BTreeMap<Vec<String>, Module>,
}

impl Reader {
    fn module(&mut self) -> &mut Module {
        self.modules.entry(self.inside.clone()).or_default()
    }

    fn found(&mut self, path: Vec<String>, span: Span, glob: bool) {
        let line = span.start().line;
        self.module().uses.push(Use { path, line, glob });
    }

    fn import(&mut self, tree: &UseTree, prefix: &[String]) {
        let with = |name: &syn::Ident| {
            let mut path = prefix.to_vec();
            path.push(name.unraw().to_string());
            path
        };
        match tree {
            UseTree::Path(tree) => self.import(&tree.tree, &with(&tree.ident)),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, prefix);
                }
            }
            UseTree::Name(leaf) => {
                // `use a::b::{self}` names `a::b`.
                let path = if leaf.ident == "self" { prefix.to_vec() } else { with(&leaf.ident) };
                self.named(path.last().cloned(), path, leaf.ident.span());
            }
            UseTree::Rename(leaf) => {
                let path = if leaf.ident == "self" { prefix.to_vec() } else { with(&leaf.ident) };
                self.named(Some(leaf.rename.unraw().to_string()), path, leaf.ident.span());
            }
            UseTree::Glob(glob) => self.found(prefix.to_vec(), glob.star_token.span, true),
        }
    }

    fn named(&mut self, name: Option<String>, path: Vec<String>, span: Span) {
        if let Some(name) = name {
            self.module().names.entry(name).or_default().push(path.clone());
        }
        self.found(path, span, false);
    }

    /// Finds paths and method calls in the text of a macro, which has no syntax of its own.
    fn scan(&mut self, tokens: TokenStream, prefix: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |at: usize, wanted: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Group(group) => self.scan(group.stream(), &[]),
                TokenTree::Ident(first) => {
                    let is_method = at >= 2 && is(at - 2, '.');
                    let span = first.span();
                    let mut path = prefix.to_vec();
                    path.push(first.unraw().to_string());
                    while is(at, ':') && is(at + 1, ':') {
                        match tokens.get(at + 2) {
                            Some(TokenTree::Ident(next)) => path.push(next.unraw().to_string()),
                            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                                self.scan(group.stream(), &path);
                            }
                            _ => break,
                        }
                        at += 3;
                    }
                    if is_method {
                        self.module().methods.extend(path.pop().map(|name| (name, span.start().line)));
                    } else if path.len() > 1 {
                        self.found(path, span, false);
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test_only(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if !is_test_only(of_impl(item)) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        if !is_test_only(of_trait(item)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let name = item.ident.unraw().to_string();
        if item.content.is_some() {
            self.inside.push(name);
            self.module();
            visit::visit_item_mod(self, item);
            self.inside.pop();
        } else {
            let line = item.ident.span().start().line;
            self.module().outlined.push((name, line));
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            let segments = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
            self.found(segments, first.ident.span(), false);
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let found = (call.method.unraw().to_string(), call.method.span().start().line);
        self.module().methods.push(found);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        visit::visit_macro(self, call);
        self.scan(call.tokens.clone(), &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(text: &str) -> Vec<String> {
        let modules = read(text).unwrap();
        modules.values().flat_map(|module| &module.uses).map(|found| found.path.join("::")).collect()
    }

    fn methods(text: &str) -> Vec<String> {
        let modules = read(text).unwrap();
        modules.values().flat_map(|module| &module.methods).map(|(name, _)| name.clone()).collect()
    }

    #[test]
    fn nested_imports_are_flattened() {
        let text = "use std::{fs::{self, File as F}, io};";
        assert_eq!(uses(text), ["std::fs", "std::fs::File", "std::io"]);
        let modules = read(text).unwrap();
        let names: Vec<_> = modules[&Vec::new()].names.keys().cloned().collect();
        assert_eq!(names, ["F", "fs", "io"]);
    }

    #[test]
    fn paths_in_macros_are_found() {
        let text = "fn f(p: &P) { g!(std::fs::read(x), a = p.exists(), use b::{c::d, e}); }";
        let found = uses(text);
        for path in ["std::fs::read", "b::c::d", "b::e"] {
            assert!(found.contains(&path.to_owned()), "{path} in {found:?}");
        }
        assert_eq!(methods(text), ["exists"]);
    }

    #[test]
    fn lines_are_counted() {
        let modules = read("\n\nuse a::b;").unwrap();
        assert_eq!(
            modules[&Vec::new()].uses,
            [Use { path: vec!["a".into(), "b".into()], line: 3, glob: false }]
        );
    }

    #[test]
    fn only_what_tests_alone_see_is_left_out() {
        for (condition, seen) in [
            ("#[cfg(test)]", false),
            ("#[test]", false),
            ("#[tokio::test]", false),
            ("#[cfg(all(test, unix))]", false),
            ("#[cfg(any(test, feature = \"testing\"))]", true),
            ("#[cfg(not(test))]", true),
            ("#[cfg(not(not(test)))]", false),
            ("#[cfg(unix)]", true),
            ("", true),
        ] {
            let found = uses(&format!("{condition} fn f() {{ a::b() }}"));
            assert_eq!(found.contains(&"a::b".to_owned()), seen, "{condition}");
        }
    }

    #[test]
    fn modules_in_files_of_their_own_are_declared() {
        let modules = read("mod a; mod b { mod c; }").unwrap();
        assert_eq!(modules[&Vec::new()].outlined, [("a".to_owned(), 1)]);
        assert_eq!(modules[&vec!["b".to_owned()]].outlined, [("c".to_owned(), 1)]);
    }
}
