//! Groups and resources, and what follows from them alone.

use kaketsugi_estate::ClusterKind;
use kaketsugi_knowledge::{Build, Layer, ResourceProfile, profiles};

use crate::node::Member;
use crate::spec::{EmulationSpec, GroupKind, GroupSpec, product_of};
use crate::state::{Directory, State};

/// The cluster's configuration and the states of its resources.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) groups: Vec<Group>,
    pub(crate) resources: Vec<Resource>,
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) preferred: Vec<String>,
    /// `AutoFailbackType`.
    pub(crate) failback: u32,
    pub(crate) is_evs: bool,
    /// Counts what was begun with the group; work of an older generation ends without a word.
    pub(crate) generation: u64,
    pub(crate) busy: bool,
    /// The newest build that has opened its databases.
    pub(crate) written_by: Option<Build>,
}

/// A resource.
#[derive(Debug)]
pub(crate) struct Resource {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) group: String,
    pub(crate) depends: Vec<String>,
    /// Its persistent state.
    pub(crate) wanted: bool,
    pub(crate) state: ResourceState,
}

/// State of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ResourceState {
    Online,
    Offline,
    Failed,
    OnlinePending,
    OfflinePending,
}

/// State of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum GroupState {
    Online,
    Partial,
    Offline,
    Failed,
    Pending,
}

impl Cluster {
    pub(crate) fn new(spec: &EmulationSpec, directory: &mut Directory) -> Self {
        let mut this = Self { name: spec.cluster.clone(), groups: Vec::new(), resources: Vec::new() };
        // Exchange 5.5 has a directory of its own, which nobody asks here.
        let in_directory = |build: Build| product_of(build) != "exchange-5.5";
        for server in spec.nodes.iter().filter(|node| !node.clustered && in_directory(node.build)) {
            directory.set(&server.name, server.build);
        }
        let mut disk = 'E';
        for group in &spec.groups {
            match &group.kind {
                GroupKind::ClusterGroup => this.add_cluster_group(group),
                GroupKind::Evs { directory: build, storage_groups } => {
                    if in_directory(*build) {
                        directory.set(&group.name, *build);
                        directory.storage_groups.insert(group.name.clone(), *storage_groups);
                    }
                    this.add_evs(group, product_of(*build), disk);
                    disk = char::from(disk as u8 + 1);
                }
            }
            for resource in &mut this.resources {
                if resource.group == group.name && group.offline.contains(&resource.name) {
                    resource.wanted = false;
                }
            }
        }
        this
    }

    fn add(&mut self, group: &GroupSpec, is_evs: bool) {
        self.groups.push(Group {
            name: group.name.clone(),
            owner: group.owner.clone(),
            preferred: group.preferred.clone(),
            failback: u32::from(group.failback),
            is_evs,
            generation: 0,
            busy: false,
            written_by: None,
        });
    }

    fn add_resource(&mut self, group: &str, name: String, kind: &str, depends: Vec<String>) {
        self.resources.push(Resource {
            name,
            kind: kind.into(),
            group: group.into(),
            depends,
            wanted: true,
            state: ResourceState::Offline,
        });
    }

    fn add_cluster_group(&mut self, group: &GroupSpec) {
        self.add(group, false);
        let name = &group.name;
        self.add_resource(name, "Cluster IP Address".into(), "IP Address", vec![]);
        self.add_resource(name, "Cluster Name".into(), "Network Name", vec!["Cluster IP Address".into()]);
        self.add_resource(name, "Disk Q:".into(), "Physical Disk", vec![]);
        let depends = vec!["Disk Q:".into(), "Cluster Name".into()];
        self.add_resource(name, "MSDTC".into(), "Distributed Transaction Coordinator", depends);
    }

    /// The resources of an Exchange virtual server, from the product's profile.
    fn add_evs(&mut self, group: &GroupSpec, product: &str, disk: char) {
        self.add(group, true);
        let Some(profile) = profiles().get(product, ClusterKind::Windows) else { return };
        let name_of = |resource: &ResourceProfile| match (resource.resource_type.as_str(), &resource.name) {
            ("Physical Disk", _) => format!("Disk {disk}:"),
            (_, Some(name)) => name.replace("{group}", &group.name),
            (kind, None) => format!("{kind} ({})", group.name),
        };
        for resource in profile.resources.iter().filter(|r| !r.optional) {
            let one =
                resource.one_per_cluster && self.resources.iter().any(|r| r.kind == resource.resource_type);
            if one {
                continue;
            }
            debug_assert!(resource.layer != Layer::Foundation || resource.depends_on.len() < 2);
            let depends = profile
                .resources
                .iter()
                .filter(|r| resource.depends_on.contains(&r.resource_type))
                .map(name_of)
                .collect();
            self.add_resource(&group.name, name_of(resource), &resource.resource_type, depends);
        }
    }

