//! Templates that try to grow without end, with the peak memory of this process as the judge. Nothing else
//! runs in this binary, so that the peak is theirs.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failing test is a panic")]
#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use ice_core::error::ErrorCode;
use ice_core::template::{Expression, Limits, Template, TemplateError, legacy};
use ice_core::value::{Map, Value};

const ALLOWED: usize = 64 << 20;

/// The most memory this process has had so far, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}

fn scope() -> Map {
    let long = Value::from("0123456789abcdef".repeat(4096));
    [
        ("x".into(), Value::from("x")),
        ("long".into(), long.clone()),
        ("list".into(), Value::list((0..1000).map(Value::from))),
        ("longs".into(), Value::list(std::iter::repeat_n(long, 1000))),
        ("map".into(), Value::map((0..1000).map(|n| (n.to_string(), Value::from(n))))),
    ]
    .into_iter()
    .collect()
}

fn render(source: &str, limits: Limits) -> Result<Value, TemplateError> {
    let started = Instant::now();
    let outcome = Template::compile(source).and_then(|template| template.render(&scope(), &limits));
    let shown: String = source.chars().take(120).collect();
    assert!(peak() < ALLOWED, "{shown}: the process has had {} MB", peak() >> 20);
    assert!(started.elapsed() < Duration::from_secs(60), "{shown}: took {:?}", started.elapsed());
    outcome
}

/// The template ends in `TEMPLATE_TOO_LARGE`, when it is compiled or when it is rendered.
fn too_large(source: &str) {
    too_large_within(source, Limits::DEFAULT);
}

fn too_large_within(source: &str, limits: Limits) {
    let shown: String = source.chars().take(120).collect();
    match render(source, limits) {
        Ok(value) => panic!("{shown} gave {} bytes", value.weight(1 << 30)),
        Err(error) => assert_eq!(error.code(), ErrorCode::TemplateTooLarge, "{shown}: {error}"),
    }
}

/// The template may end as it likes, but not in more memory or time than allowed.
fn bounded(source: &str) {
    drop(legacy::upgrade(source, &|_| true));
    drop(render(source, Limits::DEFAULT));
}

/// A chain of `set`, from `first`; `{a}` is what was built so far.
fn chain(first: &str, step: &str, last: &str) -> String {
    let mut source = format!("{{% set a0 = {first} %}}");
    for index in 0..40 {
        source += &step.replace("{a}", &format!("a{index}")).replace("{b}", &format!("a{}", index + 1));
    }
    source + &last.replace("{a}", "a40")
}

fn forty_doublings_by_loop() {
    too_large(&format!("{}x{}", "{% for a in 'xx' %}".repeat(40), "{% endfor %}".repeat(40)));
    for body in ["x", "{{ long }}"] {
        too_large(&format!("{}{body}{}", "{% for a in 'xx' %}".repeat(30), "{% endfor %}".repeat(30)));
    }
    too_large("{% set s = x %}{% for i in range(40) %}{% set s = s ~ s %}{{ s }}{% endfor %}");
    let with: String = (0..30).map(|at| format!("{{% with a{} = [a{at}, a{at}]|join %}}", at + 1)).collect();
    too_large(&format!("{{% with a0 = long %}}{with}{{{{ a30 }}}}{}", "{% endwith %}".repeat(31)));
}

fn forty_doublings_by_set() {
    too_large(&chain("x", "{% set {b} = {a} ~ {a} %}", "{{ {a} }}"));
    too_large(&chain("x", "{% set {b} = {a} + {a} %}", "{{ {a} }}"));
    too_large(&chain("x", "{% set {b} = {a} * 2 %}", "{{ {a} }}"));
    too_large(&chain("x", "{% set {b} %}{{ {a} }}{{ {a} }}{% endset %}", "{{ {a} }}"));
    too_large(&chain("x", "{% set {b} = [{a}, {a}]|join %}", "{{ {a} }}"));
    too_large(&chain("x", "{% set {b} = '%s%s'|format({a}, {a}) %}", "{{ {a} }}"));
    too_large(&chain("list", "{% set {b} = {a}|chain({a}) %}", "{{ {a}|length }}"));
    // A list of twice the same is small, until something walks it or writes it down.
    for last in ["{{ {a} }}!", "{{ {a}|tojson }}", "{{ [{a}]|sort }}", "{{ {a} in [{a}] }}"] {
        too_large(&chain("x", "{% set {b} = [{a}, {a}] %}", last));
        too_large(&chain("x", "{% set {b} = {'a': {a}, 'b': {a}} %}", last));
    }
    too_large("{{ [long] * 100000 }}");
    too_large("{{ [[[[x] * 1000] * 1000] * 1000] * 1000 }}");
    too_large("{{ [longs, longs, longs] }}");
    too_large(&format!("{{{{ [long]{} }}}}", "|zip(longs)|map('list')|chain(longs, longs)".repeat(30)));
}

