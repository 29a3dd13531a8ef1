//! Which script carries out which action, and with what.

use kaketsugi_estate::{ServerId, Setting};
use kaketsugi_plan::{Action, Package};
use kaketsugi_transport::quote;

use super::cluster::{LinuxCluster, NAME};
use super::node::QUIET_UNITS;
use super::paths;
use crate::debian::dpkg::{file_name, list_digest};
use crate::pacemaker::units::{STACK, managed_units_of_kinds};
use crate::{Error, Order};

/// A step's work: where, which script, with which parameters.
pub(super) struct Work {
    pub(super) node: ServerId,
    /// Assignments of the shell.
    pub(super) parameters: String,
    /// Defines `act`, and what it needs.
    pub(super) script: String,
    /// Whether a shutdown of the node waits for it.
    pub(super) outlives_shutdown: bool,
}

/// The node on which an action is carried out.
pub(super) fn node_of(action: &Action) -> Result<&ServerId, Error> {
    match action {
        Action::Stage { node, .. }
        | Action::Quiet { node }
        | Action::Drain { node, .. }
        | Action::Readmit { node, .. }
        | Action::StopService { node, .. }
        | Action::StartService { node, .. }
        | Action::Install { node, .. }
        | Action::Restart { node }
        | Action::PutBack { node }
        | Action::Move { to: node, .. } => Ok(node),
        Action::Attest { .. }
        | Action::Soak { .. }
        | Action::Verify { .. }
        | Action::Pause { .. }
        | Action::Optimize { .. }
        | Action::TakeOffline { .. }
        | Action::UpgradeGroup { .. }
        | Action::BringOnline { .. } => {
            Err(Error::NoSuchAction { what: action.name().to_owned(), platform: NAME })
        }
    }
}

impl Work {
    /// What an order asks for.
    pub(super) fn of(order: &Order<'_>, platform: &LinuxCluster) -> Result<Self, Error> {
        let node = node_of(&order.step.action)?.clone();
        let failed = |why: String| Error::Failed {
            host: node.clone(),
            what: format!("preparing {}", order.step.id),
            why,
        };
        // The runner gives up after the step's time; the script has to say why a little earlier.
        let wait = order.step.timeout_seconds.saturating_sub(10).max(20).to_string();
        let mut outlives_shutdown = false;
        let (script, parameters) = match &order.step.action {
            Action::Drain { .. } => {
                (include_str!("../scripts/drain.sh").to_owned(), assign(&[("WAIT", &wait)]))
            }
            Action::Readmit { .. } => {
                let was = standby_before(order, &node).map_err(failed)?;
                let parameters = [
                    ("WAIT", wait.as_str()),
                    ("STANDBY_WAS_SET", if was.is_some() { "yes" } else { "no" }),
                    ("STANDBY_WAS", was.as_deref().unwrap_or("")),
                ];
                (include_str!("../scripts/readmit.sh").to_owned(), assign(&parameters))
            }
            Action::Move { group, .. } => {
                let parameters = assign(&[("GROUP", group.as_str()), ("WAIT", &wait)]);
                (include_str!("../scripts/move.sh").to_owned(), parameters)
            }
            Action::StopService { .. } => {
                (include_str!("../scripts/stop-service.sh").to_owned(), String::new())
            }
            Action::StartService { .. } => {
                (include_str!("../scripts/start-service.sh").to_owned(), assign(&[("WAIT", &wait)]))
            }
            Action::Restart { .. } => (include_str!("../scripts/restart.sh").to_owned(), String::new()),
            Action::Quiet { .. } => {
                let parameters =
                    [("UNITS", QUIET_UNITS.join(" ")), ("MANAGED", managed(order, &node).join(" "))];
                (include_str!("../scripts/quiet.sh").to_owned(), assign_owned(&parameters))
            }
            Action::PutBack { .. } => {
                let active = active_before(order, &node).map_err(failed)?;
                let list = order.plan.payload.packages(&node);
                let staged = if list.is_empty() { String::new() } else { paths::stage(&list_digest(list)) };
                let parameters =
                    [("UNITS", QUIET_UNITS.join(" ")), ("ACTIVE", active.join(" ")), ("STAGE", staged)];
                (include_str!("../scripts/put-back.sh").to_owned(), assign_owned(&parameters))
            }
            Action::Stage { release, .. } => {
                let list = packages(order, &node, release).map_err(failed)?;
                outlives_shutdown = true;
                let script =
                    concat!(include_str!("../scripts/private-apt.sh"), include_str!("../scripts/stage.sh"));
                (script.to_owned(), stage_parameters(list))
            }
            Action::Install { release, .. } => {
                let list = packages(order, &node, release).map_err(failed)?;
                outlives_shutdown = true;
                let script = include_str!("../scripts/install.sh").to_owned();
                (script, stage_parameters(list) + &install_parameters(list, &platform.estate.policy))
            }
            other => return Err(Error::NoSuchAction { what: other.name().to_owned(), platform: NAME }),
        };
        Ok(Self { node, parameters, script, outlives_shutdown })
    }
}

