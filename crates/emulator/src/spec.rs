//! What emulated nodes are like when they start.

use std::time::Duration;

use kaketsugi_estate::Os;
use kaketsugi_knowledge::{Build, ProofKind, Release, releases};

use crate::table::Table;

/// A cluster with its nodes and groups, servers that stand alone, and the files that lie on every one of them.
#[derive(Debug, Clone)]
pub struct EmulationSpec {
    /// The cluster's name.
    pub cluster: String,
    /// Its nodes, and servers that are none of them.
    pub nodes: Vec<NodeSpec>,
    /// Its groups.
    pub groups: Vec<GroupSpec>,
    /// Files on the disk of each node: installers, tools.
    pub files: Vec<FileSpec>,
    /// How long things take.
    pub timing: Timing,
    /// What the nodes know; None: [`Table::embedded`].
    pub table: Option<Table>,
    /// Code page of what the nodes print.
    pub code_page: CodePage,
    /// The account, beside SYSTEM, that scheduled tasks may run under, with its password.
    pub administrator: (String, String),
}

/// A node.
#[derive(Debug, Clone)]
pub struct NodeSpec {
    /// Its name.
    pub name: String,
    /// Whether it is a node of the cluster. A server that stands alone has no cluster service, and its Exchange starts
    /// with it.
    pub clustered: bool,
    /// Its Windows.
    pub os: Os,
    /// The installed build of Exchange, which says which Exchange it is.
    pub build: Build,
    /// Whether the IIS fix of KB 831464 is there.
    pub iis_fix: bool,
    /// Whether installers ask for a restart there although nothing was in use.
    pub asks_for_restart: bool,
    /// Hotfixes that are there, by release id.
    pub hotfixes: Vec<String>,
    /// Services beside Windows', the cluster's and Exchange's own: antivirus, backup, monitoring. They start by
    /// themselves and run.
    pub services: Vec<String>,
    /// The pool that it is balanced in.
    pub pool: Option<String>,
    /// Whether the balancer of its pool gives it no requests when the emulation starts.
    pub out_of_pool: bool,
    /// Whether the cluster service runs when the emulation starts.
    pub cluster_service: bool,
}

/// A group.
#[derive(Debug, Clone)]
pub struct GroupSpec {
    /// Its name.
    pub name: String,
    /// The node that has it.
    pub owner: String,
    /// Preferred owners, first choice first.
    pub preferred: Vec<String>,
    /// Whether it goes back to a preferred owner as soon as that one is up.
    pub failback: bool,
    /// What it is.
    pub kind: GroupKind,
    /// Resources, by name, that an administrator has taken offline.
    pub offline: Vec<String>,
}

/// What a group is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupKind {
    /// The group with the quorum; it has the cluster's address, name, disk and the DTC.
    ClusterGroup,
    /// An Exchange virtual server; its directory object starts with this build.
    Evs {
        /// Build in `serialNumber`.
        directory: Build,
        /// How many storage groups it has.
        storage_groups: u32,
    },
}

/// A file on the nodes' disks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSpec {
    /// Full path.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// What happens when it is started.
    pub program: Option<Program>,
}

/// What a program file does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A hotfix package of the Update.exe engine.
    Hotfix(Package),
    /// The set-up program of a service pack. It needs a person at the console.
    ServicePack(Package),
    /// The administrator's own command for a balancer.
    Balancer(Balancer),
}

/// What a command for a balancer does about the node that it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balancer {
    /// Prints `in` where the node is given requests, `out` where it isn't.
    State,
    /// No requests any more.
    Out,
    /// Requests again.
    In,
}

