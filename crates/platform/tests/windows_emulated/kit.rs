//! Emulated nodes, the platform over them, and steps made by hand.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kaketsugi_emulator::{Emulation, EmulationSpec, Timing, USER, installer_bytes};
use kaketsugi_estate::{
    Address, Cluster, ClusterId, ClusterKind, Estate, GroupId, LockSeen, MediaEntry, Os, Policy, Product,
    Rehearsal, ReleaseId, Role, Server, ServerId, Snapshot, TransportKind,
};
use kaketsugi_knowledge::{Build, releases};
use kaketsugi_plan::{
    Action, Actor, Answer, Baseline, Condition, Payload, Plan, RULES_VERSION, Recovery, SCHEMA, Step, StepId,
    baseline, judge,
};
use kaketsugi_platform::windows::{Directory, DirectoryError, ServerObject, WindowsCluster};
use kaketsugi_platform::{Begun, Error, Order, Platform, Progress, Question};
use kaketsugi_transport::{Host, ssh};
use sha2::{Digest, Sha256};

pub(crate) const SP1: Build = Build::new(6, 5, 7226, 6);
pub(crate) const SP2: Build = Build::new(6, 5, 7638, 2);
pub(crate) const SP2_SETUP: &str = r"C:\media\exchange-2003-sp2\setup\i386\update.exe";

