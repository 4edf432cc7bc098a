//! The list of everything a template can call. `docs/templates.md` shows it, and a test compares the two.

use super::call::{Call, Outcome};
use super::{check, convert, format, items, json, list, number, operator, order, select, text};

/// How a built-in is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// `value|name(…)`
    Filter,
    /// `value is name(…)`
    Test,
    /// `name(…)`
    Function,
    /// `value.name(…)`
    Method,
    /// An operator or literal, not callable by name.
    Operator,
}

/// A built-in.
pub(in super::super) struct Builtin {
    pub(in super::super) kind: Kind,
    pub(in super::super) name: &'static str,
    /// The parameters after the value itself: `name` must be given, `name?` may be, `name=` only by name;
    /// `*` takes the rest.
    pub(in super::super) parameters: &'static [&'static str],
    /// What it does, for the table in the docs.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the test that keeps the docs true"))]
    pub(in super::super) about: &'static str,
    /// Whether its result is always a number.
    pub(in super::super) number: bool,
    /// Whether its result may nest one level deeper than what it was given.
    pub(in super::super) nests: bool,
    /// The kind of the built-in that it applies to each item, named by its first free argument.
    pub(in super::super) applies: Option<Kind>,
    pub(super) run: fn(&Call<'_>) -> Outcome,
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {}", self.kind, self.name)
    }
}

impl Builtin {
    /// How a message names it.
    pub(in super::super) fn written(&self) -> String {
        let name = self.name;
        match self.kind {
            Kind::Filter => format!("the filter `{name}`"),
            Kind::Test => format!("the test `{name}`"),
            Kind::Function => format!("the function `{name}`"),
            Kind::Method => format!("the method `{name}`"),
            Kind::Operator => format!("`{name}`"),
        }
    }
}

type Run = fn(&Call<'_>) -> Outcome;
type Names = &'static [&'static str];

const fn of(kind: Kind, name: &'static str, parameters: Names, run: Run, about: &'static str) -> Builtin {
    Builtin { kind, name, parameters, about, number: false, nests: false, applies: None, run }
}

const fn filter(name: &'static str, parameters: Names, run: Run, about: &'static str) -> Builtin {
    of(Kind::Filter, name, parameters, run, about)
}

const fn test(name: &'static str, parameters: Names, run: Run, about: &'static str) -> Builtin {
    of(Kind::Test, name, parameters, run, about)
}

const fn method(name: &'static str, parameters: Names, run: Run, about: &'static str) -> Builtin {
    of(Kind::Method, name, parameters, run, about)
}

const fn operator(name: &'static str, run: Run) -> Builtin {
    of(Kind::Operator, name, &["*"], run, "")
}

const fn number(builtin: Builtin) -> Builtin {
    Builtin { number: true, ..builtin }
}

const fn nests(builtin: Builtin) -> Builtin {
    Builtin { nests: true, ..builtin }
}

const fn applies(kind: Kind, builtin: Builtin) -> Builtin {
    Builtin { applies: Some(kind), nests: true, ..builtin }
}

/// Finds a built-in.
pub(in super::super) fn find(kind: Kind, name: &str) -> Option<&'static Builtin> {
    TABLE.iter().find(|builtin| builtin.kind == kind && builtin.name == name)
}

