//! Settings and versions, before and after.

use kaketsugi_estate::{GroupId, Millis, ServerId, Setting, SettingValue};
use kaketsugi_plan::{Condition, Content, Plan};
use kaketsugi_run::Run;
use serde::{Deserialize, Serialize};

use crate::trail::{StepLine, StepResult};

/// A setting that a run captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingLine {
    /// The server.
    pub server: ServerId,
    /// The setting.
    pub setting: Setting,
    /// Its value when the run began; None: it was absent, which is a value too.
    pub captured: SettingValue,
    /// When it was proven to be as captured, after whatever the run did to it.
    pub put_back: Option<Millis>,
}

/// A version before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionLine {
    /// Of what: a package, the product, a virtual server in the directory.
    pub of: String,
    /// On which servers.
    pub on: Vec<ServerId>,
    /// What was seen when the plan was made; None: it was not there, or not learned.
    pub before: Option<String>,
    /// What was proven; None: nothing was.
    pub after: Option<String>,
    /// By which steps, by number.
    pub proven_by: Vec<usize>,
}

/// Every setting that was captured, and whether it was put back.
pub(crate) fn settings(run: &Run, steps: &[StepLine]) -> Vec<SettingLine> {
    let plan = run.plan();
    let Some(start) = run.start() else { return Vec::new() };
    let put_back = |server: &ServerId| {
        proven(plan, steps, |c| matches!(c, Condition::PutBack { node } if node == server))
            .and_then(|s| s.ended)
    };
    start
        .settings
        .iter()
        .flat_map(|(server, settings)| {
            let put_back = put_back(server);
            settings.iter().map(move |(setting, captured)| SettingLine {
                server: server.clone(),
                setting: setting.clone(),
                captured: captured.clone(),
                put_back,
            })
        })
        .collect()
}

/// Versions of packages or of the product on each server, and of the groups that carry one. What is the same on
/// several servers is one line.
pub(crate) fn versions(plan: &Plan, steps: &[StepLine]) -> Vec<VersionLine> {
    let release = &plan.payload.id;
    let mut lines: Vec<VersionLine> = Vec::new();
    for (id, server) in &plan.snapshot.servers {
        let by = proven(
            plan,
            steps,
            |c| matches!(c, Condition::Installed { node, release: r } if node == id && r == release),
        );
        let mut add = |of: String, before: Option<String>, after: Option<String>| {
            let after = after.filter(|_| by.is_some());
            let same = lines.iter_mut().find(|l| l.of == of && l.before == before && l.after == after);
            if let Some(line) = same {
                line.on.push(id.clone());
                line.proven_by.extend(by.map(|s| s.number));
            } else {
                let proven_by = by.map(|s| s.number).into_iter().collect();
                lines.push(VersionLine { of, on: vec![id.clone()], before, after, proven_by });
            }
        };
        match &plan.payload.content {
            Content::Packages(_) => {
                for package in plan.payload.packages(id) {
                    let name = format!("{}:{}", package.name, package.architecture);
                    add(name, package.from.clone(), Some(package.version.clone()));
                }
            }
            Content::Media(_) => {
                // A hotfix that brings no build of its own is named by its id.
                let after = plan.payload.to_build.clone().unwrap_or_else(|| format!("with {release}"));
                add(plan.payload.product.to_string(), server.version.clone(), Some(after));
            }
        }
    }
    let groups = plan.snapshot.clusters.values().flat_map(|c| &c.groups);
    for (id, group) in groups.filter(|(_, g)| g.version.is_some()) {
        let Some(after) = build(plan, id) else { continue };
        let by = proven(plan, steps, |c| matches!(c, Condition::GroupVersion { group, .. } if group == id));
        lines.push(VersionLine {
            of: format!("{id} in the directory"),
            on: Vec::new(),
            before: group.version.clone(),
            after: by.map(|_| after),
            proven_by: by.map(|s| s.number).into_iter().collect(),
        });
    }
    lines
}

/// The build that the plan wants of a group.
fn build(plan: &Plan, id: &GroupId) -> Option<String> {
    plan.steps.iter().flat_map(|s| &s.expects).find_map(|c| match c {
        Condition::GroupVersion { group, build, .. } if group == id => Some(build.clone()),
        _ => None,
    })
}

/// The last step that is proven done and proves such a condition.
fn proven<'a>(plan: &Plan, steps: &'a [StepLine], is: impl Fn(&Condition) -> bool) -> Option<&'a StepLine> {
    let lines = plan.steps.iter().zip(steps).rev();
    lines
        .filter(|(_, line)| matches!(line.result, StepResult::Done | StepResult::HeldAlready))
        .find(|(step, _)| step.expects.iter().any(&is))
        .map(|(_, line)| line)
}
