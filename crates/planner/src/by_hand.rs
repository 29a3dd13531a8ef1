//! Steps on servers that no command reaches: what a machine would do, a person is told to do, line by line.
//!
//! Each instruction is prose, then the command lines, each on a line of its own and indented. What proves the step is
//! what would prove it if a machine had done it.

use kaketsugi_estate::{GroupSeen, ResourceId, ServerId, Setting, Snapshot};
use kaketsugi_knowledge::{HandCommands, Profile, profiles};
use kaketsugi_plan::render::by_hand;
use kaketsugi_plan::{Action, Actor, Condition, Content, Plan, Step};

use crate::sheet::PERSON_SECONDS;

/// Gives every step on such a server to a person, and every look there the time that a person takes.
pub(crate) fn hand_over(mut plan: Plan) -> Plan {
    let theirs: Vec<Option<Option<String>>> =
        plan.steps.iter().map(|step| by_hand(&plan, step).then(|| instruction(&plan, step))).collect();
    for (step, instruction) in plan.steps.iter_mut().zip(theirs) {
        let Some(instruction) = instruction else { continue };
        step.timeout_seconds = step.timeout_seconds.max(PERSON_SECONDS);
        if step.actor == Actor::Machine && !step.action.only_looks() {
            step.actor = Actor::Operator;
            step.instruction = Some(instruction.unwrap_or_else(|| format!("{}.", step.title)));
        }
    }
    plan
}

/// The profile that the plan's servers by hand go by.
fn profile(plan: &Plan, step: &Step) -> Option<&'static Profile> {
    let around = || plan.estate.cluster_of(step.action.node()?).map(|(id, _)| id);
    let cluster = plan.estate.clusters.get(step.action.cluster().or_else(around)?)?;
    profiles().get(plan.payload.product.as_str(), cluster.kind)
}

