//! What differs between plans, and when a child has to be approved again.

use std::collections::BTreeMap;

use kaketsugi_plan::diff::{Spent, diff, needs_new_approval, needs_new_approval_after};
use kaketsugi_plan::{Action, Actor, Condition, Content, Exposure, Plan, StepId};

use crate::examples;

/// A child that goes on where a part of the parent is done.
fn rest(parent: &Plan, from: usize) -> Plan {
    let mut child = parent.clone();
    child.parent = Some(parent.hash());
    child.snapshot.taken_at.0 += 600_000;
    child.steps.drain(..from);
    if let Some(first) = child.steps.first_mut() {
        first.after.clear();
    }
    child
}

fn position(plan: &Plan, is: impl Fn(&Action) -> bool) -> usize {
    plan.steps.iter().position(|s| is(&s.action)).unwrap()
}

#[test]
fn a_plan_does_not_differ_from_itself_and_a_rest_needs_no_approval() {
    for plan in [examples::pacemaker(), examples::exchange()] {
        assert!(diff(&plan, &plan).is_empty());
        for from in 1..plan.steps.len() {
            let child = rest(&plan, from);
            assert_eq!(needs_new_approval(&plan, &child), [""; 0], "from step {from}");
            assert_eq!(diff(&plan, &child).gone.len(), from);
            assert!(diff(&plan, &child).added.is_empty());
        }
    }
}

/// Whatever a child has more of than the parent is said, each by itself.
#[test]
fn whatever_was_not_approved_is_said() {
    type Spoil = fn(&mut Plan);
    let cases: [(&str, Spoil); 12] = [
        ("more often (3 times instead of once) than approved: Install", |p| {
            let at = position(p, |a| matches!(a, Action::Install { .. }));
            let mut again = p.steps[at].clone();
            again.id = StepId::new("again/1");
            p.steps.insert(at + 1, again.clone());
            again.id = StepId::new("again/2");
            p.steps.insert(at + 1, again);
        }),
        ("new: Restart NODE1 for luck (machine)", |p| {
            let at = position(p, |a| matches!(a, Action::Install { .. }));
            let mut new = p.steps[at].clone();
            new.id = StepId::new("luck/1");
            new.action = Action::PutBack { node: "NODE9".parse().unwrap() };
            new.actor = Actor::Machine;
            new.title = "Restart NODE1 for luck".into();
            p.steps.push(new);
        }),
        ("no longer only if asked for: Restart", |p| {
            let at = position(p, |a| matches!(a, Action::Restart { .. }));
            p.steps[at].when = None;
        }),
        ("new: Install Exchange Server 2003 Service Pack 2 on NODE2 (machine)", |p| {
            let at = position(p, |a| matches!(a, Action::Install { .. }));
            p.steps[at].actor = Actor::Machine;
        }),
        ("new: Install Exchange Server 2003 Service Pack 2 on NODE2 (person)", |p| {
            let at = position(p, |a| matches!(a, Action::Install { .. }));
            p.steps[at].instruction = Some("Do something else.".into());
        }),
        ("more interruptions: users of EVS1 would be cut off 3 times in all, approved was twice", |p| {
            let at = position(p, |a| matches!(a, Action::Move { proof: true, .. }));
            let cut = p.steps[at].interrupts.clone();
            p.steps[0].interrupts = cut;
        }),
        ("longer interruption: users of EVS1", |p| {
            let at = position(p, |a| matches!(a, Action::Move { proof: true, .. }));
            p.steps[at].interrupts[0].expected_seconds += 60;
        }),
        ("new interruption: users of Cluster Group, once", |p| {
            let at = position(p, |a| matches!(a, Action::Move { proof: true, .. }));
            let mut cut = p.steps[at].interrupts[0].clone();
            cut.group = "Cluster Group".parse().unwrap();
            p.steps[at].interrupts.push(cut);
        }),
        ("new exposure: EVS1 would be down if NODE2 failed during “Read the release notes”", |p| {
            let at = position(p, |a| matches!(a, Action::Attest { .. })) + 1;
            p.steps[at].exposes =
                vec![Exposure { node: "NODE2".parse().unwrap(), groups: vec!["EVS1".parse().unwrap()] }];
        }),
        ("new point of no return: Restart NODE2", |p| {
            let at = position(p, |a| matches!(a, Action::Restart { .. }));
            p.steps[at].point_of_no_return = true;
        }),
        ("the policy is not as it was approved", |p| p.estate.policy.backup_age_max_hours += 1),
        ("what is installed is not as it was approved", |p| {
            p.payload.content = Content::Packages(BTreeMap::new())
        }),
    ];
    let parent = examples::exchange();
    for (expected, spoil) in cases {
        let mut child = parent.clone();
        spoil(&mut child);
        let why = needs_new_approval(&parent, &child);
        assert!(why.iter().any(|w| w.starts_with(expected)), "{expected}\n{why:#?}");
        assert!(!diff(&parent, &child).is_empty(), "{expected}");
        let page = diff(&parent, &child).to_text(&why, 100_000);
        assert!(why.iter().all(|w| page.contains(w.as_str())), "{page}");
    }
}

/// What was approved is a number of interruptions in all: those the run has had already count.
#[test]
fn spent_interruptions_count() {
    let parent = examples::pacemaker();
    let child = rest(&parent, 1);
    let key = ("mail".parse().unwrap(), "mail".parse().unwrap());
    assert!(needs_new_approval_after(&parent, &child, &Spent::new()).is_empty());
    let why = needs_new_approval_after(&parent, &child, &Spent::from([(key, 1)]));
    assert_eq!(why, ["more interruptions: users of mail would be cut off twice in all, approved was once"]);
}

/// Less of anything needs nobody: fewer conditions to a restart is more, one condition more is less.
#[test]
fn what_only_shrinks_needs_no_approval() {
    let parent = examples::exchange();
    let mut child = rest(&parent, 4);
    for step in &mut child.steps {
        step.exposes.clear();
        step.interrupts.clear();
        step.point_of_no_return = false;
        if let Action::Restart { node } = &step.action {
            step.when = Some(Condition::RestartPending { node: node.clone() });
        }
    }
    child.estate.evidence.clear();
    assert_eq!(needs_new_approval(&parent, &child), [""; 0]);
    let page = diff(&parent, &child).to_markdown(&[]);
    assert!(page.contains("It needs no approval of its own"), "{page}");
}