fn forty_doublings_by_filter() {
    too_large(&format!("{{{{ x{} }}}}", "|replace('x', 'xx')".repeat(40)));
    too_large(&format!(
        "{{{{ x{} }}}}",
        "|indent(1000, true)|replace(' ', '\n')|indent(9, true, true)".repeat(20)
    ));
    too_large(&format!("{{% filter {} %}}x{{% endfilter %}}", ["replace('x', 'xx')"; 40].join("|")));
    too_large(&format!("{{% set a | {} %}}x{{% endset %}}", ["replace('x', 'xx')"; 40].join("|")));
    too_large(&format!("{{{{ 'xx'|list{}|length }}}}", "|join|replace('x', 'xxxx')|list".repeat(20)));
    too_large(&format!("{{{{ [x]{} }}}}", "|map('replace', 'x', 'xx')".repeat(40)));
    too_large(&format!("{{{{ x{} }}}}", "|batch(1, x)|batch(2, x)|tojson".repeat(30)));
}

fn forty_doublings_by_operator() {
    too_large(&format!("{{{{ x{} }}}}", " ~ x".repeat(40)));
    too_large(&format!("{{{{ x{} }}}}", " * 2".repeat(40)));
    too_large(&format!("{{{{ list{} }}}}", " + list".repeat(40)));
    too_large(&format!("{{{{ list{} }}}}", " * 4".repeat(16)));
    too_large(&format!("{{{{ long{} }}}}", " * 9".repeat(16)));
    too_large(&format!("{{{{ ({}x ~ x){} }}}}", "(".repeat(15), " * 9)".repeat(15)));
}

fn growth_in_one_step() {
    for source in [
        "{{ x * 100000000 }}",
        "{{ 'x' * 100000000 }}",
        "{{ 100000000 * [1] }}",
        "{{ long * 100000 }}",
        "{{ long * 18446744073709551615 }}",
        "{{ '%1000000000d'|format(1) }}",
        "{{ '%.1000000000f'|format(1) }}",
        "{{ range(1000000000) }}",
        "{{ longs|join }}",
        "{{ longs|map('upper') }}",
        "{{ longs|map('list') }}",
        "{{ longs|tojson }}",
        "{{ longs|tojson(indent=2) }}",
        "{{ longs }}!",
        "{{ longs ~ '' }}",
        "{{ longs|string }}",
        "{{ longs|join|length }}",
        "{{ list|slice(100000000) }}",
        "{{ list|batch(1000000000, 1) }}",
        "{{ longs|map('split', '') }}",
        "{{ longs|join(long) }}",
        "{{ long|replace('', long) }}",
        "{{ ([long] * 1000)|join }}",
    ] {
        too_large(source);
    }
}

fn work_without_end() {
    let loops = |body: &str| {
        format!("{{% for a in longs %}}{{% for b in longs %}}{body}{{% endfor %}}{{% endfor %}}")
    };
    too_large("{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}");
    too_large("{% for i in range(10000) %}{{ long }}{% endfor %}");
    too_large(&format!("{{% for i in range(10000) %}}{}{{% endfor %}}", "constant text ".repeat(10_000)));
    let key = "k".repeat(50_000);
    too_large(&loops(&format!("{{{{ map.{key} is defined }}}}")));
    too_large(&loops(&format!("{{{{ '{key}' in map }}}}")));
    // A tenth of the steps shows the same in a tenth of the time.
    let limits = Limits { steps: 100_000, ..Limits::DEFAULT };
    for body in [
        "{% if longs == longs|list|reverse|reverse %}{% endif %}",
        "{{ 'zz' in a }}",
        "{{ 5000 in list }}",
        "{{ longs|sort|length }}",
        "{{ map|dictsort|length }}",
        "{{ longs|unique|length }}",
        "{{ longs|max == longs|min }}",
        "{{ a|length }}",
        "{{ a is upper }}",
        "{{ a == b ~ '' }}",
        "{{ a|trim('0123456789abcde')|length }}",
        "{% for c in b if c == 'x' %}{% endfor %}",
        "{{ a[100:200] }}",
        "{{ longs|groupby('x')|length }}",
        "{{ list|select('divisibleby', 7)|length }}",
    ] {
        too_large_within(&loops(body), limits);
    }
}

