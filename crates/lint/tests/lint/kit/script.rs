//! Writes the steps of a plan, each with what the design asks of it.

use std::collections::BTreeMap;

use kaketsugi_estate::{
    ClusterId, Estate, EvidenceKind, NodeState, ReleaseState, ResourceState, ServerId, Snapshot,
};
use kaketsugi_plan::{
    Action, Actor, Condition, Content, Exposure, Interruption, Payload, Phase, Plan, RULES_VERSION, Recovery,
    SCHEMA, ServiceNeed, Step, StepId, Target,
};

use super::estates::{cluster, group, release, server};

pub(crate) struct Script {
    plan: Plan,
    exposes: BTreeMap<ServerId, Vec<&'static str>>,
}

impl Script {
    pub(crate) fn new(estate: Estate, snapshot: Snapshot, payload: Payload) -> Self {
        let plan = Plan {
            schema: SCHEMA,
            rules_version: RULES_VERSION,
            parent: None,
            estate,
            snapshot,
            payload,
            steps: Vec::new(),
            reasons: Vec::new(),
            section: String::new(),
        };
        Self { plan, exposes: BTreeMap::new() }
    }

    pub(crate) fn done(mut self, section: &str) -> Plan {
        self.plan.section = section.to_owned();
        self.plan
    }

