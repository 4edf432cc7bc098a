//! Blueprints of every kind, generated.

use indexmap::IndexMap;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::blueprint::*;
use crate::budget::Budget;
use crate::id::NodeId;
use crate::llm::Fallback;
use crate::tools::Capability;
use crate::value::{Value, ValuePath};

fn id() -> impl Strategy<Value = NodeId> {
    "[a-z_][a-z0-9_-]{0,6}".prop_map(|text| NodeId::new(&text).unwrap())
}

fn text() -> BoxedStrategy<String> {
    prop_oneof!["[a-z .]{0,12}", "\\PC{0,8}", Just("{{ a.text }}".to_owned()), "(\n| |\t|\"|'|:|#|- ){0,8}"]
        .boxed()
}

/// A value that is not null.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-9_007_199_254_740_992_i64..=9_007_199_254_740_992).prop_map(Value::from),
        (-1e15..1e15).prop_map(|number| Value::try_from(number).unwrap()),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec(("\\PC{0,5}", inner), 0..3).prop_map(|entries| {
                let entries: IndexMap<String, Value> = entries.into_iter().collect();
                Value::map(entries)
            }),
        ]
    })
}

fn map() -> BoxedStrategy<Value> {
    vec(("[a-z]{1,5}", value()), 0..3)
        .prop_map(|entries| {
            let entries: IndexMap<String, Value> = entries.into_iter().collect();
            Value::map(entries)
        })
        .boxed()
}

fn map_or_null() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Null), map()]
}

fn path() -> impl Strategy<Value = ValuePath> {
    "([a-z]{1,4}(\\.[a-z0-9]{1,3}){0,2}|\\.)".prop_map(|text| ValuePath::from(text.as_str()))
}

fn paths() -> impl Strategy<Value = IndexMap<String, ValuePath>> {
    vec(("[a-z]{1,4}", path()), 0..3).prop_map(|entries| entries.into_iter().collect())
}

fn whole() -> impl Strategy<Value = u64> {
    0..1_u64 << 53
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), -1e6..1e6]
}

fn mapping() -> impl Strategy<Value = InputMapping> {
    prop_oneof![
        value().prop_map(InputMapping::Literal),
        (id(), path(), map_or_null()).prop_map(|(source_node_id, source_output_key, rules)| {
            InputMapping::Source { source_node_id, source_output_key, rules }
        }),
    ]
}

fn retry() -> impl Strategy<Value = RetryPolicy> {
    let strategy = prop_oneof![
        Just(BackoffStrategy::Fixed),
        Just(BackoffStrategy::Linear),
        Just(BackoffStrategy::Exponential)
    ];
    (any::<u32>(), strategy, number()).prop_map(|(max_attempts, backoff_strategy, backoff_seconds)| {
        RetryPolicy { max_attempts, backoff_strategy, backoff_seconds }
    })
}

fn budget() -> impl Strategy<Value = Budget> {
    let money = (0..1_000_000_u64).prop_map(|millionths| format!("0.{millionths:06}").parse().unwrap());
    (of(money), of(whole()), of(whole()), of(whole())).prop_map(
        |(cost_usd, tokens, model_calls, tool_calls)| Budget { cost_usd, tokens, model_calls, tool_calls },
    )
}

fn agent_limits() -> impl Strategy<Value = AgentLimits> {
    let few = || of(0..9_u32);
    (few(), few(), few(), budget(), of(whole())).prop_map(|(rounds, repeats, depth, budget, result_bytes)| {
        AgentLimits {
            rounds,
            tool_calls: budget.tool_calls,
            tokens: budget.tokens,
            cost_usd: budget.cost_usd,
            repeats,
            result_bytes,
            depth,
        }
    })
}

fn rule() -> impl Strategy<Value = ContextRule> {
    let format = prop_oneof![
        Just(ContextFormat::Text),
        Just(ContextFormat::Json),
        Just(ContextFormat::Markdown),
        Just(ContextFormat::Code),
        Just(ContextFormat::Custom)
    ];
    (any::<bool>(), format, any::<bool>(), of(whole()), any::<bool>()).prop_map(
        |(include, format, required, max_tokens, truncate)| ContextRule {
            include,
            format,
            required,
            max_tokens,
            truncate,
        },
    )
}

