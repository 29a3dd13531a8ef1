//! Emulated nodes, and what leads the program to them: estate file, known hosts, key.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kaketsugi_emulator::{Emulation, EmulationSpec, Timing};
use kaketsugi_knowledge::Build;
use kaketsugi_plan::Plan;
use kaketsugi_run::Run;
use kaketsugi_runner::{Entry, Store};

use super::directory::{READER, READER_PASSWORD, Slapd};

pub(crate) const SP1: Build = Build::new(6, 5, 7226, 6);
pub(crate) const SP2: Build = Build::new(6, 5, 7638, 2);
pub(crate) const NODES: [&str; 2] = ["NODE1", "NODE2"];

/// How a site begins.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// What is to be installed.
    pub(crate) release: &'static str,
    /// What both nodes and the virtual server have.
    pub(crate) build: Build,
    /// Who has the virtual server; the cluster group is on NODE1.
    pub(crate) owner: &'static str,
    /// On which nodes the fix of KB 831464 is.
    pub(crate) fix: [bool; 2],
    /// On which nodes installers ask for a restart.
    pub(crate) asks_for_restart: [bool; 2],
    /// Whether no command reaches the nodes: a person carries sheets there.
    pub(crate) by_hand: bool,
    /// Whether everything that a person would be asked to attest is in the estate file already.
    pub(crate) attested: bool,
    /// Whether there is something to put back: a service that stands in the way of installers runs on both nodes, and
    /// the virtual server goes back to its preferred owner by itself.
    pub(crate) settings: bool,
}

impl Setup {
    pub(crate) fn service_pack(owner: &'static str) -> Self {
        Self {
            release: "exchange-2003-sp2",
            build: SP1,
            owner,
            fix: [true; 2],
            asks_for_restart: [false; 2],
            by_hand: false,
            attested: false,
            settings: false,
        }
    }

    pub(crate) fn hotfix(owner: &'static str) -> Self {
        Self { release: "exchange-2003-kb916803", build: SP2, ..Self::service_pack(owner) }
    }

    /// A service pack of an older Exchange: its Windows is a person's in any case.
    pub(crate) fn older(release: &'static str, build: Build, owner: &'static str) -> Self {
        Self { release, build, fix: [false; 2], ..Self::service_pack(owner) }.by_hand()
    }

    /// The product, and the Windows below it, as an estate file names them.
    fn product(&self) -> (&'static str, &'static str) {
        match self.release {
            release if release.starts_with("exchange-5.5") => ("exchange-5.5", "windows-nt4"),
            release if release.starts_with("exchange-2000") => ("exchange-2000", "windows-2000"),
            _ => ("exchange-2003", "windows-2003"),
        }
    }

    pub(crate) fn by_hand(self) -> Self {
        Self { by_hand: true, ..self }
    }

    pub(crate) fn attested(self) -> Self {
        Self { attested: true, ..self }
    }

    fn spec(&self) -> EmulationSpec {
        let mut spec = EmulationSpec::two_nodes(self.build, self.owner);
        spec.cluster = "CLUS1".into();
        let short = Duration::from_millis(1);
        spec.timing = Timing {
            resource: short,
            install: Duration::from_millis(40),
            restart: Duration::from_millis(60),
            join: Duration::from_millis(10),
            upgrade: short,
            task: Duration::from_millis(5),
        };
        for (index, node) in spec.nodes.iter_mut().enumerate() {
            node.iis_fix = self.fix[index];
            node.asks_for_restart = self.asks_for_restart[index];
        }
        if self.settings {
            spec.groups[1].failback = true;
            spec.nodes.iter_mut().for_each(|n| n.services = vec!["SNMP".into()]);
        }
        spec.groups[0].owner = "NODE1".into();
        spec.groups[1].preferred = vec![self.owner.into()];
        spec
    }
}