/// What an installer brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// `KB916803`; service packs: `SP2`.
    pub name: String,
    /// Oldest Exchange build it goes onto. None: it is no part of Exchange.
    pub from: Option<Build>,
    /// None from this build on.
    pub below: Option<Build>,
    /// The build afterwards; None: Exchange's own build stays.
    pub to: Option<Build>,
    /// Service pack number afterwards.
    pub service_pack: u32,
    /// Registry keys, below HKEY_LOCAL_MACHINE, that record it.
    pub keys: Vec<String>,
    /// Registry keys that must be there before.
    pub needs: Vec<String>,
    /// Files it replaces, by name, with their new version.
    pub files: Vec<(String, String)>,
    /// Whether it brings a newer exsetdata.dll, so that virtual servers have to be upgraded (KB of error c1037b44).
    pub exsetdata: Option<Build>,
    /// The build of a store that upgrades the databases it opens.
    pub store: Option<Build>,
    /// Whether it always asks for a restart.
    pub always_restart: bool,
    /// Whether it knows clusters: on a node with a virtual server it takes that offline and brings it online again (KB248138).
    pub in_place: bool,
}

impl Package {
    /// A package as the catalogue describes the release.
    #[must_use]
    pub fn of(release: &Release) -> Self {
        let exchange = release.product.starts_with("exchange-");
        let mut keys = Vec::new();
        let mut files = Vec::new();
        for proof in &release.proofs {
            match &proof.what {
                ProofKind::RegistryKey { key } => keys.push(key.trim_start_matches("HKLM\\").to_owned()),
                ProofKind::FileVersion { file, at_least } => files.push((file.clone(), at_least.to_string())),
                ProofKind::RegistryValue { .. } | ProofKind::DirectorySerial { .. } => {}
            }
        }
        let needs = release
            .prerequisites
            .iter()
            .filter_map(|p| releases().get(p.release.as_str()))
            .flat_map(|r| Self::of(r).keys)
            .collect();
        let to = release.to_build.filter(|_| release.kind.is_service_pack());
        if let Some(build) = to {
            files.push(("store.exe".into(), build.to_string()));
            files.push(("exsetdata.dll".into(), build.to_string()));
        }
        Self {
            name: release
                .kb
                .clone()
                .filter(|_| to.is_none())
                .unwrap_or_else(|| format!("SP{}", release.service_pack)),
            from: exchange.then_some(release.from.at_least),
            below: release.from.below.filter(|_| exchange),
            to,
            service_pack: release.service_pack,
            keys,
            needs,
            files,
            exsetdata: to.or(release.to_build.filter(|_| release.needs_group_upgrade())),
            store: release.to_build.filter(|_| release.one_way.is),
            in_place: release.cluster_service_on_active_node().is_some(),
            always_restart: release.restart == kaketsugi_knowledge::Restart::Always,
        }
    }
}

/// How long things take on emulated nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A resource going online or offline.
    pub resource: Duration,
    /// An installer, from start to end.
    pub install: Duration,
    /// From power-off to the first log-in.
    pub restart: Duration,
    /// From the start of the cluster service to membership.
    pub join: Duration,
    /// The upgrade of a virtual server.
    pub upgrade: Duration,
    /// From `schtasks /run` to the start of the task.
    pub task: Duration,
}

impl Timing {
    /// Nothing takes any time worth speaking of: for tests of single commands.
    pub const NONE: Self = Self {
        resource: Duration::ZERO,
        install: Duration::ZERO,
        restart: Duration::ZERO,
        join: Duration::ZERO,
        upgrade: Duration::ZERO,
        task: Duration::ZERO,
    };
}

impl Default for Timing {
    /// Long enough that states on the way can be seen, short enough for rehearsals.
    fn default() -> Self {
        Self {
            resource: Duration::from_millis(3),
            install: Duration::from_millis(120),
            restart: Duration::from_millis(150),
            join: Duration::from_millis(30),
            upgrade: Duration::from_millis(60),
            task: Duration::from_millis(5),
        }
    }
}

/// Code page of a node's console.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CodePage {
    /// 437: United States.
    #[default]
    Oem437,
    /// 932: Japanese.
    Oem932,
}

