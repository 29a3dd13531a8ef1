//! A lab in the hand: bring it up, do things to it, take it down.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::base::Base;
use crate::config::{Config, GATEWAY, GroupKind};
use crate::control::{self, Answer, LabStatus, Order};
use crate::error::{LabError, Result};
use crate::facts::{Facts, GroupFacts, NodeFacts};
use crate::mail::MailClient;
use crate::mon::ClusterView;
use crate::network::{self, Cut, netns_path};
use crate::registry::{self, Entry};
use crate::repository::Repository;
use crate::shell::{self, command, wait_for};
use crate::{host, node, supervisor};

/// How long a cluster may take from power-on to running groups. Measured: 15 to 25 s; a busy machine needs more.
const UP_PATIENCE: Duration = Duration::from_secs(180);

/// A running lab. Dropping it takes it down, unless it was attached to.
#[derive(Debug)]
pub struct Lab {
    facts: Facts,
    owned: bool,
    supervisor: Option<JoinHandle<Result<()>>>,
}

impl Lab {
    /// Brings a lab up that lives as long as the value (and never longer than this process): installs what the host
    /// lacks, builds base and repository if the cache lacks them, and returns when all groups run.
    ///
    /// # Errors
    /// [`LabError::Unfit`] where no lab is possible; whatever else went wrong, after which nothing is left.
    pub fn up(config: &Config) -> Result<Lab> {
        host::prepare()?;
        let dir = tempfile::Builder::new().prefix("kaketsugi-lab-").tempdir_in("/var/tmp");
        let state = dir.map_err(LabError::io("create a directory in", "/var/tmp"))?.keep();
        let facts = set_up(config, &state)?;
        Entry::new(&facts.id, &state, std::process::id(), false, true).write()?;
        network::create(&facts.netns)?;
        let (ready, is_ready) = std::sync::mpsc::channel();
        let for_thread = facts.clone();
        let supervisor = std::thread::Builder::new()
            .name(format!("lab-{}", facts.id))
            .spawn(move || supervisor::run(for_thread, move || ready.send(()).unwrap_or(())))
            .map_err(LabError::io("start a thread for", &state))?;
        // The sender goes when the supervisor fails, which ends the wait as well.
        let started = is_ready.recv().is_ok();
        let lab = Lab { facts, owned: true, supervisor: Some(supervisor) };
        if !started {
            return Err(lab
                .take_down()
                .err()
                .unwrap_or(LabError::Refused { why: "it ended at once".into() }));
        }
        lab.wait_ready(UP_PATIENCE)?;
        Ok(lab)
    }

    /// Brings a lab up that outlives this process. `supervise` must become a process that calls [`supervise`] with the
    /// same state directory; its output goes to `supervisor.log` there.
    ///
    /// # Errors
    /// As [`Lab::up`]; a lab that is already up in that directory.
    pub fn up_detached(config: &Config, state: &Path, mut supervise: Command) -> Result<Lab> {
        host::prepare()?;
        std::fs::create_dir_all(state).map_err(LabError::io("create", state))?;
        let state = state.canonicalize().map_err(LabError::io("find", state))?;
        if let Ok(facts) = Facts::read(&state) {
            match registry::entry(&facts.id) {
                Ok(entry) if entry.alive() => {
                    return Err(LabError::Refused { why: format!("a lab is up in {}", state.display()) });
                }
                _ => {}
            }
        }
        let facts = set_up(config, &state)?;
        network::create(&facts.netns)?;
        let log = state.join("supervisor.log");
        let log = std::fs::File::create(&log).map_err(LabError::io("create", &log))?;
        let errors = log.try_clone().map_err(LabError::io("share", &state))?;
        supervise.stdin(std::process::Stdio::null()).stdout(log).stderr(errors);
        let child = supervise.spawn().map_err(LabError::io("start", supervise.get_program()))?;
        Entry::new(&facts.id, &state, child.id(), true, false).write()?;
        let lab = Lab { facts, owned: true, supervisor: None };
        wait_for("the supervisor", Duration::from_secs(20), Duration::from_millis(50), || {
            lab.status().map_err(|e| e.to_string())
        })?;
        lab.wait_ready(UP_PATIENCE)?;
        Ok(lab.keep())
    }

    /// A handle on the lab in `state`; dropping it changes nothing.
    ///
    /// # Errors
    /// No lab there.
    pub fn attach(state: &Path) -> Result<Lab> {
        Ok(Lab { facts: Facts::read(state)?, owned: false, supervisor: None })
    }

    /// Makes dropping harmless: the lab stays.
    #[must_use]
    pub fn keep(mut self) -> Lab {
        self.owned = false;
        self
    }

    /// What is to be known of it.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// This lab's own repository, which may be changed at any time.
    #[must_use]
    pub fn repository(&self) -> Repository {
        Repository::at(&self.facts.repository)
    }