fn base() -> impl Strategy<Value = NodeBase> {
    let first = (of(text()), vec(id(), 0..3), map_or_null(), of(text()), of(whole()), any::<u32>());
    let second = (number(), of(retry()), map_or_null(), map_or_null(), budget());
    let third = (vec(("[a-z]{1,4}", mapping()), 0..2), paths(), any::<bool>());
    let fourth = (of(vec(text(), 0..2)), of(vec(text(), 0..2)), vec(("[a-z]{1,4}", rule()), 0..2));
    (first.boxed(), second.boxed(), third.boxed(), fourth.boxed()).prop_map(
        |(first, second, third, fourth)| NodeBase {
            name: first.0,
            dependencies: first.1,
            metadata: first.2,
            provider: first.3,
            timeout_seconds: first.4,
            retries: first.5,
            backoff_seconds: second.0,
            retry_policy: second.1,
            budget: second.4,
            input_schema: second.2,
            output_schema: second.3,
            input_mappings: third.0.into_iter().collect(),
            output_mappings: third.1,
            use_cache: third.2,
            input_selection: fourth.0,
            output_selection: fourth.1,
            context_rules: fourth.2.into_iter().collect(),
        },
    )
}

fn config() -> impl Strategy<Value = LlmConfig> {
    let first = (of(text()), of(text()), of(number()), of(whole()), of(whole()), of(text()));
    let second = (of(whole()), of(any::<u32>()), of(number()), of(number()), of(number()));
    let fallback = (of(text()), text()).prop_map(|(provider, model)| Fallback { provider, model });
    let third = (of(vec(text(), 0..2)), vec(fallback, 0..2), map_or_null());
    (first, second, third, vec(("x_[a-z]{1,4}", value()), 0..2)).prop_map(
        |(first, second, (stop_sequences, fallback_models, custom_parameters), extra)| LlmConfig {
            provider: first.0,
            model: first.1,
            temperature: first.2,
            max_tokens: first.3,
            max_context_tokens: first.4,
            base_url: first.5,
            timeout: second.0,
            max_retries: second.1,
            top_p: second.2,
            frequency_penalty: second.3,
            presence_penalty: second.4,
            stop_sequences,
            fallback_models,
            custom_parameters,
            extra: extra.into_iter().collect(),
        },
    )
}

fn tool_config() -> impl Strategy<Value = ToolConfig> {
    (text(), of(text()), map(), vec(text(), 0..2)).prop_map(|(name, description, parameters, required)| {
        ToolConfig { name, description, parameters, required }
    })
}

fn leaf_kind() -> impl Strategy<Value = NodeKind> {
    let tool =
        (text(), map()).prop_map(|(tool_name, tool_args)| NodeKind::Tool(ToolNode { tool_name, tool_args }));
    let llm_first = (text(), text(), config(), number(), of(whole()), vec(text(), 0..3));
    let llm_second = (map_or_null(), any::<bool>(), any::<bool>(), of(text()), map_or_null(), any::<bool>());
    let llm = (llm_first.boxed(), llm_second.boxed()).prop_map(|(first, second)| {
        NodeKind::Llm(LlmNode {
            model: first.0,
            prompt: first.1,
            images: first.5,
            llm_config: first.2,
            temperature: first.3,
            max_tokens: first.4,
            format_specifications: second.0,
            coerce_output_types: second.1,
            coerce_input_types: second.2,
            output_format: second.3,
            json_schema: second.4,
            memory_aware: second.5,
        })
    });
    let agent_first = (text(), of(text()), of(text()), of(text()), map_or_null(), vec(text(), 0..3));
    let agent_second = (
        of(vec(tool_config(), 0..2)),
        map_or_null(),
        any::<u32>(),
        of(config()),
        agent_limits(),
        any::<(bool, bool)>(),
    );
    let agent = (agent_first.boxed(), agent_second.boxed()).prop_map(|(first, second)| {
        NodeKind::Agent(AgentNode {
            package: first.0,
            agent_attr: first.1,
            model: first.2,
            version_constraint: first.3,
            agent_config: first.4,
            images: first.5,
            tools: second.0,
            memory: second.1,
            memory_aware: second.5.0,
            multi_turn: second.5.1,
            max_iterations: second.2,
            llm_config: second.3,
            limits: second.4,
        })
    });
    let workflow =
        (text(), paths(), map_or_null()).prop_map(|(workflow_ref, exposed_outputs, config_overrides)| {
            NodeKind::Workflow(WorkflowNode { workflow_ref, exposed_outputs, config_overrides })
        });
    let recursive_first = (vec(id(), 0..2), of(text()), any::<u32>(), of(text()), of(text()));
    let recursive =
        (recursive_first, any::<bool>(), text()).prop_map(|(first, preserve_context, context_key)| {
            NodeKind::Recursive(RecursiveNode {
                recursive_sources: first.0,
                convergence_condition: first.1,
                max_iterations: first.2,
                agent_package: first.3,
                workflow_ref: first.4,
                preserve_context,
                context_key,
            })
        });
    let language = prop_oneof![Just(CodeLanguage::Python), Just(CodeLanguage::Javascript)];
    let engine = prop_oneof![Just(CodeEngine::Process), Just(CodeEngine::Wasm)];
    let capabilities = vec(prop_oneof![Just(Capability::ReadFiles), Just(Capability::Network)], 0..2);
    let code = (language, of(text()), engine, of(text()), any::<bool>(), vec(text(), 0..2), capabilities)
        .prop_map(|(language, code, engine, module, sandbox, imports, capabilities)| {
            NodeKind::Code(CodeNode { language, code, engine, module, sandbox, imports, capabilities })
        });
    let approval = prop_oneof![
        Just(ApprovalType::ApproveReject),
        Just(ApprovalType::InputRequired),
        Just(ApprovalType::Choice)
    ];
    let human = (text(), approval, of(whole()), of(vec(text(), 0..3)), of(text())).prop_map(
        |(prompt_message, approval_type, auto_approve_after, choices, escalation_path)| {
            NodeKind::Human(HumanNode {
                prompt_message,
                approval_type,
                auto_approve_after,
                choices,
                escalation_path,
            })
        },
    );
    let action = prop_oneof![
        Just(ActionOnTrigger::AlertOnly),
        Just(ActionOnTrigger::Pause),
        Just(ActionOnTrigger::Abort)
    ];
    let channel =
        prop_oneof![Just(AlertChannel::Email), Just(AlertChannel::Sms), Just(AlertChannel::Webhook)];
    let monitor = (text(), action, vec(channel, 0..3), whole(), of(whole())).prop_map(
        |(metric_expression, action_on_trigger, alert_channels, check_interval_seconds, max_checks)| {
            NodeKind::Monitor(MonitorNode {
                metric_expression,
                action_on_trigger,
                alert_channels,
                check_interval_seconds,
                max_checks,
            })
        },
    );
    let member = (text(), text(), map_or_null()).prop_map(|(package, role, config_overrides)| AgentSpec {
        package,
        role,
        config_overrides,
    });
    let coordination =
        prop_oneof![Just(CoordinationStrategy::Consensus), Just(CoordinationStrategy::Marketplace)];
    let swarm = (vec(member, 0..3), coordination, any::<u32>(), number()).prop_map(
        |(agents, coordination_strategy, max_rounds, consensus_threshold)| {
            NodeKind::Swarm(SwarmNode { agents, coordination_strategy, max_rounds, consensus_threshold })
        },
    );
    prop_oneof![
        tool.boxed(),
        llm.boxed(),
        agent.boxed(),
        workflow.boxed(),
        recursive.boxed(),
        code.boxed(),
        human.boxed(),
        monitor.boxed(),
        swarm.boxed()
    ]
}