/// Emulated nodes, and a directory with everything that leads the program to them.
pub(crate) struct Site {
    pub(crate) emulation: Arc<Emulation>,
    pub(crate) setup: Setup,
    pub(crate) dir: tempfile::TempDir,
    /// Where the program reads the versions of virtual servers.
    pub(crate) slapd: Option<Slapd>,
    /// Options for every call beside those that lead to the nodes.
    pub(crate) options: Vec<String>,
    // The nodes live on it; it is dropped last.
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Site {
    pub(crate) fn new(setup: Setup) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let emulation = Arc::new(runtime.block_on(Emulation::start(&setup.spec())).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let site = Self { emulation, setup, dir, slapd: None, options: Vec::new(), runtime };
        std::fs::write(site.path("estate.toml"), site.estate("Administrator")).unwrap();
        std::fs::write(site.path("known_hosts"), site.emulation.known_hosts()).unwrap();
        std::fs::write(site.path("ssh_config"), "").unwrap();
        std::fs::write(site.path("id"), site.emulation.client_key()).unwrap();
        std::fs::set_permissions(site.path("id"), std::fs::Permissions::from_mode(0o600)).unwrap();
        site
    }

    /// The same with a real directory; None where there is none to be had, which is said.
    pub(crate) fn with_directory(setup: Setup) -> Option<Self> {
        let slapd = Slapd::start()?;
        let mut site = Self::new(setup);
        site.runtime.block_on(slapd.follow(&site.emulation));
        std::fs::write(site.path("password"), format!("{READER_PASSWORD}\n")).unwrap();
        let options =
            ["--directory", &slapd.url, "--directory-user", READER, "--directory-password-file", "password"];
        site.options = options.map(str::to_owned).to_vec();
        site.slapd = Some(slapd);
        Some(site)
    }

    /// The estate file as an administrator would write it.
    pub(crate) fn estate(&self, user: &str) -> String {
        let mut text = String::from(
            "name = \"mail-osaka\"\n[policy]\nenvironment = \"production\"\nhome = \"return\"\nsoak-seconds = 1\n",
        );
        for (name, address) in self.emulation.addresses() {
            let way = match self.setup.by_hand {
                true => "transport = \"operator\"".to_owned(),
                false => format!("user = \"{user}\"\ntransport = \"ssh\""),
            };
            text.push_str(&format!(
                "[[server]]\nname = \"{name}\"\naddress = \"{address}\"\n{way}\n\
                 product = \"{}\"\nos = \"{}\"\n",
                self.setup.product().0,
                self.setup.product().1
            ));
        }
        text.push_str(&format!(
            "[[cluster]]\nname = \"CLUS1\"\nkind = \"windows\"\nnodes = [\"NODE1\", \"NODE2\"]\n\
             [[cluster.group]]\nname = \"EVS1\"\npreferred = [\"{}\"]\n",
            self.setup.owner
        ));
        if self.setup.attested {
            let at = jiff::Timestamp::now();
            for kind in ["full-backup", "release-notes-read", "tried-in-test", "protection-off"] {
                text.push_str(&format!("[[evidence]]\nkind = \"{kind}\"\nat = \"{at}\"\nby = \"Sato\"\n"));
            }
        }
        let read = kaketsugi_estate::file::parse("estate.toml", &text).unwrap();
        for media in self.emulation.estate(&read).media {
            text.push_str(&format!(
                "[[media]]\nrelease = \"{}\"\npath = '{}'\nsha256 = \"{}\"\n",
                media.release, media.path, media.sha256
            ));
        }
        text
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The program, with this site's keys and a state directory of its own.
    pub(crate) fn kaketsugi(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kaketsugi"));
        command
            .args(arguments)
            .args(&self.options)
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path())
            .env("USER", "Sato")
            .env("KAKETSUGI_STATE", self.path("runs"))
            .args(["--known-hosts", "known_hosts", "--identity", "id", "--ssh-config", "ssh_config"])
            .env_remove("SUDO_USER")
            .env_remove("SSH_AUTH_SOCK")
            .env_remove("KAKETSUGI_CRASH_AFTER")
            .stdin(Stdio::null());
        command
    }

    /// Runs the program, without a terminal, to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.kaketsugi(arguments).output().unwrap()
    }

    /// The same, and wants this exit code; gives back what was said.
    pub(crate) fn want(&self, code: i32, arguments: &[&str]) -> String {
        let (ended, text) = said(&self.run(arguments));
        assert_eq!(ended, Some(code), "{arguments:?}: {text}");
        text
    }

    /// Plans, into the file `plan`.
    pub(crate) fn plan(&self) -> Plan {
        self.want(0, &["plan", "estate.toml", "--release", self.setup.release, "--out", "plan"]);
        serde_json::from_str(&std::fs::read_to_string(self.path("plan")).unwrap()).unwrap()
    }