pub(crate) fn server(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

pub(crate) fn cluster() -> ClusterId {
    ClusterId::new("mail").unwrap()
}

pub(crate) fn group(name: &str) -> GroupId {
    GroupId::new(name).unwrap()
}

pub(crate) fn release(name: &str) -> ReleaseId {
    ReleaseId::new(name).unwrap()
}

/// The emulation's directory, as the platform asks for it.
#[derive(Debug)]
struct Mirror(Arc<Emulation>);

#[async_trait]
impl Directory for Mirror {
    async fn server(&self, name: &str) -> Result<Option<ServerObject>, DirectoryError> {
        let directory = self.0.directory();
        Ok(directory.serial_numbers.get(name).map(|serial| ServerObject {
            serial_number: Some(serial.clone()),
            storage_groups: directory.storage_groups.get(name).copied(),
        }))
    }
}

/// Hosts by server.
pub(crate) type Hosts = BTreeMap<ServerId, Arc<dyn Host>>;

/// A site: nodes, platform, and a run on it.
pub(crate) struct Site {
    pub(crate) emulation: Arc<Emulation>,
    pub(crate) platform: WindowsCluster,
    pub(crate) hosts: Hosts,
    pub(crate) payload: Payload,
    pub(crate) estate: Estate,
    pub(crate) token: LockSeen,
    pub(crate) start: Baseline,
    _files: tempfile::TempDir,
}

/// Short times, so that a test is short; long enough that states on the way can be seen.
pub(crate) fn spec(build: Build) -> EmulationSpec {
    let short = Duration::from_millis(1);
    let timing = Timing {
        resource: short,
        install: Duration::from_millis(40),
        restart: Duration::from_millis(60),
        join: Duration::from_millis(10),
        upgrade: short,
        task: Duration::from_millis(5),
    };
    EmulationSpec { timing, ..EmulationSpec::two_nodes(build, "NODE1") }
}

fn estate(emulation: &Emulation, release: &str, policy: Policy) -> Estate {
    let servers = emulation.addresses().iter().map(|(name, address)| {
        let server = Server {
            address: Address { host: address.ip().to_string(), port: Some(address.port()) },
            transport: TransportKind::Ssh,
            user: Some(USER.into()),
            r#become: false,
            product: Product::Exchange2003,
            os: Os::Windows2003,
            roles: vec![Role::Node, Role::Mailbox],
        };
        (self::server(name), server)
    });
    let known = releases().resolve(release).unwrap();
    let path =
        known.installer.path.replace("{media}", &format!("C:\\media\\{release}")).replace("{lang}", "ENU");
    Estate {
        name: "test".into(),
        servers: servers.collect(),
        clusters: BTreeMap::from([(
            cluster(),
            Cluster {
                kind: ClusterKind::Windows,
                nodes: emulation.addresses().keys().map(|n| server(n)).collect(),
                groups: BTreeMap::new(),
            },
        )]),
        pools: Default::default(),
        policy,
        evidence: Vec::new(),
        media: vec![MediaEntry {
            release: self::release(release),
            path,
            sha256: hex::encode(Sha256::digest(installer_bytes(release))),
        }],
        access: kaketsugi_estate::Access::default(),
        rehearsal: Rehearsal::default(),
    }
}

impl Site {
    pub(crate) async fn new(spec: &EmulationSpec, release: &str) -> Self {
        Self::with_policy(spec, release, Policy::default()).await
    }

    pub(crate) async fn with_policy(spec: &EmulationSpec, release: &str, policy: Policy) -> Self {
        let emulation = Arc::new(Emulation::start(spec).await.unwrap());
        let estate = estate(&emulation, release, policy);
        Self::over(emulation, estate, release).await
    }

    /// The site that an estate is, whose servers are emulated.
    pub(crate) async fn over(emulation: Arc<Emulation>, estate: Estate, release: &str) -> Self {
        let mirror = Arc::new(Mirror(emulation.clone()));
        Self::asking(emulation, estate, release, mirror).await
    }

    /// The same with another directory.
    pub(crate) async fn asking(
        emulation: Arc<Emulation>,
        estate: Estate,
        release: &str,
        directory: Arc<dyn Directory>,
    ) -> Self {
        let files = tempfile::tempdir().unwrap();
        let hosts = hosts(&emulation, &estate, files.path());
        let platform = WindowsCluster::new(estate.clone(), hosts.clone()).with_directory(directory);
        let known = releases().resolve(release).unwrap();
        let payload = kaketsugi_planner::from_catalogue(&known, &estate).unwrap();
        let token = LockSeen { run: "r1".into(), epoch: 1 };
        let start = Baseline::default();
        let mut site = Self { emulation, platform, hosts, payload, estate, token, start, _files: files };
        site.start = baseline(&site.look().await);
        site
    }

    pub(crate) async fn look(&self) -> Snapshot {
        self.platform.probe(&Question { payload: Some(&self.payload), ..Question::default() }).await
    }

    pub(crate) async fn answer(&self, condition: Condition) -> Answer {
        judge(&condition, &self.look().await, &self.start, Some(&self.start))
    }

    pub(crate) fn plan(&self, action: Action, expects: Vec<Condition>) -> Plan {
        let step = Step {
            id: StepId::new(format!("{} {:?}", action.name(), action.target())),
            action,
            actor: Actor::Machine,
            title: String::new(),
            instruction: None,
            after: Vec::new(),
            when: None,
            requires: Vec::new(),
            expects,
            cites: Vec::new(),
            interrupts: Vec::new(),
            exposes: Vec::new(),
            recovery: Recovery::Redo,
            point_of_no_return: false,
            unreachable: Vec::new(),
            expected_seconds: 1,
            timeout_seconds: 60,
        };
        Plan {
            schema: SCHEMA,
            rules_version: RULES_VERSION,
            parent: None,
            estate: self.estate.clone(),
            snapshot: Snapshot::default(),
            payload: self.payload.clone(),
            steps: vec![step],
            reasons: Vec::new(),
            section: String::new(),
        }
    }

    pub(crate) fn order<'a>(&'a self, plan: &'a Plan, attempt: u32) -> Order<'a> {
        Order { plan, step: &plan.steps[0], attempt, token: &self.token, start: &self.start }
    }

    /// Carries an action out to its end.
    pub(crate) async fn act(&self, action: Action, expects: Vec<Condition>) -> Result<(u32, String), Error> {
        let plan = self.plan(action, expects.clone());
        let order = self.order(&plan, 1);
        let ended = match self.platform.begin(&order).await? {
            Begun::Ended { code, output } => (code, output),
            Begun::Running => self.end(&order).await?,
        };
        for condition in expects {
            assert_eq!(self.soon(condition.clone()).await, Answer::Yes, "{condition}: {ended:?}");
        }
        Ok(ended)
    }

    pub(crate) async fn end(&self, order: &Order<'_>) -> Result<(u32, String), Error> {
        loop {
            match self.platform.poll(order).await {
                Ok(Progress::Ended { code, output }) => return Ok((code, output)),
                Ok(Progress::Running { .. }) | Err(Error::Host { .. }) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Ok(other) => panic!("{other:?}"),
                Err(why) => return Err(why),
            }
        }
    }

    /// The answer, once it is yes or ten seconds are over.
    pub(crate) async fn soon(&self, condition: Condition) -> Answer {
        let mut answer = Answer::Unknown;
        for _ in 0..200 {
            answer = self.answer(condition.clone()).await;
            if answer == Answer::Yes {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        answer
    }

    pub(crate) async fn good(&self, action: Action, expects: Vec<Condition>) {
        let name = action.name();
        let (code, output) = self.act(action, expects).await.unwrap();
        assert_eq!(code, 0, "{name}: {output}");
    }
}

/// Hosts over SSH, with the emulation's own keys and nothing of this account's.
fn hosts(emulation: &Emulation, estate: &Estate, files: &std::path::Path) -> Hosts {
    let known_hosts = files.join("known_hosts");
    std::fs::write(&known_hosts, emulation.known_hosts()).unwrap();
    let key = files.join("id");
    std::fs::write(&key, emulation.client_key()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut settings = ssh::Settings::new(files, USER, None);
    settings.config_files.clear();
    settings.system_config_files.clear();
    settings.system_known_hosts.clear();
    settings.known_hosts = vec![known_hosts];
    let client = ssh::Client::new(settings).unwrap();
    let hosts = estate.servers.iter().map(|(id, server)| {
        let target = ssh::Target {
            name: id.to_string(),
            address: server.address.host.clone(),
            port: server.address.port,
            user: server.user.clone(),
            identity_files: vec![key.clone()],
            ..ssh::Target::default()
        };
        let host: Arc<dyn Host> = Arc::new(client.host(&target).unwrap());
        (id.clone(), host)
    });
    hosts.collect()
}
