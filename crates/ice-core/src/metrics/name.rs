//! The enum of metric names and what is known of each.

use super::buckets;

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only up; its name ends in `_total`.
    Counter,
    /// Up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

/// What a metric counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// How urgent an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Somebody should look within a day.
    Warning,
    /// Somebody should look now.
    Critical,
}

/// A Prometheus alert on a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The name of the alert, in `UpperCamelCase`.
    pub name: &'static str,
    /// The PromQL expression.
    pub expr: &'static str,
    /// How long it must hold, for example `5m`.
    pub hold: &'static str,
    /// How urgent it is.
    pub severity: Severity,
    /// One sentence for whoever is woken.
    pub summary: &'static str,
}

macro_rules! metrics_table {
    ($($variant:ident = $kind:ident, $unit:ident, $name:literal, [$($label:literal),*], $help:literal
        $(, in $buckets:ident)?
        $(, alert($alert:literal, $expr:literal, $hold:literal, $severity:ident, $summary:literal))?;)*) => {
        /// Every metric ice emits.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum MetricName {
            $(#[doc = $help] $variant,)*
        }

        impl MetricName {
            /// Every metric, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name it is exported under; begins with `ice_`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How it moves.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind,)* }
            }

            /// What it counts.
            #[must_use]
            pub const fn unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$unit,)* }
            }

            /// The names of its labels.
            #[must_use]
            pub const fn labels(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($label),*],)* }
            }

            /// One sentence on what it says.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)* }
            }

            /// The upper bounds of a histogram's buckets, in its unit; nothing for what is no histogram.
            #[must_use]
            pub const fn buckets(self) -> &'static [f64] {
                match self { $(Self::$variant => metrics_table!(@buckets $kind, $unit $(, $buckets)?),)* }
            }

            /// The alert that watches it, if any.
            #[must_use]
            pub const fn alert(self) -> Option<Alert> {
                match self { $(Self::$variant => metrics_table!(@alert $($alert, $expr, $hold, $severity, $summary)?),)* }
            }
        }
    };
    (@buckets $kind:ident, $unit:ident, $buckets:ident) => { buckets::$buckets };
    (@buckets Histogram, Seconds) => { buckets::SHORT_SECONDS };
    (@buckets Histogram, Bytes) => { buckets::BYTES };
    (@buckets Histogram, Count) => { buckets::COUNTS };
    (@buckets Counter, $unit:ident) => { &[] };
    (@buckets Gauge, $unit:ident) => { &[] };
    (@alert) => { None };
    (@alert $alert:literal, $expr:literal, $hold:literal, $severity:ident, $summary:literal) => {
        Some(Alert { name: $alert, expr: $expr, hold: $hold, severity: Severity::$severity, summary: $summary })
    };
}

