//! The person at the console: does what no command does, as well or as badly as people do.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::cluster::{ResourceState, restart};
use crate::commands::{console_set_up, optimize};
use crate::fault::FaultKind;
use crate::node::Member;
use crate::shell::Shell;
use crate::spec::{Balancer, Program};
use crate::state::{Shared, State};
use crate::table::Class;
use crate::transcript::Actor;

/// Resource types that may be online while a virtual server is upgraded (KB 328839).
const KEPT_ONLINE: &[&str] = &["IP Address", "Network Name", "Physical Disk"];

/// What c1037b44 says.
const C1037B44: &str = "The version of Exchange on this computer does not match the version of Exchange on the server. ID no: c1037b44";

/// What a person is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// Run an installer to its end: a service pack's set-up, or a hotfix.
    Install {
        /// At the console of this node.
        node: String,
        /// Path of the program.
        path: String,
    },
    /// Upgrade an Exchange virtual server in Cluster Administrator.
    UpgradeEvs {
        /// Its group.
        group: String,
        /// The node on which Cluster Administrator is started.
        node: String,
    },
    /// Run the Performance Optimizer of Exchange 5.5.
    Optimize {
        /// On which node.
        node: String,
    },
    /// Restart a node.
    Restart {
        /// Which node.
        node: String,
    },
    /// Have the balancer give a node requests, or none.
    Balance {
        /// Which node.
        node: String,
        /// Requests, or none.
        requests: bool,
    },
    /// Type a command at a node's prompt.
    Command {
        /// On this node.
        node: String,
        /// The command line.
        line: String,
    },
    /// Attest something.
    Attest {
        /// What.
        what: String,
    },
}

impl Instruction {
    fn place(&self) -> &str {
        match self {
            Self::Install { node, .. }
            | Self::UpgradeEvs { node, .. }
            | Self::Optimize { node }
            | Self::Restart { node }
            | Self::Command { node, .. } => node,
            Self::Attest { .. } => "desk",
            Self::Balance { .. } => "the balancer",
        }
    }
}

impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Install { path, .. } => write!(f, "run {path}"),
            Self::UpgradeEvs { group, .. } => write!(f, "Cluster Administrator: upgrade {group}"),
            Self::Optimize { .. } => f.write_str("perfwiz"),
            Self::Restart { .. } => f.write_str("restart"),
            Self::Balance { node, requests: true } => write!(f, "requests for {node} again"),
            Self::Balance { node, requests: false } => write!(f, "no more requests for {node}"),
            Self::Command { line, .. } => f.write_str(line),
            Self::Attest { what } => write!(f, "attest: {what}"),
        }
    }
}

/// What the person says afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Done.
    Done {
        /// Whether an installer asked for a restart, and was answered no.
        asked_for_restart: bool,
    },
    /// It didn't work; what was on the screen.
    Failed(String),
}

/// How the person goes about an instruction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// At once, and right.
    #[default]
    Prompt,
    /// Right, but only after this long.
    Late(Duration),
    /// Never, and never says so.
    Forgetful,
    /// Upgrades another virtual server than the one named, and believes to have done it. Other instructions: right.
    WrongEvs,
    /// Says that it is done, and has done nothing.
    ClaimsDone,
}

impl Behaviour {
    /// Whether it makes a difference to an instruction.
    fn matters_to(self, instruction: &Instruction) -> bool {
        match self {
            Self::Prompt | Self::Late(_) | Self::Forgetful => true,
            Self::WrongEvs => matches!(instruction, Instruction::UpgradeEvs { .. }),
            // Whether an attestation is true shows nowhere.
            Self::ClaimsDone => !matches!(instruction, Instruction::Attest { .. }),
        }
    }
}

/// The person.
#[derive(Debug, Clone)]
pub struct Person {
    shared: Arc<Shared>,
    behaviours: Arc<Mutex<VecDeque<Behaviour>>>,
}