    /// `apply` for the plan in the file `plan`.
    pub(crate) fn apply(&self, plan: &Plan) -> Command {
        self.kaketsugi(&["apply", "plan", "--approve", plan.hash().as_str()])
    }

    /// The youngest run, from its journal.
    pub(crate) fn journal(&self) -> (Run, Vec<Entry>) {
        let (_, run, entries) = Store::new(self.path("runs")).open("last").unwrap();
        (run, entries)
    }

    /// How often each installer was started on each node, by machine or person.
    pub(crate) fn installs(&self) -> Vec<(String, usize)> {
        let mut counted: Vec<(String, usize)> = Vec::new();
        // Comparing an installer's digest is not starting it.
        let told = self.emulation.transcript().of_consequence();
        for line in told.iter().filter(|l| !l.contains("sha256sum")) {
            let Some(file) = ["KB831464", "KB916803", "update.exe"].into_iter().find(|f| line.contains(f))
            else {
                continue;
            };
            let node = NODES.into_iter().find(|n| line.split(": ").next().unwrap().ends_with(n)).unwrap();
            let key = format!("{file} on {node}");
            match counted.iter_mut().find(|(k, _)| *k == key) {
                Some((_, times)) => *times += 1,
                None => counted.push((key, 1)),
            }
        }
        counted
    }

    /// What a finished run owes, whatever happened on its way.
    pub(crate) fn assert_mended(&self) {
        let truth = self.emulation.truth();
        assert_eq!(truth.harm, Vec::<String>::new(), "nothing harmful was done");
        for (installer, times) in self.installs() {
            assert_eq!(times, 1, "{installer} was started {times} times");
        }
        let sp2 = Some(SP2);
        for (name, node) in &truth.nodes {
            assert!(node.powered && node.member && !node.broken, "{name}: {node:?}");
            assert_eq!(node.build, sp2, "{name}");
            if self.setup.release == "exchange-2003-kb916803" {
                assert_eq!(node.files["cdoex.dll"], "6.5.7650.29", "{name}");
            }
            assert_eq!(node.tasks, Vec::<String>::new(), "{name}: a scheduled task is left");
            let lock = self.on(name, r"if exist C:\kaketsugi\lock exit 9");
            assert_eq!(lock.0, 0, "{name}: a lock is left");
        }
        let evs = &truth.groups["EVS1"];
        assert!(evs.online && !evs.pending, "{evs:?}");
        assert_eq!(evs.owner, self.setup.owner, "home again");
        assert!(truth.groups["Cluster Group"].online);
        assert_eq!(
            self.emulation.directory().serial_numbers["EVS1"],
            "Version 6.5 (Build 7638.2: Service Pack 2)"
        );
    }

    /// A command line on a node, past the program: exit code and output.
    pub(crate) fn on(&self, node: &str, line: &str) -> (u32, String) {
        let answer = self.runtime.block_on(self.emulation.run(node, line, b"")).expect("the node has power");
        (answer.code, answer.stdout)
    }

    /// What the real directory says of the virtual server.
    pub(crate) fn serial(&self) -> String {
        self.runtime.block_on(self.slapd.as_ref().expect("a site with a directory").serial("EVS1"))
    }

    /// `ServicePackBuild` and `ServicePackNumber` in the registry of both nodes, asked of the nodes themselves.
    pub(crate) fn registry(&self) -> [(u32, u32); 2] {
        let value = |node: &str, name: &str| {
            let (_, text) =
                self.on(node, &format!(r"reg query HKLM\SOFTWARE\Microsoft\Exchange\Setup /v {name}"));
            let hex = text.split_whitespace().last().and_then(|w| w.strip_prefix("0x")).expect("a number");
            u32::from_str_radix(hex, 16).unwrap()
        };
        NODES.map(|node| (value(node, "ServicePackBuild"), value(node, "ServicePackNumber")))
    }

    /// What nodes and person were told so far that changes something.
    pub(crate) fn told(&self) -> Vec<String> {
        self.emulation.transcript().of_consequence()
    }
}

/// The exit code, and all that was said, whatever the line breaks.
pub(crate) fn said(output: &Output) -> (Option<i32>, String) {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code(), words(&text))
}

/// The words of a text; the fancy report breaks lines and draws beside them.
pub(crate) fn words(text: &str) -> String {
    text.split_whitespace().filter(|w| !matches!(*w, "│" | "×" | "╰─▶" | "├─▶")).collect::<Vec<_>>().join(" ")
}
