//! What each action is on Windows: where its work lies, and its lines.

use std::collections::BTreeMap;

use kaketsugi_estate::{
    GroupSeen, NodeState, Policy, ResourceId, ResourceState, ServerId, Setting, SettingValue,
};
use kaketsugi_knowledge::releases;
use kaketsugi_plan::{Action, Condition, Content, Media, Payload};

use super::cluster::{NAME, WindowsCluster};
use super::lock::{FIND, HOME};
use super::names::{handle, quoted};
use super::probe::{self, ServiceState};
use super::script::{Lines, WRONG_DIGEST, directory, literal};
use crate::{Error, Order, Question};

/// Win32 errors that say that it is so already.
const ALREADY_RUNNING: u32 = 1056;
const NOT_STARTED: u32 = 1062;

/// Seconds between the command and the restart: time to write the exit code.
const RESTART_DELAY_SECONDS: u32 = 3;

/// Where an action's work lies, and its lines.
pub(super) struct Work {
    pub(super) node: ServerId,
    pub(super) lines: Lines,
}

impl WindowsCluster {
    /// Whether the machine may carry an action out: there is a command for it, and it is verified or policy allows it.
    #[must_use]
    pub fn can_by_machine(action: &Action, payload: &Payload, policy: &Policy) -> bool {
        match action {
            Action::Move { .. }
            | Action::TakeOffline { .. }
            | Action::BringOnline { .. }
            | Action::StopService { .. }
            | Action::StartService { .. }
            | Action::Restart { .. }
            | Action::Stage { .. }
            | Action::Quiet { .. }
            | Action::PutBack { .. } => true,
            Action::Install { release, .. } => payload.find(release).is_some_and(|part| {
                let known = releases().resolve(release.as_str());
                let verified = known.as_deref().and_then(|r| {
                    r.installer
                        .machine_command(policy.allow_unverified_commands)
                        .map(|c| c.template.to_owned())
                });
                verified.is_some() && part.command == verified
            }),
            // No command line for it was found; pausing is no part of the procedure.
            Action::UpgradeGroup { .. }
            | Action::Attest { .. }
            | Action::Drain { .. }
            | Action::Readmit { .. }
            | Action::Soak { .. }
            | Action::Verify { .. } => false,
        }
    }

    /// Finds where an action's work lies and what it is.
    pub(super) async fn prepare(&self, order: &Order<'_>) -> Result<Work, Error> {
        let action = &order.step.action;
        let policy = &order.plan.estate.policy;
        if !Self::can_by_machine(action, &order.plan.payload, policy) {
            return Err(Error::NoSuchAction {
                what: format!("{} by the machine", action.name()),
                platform: NAME,
            });
        }
        match action {
            Action::Stage { node, release } => self.stage(order, node, release),
            Action::Install { node, release } => self.install(order, node, release),
            Action::Restart { node } => {
                let mut lines = Lines::default();
                lines.must(format!("shutdown -r -f -t {RESTART_DELAY_SECONDS}"));
                Ok(Work { node: node.clone(), lines })
            }
            Action::Quiet { node } => self.quiet(order, node).await,
            Action::PutBack { node } => self.put_back(order, node).await,
            Action::Move { group, to, .. } => {
                let name = self.name(to, group.as_str())?;
                let node = self.name(to, to.as_str())?;
                let mut lines = Lines::default();
                lines.must(format!("cluster group {name} /moveto:{node} /wait:{}", patience(order)));
                Ok(Work { node: to.clone(), lines })
            }
            Action::TakeOffline { .. } | Action::BringOnline { .. } => self.resources(order).await,
            Action::StopService { node, .. } => self.service(order, node, "stop", NOT_STARTED).await,
            Action::StartService { node, .. } => self.service(order, node, "start", ALREADY_RUNNING).await,
            other => Err(Error::NoSuchAction { what: other.name().into(), platform: NAME }),
        }
    }

    fn name(&self, host: &ServerId, name: &str) -> Result<String, Error> {
        quoted(name).map_err(|why| Error::Failed {
            host: host.clone(),
            what: "writing a command".into(),
            why: why.to_string(),
        })
    }

