//! All that must be there before a lab's supervisor starts: keys, store, repository, facts.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::base::Base;
use crate::config::{Config, GATEWAY, GroupKind};
use crate::error::{LabError, Result};
use crate::facts::{Facts, GroupFacts, NodeFacts};
use crate::repository::Repository;
use crate::shell::{self, command};
use crate::{node, registry};

/// All that must be there before the supervisor starts: base, repository, store, keys, facts.
pub(super) fn set_up(config: &Config, state: &Path) -> Result<Facts> {
    config.check()?;
    registry::open()?;
    let base = Base::ensure()?;
    let repository = Repository::ensure(&base)?.copy_to(&state.join("repo"))?;
    let id = format!("{:08x}", rand::random::<u32>());
    let nodes: Vec<NodeFacts> = node::addresses(config)
        .into_iter()
        .map(|(name, address)| NodeFacts {
            name,
            address,
            port: 22,
            users: ["root", "admin", "guest"].map(Into::into).into(),
        })
        .collect();
    let health = |kind: GroupKind, address: Ipv4Addr| {
        (kind == GroupKind::Mail).then(|| format!("mail-health {address}"))
    };
    let facts = Facts {
        netns: registry::netns_name(&id),
        state: state.to_path_buf(),
        control: registry::control_path(&id),
        cluster: crate::cluster_files::CLUSTER_NAME.into(),
        groups: config
            .groups
            .iter()
            .map(|g| GroupFacts {
                name: g.name.clone(),
                address: g.address,
                health: health(g.kind, g.address),
            })
            .collect(),
        controller: GATEWAY,
        key: state.join("key"),
        known_hosts: state.join("known_hosts"),
        repository: repository.dir().to_path_buf(),
        base: base.dir().to_path_buf(),
        config: config.clone(),
        id,
        nodes,
    };
    make_keys(&facts)?;
    node::set_up_store(&base, &facts.shared())?;
    facts.write()?;
    Ok(facts)
}

/// The client's key pair, a host key for each node, and the file that tells the host keys.
fn make_keys(facts: &Facts) -> Result<()> {
    make_key(&facts.key, "lab")?;
    let mut known_hosts = String::new();
    for node in &facts.nodes {
        let path = facts.state.join(format!("{}_host_key", node.name));
        make_key(&path, &node.name)?;
        let public = path.with_extension("pub");
        let public = std::fs::read_to_string(&public).map_err(LabError::io("read", &public))?;
        known_hosts += &format!("{},{} {public}", node.name, node.address);
    }
    shell::write_atomic(&facts.known_hosts, known_hosts.as_bytes())
}

fn make_key(path: &PathBuf, comment: &str) -> Result<()> {
    for old in [path.clone(), path.with_extension("pub")] {
        let _ = std::fs::remove_file(old);
    }
    let mut keygen = command("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]);
    shell::run("making a key", keygen.arg(path))?;
    Ok(())
}