    /// A command that runs a program inside the lab's network, where the nodes can be reached. The process that
    /// results is the program itself, with its own id.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", netns_path(&self.facts.netns).display())).arg("--").arg(program);
        command
    }

    /// The `ssh` command for an account of a node, to be given a command to run.
    ///
    /// # Errors
    /// No such node.
    pub fn ssh(&self, user: &str, node: &str) -> Result<Command> {
        let node = self.facts.node(node)?;
        let mut ssh = self.command("ssh");
        ssh.args(ssh_options(&self.facts)).arg(format!("{user}@{}", node.address));
        ssh.stdin(std::process::Stdio::null());
        Ok(ssh)
    }

    /// Runs a shell command on a node as root, by SSH, whatever comes of it.
    ///
    /// # Errors
    /// `ssh` can't be started; a failed command is no error here.
    pub fn output(&self, node: &str, script: &str) -> Result<Output> {
        shell::output(self.ssh("root", node)?.arg(script))
    }

    /// Runs a shell command on a node as root, by SSH, and returns what it printed.
    ///
    /// # Errors
    /// Any exit code but 0.
    pub fn exec(&self, node: &str, script: &str) -> Result<String> {
        shell::run(&format!("`{script}` on {node}"), self.ssh("root", node)?.arg(script))
    }

    /// Runs a shell command inside a node's namespaces without its network or SSH: works when they are cut, and costs
    /// the machine less.
    ///
    /// # Errors
    /// The node has no power, or the command failed.
    pub fn exec_inside(&self, node: &str, script: &str) -> Result<String> {
        self.facts.node(node)?;
        let status = self.status()?;
        let leader = status.nodes.iter().find(|n| n.name == node).and_then(|n| n.leader);
        let leader = leader.ok_or_else(|| LabError::Refused { why: format!("node {node} has no power") })?;
        let mut enter = command("nsenter", ["--target", &leader.to_string(), "--all", "--wdns=/"]);
        enter.args(["sh", "-c", script]).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        shell::run(&format!("`{script}` inside {node}"), &mut enter)
    }

    /// What the supervisor sees from outside.
    ///
    /// # Errors
    /// The supervisor is gone.
    pub fn status(&self) -> Result<LabStatus> {
        match control::send(&self.facts.control, &Order::Status)? {
            Answer::Status(status) => Ok(status),
            other => {
                Err(LabError::Unexpected { what: "the supervisor".into(), detail: format!("{other:?}") })
            }
        }
    }

    /// What the cluster says, asked of `node`.
    ///
    /// # Errors
    /// The node has no power or its cluster stack doesn't run.
    pub fn cluster(&self, node: &str) -> Result<ClusterView> {
        ClusterView::parse(&self.exec_inside(node, "crm_mon -1 --output-as=xml")?)
    }

    /// What the cluster says, asked of the first node that answers.
    ///
    /// # Errors
    /// No node answers.
    pub fn cluster_view(&self) -> Result<ClusterView> {
        let mut last = LabError::Refused { why: "the lab has no nodes".into() };
        for node in &self.facts.nodes {
            match self.cluster(&node.name) {
                Ok(view) => return Ok(view),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The node that carries a group.
    ///
    /// # Errors
    /// None does at the moment.
    pub fn owner(&self, group: &str) -> Result<String> {
        let view = self.cluster_view()?;
        let owner = view.owner(group).map(str::to_owned);
        owner.ok_or_else(|| LabError::Refused {
            why: format!("group {group} isn't at rest: {}", view.summary()),
        })
    }

    /// Waits until all nodes are online and all groups run.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with what was there instead.
    pub fn wait_ready(&self, patience: Duration) -> Result<ClusterView> {
        self.wait_ready_without(&[], patience)
    }

    /// Waits until all nodes but these are online and all groups run.
    ///
    /// # Errors
    /// [`LabError::Timeout`] with what was there instead.
    pub fn wait_ready_without(&self, without: &[&str], patience: Duration) -> Result<ClusterView> {
        let ask = self.facts.nodes.iter().find(|n| !without.contains(&n.name.as_str()));
        let ask = ask.ok_or_else(|| LabError::Config { why: "every node is left out".into() })?.name.clone();
        wait_for("nodes and groups", patience, Duration::from_millis(300), || {
            let view = self.cluster(&ask).map_err(|e| e.to_string())?;
            let running = self.facts.groups.iter().all(|group| view.owner(&group.name).is_some());
            if running && view.all_online(without) { Ok(view) } else { Err(view.summary()) }
        })
    }

    /// Waits until somebody fenced the node after that time (milliseconds since the epoch, see [`crate::epoch_ms`]). A
    /// cluster needs some seconds to notice a loss; until then it still tells the old state.
    ///
    /// # Errors
    /// [`LabError::Timeout`]: nobody did.
    pub fn wait_fenced(&self, node: &str, after_ms: u64, patience: Duration) -> Result<()> {
        wait_for(&format!("{node} to be fenced"), patience, Duration::from_millis(200), || {
            let fencings = self.status().map_err(|e| e.to_string())?.fencings;
            let found = fencings.iter().any(|(at, _, name)| *at >= after_ms && name == node);
            if found { Ok(()) } else { Err(format!("{fencings:?}")) }
        })
    }

    /// Moves a group away from its owner and lets the cluster decide later again; returns its new owner. The bare
    /// move against which a patch run is measured.
    ///
    /// # Errors
    /// The cluster didn't settle.
    pub fn move_group(&self, group: &str) -> Result<String> {
        let from = self.owner(group)?;
        self.exec_inside(
            &from,
            &format!("crm_resource --resource {group} --move && crm_resource --wait --timeout=90"),
        )?;
        self.exec_inside(
            &from,
            &format!("crm_resource --resource {group} --clear && crm_resource --wait --timeout=90"),
        )?;
        self.owner(group)
    }

    /// Cuts a node's power at once. It stays off until [`Lab::power_on`], or until the cluster fences it: the fence
    /// agent's restart brings it back, as with a power switch.
    ///
    /// # Errors
    /// No such node; processes that can't be ended.
    pub fn power_off(&self, node: &str) -> Result<()> {
        self.order(Order::PowerOff { node: node.to_owned() })
    }

    /// Cuts a node's power for good: fencing finds it off and does not bring it back; only [`Lab::power_on`] does.
    ///
    /// # Errors
    /// As [`Lab::power_off`].
    pub fn unplug(&self, node: &str) -> Result<()> {
        self.order(Order::Unplug { node: node.to_owned() })
    }

    /// Gives a node power; it boots if it was off.
    ///
    /// # Errors
    /// No such node.
    pub fn power_on(&self, node: &str) -> Result<()> {
        self.order(Order::PowerOn { node: node.to_owned() })
    }

    /// Stops every process of a node, as a machine that hangs. The cluster will fence it.
    ///
    /// # Errors
    /// No such node.
    pub fn freeze(&self, node: &str) -> Result<()> {
        self.order(Order::Freeze { node: node.to_owned(), frozen: true })
    }

    /// Lets a frozen node go on.
    ///
    /// # Errors
    /// No such node.
    pub fn thaw(&self, node: &str) -> Result<()> {
        self.order(Order::Freeze { node: node.to_owned(), frozen: false })
    }

    /// Cuts a node's network until [`Lab::restore_network`].
    ///
    /// # Errors
    /// No such node.
    pub fn cut_network(&self, node: &str, cut: Cut) -> Result<()> {
        self.order(Order::Cut { node: node.to_owned(), cut: Some(cut) })
    }

    /// Mends a node's network.
    ///
    /// # Errors
    /// No such node.
    pub fn restore_network(&self, node: &str) -> Result<()> {
        self.order(Order::Cut { node: node.to_owned(), cut: None })
    }

    /// A mail client at the mail group's virtual address, at work from now on.
    ///
    /// # Errors
    /// This lab has no mail group.
    pub fn mail_client(&self) -> Result<MailClient> {
        let mail = self.facts.config.groups.iter().find(|g| g.kind == GroupKind::Mail);
        let mail = mail.ok_or_else(|| LabError::Config { why: "this lab has no mail group".into() })?;
        MailClient::start(&self.facts, mail.address)
    }

    /// Every time the shared store was seen mounted twice, by the watch from outside or by the sentinel in the group.
    /// Empty is what a test wants.
    ///
    /// # Errors
    /// The supervisor is gone, or the sentinel's report can't be read though a mail group is there.
    pub fn double_mounts(&self) -> Result<Vec<String>> {
        let outside = self.status()?.double_mounts.into_iter();
        let mut all: Vec<String> =
            outside.map(|(ms, nodes)| format!("{ms} seen mounted on {}", nodes.join("+"))).collect();
        if self.facts.config.groups.iter().any(|g| g.kind == GroupKind::Mail) {
            all.extend(self.sentinel_report()?.into_iter().filter(|line| line.ends_with(" double")));
        }
        Ok(all)
    }

    /// The sentinel's lines: `MILLISECONDS NODE held|released|double`.
    ///
    /// # Errors
    /// The mail group never ran.
    pub fn sentinel_report(&self) -> Result<Vec<String>> {
        let path = self.facts.shared().join("mail/.sentinel.log");
        let text = std::fs::read_to_string(&path).map_err(LabError::io("read", &path))?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// Takes the lab down, whatever state it is in, and leaves nothing behind.
    ///
    /// # Errors
    /// Something that can't be removed.
    pub fn down(self) -> Result<()> {
        self.take_down()
    }

    fn take_down(mut self) -> Result<()> {
        self.owned = false;
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let entry = registry::entry(&self.facts.id)?;
        // If nobody takes orders any more, the sweep does what is left to do.
        let obeyed = control::send(&self.facts.control, &Order::Down);
        let mut failed = None;
        match self.supervisor.take() {
            Some(thread) => match thread.join() {
                Ok(result) => failed = result.err(),
                Err(_) => failed = Some(LabError::Refused { why: "the supervisor panicked".into() }),
            },
            None if obeyed.is_ok() => {
                let gone = || if entry.alive() { Err("still there".to_owned()) } else { Ok(()) };
                wait_for("the supervisor to end", Duration::from_secs(10), Duration::from_millis(20), gone)?;
            }
            None => {}
        }
        entry.sweep()?;
        failed.map_or(Ok(()), Err)
    }

    fn order(&self, order: Order) -> Result<()> {
        control::send(&self.facts.control, &order).map(|_| ())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.owned
            && let Err(error) = self.end()
        {
            tracing::error!(%error, id = self.facts.id, "the lab was not taken down cleanly");
        }
    }
}

/// The supervisor of a detached lab: returns when the lab was taken down. Call it in a process of its own.
///
/// # Errors
/// No lab was prepared in `state`; the machine refuses namespaces, mounts or cgroups.
pub fn supervise(state: &Path) -> Result<()> {
    supervisor::run(Facts::read(state)?, || {})
}

/// Options for `ssh` that reach the nodes with the lab's key and host keys and nothing of the user's own.
#[must_use]
pub fn ssh_options(facts: &Facts) -> Vec<String> {
    let mut options = vec!["-F".to_owned(), "/dev/null".into(), "-i".into(), facts.key.display().to_string()];
    for option in [
        format!("UserKnownHostsFile={}", facts.known_hosts.display()),
        "GlobalKnownHostsFile=/dev/null".into(),
        "StrictHostKeyChecking=yes".into(),
        "BatchMode=yes".into(),
        "IdentitiesOnly=yes".into(),
        "ConnectTimeout=5".into(),
        "LogLevel=ERROR".into(),
    ] {
        options.extend(["-o".to_owned(), option]);
    }
    options
}

/// All that must be there before the supervisor starts: base, repository, store, keys, facts.
fn set_up(config: &Config, state: &Path) -> Result<Facts> {
    config.check()?;
    registry::open()?;
    let base = Base::ensure()?;
    let repository = Repository::ensure(&base)?.copy_to(&state.join("repo"))?;
    let id = format!("{:08x}", rand::random::<u32>());
    let nodes: Vec<NodeFacts> = node::addresses(config)
        .into_iter()
        .map(|(name, address)| NodeFacts {
            name,
            address,
            port: 22,
            users: ["root", "admin", "guest"].map(Into::into).into(),
        })
        .collect();
    let health = |kind: GroupKind, address: Ipv4Addr| {
        (kind == GroupKind::Mail).then(|| format!("mail-health {address}"))
    };
    let facts = Facts {
        netns: registry::netns_name(&id),
        state: state.to_path_buf(),
        control: registry::control_path(&id),
        cluster: crate::cluster_files::CLUSTER_NAME.into(),
        groups: config
            .groups
            .iter()
            .map(|g| GroupFacts {
                name: g.name.clone(),
                address: g.address,
                health: health(g.kind, g.address),
            })
            .collect(),
        controller: GATEWAY,
        key: state.join("key"),
        known_hosts: state.join("known_hosts"),
        repository: repository.dir().to_path_buf(),
        base: base.dir().to_path_buf(),
        config: config.clone(),
        id,
        nodes,
    };
    make_keys(&facts)?;
    node::set_up_store(&base, &facts.shared())?;
    facts.write()?;
    Ok(facts)
}

/// The client's key pair, a host key for each node, and the file that tells the host keys.
fn make_keys(facts: &Facts) -> Result<()> {
    make_key(&facts.key, "lab")?;
    let mut known_hosts = String::new();
    for node in &facts.nodes {
        let path = facts.state.join(format!("{}_host_key", node.name));
        make_key(&path, &node.name)?;
        let public = path.with_extension("pub");
        let public = std::fs::read_to_string(&public).map_err(LabError::io("read", &public))?;
        known_hosts += &format!("{},{} {public}", node.name, node.address);
    }
    shell::write_atomic(&facts.known_hosts, known_hosts.as_bytes())
}

fn make_key(path: &PathBuf, comment: &str) -> Result<()> {
    for old in [path.clone(), path.with_extension("pub")] {
        let _ = std::fs::remove_file(old);
    }
    let mut keygen = command("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]);
    shell::run("making a key", keygen.arg(path))?;
    Ok(())
}