fn instruction(plan: &Plan, step: &Step) -> Option<String> {
    let say = profile(plan, step)?.by_hand.as_ref()?;
    let cluster = || say.cluster.as_ref();
    let seen = &plan.snapshot;
    match &step.action {
        Action::Move { group, to, .. } => Some(typed(
            to,
            "",
            [fill(&cluster()?.r#move, &[("group", group.as_str()), ("node", to.as_str())])],
        )),
        Action::TakeOffline { cluster, group } => {
            let owner = owner(step)?;
            let resources = &seen.clusters.get(cluster)?.groups.get(group)?.resources;
            let due = resources.iter().rev().filter(|r| !r.kept_online).map(|r| &r.id);
            let offline = &say.cluster.as_ref()?.offline;
            Some(typed(owner, IN_ORDER, due.map(|r| fill(offline, &[("resource", r.as_str())]))))
        }
        Action::BringOnline { cluster, group, node } => {
            let group = seen.clusters.get(cluster)?.groups.get(group)?;
            let due = online(step).filter(|id| !kept_online(group, id));
            let online = &say.cluster.as_ref()?.online;
            Some(typed(node, IN_ORDER, due.map(|r| fill(online, &[("resource", r.as_str())]))))
        }
        Action::StopService { node, .. } => Some(through_another(plan, node, &cluster()?.stop_service)),
        Action::StartService { node, .. } => Some(through_another(plan, node, &cluster()?.start_service)),
        Action::Restart { node } => Some(match &say.restart {
            Some(line) => typed(node, AFTER_RESTART, [line.clone()]),
            None => {
                format!(
                    "On {node}, logged on as an administrator, choose Start, Shut Down, Restart.{AFTER_RESTART}"
                )
            }
        }),
        Action::Pause { node, .. } => {
            Some(typed(node, "", [fill(&cluster()?.pause, &[("node", node.as_str())])]))
        }
        Action::Readmit { node, .. } if plan.estate.pool_of(node).is_none() => {
            Some(typed(node, "", [fill(&cluster()?.resume, &[("node", node.as_str())])]))
        }
        Action::Stage { node, release } => {
            let Content::Media(media) = &plan.payload.find(release)?.content else { return None };
            let lines = media.iter().enumerate().map(|(index, file)| {
                let to = if index == 0 { ">" } else { ">>" };
                let line = format!("{} {}", file.sha256.to_lowercase(), file.path);
                let line: String = line
                    .chars()
                    .flat_map(|c| "&|<>^()".contains(c).then_some('^').into_iter().chain([c]))
                    .collect();
                let known = [("path", file.path.as_str()), ("sha256", &file.sha256)];
                let rest = [("to", to), ("release", release.as_str()), ("line", &line)];
                fill(&say.record, &[known.as_slice(), &rest].concat())
            });
            let about = " Before that, put the files there that the lines name, and a sha256sum into the search path. \
                         Each line that compares must print the digest: otherwise the file is not the right one, and the \
                         answer is `cannot`.";
            Some(typed(node, about, [say.record_place.clone()].into_iter().chain(lines)))
        }
        Action::Drain { node, .. } => Some(typed(node, "", plan.estate.pool_of(node)?.1.out.clone())),
        Action::Readmit { node, .. } => Some(typed(node, "", plan.estate.pool_of(node)?.1.r#in.clone())),
        // At the console, with its dialogue.
        Action::Install { node, release } => {
            Some(plan.payload.find(release)?.instruction.replace("{node}", node.as_str()))
        }
        Action::Quiet { node } => Some(set(node, "", quiet(seen, node, say))),
        Action::PutBack { node } => {
            let about = " They set what was found when the plan was made. Leave out what is so already.";
            Some(set(node, about, put_back(seen, node, say)))
        }
        _ => None,
    }
}

const AFTER_RESTART: &str = " Then wait until it is up again, and its services are.";

const IN_ORDER: &str =
    " In this order, each only after the one before has ended; leave out what is so already.";

/// Prose and the lines to be typed.
fn typed(node: &ServerId, about: &str, lines: impl IntoIterator<Item = String>) -> String {
    let lines: Vec<String> = lines.into_iter().collect();
    if lines.is_empty() {
        return format!("On {node} nothing was found that has to be changed for this.");
    }
    let mut text = format!(
        "On {node}, logged on as an administrator, type at a command prompt what follows.{about} Each line must end \
         without an error."
    );
    for line in lines {
        text.push_str("\n    ");
        text.push_str(&line);
    }
    text
}

/// What is set in windows, and after it the lines to be typed.
fn set(node: &ServerId, about: &str, settings: Settings) -> String {
    let clicks = settings.clicks.join(" ");
    match (settings.clicks.is_empty(), settings.lines.is_empty()) {
        (true, _) => typed(node, about, settings.lines),
        (false, true) => format!("On {node}, logged on as an administrator: {clicks}"),
        (false, false) => {
            format!(
                "On {node}, logged on as an administrator: {clicks} Then: {}",
                typed(node, about, settings.lines)
            )
        }
    }
}

/// What has to be set: in windows, where the node's Windows has no command for it, and by lines.
#[derive(Debug, Default)]
struct Settings {
    clicks: Vec<String>,
    lines: Vec<String>,
}

impl Settings {
    fn start_type(&mut self, say: &HandCommands, service: &str, word: &str) {
        match &say.windows_service_type {
            Some(template) => self.lines.push(fill(template, &[("service", service), ("type", word)])),
            None => {
                let named = if word == "auto" { "Automatic" } else { "Disabled" };
                self.clicks.push(format!(
                    "In Services (Administrative Tools; Windows NT 4.0: Control Panel), set the startup type of {service} to \
                     {named}."
                ));
            }
        }
    }

    fn failback(&mut self, say: &HandCommands, group: &str, number: &str) {
        let template = say.cluster.as_ref().map(|cluster| &cluster.failback);
        self.lines.extend(template.map(|template| fill(template, &[("group", group), ("number", number)])));
    }
}

/// The cluster service of a node, by way of another one, where the line names the node: that is what it has a source for.
fn through_another(plan: &Plan, node: &ServerId, template: &str) -> String {
    if !template.contains("{node}") {
        return typed(node, "", [template.to_owned()]);
    }
    let nodes = plan.estate.cluster_of(node).map(|(_, c)| c.nodes.as_slice()).unwrap_or_default();
    match nodes.iter().find(|n| *n != node) {
        Some(other) => {
            let about = format!(
                " If the cluster service doesn't run on {other}, type them on another node where it does."
            );
            typed(other, &about, [fill(template, &[("node", node.as_str())])])
        }
        None => {
            let verb = if template.contains("/stop") { "stop" } else { "start" };
            format!("On {node}, {verb} the service Cluster Service in Administrative Tools, Services.")
        }
    }
}

/// Who has the group when the step begins.
fn owner(step: &Step) -> Option<&ServerId> {
    step.requires.iter().find_map(|c| match c {
        Condition::Owner { node, .. } => Some(node),
        _ => None,
    })
}

/// What the step expects to be online, each after what it stands on.
fn online(step: &Step) -> impl Iterator<Item = &ResourceId> {
    step.expects
        .iter()
        .filter_map(|c| match c {
            Condition::GroupAsBefore { online, .. } => Some(online),
            _ => None,
        })
        .flatten()
}

fn kept_online(group: &GroupSeen, id: &ResourceId) -> bool {
    group.resources.iter().any(|r| r.id == *id && r.kept_online)
}

fn quiet(seen: &Snapshot, node: &ServerId, say: &HandCommands) -> Settings {
    let mut due = Settings::default();
    for (setting, value) in settings(seen, node) {
        match setting {
            Setting::Service(name) => {
                let Some((start, running)) = service(value) else { continue };
                // A restart in the middle of the run must not bring it back.
                if start == 2 {
                    due.start_type(say, name, "disabled");
                }
                if running {
                    due.lines.push(fill(&say.windows_service_stop, &[("service", name)]));
                }
            }
            Setting::Failback(group) if value != "0" => due.failback(say, group.as_str(), "0"),
            _ => {}
        }
    }
    due
}

fn put_back(seen: &Snapshot, node: &ServerId, say: &HandCommands) -> Settings {
    let mut due = Settings::default();
    for (setting, value) in settings(seen, node) {
        match setting {
            Setting::Service(name) => {
                let Some((start, running)) = service(value) else { continue };
                if start == 2 {
                    due.start_type(say, name, "auto");
                }
                if running {
                    due.lines.push(fill(&say.windows_service_start, &[("service", name)]));
                }
            }
            Setting::Failback(group) if value != "0" => due.failback(say, group.as_str(), value),
            _ => {}
        }
    }
    due
}

fn settings<'a>(seen: &'a Snapshot, node: &ServerId) -> impl Iterator<Item = (&'a Setting, &'a str)> {
    let settings = seen.servers.get(node).map(|s| &s.settings);
    settings.into_iter().flatten().filter_map(|(setting, value)| Some((setting, value.as_deref()?)))
}

/// `start=2 running`.
fn service(value: &str) -> Option<(u32, bool)> {
    let (start, state) = value.strip_prefix("start=")?.split_once(' ')?;
    Some((start.parse().ok()?, state == "running"))
}

/// A template with its words filled in, once: what is filled in is not looked at again.
fn fill(template: &str, words: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let known = after.split_once('}').and_then(|(name, after)| {
            words.iter().find(|(word, _)| *word == name).map(|(_, value)| (*value, after))
        });
        match known {
            Some((value, after)) => {
                text.push_str(value);
                rest = after;
            }
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_in_is_not_looked_at_again() {
        assert_eq!(fill("a {x} {y} {z}", &[("x", "{y}"), ("y", "2")]), "a {y} 2 {z}");
    }
}
