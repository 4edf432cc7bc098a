//! Documents of every format, and those that mean harm.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ice_core::error::ErrorCode;
use ice_core::tools::{ProgressSink, ToolLimits};
use ice_core::value::Value;
use lopdf::{Dictionary, Document, Object, Stream, dictionary};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::tool;
use crate::ingest::{Chunk, Chunking, Document as Read, Format, Limits, Silent};
use crate::support::testing::{Bench, call, check};

fn read(bytes: impl AsRef<[u8]>, format: Format) -> Result<Read, (ErrorCode, String)> {
    let read = Read::read(bytes.as_ref().to_vec(), format, None, &Limits::default(), &Silent);
    read.map_err(|error| (error.code, error.message))
}

fn whole(document: &Read) -> Vec<Chunk> {
    document.chunks(Chunking::characters(1_000_000, 0).unwrap()).collect()
}

/// The parts of a document, each with its place as JSON.
fn parts(bytes: impl AsRef<[u8]>, format: Format) -> Vec<(String, Json)> {
    let document = read(bytes, format).unwrap();
    document.parts().map(|(text, place)| (text.to_owned(), serde_json::to_value(place).unwrap())).collect()
}

/// A PDF whose pages have these contents.
fn pdf(pages: &[&[u8]], compressed: bool) -> Vec<u8> {
    let mut document = Document::with_version("1.5");
    let root = document.new_object_id();
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => "WinAnsiEncoding",
    });
    let form = document.add_object(Stream::new(
        dictionary! { "Type" => "XObject", "Subtype" => "Form" },
        b"BT /F1 10 Tf 50 100 Td (within a form) Tj ET /X1 Do".to_vec(),
    ));
    let resources = document.add_object(dictionary! {
        "Font" => dictionary! { "F1" => font }, "XObject" => dictionary! { "X1" => form },
    });
    let kids: Vec<Object> = pages
        .iter()
        .map(|content| {
            let mut stream = Stream::new(Dictionary::new(), content.to_vec());
            if compressed {
                stream.compress().unwrap();
            }
            let content = document.add_object(stream);
            let page = dictionary! { "Type" => "Page", "Parent" => root, "Contents" => content };
            Object::Reference(document.add_object(page))
        })
        .collect();
    let count = i64::try_from(kids.len()).unwrap();
    let pages = dictionary! {
        "Type" => "Pages", "Kids" => kids, "Count" => count, "Resources" => resources,
        "MediaBox" => vec![0.into(), 0.into(), 595.into(), 842.into()],
    };
    document.objects.insert(root, Object::Dictionary(pages));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => root });
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();
    bytes
}

#[test]
fn text_is_paragraphs_with_lines_and_bytes() {
    let found = parts("One a.\nb\n\n\n  Two.", Format::Text);
    let expected = [
        ("One a.\nb".to_owned(), json!({"line": 1, "bytes": {"start": 0, "end": 8}})),
        ("Two.".to_owned(), json!({"line": 5, "bytes": {"start": 13, "end": 17}})),
    ];
    assert_eq!(found, expected);
}

#[test]
fn markdown_is_blocks_below_their_headings() {
    let text = "# A *b*\n\nOne `c`\ntwo.\n\n- x\n  - y\n\n## D\n\n```rust\nlet a = 1;\n```\n\n| h | i |\n|---|---|\n| 1 | 2 |\n\n# E\n\nlast";
    let found = parts(text, Format::Markdown);
    let shown: Vec<(&str, &Json)> =
        found.iter().map(|(text, place)| (text.as_str(), &place["headings"])).collect();
    let (a, d, e) = (json!(["A b"]), json!(["A b", "D"]), json!(["E"]));
    let expected = [
        ("A b", &a),
        ("One c\ntwo.", &a),
        ("x", &a),
        ("y", &a),
        ("D", &d),
        ("let a = 1;", &d),
        ("h\ti", &d),
        ("1\t2", &d),
        ("E", &e),
        ("last", &e),
    ];
    assert_eq!(shown, expected);
    assert_eq!(found[1].1["line"], 3);
}

