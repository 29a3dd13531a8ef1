//! The balancer in front of a pool: which servers it gives requests.
//!
//! What it is told outlives a restart of the server, as the estate file asks of the administrator's commands.

use crate::spec::Balancer;
use crate::state::State;

impl State {
    /// Carries out a command about a node, and gives what it prints.
    pub(crate) fn balance(&mut self, node: &str, what: Balancer) -> &'static str {
        let Some(found) = self.node_mut(node) else { return "" };
        match what {
            Balancer::State if found.durable.balanced => return "in\r\n",
            Balancer::State => return "out\r\n",
            Balancer::Out => found.durable.balanced = false,
            Balancer::In => found.durable.balanced = true,
        }
        self.look_at_pools();
        ""
    }

    /// Whether servers of one pool are given requests at different builds (E03-FE-TOGETHER).
    pub(crate) fn look_at_pools(&mut self) {
        let balanced: Vec<_> = self.nodes.iter().filter(|n| n.pool.is_some() && n.durable.balanced).collect();
        // Of Exchange 2000 they need not be done at the same time (E00-FE-FIRST).
        let together = |node: &crate::node::Node| {
            node.build().is_none_or(|build| crate::spec::product_of(build) == "exchange-2003")
        };
        let mut harm = Vec::new();
        for (index, one) in balanced.iter().enumerate() {
            for other in balanced
                .iter()
                .skip(index + 1)
                .filter(|o| o.pool == one.pool && o.build() != one.build() && together(one))
            {
                let pool = one.pool.as_deref().unwrap_or_default();
                harm.push(format!("{} and {} serve {pool} with different builds", one.name, other.name));
            }
        }
        let new: Vec<String> = harm.into_iter().filter(|harm| !self.harm.contains(harm)).collect();
        self.harm.extend(new);
    }
}
