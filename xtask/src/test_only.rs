//! Code that exists only in tests: which items those are, and on which lines of a file they stand.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, Meta, Token, TraitItem};

/// What of one file exists only in tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TestOnly {
    /// Its lines, from 1.
    pub(crate) lines: BTreeSet<usize>,
    /// Modules whose text is in files of their own.
    pub(crate) modules: Vec<String>,
}

/// Reads the text of a file.
pub(crate) fn read(text: &str) -> Result<TestOnly> {
    let file =
        syn::parse_file(text).map_err(|error| anyhow!("line {}: {error}", error.span().start().line))?;
    let mut found = TestOnly::default();
    if is_test_only(&file.attrs) {
        found.lines.extend(1..=text.lines().count());
    }
    found.visit_file(&file);
    Ok(found)
}

impl TestOnly {
    fn take(&mut self, item: &impl Spanned) {
        let span = item.span();
        self.lines.extend(span.start().line..=span.end().line);
    }
}

impl<'ast> Visit<'ast> for TestOnly {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test_only(attributes(item)) {
            return visit::visit_item(self, item);
        }
        self.take(item);
        if let Item::Mod(module) = item
            && module.content.is_none()
        {
            self.modules.push(module.ident.unraw().to_string());
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        if is_test_only(of_impl(item)) { self.take(item) } else { visit::visit_impl_item(self, item) }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        if is_test_only(of_trait(item)) { self.take(item) } else { visit::visit_trait_item(self, item) }
    }
}

/// The attributes of an item of an implementation.
pub(crate) fn of_impl(item: &ImplItem) -> &[Attribute] {
    match item {
        ImplItem::Const(item) => &item.attrs,
        ImplItem::Fn(item) => &item.attrs,
        ImplItem::Type(item) => &item.attrs,
        ImplItem::Macro(item) => &item.attrs,
        ImplItem::Verbatim(_) | _ => &[],
    }
}

/// The attributes of an item of a trait.
pub(crate) fn of_trait(item: &TraitItem) -> &[Attribute] {
    match item {
        TraitItem::Const(item) => &item.attrs,
        TraitItem::Fn(item) => &item.attrs,
        TraitItem::Type(item) => &item.attrs,
        TraitItem::Macro(item) => &item.attrs,
        TraitItem::Verbatim(_) | _ => &[],
    }
}

/// The attributes of an item.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Verbatim(_) | _ => &[],
    }
}

/// Whether an item exists only in tests: `#[test]` and its kind, or a `#[cfg]` that cannot hold without
/// `test`.
pub(crate) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let path = attribute.path();
        if path.is_ident("cfg") {
            attribute.parse_args::<Meta>().is_ok_and(|condition| !may_hold(&condition, true))
        } else {
            path.segments.last().is_some_and(|last| last.ident == "test")
        }
    })
}

/// Whether a condition can come out as `wanted` in a build without `test`.
fn may_hold(condition: &Meta, wanted: bool) -> bool {
    let parts = |list: &syn::MetaList| {
        list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .map(|parts| parts.into_iter().collect::<Vec<_>>())
            .unwrap_or_default()
    };
    match condition {
        Meta::Path(path) if path.is_ident("test") => !wanted,
        Meta::Path(_) | Meta::NameValue(_) => true,
        Meta::List(list) => {
            let parts = parts(list);
            let mut each = parts.iter().map(|part| may_hold(part, wanted));
            let negated = list.path.is_ident("not");
            match (list.path.is_ident("all"), list.path.is_ident("any")) {
                (true, _) => {
                    if wanted {
                        each.all(|may| may)
                    } else {
                        each.any(|may| may)
                    }
                }
                (_, true) => {
                    if wanted {
                        each.any(|may| may)
                    } else {
                        each.all(|may| may)
                    }
                }
                _ if negated => parts.iter().all(|part| may_hold(part, !wanted)),
                _ => true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_tests_are_told_from_the_others() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nmod c {\n    #[test]\n    fn d() {}\n}\n\
                    #[cfg(test)]\nmod outside;\nimpl A {\n    #[cfg(test)]\n    fn e() {}\n    fn f() {}\n}\n";
        let found = read(text).unwrap();
        assert_eq!(found.lines.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5, 7, 8, 10, 11, 13, 14]);
        assert_eq!(found.modules, ["outside"]);
    }

    #[test]
    fn a_file_that_is_no_rust_is_an_error() {
        assert!(read("fn (").unwrap_err().to_string().starts_with("line 1"));
    }
}