#[test]
fn html_is_what_a_reader_sees() {
    let page = "<!doctype html><title>T &amp; t</title><script>if (a<b) { '<p>no' }</script><style>p{}</style>\
        <h1>A <b>big</b>\n thing</h1><p>One&nbsp;&eacute;<br>two <!-- no --> three<ul><li>x<li>y</ul>\
        <table><tr><td>1<td>2</table><pre> a\n  b</pre><h2>S</h2>loose<template><p>no</p></template>";
    let found = parts(page, Format::Html);
    let shown: Vec<(&str, String)> =
        found.iter().map(|(text, place)| (text.as_str(), place["headings"].to_string())).collect();
    let a = "[\"A big thing\"]".to_owned();
    let s = "[\"A big thing\",\"S\"]".to_owned();
    let expected = [
        ("T & t", "null".to_owned()),
        ("A big thing", a.clone()),
        ("One\u{a0}é\ntwo three", a.clone()),
        ("x", a.clone()),
        ("y", a.clone()),
        ("1\t2", a.clone()),
        ("a\n  b", a),
        ("S", s.clone()),
        ("loose", s),
    ];
    assert_eq!(shown, expected);
    let latin = b"<meta charset=iso-8859-1><p>gr\xfcn";
    assert_eq!(parts(latin, Format::Html)[0].0, "grün");
}

#[test]
fn rows_and_values_know_where_they_stand() {
    let found = parts("name;age\nAda;36\n\"Bob;\nB\";\nEve;1;x", Format::Csv);
    let shown: Vec<(&str, &Json, &Json)> =
        found.iter().map(|(text, place)| (text.as_str(), &place["row"], &place["line"])).collect();
    let expected = [
        ("name: Ada\nage: 36", &json!(1), &json!(2)),
        ("name: Bob;\nB", &json!(2), &json!(3)),
        ("name: Eve\nage: 1\nx", &json!(3), &json!(5)),
    ];
    assert_eq!(shown, expected);

    let found = parts(r#"{"a/b": [1, {"c": "text"}, null, ""], "d": true, "e": 1.5}"#, Format::Json);
    let shown: Vec<(&str, &str)> =
        found.iter().map(|(text, place)| (text.as_str(), place["pointer"].as_str().unwrap())).collect();
    assert_eq!(shown, [("1", "/a~1b/0"), ("c: text", "/a~1b/1/c"), ("d: true", "/d"), ("e: 1.5", "/e")]);

    let found = parts("{\"a\": 1}\n\n[2]\n", Format::JsonLines);
    let expected = [
        ("a: 1".to_owned(), json!({"line": 1, "pointer": "/a"})),
        ("2".to_owned(), json!({"line": 3, "pointer": "/0"})),
    ];
    assert_eq!(found, expected);
    assert!(read("{\"a\": 1}\nno", Format::JsonLines).unwrap_err().1.contains("line 2 is not JSON"));
}

#[test]
fn pages_of_a_pdf_are_lines_and_paragraphs() {
    let first: &[u8] =
        b"BT /F1 12 Tf 14 TL 72 700 Td (First line) Tj T* (gr\xfcn ) Tj [(to) -50 (gether) -300 (apart)] TJ \
        0 -40 Td (A new paragraph) Tj 100 0 Td (beside) Tj ET";
    let second: &[u8] = b"/X1 Do BT /F1 12 Tf 1 0 0 1 72 300 Tm (Page two) Tj (\\() ' ET";
    for compressed in [false, true] {
        let found = parts(pdf(&[first, second], compressed), Format::Pdf);
        let expected = [
            ("First line\ngrün together apart".to_owned(), json!({"page": 1, "line": 1})),
            ("A new paragraph beside".to_owned(), json!({"page": 1, "line": 3})),
            ("within a form".to_owned(), json!({"page": 2, "line": 1})),
            ("Page two(".to_owned(), json!({"page": 2, "line": 2})),
        ];
        assert_eq!(found, expected);
    }
}

#[test]
fn pieces_overlap_end_at_sentences_and_begin_with_sections() {
    let text = "One one. Two two. Three three.\n\nFour four.";
    let document = read(text, Format::Text).unwrap();
    let cut = |size, overlap| -> Vec<String> {
        document.chunks(Chunking::characters(size, overlap).unwrap()).map(|chunk| chunk.text).collect()
    };
    assert_eq!(cut(20, 0), ["One one. Two two.", "Three three.", "Four four."]);
    assert_eq!(cut(24, 12), ["One one. Two two.", "Two two. Three three.", "Four four."]);
    assert_eq!(cut(5, 0), ["One", "one.", "Two", "two.", "Three", "three", ".", "Four", "four."]);
    let sections = read("# A\n\nAaaa aaaa.\n\n# B\n\nBbbb.", Format::Markdown).unwrap();
    let pieces: Vec<_> =
        sections.chunks(Chunking::characters(25, 10).unwrap()).map(|chunk| chunk.text).collect();
    assert_eq!(pieces, ["A\n\nAaaa aaaa.", "B\n\nBbbb."]);
}

proptest! {
    #[test]
    fn pieces_are_bounded_whole_in_order_and_the_same_again(
        text in "([a-zä]{1,12}[ .\n]{0,3}){0,60}", size in 1_u64..60, overlap in 0_u64..59, resume in 0_usize..30
    ) {
        let overlap = overlap.min(size - 1);
        let document = read(&text, Format::Text).unwrap();
        let how = Chunking::characters(size, overlap).unwrap();
        let chunks: Vec<Chunk> = document.chunks(how.clone()).collect();
        let mut end = 0;
        for (index, chunk) in chunks.iter().enumerate() {
            prop_assert_eq!(chunk.index, index as u64);
            prop_assert!(chunk.text.chars().count() as u64 <= size);
            prop_assert_eq!(document.text().get(chunk.range.clone()), Some(chunk.text.as_str()));
            prop_assert!(chunk.range.end > end);
            // What is between pieces is white space.
            prop_assert!(document.text().get(end..chunk.range.start).unwrap_or_default().trim().is_empty());
            let shared = document.text().get(chunk.range.start..end).unwrap_or_default();
            prop_assert!(shared.chars().count() as u64 <= overlap);
            end = chunk.range.end;
        }
        prop_assert_eq!(end, document.text().len());
        let after = resume.min(chunks.len());
        let rest: Vec<Chunk> = document.chunks(how).after(after.checked_sub(1).map(|last| last as u64)).collect();
        prop_assert_eq!(rest, &chunks[after..]);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), format in 0_usize..7) {
        let formats = [
            Format::Text, Format::Markdown, Format::Html, Format::Csv, Format::Json, Format::JsonLines, Format::Pdf,
        ];
        if let Ok(document) = read(&bytes, formats[format]) {
            whole(&document);
        }
    }
}