    fn part<'a>(
        &self,
        order: &Order<'a>,
        node: &ServerId,
        release: &kaketsugi_estate::ReleaseId,
    ) -> Result<(&'a Payload, &'a [Media]), Error> {
        let part = order.plan.payload.find(release).ok_or_else(|| Error::Failed {
            host: node.clone(),
            what: format!("looking {release} up"),
            why: "the plan's payload has no such release".into(),
        })?;
        match &part.content {
            Content::Media(media) => Ok((part, media)),
            Content::Packages(_) => Err(Error::NoSuchAction {
                what: format!("{release}, which is made of packages,"),
                platform: NAME,
            }),
        }
    }

    /// Each file is compared with its digest where it lies; a record of it is written last.
    fn stage(
        &self,
        order: &Order<'_>,
        node: &ServerId,
        release: &kaketsugi_estate::ReleaseId,
    ) -> Result<Work, Error> {
        let (_, media) = self.part(order, node, release)?;
        let mut lines = Lines::default();
        self.compare(&mut lines, node, media)?;
        lines.raw(format!("if not exist {HOME}\\staged mkdir {HOME}\\staged"));
        let record = probe::record_path(release);
        for (index, file) in media.iter().enumerate() {
            let to = if index == 0 { ">" } else { ">>" };
            let line = probe::record_line(&file.sha256, &file.path);
            // The path was quotable, so nothing in it means anything to the interpreter but these.
            let line: String = line
                .chars()
                .flat_map(|c| if "&|<>^()".contains(c) { vec!['^', c] } else { vec![c] })
                .collect();
            lines.raw(format!("{to}{record} echo {line}"));
        }
        Ok(Work { node: node.clone(), lines })
    }

    /// Windows Server 2003 has no tool of its own for SHA-256: the administrator puts a `sha256sum` into the search path.
    /// A wrong one can only say no.
    fn compare(&self, lines: &mut Lines, node: &ServerId, media: &[Media]) -> Result<(), Error> {
        for file in media {
            let path = self.name(node, &file.path)?;
            lines.raw(format!(
                "sha256sum {} | {FIND} /i \"{}\" >nul || exit /b {WRONG_DIGEST}",
                literal(&path),
                file.sha256
            ));
        }
        Ok(())
    }

    /// The digests once more, then the installer; its log is part of the output, its exit code the action's.
    fn install(
        &self,
        order: &Order<'_>,
        node: &ServerId,
        release: &kaketsugi_estate::ReleaseId,
    ) -> Result<Work, Error> {
        let (part, media) = self.part(order, node, release)?;
        let failed =
            |why: String| Error::Failed { host: node.clone(), what: format!("installing {release}"), why };
        let command = part.command.as_ref().ok_or_else(|| failed("a person does it".into()))?;
        let known =
            releases().resolve(release.as_str()).ok_or_else(|| failed("it isn't in the catalogue".into()))?;
        let installer = media.first().ok_or_else(|| {
            failed("the estate file names no media for it; add a [[media]] entry with path and sha256".into())
        })?;
        let path = self.name(node, &installer.path)?;
        let log = format!("{}\\install.log", directory(&handle(order)));
        let command = command.replace(&format!("\"{}\"", known.installer.path), &path).replace("{log}", &log);
        if command.contains('{') {
            return Err(failed(format!("`{command}` has a placeholder that nothing is known for")));
        }
        let mut lines = Lines::default();
        self.compare(&mut lines, node, media)?;
        lines.raw(literal(&command));
        lines.raw("set KAKETSUGI_CODE=%errorlevel%");
        lines.raw(format!("if exist {log} type {log}"));
        lines.raw("exit /b %KAKETSUGI_CODE%");
        Ok(Work { node: node.clone(), lines })
    }

    async fn quiet(&self, order: &Order<'_>, node: &ServerId) -> Result<Work, Error> {
        let now = self.settings_now(order, node).await?;
        let mut lines = Lines::default();
        for (setting, value) in &now {
            match (setting, value.as_deref()) {
                (Setting::Service(name), Some(value)) => {
                    let Some(state) = ServiceState::read(value) else { continue };
                    let name = self.name(node, name)?;
                    // A restart in the middle of the run must not bring it back.
                    if state.start == 2 {
                        lines.must(format!("sc config {name} start= disabled"));
                    }
                    if state.running {
                        lines.must(format!("net stop {name}"));
                    }
                }
                (Setting::Failback(group), Some(value)) if value != "0" => {
                    lines.must(self.failback(order, node, group.as_str(), "0").await?);
                }
                _ => {}
            }
        }
        Ok(Work { node: node.clone(), lines })
    }

    /// Exactly what was captured when the run began, and only where it differs now.
    async fn put_back(&self, order: &Order<'_>, node: &ServerId) -> Result<Work, Error> {
        let now = self.settings_now(order, node).await?;
        let captured = order.start.settings.get(node).cloned().unwrap_or_default();
        let mut lines = Lines::default();
        for (setting, was) in captured.iter().filter(|(setting, was)| now.get(*setting) != Some(*was)) {
            match (setting, was.as_deref()) {
                (Setting::Service(name), Some(was)) => {
                    let is = now.get(setting).and_then(|v| ServiceState::read(v.as_deref()?));
                    let (Some(was), Some(is)) = (ServiceState::read(was), is) else { continue };
                    let name = self.name(node, name)?;
                    if let Some(word) = was.start_word().filter(|_| was.start != is.start) {
                        lines.must(format!("sc config {name} start= {word}"));
                    }
                    match (was.running, is.running) {
                        (true, false) => lines.must(format!("net start {name}")),
                        (false, true) => lines.must(format!("net stop {name}")),
                        _ => {}
                    }
                }
                (Setting::Failback(group), Some(was)) => {
                    lines.must(self.failback(order, node, group.as_str(), was).await?);
                }
                _ => {}
            }
        }
        Ok(Work { node: node.clone(), lines })
    }

    async fn settings_now(
        &self,
        order: &Order<'_>,
        node: &ServerId,
    ) -> Result<BTreeMap<Setting, SettingValue>, Error> {
        let places = self.places(order.step);
        let question = Question { servers: places.into_iter().collect(), ..Question::default() };
        let mut seen = self.look(&question).await;
        match seen.servers.remove(node) {
            Some(server) if server.reached => Ok(server.settings),
            other => Err(Error::Failed {
                host: node.clone(),
                what: "reading its settings".into(),
                why: other.and_then(|s| s.unreached_why).unwrap_or_else(|| "it gave no answer".into()),
            }),
        }
    }

    /// Failback is the group's; a node whose cluster service is stopped asks through one whose runs.
    async fn failback(
        &self,
        order: &Order<'_>,
        node: &ServerId,
        group: &str,
        to: &str,
    ) -> Result<String, Error> {
        let speaker = self.speaker(order, node, false).await?;
        let through = if speaker == *node { String::new() } else { format!("/cluster:{speaker} ") };
        let group = self.name(node, group)?;
        let number: u32 = to.parse().map_err(|_| Error::Failed {
            host: node.clone(),
            what: "putting failback back".into(),
            why: format!("`{to}` is no number"),
        })?;
        Ok(format!("cluster {through}group {group} /prop AutoFailbackType={number}:DWORD"))
    }

    /// A node through which the cluster can be spoken to: this one if its service runs (unless another is wanted),
    /// else the first whose does.
    async fn speaker(&self, order: &Order<'_>, node: &ServerId, other: bool) -> Result<ServerId, Error> {
        let mut places = self.places(order.step);
        places.retain(|n| !other || n != node);
        places.sort_by_key(|n| n != node);
        for place in &places {
            let shell = self.shell(place)?;
            if let Ok(Some(true)) = probe::cluster_service(shell).await {
                return Ok(place.clone());
            }
        }
        Err(Error::Failed {
            host: node.clone(),
            what: "finding a node that speaks for the cluster".into(),
            why: "the cluster service runs on none of them; start it on one, then resume".into(),
        })
    }

    /// `cluster node N /start|/stop` has a source when it is asked of another node; on the only node there is `net`,
    /// which is of our own knowledge.
    async fn service(
        &self,
        order: &Order<'_>,
        node: &ServerId,
        verb: &str,
        already: u32,
    ) -> Result<Work, Error> {
        let mut lines = Lines::default();
        match self.speaker(order, node, true).await {
            Ok(speaker) => {
                let name = self.name(node, node.as_str())?;
                let wait = patience(order);
                lines.must_or(format!("cluster node {name} /{verb} /wait:{wait}"), already);
                Ok(Work { node: speaker, lines })
            }
            Err(_) if order.plan.estate.policy.allow_unverified_commands => {
                // 2 is how `net` says that it is so already; what is so is looked at afterwards.
                lines.must_or(format!("net {verb} clussvc"), 2);
                Ok(Work { node: node.clone(), lines })
            }
            Err(_) => Err(Error::Failed {
                host: node.clone(),
                what: format!("the cluster service's {verb}"),
                why: format!(
                    "no other node runs it to be asked through; do `net {verb} clussvc` on {node} by hand, or set \
                     allow-unverified-commands"
                ),
            }),
        }
    }

    /// Offline: what stands on others first. Online: what others stand on first.
    async fn resources(&self, order: &Order<'_>) -> Result<Work, Error> {
        let action = &order.step.action;
        let (Action::TakeOffline { cluster, group } | Action::BringOnline { cluster, group, .. }) = action
        else {
            return Err(Error::NoSuchAction { what: action.name().into(), platform: NAME });
        };
        let places = self.places(order.step);
        let Some(first) = places.first() else {
            return Err(Error::NoSuchAction {
                what: format!("{} without a node", action.name()),
                platform: NAME,
            });
        };
        let failed = |why: &str| Error::Failed {
            host: first.clone(),
            what: format!("{} of {group}", action.name()),
            why: why.into(),
        };
        let question = Question { servers: places.iter().cloned().collect(), ..Question::default() };
        let seen = self.look(&question).await;
        let seen = seen.clusters.get(cluster).ok_or_else(|| failed("the cluster gave no answer"))?;
        let found = seen.groups.get(group).ok_or_else(|| failed("there is no such group"))?;
        let owner = found.owner.clone().ok_or_else(|| failed("nobody has it"))?;
        if seen.nodes.get(&owner).map(|n| n.state) != Some(NodeState::Online) {
            return Err(failed("its owner isn't online"));
        }
        if let Action::BringOnline { node, .. } = action
            && *node != owner
        {
            return Err(failed("it isn't on the node where it is to go online"));
        }
        let (names, verb) = match action {
            Action::TakeOffline { .. } => (to_take_offline(found), "offline"),
            _ => (to_bring_online(found, order), "online"),
        };
        let mut lines = Lines::default();
        for name in names {
            let name = self.name(&owner, name.as_str())?;
            lines.must(format!("cluster res {} /{verb} /wait:{}", literal(&name), patience(order)));
        }
        Ok(Work { node: owner, lines })
    }
}

/// Everything but the kept-online set that isn't offline.
fn to_take_offline(group: &GroupSeen) -> Vec<ResourceId> {
    let due = |state| state != ResourceState::Offline;
    group.resources.iter().rev().filter(|r| !r.kept_online && due(r.state)).map(|r| r.id.clone()).collect()
}

/// What the step expects to be online and isn't.
fn to_bring_online(group: &GroupSeen, order: &Order<'_>) -> Vec<ResourceId> {
    let wanted = order.step.expects.iter().find_map(|c| match c {
        Condition::GroupAsBefore { online, .. } => Some(online),
        _ => None,
    });
    let wanted = |id: &ResourceId| wanted.is_none_or(|online| online.contains(id));
    let due = |state| state != ResourceState::Online;
    group.resources.iter().filter(|r| wanted(&r.id) && due(r.state)).map(|r| r.id.clone()).collect()
}

/// Seconds that one command waits: within the step's own time, never without limit.
fn patience(order: &Order<'_>) -> u32 {
    order.step.timeout_seconds.clamp(60, 900)
}
