//! A real cluster with the program beside it, as an administrator would have them.
#![expect(dead_code, reason = "not every test uses all of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use kaketsugi_lab::{Config, Lab};
use kaketsugi_plan::Plan;
use kaketsugi_run::Run;
use kaketsugi_runner::{Entry, Store};

/// A file of this name beside the estate file lets the mail group's health command say no.
pub(crate) const UNWELL: &str = "unwell";

/// A lab, an estate file for it, and a place for journals.
pub(crate) struct Bench {
    pub(crate) lab: Lab,
    pub(crate) dir: tempfile::TempDir,
    /// What a run may change beside the packages, on each node, as it was before.
    found: BTreeMap<String, String>,
}

const PACEMAKER_LOG: &str = "/var/log/pacemaker/pacemaker.log";

/// What a run may change beside the packages and the cluster: units and their drop-ins, timers, policy-rc.d.
const SETTINGS: &str = "find /etc/systemd/system /usr/sbin/policy-rc.d* 2>/dev/null | sort; \
    systemctl is-active apt-daily.timer apt-daily-upgrade.timer unattended-upgrades.service || true; \
    systemctl is-enabled apt-daily.timer apt-daily-upgrade.timer unattended-upgrades.service 2>&1 || true";

/// Succeeds while both of the mail group's services greet; run on the controller, where users are. A file of this name
/// makes it say no.
fn health(address: &str, unwell: &Path) -> String {
    let greets = |port: u16, word: &str| {
        format!(
            "timeout 5 bash -c 'exec 3<>/dev/tcp/{address}/{port} && read -r -t 4 l <&3 && [[ $l == \"{word}\"* ]]'"
        )
    };
    format!("test ! -e {} && {} && {}", unwell.display(), greets(25, "220 "), greets(143, "* OK"))
}

impl Bench {
    /// Brings a cluster up and writes an estate file with this policy (TOML lines).
    pub(crate) fn up(config: &Config, policy: &str) -> Self {
        Self::up_as(config, policy, "user = \"root\"")
    }

