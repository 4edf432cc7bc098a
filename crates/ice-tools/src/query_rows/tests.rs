use ice_core::error::ErrorCode;
use serde_json::{Value as Json, json};

use super::tool;
use crate::support::testing::{Bench, call, check, context};

fn rows() -> Json {
    json!([
        {"city": "Oslo", "country": "NO", "size": 700, "tags": ["cold", "sea"], "at": {"lat": 59.9}},
        {"city": "Bergen", "country": "NO", "size": 285, "tags": ["sea"], "at": {"lat": 60.4}},
        {"city": "Graz", "country": "AT", "size": 290.0, "tags": [], "at": {"lat": 47.1}},
        {"city": "Nowhere", "country": null, "size": null},
    ])
}

async fn query(mut input: Json) -> Json {
    input["rows"] = rows();
    call(&*tool().unwrap(), &context(), input).await.unwrap()["rows"].clone()
}

async fn cities(conditions: Json) -> Vec<String> {
    let found = query(json!({"where": conditions, "select": ["city"]})).await;
    found.as_array().unwrap().iter().map(|row| row["city"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn conditions_keep_rows() {
    for (column, op, value, expected) in [
        ("size", "eq", json!(290), &["Graz"][..]),
        ("size", "ne", json!(290), &["Oslo", "Bergen", "Nowhere"]),
        ("size", "gt", json!(285), &["Oslo", "Graz"]),
        ("size", "ge", json!(290), &["Oslo", "Graz"]),
        ("size", "lt", json!(290), &["Bergen"]),
        ("size", "le", json!(290), &["Bergen", "Graz"]),
        ("size", "gt", json!("1"), &[]),
        ("city", "lt", json!("H"), &["Bergen", "Graz"]),
        ("city", "contains", json!("er"), &["Bergen", "Nowhere"]),
        ("tags", "contains", json!("sea"), &["Oslo", "Bergen"]),
        ("city", "starts_with", json!("O"), &["Oslo"]),
        ("city", "ends_with", json!("o"), &["Oslo"]),
        ("city", "matches", json!("^.r"), &["Graz"]),
        ("country", "in", json!(["AT", null]), &["Graz", "Nowhere"]),
        ("country", "not_in", json!(["AT", null]), &["Oslo", "Bergen"]),
        ("country", "is_null", json!(null), &["Nowhere"]),
        ("country", "not_null", json!(null), &["Oslo", "Bergen", "Graz"]),
        ("at.lat", "gt", json!(60), &["Bergen"]),
    ] {
        let found = cities(json!([{"column": column, "op": op, "value": value}])).await;
        assert_eq!(found, expected, "{column} {op} {value}");
    }
    let any = json!([{"column": "city", "op": "eq", "value": "Oslo"}, {"column": "size", "op": "is_null"}]);
    let found = query(json!({"where_any": any, "where": [{"column": "country", "op": "not_null"}]})).await;
    assert_eq!(found, json!([rows()[0]]));
}

#[tokio::test]
async fn groups_are_computed() {
    let found = query(json!({
        "group_by": ["country"],
        "aggregate": [
            {"function": "count"}, {"function": "sum", "column": "size"},
            {"function": "mean", "column": "size", "as": "average"}, {"function": "max", "column": "city"},
        ],
        "sort": [{"column": "count", "descending": true}, {"column": "country"}],
    }))
    .await;
    assert_eq!(
        found,
        json!([
            {"country": "NO", "count": 2, "sum_size": 985, "average": 492.5, "max_city": "Oslo"},
            {"country": "AT", "count": 1, "sum_size": 290.0, "average": 290.0, "max_city": "Graz"},
            {"country": null, "count": 1, "sum_size": 0, "average": null, "max_city": "Nowhere"},
        ])
    );
    let found = query(json!({"aggregate": [
        {"function": "median", "column": "size"}, {"function": "min", "column": "size"},
        {"function": "count", "column": "size"}, {"function": "count_distinct", "column": "country"},
        {"function": "first", "column": "city"}, {"function": "last", "column": "city"},
        {"function": "list", "column": "country"},
    ]}))
    .await;
    assert_eq!(
        found,
        json!([{"median_size": 290.0, "min_size": 285, "count_size": 3, "count_distinct_country": 2,
                "first_city": "Oslo", "last_city": "Nowhere", "list_country": ["NO", "NO", "AT"]}])
    );
    let none = json!([{"column": "size", "op": "gt", "value": 9999}]);
    let found = query(json!({"where": none, "aggregate": [{"function": "count"}]})).await;
    assert_eq!(found, json!([{"count": 0}]));
}

#[tokio::test]
async fn rows_are_sorted_cut_and_made_distinct() {
    let names = |found: Json| {
        found
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["city"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let by = |descending: bool| json!({"sort": [{"column": "size", "descending": descending}]});
    assert_eq!(names(query(by(false)).await), ["Bergen", "Graz", "Oslo", "Nowhere"]);
    assert_eq!(names(query(by(true)).await), ["Oslo", "Graz", "Bergen", "Nowhere"]);
    let input = json!({"sort": [{"column": "city"}], "offset": 1, "limit": 2});
    assert_eq!(names(query(input).await), ["Graz", "Nowhere"]);
    let found = query(json!({"select": ["country"], "distinct": true, "limit": 2})).await;
    assert_eq!(found, json!([{"country": "NO"}, {"country": "AT"}]));
    let same = json!({"rows": [{"a": 1, "b": 2}, {"b": 2, "a": 1.0}, {"a": 1}], "distinct": true});
    let found = call(&*tool().unwrap(), &context(), same).await.unwrap();
    assert_eq!(found["rows"], json!([{"a": 1, "b": 2}, {"a": 1}]));
}

#[tokio::test]
async fn rows_come_from_files_of_every_kind() {
    let bench = Bench::new();
    bench.file("a.csv", "n,x\n1,a\n2,b\n");
    bench.file("a.tsv", "n\tx\n2\tb\n");
    bench.file("a.json", r#"[{"n": 2, "x": "b"}]"#);
    bench.file("a.jsonl", "{\"n\": 2, \"x\": \"b\"}\n");
    for path in ["a.csv", "a.tsv", "a.json", "a.jsonl"] {
        let input = json!({"path": path, "where": [{"column": "n", "op": "ge", "value": 2}]});
        let expected = json!({"rows": [{"n": 2, "x": "b"}], "count": 1, "matched": 1});
        check(&*tool().unwrap(), &bench.ctx, input, Ok(expected)).await;
    }
}

#[tokio::test]
async fn a_file_has_any_number_of_rows_and_only_what_is_kept_is_bounded() {
    let mut bench = Bench::new();
    bench.ctx.limits.max_items = 3;
    let numbers = || (0..1_000).map(|n| (n, ["a", "b", "c", "d"][n % 4]));
    let csv: String = numbers().map(|(n, x)| format!("{n},{x}\n")).collect();
    bench.file("big.csv", format!("n,x\n{csv}"));
    let lines: String = numbers().map(|(n, x)| format!("{{\"n\": {n}, \"x\": \"{x}\"}}\n")).collect();
    bench.file("big.jsonl", lines);
    let tool = tool().unwrap();
    for path in ["big.csv", "big.jsonl"] {
        let ask = |mut input: Json| {
            input["path"] = json!(path);
            input
        };
        let input = ask(
            json!({"group_by": ["x"], "aggregate": [{"function": "sum", "column": "n", "as": "n"}], "limit": 2}),
        );
        let rows = json!([{"x": "a", "n": 124_500}, {"x": "b", "n": 124_750}]);
        check(&*tool, &bench.ctx, input, Ok(json!({"rows": rows, "count": 2, "matched": 1_000}))).await;
        let input = ask(json!({"sort": [{"column": "n", "descending": true}], "offset": 1, "limit": 1}));
        let rows = json!([{"n": 998, "x": "c"}]);
        check(&*tool, &bench.ctx, input, Ok(json!({"rows": rows, "count": 1, "matched": 1_000}))).await;
        let input = ask(json!({"where": [{"column": "n", "op": "ge", "value": 999}]}));
        let rows = json!([{"n": 999, "x": "d"}]);
        check(&*tool, &bench.ctx, input, Ok(json!({"rows": rows, "count": 1, "matched": 1}))).await;
        let input = ask(json!({"sort": [{"column": "n"}]}));
        let limit = (ErrorCode::LimitExceeded, "more than 3 rows to return: set `limit`");
        check(&*tool, &bench.ctx, input, Err(limit)).await;
        let input = ask(json!({"limit": 1, "where": [{"column": "m", "op": "is_null"}]}));
        let column = (ErrorCode::ToolInputInvalid, "no column `m`; the columns are: n, x");
        check(&*tool, &bench.ctx, input, Err(column)).await;
    }
}

#[tokio::test]
async fn mistakes_are_named() {
    let invalid = ErrorCode::ToolInputInvalid;
    let row = json!([{"a": "x"}]);
    let mut ctx = context();
    ctx.limits.max_items = 1;
    for (input, code, part) in [
        (json!({"rows": row, "where": [{"column": "b", "op": "eq", "value": 1}]}), invalid, "no column `b`"),
        (json!({"rows": row, "sort": [{"column": "b"}]}), invalid, "no column `b`"),
        (json!({"rows": row, "select": ["b"]}), invalid, "the columns are: a"),
        (json!({"rows": row, "group_by": ["b"]}), invalid, "no column `b`"),
        (
            json!({"rows": row, "aggregate": [{"function": "sum", "column": "a"}]}),
            ErrorCode::DataInvalid,
            "holds a string",
        ),
        (json!({"rows": row, "aggregate": [{"function": "sum"}]}), invalid, "needs a `column`"),
        (json!({"rows": row, "where": [{"column": "a", "op": "in", "value": 1}]}), invalid, "take a list"),
        (json!({"rows": row, "where": [{"column": "a", "op": "matches", "value": "("}]}), invalid, "pattern"),
        (
            json!({"rows": row, "where": [{"column": "a", "op": "matches", "value": 1}]}),
            invalid,
            "takes a text",
        ),
        (
            json!({"rows": row, "where": [{"column": "a", "op": "is_null", "value": 1}]}),
            invalid,
            "no `value`",
        ),
        (json!({"rows": [1]}), invalid, "/rows/0: the number is not of type \"object\""),
        (json!({"rows": {"a": 1}}), invalid, "/rows: the object is not of types"),
        (json!({}), invalid, "either `rows` or `path`"),
        (
            json!({"rows": [{"a": 1}, {"a": 2}]}),
            ErrorCode::LimitExceeded,
            "more than 1 rows to return: set `limit`",
        ),
    ] {
        check(&*tool().unwrap(), &ctx, input, Err((code, part))).await;
    }
}

#[tokio::test]
async fn large_whole_sums_stay_exact_or_become_floats() {
    let sum = |rows: Json| async move {
        let input = json!({"rows": rows, "aggregate": [{"function": "sum", "column": "n", "as": "n"}]});
        call(&*tool().unwrap(), &context(), input).await.unwrap()["rows"][0]["n"].clone()
    };
    assert_eq!(
        sum(json!([{"n": 9_007_199_254_740_991_i64}, {"n": 1}])).await,
        json!(9_007_199_254_740_992_i64)
    );
    assert_eq!(sum(json!([{"n": i64::MAX}, {"n": i64::MAX}])).await, json!(1.844_674_407_370_955_2e19));
    assert_eq!(sum(json!([{"n": 1e308}, {"n": 1e308}])).await, json!(null));
}
