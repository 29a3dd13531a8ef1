//! A node: what a power cut leaves (durable), and what it takes (the boot).

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::Os;
use kaketsugi_knowledge::Build;
use tokio::sync::watch;

use crate::disk::{Disk, File};
use crate::registry::{Data, Registry};
use crate::spec::{EmulationSpec, NodeSpec, Package, product_of};

/// Below HKEY_LOCAL_MACHINE: what Exchange's set-up writes about itself.
pub(crate) const SETUP_KEY: &str = "SOFTWARE\\Microsoft\\Exchange\\Setup";
/// Below HKEY_LOCAL_MACHINE: the Update.exe engine's wish for a restart; volatile.
pub(crate) const VOLATILE_KEY: &str = "SOFTWARE\\Microsoft\\Updates\\UpdateExeVolatile";
/// Below HKEY_LOCAL_MACHINE: files to be replaced at the next start.
pub(crate) const SESSION_KEY: &str = "SYSTEM\\CurrentControlSet\\Control\\Session Manager";
/// Its value.
pub(crate) const PENDING_RENAMES: &str = "PendingFileRenameOperations";
/// Where Exchange lies.
const EXCHANGE: &str = "C:\\Program Files\\Exchsrvr";
/// The same on a cluster of Exchange 5.5, on the disk that goes with the group (own knowledge). Each node's set-up writes its
/// own copy here, and looks at it only where the disk is.
const EXCHANGE_SHARED: &str = "E:\\Exchsrvr";

/// Where set-up of Exchange 5.5 logs (KB158545).
pub(crate) const SETUP_LOG_55: &str = "C:\\Exchange Server Setup.log";
/// Where its optimizer does (KB175283).
pub(crate) const OPTIMIZER_LOG: &str = "C:\\WINDOWS\\system32\\perfopt.log";

/// A node.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) os: Os,
    /// Whether it is a node of the cluster.
    pub(crate) clustered: bool,
    /// The pool that it is balanced in.
    pub(crate) pool: Option<String>,
    pub(crate) durable: Durable,
    /// None: it has no power, or is starting.
    pub(crate) boot: Option<Boot>,
    /// How often it has started; tells one boot from the next.
    pub(crate) boots: u32,
    /// Whether it starts again after a restart.
    pub(crate) comes_back: bool,
    pub(crate) asks_for_restart: bool,
}

/// What a power cut leaves.
#[derive(Debug)]
pub(crate) struct Durable {
    pub(crate) disk: Disk,
    /// Where Exchange's files are.
    pub(crate) exchange: &'static str,
    pub(crate) registry: Registry,
    /// By lower-case name.
    pub(crate) services: BTreeMap<String, Service>,
    /// Scheduled tasks by lower-case name.
    pub(crate) tasks: BTreeMap<String, Task>,
    pub(crate) events: Vec<Event>,
    /// The build of exsetdata.dll: what virtual servers here are compared with.
    pub(crate) exsetdata: Build,
    /// The build of the store that opens databases here.
    pub(crate) store: Build,
    /// Whether the cluster was told to bring nothing here; outlives restarts (PauseClusterNode).
    pub(crate) paused: bool,
    /// A set-up was cut off: Exchange's files are of two builds.
    pub(crate) broken: bool,
    /// Whether a balancer gives it requests.
    pub(crate) balanced: bool,
    /// Versions that files take at the next start.
    pub(crate) renames: Vec<(String, String)>,
}

/// A service as the service control manager knows it.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) display: String,
    /// 2 automatic, 3 manual, 4 disabled.
    pub(crate) start: u32,
}

/// A scheduled task.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) command: String,
}

/// An entry of an event log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What logged it: `MSExchangeCluster`, `Service Control Manager`.
    pub source: String,
    /// Its number.
    pub id: u32,
    /// Its text.
    pub text: String,
}

/// What a power cut takes.
#[derive(Debug)]
pub(crate) struct Boot {
    /// Everyone who runs on this boot watches it: when the boot is dropped, they end.
    pub(crate) power: watch::Sender<()>,
    /// `LastBootUpTime`.
    pub(crate) stamp: String,
    pub(crate) processes: BTreeMap<u32, Process>,
    pub(crate) next_pid: u32,
    /// Lower-case names of services that run; those that cluster resources carry are not in it.
    pub(crate) running: BTreeSet<String>,
    /// Files that are open for writing, in lower case.
    pub(crate) open: BTreeMap<String, u32>,
    pub(crate) member: Member,
}

/// A process.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) image: String,
    /// Name of the scheduled task it belongs to.
    pub(crate) task: Option<String>,
}

/// How far the cluster service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Member {
    Down,
    Joining,
    Up,
}