metrics_table! {
    ExecutionsStarted = Counter, Count, "ice_executions_started_total", [], "Runs started.";
    ExecutionsCompleted = Counter, Count, "ice_executions_completed_total", ["status"], "Runs ended, by final status.",
        alert("IceRunsFailing",
            "sum(rate(ice_executions_completed_total{status=\"failed\"}[15m])) > 0.1 * sum(rate(ice_executions_completed_total[15m]))",
            "10m", Warning, "More than a tenth of the runs fail.");
    ExecutionsFailed = Counter, Count, "ice_executions_failed_total", ["kind"], "Nodes that failed after their last attempt, by node kind.";
    RunsActive = Gauge, Count, "ice_runs_active", [], "Runs being driven now.";
    RunsWoken = Counter, Count, "ice_runs_woken_total", ["by"], "Waiting runs that were taken up again, by whether a message or their time had come.";
    ScheduledTimes = Counter, Count, "ice_scheduled_times_total", ["what"], "Times of schedules that came, by whether a run was started, or why not.";
    RunSeconds = Histogram, Seconds, "ice_run_seconds", ["status"], "Wall time of runs, by final status.", in WORK_SECONDS;
    NodeSeconds = Histogram, Seconds, "ice_node_seconds", ["kind"], "Wall time of node attempts, by node kind.", in WORK_SECONDS;
    NodeRetries = Counter, Count, "ice_node_retries_total", ["kind"], "Attempts after the first, by node kind.";
    NodesSkipped = Counter, Count, "ice_nodes_skipped_total", [], "Nodes skipped because their branch was not taken.";
    NodesUnresponsive = Counter, Count, "ice_nodes_unresponsive_total", [], "Nodes that ignored their cancellation past the grace period.";
    QuestionsAsked = Counter, Count, "ice_questions_asked_total", [], "Questions that people were asked.";
    QuestionsEscalated = Counter, Count, "ice_questions_escalated_total", [], "Questions that were escalated because nobody had answered in time.";
    QuestionsAnswered = Counter, Count, "ice_questions_answered_total", ["kind"], "Questions that came to an answer, by whether it was given or time was up.";
    MonitorChecks = Counter, Count, "ice_monitor_checks_total", ["triggered"], "Looks of monitors at what they watch, by whether it held.";
    AlertsSent = Counter, Count, "ice_alerts_sent_total", ["channel", "sent"], "Alerts of monitors, by channel and whether they were sent.";
    JournalRecords = Counter, Count, "ice_journal_records_total", [], "Records appended to journals.";
    JournalBytes = Counter, Bytes, "ice_journal_bytes_total", [], "Bytes appended to journals, values included.";
    BudgetRefusals = Counter, Count, "ice_budget_refusals_total", ["payer"], "Calls that a budget shared by runs did not allow, by whose budget it is (blueprint, tenant).",
        alert("IceSharedBudgetUsedUp", "sum by (payer) (increase(ice_budget_refusals_total[15m])) > 0", "1m", Warning, "Runs fail because a budget that they share is used up: `ice budgets` tells which.");
    ResultCache = Counter, Count, "ice_result_cache_total", ["tool", "result"], "Calls of pure tools that were looked up in the cache of results, by tool and whether they were there (hit, miss).";
    LlmTokens = Counter, Count, "ice_llm_tokens_total", ["provider", "direction"], "Tokens of model calls, by provider and direction.";
    LlmCost = Counter, Count, "ice_llm_cost_total", ["provider", "model", "workflow", "agent"], "Cost of model calls in billionths of a US dollar, by provider, model, workflow and agent; no agent for calls of other nodes.";
    LlmSeconds = Histogram, Seconds, "ice_llm_seconds", ["provider"], "Wall time of model calls, by provider.", in MODEL_SECONDS;
    GenAiTokenUsage = Histogram, Count, "ice_gen_ai_client_token_usage", ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "gen_ai_token_type"], "Tokens of each call of a model or embedder, by operation, vendor, model and whether they were read or written.", in TOKENS;
    GenAiOperationSeconds = Histogram, Seconds, "ice_gen_ai_client_operation_duration_seconds", ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model", "error_type"], "Time of calls of models and embedders, by operation, vendor, model and how they failed.", in MODEL_SECONDS,
        alert("IceModelCallsFailing",
            "sum by (gen_ai_provider_name) (rate(ice_gen_ai_client_operation_duration_seconds_count{error_type!=\"\",error_type!=\"RUN_CANCELLED\"}[15m])) > 0.1 * sum by (gen_ai_provider_name) (rate(ice_gen_ai_client_operation_duration_seconds_count[15m]))",
            "10m", Warning, "More than a tenth of the calls of a vendor's models fail.");
    GenAiFirstChunkSeconds = Histogram, Seconds, "ice_gen_ai_client_operation_time_to_first_chunk_seconds", ["gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model"], "Time to the first piece of models' answers, by vendor and model.", in FIRST_CHUNK_SECONDS;
    GenAiWorkflowSeconds = Histogram, Seconds, "ice_gen_ai_workflow_duration_seconds", ["gen_ai_workflow_name", "error_type"], "Time of runs that ended, by workflow and how they failed.", in WORK_SECONDS;
    GenAiAgentSeconds = Histogram, Seconds, "ice_gen_ai_invoke_agent_duration_seconds", ["gen_ai_agent_name", "error_type"], "Time for which agents work, by agent and how they failed.", in WORK_SECONDS;
    GenAiToolSeconds = Histogram, Seconds, "ice_gen_ai_execute_tool_duration_seconds", ["gen_ai_tool_name", "error_type"], "Time of calls of tools, by tool and how they failed.", in REQUEST_SECONDS;
    McpOperationSeconds = Histogram, Seconds, "ice_mcp_client_operation_duration_seconds", ["mcp_server", "mcp_method_name", "error_type"], "Time of requests to MCP servers, by server, method and how they failed.", in REQUEST_SECONDS,
        alert("IceMcpServerFailing",
            "sum by (mcp_server) (rate(ice_mcp_client_operation_duration_seconds_count{error_type!=\"\",error_type!=\"RUN_CANCELLED\"}[15m])) > 0.1 * sum by (mcp_server) (rate(ice_mcp_client_operation_duration_seconds_count[15m]))",
            "10m", Warning, "More than a tenth of the requests to an MCP server fail.");
    McpSessionSeconds = Histogram, Seconds, "ice_mcp_client_session_duration_seconds", ["mcp_server", "error_type"], "Time for which connections with MCP servers last, by server and what ended them.", in REQUEST_SECONDS;
    SandboxRuns = Counter, Count, "ice_sandbox_runs_total", ["tool", "verdict"], "Executions in cages, by tool or kind of node and by how they ended.",
        alert("IceSandboxKills",
            "sum by (tool) (rate(ice_sandbox_runs_total{verdict=~\"denied|memory_limit|cpu_limit|wall_timeout|process_limit|output_limit|file_size\"}[15m])) > 0.1 * sum by (tool) (rate(ice_sandbox_runs_total[15m]))",
            "10m", Warning, "More than a tenth of the executions of a tool were ended by a limit or a forbidden call.");
    SandboxWallSeconds = Histogram, Seconds, "ice_sandbox_wall_seconds", ["tool"], "Wall time of executions in cages.", in WORK_SECONDS;
    SandboxSetupSeconds = Histogram, Seconds, "ice_sandbox_setup_seconds", [], "Time to make a cage.";
    SandboxSetupFailures = Counter, Count, "ice_sandbox_setup_failures_total", ["stage"], "Cages that could not be made, by stage; nothing ran in them.",
        alert("IceSandboxUnavailable", "sum(increase(ice_sandbox_setup_failures_total[10m])) > 0", "0m", Critical,
            "Cages cannot be made, so that what needs them does not run; see `ice doctor`.");
    SandboxCpu = Counter, Count, "ice_sandbox_cpu_milliseconds_total", ["tool", "mode"], "CPU time of executions in cages in milliseconds, in programs (user) and in the kernel (system).";
    SandboxCpuSeconds = Histogram, Seconds, "ice_sandbox_cpu_seconds", ["tool"], "CPU time of each execution in a cage.";
    SandboxPeakMemory = Histogram, Bytes, "ice_sandbox_peak_memory_bytes", ["tool", "source"], "The most memory of each execution in a cage, by where the figure comes from.";
    SandboxLimitHits = Counter, Count, "ice_sandbox_limit_hits_total", ["limit"], "Executions ended by a limit.";
    SandboxDenials = Counter, Count, "ice_sandbox_denials_total", ["kind"], "What executions wanted and were not given: limits, system calls, connections, grants.";
    SandboxOutputBytes = Counter, Bytes, "ice_sandbox_output_bytes_total", ["stream"], "Bytes that executions in cages wrote.";
    SandboxActive = Gauge, Count, "ice_sandbox_active", [], "Executions in cages under way.";
    SandboxLayersMissing = Counter, Count, "ice_sandbox_layers_missing_total", ["layer"], "Executions that ran without a layer of protection.";
    SandboxWaivers = Gauge, Count, "ice_sandbox_waivers", ["layer"], "Runs under way that waive a layer of protection.",
        alert("IceSandboxWaived", "sum by (layer) (ice_sandbox_waivers) > 0", "5m", Warning,
            "Runs do without a layer of protection that somebody waived.");
    WasmFuel = Counter, Count, "ice_wasm_fuel_consumed_total", [], "Fuel that WebAssembly used.";
    WasmTraps = Counter, Count, "ice_wasm_traps_total", ["kind"], "WebAssembly that trapped, by kind.";
    MemoryEntriesAdded = Counter, Count, "ice_memory_entries_added_total", ["kind"], "Entries of memory that became current, by kind.";
    MemoryEntriesRemoved = Counter, Count, "ice_memory_entries_removed_total", ["kind"], "Entries of memory that were superseded, forgotten, erased or ended, by kind.";
    MemoryTokensAdded = Counter, Count, "ice_memory_tokens_added_total", ["kind"], "Tokens of entries of memory that became current, by kind.";
    MemoryTokensRemoved = Counter, Count, "ice_memory_tokens_removed_total", ["kind"], "Tokens of entries of memory that are current no more, by kind.";
    MemoryCostAdded = Counter, Count, "ice_memory_cost_added_total", ["kind"], "Cost of entries of memory that became current in billionths of a US dollar, by kind.";
    MemoryCostRemoved = Counter, Count, "ice_memory_cost_removed_total", ["kind"], "Cost of entries of memory that are current no more in billionths of a US dollar, by kind.";
    MemoryWritesRefused = Counter, Count, "ice_memory_writes_refused_total", ["kind", "reason"], "Writes to memory that were refused, by kind and reason (invalid, guarantee, budget, conflict, taken_back, store, index).",
        alert("IceMemoryGuaranteeBroken", "sum by (kind) (increase(ice_memory_writes_refused_total{reason=\"guarantee\"}[10m])) > 0", "0m", Critical,
            "A memory refuses to write since its store does not keep what was promised; see the error page MEMORY_GUARANTEE.");
    MemoryConflicts = Counter, Count, "ice_memory_conflicts_total", [], "Batches of memory that were made again since somebody else had changed what they rest on.";
    StoreCommitSeconds = Histogram, Seconds, "ice_store_commit_seconds", ["durability"], "Time from a commit to its acknowledgement, by durability.";
    StoreCommitBatch = Histogram, Count, "ice_store_commit_batch_size", [], "Commits written together in one group.";
    StoreSyncSeconds = Histogram, Seconds, "ice_store_sync_seconds", [], "Time of one sync of the log.";
    StoreQueueDepth = Gauge, Count, "ice_store_queue_depth", [], "Commits waiting for the log.";
    StoreDiskBytes = Gauge, Bytes, "ice_store_disk_bytes", [], "Bytes of the store on disk.";
    StoreRecoverySeconds = Histogram, Seconds, "ice_store_recovery_seconds", [], "Time to open the store.";
    StoreRecoveredDiscarded = Counter, Count, "ice_store_recovered_discarded_total", [], "Unacknowledged commits dropped from the log's tail when opening.";
    StoreCorruption = Counter, Count, "ice_store_corruption_total", [], "Damaged places found in the store.",
        alert("IceStoreDamaged", "increase(ice_store_corruption_total[1h]) > 0", "0m", Critical,
            "The store found damaged data; see `ice doctor` and the error page STORE_CORRUPT.");
    StorePoisoned = Gauge, Count, "ice_store_poisoned", [], "1 while the store refuses writes after a failed write or sync.",
        alert("IceStorePoisoned", "ice_store_poisoned > 0", "0m", Critical,
            "A write or sync failed; the process must open its store again.");
}