/// Every built-in, by kind and name.
pub(in super::super) static TABLE: &[Builtin] = &[
    number(filter("abs", &[], number::abs, "the number without its sign")),
    filter("attr", &["name"], items::attr, "the attribute of that name; undefined if there is none"),
    nests(filter("batch", &["count", "fill_with?"], list::batch, "rows of `count` items")),
    filter("bool", &[], convert::bool, "whether the value counts as true"),
    filter("capitalize", &[], text::capitalize, "first letter upper case, the rest lower case"),
    filter("chain", &["*"], list::chain, "the items of several lists, one after the other"),
    number(filter("count", &[], convert::length, "the same as `length`")),
    filter("d", &["default?", "boolean?"], convert::default, "the same as `default`"),
    filter(
        "default",
        &["default?", "boolean?"],
        convert::default,
        "another value if this one is undefined, or with `true` also if it counts as false, like none",
    ),
    nests(filter(
        "dictsort",
        &["case_sensitive?", "by?", "reverse?"],
        order::dictsort,
        "the `[key, value]` pairs of a map, sorted by `\"key\"` or `\"value\"`",
    )),
    filter("first", &[], list::first, "the first item; undefined if there is none"),
    number(filter("float", &["default?"], convert::float, "the value as a float")),
    filter(
        "format",
        &["*"],
        format::format,
        "printf: the value is the pattern, `%.2f` and the like, with widths up to 100",
    ),
    nests(filter(
        "groupby",
        &["attribute", "case_sensitive?"],
        order::groupby,
        "`[value, items]` pairs, by the value of an attribute",
    )),
    filter(
        "indent",
        &["width?", "first?", "blank?"],
        text::indent,
        "every line but the first moved right by `width` (4) spaces, up to 1000",
    ),
    number(filter("int", &["default?", "base?"], convert::int, "the value as a whole number")),
    nests(filter("items", &[], items::items, "the `[key, value]` pairs of a map")),
    filter("join", &["d?", "attribute?"], text::join, "the items as one text, with `d` between them"),
    filter("last", &[], list::last, "the last item; undefined if there is none"),
    number(filter("length", &[], convert::length, "the number of items, entries or characters")),
    filter("lines", &[], text::lines, "the lines of a text"),
    filter("list", &[], convert::list, "the items of a list, the keys of a map, the characters of a text"),
    filter("lower", &[], text::lower, "lower case"),
    applies(
        Kind::Filter,
        filter(
            "map",
            &["attribute=", "default=", "*"],
            select::map,
            "a filter on every item, `map(\"upper\")`, or an attribute of each, `map(attribute=\"a.b\")`",
        ),
    ),
    filter("max", &["case_sensitive?", "attribute?"], order::max, "the largest item"),
    filter("min", &["case_sensitive?", "attribute?"], order::min, "the smallest item"),
    applies(Kind::Test, filter("reject", &["*"], select::reject, "the items for which a test fails")),
    applies(
        Kind::Test,
        filter(
            "rejectattr",
            &["attribute", "*"],
            select::rejectattr,
            "the items whose attribute fails a test",
        ),
    ),
    filter("replace", &["from", "to"], text::replace, "every `from` replaced by `to`"),
    filter("reverse", &[], list::reverse, "the items or characters from the end"),
    number(filter(
        "round",
        &["precision?", "method?"],
        number::round,
        "rounded to `precision` digits; `\"common\"`, `\"ceil\"` or `\"floor\"`",
    )),
    applies(Kind::Test, filter("select", &["*"], select::select, "the items for which a test holds")),
    applies(
        Kind::Test,
        filter(
            "selectattr",
            &["attribute", "*"],
            select::selectattr,
            "the items whose attribute passes a test",
        ),
    ),
    nests(filter("slice", &["count", "fill_with?"], list::slice, "`count` columns of items")),
    filter(
        "sort",
        &["reverse?", "case_sensitive?", "attribute?"],
        order::sort,
        "sorted; `attribute` may name several, with commas",
    ),
    filter("split", &["separator?", "maxsplits?"], text::split, "the parts between separators, or the words"),
    filter("string", &[], convert::string, "the value as text"),
    number(filter("sum", &["attribute?", "start?"], number::sum, "the sum of numbers")),
    filter("title", &[], text::title, "every word with a capital"),
    filter("tojson", &["indent?"], json::tojson, "JSON, on one line or indented"),
    filter("trim", &["chars?"], text::trim, "without white space, or those characters, at both ends"),
    filter("unique", &["case_sensitive?", "attribute?"], order::unique, "each item once"),
    filter("upper", &[], text::upper, "upper case"),
    nests(filter("zip", &["*"], list::zip, "rows of one item from each list, as many as the shortest has")),
    // tests
    test("!=", &["other"], check::ne, "not equal"),
    test("<", &["other"], check::lt, "less"),
    test("<=", &["other"], check::le, "less or equal"),
    test("==", &["other"], check::eq, "equal"),
    test(">", &["other"], check::gt, "greater"),
    test(">=", &["other"], check::ge, "greater or equal"),
    test("boolean", &[], check::boolean, "true or false"),
    test("defined", &[], check::defined, "there is such a value"),
    test("divisibleby", &["number"], check::divisibleby, "divides without rest"),
    test("endingwith", &["text"], check::endingwith, "ends with the text"),
    test("eq", &["other"], check::eq, "equal"),
    test("equalto", &["other"], check::eq, "equal"),
    test("even", &[], check::even, "an even number"),
    test("false", &[], check::is_false, "false itself"),
    test("float", &[], check::float, "a float"),
    test("ge", &["other"], check::ge, "greater or equal"),
    test("greaterthan", &["other"], check::gt, "greater"),
    test("gt", &["other"], check::gt, "greater"),
    test("in", &["container"], check::is_in, "among the items, keys or parts"),
    test("int", &[], check::integer, "a whole number"),
    test("integer", &[], check::integer, "a whole number"),
    test("iterable", &[], check::iterable, "what `for` goes through: a list, map or text, or none"),
    test("le", &["other"], check::le, "less or equal"),
    test("lessthan", &["other"], check::lt, "less"),
    test("lower", &[], check::lower, "all in lower case"),
    test("lt", &["other"], check::lt, "less"),
    test("mapping", &[], check::mapping, "a map"),
    test("ne", &["other"], check::ne, "not equal"),
    test("none", &[], check::none, "null"),
    test("number", &[], check::number, "a number, or true or false"),
    test("odd", &[], check::odd, "an odd number"),
    test("sequence", &[], check::sequence, "a list"),
    test("startingwith", &["text"], check::startingwith, "begins with the text"),
    test("string", &[], check::string, "text"),
    test("true", &[], check::is_true, "true itself"),
    test("undefined", &[], check::undefined, "there is no such value"),
    test("upper", &[], check::upper, "all in upper case"),
    // functions; their first argument stands where the value of a filter does
    of(
        Kind::Function,
        "range",
        &["start", "stop?", "step?"],
        operator::range,
        "whole numbers: `range(3)` is `[0, 1, 2]`; at most 10000",
    ),
    // methods
    method("get", &["key", "default?"], items::get, "the entry of a map, or the default, or none"),
    nests(method("items", &[], items::items, "the `[key, value]` pairs of a map")),
    method("keys", &[], items::keys, "the keys of a map"),
    method("values", &[], items::values, "the values of a map"),
    // operators
    operator("!=", operator::ne),
    operator("*", operator::multiply),
    operator("+", operator::add),
    operator(".", items::follow),
    operator(".?", items::follow_softly),
    operator("<", operator::lt),
    operator("<=", operator::le),
    operator("==", operator::eq),
    operator(">", operator::gt),
    operator(">=", operator::ge),
    operator("[:]", operator::slice),
    operator("[]", operator::list),
    operator("chain", operator::chain),
    operator("in", operator::contains),
    operator("kept", operator::kept),
    operator("known", operator::known),
    operator("rows", operator::rows),
    operator("unpack", operator::unpack),
    operator("{}", operator::map),
    operator("~", operator::concatenate),
];