impl Node {
    pub(crate) fn new(spec: &EmulationSpec, node: &NodeSpec) -> Self {
        let mut registry = Registry::default();
        let mut disk = Disk::new();
        let product = product_of(node.build);
        let exchange = if node.clustered && product == "exchange-5.5" { EXCHANGE_SHARED } else { EXCHANGE };
        registry.set(SETUP_KEY, "Services", Data::Text(exchange.into()));
        let services = match product {
            "exchange-5.5" => 55,
            "exchange-2000" => 60,
            _ => 65,
        };
        registry.set(SETUP_KEY, "Services Version", Data::Dword(services));
        registry.make(SESSION_KEY);
        for file in ["store.exe", "exsetdata.dll", "cdoex.dll"] {
            disk.set_version(&format!("{exchange}\\bin\\{file}"), &node.build.to_string());
        }
        for file in &spec.files {
            let entry = File { bytes: file.bytes.clone(), program: file.program.clone(), ..File::default() };
            disk.place(&file.path, entry);
        }
        let mut durable = Durable {
            disk,
            exchange,
            registry,
            services: BTreeMap::new(),
            tasks: BTreeMap::new(),
            events: Vec::new(),
            exsetdata: node.build,
            store: node.build,
            paused: false,
            broken: false,
            balanced: !node.out_of_pool,
            renames: Vec::new(),
        };
        durable.record_build(node.build, service_pack(node.build));
        let there =
            node.hotfixes.iter().map(String::as_str).chain(node.iis_fix.then_some("windows-2003-kb831464"));
        for release in there.filter_map(|id| kaketsugi_knowledge::releases().resolve(id)) {
            durable.record(&Package::of(&release));
        }
        if product == "exchange-5.5" {
            for log in [SETUP_LOG_55, OPTIMIZER_LOG] {
                let _ = durable.disk.write(log, b"", true);
            }
        }
        for (name, display, start) in services_of(product) {
            match (node.clustered, STARTED_BY_CLUSTERS.contains(name)) {
                (true, _) | (false, false) => durable.add_service(name, display, *start),
                (false, true) if *name == "ClusSvc" => {}
                // Nothing else starts it there.
                (false, true) => durable.add_service(name, display, 2),
            }
        }
        for name in &node.services {
            durable.add_service(name, name, 2);
        }
        let mut this = Self {
            name: node.name.clone(),
            os: node.os,
            clustered: node.clustered,
            pool: node.pool.clone(),
            durable,
            boot: None,
            boots: 0,
            comes_back: true,
            asks_for_restart: node.asks_for_restart,
        };
        this.start();
        this
    }

    /// Power on: services start by themselves, waiting files are replaced. The cluster service is started by the caller.
    pub(crate) fn start(&mut self) {
        self.boots += 1;
        self.durable.registry.boot();
        self.durable.registry.remove_value(SESSION_KEY, PENDING_RENAMES);
        for (file, version) in std::mem::take(&mut self.durable.renames) {
            self.durable.disk.set_version(&file, &version);
        }
        let running = self
            .durable
            .services
            .iter()
            .filter(|(key, service)| service.start == 2 && key.as_str() != "clussvc")
            // Files of two builds don't work together.
            .filter(|(key, _)| !self.durable.broken || !EXCHANGE_SERVICES.contains(&key.as_str()))
            .map(|(key, _)| key.clone())
            .collect();
        self.boot = Some(Boot {
            power: watch::Sender::new(()),
            stamp: stamp(self.boots),
            processes: BTreeMap::new(),
            next_pid: 1000,
            running,
            open: BTreeMap::new(),
            member: Member::Down,
        });
    }

    pub(crate) fn member(&self) -> Member {
        self.boot.as_ref().map_or(Member::Down, |b| b.member)
    }

    pub(crate) fn build(&self) -> Option<Build> {
        self.durable.disk.file(&self.durable.file("store.exe"))?.version.as_ref()?.parse().ok()
    }

    pub(crate) fn log(&mut self, source: &str, id: u32, text: impl Into<String>) {
        self.durable.events.push(Event { source: source.into(), id, text: text.into() });
    }

    pub(crate) fn begin_process(&mut self, image: &str, task: Option<String>) -> Option<u32> {
        let boot = self.boot.as_mut()?;
        boot.next_pid += 4;
        boot.processes.insert(boot.next_pid, Process { image: image.to_owned(), task });
        Some(boot.next_pid)
    }
}

impl Durable {
    /// The path of one of Exchange's programs.
    pub(crate) fn file(&self, name: &str) -> String {
        format!("{}\\bin\\{name}", self.exchange)
    }

    /// What set-up writes into the registry about the build of Exchange.
    pub(crate) fn record_build(&mut self, build: Build, service_pack: u32) {
        self.registry.set(SETUP_KEY, "NewestBuild", Data::Dword(build.number()));
        if service_pack > 0 {
            self.registry.set(SETUP_KEY, "ServicePackBuild", Data::Dword(build.number()));
            self.registry.set(SETUP_KEY, "ServicePackNumber", Data::Dword(service_pack));
        }
    }

