//! Where groups may run: scores from location constraints, and what else in the configuration would have a say.
//!
//! Facts from the scheduler (Pacemaker 2.1): every node starts with 0, or with minus infinity when
//! `symmetric-cluster=false`; scores of a group's members add up with the group's own, because members are colocated
//! without exception; minus infinity wins over all. Whatever isn't computed here is named as unmodelled, so that nobody
//! foresees a move by half of the rules.

use std::collections::{BTreeMap, BTreeSet};

use super::cib::{Bundle, Cib, Unmodelled};
use super::score::{INFINITY, add_scores, score};
use super::xml::{Element, boolean};

/// Scores and turns of everything that moves as a whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Placements {
    /// By group and node name. Nodes at minus infinity aren't named.
    pub(crate) scores: BTreeMap<String, BTreeMap<String, i32>>,
    /// By group: its turn, from 0.
    pub(crate) turns: BTreeMap<String, u32>,
    /// What isn't modelled.
    pub(crate) unmodelled: Vec<Unmodelled>,
}

/// Computes placements for these bundles.
pub(crate) fn placements(cib: &Cib, bundles: &[Bundle]) -> Placements {
    let symmetric = cib.property("symmetric-cluster").and_then(boolean) != Some(false);
    let nodes: Vec<String> = cib.nodes().into_iter().map(|n| n.name).collect();
    let mut all = Placements { unmodelled: unmodelled_options(cib), ..Placements::default() };
    let mut explicit: BTreeMap<(&str, String), i32> = BTreeMap::new();
    let owners: BTreeMap<&str, &str> = bundles
        .iter()
        .flat_map(|b| {
            b.members.iter().map(|m| m.id.as_str()).chain([b.id.as_str()]).map(|id| (id, b.id.as_str()))
        })
        .collect();

    let constraints = cib.section("constraints").map(|c| c.children.as_slice()).unwrap_or_default();
    for constraint in constraints {
        match location(constraint) {
            Location::Plain { resource, node, score } => match owners.get(resource) {
                Some(bundle) => {
                    let sum = explicit.entry((bundle, node)).or_insert(0);
                    *sum = add_scores(*sum, score);
                }
                // A clone that runs everywhere doesn't any more once it is kept off a node.
                None if score < 0 => {
                    all.unmodelled.push(unmodelled(constraint, "it keeps a clone off a node"))
                }
                None => {}
            },
            Location::Other(what) => all.unmodelled.push(unmodelled(constraint, what)),
        }
    }

    let mut by_turn: Vec<&Bundle> = bundles.iter().collect();
    by_turn.sort_by_key(|b| -b.priority);
    for (turn, bundle) in (0..).zip(by_turn) {
        all.turns.insert(bundle.id.clone(), turn);
        let scores = nodes.iter().filter_map(|node| {
            let named = explicit.get(&(bundle.id.as_str(), node.clone())).copied();
            let score = match named {
                Some(score) => score,
                None if symmetric => 0,
                None => -INFINITY,
            };
            (score > -INFINITY).then(|| (node.clone(), score))
        });
        all.scores.insert(bundle.id.clone(), scores.collect());
    }
    all
}

