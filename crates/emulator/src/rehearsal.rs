//! From an estate to emulated nodes, and to the same estate as it is reached on them.

use kaketsugi_estate::{
    Address, Cluster, ClusterId, ClusterKind, Estate, GroupId, MediaEntry, Os, PoolId, RehearsalNode,
    ServerId, TransportKind,
};
use kaketsugi_knowledge::{Build, Release, releases};
use sha2::{Digest, Sha256};

use crate::emulation::{Emulation, USER};
use crate::spec::{Balancer, EmulationSpec, GroupKind, GroupSpec, NodeSpec, Program, installer_bytes};

/// The fix that comes before the service packs of Exchange 2003 (KB 831464).
const IIS_FIX: &str = "windows-2003-kb831464";
/// The group with the quorum.
const CLUSTER_GROUP: &str = "Cluster Group";

/// Why an estate can't be rehearsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RehearsalError {
    /// Several clusters.
    #[error("a rehearsal takes an estate with one cluster; this one has {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    SeveralClusters(Vec<ClusterId>),
    /// A cluster of another kind.
    #[error("there are no emulated nodes for Pacemaker clusters, such as {0}")]
    Pacemaker(ClusterId),
    /// No server with Exchange in it.
    #[error("the estate has nothing that could be emulated: no Exchange server and no cluster of them")]
    Nothing,
    /// The catalogue has no such release, or it isn't for the product.
    #[error("{0} is no release that emulated nodes know; `kaketsugi releases` lists them")]
    NoRelease(String),
    /// A build that isn't one.
    #[error("{what} starts at `{text}`, which is no build number; write it as 6.5.7226.6")]
    Build {
        /// Which node or group.
        what: String,
        /// What was written.
        text: String,
    },
    /// A command for a balancer that isn't emulated.
    #[error(
        "pool {pool}: `{key} = {command}` can't be emulated; only a batch file's path on drive C: without blanks can, such as C:\\balancer\\{key}.cmd"
    )]
    Balancer {
        /// Which pool.
        pool: PoolId,
        /// Which key of it.
        key: &'static str,
        /// What was written.
        command: String,
    },
    /// Only Exchange is emulated.
    #[error("{0} isn't an Exchange server: only those are emulated")]
    Product(ServerId),
}

