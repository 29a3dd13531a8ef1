//! Estate, snapshot, release and policy become a plan and the reasons for it.
//!
//! One core for every product: `rolling` takes the nodes of a cluster one after the other, and asks the product's
//! profile how a node is emptied, in which state of the cluster service its installer runs, and whether groups are
//! upgraded after it. Nothing here knows a transport or a command line.

mod board;
mod by_hand;
mod closing;
mod groups;
mod nodes;
mod order;
mod payload;
mod people;
mod refuse;
mod rolling;
mod sheet;

use kaketsugi_estate::{Estate, ReleaseState, ServerId, Snapshot};
use kaketsugi_plan::{Actor, Finding, Payload, Plan, RULES_VERSION, Reason, ReasonKind, SCHEMA};

pub use payload::from_catalogue;

/// A plan was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused: {} finding(s)", .findings.len())]
pub struct Refused {
    /// Every reason, all at once.
    pub findings: Vec<Finding>,
}

/// Makes a plan from what was seen.
///
/// # Errors
/// Findings, when what was seen doesn't allow a safe plan.
pub fn plan(estate: &Estate, snapshot: &Snapshot, payload: &Payload) -> Result<Plan, Refused> {
    let findings = refuse::findings(estate, snapshot, payload);
    if !findings.is_empty() {
        return Err(Refused { findings });
    }
    let mut sheet = sheet::Sheet::new();
    let mut reasons = Vec::new();
    let todo = servers_to_do(snapshot, payload);
    for server in snapshot.servers.keys().filter(|s| !todo.contains(s)) {
        reasons.push(Reason { server: server.clone(), kind: ReasonKind::AlreadyInstalled });
    }
    for cluster in estate.clusters.keys() {
        let mut board = board::Board::new(estate, snapshot, payload, cluster)?;
        if !board.anything_to_do() {
            continue;
        }
        people::before(&mut sheet, &mut board)?;
        rolling::roll(&mut sheet, &mut board, &mut reasons)?;
        closing::close(&mut sheet, &mut board)?;
    }
    Ok(by_hand::hand_over(paced(Plan {
        schema: SCHEMA,
        rules_version: RULES_VERSION,
        parent: None,
        estate: estate.clone(),
        snapshot: snapshot.clone(),
        payload: payload.clone(),
        steps: sheet.into_steps(),
        reasons,
        section: section(estate, payload),
    })))
}

/// When each step counts as stuck: a machine's by the policy, where its own limit isn't shorter, but never before it had
/// twice the time that it usually takes.
fn paced(mut plan: Plan) -> Plan {
    let longest = plan.estate.policy.step_timeout_seconds;
    for step in plan.steps.iter_mut().filter(|step| step.actor == Actor::Machine) {
        let least = step.expected_seconds.saturating_mul(2);
        step.timeout_seconds = step.timeout_seconds.min(longest.max(least));
    }
    plan
}

fn servers_to_do(snapshot: &Snapshot, payload: &Payload) -> Vec<ServerId> {
    snapshot
        .servers
        .iter()
        .filter(|(_, s)| {
            !matches!(s.releases.get(&payload.id), Some(ReleaseState::Installed | ReleaseState::Newer))
        })
        .map(|(id, _)| id.clone())
        .collect()
}

/// The section of the document, or the procedure, that is followed (ALL-NOTES-AND-SECTION).
fn section(estate: &Estate, payload: &Payload) -> String {
    use kaketsugi_estate::{ClusterKind, Product};
    let windows = estate.clusters.values().any(|c| c.kind == ClusterKind::Windows);
    match payload.product {
        Product::Exchange2003 if windows => "KB 328839, Exchange Server 2003, clustered servers".into(),
        Product::Exchange2003 => "KB 328839, Exchange Server 2003, servers that are not clustered".into(),
        Product::Debian => {
            "Rolling update of a Pacemaker cluster: drain, patch, restart, return, next".into()
        }
    }
}
