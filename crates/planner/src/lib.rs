//! Estate, snapshot, release and policy become a plan and the reasons for it.
//!
//! One core for every product: `rolling` takes the nodes of a cluster one after the other, and asks the product's
//! profile how a node is emptied, in which state of the cluster service its installer runs, and whether groups are
//! upgraded after it. Nothing here knows a transport or a command line.

mod board;
mod by_hand;
mod closing;
mod groups;
mod in_place;
mod nodes;
mod order;
mod payload;
mod people;
mod pools;
mod refuse;
mod rolling;
mod rules;
mod sheet;
mod standby;

use std::collections::BTreeSet;

use kaketsugi_estate::{
    Cluster, ClusterId, ClusterKind, Estate, Product, Role, ServerId, ServerSeen, Snapshot,
};
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
    let (mut boards, mut idle) = (Vec::new(), Vec::new());
    let worlds = board::Worlds::of(snapshot, payload);
    for cluster in units(estate, snapshot) {
        let board = board::Board::new(estate, snapshot, payload, &worlds, cluster)?;
        if board.anything_to_do() { boards.push(board) } else { idle.push(board) }
    }
    for board in &mut boards {
        rolling::hold_back(&mut sheet, board)?;
    }
    people::before(&mut sheet, &mut boards)?;
    for board in &mut boards {
        rolling::stage(&mut sheet, board)?;
    }
    for turn in boards.chunk_by_mut(|one, next| one.seen.pool.is_some() && one.seen.pool == next.seen.pool) {
        pools::mend(&mut sheet, turn, &mut reasons)?;
    }
    // What people take hours for comes before the last look, so that the end of the run is what was looked at.
    people::after(&mut sheet, &mut boards)?;
    for board in &mut boards {
        closing::verify(&mut sheet, board)?;
    }
    if !boards.is_empty() {
        closing::verify_all(&mut sheet, &mut boards, &mut idle)?;
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

/// Clusters and servers that stand alone, in the order in which they are mended: all front-end servers before the first
/// back-end server (E03-FE-FIRST, E00-FE-FIRST), and the servers of a pool side by side.
///
/// Among them those come first where a release is there by half, since their users may be cut off.
fn units<'a>(estate: &'a Estate, snapshot: &Snapshot) -> Vec<&'a ClusterId> {
    let half_done = |server: &ServerId| snapshot.servers.get(server).is_some_and(ServerSeen::half_done);
    let mut units: Vec<(&ClusterId, &Cluster)> = estate.clusters.iter().collect();
    units.sort_by_key(|(_, unit)| {
        let pool = unit.nodes.first().and_then(|server| estate.pool_of(server));
        let together = pool.map_or(&unit.nodes, |(_, pool)| &pool.servers);
        (!order::is_front_end(estate, unit), !together.iter().any(half_done), pool.map(|(id, _)| id))
    });
    units.into_iter().map(|(id, _)| id).collect()
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
    snapshot.servers.iter().filter(|(_, seen)| !seen.has(&payload.id)).map(|(id, _)| id.clone()).collect()
}

/// The section of the document, or the procedure, that is followed (ALL-NOTES-AND-SECTION).
fn section(estate: &Estate, payload: &Payload) -> String {
    let version = match payload.product {
        Product::Exchange2003 => "Exchange Server 2003",
        Product::Exchange2000 => "Exchange 2000 Server",
        Product::Exchange55 => "Exchange Server 5.5",
        Product::Debian => {
            return "Rolling update of a Pacemaker cluster: drain, patch, restart, return, next".into();
        }
    };
    let kinds: BTreeSet<ClusterKind> = estate.clusters.values().map(|c| c.kind).collect();
    let fronts = estate.servers.values().any(|s| s.roles.contains(&Role::FrontEnd));
    let small = estate.servers.values().any(|s| s.roles.contains(&Role::SmallBusinessServer));
    let sections: Vec<&str> = [
        (ClusterKind::Windows, "clustered servers"),
        (ClusterKind::StandAlone, if small { "Small Business Server" } else { "stand-alone servers" }),
    ]
    .into_iter()
    .filter(|(kind, _)| kinds.contains(kind))
    .map(|(_, section)| section)
    .chain(fronts.then_some("front-end and back-end servers"))
    .chain((!estate.pools.is_empty()).then_some("load-balanced front-end servers"))
    .collect();
    format!("KB 328839, {version}, {}", sections.join("; "))
}