impl CodePage {
    /// Its number, as `chcp` shows it.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Oem437 => 437,
            Self::Oem932 => 932,
        }
    }

    pub(crate) fn encode(self, text: &str) -> Vec<u8> {
        match self {
            // Windows best-fits what the page hasn't; a question mark is what is left of everything else.
            Self::Oem437 => text.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }).collect(),
            Self::Oem932 => encoding_rs::SHIFT_JIS.encode(text).0.into_owned(),
        }
    }

    pub(crate) fn decode(self, bytes: &[u8]) -> String {
        match self {
            Self::Oem437 => {
                bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '\u{fffd}' }).collect()
            }
            Self::Oem932 => encoding_rs::SHIFT_JIS.decode_without_bom_handling(bytes).0.into_owned(),
        }
    }
}

impl EmulationSpec {
    /// Two nodes, the cluster group and `EVS1`, all on one node; every installer of the catalogue lies below
    /// `C:\media\RELEASE\`, with the tool for SHA-256 in the search path.
    #[must_use]
    pub fn two_nodes(build: Build, owner: &str) -> Self {
        let node = |name: &str| NodeSpec {
            name: name.into(),
            clustered: true,
            os: match product_of(build) {
                "exchange-5.5" => Os::WindowsNt4,
                "exchange-2000" => Os::Windows2000,
                _ => Os::Windows2003,
            },
            build,
            iis_fix: product_of(build) == "exchange-2003",
            asks_for_restart: false,
            hotfixes: Vec::new(),
            services: Vec::new(),
            pool: None,
            out_of_pool: false,
            cluster_service: true,
        };
        let group = |name: &str, kind| GroupSpec {
            name: name.into(),
            owner: owner.into(),
            preferred: Vec::new(),
            failback: false,
            kind,
            offline: Vec::new(),
        };
        Self {
            cluster: "MAILCLUS".into(),
            nodes: vec![node("NODE1"), node("NODE2")],
            groups: vec![
                group("Cluster Group", GroupKind::ClusterGroup),
                group("EVS1", GroupKind::Evs { directory: build, storage_groups: 1 }),
            ],
            files: catalogue_files(),
            timing: Timing::default(),
            table: None,
            code_page: CodePage::default(),
            administrator: ("EXAMPLE\\upgrade".into(), "correct horse".into()),
        }
    }

    /// Adds a file to every node's disk.
    #[must_use]
    pub fn with_file(
        mut self,
        path: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
        program: Option<Program>,
    ) -> Self {
        self.files.push(FileSpec { path: path.into(), bytes: bytes.into(), program });
        self
    }
}

/// The product that a build of Exchange is of.
pub(crate) fn product_of(build: Build) -> &'static str {
    match build {
        build if build < Build::new(6, 0, 0, 0) => "exchange-5.5",
        build if build < Build::new(6, 5, 0, 0) => "exchange-2000",
        _ => "exchange-2003",
    }
}

/// The bytes that stand for a release's installer; a digest of them is a real digest.
#[must_use]
pub fn installer_bytes(release: &str) -> Vec<u8> {
    format!("MZ emulated installer of {release}").into_bytes()
}

/// Every installer of the catalogue, in `C:\media\RELEASE`, with the package's language code ENU.
fn catalogue_files() -> Vec<FileSpec> {
    releases()
        .iter()
        .filter(|r| {
            let known = ["exchange-2003", "exchange-2000", "exchange-5.5", "windows-2003"];
            !r.pattern && known.contains(&r.product.as_str())
        })
        .map(|release| {
            let media = format!("C:\\media\\{}", release.id);
            let path = release.installer.path.replace("{media}", &media).replace("{lang}", "ENU");
            let package = Package::of(release);
            let program = match release.kind.is_service_pack() {
                true => Program::ServicePack(package),
                false => Program::Hotfix(package),
            };
            FileSpec { path, bytes: installer_bytes(release.id.as_str()), program: Some(program) }
        })
        .collect()
}