fn node_of(kind: impl Strategy<Value = NodeKind> + 'static) -> impl Strategy<Value = Node> {
    let when = of((id(), any::<bool>()).prop_map(|(condition, branch)| When { condition, branch }));
    (id(), kind.boxed(), base().boxed(), when.boxed()).prop_map(|(id, kind, base, when)| Node {
        id,
        kind,
        base,
        when,
    })
}

fn node() -> impl Strategy<Value = Node> {
    node_of(leaf_kind().boxed()).boxed().prop_recursive(2, 6, 2, |inner| {
        let condition = (text(), vec(inner.clone(), 0..2), vec(inner.clone(), 0..2)).prop_map(
            |(expression, true_path, false_path)| {
                NodeKind::Condition(ConditionNode { expression, true_path, false_path })
            },
        );
        let looped_first = (text(), "[a-z]{1,4}", vec(inner.clone(), 0..2));
        let looped = (looped_first, of(whole()), any::<bool>(), of(any::<u32>())).prop_map(
            |(first, max_iterations, parallel, max_concurrency)| {
                NodeKind::Loop(LoopNode {
                    items_source: first.0.trim_end().to_owned(),
                    item_var: first.1,
                    body: first.2,
                    max_iterations,
                    parallel,
                    max_concurrency,
                })
            },
        );
        let wait = prop_oneof![Just(WaitStrategy::All), Just(WaitStrategy::Any), Just(WaitStrategy::Race)];
        let parallel = (vec(vec(inner, 0..2), 0..3), of(any::<u32>()), any::<bool>(), wait).prop_map(
            |(branches, max_concurrency, merge_outputs, wait_strategy)| {
                NodeKind::Parallel(ParallelNode { branches, max_concurrency, merge_outputs, wait_strategy })
            },
        );
        node_of(prop_oneof![condition.boxed(), looped.boxed(), parallel.boxed()]).boxed()
    })
}

/// A blueprint of any shape; it need not make sense.
pub(crate) fn blueprint() -> impl Strategy<Value = Blueprint> {
    ("[a-z0-9_][a-z0-9_.-]{0,8}", vec(node(), 0..4), map_or_null(), map()).prop_map(
        |(id, nodes, input_schema, metadata)| Blueprint {
            blueprint_id: id.parse().unwrap(),
            schema_version: SchemaVersion::V1_2,
            nodes,
            input_schema,
            metadata,
        },
    )
}
