//! Votes: what corosync's votequorum is set to.
//!
//! A running corosync is asked (`corosync-quorumtool -s`: the lines `Flags:` and `Expected votes:`, as
//! votequorum(5) names them); a stopped one is read from its configuration file.

use super::cib::Unmodelled;

/// What votequorum does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Votes {
    pub(crate) two_node: bool,
    pub(crate) wait_for_all: bool,
    /// Only a running corosync says.
    pub(crate) expected: Option<usize>,
    /// Ways to count that aren't modelled.
    pub(crate) unmodelled: Vec<Unmodelled>,
}

impl Votes {
    /// From `corosync-quorumtool -s`; None when it holds no votequorum information.
    pub(crate) fn of_tool(text: &str) -> Option<Self> {
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let flags: Vec<&str> = value("Flags:")?.split_whitespace().collect();
        let mut votes = Self {
            two_node: flags.contains(&"2Node"),
            wait_for_all: flags.contains(&"WaitForAll"),
            expected: value("Expected votes:").and_then(|n| n.parse().ok()),
            unmodelled: Vec::new(),
        };
        for flag in ["Qdevice", "AutoTieBreaker", "LastManStanding", "AllowDownscale"] {
            if flags.contains(&flag) {
                votes
                    .unmodelled
                    .push(Unmodelled::new("votequorum", format!("votes are counted with {flag}")));
            }
        }
        Some(votes)
    }

    /// From `corosync.conf`: the `quorum` section. With `two_node: 1`, `wait_for_all` is on unless it is switched off.
    pub(crate) fn of_configuration(text: &str) -> Self {
        let mut sections: Vec<&str> = Vec::new();
        let (mut two_node, mut wait_for_all) = (false, None);
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            if let Some(name) = line.strip_suffix('{') {
                sections.push(name.trim());
            } else if line == "}" {
                sections.pop();
            } else if let (["quorum"], Some((name, value))) = (sections.as_slice(), line.split_once(':')) {
                match name.trim() {
                    "two_node" => two_node = value.trim() == "1",
                    "wait_for_all" => wait_for_all = Some(value.trim() == "1"),
                    _ => {}
                }
            }
        }
        Self { two_node, wait_for_all: wait_for_all.unwrap_or(two_node), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_corosync_is_read_by_its_flags() {
        let tool = "Quorum information\nQuorate:          Yes\n\nVotequorum information\n----------------------\n\
            Expected votes:   2\nHighest expected: 2\nQuorum:           1  \nFlags:            2Node Quorate WaitForAll \n";
        let votes = Votes::of_tool(tool).unwrap();
        assert_eq!((votes.two_node, votes.wait_for_all, votes.expected), (true, true, Some(2)));
        assert!(votes.unmodelled.is_empty());
        let device = Votes::of_tool(&tool.replace("2Node", "Qdevice")).unwrap();
        assert_eq!(device.unmodelled.len(), 1);
        assert_eq!(Votes::of_tool("Cannot initialize QUORUM service\n"), None);
    }

    #[test]
    fn a_stopped_one_by_its_file() {
        let file = |quorum: &str| {
            format!(
                "totem {{\n  two_node: 1\n}}\nquorum {{\n  {quorum}\n  device {{\n    votes: 1\n  }}\n}}\n"
            )
        };
        let votes = |quorum: &str| {
            let votes = Votes::of_configuration(&file(quorum));
            (votes.two_node, votes.wait_for_all)
        };
        assert_eq!(votes("two_node: 1"), (true, true));
        assert_eq!(votes("two_node: 1\n  wait_for_all: 0"), (true, false));
        assert_eq!(votes("wait_for_all: 1"), (false, true));
        assert_eq!(votes("provider: corosync_votequorum"), (false, false), "totem's two_node is none");
    }
}
