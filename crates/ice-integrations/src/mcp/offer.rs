//! What a server offers: its tools, resources and prompts, asked for page by page within bounds.

use std::collections::BTreeSet;
use std::pin::Pin;

use ice_core::plain;
use ice_core::schema::Validator;
use ice_core::value::Value;
use rmcp::model::{
    ClientRequest, ListPromptsRequest, ListResourceTemplatesRequest, ListResourcesRequest, ListToolsRequest,
    PaginatedRequestParams, ServerResult,
};
use tokio::time::Sleep;

use super::error::Error;
use super::session::{Ask, Session};

/// The most pages of a list that are asked for.
const MOST_PAGES: usize = 100;
/// The most tools of a server.
const MOST_TOOLS: usize = 1_000;
/// The most that the descriptions and schemas of its tools may take together, in bytes.
const MOST_BYTES: usize = 4 << 20;
/// The most that one schema may take, in bytes.
const MOST_SCHEMA: usize = 256 << 10;
/// The most resources and prompts that are remembered: they are named in descriptions, and any other can be asked for.
const MOST_NAMED: usize = 20;
/// The most characters of a description.
const LONGEST: usize = 4_000;

/// What a server offers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Offer {
    /// The version of the protocol that it speaks, for example `2026-07-28`.
    pub protocol: String,
    /// What it says that it is, and of which version. Nobody vouches for that.
    pub software: Option<String>,
    /// Its tools, as it names them, in its order.
    pub tools: Vec<OfferedTool>,
    /// The first of its resources and templates of resources, if it has any at all.
    pub resources: Option<Vec<Named>>,
    /// The first of its prompts, if it has any at all.
    pub prompts: Option<Vec<Named>>,
    /// Tools that cannot be used: what each is called, and why.
    pub left_out: Vec<(String, String)>,
}

/// A tool that a server offers.
#[derive(Clone, Debug, PartialEq)]
pub struct OfferedTool {
    /// What the server calls it.
    pub name: String,
    /// What it says that it does.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub input_schema: Value,
    /// The JSON Schema of what it answers, if it says so.
    pub output_schema: Option<Value>,
}

/// A resource or prompt: its address or name, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its address, a template of addresses, or its name with the names of its arguments.
    pub name: String,
    /// What it is, in a line.
    pub about: String,
}

/// Asks for everything.
pub(super) async fn ask_for(
    session: &Session,
    ask: &Ask<'_>,
    mut late: Pin<&mut Sleep>,
) -> Result<Offer, Error> {
    let info = &session.info;
    let software = info
        .server_info
        .as_ref()
        .map(|software| plain::line(&format!("{} {}", software.name, software.version), 100));
    let mut offer = Offer { protocol: info.protocol_version.to_string(), software, ..Offer::default() };
    let capabilities = &info.capabilities;
    if capabilities.tools.is_some() {
        tools(session, ask, late.as_mut(), &mut offer).await?;
    }
    if capabilities.resources.is_some() {
        offer.resources = Some(resources(session, ask, late.as_mut()).await?);
    }
    if capabilities.prompts.is_some() {
        offer.prompts = Some(prompts(session, ask, late).await?);
    }
    Ok(offer)
}

/// The page that begins at a cursor.
fn page(cursor: Option<String>) -> PaginatedRequestParams {
    PaginatedRequestParams::default().with_cursor(cursor)
}

async fn tools(
    session: &Session,
    ask: &Ask<'_>,
    mut late: Pin<&mut Sleep>,
    offer: &mut Offer,
) -> Result<(), Error> {
    let unusable = |why: String| Err(Error::unusable(&session.server, why));
    let (mut cursor, mut seen, mut names, mut bytes) = (None, BTreeSet::new(), BTreeSet::new(), 0usize);
    for _ in 0..MOST_PAGES {
        let request = ClientRequest::ListToolsRequest(ListToolsRequest::with_param(page(cursor)));
        let ServerResult::ListToolsResult(answer) = session.request(request, ask, late.as_mut()).await?
        else {
            return unusable("its list of tools is none".to_owned());
        };
        for tool in answer.tools {
            if !names.insert(tool.name.to_string()) {
                return unusable(format!("two of its tools are called `{}`", plain::line(&tool.name, 128)));
            }
            if names.len() > MOST_TOOLS {
                return unusable(format!("it has more than {MOST_TOOLS} tools"));
            }
            match offered(&tool) {
                Ok((tool, weight)) => {
                    bytes = bytes.saturating_add(weight);
                    offer.tools.push(tool);
                }
                Err(why) => offer.left_out.push((plain::line(&tool.name, 128), why)),
            }
            if bytes > MOST_BYTES {
                return unusable("what it says of its tools takes more than 4 MiB".to_owned());
            }
        }
        match answer.next_cursor {
            None => return Ok(()),
            Some(next) if !seen.insert(next.clone()) => {
                return unusable("its list of tools leads back to where it was".to_owned());
            }
            Some(next) => cursor = Some(next),
        }
    }
    unusable(format!("its list of tools has more than {MOST_PAGES} pages"))
}

