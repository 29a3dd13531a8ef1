//! A real cluster for tests: the lab, an estate that describes it, and hosts that lead to its nodes.
//!
//! With `KAKETSUGI_LAB_STATE` a lab that is already up is used and left up, so that a test can be tried again quickly.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kaketsugi_estate::{
    Address, Cluster, ClusterId, ClusterKind, Estate, GroupEntry, GroupId, Health, LockSeen, Os, Policy,
    Product, Role, Server, ServerId, Snapshot, TransportKind,
};
use kaketsugi_lab::{Config, Lab, ssh_options};
use kaketsugi_plan::{Action, Actor, Baseline, Content, Payload, Plan, Recovery, Step, StepId};
use kaketsugi_platform::{Error, LinuxCluster, Order, Platform, Progress, Question};
use kaketsugi_transport::local::Local;
use kaketsugi_transport::{Command, Host, RunFuture, quote};

/// A lab with its platform.
pub(crate) struct Real {
    pub(crate) lab: Lab,
    pub(crate) estate: Estate,
    pub(crate) platform: LinuxCluster,
}

/// A node by the system's own ssh, from inside the lab's network.
#[derive(Debug)]
pub(crate) struct LabHost {
    local: Local,
    prefix: String,
}

impl LabHost {
    pub(crate) fn new(lab: &Lab, user: &str, node: &str) -> Self {
        let address = lab.facts().node(node).unwrap().address;
        let options: Vec<String> = ssh_options(lab.facts()).iter().map(|o| quote(o)).collect();
        let prefix = format!(
            "nsenter --net=/run/netns/{} -- ssh {} {user}@{address} -- ",
            lab.facts().netns,
            options.join(" ")
        );
        Self { local: Local::new(node), prefix }
    }
}

impl Host for LabHost {
    fn name(&self) -> &str {
        self.local.name()
    }

    fn run<'a>(&'a self, command: &'a Command) -> RunFuture<'a> {
        Box::pin(async move {
            let mut wrapped = command.clone();
            wrapped.line = format!("{}{}", self.prefix, quote(&command.line));
            let output = self.local.run(&wrapped).await?;
            match output.exit.code() {
                // ssh's own failures; none of our commands ends with 255.
                Some(255) => Err(kaketsugi_transport::Error::Unreachable {
                    host: self.name().to_owned(),
                    address: "the lab".into(),
                    why: output.stderr_text(),
                    remedy: "Give the node power".into(),
                }),
                _ => Ok(output),
            }
        })
    }
}

/// Commands of the controller, inside the lab's network.
#[derive(Debug)]
struct Inside {
    local: Local,
    netns: String,
}

impl Host for Inside {
    fn name(&self) -> &str {
        self.local.name()
    }

    fn run<'a>(&'a self, command: &'a Command) -> RunFuture<'a> {
        Box::pin(async move {
            let mut wrapped = command.clone();
            wrapped.line =
                format!("nsenter --net=/run/netns/{} -- sh -c {}", self.netns, quote(&command.line));
            self.local.run(&wrapped).await
        })
    }
}

impl Real {
    /// Three nodes with the mail group and a small second one; None where no lab is possible, which is said.
    pub(crate) fn up(test: &str) -> Option<Self> {
        Self::up_with(test, &Config::mail(3).with_web())
    }

    /// Any lab. Only the usual one is looked for in `KAKETSUGI_LAB_STATE`.
    pub(crate) fn up_with(test: &str, config: &Config) -> Option<Self> {
        if !kaketsugi_lab::possible_for(test) {
            return None;
        }
        let lab = match std::env::var_os("KAKETSUGI_LAB_STATE") {
            Some(state) if config.nodes == 3 => Lab::attach(Path::new(&state)).unwrap(),
            _ => Lab::up(config).unwrap(),
        };
        let estate = estate(&lab);
        let platform = platform(&lab, &estate, "root");
        Some(Self { lab, estate, platform })
    }

    pub(crate) async fn probe(&self) -> Snapshot {
        self.platform.probe(&Question::default()).await
    }

    pub(crate) async fn probe_for(&self, payload: &Payload) -> Snapshot {
        self.platform.probe(&Question { payload: Some(payload), ..Question::default() }).await
    }

    /// A plan with these steps; only what the platform reads of it is filled.
    pub(crate) fn plan(&self, snapshot: &Snapshot, payload: &Payload, actions: &[Action]) -> Plan {
        let step = |(number, action): (usize, &Action)| Step {
            id: StepId::new(format!("{}-{number}", action.name())),
            action: action.clone(),
            actor: Actor::Machine,
            title: String::new(),
            instruction: None,
            after: Vec::new(),
            when: None,
            requires: Vec::new(),
            expects: Vec::new(),
            cites: Vec::new(),
            interrupts: Vec::new(),
            exposes: Vec::new(),
            recovery: Recovery::Redo,
            point_of_no_return: false,
            unreachable: Vec::new(),
            expected_seconds: 10,
            timeout_seconds: 300,
        };
        Plan {
            schema: kaketsugi_plan::SCHEMA,
            rules_version: kaketsugi_plan::RULES_VERSION,
            parent: None,
            estate: self.estate.clone(),
            snapshot: snapshot.clone(),
            payload: payload.clone(),
            steps: actions.iter().enumerate().map(step).collect(),
            reasons: Vec::new(),
            section: String::new(),
        }
    }