    /// What a package leaves when it is whole.
    pub(crate) fn record(&mut self, package: &Package) {
        for key in &package.keys {
            self.registry.set(key, "PackageVersion", Data::Text("1".into()));
            self.registry.make(&format!("{key}\\Filelist"));
        }
        for (file, version) in &package.files {
            self.disk.set_version(&self.file(file), version);
        }
        if let Some(build) = package.exsetdata {
            self.exsetdata = build;
        }
        // Either brings something that writes what older ones can't read.
        self.store = self.store.max(package.exsetdata.unwrap_or(self.store));
        self.store = self.store.max(package.store.unwrap_or(self.store));
    }

    fn add_service(&mut self, name: &str, display: &str, start: u32) {
        let service = Service { name: name.into(), display: display.into(), start };
        let key = format!("SYSTEM\\CurrentControlSet\\Services\\{name}");
        self.registry.set(&key, "ImagePath", Data::Text(format!("C:\\WINDOWS\\system32\\{name}.exe")));
        self.services.insert(name.to_lowercase(), service);
    }
}

/// Name, display name, start type on a cluster node of Windows Server 2003 with Exchange 2003: the cluster starts
/// Exchange's own services, so they are manual.
const WINDOWS_SERVICES: &[(&str, &str, u32)] = &[
    ("ClusSvc", "Cluster Service", 2),
    ("Schedule", "Task Scheduler", 2),
    ("IISADMIN", "IIS Admin Service", 2),
    ("W3SVC", "World Wide Web Publishing Service", 2),
    ("SMTPSVC", "Simple Mail Transfer Protocol (SMTP)", 2),
    ("MSExchangeSA", "Microsoft Exchange System Attendant", 3),
    ("MSExchangeIS", "Microsoft Exchange Information Store", 3),
    ("MSExchangeMTA", "Microsoft Exchange MTA Stacks", 3),
    ("RESvc", "Microsoft Exchange Routing Engine", 3),
    ("POP3Svc", "Microsoft Exchange POP3", 4),
    ("IMAP4Svc", "Microsoft Exchange IMAP4", 4),
];

/// The same with Exchange 5.5.
const SERVICES_55: &[(&str, &str, u32)] = &[
    ("ClusSvc", "Cluster Server", 2),
    ("Schedule", "Schedule", 2),
    ("MSExchangeSA", "Microsoft Exchange System Attendant", 3),
    ("MSExchangeDS", "Microsoft Exchange Directory", 3),
    ("MSExchangeIS", "Microsoft Exchange Information Store", 3),
    ("MSExchangeMTA", "Microsoft Exchange Message Transfer Agent", 3),
];

fn services_of(product: &str) -> &'static [(&'static str, &'static str, u32)] {
    if product == "exchange-5.5" { SERVICES_55 } else { WINDOWS_SERVICES }
}

/// Of these, what is there only on nodes of clusters, or is started by them.
const STARTED_BY_CLUSTERS: &[&str] =
    &["ClusSvc", "MSExchangeSA", "MSExchangeDS", "MSExchangeIS", "MSExchangeMTA", "RESvc"];

/// Exchange's own services, in lower case.
pub(crate) const EXCHANGE_SERVICES: &[&str] =
    &["msexchangesa", "msexchangeds", "msexchangeis", "msexchangemta", "resvc"];

/// Services that an Exchange installer stops and starts again when they run.
pub(crate) const STOPPED_BY_INSTALLERS: &[&str] = &[
    "smtpsvc",
    "w3svc",
    "iisadmin",
    "resvc",
    "msexchangemta",
    "msexchangeis",
    "msexchangeds",
    "msexchangesa",
];

/// The number of the service pack that brought a build; 0: the original release.
pub(crate) fn service_pack(build: Build) -> u32 {
    kaketsugi_knowledge::releases()
        .iter()
        .filter(|r| r.kind.is_service_pack() && r.product == product_of(build) && r.to_build <= Some(build))
        .map(|r| r.service_pack)
        .max()
        .unwrap_or(0)
}

/// `LastBootUpTime` as CIM writes it; the microseconds number the boots, since emulated restarts are shorter than a second.
fn stamp(boots: u32) -> String {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let (day, second) = (now / 86_400, now % 86_400);
    let (year, month, day) = civil(day);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}.{:06}+000", boots % 1_000_000)
}

/// The Gregorian date of a day since 1970-01-01.
fn civil(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + era * 400 + carry, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(20_779), (2026, 11, 22));
    }

    #[test]
    fn a_build_names_its_service_pack() {
        assert_eq!(service_pack(Build::new(6, 5, 6944, 4)), 0);
        assert_eq!(service_pack(Build::new(6, 5, 7226, 6)), 1);
        assert_eq!(service_pack(Build::new(6, 5, 7650, 29)), 2);
        assert_eq!(service_pack(Build::new(6, 0, 6249, 4)), 3);
    }
}
