//! An estate as a file again, in its canonical form: everything in order, what goes without saying left out.

use jiff::Timestamp;

use super::form::{ClusterForm, EvidenceForm, FileForm, GroupForm, PoolForm, RehearsalForm, ServerForm};
use crate::{Cluster, ClusterId, ClusterKind, Estate, EvidenceEntry, Pool, PoolId, Role, Server, ServerId};

/// An estate that no file can hold.
#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    /// A time behind the year 9999.
    #[error("the time of a {kind} evidence by `{by}` is too far away to be written")]
    Time {
        /// The kind of evidence.
        kind: &'static str,
        /// Who vouches for it.
        by: String,
    },
    /// The TOML writer refused.
    #[error("the estate can't be written as TOML")]
    Toml(#[from] toml::ser::Error),
}

/// Writes an estate so that [`parse`](super::parse) gives the same one again.
///
/// # Errors
/// Times behind the year 9999, which RFC 3339 can't write.
pub fn to_toml(estate: &Estate) -> Result<String, Unwritable> {
    let form = FileForm {
        name: estate.name.clone(),
        server: estate.servers.iter().map(|(id, server)| self::server(estate, id, server)).collect(),
        cluster: estate
            .clusters
            .iter()
            .filter(|(_, cluster)| cluster.kind != ClusterKind::StandAlone)
            .map(|(id, cluster)| self::cluster(id, cluster))
            .collect(),
        pool: estate.pools.iter().map(|(id, pool)| self::pool(id, pool)).collect(),
        policy: estate.policy.clone(),
        evidence: estate.evidence.iter().map(evidence).collect::<Result<_, _>>()?,
        media: estate.media.clone(),
        directory: estate.access.directory.clone(),
        scheduled_tasks: estate.access.scheduled_tasks.clone(),
        rehearsal: RehearsalForm {
            nodes: estate.rehearsal.nodes.clone(),
            groups: estate.rehearsal.groups.clone(),
        },
    };
    Ok(toml::to_string(&form)?)
}

fn server(estate: &Estate, id: &ServerId, server: &Server) -> ServerForm {
    let cluster = estate.cluster_of(id).map(|(_, cluster)| cluster);
    let clustered = cluster.is_some_and(|cluster| cluster.kind != ClusterKind::StandAlone);
    // The first `node` comes by itself; order and repetition of the others are the administrator's.
    let mut roles = server.roles.clone();
    if clustered && roles.first() == Some(&Role::Node) {
        roles.remove(0);
    }
    ServerForm {
        name: id.clone(),
        address: server.address.to_string(),
        user: server.user.clone(),
        r#become: server.r#become,
        product: server.product,
        os: (server.product.systems() != [server.os]).then_some(server.os),
        transport: (server.os.usual_transport() != server.transport).then_some(server.transport),
        roles,
        health: cluster
            .filter(|_| !clustered)
            .and_then(|cluster| cluster.groups.values().find_map(|group| group.health.clone())),
    }
}

fn cluster(id: &ClusterId, cluster: &Cluster) -> ClusterForm {
    let groups = cluster.groups.iter();
    ClusterForm {
        name: id.clone(),
        kind: cluster.kind,
        nodes: cluster.nodes.clone(),
        group: groups
            .map(|(id, group)| GroupForm {
                name: id.clone(),
                preferred: group.preferred.clone(),
                health: group.health.clone(),
            })
            .collect(),
    }
}

fn pool(id: &PoolId, pool: &Pool) -> PoolForm {
    PoolForm {
        name: id.clone(),
        servers: pool.servers.clone(),
        state: pool.state.clone(),
        out: pool.out.clone(),
        r#in: pool.r#in.clone(),
    }
}

fn evidence(entry: &EvidenceEntry) -> Result<EvidenceForm, Unwritable> {
    let at = i64::try_from(entry.at.0).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    let Some(at) = at else {
        let kind = super::words::word(&super::words::EVIDENCE, &entry.kind);
        return Err(Unwritable::Time { kind, by: entry.by.clone() });
    };
    Ok(EvidenceForm { kind: entry.kind, at: at.to_string(), by: entry.by.clone() })
}
