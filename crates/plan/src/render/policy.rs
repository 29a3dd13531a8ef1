//! The policy that a plan was made under: what is usual, what is allowed against the default, what is waived.

use kaketsugi_estate::{EvidenceKind, Home, Policy};
use kaketsugi_knowledge::{cite, profiles};

use super::page::{Line, Page};
use super::words;
use crate::{Action, Condition, Plan};

/// The policy that the plan was made under; an approval covers it.
pub(super) fn policy(page: &mut Page, plan: &Plan) {
    let policy = &plan.estate.policy;
    page.heading("Policy in force");
    let mut lines: Vec<Line> = vec![
        format!("Restarts: {}.", words::restart(policy.restart)).into(),
        format!("Home: {}.", words::home(home(plan))).into(),
    ];
    let trial = plan.steps.iter().find_map(|s| match &s.action {
        Action::Soak { seconds, .. } => Some(u64::from(*seconds)),
        _ => None,
    });
    lines.push(match trial {
        None => "Trial: this plan has none.".into(),
        Some(seconds) => format!(
            "Trial: the first patched node has to do well for {} before the last unpatched one is touched.",
            words::duration(seconds)
        )
        .into(),
    });
    let backup = plan.steps.iter().flat_map(|s| &s.requires).find_map(|c| match c {
        Condition::Evidence { kind: EvidenceKind::FullBackup, age_max_seconds } => *age_max_seconds,
        _ => None,
    });
    lines.extend(backup.map(|seconds| {
        format!("Backup: no older than {} when an install begins.", words::duration(seconds)).into()
    }));
    lines.extend(allowances(policy));
    page.list(lines);
    waivers(page, policy);
}

/// Where groups are at the end: as policy says, or as is usual with the product.
fn home(plan: &Plan) -> Home {
    let usual = |kind| profiles().get(plan.payload.product.as_str(), kind).map(|profile| profile.home);
    let kinds = plan.estate.clusters.values().map(|c| c.kind);
    plan.estate.policy.home.or_else(|| kinds.filter_map(usual).next()).unwrap_or(Home::Stay)
}

/// What is allowed against the default.
fn allowances(policy: &Policy) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut allowed = |words: String| lines.push(Line::default().strong("Allowed: ").then(words));
    if policy.allow_fencing_disabled {
        allowed("to go on although fencing is disabled. A failed node may then use a group's data at the same time as another.".into());
    }
    if policy.allow_unverified_commands {
        allowed("that the machine runs commands whose only source is the authors' own knowledge.".into());
    }
    for (names, what) in [
        (&policy.allow_remove, "that the update removes"),
        (&policy.allow_downgrade, "that the update brings an older version of"),
        (&policy.allow_origins, "packages from new origins:"),
    ] {
        if !names.is_empty() {
            allowed(format!("{what} {}.", words::and(names)));
        }
    }
    if !policy.unprobed_groups.is_empty() {
        let names: Vec<&str> = policy.unprobed_groups.iter().map(|g| g.as_str()).collect();
        allowed(format!(
            "that nobody looks whether {} serve users; the cluster's word is all there is.",
            words::and(&names)
        ));
    }
    lines
}

fn waivers(page: &mut Page, policy: &Policy) {
    if policy.waivers.is_empty() {
        page.text("No rule is waived.");
        return;
    }
    page.part("Waived rules");
    let rows = policy.waivers.iter().map(|waiver| {
        let asks = cite(&waiver.rule).map_or("nothing is recorded under this id", |c| c.text());
        vec![
            Line::default().code(waiver.rule.as_str()),
            asks.into(),
            waiver.by.as_str().into(),
            waiver.reason.as_str().into(),
        ]
    });
    page.table(&["Rule", "What it asks", "Waived by", "Because"], rows.collect());
}