impl Person {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, behaviours: Arc::default() }
    }

    /// How the next instructions are gone about, one after the other; then everything is done promptly again. What
    /// would make no difference to an instruction waits for one to which it does.
    pub fn will(&self, behaviours: impl IntoIterator<Item = Behaviour>) {
        self.behaviours.lock().unwrap_or_else(PoisonError::into_inner).extend(behaviours);
    }

    /// Gives an instruction and waits for the reply; a forgetful person gives none, ever.
    pub async fn do_(&self, instruction: Instruction) -> Reply {
        let behaviour = {
            let mut behaviours = self.behaviours.lock().unwrap_or_else(PoisonError::into_inner);
            behaviours.pop_front_if(|next| next.matters_to(&instruction)).unwrap_or_default()
        };
        let actor = Actor::Person(instruction.place().to_owned());
        self.shared.lock().record(actor, Class::Console, instruction.to_string());
        match behaviour {
            Behaviour::Prompt => {}
            Behaviour::Late(time) => tokio::time::sleep(time).await,
            Behaviour::Forgetful => std::future::pending().await,
            Behaviour::ClaimsDone => return Reply::Done { asked_for_restart: false },
            Behaviour::WrongEvs => {
                if let Instruction::UpgradeEvs { group, node } = &instruction {
                    let other = self.other_evs(group);
                    return match other {
                        Some(other) => self.upgrade(&other, node).await,
                        None => Reply::Done { asked_for_restart: false },
                    };
                }
            }
        }
        self.carry_out(instruction).await
    }

    async fn carry_out(&self, instruction: Instruction) -> Reply {
        match instruction {
            Instruction::Attest { .. } => Reply::Done { asked_for_restart: false },
            Instruction::Install { node, path } => self.install(&node, &path).await,
            Instruction::UpgradeEvs { group, node } => self.upgrade(&group, &node).await,
            Instruction::Optimize { node } => {
                match while_powered(&self.shared, &node, optimize(&self.shared, &node)).await {
                    Some(Ok(())) => Reply::Done { asked_for_restart: false },
                    Some(Err(why)) => Reply::Failed(why),
                    None => Reply::Failed("the screen went dark".into()),
                }
            }
            Instruction::Restart { node } => {
                if self.shared.lock().node(&node).is_none_or(|n| n.boot.is_none()) {
                    return Reply::Failed("the node is dark".into());
                }
                restart(&self.shared, &node);
                Reply::Done { asked_for_restart: false }
            }
            Instruction::Balance { node, requests } => {
                let what = if requests { Balancer::In } else { Balancer::Out };
                self.shared.lock().balance(&node, what);
                Reply::Done { asked_for_restart: false }
            }
            Instruction::Command { node, line } => {
                let work = Shell::new(self.shared.clone(), &node, Vec::new()).line(&line);
                match while_powered(&self.shared, &node, work).await {
                    Some(Ok(outcome)) if outcome.code == 0 => Reply::Done { asked_for_restart: false },
                    Some(Ok(outcome)) => Reply::Failed(self.shared.code_page.decode(&outcome.stderr)),
                    _ => Reply::Failed("the screen went dark".into()),
                }
            }
        }
    }

    fn other_evs(&self, group: &str) -> Option<String> {
        let state = self.shared.lock();
        state
            .cluster
            .groups
            .iter()
            .find(|g| g.is_evs && !g.name.eq_ignore_ascii_case(group))
            .map(|g| g.name.clone())
    }

    async fn install(&self, node: &str, path: &str) -> Reply {
        let program = {
            let state = self.shared.lock();
            let found = state.node(node).filter(|n| n.boot.is_some());
            match found.map(|n| n.durable.disk.file(path).and_then(|f| f.program.clone())) {
                None => return Reply::Failed("the node is dark".into()),
                Some(None) => return Reply::Failed(format!("Windows cannot find '{path}'.")),
                Some(Some(program)) => program,
            }
        };
        let (Program::Hotfix(package) | Program::ServicePack(package)) = program else {
            return Reply::Failed(format!("'{path}' installs nothing."));
        };
        let fault = self.shared.lock().faults.on_command(node, &format!("console: {path}"));
        match &fault {
            Some(FaultKind::Fail { text, .. }) => return Reply::Failed(text.clone()),
            Some(FaultKind::Hang) => std::future::pending().await,
            Some(FaultKind::PowerCut { after }) => {
                // It strikes while set-up is at work, when that is over sooner.
                let (shared, node) = (self.shared.clone(), node.to_owned());
                let after = (*after).min(shared.timing.install * 3 / 4);
                self.shared.runtime.spawn(async move {
                    shared.pause(after).await;
                    crate::cluster::power_cut(&shared, &node);
                });
            }
            _ => {}
        }
        let fault = fault.filter(|fault| matches!(fault, FaultKind::FileInUse { .. }));
        match while_powered(&self.shared, node, console_set_up(&self.shared, node, &package, fault)).await {
            Some(Ok(asked_for_restart)) => Reply::Done { asked_for_restart },
            Some(Err(code)) => Reply::Failed(format!("Setup failed with error code {code}.")),
            None => Reply::Failed("the screen went dark".into()),
        }
    }

    /// "Upgrade Exchange Virtual Server" in the Cluster Administrator of a node.
    async fn upgrade(&self, group: &str, admin: &str) -> Reply {
        let build = {
            let mut state = self.shared.lock();
            match may_upgrade(&mut state, group, admin) {
                Ok(build) => build,
                Err(why) => return Reply::Failed(why),
            }
        };
        let ended = while_powered(&self.shared, admin, self.shared.pause(self.shared.timing.upgrade)).await;
        let mut state = self.shared.lock();
        state.upgrading.retain(|g| g != group);
        if ended.is_none() {
            return Reply::Failed("the screen went dark".into());
        }
        state.directory.set(group, build);
        Reply::Done { asked_for_restart: false }
    }
}