    pub(crate) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|g| g.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn group_mut(&mut self, name: &str) -> Option<&mut Group> {
        self.groups.iter_mut().find(|g| g.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn resource(&self, name: &str) -> Option<&Resource> {
        self.resources.iter().find(|r| r.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn resource_mut(&mut self, name: &str) -> Option<&mut Resource> {
        self.resources.iter_mut().find(|r| r.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn of_group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Resource> {
        self.resources.iter().filter(move |r| r.group.eq_ignore_ascii_case(group))
    }

    pub(crate) fn group_state(&self, group: &str) -> GroupState {
        let states: Vec<_> = self.of_group(group).map(|r| r.state).collect();
        let all = |state| states.iter().all(|s| *s == state);
        if states.iter().any(|s| matches!(s, ResourceState::OnlinePending | ResourceState::OfflinePending)) {
            GroupState::Pending
        } else if states.contains(&ResourceState::Failed) {
            GroupState::Failed
        } else if all(ResourceState::Online) {
            GroupState::Online
        } else if all(ResourceState::Offline) {
            GroupState::Offline
        } else {
            GroupState::Partial
        }
    }

    /// Whether a resource is to be online: it and all it stands on are wanted.
    fn to_be_online(&self, resource: &Resource) -> bool {
        resource.wanted
            && resource.depends.iter().filter_map(|d| self.resource(d)).all(|d| self.to_be_online(d))
    }

    fn is(&self, name: &str, state: ResourceState) -> bool {
        self.resource(name).is_some_and(|r| r.state == state)
    }

    /// The next resource of the group to be taken offline: one that nothing online stands on. `all`: whether wanted or not.
    pub(crate) fn next_offline(&self, group: &str, all: bool) -> Option<String> {
        let up = |r: &Resource| matches!(r.state, ResourceState::Online | ResourceState::OnlinePending);
        self.of_group(group)
            .filter(|r| up(r) && (all || !self.to_be_online(r)))
            .find(|r| !self.resources.iter().any(|other| up(other) && other.depends.contains(&r.name)))
            .map(|r| r.name.clone())
    }

    /// The next resource of the group to be brought online: one whose dependencies are.
    pub(crate) fn next_online(&self, group: &str) -> Option<String> {
        self.of_group(group)
            .filter(|r| r.state == ResourceState::Offline && self.to_be_online(r))
            .find(|r| r.depends.iter().all(|d| self.is(d, ResourceState::Online)))
            .map(|r| r.name.clone())
    }
}

impl State {
    /// Nodes whose cluster service is up, in the order of the configuration.
    pub(crate) fn up_nodes(&self) -> Vec<String> {
        self.nodes.iter().filter(|n| n.member() == Member::Up).map(|n| n.name.clone()).collect()
    }

    /// Where a group goes when its owner is gone: the first preferred owner that is up, else the first node that is.
    pub(crate) fn heir(&self, group: &str, not: &[String]) -> Option<String> {
        let mut up = self.up_nodes();
        up.retain(|name| self.node(name).is_some_and(|node| !node.durable.paused));
        let free = |n: &&String| up.contains(n) && !not.contains(n);
        let preferred = &self.cluster.group(group)?.preferred;
        preferred.iter().find(free).or_else(|| up.iter().find(free)).cloned()
    }

    /// Whether the resource can go online on its owner. `Err` is what the node logs.
    pub(crate) fn can_go_online(&self, resource: &Resource) -> Result<(), String> {
        let Some(group) = self.cluster.group(&resource.group) else { return Err("no group".into()) };
        let Some(node) = self.node(&group.owner) else { return Err("no owner".into()) };
        if node.durable.paused {
            return Err(format!("{} is paused, and brings nothing online", node.name));
        }
        if !resource.kind.starts_with("Microsoft Exchange") {
            return Ok(());
        }
        if node.durable.broken {
            return Err(format!("Exchange on {} is of two builds", node.name));
        }
        // A virtual server of Exchange 2000 follows its node when it starts.
        let compares = product_of(node.durable.exsetdata) == "exchange-2003";
        if compares && resource.kind == "Microsoft Exchange System Attendant" {
            let directory = self.directory.builds.get(&group.name);
            if directory != Some(&node.durable.exsetdata) {
                return Err(format!(
                    "You need to upgrade the Exchange Virtual Server {} before bringing it online.",
                    group.name
                ));
            }
        }
        Ok(())
    }
}
