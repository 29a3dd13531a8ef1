//! Cluster states by a fixed sequence of pseudo-random numbers, so that every run tries the same ones.

use std::collections::BTreeMap;

use crate::case::{Case, Event, Group, INFINITY, Node};

struct Dice(u64);

impl Dice {
    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).unwrap()
    }

    fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

pub(crate) fn cases(count: usize) -> impl Iterator<Item = (String, Case)> {
    (0..count).map(|seed| (format!("seed {seed}"), case(&mut Dice(seed as u64))))
}

fn case(dice: &mut Dice) -> Case {
    let names: Vec<String> = (1..=2 + dice.below(4)).map(|i| format!("n{i}")).collect();
    let mut nodes: BTreeMap<String, Node> = names.iter().map(|n| (n.clone(), Node::Online)).collect();
    // At most a minority is out, so that the state before is one that can be.
    for name in names.iter().take((names.len() - 1) / 2) {
        let state = *dice.one_of(&[Node::Online, Node::Online, Node::Standby, Node::Offline]);
        nodes.insert(name.clone(), state);
    }
    let carriers: Vec<String> =
        nodes.iter().filter(|(_, s)| **s == Node::Online).map(|(n, _)| n.clone()).collect();
    let mut groups = Vec::new();
    let fence_at = dice.below(4);
    for i in 0..1 + dice.below(4) {
        if i == fence_at {
            groups.push(fence(dice, &carriers));
        }
        groups.push(group(dice, &names, &carriers, i));
    }
    if !groups.iter().any(|g| g.fencing) {
        groups.push(fence(dice, &carriers));
    }
    let event = event(dice, &nodes, &groups);
    Case { two_node: names.len() == 2, nodes, groups, event }
}

fn fence(dice: &mut Dice, carriers: &[String]) -> Group {
    Group {
        name: "fence".into(),
        fencing: true,
        members: 1,
        stickiness: *dice.one_of(&[0, 0, 100]),
        scores: BTreeMap::new(),
        owner: Some(dice.one_of(carriers).clone()),
    }
}

fn group(dice: &mut Dice, names: &[String], carriers: &[String], index: usize) -> Group {
    let mut scores = BTreeMap::new();
    for name in names {
        let score = *dice.one_of(&[0, 0, 0, 50, 100, 200, INFINITY, -50, -INFINITY]);
        if score != 0 {
            scores.insert(name.clone(), score);
        }
    }
    let owner = if dice.below(8) == 0 { None } else { Some(dice.one_of(carriers).clone()) };
    Group {
        // Names against the order of the configuration, so that a world that took its turns by name would be found.
        name: format!("g{}", 9 - index),
        fencing: false,
        members: 1 + dice.below(3),
        stickiness: *dice.one_of(&[0, 0, 1, 100, 1000, INFINITY]),
        scores,
        owner,
    }
}

fn event(dice: &mut Dice, nodes: &BTreeMap<String, Node>, groups: &[Group]) -> Event {
    let name = dice.one_of(&nodes.keys().cloned().collect::<Vec<_>>()).clone();
    match (nodes[&name], dice.below(6)) {
        (Node::Offline, _) => Event::StartService(name),
        (Node::Standby, 0..=3) => Event::Unstandby(name),
        (_, 0) => Event::Nothing,
        (Node::Online, 1) => Event::Standby(name),
        (_, 2 | 3) => Event::StopService(name),
        (_, 4) => Event::PowerLost(name),
        _ => {
            let group = dice.one_of(groups);
            let on = dice.one_of(&nodes.keys().cloned().collect::<Vec<_>>()).clone();
            let standby = group.owner.clone().unwrap_or(name);
            if group.fencing || on == standby {
                return Event::Standby(standby);
            }
            Event::StandbyAndStartFails {
                standby,
                group: group.name.clone(),
                member: dice.below(group.members),
                on,
            }
        }
    }
}
