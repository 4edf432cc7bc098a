//! What of a run's grants an execution is given: what its capabilities name, in the form that cages take.

use ice_core::process::{Grants, HostGrant};
use ice_core::tools::Capability;

/// The part of the run's grants that capabilities name. A pattern of hosts stands for the hosts among `wanted` that it
/// covers; an address of version 6, which no cage leads to, is left out unless it is wanted: then it is told.
pub(crate) fn of_run(run: &Grants, capabilities: &[Capability], wanted: Vec<HostGrant>) -> Grants {
    let may = |capability| capabilities.contains(&capability);
    let mut grants = Grants::default();
    if may(Capability::ReadFiles) {
        grants.read.clone_from(&run.read);
    }
    if may(Capability::WriteFiles) {
        grants.write.clone_from(&run.write);
    } else if may(Capability::ReadFiles) {
        // What may be written in the run may be read in it, too.
        grants.read.extend(run.write.iter().cloned());
    }
    if may(Capability::Network) {
        grants.hosts = narrowed(&run.hosts, wanted);
    }
    grants
}

fn narrowed(granted: &[HostGrant], wanted: Vec<HostGrant>) -> Vec<HostGrant> {
    let (patterns, mut hosts): (Vec<_>, Vec<_>) =
        granted.iter().cloned().partition(|grant| grant.host.starts_with('*'));
    hosts.retain(|host| !host.host.contains(':') || wanted.contains(host));
    let covered = |host: &HostGrant| patterns.iter().any(|pattern| pattern.covers(&host.host, host.port));
    hosts.extend(wanted.into_iter().filter(covered));
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_the_hosts_that_a_call_wants() {
        let grants =
            |texts: &[&str]| -> Vec<HostGrant> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let granted = grants(&["*.example.org:443", "b.org:80"]);
        let wanted = grants(&["a.example.org:443", "a.example.org:80", "evil.org:443", "b.org:80"]);
        assert_eq!(narrowed(&granted, wanted), grants(&["a.example.org:443", "b.org:80"]));
        let granted = grants(&["[::1]:80", "b.org:80"]);
        assert_eq!(narrowed(&granted, Vec::new()), grants(&["b.org:80"]));
        assert_eq!(narrowed(&granted, grants(&["[::1]:80"])), granted);
    }
}