impl EmulationSpec {
    /// Emulated nodes for an estate: its cluster, where it has one, and its servers that stand alone, as its `[rehearsal]`
    /// says they start.
    ///
    /// A node that isn't named there starts with what the release asks for; of a node that is named, everything there
    /// is said: without the IIS fix among its hotfixes it hasn't got it.
    ///
    /// # Errors
    /// [`RehearsalError`].
    pub fn from_estate(estate: &Estate, release: &str) -> Result<Self, RehearsalError> {
        let of = |kind| estate.clusters.iter().filter(move |(_, cluster)| cluster.kind == kind);
        if let Some((id, _)) = of(ClusterKind::Pacemaker).next() {
            return Err(RehearsalError::Pacemaker(id.clone()));
        }
        let clusters: Vec<_> = of(ClusterKind::Windows).collect();
        let alone: Vec<_> = of(ClusterKind::StandAlone).flat_map(|(_, cluster)| &cluster.nodes).collect();
        if clusters.len() > 1 {
            return Err(RehearsalError::SeveralClusters(
                clusters.into_iter().map(|(id, _)| id.clone()).collect(),
            ));
        }
        if clusters.is_empty() && alone.is_empty() {
            return Err(RehearsalError::Nothing);
        }
        let release = releases().resolve(release).ok_or_else(|| RehearsalError::NoRelease(release.into()))?;
        let mut spec = Self::two_nodes(release.from.at_least, "");
        (spec.cluster, spec.nodes, spec.groups) = (String::new(), Vec::new(), Vec::new());
        for (id, found) in clusters {
            spec.cluster = id.to_string();
            spec.nodes =
                found.nodes.iter().map(|n| node(estate, n, &release, true)).collect::<Result<_, _>>()?;
            spec.groups = vec![group(estate, found, &spec.nodes, None)?];
            for name in found.groups.keys().filter(|g| !g.as_str().eq_ignore_ascii_case(CLUSTER_GROUP)) {
                let group = group(estate, found, &spec.nodes, Some(name))?;
                spec.groups.push(group);
            }
        }
        for server in alone {
            spec.nodes.push(node(estate, server, &release, false)?);
        }
        for (id, pool) in &estate.pools {
            let commands = [
                ("state", Some(&pool.state), Balancer::State),
                ("out", pool.out.as_ref(), Balancer::Out),
                ("in", pool.r#in.as_ref(), Balancer::In),
            ];
            for (key, command, what) in commands {
                let Some(path) = command else { continue };
                if !is_batch_file(path) {
                    return Err(RehearsalError::Balancer { pool: id.clone(), key, command: path.clone() });
                }
                spec = spec.with_file(path, key, Some(Program::Balancer(what)));
            }
        }
        if release.id.as_str().contains(':') {
            // A hotfix that only a pattern knows: its installer lies there as well.
            let path = installer_path(&release);
            let package = Program::Hotfix(crate::spec::Package::of(&release));
            spec = spec.with_file(path, installer_bytes(release.id.as_str()), Some(package));
        }
        Ok(spec)
    }
}

fn installer_path(release: &Release) -> String {
    let folder = format!("C:\\media\\{}", release.id.as_str().replace(':', "-"));
    release.installer.path.replace("{media}", &folder).replace("{lang}", "ENU")
}

fn build(what: &str, text: &str) -> Result<Build, RehearsalError> {
    text.parse().map_err(|_| RehearsalError::Build { what: what.into(), text: text.into() })
}

fn node(
    estate: &Estate,
    name: &ServerId,
    release: &Release,
    clustered: bool,
) -> Result<NodeSpec, RehearsalError> {
    let Some(server) = estate.servers.get(name).filter(|s| s.product.is_exchange()) else {
        return Err(RehearsalError::Product(name.clone()));
    };
    let said: Option<&RehearsalNode> = estate.rehearsal.nodes.get(name);
    let installed = match said.and_then(|n| n.installed.as_deref()) {
        Some(text) => build(name.as_str(), text)?,
        None => release.from.at_least,
    };
    let hotfixes = said.map(|n| n.hotfixes.clone()).unwrap_or_default();
    Ok(NodeSpec {
        name: name.to_string(),
        clustered,
        os: server.os,
        build: installed,
        iis_fix: server.os == Os::Windows2003 && said.is_none() || hotfixes.iter().any(|h| h == IIS_FIX),
        asks_for_restart: said.is_some_and(|n| n.asks_for_restart),
        hotfixes,
        services: said.map(|n| n.services.clone()).unwrap_or_default(),
        pool: estate.pool_of(name).map(|(id, _)| id.to_string()),
        out_of_pool: said.is_some_and(|n| n.out_of_pool),
        cluster_service: clustered,
    })
}

/// Whether a command is the path of a batch file, and nothing else.
fn is_batch_file(command: &str) -> bool {
    let lower = command.to_lowercase();
    let plain = |c: char| c.is_alphanumeric() || "\\:._-".contains(c);
    (lower.ends_with(".cmd") || lower.ends_with(".bat"))
        && lower.starts_with("c:\\")
        && lower.chars().all(plain)
}

/// `name` None: the cluster group.
fn group(
    estate: &Estate,
    cluster: &Cluster,
    nodes: &[NodeSpec],
    name: Option<&GroupId>,
) -> Result<GroupSpec, RehearsalError> {
    let text = name.map_or(CLUSTER_GROUP, GroupId::as_str);
    let said =
        estate.rehearsal.groups.iter().find(|(g, _)| g.as_str().eq_ignore_ascii_case(text)).map(|(_, g)| g);
    let entry = cluster.groups.iter().find(|(g, _)| g.as_str().eq_ignore_ascii_case(text)).map(|(_, g)| g);
    let preferred: Vec<String> =
        entry.map(|e| e.preferred.iter().map(ToString::to_string).collect()).unwrap_or_default();
    let first = || preferred.first().cloned().or_else(|| nodes.first().map(|n| n.name.clone()));
    let owner =
        said.and_then(|g| g.owner.as_ref().map(ToString::to_string)).or_else(first).unwrap_or_default();
    let kind = match name {
        None => GroupKind::ClusterGroup,
        Some(name) => {
            let of_owner = nodes.iter().find(|n| n.name.eq_ignore_ascii_case(&owner)).map(|n| n.build);
            let directory = match said.and_then(|g| g.version.as_deref()) {
                Some(text) => build(name.as_str(), text)?,
                None => of_owner.unwrap_or(Build::new(6, 5, 6944, 4)),
            };
            GroupKind::Evs { directory, storage_groups: said.and_then(|g| g.storage_groups).unwrap_or(1) }
        }
    };
    Ok(GroupSpec { name: text.into(), owner, preferred, failback: false, kind, offline: Vec::new() })
}

impl Emulation {
    /// The estate as it is reached here: every emulated server over SSH on loopback, every release's media with the
    /// digest of its emulated installer. Everything else is as the administrator wrote it.
    #[must_use]
    pub fn estate(&self, estate: &Estate) -> Estate {
        let mut estate = estate.clone();
        for (name, address) in self.addresses() {
            let server = estate.servers.iter_mut().find(|(id, _)| id.as_str() == name).map(|(_, s)| s);
            if let Some(server) = server {
                server.address = Address { host: address.ip().to_string(), port: Some(address.port()) };
                server.transport = TransportKind::Ssh;
                server.user = Some(USER.into());
                server.r#become = false;
            }
        }
        estate.media = self.media();
        estate
    }

