//! The independent judge has nothing to object to what the planner plans.

mod testkit;

use kaketsugi_estate::{Role, TransportKind};
use kaketsugi_plan::Actor;
use testkit::{Pacemaker, alone, exchange, pacemaker, together};

fn objections(kit: &Pacemaker) -> String {
    let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    let lines: Vec<String> = kaketsugi_lint::lint(&plan).iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn pacemaker_clusters() {
    for nodes in [&["n1", "n2"][..], &["n1", "n2", "n3"], &["n1", "n2", "n3", "n4", "n5"]] {
        for groups in
            [&[("mail", "n1")][..], &[("a", "n1"), ("b", "n2")], &[("a", "n1"), ("b", "n2"), ("c", "n2")]]
        {
            let said = objections(&pacemaker(nodes, groups));
            assert!(said.is_empty(), "{nodes:?} {groups:?}:\n{said}");
        }
    }
}

#[test]
fn exchange_clusters() {
    for release in ["exchange-2003-sp2", "exchange-2003-kb916803", "exchange-2003-kb889528"] {
        for owner in ["NODE1", "NODE2"] {
            let said = objections(&exchange(&["NODE1", "NODE2"], &[("EVS1", owner)], release));
            assert!(said.is_empty(), "{release}, EVS1 on {owner}:\n{said}");
        }
        let said =
            objections(&exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1"), ("EVS2", "NODE2")], release));
        assert!(said.is_empty(), "{release}, active/active:\n{said}");
    }
}

#[test]
fn servers_that_stand_alone() {
    let front: &[Role] = &[Role::FrontEnd];
    for release in
        ["exchange-2003-sp2", "exchange-2003-kb916803", "exchange-2003-kb889528", "exchange-2000-sp3"]
    {
        for servers in
            [&[("A", &[][..])][..], &[("A", &[]), ("B", front)], &[("A", &[]), ("B", front), ("C", front)]]
        {
            let kit = alone(servers, release);
            let said = objections(&kit);
            assert!(said.is_empty(), "{release}, {servers:?}:\n{said}");
            if release == "exchange-2003-sp2" {
                let behind = exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], release);
                let said = objections(&together(behind, kit));
                assert!(said.is_empty(), "{servers:?} and a cluster:\n{said}");
            }
        }
    }
}

/// A policy that is in a hurry shortens the patience with machines, never below twice the usual time, and not at all
/// with people.
#[test]
fn patience_is_the_policy_s() {
    let mut kit = exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], "exchange-2003-sp2");
    let usual = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    kit.estate.policy.step_timeout_seconds = 100;
    let hurried = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    let mut shortened = 0;
    for (was, is) in usual.steps.iter().zip(&hurried.steps) {
        let expected = match was.actor {
            Actor::Machine => was.timeout_seconds.min((2 * was.expected_seconds).max(100)),
            Actor::Operator => was.timeout_seconds,
        };
        assert_eq!(is.timeout_seconds, expected, "{}", is.id);
        shortened += usize::from(is.timeout_seconds < was.timeout_seconds);
    }
    assert!(shortened > 5, "{shortened}");
    assert_eq!(kaketsugi_lint::lint(&hurried), []);
}

fn by_hand(release: &str, owner: &str) -> Pacemaker {
    let mut kit = exchange(&["NODE1", "NODE2"], &[("EVS1", owner)], release);
    for server in kit.estate.servers.values_mut() {
        server.transport = TransportKind::Operator;
    }
    kit
}

#[test]
fn exchange_clusters_that_no_command_reaches() {
    for release in ["exchange-2003-sp2", "exchange-2003-kb916803", "exchange-2003-kb889528"] {
        for owner in ["NODE1", "NODE2"] {
            let kit = by_hand(release, owner);
            assert_eq!(objections(&kit), "", "{release}, EVS1 on {owner}");
            let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
            let theirs = plan.steps.iter().filter(|s| s.actor == Actor::Operator);
            assert_eq!(theirs.count(), plan.steps.iter().filter(|s| !only_sees(s)).count(), "{release}");
            // The same steps with the same proofs as with commands, in the same order.
            let machine = exchange(&["NODE1", "NODE2"], &[("EVS1", owner)], release);
            let machine =
                kaketsugi_planner::plan(&machine.estate, &machine.snapshot, &machine.payload).unwrap();
            let what = |plan: &kaketsugi_plan::Plan| -> Vec<_> {
                plan.steps.iter().map(|s| (s.id.clone(), s.requires.clone(), s.expects.clone())).collect()
            };
            assert_eq!(what(&plan), what(&machine));
        }
    }
}

fn only_sees(step: &kaketsugi_plan::Step) -> bool {
    use kaketsugi_plan::Action;
    matches!(step.action, Action::Soak { .. } | Action::Verify { .. })
}

#[test]
fn a_machine_that_is_to_act_where_no_command_leads() {
    let kit = by_hand("exchange-2003-sp2", "NODE1");
    let mut plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    for number in 0..plan.steps.len() {
        let step = plan.steps[number].clone();
        if only_sees(&step) || step.action.node().is_none() && step.action.cluster().is_none() {
            continue;
        }
        plan.steps[number].actor = Actor::Machine;
        let objections = kaketsugi_lint::lint(&plan);
        let said = objections.iter().find(|o| o.to_string().contains("no command reaches NODE"));
        assert!(said.is_some(), "{}: {objections:?}", step.id);
        plan.steps[number] = step;
    }
}

#[test]
fn what_is_to_be_typed_stands_line_by_line() {
    let kit = by_hand("exchange-2003-kb916803", "NODE1");
    let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
    let lines = |id: &str| -> (String, Vec<String>) {
        let step = plan.steps.iter().find(|s| s.id.as_str() == id).unwrap_or_else(|| panic!("{id}"));
        let text = step.instruction.clone().unwrap();
        let typed = text.lines().filter_map(|l| l.strip_prefix("    ").map(str::to_owned)).collect();
        (text, typed)
    };
    let (text, typed) = lines("E03-CLU-03-STOP/NODE2/1");
    assert!(text.starts_with("On NODE1, "), "asked of another node: {text}");
    assert_eq!(typed, ["cluster node \"NODE2\" /stop /wait:900"]);
    let (text, typed) = lines("E03-CLU-08-MOVE-BACK/EVS1/1");
    assert!(text.starts_with("On NODE2, "), "{text}");
    assert_eq!(typed, ["cluster group \"EVS1\" /moveto:\"NODE2\" /wait:900"]);
    // What stands on others goes first, and comes back last; what stays online isn't touched.
    let (_, off) = lines("E03-CLU-06-OFFLINE/EVS1/1");
    let (_, on) = lines("E03-CLU-10-ONLINE/EVS1/1");
    let back: Vec<String> = on.iter().rev().map(|l| l.replace("/online", "/offline")).collect();
    assert_eq!(off, back);
    assert!(off.len() > 1 && off.iter().all(|l| !l.contains("IP") && !l.contains("Disk")), "{off:?}");
    let rendered = kaketsugi_plan::render::runbook_text(&plan, 60);
    assert!(
        rendered.contains(">     cluster group \"EVS1\" /moveto:\"NODE2\" /wait:900\n"),
        "on a line of its own"
    );
}
