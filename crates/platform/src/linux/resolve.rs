//! Asks the nodes what an update would install, with an apt of our own on each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::future::try_join_all;
use kaketsugi_estate::{ServerId, Snapshot};
use kaketsugi_plan::Payload;
use kaketsugi_transport::{Command, Host, quote, sanitize};

use super::cluster::{LinuxCluster, NAME};
use super::sections::{Sections, mark};
use crate::Error;
use crate::debian::apt::{Origins, records, simulation};
use crate::debian::dpkg::{Dpkg, QUERY_FORMAT};
use crate::debian::freeze::{DEBIAN_UPDATES, NodeFacts, freeze};

const SCRIPT: &str = concat!(include_str!("../scripts/private-apt.sh"), include_str!("../scripts/freeze.sh"));
/// Fetching the indices of slow archives takes minutes.
const TIMEOUT: Duration = Duration::from_secs(1200);
const OUTPUT_BYTES_MAX: usize = 64 << 20;

impl LinuxCluster {
    /// Freezes a release for all our nodes.
    pub(super) async fn resolve(&self, release: &str, snapshot: &Snapshot) -> Result<Payload, Error> {
        if release != DEBIAN_UPDATES {
            let what = format!("release `{release}` (known here: `{DEBIAN_UPDATES}`)");
            return Err(Error::NoSuchAction { what, platform: NAME });
        }
        for (id, seen) in snapshot.servers.iter().filter(|(id, _)| self.hosts.contains_key(*id)) {
            if !seen.reached {
                let why = seen.unreached_why.clone().unwrap_or_else(|| "it was not reached".into());
                return Err(Error::Failed { host: id.clone(), what: "resolving the release".into(), why });
            }
        }
        let asked = self.hosts.iter().map(|(id, host)| async { Ok((id.clone(), facts(id, host).await?)) });
        let nodes: BTreeMap<ServerId, NodeFacts> = try_join_all(asked).await?.into_iter().collect();
        freeze(&nodes, &self.estate.policy).map_err(|refused| {
            // Each refusal names its nodes; the error itself wants one.
            let host = nodes.into_keys().next().or_else(|| ServerId::new("estate").ok());
            let (what, why) = ("freezing the release".to_owned(), refused.join("; "));
            match host {
                Some(host) => Error::Failed { host, what, why },
                None => Error::NoSuchAction { what: why, platform: NAME },
            }
        })
    }
}

async fn facts(id: &ServerId, host: &impl Host) -> Result<NodeFacts, Error> {
    let mark = mark();
    let script = format!("MARK={mark}\nDPKG_FORMAT={}\n{SCRIPT}", quote(QUERY_FORMAT));
    let command = Command::shell(script).timeout(TIMEOUT).output_bytes_max(OUTPUT_BYTES_MAX);
    let output = host.run(&command).await.map_err(|source| Error::Host { host: id.clone(), source })?;
    let sections = Sections::parse(&output.stdout_text(), &mark);
    if let Some(uid) = sections.line("uid").filter(|uid| *uid != "0") {
        let what = super::node::NotRoot { uid: uid.to_owned() }.to_string();
        return Err(Error::NoPrivilege { host: id.clone(), what });
    }
    let section = |name: &str, what: &str| match sections.get(name) {
        Some(section) if section.code == 0 => Ok(section.text.as_str()),
        Some(section) => Err(Error::Failed {
            host: id.clone(),
            what: what.to_owned(),
            why: format!("exit code {}: {}", section.code, last_lines(&section.text)),
        }),
        None => Err(Error::Failed {
            host: id.clone(),
            what: what.to_owned(),
            why: format!("no answer: {}", last_lines(&output.stderr_text())),
        }),
    };
    let unreadable =
        |what: &str, why: String| Error::Unreadable { host: id.clone(), what: what.to_owned(), why };
    section("update", "apt-get update (private)")?;
    let simulated = simulation(section("simulate", "apt-get -s dist-upgrade")?)
        .map_err(|why| unreadable("apt-get -s dist-upgrade", why))?;
    Ok(NodeFacts {
        simulated,
        records: records(section("show", "apt-cache show")?),
        origins: Origins::parse(
            section("files", "apt-cache policy")?,
            section("policy", "apt-cache policy")?,
        ),
        dpkg: Dpkg::parse(section("dpkg", "dpkg-query")?).map_err(|why| unreadable("dpkg-query", why))?,
        linked: section("linked", "ldd")?.lines().map(str::to_owned).collect::<BTreeSet<_>>(),
    })
}

/// The end of an output, for an error message.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    sanitize(&lines[lines.len().saturating_sub(6)..].join(" / "))
}