    /// Every installer that lies on the nodes, with its digest.
    fn media(&self) -> Vec<MediaEntry> {
        let known = releases().iter().filter(|r| !r.pattern);
        let catalogue = known.map(|release| (release.id.clone(), installer_path(release)));
        catalogue
            .filter_map(|(release, path)| {
                let bytes = self.file(&path)?;
                Some(MediaEntry { release, path, sha256: hex::encode(Sha256::digest(bytes)) })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = include_str!("../../../examples/exchange-2003-two-node.toml");

    fn example() -> Estate {
        kaketsugi_estate::file::parse("example", EXAMPLE).unwrap()
    }

    #[test]
    fn the_example_starts_as_it_says() {
        let spec = EmulationSpec::from_estate(&example(), "exchange-2003-sp2").unwrap();
        assert_eq!(spec.nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), ["NODE1", "NODE2"]);
        assert!(spec.nodes.iter().all(|n| n.build == Build::new(6, 5, 7226, 6) && !n.iis_fix));
        assert_eq!(spec.groups[1].name, "EVS1");
        assert_eq!(spec.groups[1].owner, "NODE1");
        assert_eq!(
            spec.groups[1].kind,
            GroupKind::Evs { directory: Build::new(6, 5, 7226, 6), storage_groups: 1 }
        );
    }

    #[test]
    fn what_cannot_be_rehearsed_says_why() {
        let mut estate = example();
        let of = |estate: &Estate| EmulationSpec::from_estate(estate, "exchange-2003-sp2");
        let mut several = estate.clone();
        several.clusters.extend(estate.clusters.values().map(|c| (ClusterId::new("X").unwrap(), c.clone())));
        assert!(matches!(of(&several), Err(RehearsalError::SeveralClusters(_))));
        let nothing = Estate { clusters: Default::default(), ..estate.clone() };
        assert!(matches!(of(&nothing), Err(RehearsalError::Nothing)));
        assert!(matches!(EmulationSpec::from_estate(&estate, "nope"), Err(RehearsalError::NoRelease(_))));
        if let Some(node) = estate.rehearsal.nodes.values_mut().next() {
            node.installed = Some("SP1".into());
        }
        assert!(matches!(of(&estate), Err(RehearsalError::Build { .. })));
    }
}
