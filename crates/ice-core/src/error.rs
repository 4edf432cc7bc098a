//! The error codes every user-visible failure carries, with their wire names and numbers.
//!
//! The errors themselves live beside the code that raises them; each maps to one [`ErrorCode`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $name:literal, $about:literal;)*) => {
        /// A stable identifier of a failure: an UPPER_SNAKE name and a number.
        ///
        /// Numbers are grouped: 1xxx blueprint, 2xxx store, 3xxx run, 4xxx tool and model, 5xxx command,
        /// 6xxx API, 9xxx unknown. Each code has a page `docs/errors/<NAME>.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode {
            $(#[doc = $about] $variant,)*
        }

        impl ErrorCode {
            /// Every code, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name on the wire, for example `CYCLE`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The number on the wire, for example 1001.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$variant => $number,)* }
            }

            /// One sentence on what the code means.
            #[must_use]
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$variant => $about,)* }
            }
        }

        impl FromStr for ErrorCode {
            type Err = UnknownErrorCode;

            fn from_str(name: &str) -> Result<Self, Self::Err> {
                match name { $($name => Ok(Self::$variant),)* _ => Err(UnknownErrorCode(name.to_owned())) }
            }
        }
    };
}

codes! {
    CyclicToolComposition = 1001, "CYCLIC_TOOL_COMPOSITION", "Nodes depend on each other in a circle.";
    LayerViolation = 1002, "LAYER_VIOLATION", "A module uses a layer it must not see.";
    PathSecurityViolation = 1003, "PATH_SECURITY_VIOLATION", "A path leaves the folder it was granted.";
    ScaffoldValidation = 1004, "SCAFFOLD_VALIDATION", "A generated tool or blueprint is not valid.";
    DimensionMismatch = 1005, "DIMENSION_MISMATCH", "A vector has another dimension than its index.";
    BlueprintSyntax = 1010, "BLUEPRINT_SYNTAX", "The file is not valid JSON or YAML.";
    BlueprintTooLarge = 1011, "BLUEPRINT_TOO_LARGE", "The file or its nesting exceeds the limit.";
    SchemaVersion = 1012, "SCHEMA_VERSION", "The blueprint states a schema version that cannot be read.";
    UnknownField = 1013, "UNKNOWN_FIELD", "A field is not known at its place.";
    MissingField = 1014, "MISSING_FIELD", "A required field is missing.";
    WrongType = 1015, "WRONG_TYPE", "A field holds a value of the wrong type.";
    OutOfRange = 1016, "OUT_OF_RANGE", "A value lies outside its permitted range.";
    UnknownKind = 1017, "UNKNOWN_KIND", "A node has a type that does not exist.";
    InvalidId = 1018, "INVALID_ID", "An identifier does not follow the grammar or is reserved.";
    DuplicateId = 1019, "DUPLICATE_ID", "Two nodes of one scope share an id.";
    UnknownNode = 1020, "UNKNOWN_NODE", "A reference names a node that is not in scope.";
    UnknownReference = 1021, "UNKNOWN_REFERENCE", "A template names something that is not in scope.";
    UnknownTool = 1022, "UNKNOWN_TOOL", "No tool of this name is registered.";
    UnknownModel = 1023, "UNKNOWN_MODEL", "No model of this name is available.";
    UnknownAgent = 1024, "UNKNOWN_AGENT", "No agent of this name is registered.";
    UnknownBlueprint = 1025, "UNKNOWN_BLUEPRINT", "No blueprint of this name is available.";
    TemplateSyntax = 1026, "TEMPLATE_SYNTAX", "A template or expression cannot be parsed.";
    TemplateNotAllowed = 1027, "TEMPLATE_NOT_ALLOWED", "A template uses a construct that blueprints do not allow.";
    InvalidSchema = 1028, "INVALID_SCHEMA", "A JSON Schema is not valid.";
    SchemaMismatch = 1029, "SCHEMA_MISMATCH", "Two schemas or a schema and a value cannot fit.";
    RuleViolation = 1030, "RULE_VIOLATION", "A node breaks a rule of its kind.";
    NumberNotPortable = 1031, "NUMBER_NOT_PORTABLE", "A number is not finite or beyond 2^53.";
    BlueprintIncomplete = 1033, "BLUEPRINT_INCOMPLETE", "A partial blueprint still lacks something.";
    RegistryConflict = 1034, "REGISTRY_CONFLICT", "Something else is registered under this name and version.";
    BlueprintInvalid = 1035, "BLUEPRINT_INVALID", "A blueprint has errors, each of which is told by itself.";
    ManifestInvalid = 1036, "MANIFEST_INVALID", "A manifest of a tool has errors, each of which is told by itself.";
    UnknownCode = 1037, "UNKNOWN_CODE", "No code of this name is registered.";
    InterpreterMissing = 1038, "INTERPRETER_MISSING", "No interpreter of a language is present.";
    PolicyInvalid = 1040, "POLICY_INVALID", "A policy for redaction cannot be applied.";
    StoreUnavailable = 2001, "STORE_UNAVAILABLE", "The store cannot be reached or opened.";
    StoreConflict = 2002, "STORE_CONFLICT", "An expectation of a commit did not hold.";
    StorePoisoned = 2003, "STORE_POISONED", "A write or sync failed; the store must be opened again.";
    StoreCorrupt = 2004, "STORE_CORRUPT", "Stored data is damaged.";
    StoreFull = 2005, "STORE_FULL", "The disk has no room left.";
    StoreLocked = 2006, "STORE_LOCKED", "Another process owns the data folder.";
    DurabilityUnavailable = 2007, "DURABILITY_UNAVAILABLE", "The store cannot keep the requested durability.";
    StoreTooLarge = 2008, "STORE_TOO_LARGE", "A key, value or batch exceeds its limit.";
    BlobMissing = 2009, "BLOB_MISSING", "A blob that a record names is not in the store.";
    StoreFormat = 2010, "STORE_FORMAT", "The data folder was written in a format this version cannot read.";
    MemoryGuarantee = 2020, "MEMORY_GUARANTEE", "A memory cannot keep the guarantee it was asked for.";
    MemoryInvalid = 2021, "MEMORY_INVALID", "What a memory was given breaks a bound or cannot be read.";
    MemoryNotFound = 2022, "MEMORY_NOT_FOUND", "A memory has no such entry.";
    KeyUnavailable = 2030, "KEY_UNAVAILABLE", "A key under which data is sealed cannot be had.";
    KeyDestroyed = 2031, "KEY_DESTROYED", "The key under which data was sealed was destroyed.";
    SealBroken = 2032, "SEAL_BROKEN", "Sealed bytes were altered, cut, or belong elsewhere.";
    SealMismatch = 2033, "SEAL_MISMATCH", "Data is sealed and the key is missing or another one, or is in clear and a key was given.";
    RunNotFound = 3001, "RUN_NOT_FOUND", "No run has this id.";
    NodeKindUnavailable = 3002, "NODE_KIND_UNAVAILABLE", "No executor for a node kind is present.";
    PinMismatch = 3003, "PIN_MISMATCH", "Something pinned by the run has changed.";
    InputInvalid = 3004, "INPUT_INVALID", "The inputs of the run are not what the blueprint asks for.";
    RunLost = 3005, "RUN_LOST", "Another owner has taken the run over.";
    JournalCorrupt = 3006, "JOURNAL_CORRUPT", "A run's journal cannot be read.";
    JournalVersion = 3007, "JOURNAL_VERSION", "A run's journal was written by a newer version.";
    RunCancelled = 3008, "RUN_CANCELLED", "The run was cancelled.";
    NodeTimeout = 3009, "NODE_TIMEOUT", "A node exceeded its time-out.";
    NodePanicked = 3010, "NODE_PANICKED", "A tool or model adapter panicked.";
    MappingFailed = 3011, "MAPPING_FAILED", "An input or output mapping found no value.";
    TemplateTooLarge = 3012, "TEMPLATE_TOO_LARGE", "A template exceeded its bound of steps or bytes.";
    TemplateFailed = 3013, "TEMPLATE_FAILED", "A template could not be evaluated.";
    OutputInvalid = 3014, "OUTPUT_INVALID", "A node's output does not fit its schema.";
    LoopItemsInvalid = 3015, "LOOP_ITEMS_INVALID", "A loop's source is not a list.";
    LimitExceeded = 3017, "LIMIT_EXCEEDED", "A limit of the run was exceeded.";
    RunStuck = 3018, "RUN_STUCK", "A run cannot go on: a defect of the engine.";
    RunInDoubt = 3019, "RUN_IN_DOUBT", "An irreversible effect may or may not have happened.";
    RunOwned = 3020, "RUN_OWNED", "Another process drives the run.";
    RunState = 3021, "RUN_STATE", "The run is not in a state that allows this.";
    QuestionClosed = 3022, "QUESTION_CLOSED", "A question was answered already, or was never asked.";
    AnswerInvalid = 3023, "ANSWER_INVALID", "An answer does not fit its question.";
    RunPaused = 3024, "RUN_PAUSED", "A monitor paused the run.";
    RunAborted = 3025, "RUN_ABORTED", "A monitor ended the run.";
    ReplayDiverged = 3026, "REPLAY_DIVERGED", "A journal comes out differently when it is gone through again.";
    NodeNotReached = 3027, "NODE_NOT_REACHED", "A run has not come to a node.";
    BudgetExceeded = 3030, "BUDGET_EXCEEDED", "A budget does not allow what was about to be spent.";
    RunTimeout = 3031, "RUN_TIMEOUT", "A run took longer than it may.";
    RunFileInvalid = 3040, "RUN_FILE_INVALID", "A file is not that of a run, or what is in it does not fit together.";
    RunImported = 3041, "RUN_IMPORTED", "A run was brought here from elsewhere and does not go on by itself.";
    ToolFailed = 4001, "TOOL_FAILED", "A tool reported a failure.";
    ToolInputInvalid = 4002, "TOOL_INPUT_INVALID", "The input of a tool does not fit its schema.";
    ToolOutputInvalid = 4003, "TOOL_OUTPUT_INVALID", "The output of a tool does not fit its schema.";
    GrantMissing = 4004, "GRANT_MISSING", "A tool asked for something the run was not granted.";
    AddressRefused = 4005, "ADDRESS_REFUSED", "A network address is not allowed.";
    ModelFailed = 4006, "MODEL_FAILED", "A model call failed.";
    ContextTooLong = 4007, "CONTEXT_TOO_LONG", "A prompt exceeds the model's context.";
    ModelTransient = 4008, "MODEL_TRANSIENT", "A model is briefly unavailable.";
    ModelAuth = 4009, "MODEL_AUTH", "A model's provider refused the credentials.";
    ModelQuota = 4010, "MODEL_QUOTA", "A model provider's quota is used up.";
    ModelRefused = 4011, "MODEL_REFUSED", "A model refused to answer.";
    ModelTruncated = 4012, "MODEL_TRUNCATED", "A model's answer was cut off.";
    FileTooLarge = 4013, "FILE_TOO_LARGE", "A file or body exceeds the limit.";
    HttpFailed = 4014, "HTTP_FAILED", "An HTTP request failed.";
    DataInvalid = 4015, "DATA_INVALID", "Data that a tool read cannot be parsed.";
    CodeFailed = 4016, "CODE_FAILED", "A piece of code failed.";
    McpUnavailable = 4020, "MCP_UNAVAILABLE", "An MCP server cannot be reached, or what it offers cannot be used.";
    PolicyStopped = 4030, "POLICY_STOPPED", "A policy stopped a request to a model or a call of a tool.";
    Usage = 5001, "USAGE", "The command line is not valid.";
    FileUnreadable = 5002, "FILE_UNREADABLE", "A file cannot be read.";
    ControlUnavailable = 5003, "CONTROL_UNAVAILABLE", "The owner of the data folder does not answer.";
    ControlVersion = 5004, "CONTROL_VERSION", "The owner of the data folder speaks another protocol version.";
    SandboxSetup = 5005, "SANDBOX_SETUP", "A command could not be started in a cage.";
    Unknown = 9000, "UNKNOWN", "A failure without a code of its own.";
}

/// A name that is no [`ErrorCode`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an error code")]
pub struct UnknownErrorCode(pub String);

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    /// Reads a name; one that this version does not know becomes [`ErrorCode::Unknown`], so that records
    /// of a later version stay readable.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Ok(name.parse().unwrap_or(Self::Unknown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_unique_and_ordered() {
        let numbers: Vec<u16> = ErrorCode::ALL.iter().map(|code| code.number()).collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(numbers, sorted);
        for code in ErrorCode::ALL {
            assert_eq!(code.name().parse(), Ok(*code));
        }
    }

    #[test]
    fn an_unknown_name_reads_as_unknown() {
        assert_eq!(serde_json::from_str::<ErrorCode>("\"FROM_THE_FUTURE\"").unwrap(), ErrorCode::Unknown);
        assert_eq!(serde_json::to_string(&ErrorCode::UnknownTool).unwrap(), "\"UNKNOWN_TOOL\"");
    }
}