    /// The same, with a login of its own (TOML lines) for every server.
    pub(crate) fn up_as(config: &Config, policy: &str, login: &str) -> Self {
        let lab = Lab::up(config).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let facts = lab.facts();
        let mut text = format!("name = \"lab\"\n\n[policy]\n{policy}\n");
        for node in &facts.nodes {
            text.push_str(&format!(
                "\n[[server]]\nname = \"{}\"\naddress = \"{}\"\n{login}\nproduct = \"debian\"\n",
                node.name, node.address
            ));
        }
        let names: Vec<String> = facts.nodes.iter().map(|n| format!("\"{}\"", n.name)).collect();
        text.push_str(&format!(
            "\n[[cluster]]\nname = \"lab\"\nkind = \"pacemaker\"\nnodes = [{}]\n",
            names.join(", ")
        ));
        for group in facts.groups.iter().filter(|g| g.health.is_some()) {
            text.push_str(&format!(
                "\n[[cluster.group]]\nname = \"{}\"\nhealth = {{ command = '''{}''', timeout-seconds = 12 }}\n",
                group.name,
                health(&group.address.to_string(), &dir.path().join(UNWELL))
            ));
        }
        std::fs::write(dir.path().join("estate.toml"), text).unwrap();
        let found = facts.nodes.iter().map(|n| (n.name.clone(), lab.exec(&n.name, SETTINGS).unwrap()));
        let found = found.collect();
        Self { lab, dir, found }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program, inside the lab's network, with the lab's keys and a state directory of its own.
    pub(crate) fn kaketsugi(&self, arguments: &[&str]) -> Command {
        let facts = self.lab.facts();
        let mut command = self.lab.command(env!("CARGO_BIN_EXE_kaketsugi"));
        command
            .args(arguments)
            .arg("--state")
            .arg(self.path("runs"))
            .arg("--known-hosts")
            .arg(&facts.known_hosts)
            .arg("--identity")
            .arg(&facts.key)
            .env_remove("SSH_AUTH_SOCK")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.kaketsugi(arguments).output().unwrap()
    }

    /// Runs the program and wants this exit code.
    pub(crate) fn want(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        format!("{out}{err}")
    }

    /// What the youngest run's machines say of themselves now: a snapshot, as JSON.
    pub(crate) fn look(&self) -> String {
        let output = self.run(&["status", "last", "--look", "--format", "json"]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Plans; gives back the plan, which lies in `plan`.
    pub(crate) fn plan(&self) -> Plan {
        let estate = self.path("estate.toml");
        let out = self.path("plan");
        self.want(
            0,
            &[
                "plan",
                estate.to_str().unwrap(),
                "--release",
                "debian-updates",
                "--out",
                out.to_str().unwrap(),
            ],
        );
        serde_json::from_str(&std::fs::read_to_string(out).unwrap()).unwrap()
    }

    /// `apply` for the plan in `plan`.
    pub(crate) fn apply(&self, plan: &Plan) -> Command {
        let path = self.path("plan");
        self.kaketsugi(&["apply", path.to_str().unwrap(), "--approve", plan.hash().as_str()])
    }

    /// The youngest run, from its journal.
    pub(crate) fn journal(&self) -> (Run, Vec<Entry>) {
        let (_, run, entries) = Store::new(self.path("runs")).open("last").unwrap();
        (run, entries)
    }

    /// The CIB's configuration as the cluster prints it, without what changes by itself.
    pub(crate) fn configuration(&self, node: &str) -> String {
        self.lab.exec(node, "cibadmin --query --scope configuration").unwrap()
    }

    /// Every frozen package is at its version, on every node.
    pub(crate) fn assert_versions(&self, plan: &Plan) {
        for node in plan.snapshot.servers.keys() {
            let packages = plan.payload.packages(node);
            assert!(!packages.is_empty(), "{node}: a plan without packages shows nothing");
            let listed = self
                .lab
                .exec(node.as_str(), "dpkg-query -W -f '${Package} ${Version} ${db:Status-Status}\\n'")
                .unwrap();
            for package in packages {
                let line = format!("{} {} installed", package.name, package.version);
                assert!(listed.lines().any(|l| l == line), "{node}: {line} is not there");
            }
        }
    }

    /// Nothing on any node still runs from files that were replaced.
    pub(crate) fn assert_restarted(&self, plan: &Plan) {
        for node in plan.snapshot.servers.keys() {
            let restarts = self.lab.exec(node.as_str(), "needrestart -b").unwrap();
            assert!(restarts.contains("NEEDRESTART-VER"), "{node}: {restarts}");
            assert!(!restarts.contains("NEEDRESTART-SVC"), "{node}: {restarts}");
        }
    }

    /// What a run owes at its end: versions, the configuration as before, nothing left behind.
    pub(crate) fn assert_mended(&self, plan: &Plan, configuration: &str) {
        self.assert_versions(plan);
        self.assert_put_back(plan, configuration);
    }

    /// What a run owes that was given up: all but the packages as before, nothing left behind.
    pub(crate) fn assert_put_back(&self, plan: &Plan, configuration: &str) {
        for node in plan.snapshot.servers.keys() {
            let node = node.as_str();
            assert_eq!(
                self.configuration(node),
                configuration,
                "the configuration of the cluster, seen from {node}"
            );
            let left = self.lab.exec(node, "ls /var/lib/kaketsugi/lock 2>/dev/null || true").unwrap();
            assert_eq!(left.trim(), "", "{node}: a lock is left");
            let found = self.found.get(node).map(String::as_str);
            assert_eq!(Some(self.lab.exec(node, SETTINGS).unwrap().as_str()), found, "{node}: settings");
            let staged = self.lab.exec(node, "ls /var/lib/kaketsugi/stage 2>/dev/null || true").unwrap();
            assert_eq!(staged.trim(), "", "{node}: staged files are left");
        }
        assert_eq!(self.lab.double_mounts().unwrap(), Vec::<String>::new());
    }

    /// How often the package manager was started on a node, and how often it came to an end, by its own history.
    pub(crate) fn package_runs(&self, node: &str) -> (usize, usize) {
        let history = self.lab.exec(node, "cat /var/log/apt/history.log 2>/dev/null || true").unwrap();
        let count = |word: &str| history.lines().filter(|l| l.starts_with(word)).count();
        (count("Start-Date:"), count("End-Date:"))
    }

    /// How often each group was started anywhere, by what Pacemaker itself logged: its virtual address comes last.
    pub(crate) fn starts(&self, group: &str) -> usize {
        let started =
            format!("grep -c 'Result of start operation for {group}-ip on .*: ok' {PACEMAKER_LOG} || true");
        let nodes = self.lab.facts().nodes.iter();
        nodes.map(|n| self.lab.exec(&n.name, &started).unwrap().trim().parse::<usize>().unwrap()).sum()
    }

    /// `discover` drafts an estate file that can be planned from as it is; given one node it names all.
    pub(crate) fn assert_discovered(&self) {
        let facts = self.lab.facts();
        let draft = self.path("draft.toml");
        let draft = draft.to_str().unwrap();
        let hosts: Vec<String> = facts.nodes.iter().map(|n| format!("root@{}", n.address)).collect();
        let of_one = self.path("draft-of-one.toml");
        let of_one = of_one.to_str().unwrap();
        let one = self.want(0, &["discover", "--out", of_one, &hosts[0]]);
        let all: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let said = self.want(0, &[&["discover", "--out", draft][..], &all].concat());
        let text = std::fs::read_to_string(draft).unwrap();
        for node in &facts.nodes {
            assert!(said.contains(&node.name) && one.contains(&node.name), "{said}\n{one}");
            assert!(text.contains(&format!("name = \"{}\"", node.name)), "{text}");
        }
        for draft in [draft, of_one] {
            self.want(0, &["plan", draft, "--release", "debian-updates"]);
        }
    }

    pub(crate) fn down(self) {
        self.lab.down().unwrap();
    }
}

/// Waits for a child, at most this long; a child that takes longer is killed and the test fails.
pub(crate) fn wait(child: &mut Child, at_most: Duration) -> i32 {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().unwrap_or(-1);
        }
        if begun.elapsed() > at_most {
            let _ = child.kill();
            panic!("it took longer than {at_most:?}");
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Waits until a question is answered with yes.
pub(crate) fn until(what: &str, at_most: Duration, mut question: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !question() {
        assert!(begun.elapsed() < at_most, "waited {at_most:?} for: {what}");
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Prints a figure so that a run of the tests can be quoted.
pub(crate) fn figure(name: &str, value: impl std::fmt::Display) {
    println!("FIGURE {name}: {value}");
}
