//! What this machine can enforce: found by making a cage, and by what a process in it sees of each layer.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::collect::collect;
use super::prepare::Prepared;
use super::sandbox::ResourceSandbox;
use crate::error::SandboxError;
use crate::layer::Layer;
use crate::policy::SandboxPolicy;
use crate::report::{Absent, Capabilities, MemorySource, SetupFailure, Stage, Usage, Verdict};
use crate::wire::{NAMESPACES, fact};

/// Looks at a cage without the layers that are taken for absent.
pub(super) async fn probe(sandbox: &ResourceSandbox, absent: &[Layer]) -> Result<Capabilities, SandboxError> {
    let all = Layer::ALL.into_iter().fold(SandboxPolicy::builder(), |policy, layer| policy.waive(layer));
    let policy = absent.iter().fold(all, |policy, layer| policy.absent(*layer)).build()?;
    let prepared = Prepared::to_look_around(&policy);
    let caged = sandbox.ordered(prepared, &policy, &CancellationToken::new()).await?;
    let report = collect(caged, &[]).await;
    if let Verdict::SetupFailed { failure } = report.verdict {
        return Err(failure.into());
    }
    if report.verdict != Verdict::Ok {
        let what = format!("the process that looks around ended with {:?}", report.verdict);
        return Err(SetupFailure::new(Stage::Launcher, what).into());
    }
    let (mut layers, mut missing) = (report.layers, report.not_enforced);
    let text = report.stdout.text();
    let inside = text.lines().filter_map(|line| line.split_once(":\t")).collect();
    for (layer, why) in doubts(&inside, &Outside::look(), report.usage) {
        if layers.remove(&layer) {
            missing.push(Absent { layer, why: format!("it was put on, but {why}") });
        }
    }
    Ok(Capabilities {
        layers,
        missing,
        landlock_abi: report.landlock_abi,
        launcher: sandbox.launcher().display().to_string(),
    })
}

/// What the same things are outside of the cage.
struct Outside {
    namespaces: BTreeMap<&'static str, String>,
    root: String,
}

impl Outside {
    fn look() -> Self {
        let links = NAMESPACES.iter().filter_map(|(_, name)| {
            let found = std::fs::read_link(Path::new("/proc/self/ns").join(name)).ok()?;
            Some((*name, found.display().to_string()))
        });
        let root = std::fs::metadata("/");
        let root = root.map(|found| format!("{}:{}", found.dev(), found.ino())).unwrap_or_default();
        Self { namespaces: links.collect(), root }
    }
}

/// The layers that do not hold by what was seen, and why.
fn doubts(inside: &BTreeMap<&str, &str>, outside: &Outside, usage: Usage) -> Vec<(Layer, String)> {
    let mut doubts = Vec::new();
    for (layer, name, holds) in [
        (Layer::NoNewPrivileges, fact::PRIVILEGES, "true"),
        (Layer::Seccomp, fact::SECCOMP, "2"),
        (Layer::UserNamespace, fact::POWERS, "0"),
        (Layer::UtsNamespace, fact::HOST_NAME, fact::SANDBOX),
        (Layer::ResourceLimits, fact::LIMITS, fact::HOLDS),
        (Layer::Landlock, fact::LANDLOCK, fact::HOLDS),
    ] {
        let found = inside.get(name).copied().unwrap_or("nothing");
        if found != holds {
            doubts.push((layer, format!("in the cage `{name}` is {found} instead of {holds}")));
        }
    }
    let seen = |text: &&str| !text.is_empty() && !text.starts_with("unknown");
    let kinds = NAMESPACES.iter().map(|(layer, name)| (*layer, *name, outside.namespaces.get(name)));
    for (layer, name, without) in kinds.chain([(Layer::Root, fact::ROOT, Some(&outside.root))]) {
        let within = inside.get(name).copied().filter(seen);
        match (within, without.map(String::as_str).filter(seen)) {
            (Some(within), Some(without)) if within != without => {}
            (Some(_), Some(without)) => {
                doubts.push((layer, format!("inside as outside `{name}` is {without}")));
            }
            (None, _) | (_, None) => doubts.push((layer, format!("what `{name}` is cannot be seen"))),
        }
    }
    if usage.memory_source != MemorySource::Group || usage.peak_memory == 0 {
        doubts.push((Layer::ControlGroups, "it has counted no memory".to_owned()));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_is_doubted_if_what_it_does_is_not_seen() {
        let good = || {
            let namespaces = NAMESPACES.iter().map(|(_, name)| (*name, format!("{name}:[1]")));
            let outside = Outside { namespaces: namespaces.collect(), root: "1:2".to_owned() };
            let mut inside = BTreeMap::from([
                (fact::PRIVILEGES, "true"),
                (fact::SECCOMP, "2"),
                (fact::POWERS, "0"),
                (fact::HOST_NAME, fact::SANDBOX),
                (fact::LIMITS, fact::HOLDS),
                (fact::LANDLOCK, fact::HOLDS),
                (fact::ROOT, "7:1"),
            ]);
            inside.extend(NAMESPACES.iter().map(|(_, name)| (*name, "another")));
            (inside, outside)
        };
        let counted = Usage { memory_source: MemorySource::Group, peak_memory: 1, ..Usage::default() };
        let (inside, outside) = good();
        assert_eq!(doubts(&inside, &outside, counted), []);
        assert_eq!(doubts(&inside, &outside, Usage::default())[0].0, Layer::ControlGroups);
        for name in inside.keys() {
            let expected = match *name {
                fact::PRIVILEGES => Layer::NoNewPrivileges,
                fact::SECCOMP => Layer::Seccomp,
                fact::POWERS => Layer::UserNamespace,
                fact::HOST_NAME => Layer::UtsNamespace,
                fact::LIMITS => Layer::ResourceLimits,
                fact::LANDLOCK => Layer::Landlock,
                fact::ROOT => Layer::Root,
                name => NAMESPACES.iter().find(|(_, known)| *known == name).unwrap().0,
            };
            let same = outside.namespaces.get(name).map_or("1:2", String::as_str);
            for found in [Some(same), Some("unknown (why)"), None] {
                let mut inside = inside.clone();
                match found {
                    Some(found) => inside.insert(name, found),
                    None => inside.remove(name),
                };
                let doubted: Vec<Layer> =
                    doubts(&inside, &outside, counted).into_iter().map(|(layer, _)| layer).collect();
                assert_eq!(doubted, [expected], "{name} is {found:?}");
            }
        }
    }
}