fn strange_sources() {
    bounded("{{ [] * 9223372036854775807 }}");
    bounded("{{ '' * 9223372036854775807 }}");
    bounded("{{ 2 ** 1000000000000 }}");
    bounded("{{ 10 ** 38 * 10 ** 38 }}");
    bounded(&format!("{{{{ {} }}}}", "9".repeat(200_000)));
    bounded(&format!("{{{{ 1e{} }}}}", "9".repeat(1000)));
    bounded(&format!("{{{{ '{}' }}}}", "\\u0041".repeat(20_000)));
    bounded(&format!("{{{{ x.{} }}}}", "a".repeat(100_000)));
    bounded(&format!("{{{{ x|{} }}}}", "a".repeat(100_000)));
    bounded(&format!("{{{{ [{}] }}}}", "x,".repeat(100_000)));
    bounded(&format!("{{{{ {{{}}} }}}}", "'a':x,".repeat(40_000)));
    bounded(&format!("{{{{ x|replace({}) }}}}", "x,".repeat(1_900)));
    bounded(&format!("{{{{ x < {}x }}}}", "x < ".repeat(60_000)));
    bounded(&"{{ x }}".repeat(30_000));
    bounded(&"{{ x|upper }}".repeat(15_000));
    bounded(&(0..20_000).map(|at| format!("{{{{ a{at}|d }}}}")).collect::<String>());
    bounded(&(0..10_000).map(|at| format!("{{% set a{at} = 1 %}}")).collect::<String>());
    bounded(&format!("{{% set {} = x %}}", "a,".repeat(50_000)));
    bounded(&format!("{{% set {}a = x %}}", "(".repeat(50_000)));
    bounded(&"{% for a in x %}".repeat(10_000));
    bounded(&format!("{}{}", "{% if x %}".repeat(149), "{% endif %}".repeat(149)));
    bounded(&format!("{{% if x %}}{}{{% endif %}}", "{% elif x %}".repeat(100)));
    bounded(&"{#".repeat(100_000));
    bounded(&"{{".repeat(100_000));
    bounded(&"{%raw%}".repeat(30_000));
    bounded(&format!("{}{}", "{{".repeat(50_000), "}}".repeat(50_000)));
    bounded(&"{{ ' }}".repeat(20_000));
    bounded(&"{a} {{x}} {\"b\": 1}\n".repeat(10_000));
    for unit in [
        "(",
        "[",
        "{",
        "-",
        "not ",
        "x if ",
        "x if x else ",
        "x.",
        "x[",
        "x(",
        "x|",
        "1+",
        "a is ",
        "a,",
        "a:",
        "a~",
    ] {
        let long = unit.repeat(200_000 / unit.len());
        bounded(&format!("{{{{ {long} }}}}"));
        bounded(&format!("{{% if {long} %}}"));
        assert!(Expression::compile(&long).is_err(), "{unit}");
    }
}

/// The engine without our bounds, as a control: fewer doublings than forty pass the limit.
fn control() {
    let doublings = 27;
    let step: String = (0..doublings).map(|at| format!("{{% set a{} = a{at} ~ a{at} %}}", at + 1)).collect();
    let source = format!("{{% set a0 = 'x' %}}{step}{{{{ a{doublings}|length }}}}");
    let length = minijinja::Environment::new().render_str(&source, ()).unwrap();
    assert_eq!(length, (1_u64 << doublings).to_string());
    assert!(peak() > ALLOWED, "the control stayed at {} MB", peak() >> 20);
}

#[test]
fn nothing_a_template_does_takes_more_than_64_mb() {
    let attack = || {
        forty_doublings_by_loop();
        forty_doublings_by_set();
        forty_doublings_by_filter();
        forty_doublings_by_operator();
        growth_in_one_step();
        work_without_end();
        strange_sources();
    };
    // The stack that the threads of the runtime have.
    std::thread::Builder::new().stack_size(2 << 20).spawn(attack).unwrap().join().unwrap();
    // Last, for the peak does not fall again.
    control();
}
