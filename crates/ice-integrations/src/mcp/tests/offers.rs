//! What servers offer, and what becomes of it.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use super::kit::{
    Era, Heard, Pipes, Then, answer, asks, complete, context, scripted, server, tool, tools, usual, value,
};

fn with_tools(names: &'static [&'static str]) -> Arc<Pipes> {
    scripted(
        &Heard::default(),
        usual(Era::Modern, move |message| {
            asks(message, "tools/list").then(|| Then::Say(vec![answer(message, tools(names))]))
        }),
    )
}

async fn names(names: &'static [&'static str], more: &str) -> Result<Vec<String>, String> {
    let tools = server(&with_tools(names), more).tools(&CancellationToken::new()).await;
    let names = tools.map(|tools| tools.tools.iter().map(|tool| tool.spec().name.clone()).collect());
    names.map_err(|error| error.to_string())
}

#[tokio::test]
async fn tools_stand_under_the_name_of_their_server() {
    assert_eq!(names(&["b", "getUser", "a"], "").await.unwrap(), ["s.b", "s.get_user", "s.a"]);
    let more = "tools: {getUser: {name: user}, a: {enabled: false}}\n";
    assert_eq!(names(&["b", "getUser", "a"], more).await.unwrap(), ["s.b", "s.user"]);
}

#[tokio::test]
async fn names_that_clash_or_are_not_there_are_refused() {
    let clash = names(&["get-user", "getUser"], "").await.unwrap_err();
    assert!(
        clash.ends_with(
            "its tools `get-user` and `getUser` would both be called `s.get_user`: write `tools: {'getUser': {name: \
             another_name}}` into its manifest"
        ),
        "{clash}"
    );
    assert_eq!(names(&["get-user", "getUser"], "tools: {getUser: {name: user}}\n").await.unwrap().len(), 2);
    let missing = names(&["delete"], "tools: {delte: {enabled: false}}\n").await.unwrap_err();
    assert!(
        missing
            .ends_with("its manifest names the tool `delte`, which it does not have; did you mean `delete`?"),
        "{missing}"
    );
    let long = names(&["xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"], "")
        .await
        .unwrap_err();
    assert!(long.contains("has too long a name"), "{long}");
}

/// A server with resources and prompts.
fn library() -> Arc<Pipes> {
    let capabilities = json!({"resources": {}, "prompts": {}});
    scripted(
        &Heard::default(),
        usual(Era::Modern, move |message| {
            let result = match message["method"].as_str()? {
                "server/discover" => {
                    json!({"supportedVersions": ["2026-07-28"], "capabilities": capabilities})
                }
                "resources/list" => {
                    json!({"resources": [{"uri": "book:1", "name": "One", "description": "The first."}]})
                }
                "resources/templates/list" => {
                    json!({"resourceTemplates": [{"uriTemplate": "book:{n}", "name": "Any"}]})
                }
                "prompts/list" => {
                    json!({"prompts": [{"name": "review", "description": "Reviews.", "arguments": [{"name": "code"}]}]})
                }
                "resources/read" => {
                    json!({"contents": [{"uri": message["params"]["uri"], "text": "Call me Ishmael."}]})
                }
                "prompts/get" => json!({"messages": [{"role": "user", "content":
                    {"type": "text", "text": message["params"]["arguments"]["code"]}}]}),
                _ => return None,
            };
            Some(Then::Say(vec![answer(message, complete(result))]))
        }),
    )
}

#[tokio::test]
async fn resources_and_prompts_are_tools_where_there_are_any() {
    let server = server(&library(), "");
    let (read, get) = (tool(&server, "s.read_resource").await, tool(&server, "s.get_prompt").await);
    assert_eq!(
        read.spec().description,
        "Reads a resource of the MCP server `s` by its address.\nResources and templates of addresses that it names:\n- \
         book:1: The first.\n- book:{n}: Any"
    );
    assert!(get.spec().description.ends_with("- review(code): Reviews."), "{}", get.spec().description);
    let found = read.call(&context(), value(json!({"uri": "book:1"}))).await.unwrap();
    let contents = json!([{"uri": "book:1", "text": "Call me Ishmael."}]);
    assert_eq!(Json::from(&found), json!({"text": "Call me Ishmael.", "contents": contents}));
    let input = json!({"name": "review", "arguments": {"code": "x = 1"}});
    let found = get.call(&context(), value(input)).await.unwrap();
    assert_eq!(Json::from(&found), json!({"text": "x = 1", "messages": [{"role": "user", "text": "x = 1"}]}));
    for tool in [read, get] {
        assert!(ice_core::schema::Validator::compile(&tool.spec().input_schema).is_ok());
        assert!(ice_core::schema::Validator::compile(&tool.spec().output_schema).is_ok());
    }
}

#[tokio::test]
async fn a_server_without_resources_and_prompts_has_no_tools_for_them() {
    assert_eq!(names(&["go"], "").await.unwrap(), ["s.go"]);
    let off = "tools: {read_resource: {enabled: false}, get_prompt: {name: prompt}}\n";
    let tools = server(&library(), off).tools(&CancellationToken::new()).await.unwrap();
    let names: Vec<&str> = tools.tools.iter().map(|tool| tool.spec().name.as_str()).collect();
    assert_eq!(names, ["s.prompt"]);
}