impl MetricName {
    /// Whether a process exports the metric from its start on, at zero: counters without labels. Others
    /// appear with their first value.
    #[must_use]
    pub const fn is_always_present(self) -> bool {
        matches!(self.kind(), Kind::Counter) && self.labels().is_empty()
    }

    pub(super) fn has_labels(self, pairs: &[(&'static str, &str)]) -> bool {
        pairs.iter().map(|(key, _)| *key).eq(self.labels().iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        for metric in MetricName::ALL {
            let name = metric.name();
            assert!(name.starts_with("ice_"), "{name}");
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{name}"
            );
            assert_eq!(name.ends_with("_total"), metric.kind() == Kind::Counter, "{name}");
            if metric.unit() == Unit::Seconds {
                assert!(name.ends_with("_seconds"), "{name}");
            }
        }
    }

    #[test]
    fn only_counters_without_labels_are_always_present() {
        assert!(MetricName::ExecutionsStarted.is_always_present());
        assert!(!MetricName::ExecutionsCompleted.is_always_present());
        assert!(!MetricName::RunsActive.is_always_present());
    }

    #[test]
    fn histograms_have_buckets_that_rise_and_nothing_else_has() {
        for metric in MetricName::ALL {
            let buckets = metric.buckets();
            assert_eq!(buckets.is_empty(), metric.kind() != Kind::Histogram, "{metric:?}");
            assert!(buckets.is_sorted_by(|one, next| one < next), "{metric:?} {buckets:?}");
        }
        let tokens = MetricName::GenAiTokenUsage.buckets();
        assert_eq!((tokens.first(), tokens.last(), tokens.len()), (Some(&1.0), Some(&67_108_864.0), 14));
        let seconds = MetricName::GenAiOperationSeconds.buckets();
        assert_eq!((seconds.first(), seconds.last(), seconds.len()), (Some(&0.01), Some(&81.92), 14));
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> =
            MetricName::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), MetricName::ALL.len());
    }
}