    /// Carries one step out and returns its exit code and output.
    pub(crate) async fn carry_out(&self, order: &Order<'_>) -> Result<(u32, String), Error> {
        self.platform.begin(order).await?;
        let end = Instant::now() + Duration::from_secs(300);
        loop {
            match self.platform.poll(order).await? {
                Progress::Ended { code, output } => return Ok((code, output)),
                Progress::Running { .. } if Instant::now() < end => {
                    tokio::time::sleep(Duration::from_millis(300)).await
                }
                other => panic!("{}: {other:?}", order.handle()),
            }
        }
    }

    /// Probes until this holds.
    pub(crate) async fn until(
        &self,
        what: &str,
        seconds: u64,
        holds: impl Fn(&Snapshot) -> bool,
    ) -> Snapshot {
        let end = Instant::now() + Duration::from_secs(seconds);
        loop {
            let snapshot = self.probe().await;
            if holds(&snapshot) {
                return snapshot;
            }
            assert!(Instant::now() < end, "{what} did not come: {snapshot:#?}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

/// The platform as this account sees it; accounts other than root go through sudo.
pub(crate) fn platform(lab: &Lab, estate: &Estate, user: &str) -> LinuxCluster {
    let hosts: BTreeMap<ServerId, Arc<dyn Host>> = estate
        .servers
        .keys()
        .map(|id| (id.clone(), Arc::new(LabHost::new(lab, user, id.as_str())) as Arc<dyn Host>))
        .collect();
    let controller = Inside { local: Local::new("controller"), netns: lab.facts().netns.clone() };
    LinuxCluster::new(estate, &hosts, Arc::new(controller))
}

/// The estate that the lab is.
pub(crate) fn estate(lab: &Lab) -> Estate {
    let facts = lab.facts();
    let servers = facts.nodes.iter().map(|node| {
        let server = Server {
            address: Address { host: node.address.to_string(), port: Some(node.port) },
            transport: TransportKind::Ssh,
            user: Some("root".into()),
            r#become: false,
            product: Product::Debian,
            os: Os::Debian,
            roles: vec![Role::Node],
        };
        (server_id(&node.name), server)
    });
    let groups = facts.groups.iter().map(|group| {
        // Where users are: on the controller, through the virtual address. Both servers greet before anything is said.
        let greets = |port: u16, word: &str| {
            format!("timeout 5 bash -c 'head -n 1 < /dev/tcp/{}/{port}' | grep -q '{word}'", group.address)
        };
        let health = group.health.is_some().then(|| Health {
            command: format!("{} && {}", greets(25, "^220 "), greets(143, "^. OK")),
            timeout_seconds: 10,
        });
        (GroupId::new(group.name.clone()).unwrap(), GroupEntry { preferred: Vec::new(), health })
    });
    let cluster = Cluster {
        kind: ClusterKind::Pacemaker,
        nodes: facts.nodes.iter().map(|node| server_id(&node.name)).collect(),
        groups: groups.collect(),
    };
    Estate {
        name: "lab".into(),
        servers: servers.collect(),
        clusters: [(cluster_id(lab), cluster)].into(),
        pools: Default::default(),
        policy: Policy { allow_origins: vec!["Kaketsugi Lab".into()], ..Policy::default() },
        evidence: Vec::new(),
        media: Vec::new(),
        access: kaketsugi_estate::Access::default(),
        rehearsal: kaketsugi_estate::Rehearsal::default(),
    }
}

pub(crate) fn server_id(name: &str) -> ServerId {
    ServerId::new(name).unwrap()
}

pub(crate) fn cluster_id(lab: &Lab) -> ClusterId {
    ClusterId::new(lab.facts().cluster.clone()).unwrap()
}

/// A payload of nothing, for steps that install none.
pub(crate) fn no_payload() -> Payload {
    Payload {
        id: kaketsugi_estate::ReleaseId::new("nothing").unwrap(),
        title: String::new(),
        product: Product::Debian,
        service_pack: false,
        one_way: false,
        group_upgrade: false,
        of_system: false,
        alike_in_pools: false,
        front_ends_first: false,
        in_place: false,
        optimizer: false,
        service: kaketsugi_plan::ServiceNeed::Either,
        restart: kaketsugi_plan::RestartNeed::Never,
        to_build: None,
        command: None,
        instruction: String::new(),
        content: Content::Packages(BTreeMap::new()),
        first: Vec::new(),
        cites: Vec::new(),
    }
}

/// An order for a step of a plan.
pub(crate) fn order<'a>(
    plan: &'a Plan,
    number: usize,
    token: &'a LockSeen,
    start: &'a Baseline,
) -> Order<'a> {
    Order { plan, step: &plan.steps[number], attempt: 1, token, start }
}

/// A run's token. No run's id comes twice, also not in a lab that is used again.
pub(crate) fn token(run: &str, epoch: u64) -> LockSeen {
    LockSeen { run: format!("{run}-{}", std::process::id()), epoch }
}

/// The output of a command on a node, by the lab's own means.
pub(crate) fn on(lab: &Lab, node: &str, script: &str) -> String {
    let output = lab.ssh("root", node).unwrap().arg(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "`{script}` on {node}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
