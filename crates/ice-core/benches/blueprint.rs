//! Reading and checking blueprints: a small file as at the start of a command, and a thousand nodes. The floor
//! beside them is parsing the same JSON into a value.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ice_core::blueprint::{Format, KindName, read};
use ice_core::registry::{Catalog, ProviderSpec};
use ice_core::tools::{Effect, ToolSpec};
use ice_core::value::Value;

fn catalog() -> Catalog {
    let schema = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    let tool = ToolSpec {
        name: "hello".to_owned(),
        version: semver::Version::new(1, 0, 0),
        description: "Greets.".to_owned(),
        input_schema: schema(
            r#"{"type":"object","properties":{"name":{"type":"string"},"times":{"type":"integer","minimum":1}},"required":["name"]}"#,
        ),
        output_schema: schema(r#"{"type":"object","properties":{"greeting":{"type":"string"}}}"#),
        effect: Effect::Pure,
        capabilities: Vec::new(),
    };
    Catalog {
        tools: vec![tool],
        providers: vec![ProviderSpec { name: "echo".to_owned(), models: None }],
        kinds: KindName::ALL.to_vec(),
        ..Catalog::default()
    }
}

const SMALL: &str = r#"
schema_version: "1.2.0"
input_schema: {type: object, properties: {name: {type: string}}}
nodes:
  - id: greet
    type: tool
    tool_name: hello
    tool_args: {name: "{{ inputs.name }}", times: 2}
  - id: ask
    type: llm
    provider: echo
    model: any
    prompt: "Answer to {{ greet.greeting }}."
  - id: check
    type: condition
    expression: ask.text != ""
    true_path:
      - {id: again, type: tool, tool_name: hello, tool_args: {name: "{{ ask.text }}"}}
  - id: end
    type: tool
    tool_name: hello
    tool_args: {name: "{{ check.branch_outputs.again.greeting }} and {{ greet.greeting }}"}
"#;

fn large(nodes: usize) -> String {
    let mut text = String::from("nodes:\n");
    for n in 0..nodes {
        let name = if n == 0 { "you".to_owned() } else { format!("{{{{ n{}.greeting }}}}", n - 1) };
        let _ = writeln!(
            text,
            "- id: n{n}\n  type: tool\n  tool_name: hello\n  tool_args:\n    name: \"{name}\"\n    times: 3"
        );
    }
    text
}

fn benches(criterion: &mut Criterion) {
    let catalog = catalog();
    let texts = [("5", SMALL.to_owned()), ("1000", large(1_000)), ("20000", large(20_000))];
    for (name, yaml) in texts {
        let reading = read(&yaml, Format::Yaml, "bench");
        assert!(reading.check(&catalog).is_ok(), "{}", reading.diagnostics);
        let json = reading.document.to_string();
        let mut group = criterion.benchmark_group(format!("{name} nodes"));
        group.sample_size(20);
        group.bench_function("floor: parse JSON", |b| {
            b.iter(|| serde_json::from_str::<Value>(black_box(&json)).map(|value| value.is_null()));
        });
        group.bench_function("read JSON", |b| b.iter(|| read(black_box(&json), Format::Json, "bench")));
        group.bench_function("read YAML", |b| b.iter(|| read(black_box(&yaml), Format::Yaml, "bench")));
        group.bench_function("check", |b| b.iter(|| reading.check(black_box(&catalog))));
        group.finish();
    }
    let broken = large(1_000).replace("hello", "hallo");
    criterion.bench_function("1000 nodes, each wrong", |b| {
        b.iter(|| read(black_box(&broken), Format::Yaml, "bench").check(&catalog));
    });
}

criterion_group!(all, benches);
criterion_main!(all);