/// Runs what means harm, and says that it ended soon.
fn attack(name: &str, bytes: impl AsRef<[u8]>, format: Format, expected: Option<ErrorCode>) {
    let begun = Instant::now();
    let limits = Limits { output_bytes: 8 << 20, parts: 100_000, ..Limits::default() };
    let read = Read::read(bytes.as_ref().to_vec(), format, None, &limits, &Silent);
    assert_eq!(read.as_ref().err().map(|error| error.code), expected, "{name}: {:?}", read.err());
    println!("{name}: {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(60), "{name}: {:?}", begun.elapsed());
}

#[test]
fn documents_that_mean_harm_end_soon_with_a_clear_error() {
    use ErrorCode::{DataInvalid, LimitExceeded};
    attack("deep JSON", "[".repeat(1_000_000), Format::Json, Some(DataInvalid));
    attack(
        "deep JSON that ends",
        "[".repeat(100_000) + &"]".repeat(100_000),
        Format::Json,
        Some(DataInvalid),
    );
    attack("many values", format!("[{}0]", "0,".repeat(200_000)), Format::Json, Some(LimitExceeded));
    attack("a huge cell", format!("a\n\"{}\"", "x".repeat(9 << 20)), Format::Csv, Some(LimitExceeded));
    attack(
        "a wide header",
        format!("{}\n{}", "n".repeat(100_000), "1\n".repeat(200)),
        Format::Csv,
        Some(LimitExceeded),
    );
    attack("rows of nothing", ",\n".repeat(500_000), Format::Csv, None);
    attack("entities", "&amp;".repeat(100_000), Format::Html, None);
    attack("entities that are none", "&x".repeat(100_000), Format::Html, None);
    attack("deep elements", "<div>".repeat(100_000), Format::Html, None);
    attack("deep formatting", "<b><i>".repeat(70_000), Format::Html, None);
    attack(
        "attributes",
        format!("<p {}>", (0..100_000).fold(String::new(), |all, n| all + &format!("a{n}=1 "))),
        Format::Html,
        Some(LimitExceeded),
    );
    attack("an open tag", format!("<p {}", "a".repeat(1 << 20)), Format::Html, None);
    attack("an open comment", format!("<!--{}", "-".repeat(1 << 20)), Format::Html, None);
    attack("deep quotes", ">".repeat(20_000), Format::Markdown, None);
    attack("open brackets", "[".repeat(50_000), Format::Markdown, None);
    attack("emphasis", "*a_ ".repeat(50_000), Format::Markdown, None);
    attack("UTF-16 without a mark", b"\x00a\xff\xfe\xd8", Format::Text, Some(DataInvalid));
    attack("no PDF", "hello", Format::Pdf, Some(DataInvalid));
    attack("half a PDF", &pdf(&[b"BT (x) Tj ET"], false)[..200], Format::Pdf, Some(DataInvalid));
    let deep = format!("%PDF-1.4\n1 0 obj\n{}\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF", "[".repeat(200_000));
    attack("a deep PDF", deep, Format::Pdf, Some(DataInvalid));
    // 64 MiB of spaces in a few kilobytes.
    attack("a PDF that unpacks", pdf(&[&vec![b' '; 64 << 20]], true), Format::Pdf, Some(DataInvalid));
    // It shows itself.
    attack("a form in a form", pdf(&[b"/X1 Do"], false), Format::Pdf, None);
}

#[test]
fn a_document_is_refused_beyond_each_limit() {
    let check = |limits: Limits, part: &str| {
        let bytes = pdf(&[b"BT (one) Tj ET", b"BT (two) Tj ET"], false);
        let refused = Read::read(bytes, Format::Pdf, None, &limits, &Silent).unwrap_err();
        assert_eq!(refused.code, ErrorCode::LimitExceeded);
        assert!(refused.message.contains(part), "{refused}");
    };
    let limits = Limits::default();
    check(Limits { input_bytes: 100, ..limits }, "and 100 is the most");
    check(Limits { output_bytes: 5, ..limits }, "the text of the document has more bytes");
    check(Limits { pages: 1, ..limits }, "the PDF has more pages");
    check(Limits { operations: 3, ..limits }, "the pages of the PDF have more operations");
    check(Limits { parts: 1, ..limits }, "the document has more parts");
}

#[derive(Debug, Default)]
struct Told(Mutex<Vec<Value>>);

impl ProgressSink for Told {
    fn report(&self, progress: Value) {
        self.0.lock().unwrap().push(progress);
    }
}

#[tokio::test]
async fn the_tool_reads_files_goes_on_and_tells_how_far_it_is() {
    let tool = tool().unwrap();
    let mut bench = Bench::new();
    let told = Arc::new(Told::default());
    bench.ctx.progress = Some(told.clone());
    bench.file("a.pdf", pdf(&[b"BT (one) Tj ET", b"BT (two) Tj ET"], true));
    let output = call(&*tool, &bench.ctx, json!({"path": "a.pdf", "size": 4})).await.unwrap();
    assert_eq!(
        (&output["format"], &output["count"], &output["more"]),
        (&json!("pdf"), &json!(2), &json!(false))
    );
    assert_eq!(output["chunks"][1]["start"], json!({"page": 2, "line": 1}));
    assert_eq!(
        *told.0.lock().unwrap(),
        [50_u64, 100].map(|percent| Value::map([("percent", Value::from(percent))]))
    );
    let first = call(&*tool, &bench.ctx, json!({"path": "a.pdf", "size": 4, "limit": 1})).await.unwrap();
    assert_eq!((&first["more"], &first["chunks"][0]), (&json!(true), &output["chunks"][0]));
    let rest = call(&*tool, &bench.ctx, json!({"path": "a.pdf", "size": 4, "after": 0})).await.unwrap();
    assert_eq!((&rest["chunks"][0], &rest["count"]), (&output["chunks"][1], &json!(1)));

    let tokens = json!({"text": "Abcd efgh. Ijkl mnop.", "by": "tokens", "size": 3});
    assert_eq!(call(&*tool, &bench.ctx, tokens).await.unwrap()["count"], 2);
    for (input, code, part) in [
        (
            json!({"text": "a", "size": 2, "overlap": 2}),
            ErrorCode::ToolInputInvalid,
            "`overlap` must be less",
        ),
        (json!({"path": "a.pdf", "text": "a"}), ErrorCode::ToolInputInvalid, "either `path` or `text`"),
        (json!({"path": "../secret"}), ErrorCode::PathSecurityViolation, ""),
        (json!({"text": "a", "media_type": "image/png"}), ErrorCode::ToolInputInvalid, "state `format`"),
    ] {
        check(&*tool, &bench.ctx, input, Err((code, part))).await;
    }
    bench.ctx.limits = ToolLimits { max_items: 1, ..ToolLimits::default() };
    let both = json!({"path": "a.pdf", "size": 4});
    check(&*tool, &bench.ctx, both, Err((ErrorCode::LimitExceeded, "with `limit` and `after`"))).await;
}
