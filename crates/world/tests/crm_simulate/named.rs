//! Cluster states that one runs into, each with what it is about.

use std::collections::BTreeMap;

use crate::case::{Case, Event, Group, INFINITY, Node};

/// A cluster of online nodes n1 … with a fencing device first in the configuration.
struct Cluster {
    nodes: BTreeMap<String, Node>,
    groups: Vec<Group>,
}

fn cluster(nodes: usize) -> Cluster {
    Cluster { nodes: (1..=nodes).map(|i| (format!("n{i}"), Node::Online)).collect(), groups: Vec::new() }
}

impl Cluster {
    fn group(
        mut self,
        name: &str,
        members: usize,
        owner: &str,
        stickiness: i32,
        scores: &[(&str, i32)],
    ) -> Self {
        self.groups.push(Group {
            name: name.into(),
            fencing: false,
            members,
            stickiness,
            scores: scores.iter().map(|(n, s)| ((*n).to_owned(), *s)).collect(),
            owner: (!owner.is_empty()).then(|| owner.to_owned()),
        });
        self
    }

    fn fence(mut self, owner: &str) -> Self {
        self.groups.push(Group {
            name: "fence".into(),
            fencing: true,
            members: 1,
            stickiness: 0,
            scores: BTreeMap::new(),
            owner: Some(owner.into()),
        });
        self
    }

    fn node(mut self, name: &str, state: Node) -> Self {
        self.nodes.insert(name.into(), state);
        self
    }

    fn then(self, event: Event) -> Case {
        Case { two_node: self.nodes.len() == 2, nodes: self.nodes, groups: self.groups, event }
    }
}

pub(crate) fn cases() -> Vec<(String, Case)> {
    let standby = |n: &str| Event::Standby(n.into());
    let unstandby = |n: &str| Event::Unstandby(n.into());
    let lost = |n: &str| Event::PowerLost(n.into());
    let fails = |standby: &str, group: &str, member: usize, on: &str| Event::StandbyAndStartFails {
        standby: standby.into(),
        group: group.into(),
        member,
        on: on.into(),
    };
    let mail = |nodes: usize| cluster(nodes).fence("n2").group("mail", 4, "n1", 100, &[]);
    let two = || cluster(3).fence("n3").group("web", 2, "n1", 100, &[]).group("mail", 3, "n2", 100, &[]);
    [
        ("nothing happens to a quiet cluster", mail(3).then(Event::Nothing)),
        (
            "without stickiness the fencing device pushes the group away",
            cluster(2).fence("n1").group("a", 2, "n1", 0, &[]).then(Event::Nothing),
        ),
        (
            "a drain goes to the node with fewest resources, not the first by name",
            mail(3).then(standby("n1")),
        ),
        ("a drain in two nodes", mail(2).then(standby("n1"))),
        ("a drain of the node that carries nothing", mail(3).then(standby("n3"))),
        ("two groups, one drained", two().then(standby("n1"))),
        ("two groups, the other drained", two().then(standby("n2"))),
        (
            "stickiness keeps the group when its node is back",
            mail(3).node("n3", Node::Standby).then(unstandby("n3")),
        ),
        (
            "without stickiness groups are spread again",
            cluster(3)
                .node("n3", Node::Standby)
                .fence("n1")
                .group("a", 1, "n1", 0, &[])
                .group("b", 1, "n2", 0, &[])
                .then(unstandby("n3")),
        ),
        (
            "a location score above the stickiness calls the group back",
            cluster(3)
                .node("n1", Node::Standby)
                .fence("n2")
                .group("a", 2, "n2", 100, &[("n1", 500)])
                .then(unstandby("n1")),
        ),
        (
            "a location score below the summed stickiness does not",
            cluster(3)
                .node("n1", Node::Standby)
                .fence("n2")
                .group("a", 2, "n2", 100, &[("n1", 150)])
                .then(unstandby("n1")),
        ),
        (
            "equal scores above zero leave it where it is",
            cluster(2)
                .node("n1", Node::Standby)
                .fence("n2")
                .group("a", 1, "n2", 0, &[("n1", 50), ("n2", 50)])
                .then(unstandby("n1")),
        ),
        (
            "INFINITY on a node beats stickiness",
            cluster(3)
                .node("n1", Node::Standby)
                .fence("n3")
                .group("a", 1, "n2", 1000, &[("n1", INFINITY)])
                .then(unstandby("n1")),
        ),
        ("a group that may run on two of three nodes", mail(2).then(Event::StopService("n1".into()))),
        (
            "no eligible other node: it stops",
            cluster(3)
                .fence("n2")
                .group("a", 2, "n1", 100, &[("n2", -INFINITY), ("n3", -INFINITY)])
                .then(standby("n1")),
        ),
        (
            "negative scores mean nowhere",
            cluster(2).fence("n2").group("a", 2, "n1", 100, &[("n2", -1)]).then(standby("n1")),
        ),
        (
            "a negative score is made up for by stickiness",
            cluster(2).fence("n2").group("a", 2, "n1", 100, &[("n1", -150)]).then(Event::Nothing),
        ),
        (
            "a stopped group stays stopped",
            cluster(2)
                .fence("n2")
                .group("a", 2, "", 100, &[])
                .group("b", 1, "n1", 0, &[])
                .then(standby("n1")),
        ),
        ("power cut, fenced, recovered", mail(3).then(lost("n1"))),
        ("power cut in two nodes with two_node", mail(2).then(lost("n1"))),
        (
            "power cut that costs the quorum: nothing is fenced, everything else stops",
            cluster(4)
                .node("n4", Node::Offline)
                .fence("n2")
                .group("a", 2, "n1", 100, &[])
                .group("b", 2, "n2", 100, &[])
                .then(lost("n3")),
        ),
        (
            "a clean stop that costs the quorum",
            cluster(4)
                .node("n4", Node::Offline)
                .fence("n2")
                .group("a", 2, "n1", 100, &[])
                .then(Event::StopService("n3".into())),
        ),
        (
            "the quorum comes back",
            cluster(4)
                .node("n4", Node::Offline)
                .fence("n2")
                .group("a", 2, "n1", 100, &[])
                .then(Event::StartService("n4".into())),
        ),
        ("the first member can't start on the first choice", mail(3).then(fails("n1", "mail", 0, "n3"))),
        ("the last member can't start on the first choice", mail(3).then(fails("n1", "mail", 3, "n3"))),
        (
            "a member can't start on the only choice: those before it run",
            mail(2).then(fails("n1", "mail", 2, "n2")),
        ),
        (
            "turns go by the configuration, not by name",
            cluster(3)
                .group("z", 3, "n1", 100, &[])
                .group("a", 1, "n1", 100, &[])
                .fence("n3")
                .then(standby("n1")),
        ),
        (
            "five nodes, five groups",
            cluster(5)
                .fence("n5")
                .group("e", 2, "n1", 10, &[])
                .group("d", 1, "n1", 10, &[])
                .group("c", 3, "n2", 10, &[])
                .group("b", 1, "n3", 10, &[("n4", 30)])
                .group("a", 1, "n1", 10, &[("n2", -INFINITY)])
                .then(standby("n1")),
        ),
    ]
    .into_iter()
    .map(|(name, case)| (name.to_owned(), case))
    .collect()
}