/// The standby attribute when the run began.
fn standby_before(order: &Order<'_>, node: &ServerId) -> Result<Option<String>, String> {
    let settings = order.start.settings.get(node);
    settings
        .and_then(|settings| settings.get(&Setting::Standby))
        .cloned()
        .ok_or_else(|| "what the node's standby attribute was isn't known".to_owned())
}

/// Units that were active when the run began.
fn active_before(order: &Order<'_>, node: &ServerId) -> Result<Vec<String>, String> {
    let settings = order.start.settings.get(node).ok_or("what the node's settings were isn't known")?;
    let active = settings.iter().filter_map(|(setting, value)| match setting {
        Setting::Unit(name) if value.as_deref().is_some_and(|v| v.starts_with("active=active ")) => {
            Some(name.clone())
        }
        _ => None,
    });
    Ok(active.collect())
}

/// What packages must not start: the cluster's own units, and those of the programs that it runs.
fn managed(order: &Order<'_>, node: &ServerId) -> Vec<String> {
    let clusters = order.plan.snapshot.clusters.values().filter(|cluster| cluster.nodes.contains_key(node));
    let kinds = clusters.flat_map(|c| c.groups.values()).flat_map(|g| &g.resources).map(|r| r.kind.as_str());
    let mut units = managed_units_of_kinds(kinds);
    units.extend(STACK.iter().map(|unit| (*unit).to_owned()));
    units.into_iter().map(|unit| unit.strip_suffix(".service").map(str::to_owned).unwrap_or(unit)).collect()
}

fn packages<'a>(
    order: &Order<'a>,
    node: &ServerId,
    release: &kaketsugi_estate::ReleaseId,
) -> Result<&'a [Package], String> {
    let payload =
        order.plan.payload.find(release).ok_or_else(|| format!("the plan has no release {release}"))?;
    let list = payload.packages(node);
    if list.is_empty() {
        Err(format!("the release {release} has no package for this node"))
    } else {
        Ok(list)
    }
}

fn stage_parameters(list: &[Package]) -> String {
    let digest = list_digest(list);
    let wanted: String = list
        .iter()
        .map(|p| match p.architecture.as_str() {
            "all" => format!("{}={}\n", p.name, p.version),
            architecture => format!("{}:{architecture}={}\n", p.name, p.version),
        })
        .collect();
    let sums: String = list.iter().map(|p| format!("{}  {}\n", p.sha256, file_name(p))).collect();
    assign_owned(&[("STAGE", paths::stage(&digest)), ("WANTED", wanted), ("SUMS", sums)])
}

fn install_parameters(list: &[Package], policy: &kaketsugi_estate::Policy) -> String {
    let digest = list_digest(list);
    let lines: String =
        list.iter().map(|p| format!("{} {} {}\n", p.name, p.architecture, p.version)).collect();
    // A downgrade is in a frozen list only where policy names it.
    let down = list.iter().any(|p| policy.allow_downgrade.contains(&p.name));
    assign_owned(&[
        ("RECORD", paths::record(&digest)),
        ("DIGEST", digest),
        ("LIST", lines),
        ("REMOVE", policy.allow_remove.join(" ")),
        ("DOWNGRADE", if down { "yes" } else { "no" }.to_owned()),
    ])
}

fn assign(pairs: &[(&str, &str)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}\n", quote(value))).collect()
}

fn assign_owned(pairs: &[(&str, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={}\n", quote(value))).collect()
}