enum Location<'a> {
    Plain { resource: &'a str, node: String, score: i32 },
    Other(&'static str),
}

/// Reads one constraint: a location with one resource, one node, one score, or something that isn't modelled.
fn location(constraint: &Element) -> Location<'_> {
    match constraint.name.as_str() {
        "rsc_location" => {}
        "rsc_colocation" => return Location::Other("a colocation between groups"),
        "rsc_order" => return Location::Other("an order between groups"),
        "rsc_ticket" => return Location::Other("a ticket"),
        _ => return Location::Other("a constraint of an unknown form"),
    }
    if constraint.attribute("resource-discovery").is_some_and(|d| d != "always") {
        return Location::Other("a location with resource-discovery");
    }
    if constraint.attribute("role").is_some_and(|role| !role.eq_ignore_ascii_case("started")) {
        return Location::Other("a location for a role");
    }
    let Some(resource) = constraint.attribute("rsc") else {
        return Location::Other("a location for a set or a pattern of resources");
    };
    let known = ["id", "rsc", "node", "score", "role", "resource-discovery"];
    if constraint.attributes.keys().any(|name| !known.contains(&name.as_str())) {
        return Location::Other("a location of an unknown form");
    }
    match (constraint.attribute("node"), constraint.attribute("score"), constraint.children.as_slice()) {
        (Some(node), Some(text), []) => {
            Location::Plain { resource, node: node.to_owned(), score: score(text) }
        }
        (None, None, [rule]) => match node_rule(rule) {
            Some((node, score)) => Location::Plain { resource, node, score },
            None => Location::Other("a location with a rule"),
        },
        _ => Location::Other("a location with a rule"),
    }
}

/// The rule by which shells write "on this node": one expression, `#uname eq NODE`.
fn node_rule(rule: &Element) -> Option<(String, i32)> {
    let [expression] = rule.children.as_slice() else { return None };
    let node = (rule.name == "rule"
        && expression.name == "expression"
        && expression.attribute("attribute") == Some("#uname")
        && expression.attribute("operation") == Some("eq"))
    .then(|| expression.attribute("value"))??;
    Some((node.to_owned(), score(rule.attribute("score")?)))
}

fn unmodelled(constraint: &Element, what: &str) -> Unmodelled {
    Unmodelled::new(constraint.attribute("id").unwrap_or("?"), what)
}

