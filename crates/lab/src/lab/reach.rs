//! Reaching the nodes: programs inside the lab's network, SSH, and the way past both.

use std::process::{Command, Output};

use super::Lab;
use crate::error::{LabError, Result};
use crate::facts::Facts;
use crate::network::netns_path;
use crate::shell::{self, command};

impl Lab {
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