    /// From here on, these groups would be down if this node failed.
    pub(crate) fn exposed(&mut self, node: &str, groups: &[&'static str]) {
        self.exposes.insert(server(node), groups.to_vec());
    }

    /// From here on nothing is exposed.
    pub(crate) fn safe(&mut self) {
        self.exposes.clear();
    }

    fn write(&mut self, action: Action, requires: Vec<Condition>, expects: Vec<Condition>) -> &mut Step {
        let target = match action.target() {
            Target::Estate => match &action {
                Action::Attest { evidence } => format!("{evidence:?}"),
                _ => "estate".into(),
            },
            Target::Node(node) => node.to_string(),
            Target::Group(_, group) => group.to_string(),
            Target::Cluster(cluster) => cluster.to_string(),
        };
        let stem = format!("{}/{target}/", action.name());
        let ordinal = 1 + self.plan.steps.iter().filter(|s| s.id.as_str().starts_with(&stem)).count();
        let after = self.plan.steps.last().map(|s| s.id.clone()).into_iter().collect();
        let exposes = self
            .exposes
            .iter()
            .map(|(node, groups)| Exposure {
                node: node.clone(),
                groups: groups.iter().map(|g| group(g)).collect(),
            })
            .collect();
        let index = self.plan.steps.len();
        self.plan.steps.push(Step {
            id: StepId::new(format!("{stem}{ordinal}")),
            title: stem,
            action,
            actor: Actor::Machine,
            instruction: None,
            after,
            when: None,
            requires,
            expects,
            cites: Vec::new(),
            interrupts: Vec::new(),
            exposes,
            recovery: Recovery::Redo,
            point_of_no_return: false,
            unreachable: Vec::new(),
            expected_seconds: 60,
            timeout_seconds: 600,
        });
        &mut self.plan.steps[index]
    }

    fn by_person(step: &mut Step) {
        step.actor = Actor::Operator;
        step.instruction = Some("do it".into());
        step.timeout_seconds = 43_200;
    }

    pub(crate) fn attest(&mut self, kind: EvidenceKind) {
        let expects = vec![Condition::Evidence { kind, age_max_seconds: None }];
        Self::by_person(self.write(Action::Attest { evidence: kind }, Vec::new(), expects));
    }

    /// What is asked before a service pack.
    pub(crate) fn attest_service_pack(&mut self) {
        use EvidenceKind::{FullBackup, ProtectionOff, ReleaseNotesRead, TriedInTest};
        [TriedInTest, ReleaseNotesRead, FullBackup, ProtectionOff]
            .into_iter()
            .for_each(|kind| self.attest(kind));
    }

    pub(crate) fn stage(&mut self, node: &str, id: &str) {
        let (node, release) = (server(node), release(id));
        let expects = vec![Condition::Staged { node: node.clone(), release: release.clone() }];
        self.write(Action::Stage { node, release }, Vec::new(), expects);
    }

    pub(crate) fn quiet(&mut self, node: &str) {
        let node = server(node);
        self.write(Action::Quiet { node: node.clone() }, Vec::new(), vec![Condition::IsQuiet { node }]);
    }

    pub(crate) fn put_back(&mut self, node: &str) {
        let node = server(node);
        self.write(Action::PutBack { node: node.clone() }, Vec::new(), vec![Condition::PutBack { node }]);
    }

    fn leaving(node: &ServerId) -> Vec<Condition> {
        vec![
            Condition::QuorumWithout { cluster: cluster(), node: node.clone() },
            Condition::OthersOnline { cluster: cluster(), except: vec![node.clone()] },
        ]
    }

    /// Drains a node; `groups` are those that leave it, and where they are expected.
    pub(crate) fn drain(&mut self, node: &str, groups: &[(&str, &str)]) {
        let node = server(node);
        let mut expects = vec![Condition::NodeEmpty { cluster: cluster(), node: node.clone() }];
        for (id, to) in groups {
            expects.push(Condition::Owner { cluster: cluster(), group: group(id), node: server(to) });
            expects.push(Condition::Healthy { cluster: cluster(), group: group(id) });
        }
        let requires = Self::leaving(&node);
        let step = self.write(Action::Drain { cluster: cluster(), node }, requires, expects);
        step.cites.push("PCMK-STANDBY".into());
        for (id, _) in groups {
            step.interrupts.push(interruption(id, Phase::Whole));
        }
    }

    pub(crate) fn pause(&mut self, node: &str) {
        let node = server(node);
        let expects =
            vec![Condition::NodeState { cluster: cluster(), node: node.clone(), state: NodeState::Standby }];
        self.write(Action::Pause { cluster: cluster(), node }, Vec::new(), expects);
    }

    pub(crate) fn readmit(&mut self, node: &str) {
        let node = server(node);
        let expects =
            vec![Condition::NodeState { cluster: cluster(), node: node.clone(), state: NodeState::Online }];
        self.write(Action::Readmit { cluster: cluster(), node }, Vec::new(), expects);
    }

    pub(crate) fn stop(&mut self, node: &str, if_asked: bool) {
        let node = server(node);
        let mut requires = Self::leaving(&node);
        requires.push(Condition::NodeEmpty { cluster: cluster(), node: node.clone() });
        let expects = vec![Condition::Service { node: node.clone(), running: false }];
        let when = if_asked.then(|| Condition::RestartPending { node: node.clone() });
        self.write(Action::StopService { cluster: cluster(), node }, requires, expects).when = when;
    }

    pub(crate) fn start(&mut self, node: &str) {
        let node = server(node);
        let expects = vec![Condition::Service { node: node.clone(), running: true }];
        self.write(Action::StartService { cluster: cluster(), node }, Vec::new(), expects);
    }

    pub(crate) fn restart(&mut self, node: &str, if_asked: bool) {
        let node = server(node);
        let requires = vec![Condition::NodeEmpty { cluster: cluster(), node: node.clone() }];
        let expects = vec![Condition::Restarted { node: node.clone() }];
        let step = self.write(Action::Restart { node: node.clone() }, requires, expects);
        step.when = if_asked.then(|| Condition::RestartPending { node: node.clone() });
        step.unreachable.push(node);
    }

    pub(crate) fn install(&mut self, node: &str, id: &str) {
        let (node, release) = (server(node), release(id));
        let Some(payload) = self.plan.payload.find(&release).cloned() else { panic!("{id}") };
        let mut requires = vec![
            Condition::NodeEmpty { cluster: cluster(), node: node.clone() },
            Condition::Staged { node: node.clone(), release: release.clone() },
            Condition::NoInstaller { node: node.clone() },
        ];
        if payload.service != ServiceNeed::Either {
            requires.push(Condition::Service {
                node: node.clone(),
                running: payload.service == ServiceNeed::Running,
            });
        }
        if payload.service_pack {
            let age = Some(u64::from(self.plan.estate.policy.backup_age_max_hours) * 3600);
            requires.push(Condition::Evidence { kind: EvidenceKind::FullBackup, age_max_seconds: age });
            requires.push(Condition::Evidence { kind: EvidenceKind::ProtectionOff, age_max_seconds: None });
        }
        let expects = vec![Condition::Installed { node: node.clone(), release: release.clone() }];
        let step = self.write(Action::Install { node, release }, requires, expects);
        let media = matches!(payload.content, Content::Media(_));
        step.recovery = if media { Recovery::Ask } else { Recovery::ForwardOnly };
        step.point_of_no_return = payload.one_way;
        step.cites.clone_from(&payload.cites);
        if media && payload.command.is_none() {
            Self::by_person(step);
        }
    }

    /// A step that a person carries out.
    pub(crate) fn by_hand(&mut self, action: Action, expects: Vec<Condition>) {
        Self::by_person(self.write(action, Vec::new(), expects));
    }

    pub(crate) fn change_last(&mut self, change: impl FnOnce(&mut Step)) {
        if let Some(step) = self.plan.steps.last_mut() {
            change(step);
        }
    }

    /// The last step cuts off a group's users while it is at work.
    pub(crate) fn cut_off(&mut self, id: &str) {
        self.change_last(|step| step.interrupts.push(interruption(id, Phase::Whole)));
    }

    /// On a server that stands alone, where its users are.
    pub(crate) fn install_in_place(&mut self, name: &str, id: &str) {
        self.install(name, id);
        let unit = ClusterId::new(name).unwrap();
        let half_done =
            self.plan.snapshot.servers[&server(name)].releases[&release(id)] == ReleaseState::Partial;
        let Some(step) = self.plan.steps.last_mut() else { return };
        step.requires.retain(|c| !matches!(c, Condition::NodeEmpty { .. } | Condition::Service { .. }));
        let phase = if half_done { Phase::Ends } else { Phase::Whole };
        step.interrupts.push(Interruption { cluster: unit, ..interruption(name, phase) });
    }

    pub(crate) fn restart_in_place(&mut self, name: &str) {
        self.restart(name, true);
        let unit = ClusterId::new(name).unwrap();
        let Some(step) = self.plan.steps.last_mut() else { return };
        step.requires.clear();
        step.interrupts.push(Interruption { cluster: unit, ..interruption(name, Phase::Whole) });
    }

    /// Takes a server of a pool out of it, or brings it in; the pool's users are cut off from then on, or until then.
    pub(crate) fn balance(&mut self, name: &str, to: NodeState, pool: &[&str], phase: Option<Phase>) {
        let (unit, node) = (ClusterId::new(name).unwrap(), server(name));
        let is = |node: &ServerId, unit: &ClusterId| {
            vec![Condition::NodeState { cluster: unit.clone(), node: node.clone(), state: to }]
        };
        let expects = is(&node, &unit);
        let action = match to {
            NodeState::Standby => Action::Drain { cluster: unit, node },
            _ => Action::Readmit { cluster: unit, node },
        };
        let step = self.write(action, Vec::new(), expects);
        for mate in pool.iter().filter(|_| phase.is_some()) {
            let unit = ClusterId::new(*mate).unwrap();
            step.interrupts.extend(
                phase.map(|phase| Interruption { cluster: unit.clone(), ..interruption(mate, phase) }),
            );
        }
    }

    /// Installs, restarts and looks while nobody is sent to the server.
    pub(crate) fn mend_balanced(&mut self, name: &str, id: &str, pool: &[&str], phase: Option<Phase>) {
        let unit = ClusterId::new(name).unwrap();
        let out = Condition::NodeState { cluster: unit, node: server(name), state: NodeState::Standby };
        self.install_in_place(name, id);
        self.restart_in_place(name);
        for step in self.plan.steps.iter_mut().rev().take(2) {
            step.interrupts.clear();
            for mate in pool.iter().filter(|_| phase.is_some()) {
                let unit = ClusterId::new(*mate).unwrap();
                let lasts = |phase| Interruption { cluster: unit.clone(), ..interruption(mate, phase) };
                step.interrupts.extend(phase.map(lasts));
            }
            match step.action {
                Action::Install { .. } => step.requires.push(out.clone()),
                _ => step.expects.push(out.clone()),
            }
        }
        self.look(name);
    }

    /// Looks whether a server that stands alone serves its users again.
    pub(crate) fn look(&mut self, name: &str) {
        let unit = ClusterId::new(name).unwrap();
        let healthy = Condition::Healthy { cluster: unit.clone(), group: group(name) };
        self.write(Action::Verify { target: Target::Group(unit, group(name)) }, Vec::new(), vec![healthy]);
    }

    pub(crate) fn take_offline(&mut self, id: &str) {
        let expects = vec![Condition::OnlyKeptOnline { cluster: cluster(), group: group(id) }];
        let step =
            self.write(Action::TakeOffline { cluster: cluster(), group: group(id) }, Vec::new(), expects);
        step.interrupts.push(interruption(id, Phase::Begins));
    }

    fn move_to(&mut self, id: &str, to: &str, proof: bool) -> &mut Step {
        let to = server(to);
        let requires =
            vec![Condition::NodeState { cluster: cluster(), node: to.clone(), state: NodeState::Online }];
        let expects = vec![Condition::Owner { cluster: cluster(), group: group(id), node: to.clone() }];
        self.write(Action::Move { cluster: cluster(), group: group(id), to, proof }, requires, expects)
    }

    pub(crate) fn move_group(&mut self, id: &str, to: &str) {
        self.move_to(id, to, false);
    }

    /// With what is online in it.
    pub(crate) fn carry(&mut self, id: &str, to: &str) {
        let step = self.move_to(id, to, false);
        step.interrupts.push(interruption(id, Phase::Whole));
        step.expects.push(Condition::Healthy { cluster: cluster(), group: group(id) });
    }

    pub(crate) fn move_offline(&mut self, id: &str, to: &str) {
        self.move_to(id, to, false).interrupts.push(interruption(id, Phase::LastsOn));
    }

    pub(crate) fn prove(&mut self, id: &str, to: &str) {
        let step = self.move_to(id, to, true);
        step.interrupts.push(interruption(id, Phase::Whole));
        step.expects.push(Condition::Healthy { cluster: cluster(), group: group(id) });
    }

    pub(crate) fn upgrade(&mut self, id: &str, node: &str) {
        let node = server(node);
        let payload = self.plan.payload.clone();
        let requires = vec![
            Condition::Installed { node: node.clone(), release: payload.id },
            Condition::Owner { cluster: cluster(), group: group(id), node: node.clone() },
            Condition::OnlyKeptOnline { cluster: cluster(), group: group(id) },
            Condition::KindOnline { cluster: cluster(), kind: "Distributed Transaction Coordinator".into() },
        ];
        let build = payload.to_build.unwrap_or_default();
        let expects = vec![Condition::GroupVersion { cluster: cluster(), group: group(id), build }];
        let step = self.write(
            Action::UpgradeGroup { cluster: cluster(), group: group(id), node },
            requires,
            expects,
        );
        Self::by_person(step);
        step.recovery = Recovery::Ask;
        step.point_of_no_return = true;
        step.interrupts.push(interruption(id, Phase::LastsOn));
    }

    fn as_before(&self, id: &str) -> Condition {
        let seen = &self.plan.snapshot.clusters[&cluster()].groups[&group(id)];
        let online = seen.resources.iter().filter(|r| r.state == ResourceState::Online).map(|r| r.id.clone());
        Condition::GroupAsBefore { cluster: cluster(), group: group(id), online: online.collect() }
    }

    pub(crate) fn bring_online(&mut self, id: &str, node: &str) {
        let expects = vec![self.as_before(id)];
        let action = Action::BringOnline { cluster: cluster(), group: group(id), node: server(node) };
        self.write(action, Vec::new(), expects).interrupts.push(interruption(id, Phase::Ends));
    }

    pub(crate) fn soak(&mut self, node: &str, seconds: u32) {
        let expects = vec![Condition::NoTrouble { cluster: cluster() }];
        self.write(Action::Soak { cluster: cluster(), node: server(node), seconds }, Vec::new(), expects);
    }

    pub(crate) fn verify_group(&mut self, id: &str, upgraded: bool) {
        let mut expects = vec![self.as_before(id)];
        let build = self.plan.payload.to_build.clone().filter(|_| upgraded);
        expects.extend(build.map(|build| Condition::GroupVersion {
            cluster: cluster(),
            group: group(id),
            build,
        }));
        let target = Target::Group(cluster(), group(id));
        self.write(Action::Verify { target }, Vec::new(), expects);
    }

    pub(crate) fn verify_node(&mut self, node: &str) {
        let node = server(node);
        let release = self.plan.payload.id.clone();
        let expects = vec![Condition::Installed { node: node.clone(), release }];
        self.write(Action::Verify { target: Target::Node(node) }, Vec::new(), expects);
    }

    pub(crate) fn verify_cluster(&mut self) {
        let expects = vec![
            Condition::NoTrouble { cluster: cluster() },
            Condition::ConfigurationAsBefore { cluster: cluster() },
        ];
        self.write(Action::Verify { target: Target::Cluster(cluster()) }, Vec::new(), expects);
    }
}

fn interruption(id: &str, phase: Phase) -> Interruption {
    Interruption { cluster: cluster(), group: group(id), phase, expected_seconds: 30 }
}
