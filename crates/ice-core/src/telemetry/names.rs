//! The names of spans' attributes, and what some of them say.
//!
//! As of the conventions for GenAI `gen-ai-dev/1.42.0-dev`.

/// The name of a span: that of its macro cannot change.
pub const SPAN_NAME: &str = "otel.name";
/// The kind of a span: [`CLIENT`] or [`INTERNAL`].
pub const SPAN_KIND: &str = "otel.kind";
/// How a span ended: [`ERROR`], or nothing.
pub const STATUS_CODE: &str = "otel.status_code";
/// What reaches another system.
pub const CLIENT: &str = "client";
/// What happens in this process.
pub const INTERNAL: &str = "internal";
/// The status of what failed.
pub const ERROR: &str = "error";
/// What failed, as a short word out of few.
pub const ERROR_TYPE: &str = "error.type";

/// What is done: [`Operation`](super::Operation).
pub const OPERATION_NAME: &str = "gen_ai.operation.name";
/// The vendor: [`well_known`](super::well_known).
pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
/// The conversation that a call is a part of.
pub const CONVERSATION_ID: &str = "gen_ai.conversation.id";
/// Whether the answer is text, or JSON that follows a schema.
pub const OUTPUT_TYPE: &str = "gen_ai.output.type";

/// The model that is asked.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// The most tokens to answer with.
pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// Randomness.
pub const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
/// Nucleus sampling.
pub const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
/// How many of the likeliest tokens are chosen from.
pub const REQUEST_TOP_K: &str = "gen_ai.request.top_k";
/// Texts that end the answer.
pub const REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
/// What makes answers repeatable.
pub const REQUEST_SEED: &str = "gen_ai.request.seed";
/// How little what was said often is said again.
pub const REQUEST_FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
/// How little what was said is said again.
pub const REQUEST_PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
/// Whether the answer comes in pieces.
pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
/// What vectors are sent as.
pub const REQUEST_ENCODING_FORMATS: &str = "gen_ai.request.encoding_formats";

/// The model that answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// Why it stopped.
pub const RESPONSE_FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Seconds to the first piece of the answer.
pub const RESPONSE_TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";

/// Tokens read, those from a cache included.
pub const USAGE_INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens written, those of reasoning included.
pub const USAGE_OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// Tokens read from the vendor's cache.
pub const USAGE_CACHE_READ_INPUT_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// Tokens written to the vendor's cache.
pub const USAGE_CACHE_CREATION_INPUT_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
/// Tokens of reasoning.
pub const USAGE_REASONING_OUTPUT_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";

/// What the model is told of itself. Content.
pub const SYSTEM_INSTRUCTIONS: &str = "gen_ai.system_instructions";
/// The conversation so far. Content.
pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// What the model answered. Content.
pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";

/// The workflow of a run.
pub const WORKFLOW_NAME: &str = "gen_ai.workflow.name";
/// An agent.
pub const AGENT_NAME: &str = "gen_ai.agent.name";
/// A prompt of a server.
pub const PROMPT_NAME: &str = "gen_ai.prompt.name";
/// A tool.
pub const TOOL_NAME: &str = "gen_ai.tool.name";
/// What a tool is: [`FUNCTION`] or [`EXTENSION`].
pub const TOOL_TYPE: &str = "gen_ai.tool.type";
/// What a model calls its call.
pub const TOOL_CALL_ID: &str = "gen_ai.tool.call.id";
/// What a tool is called with. Content.
pub const TOOL_CALL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
/// What a tool gave. Content.
pub const TOOL_CALL_RESULT: &str = "gen_ai.tool.call.result";
/// A tool of this side.
pub const FUNCTION: &str = "function";
/// A tool of another server.
pub const EXTENSION: &str = "extension";

/// How many numbers a vector has.
pub const EMBEDDINGS_DIMENSION_COUNT: &str = "gen_ai.embeddings.dimension.count";

/// The method of a request to an MCP server.
pub const MCP_METHOD_NAME: &str = "mcp.method.name";
/// The version of the protocol that is spoken.
pub const MCP_PROTOCOL_VERSION: &str = "mcp.protocol.version";
/// The session, where there is one.
pub const MCP_SESSION_ID: &str = "mcp.session.id";
/// What is read.
pub const MCP_RESOURCE_URI: &str = "mcp.resource.uri";
/// What a request is answered under.
pub const JSONRPC_REQUEST_ID: &str = "jsonrpc.request.id";
/// The number of an error of the protocol.
pub const RPC_RESPONSE_STATUS_CODE: &str = "rpc.response.status_code";
/// What carries the messages: [`PIPE`] or [`TCP`].
pub const NETWORK_TRANSPORT: &str = "network.transport";
/// Standard input and output of a program.
pub const PIPE: &str = "pipe";
/// HTTP.
pub const TCP: &str = "tcp";
/// The host of a server.
pub const SERVER_ADDRESS: &str = "server.address";
/// The port of a server.
pub const SERVER_PORT: &str = "server.port";

/// The program of a process.
pub const PROCESS_EXECUTABLE_NAME: &str = "process.executable.name";
/// How a process ended.
pub const PROCESS_EXIT_CODE: &str = "process.exit.code";

/// A run.
pub const RUN_ID: &str = "ice.run.id";
/// How a run stands where its span ends.
pub const RUN_STATUS: &str = "ice.run.status";
/// Whether a run was taken up again.
pub const RUN_RESUMED: &str = "ice.run.resumed";
/// The hash of what a run is bound to.
pub const PLAN_HASH: &str = "ice.plan.hash";
/// The address of a node or step.
pub const NODE_PATH: &str = "ice.node.path";
/// The kind of a node.
pub const NODE_KIND: &str = "ice.node.kind";
/// The attempt at a node, from 1.
pub const NODE_ATTEMPT: &str = "ice.node.attempt";
/// Whether what a node gave was kept from an earlier call.
pub const NODE_CACHED: &str = "ice.node.cached";
/// How an agent ended.
pub const AGENT_STATUS: &str = "ice.agent.status";
/// How often an agent asked its model.
pub const AGENT_ROUNDS: &str = "ice.agent.rounds";
/// How many calls an agent made.
pub const AGENT_TOOL_CALLS: &str = "ice.agent.tool_calls";
/// What a call cost, in US dollars.
pub const USAGE_COST_USD: &str = "ice.usage.cost_usd";
/// Whether tokens are estimated, as the vendor did not say.
pub const USAGE_ESTIMATED: &str = "ice.usage.estimated";
/// What an MCP server is called here.
pub const MCP_SERVER: &str = "ice.mcp.server";

/// What holds prompts, answers, arguments and results: recorded only when asked for.
pub const CONTENT: [&str; 5] =
    [SYSTEM_INSTRUCTIONS, INPUT_MESSAGES, OUTPUT_MESSAGES, TOOL_CALL_ARGUMENTS, TOOL_CALL_RESULT];

/// What is a list of texts and is written as one of JSON, as fields of spans hold no lists.
pub const LISTS: [&str; 3] = [RESPONSE_FINISH_REASONS, REQUEST_STOP_SEQUENCES, REQUEST_ENCODING_FORMATS];