/// A tool as it can be used, with its weight, or why it cannot.
fn offered(tool: &rmcp::model::Tool) -> Result<(OfferedTool, usize), String> {
    if tool.name.is_empty() || tool.name.len() > 128 {
        return Err("its name must have 1 to 128 characters".to_owned());
    }
    let schema = |written: &rmcp::model::JsonObject, what: &str, is_input: bool| -> Result<Value, String> {
        let mut written = written.clone();
        if is_input {
            // So it is by the protocol, said or not.
            written.entry("type").or_insert_with(|| "object".into());
        }
        let schema = Value::from(serde_json::Value::Object(written));
        if schema.weight(MOST_SCHEMA) > MOST_SCHEMA {
            return Err(format!("the schema of its {what} takes more than 256 KiB"));
        }
        Validator::compile(&schema)
            .map_err(|error| format!("its {what}: {}", plain::line(&error.to_string(), 300)))?;
        Ok(schema)
    };
    let input_schema = schema(&tool.input_schema, "input", true)?;
    let output_schema = match &tool.output_schema {
        Some(written) => Some(schema(written, "output", false)?),
        None => None,
    };
    let description = tool.description.as_deref().or(tool.title.as_deref()).unwrap_or_default();
    let offered = OfferedTool {
        name: tool.name.to_string(),
        description: plain::lines(description, LONGEST),
        input_schema,
        output_schema,
    };
    let weight = offered.description.len()
        + offered.input_schema.weight(MOST_SCHEMA)
        + offered.output_schema.as_ref().map_or(0, |schema| schema.weight(MOST_SCHEMA));
    Ok((offered, weight))
}

fn named(name: &str, about: Option<&str>) -> Named {
    Named { name: plain::line(name, 300), about: plain::line(about.unwrap_or_default(), 200) }
}

async fn resources(session: &Session, ask: &Ask<'_>, mut late: Pin<&mut Sleep>) -> Result<Vec<Named>, Error> {
    let request = ClientRequest::ListResourcesRequest(ListResourcesRequest::with_param(page(None)));
    let mut all = Vec::new();
    if let ServerResult::ListResourcesResult(answer) = session.request(request, ask, late.as_mut()).await? {
        let described = |resource: &rmcp::model::Resource| {
            let about = resource.description.as_deref().or(resource.title.as_deref());
            named(&resource.uri, about.or(Some(&resource.name)))
        };
        all.extend(answer.resources.iter().take(MOST_NAMED).map(described));
    }
    let request = ListResourceTemplatesRequest::with_param(page(None));
    let templates = session.request(ClientRequest::ListResourceTemplatesRequest(request), ask, late).await;
    match templates {
        Ok(ServerResult::ListResourceTemplatesResult(answer)) => {
            let described = |template: &rmcp::model::ResourceTemplate| {
                let about = template.description.as_deref().or(template.title.as_deref());
                named(&template.uri_template, about.or(Some(&template.name)))
            };
            all.extend(answer.resource_templates.iter().take(MOST_NAMED).map(described));
        }
        // Many servers have resources and know no templates.
        Ok(_) | Err(Error::Refused { .. } | Error::Failed { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(all)
}

async fn prompts(session: &Session, ask: &Ask<'_>, late: Pin<&mut Sleep>) -> Result<Vec<Named>, Error> {
    let request = ClientRequest::ListPromptsRequest(ListPromptsRequest::with_param(page(None)));
    let ServerResult::ListPromptsResult(answer) = session.request(request, ask, late).await? else {
        return Ok(Vec::new());
    };
    let described = |prompt: &rmcp::model::Prompt| {
        let arguments = prompt.arguments.iter().flatten().take(20);
        let arguments: Vec<&str> = arguments.map(|argument| argument.name.as_str()).collect();
        let about = prompt.description.as_deref().or(prompt.title.as_deref());
        named(&format!("{}({})", prompt.name, arguments.join(", ")), about)
    };
    Ok(answer.prompts.iter().take(MOST_NAMED).map(described).collect())
}
