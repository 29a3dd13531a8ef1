//! What a step does on its node, as a script. Each does no harm when it is run again, or says so by its recovery class.

use std::collections::BTreeSet;

use kaketsugi_estate::{ServerId, Setting};
use kaketsugi_plan::{Action, Package};
use kaketsugi_transport::quote;

use super::super::cluster::NAME;
use super::super::node::QUIET_UNITS;
use super::super::paths;
use super::with;
use crate::debian::dpkg::{file_name, list_digest};
use crate::pacemaker::units::{STACK, managed_units_of_kinds};
use crate::{Error, Order};

const PRIVATE_APT: &str = include_str!("../../scripts/private-apt.sh");
const STAGE: &str = include_str!("../../scripts/act/stage.sh");
const QUIET: &str = include_str!("../../scripts/act/quiet.sh");
const PUT_BACK: &str = include_str!("../../scripts/act/put-back.sh");
const DRAIN: &str = include_str!("../../scripts/act/drain.sh");
const READMIT: &str = include_str!("../../scripts/act/readmit.sh");
const MOVE: &str = include_str!("../../scripts/act/move.sh");
const STOP: &str = include_str!("../../scripts/act/stop-service.sh");
const START: &str = include_str!("../../scripts/act/start-service.sh");
const INSTALL: &str = include_str!("../../scripts/act/install.sh");
const RESTART: &str = include_str!("../../scripts/act/restart.sh");

/// The node that a step's work is done on.
pub(super) fn node(order: &Order<'_>) -> Result<ServerId, Error> {
    order.step.action.node().cloned().ok_or_else(|| no_such(order))
}

/// The node and the script of a step.
pub(super) fn of(order: &Order<'_>) -> Result<(ServerId, String), Error> {
    let node = node(order)?;
    let seconds = order.step.timeout_seconds.to_string();
    let run_dir = format!("{}/runs/{}", paths::ROOT, order.token.run);
    let settle = [("SECONDS_MAX", seconds.as_str()), ("RUN_DIR", run_dir.as_str())];
    let script = match &order.step.action {
        Action::Stage { release, .. } => {
            let list = packages(order, &node, release.as_str())?;
            let wanted: Vec<String> =
                list.iter().map(|p| quote(&format!("{}:{}={}", p.name, p.architecture, p.version))).collect();
            let digest = list_digest(list);
            let variables = [
                ("STAGE", paths::stage(&digest)),
                ("SUMS", sums(list)),
                // Names, architectures and versions of packages hold nothing that a shell would split or expand.
                ("WANTED", wanted.join(" ").replace('\'', "")),
            ];
            with(&borrowed(&variables), &format!("{PRIVATE_APT}\n{STAGE}"))
        }
        Action::Install { release, .. } => {
            let list = packages(order, &node, release.as_str())?;
            let digest = list_digest(list);
            let older =
                if order.plan.estate.policy.allow_downgrade.is_empty() { "" } else { "--allow-downgrades" };
            let variables = [
                ("STAGE", paths::stage(&digest)),
                ("SUMS", sums(list)),
                ("RECORD", paths::record(&digest)),
                ("DIGEST", digest),
                ("OLDER", older.to_owned()),
            ];
            with(&borrowed(&variables), INSTALL)
        }
        Action::Quiet { .. } => {
            let variables = [
                ("RUN", order.token.run.clone()),
                ("UNITS", QUIET_UNITS.join(" ")),
                ("MANAGED", managed(order).into_iter().collect::<Vec<_>>().join(" ")),
            ];
            with(&borrowed(&variables), QUIET)
        }
        Action::PutBack { .. } => {
            let variables =
                [("UNITS", QUIET_UNITS.join(" ")), ("ACTIVE", active_before(order, &node).join(" "))];
            with(&borrowed(&variables), PUT_BACK)
        }
        Action::Drain { .. } => with(&settle, DRAIN),
        Action::Readmit { .. } => with(&settle, READMIT),
        Action::Move { group, .. } => {
            with(&[("GROUP", group.as_str()), ("SECONDS_MAX", seconds.as_str())], MOVE)
        }
        Action::StopService { .. } => STOP.to_owned(),
        Action::StartService { .. } => START.to_owned(),
        Action::Restart { .. } => RESTART.to_owned(),
        Action::Attest { .. }
        | Action::TakeOffline { .. }
        | Action::UpgradeGroup { .. }
        | Action::BringOnline { .. }
        | Action::Soak { .. }
        | Action::Verify { .. } => return Err(no_such(order)),
    };
    Ok((node, script))
}

fn packages<'a>(order: &Order<'a>, node: &ServerId, release: &str) -> Result<&'a [Package], Error> {
    let release = order.plan.payload.id.as_str() == release;
    let list = if release { order.plan.payload.packages(node) } else { &[] };
    if list.is_empty() {
        return Err(Error::Failed {
            host: node.clone(),
            what: order.step.title.clone(),
            why: "the plan lists no package for this node".into(),
        });
    }
    Ok(list)
}

/// What sha256sum checks: digest and file name.
pub(in crate::linux) fn sums(list: &[Package]) -> String {
    list.iter().map(|p| format!("{}  {}\n", p.sha256, file_name(p))).collect()
}

/// Units that packages must not start: those of programs that the cluster runs, and the cluster's own.
fn managed(order: &Order<'_>) -> BTreeSet<String> {
    let kinds = order
        .plan
        .snapshot
        .clusters
        .values()
        .flat_map(|c| c.groups.values())
        .flat_map(|g| &g.resources)
        .map(|r| r.kind.as_str());
    let mut units = managed_units_of_kinds(kinds);
    units.extend(STACK.iter().map(|unit| (*unit).to_owned()));
    units
}

/// Units that were active when the run began.
fn active_before(order: &Order<'_>, node: &ServerId) -> Vec<String> {
    let captured = order.start.settings.get(node);
    captured
        .into_iter()
        .flatten()
        .filter_map(|(setting, value)| match setting {
            Setting::Unit(unit) if value.as_deref().is_some_and(|v| v.contains("active=active ")) => {
                Some(unit.clone())
            }
            _ => None,
        })
        .collect()
}

fn borrowed<'a>(variables: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn no_such(order: &Order<'_>) -> Error {
    Error::NoSuchAction { what: order.step.action.name().into(), platform: NAME }
}
