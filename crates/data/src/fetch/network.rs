//! Which hosts cannot be reached, remembered so that each costs its timeout once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// After so many unreachable hosts, and none reached, the network itself is taken to be down. One host alone may be
/// down while another has the same file.
const HOSTS_UNTIL_DOWN: usize = 2;

#[derive(Debug, Default)]
pub(crate) struct Network {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    unreachable: BTreeMap<String, String>,
    reached: bool,
}

impl Network {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why there is no point in asking this host, if there is none.
    pub(crate) fn hopeless(&self, host: &str) -> Option<String> {
        let state = self.state();
        if let Some(reason) = state.unreachable.get(host) {
            return Some(format!("not tried again: {reason}"));
        }
        if state.reached || state.unreachable.len() < HOSTS_UNTIL_DOWN {
            return None;
        }
        let hosts: Vec<&str> = state.unreachable.keys().map(String::as_str).collect();
        let reason = state.unreachable.values().next().map_or("", String::as_str);
        Some(format!("not tried, the network is down: neither {} can be reached ({reason})", hosts.join(" nor ")))
    }

    /// A host could not be reached.
    pub(crate) fn failed(&self, host: &str, reason: &str) {
        self.state().unreachable.insert(host.into(), reason.into());
    }

    /// A host has answered, whatever it said.
    pub(crate) fn reached(&self) {
        self.state().reached = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_down_is_not_the_network() {
        let network = Network::default();
        network.failed("a.org", "refused");
        assert_eq!(network.hopeless("a.org").unwrap(), "not tried again: refused");
        assert_eq!(network.hopeless("b.org"), None);
        network.failed("b.org", "no such name");
        let reason = network.hopeless("c.org").unwrap();
        assert_eq!(reason, "not tried, the network is down: neither a.org nor b.org can be reached (refused)");
    }

    #[test]
    fn an_answer_proves_that_the_network_is_up() {
        let network = Network::default();
        network.reached();
        network.failed("a.org", "refused");
        network.failed("b.org", "refused");
        assert_eq!(network.hopeless("c.org"), None);
    }
}
