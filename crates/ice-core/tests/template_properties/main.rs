//! Properties of templates over random sources: none panics, overflows the stack of a runtime's thread,
//! runs without end or builds more than it may; the fast forms mean what the engine means; and the engine
//! with our built-ins means what it means with its own.
#![expect(clippy::unwrap_used, reason = "a failing test is a panic")]

mod source;

use std::time::{Duration, Instant};

use ice_core::error::ErrorCode;
use ice_core::template::{Expression, Limits, Template, TemplateError, legacy};
use ice_core::value::{Map, Value};
use minijinja::{Environment, UndefinedBehavior};
use proptest::prelude::*;
use source::{expression, soup, template};

/// The scope's keys are sorted, for the engine sorts the keys of its own maps.
const SCOPE: &str = r#"{
    "a": {"b": [1, 2.5, {"c": "text"}], "n": 7, "z": null},
    "b": true,
    "l": [3, "x", null, [1, 2], {"k": "v"}],
    "n": 4,
    "none": null,
    "s": "some Text, and more",
    "w": ["b", "A", "c", "a"]
}"#;

fn scope() -> Map {
    serde_json::from_str::<Value>(SCOPE).unwrap().as_map().unwrap().clone()
}

const LIMITS: Limits = Limits { steps: 20_000, bytes: 1 << 20 };

/// Runs on a thread with the stack that the threads of the runtime have.
fn on_a_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap()
}

/// Compiles and renders a source, and checks that it ends as it may.
fn survives(source: String) -> Result<(), TestCaseError> {
    let started = Instant::now();
    let outcome = on_a_small_stack({
        let source = source.clone();
        move || {
            let _ = Expression::compile(&source).and_then(|expression| expression.test(&scope(), &LIMITS));
            let _ = legacy::upgrade(&source, &|name| name == "n");
            let template = Template::compile(&source)?;
            // Twice, for a rendering leaves nothing behind.
            let first = template.render(&scope(), &LIMITS);
            let second = template.render(&scope(), &LIMITS);
            assert_eq!(first, second, "{source}");
            first
        }
    });
    prop_assert!(started.elapsed() < Duration::from_secs(20), "{source} took {:?}", started.elapsed());
    match outcome {
        Ok(value) => {
            // A value of the scope is passed on for nothing; whatever is built is counted.
            let most = LIMITS.bytes + Value::from(scope()).weight(usize::MAX) + source.len();
            prop_assert!(value.weight(2 * most) <= most, "{source}");
            Ok(())
        }
        Err(error) => {
            let known = [
                ErrorCode::TemplateSyntax,
                ErrorCode::TemplateNotAllowed,
                ErrorCode::TemplateTooLarge,
                ErrorCode::TemplateFailed,
                ErrorCode::UnknownReference,
            ];
            prop_assert!(known.contains(&error.code()), "{source}: {error}");
            if let Some(place) = error.place() {
                prop_assert!(source.get(place.range.clone()).is_some(), "{source}: {place:?}");
            }
            Ok(())
        }
    }
}

fn outcome(source: &str) -> Result<Value, (ErrorCode, String)> {
    Template::compile(source)
        .and_then(|template| template.render(&scope(), &Limits::DEFAULT))
        .map_err(|error: TemplateError| (error.code(), error.message().to_owned()))
}

proptest! {
    #[test]
    fn any_text_is_survived(source in "\\PC{0,60}|[{}%#a-z'\"()\\[\\]|.,:~+*/<>=! \\n-]{0,60}") {
        survives(source)?;
    }

    #[test]
    fn any_order_of_the_languages_pieces_is_survived(source in soup()) {
        survives(source)?;
    }

    #[test]
    fn any_expression_is_survived(source in expression()) {
        survives(format!("{{{{ {source} }}}}"))?;
    }

    #[test]
    fn any_template_is_survived(source in template()) {
        survives(source)?;
    }

    #[test]
    fn a_path_by_itself_means_what_the_engine_means(
        root in "a|b|l|n|none|s|missing|nodes\\['a'\\]|nodes\\.l",
        steps in prop::collection::vec("\\.(b|c|n|z|k|0|2|9)|\\['(b|c|k|2|é)'\\]|\\[(0|2|-1|-9|4)\\]", 0..4),
    ) {
        let path = root + &steps.concat();
        prop_assert_eq!(outcome(&format!("{{{{ {path} }}}}")), outcome(&format!("{{{{ {path} if true }}}}")));
        prop_assert_eq!(
            outcome(&format!("x{{{{ {path} }}}}")),
            outcome(&format!("{{% if true %}}x{{{{ {path} }}}}{{% endif %}}"))
        );
        // The same by a variable of the template, but for how the way there is written.
        let code = |source: String| outcome(&source).map_err(|(code, _)| code);
        if !path.starts_with("nodes") {
            let rest = steps.concat();
            let name = &path[..path.len() - rest.len()];
            prop_assert_eq!(
                code(format!("x{{{{ {path} }}}}")),
                code(format!("{{% set v = {name} %}}x{{{{ v{rest} }}}}"))
            );
        }
    }

    /// What both can do, both do alike: our built-ins, and the engine's own.
    #[test]
    fn the_engines_own_built_ins_agree(source in template()) {
        // What is meant to differ: keys of maps are text, tuples lists, attributes of null null.
        let differs = ["{(", "(1, 2)", "zip", "dictsort", "items", "groupby", "range", "none", ".z", "[::", "tojson", "int"];
        if differs.iter().any(|piece| source.contains(piece)) {
            return Ok(());
        }
        let mut engine = Environment::new();
        engine.set_undefined_behavior(UndefinedBehavior::Strict);
        engine.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        engine.set_fuel(Some(20_000));
        let json: serde_json::Value = serde_json::from_str(SCOPE).unwrap();
        let theirs = engine.render_str(&format!("{source}."), minijinja::Value::from(minijinja::value::Serde(json)));
        let ours = outcome(&format!("{source}."));
        if let (Ok(ours), Ok(theirs)) = (&ours, &theirs) {
            // Theirs are lazy, and do not print.
            if theirs.contains("<iterator>") {
                return Ok(());
            }
            prop_assert_eq!(ours.as_str().unwrap(), theirs.as_str(), "{}", source);
        }
    }
}