/// Runs something at a node until it ends or the node's power does (None).
async fn while_powered<T>(shared: &Shared, node: &str, work: impl Future<Output = T>) -> Option<T> {
    let mut power = shared.lock().node(node)?.boot.as_ref()?.power.subscribe();
    tokio::select! {
        done = work => Some(done),
        _ = power.changed() => None,
    }
}

/// The conditions of KB 328839, and the build that the virtual server gets.
fn may_upgrade(state: &mut State, group: &str, admin: &str) -> Result<kaketsugi_knowledge::Build, String> {
    let admin =
        state.node(admin).filter(|n| n.member() == Member::Up).ok_or("The cluster can't be opened.")?;
    let evs =
        state.cluster.group(group).filter(|g| g.is_evs).ok_or("There is no such Exchange virtual server.")?;
    let owner = state.node(&evs.owner).ok_or(C1037B44)?;
    let build = owner.durable.exsetdata;
    if state.directory.builds.get(&evs.name) == Some(&build) && admin.durable.exsetdata == build {
        return Err("The menu has no item \"Upgrade Exchange Virtual Server\".".into());
    }
    let name = evs.name.clone();
    let only_kept = state
        .cluster
        .of_group(&name)
        .all(|r| KEPT_ONLINE.contains(&r.kind.as_str()) == (r.state == ResourceState::Online));
    let dtc = state
        .cluster
        .resources
        .iter()
        .any(|r| r.kind == "Distributed Transaction Coordinator" && r.state == ResourceState::Online);
    let behind = state.directory.builds.get(&name).is_some_and(|directory| *directory > build);
    if admin.durable.exsetdata != build || behind || owner.durable.broken || !only_kept || !dtc {
        return Err(C1037B44.into());
    }
    debug_assert!(owner.durable.disk.file(&owner.durable.file("store.exe")).is_some());
    if !state.upgrading.is_empty() {
        state
            .harm
            .push(format!("the upgrade of {name} was begun during that of {}", state.upgrading.join(", ")));
        return Err("Setup has encountered a problem and needs to close (KB 822582).".into());
    }
    state.upgrading.push(name);
    Ok(build)
}
