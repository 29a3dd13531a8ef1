//! A node as a machine: its file system, its own identity, and the command that boots it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::mount::{MsFlags, mount};
use nix::unistd::{Gid, Uid, chown};

use crate::base::{Base, put};
use crate::cgroup::Cgroup;
use crate::cluster_files;
use crate::config::{Config, GATEWAY, PREFIX};
use crate::error::{LabError, Result};
use crate::facts::Facts;
use crate::network::BRIDGE;

/// Exit status of `systemd-nspawn` when the machine in it asked for a restart (systemd-nspawn(1), `--keep-unit`).
pub(crate) const EXIT_REBOOT: i32 = 133;

/// The directories of one node, inside the supervisor's mount namespace.
#[derive(Debug, Clone)]
pub(crate) struct NodeDirs {
    dir: PathBuf,
}

impl NodeDirs {
    /// The directories of a node in the lab whose state lies there.
    pub(crate) fn of(state: &Path, node: &str) -> NodeDirs {
        NodeDirs { dir: run_dir(state).join(node) }
    }

    /// The node's root file system.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.join("root")
    }

    /// Lays the node's own layer over the base tree and writes what makes it this node.
    pub(crate) fn set_up(&self, base: &Base, facts: &Facts, index: usize) -> Result<()> {
        let [upper, work, root] = ["upper", "work", "root"].map(|sub| self.dir.join(sub));
        for dir in [&upper, &work, &root] {
            std::fs::create_dir_all(dir).map_err(LabError::io("create", dir))?;
            std::fs::set_permissions(dir, PermissionsExt::from_mode(0o755))
                .map_err(LabError::io("open", dir))?;
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            base.tree().display(),
            upper.display(),
            work.display()
        );
        mount(Some("overlay"), &root, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
            .map_err(|e| LabError::io("mount the overlay", &root)(e.into()))?;
        self.write_identity(base, facts, index)
    }

    fn write_identity(&self, base: &Base, facts: &Facts, index: usize) -> Result<()> {
        let root = self.root();
        let node = &facts.nodes[index];
        let write = |path: &str, mode: u32, text: &str| put(&root.join(path), mode, text);

        let machine_id: [u8; 16] = rand::random();
        write("etc/machine-id", 0o444, &format!("{}\n", hex::encode(machine_id)))?;
        write("etc/hostname", 0o644, &format!("{}\n", node.name))?;
        let mut hosts = format!("127.0.0.1 localhost\n{GATEWAY} controller\n");
        for node in &facts.nodes {
            hosts += &format!("{} {}\n", node.address, node.name);
        }
        write("etc/hosts", 0o644, &hosts)?;
        write("etc/lab/network", 0o644, &format!("ADDRESS={}/{PREFIX}\nGATEWAY={GATEWAY}\n", node.address))?;

        let copy = |from: PathBuf, to: &str, mode: u32| {
            let text = std::fs::read_to_string(&from).map_err(LabError::io("read", &from))?;
            write(to, mode, &text)
        };
        let host_key = facts.state.join(format!("{}_host_key", node.name));
        copy(host_key.clone(), "etc/ssh/ssh_host_ed25519_key", 0o600)?;
        copy(host_key.with_extension("pub"), "etc/ssh/ssh_host_ed25519_key.pub", 0o644)?;
        copy(facts.key.with_extension("pub"), "etc/ssh/lab_authorized_keys", 0o644)?;

        write("etc/corosync/corosync.conf", 0o644, &cluster_files::corosync_conf(&facts.config))?;
        let cib = "var/lib/pacemaker/cib/cib.xml";
        write(cib, 0o600, &cluster_files::cib(&facts.config))?;
        let (uid, _) = base.account("hacluster")?;
        let gid = base.group("haclient")?;
        give(&root.join(cib), uid, gid)
    }
}

/// The directory on which the supervisor mounts the tmpfs that carries the nodes.
pub(crate) fn run_dir(state: &Path) -> PathBuf {
    state.join("run")
}

/// Makes the shared store ready: what Postfix and Dovecot need before their first start.
pub(crate) fn set_up_store(base: &Base, shared: &Path) -> Result<()> {
    let root = shared.join("mail");
    let (postfix, postfix_group) = base.account("postfix")?;
    let (vmail, vmail_group) = base.account("vmail")?;
    for (dir, uid, gid, mode) in [
        ("postfix/spool", 0, 0, 0o755),
        ("postfix/data", postfix, postfix_group, 0o700),
        ("boxes", vmail, vmail_group, 0o755),
        ("boxes/probe", vmail, vmail_group, 0o700),
    ] {
        let dir = root.join(dir);
        std::fs::create_dir_all(&dir).map_err(LabError::io("create", &dir))?;
        std::fs::set_permissions(&dir, PermissionsExt::from_mode(mode))
            .map_err(LabError::io("open", &dir))?;
        give(&dir, uid, gid)?;
    }
    Ok(())
}

fn give(path: &Path, uid: u32, gid: u32) -> Result<()> {
    chown(path, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
        .map_err(|e| LabError::io("give away", path)(e.into()))
}

/// The command that boots a node. Its process joins the node's cgroup first, so that the power cut always gets it.
pub(crate) fn boot_command(
    facts: &Facts,
    node: &str,
    cgroup: &Cgroup,
    console: std::fs::File,
) -> Result<Command> {
    let script = format!("{}exec systemd-nspawn \"$@\"", cgroup.join_script());
    let root = NodeDirs::of(&facts.state, node).root();
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, "sh", "--boot", "--quiet", "--register=no", "--keep-unit", "--console=pipe"])
        .args(["--kill-signal=SIGRTMIN+3", "--resolv-conf=off", "--timezone=off", "--link-journal=no"])
        .args(["--settings=no", "--capability=all", "--network-veth"])
        .arg(format!("--network-bridge={BRIDGE}"))
        .arg(format!("--machine={node}"))
        .arg(format!("--hostname={node}"))
        .arg(format!("--directory={}", root.display()))
        .arg(format!("--bind-ro={}:/srv/repo", facts.repository.display()))
        .arg(format!("--bind={}:/shared", facts.shared().display()));
    let errors = console.try_clone().map_err(LabError::io("share", &root))?;
    command.stdin(Stdio::null()).stdout(console).stderr(errors);
    Ok(command)
}

/// How many nodes the configuration asks for, with their addresses.
pub(crate) fn addresses(config: &Config) -> Vec<(String, std::net::Ipv4Addr)> {
    config.node_names().into_iter().enumerate().map(|(i, name)| (name, Config::node_address(i))).collect()
}