/// Cluster options that give something else than location constraints a say.
fn unmodelled_options(cib: &Cib) -> Vec<Unmodelled> {
    let differs =
        |name: &str, usual: &[&str]| cib.property(name).filter(|v| !usual.contains(v)).map(str::to_owned);
    let options = [
        ("placement-strategy", &["default"] as &[&str], "groups are placed by utilization"),
        ("node-health-strategy", &["none"], "groups are placed by the health of nodes"),
        ("stop-all-resources", &["false"], "every resource is to be stopped"),
        ("no-quorum-policy", &["stop", "freeze", "suicide", "fence"], "groups go on without quorum"),
    ];
    let options = options.into_iter().filter_map(|(name, usual, what)| {
        Some(Unmodelled::new(name, format!("{what} ({})", differs(name, usual)?)))
    });
    // A node with a discrete attribute set beside standby and maintenance is fine; utilization is not.
    let utilization: BTreeSet<Unmodelled> = cib
        .configuration()
        .map(Element::walk)
        .unwrap_or_default()
        .into_iter()
        .filter(|e| {
            e.name == "utilization" && cib.property("placement-strategy").is_some_and(|s| s != "default")
        })
        .map(|e| Unmodelled::new(e.attribute("id").unwrap_or("?"), "utilization"))
        .collect();
    options.chain(utilization).chain(cib.unmodelled_resources()).chain(cib.ruled_sets()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOURCES: &str = "<primitive id=\"a\" class=\"ocf\" provider=\"x\" type=\"y\"><meta_attributes id=\"am\">\
        <nvpair id=\"ap\" name=\"priority\" value=\"3\"/></meta_attributes></primitive>\
        <group id=\"g\"><primitive id=\"g1\" class=\"ocf\" provider=\"x\" type=\"y\"/>\
        <primitive id=\"g2\" class=\"ocf\" provider=\"x\" type=\"y\"/></group>\
        <primitive id=\"z\" class=\"ocf\" provider=\"x\" type=\"y\"><meta_attributes id=\"zm\">\
        <nvpair id=\"zp\" name=\"priority\" value=\"9\"/></meta_attributes></primitive>";

    fn computed(properties: &str, constraints: &str) -> Placements {
        let cib = Cib::parse(&format!(
            "<cib><configuration><crm_config><cluster_property_set id=\"s\">{properties}</cluster_property_set></crm_config>\
             <nodes><node id=\"1\" uname=\"n1\"/><node id=\"2\" uname=\"n2\"/></nodes><resources>{RESOURCES}</resources>\
             <constraints>{constraints}</constraints></configuration></cib>"
        ))
        .unwrap();
        placements(&cib, &cib.bundles())
    }

    fn scores(all: &Placements, group: &str) -> Vec<(String, i32)> {
        all.scores[group].iter().map(|(node, score)| (node.clone(), *score)).collect()
    }

    #[test]
    fn members_and_group_add_up_and_minus_infinity_wins() {
        let all = computed(
            "",
            "<rsc_location id=\"1\" rsc=\"g\" node=\"n1\" score=\"50\"/><rsc_location id=\"2\" rsc=\"g2\" node=\"n1\" score=\"-80\"/>\
             <rsc_location id=\"3\" rsc=\"g1\" node=\"n2\" score=\"INFINITY\"/>\
             <rsc_location id=\"4\" rsc=\"g\"><rule id=\"r\" score=\"-INFINITY\"><expression id=\"e\" attribute=\"#uname\" \
             operation=\"eq\" value=\"n2\"/></rule></rsc_location>",
        );
        assert_eq!(scores(&all, "g"), [("n1".into(), -30)]);
        assert_eq!(scores(&all, "a"), [("n1".into(), 0), ("n2".into(), 0)]);
        assert!(all.unmodelled.is_empty());
    }

    #[test]
    fn the_highest_priority_comes_first_then_the_configuration() {
        let all = computed("", "");
        assert_eq!((all.turns["z"], all.turns["a"], all.turns["g"]), (0, 1, 2));
    }

    #[test]
    fn in_an_opt_in_cluster_only_named_nodes_count() {
        let property = "<nvpair id=\"p\" name=\"symmetric-cluster\" value=\"false\"/>";
        let all = computed(property, "<rsc_location id=\"1\" rsc=\"g\" node=\"n2\" score=\"0\"/>");
        assert_eq!(scores(&all, "g"), [("n2".into(), 0)]);
        assert!(scores(&all, "a").is_empty());
    }

    #[test]
    fn whatever_else_has_a_say_is_named() {
        for constraint in [
            "<rsc_colocation id=\"x\" rsc=\"a\" with-rsc=\"g\" score=\"INFINITY\"/>",
            "<rsc_order id=\"x\" first=\"a\" then=\"g\"/>",
            "<rsc_ticket id=\"x\" rsc=\"a\" ticket=\"t\"/>",
            "<rsc_location id=\"x\" rsc-pattern=\"g.*\" node=\"n1\" score=\"1\"/>",
            "<rsc_location id=\"x\" rsc=\"a\" node=\"n1\" score=\"1\" resource-discovery=\"never\"/>",
            "<rsc_location id=\"x\" rsc=\"a\"><rule id=\"r\" score=\"5\"><date_expression id=\"d\" operation=\"gt\" start=\"2027-01-01\"/></rule></rsc_location>",
            "<rsc_location id=\"x\" rsc=\"a\" node=\"n1\" score=\"1\" lifetime=\"PT1H\"/>",
            "<rsc_location id=\"x\" rsc=\"a-clone\" node=\"n1\" score=\"-INFINITY\"/>",
            "<something_new id=\"x\"/>",
        ] {
            let all = computed("", constraint);
            assert_eq!(
                all.unmodelled.iter().map(|u| u.id.as_str()).collect::<Vec<_>>(),
                ["x"],
                "{constraint}"
            );
        }
        for (name, value) in [
            ("placement-strategy", "balanced"),
            ("no-quorum-policy", "ignore"),
            ("stop-all-resources", "true"),
        ] {
            let all = computed(&format!("<nvpair id=\"p\" name=\"{name}\" value=\"{value}\"/>"), "");
            assert_eq!(all.unmodelled.iter().map(|u| u.id.as_str()).collect::<Vec<_>>(), [name]);
        }
    }
}
