//! Probes: one script a node, all nodes at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use kaketsugi_estate::{
    ClusterId, ClusterSeen, GroupId, Health, Millis, ServerId, ServerSeen, Setting, Snapshot, Trouble,
};
use kaketsugi_plan::{Content, Payload};
use kaketsugi_transport::{Command, Host, quote};

use super::cluster::LinuxCluster;
use super::node::{self, Asked, QUIET_UNITS};
use super::paths;
use super::sections::{Sections, mark};
use crate::Question;
use crate::debian::dpkg::{QUERY_FORMAT, file_name, list_digest};
use crate::pacemaker::seen::see;
use crate::pacemaker::view::View;

/// The script itself; its tools have bounds of their own.
const SCRIPT: &str = include_str!("../scripts/probe.sh");
/// A node that hasn't answered by then counts as not reached.
const TIMEOUT: Duration = Duration::from_secs(150);
/// Large package databases and CIBs: some megabytes.
const OUTPUT_BYTES_MAX: usize = 32 << 20;

/// What came of asking one node.
enum Answer {
    Unreached(String),
    Sections(Sections),
}

impl LinuxCluster {
    /// Looks at servers and clusters.
    pub(super) async fn look(&self, question: &Question<'_>) -> Snapshot {
        let wanted = self.wanted(&question.servers);
        let asking = wanted.iter().map(|id| async { (id.clone(), self.ask(id, question.payload).await) });
        let answers: BTreeMap<ServerId, Answer> = join_all(asking).await.into_iter().collect();

        let mut snapshot = Snapshot::default();
        let mut views: BTreeMap<ServerId, View> = BTreeMap::new();
        for (id, answer) in &answers {
            let asked = question.payload.and_then(|payload| asked(payload, id));
            let seen = match answer {
                Answer::Unreached(why) => unreached(why.clone()),
                Answer::Sections(sections) => match node::read(sections, asked.as_ref()) {
                    Ok((seen, view)) => {
                        views.insert(id.clone(), view);
                        seen
                    }
                    Err(not_root) => unreached(not_root.to_string()),
                },
            };
            snapshot.servers.insert(id.clone(), seen);
        }
        for (name, cluster) in self.clusters_of(&wanted) {
            let hosts = self.hosts_of(cluster);
            let views =
                views.iter().filter(|(id, _)| hosts.contains_key(*id)).map(|(id, v)| (id.clone(), v.clone()));
            let seen = see(&views.collect(), &hosts);
            for (id, server) in
                snapshot.servers.iter_mut().filter(|(id, s)| s.reached && hosts.contains_key(*id))
            {
                if let Some(standby) = seen.standby.get(id) {
                    server.settings.insert(Setting::Standby, standby.clone());
                }
                if let Some(Answer::Sections(sections)) = answers.get(id) {
                    server.trouble.extend(node::unit_troubles(sections, &seen.managed_units));
                }
            }
            if let Some(mut cluster) = seen.cluster {
                if question.health {
                    self.ask_health(name, &mut cluster).await;
                }
                snapshot.clusters.insert(name.clone(), cluster);
            }
        }
        snapshot.taken_at = now();
        snapshot
    }

    /// The servers asked for, and all nodes of the clusters that they are in.
    fn wanted(&self, servers: &BTreeSet<ServerId>) -> BTreeSet<ServerId> {
        let own = |id: &&ServerId| self.hosts.contains_key(*id);
        if servers.is_empty() {
            return self.hosts.keys().cloned().collect();
        }
        let mut wanted: BTreeSet<ServerId> = servers.iter().filter(own).cloned().collect();
        for cluster in self.estate.clusters.values() {
            if cluster.nodes.iter().any(|node| wanted.contains(node)) {
                wanted.extend(cluster.nodes.iter().filter(own).cloned());
            }
        }
        wanted
    }

    async fn ask(&self, id: &ServerId, payload: Option<&Payload>) -> Answer {
        let Some(host) = self.hosts.get(id) else {
            return Answer::Unreached("no transport leads to it".into());
        };
        let mark = mark();
        let script =
            format!("{}{SCRIPT}", header(&mark, payload.and_then(|payload| asked(payload, id)).as_ref()));
        let command = Command::shell(script).timeout(TIMEOUT).output_bytes_max(OUTPUT_BYTES_MAX);
        match host.run(&command).await {
            Ok(output) => Answer::Sections(Sections::parse(&output.stdout_text(), &mark)),
            Err(error) => Answer::Unreached(error.to_string()),
        }
    }

    /// Runs the groups' health commands where users are: on the controller.
    async fn ask_health(&self, name: &ClusterId, cluster: &mut ClusterSeen) {
        let Some(entries) = self.estate.clusters.get(name).map(|c| &c.groups) else { return };
        let asked = entries.iter().filter_map(|(group, entry)| {
            let health = entry.health.as_ref()?;
            Some(async move { (group.clone(), self.is_healthy(health).await) })
        });
        let answers: Vec<(GroupId, Result<bool, String>)> = join_all(asked).await;
        for (group, answer) in answers {
            match (answer, cluster.groups.get_mut(&group)) {
                (Ok(healthy), Some(seen)) => seen.healthy = Some(healthy),
                (Err(why), Some(seen)) => {
                    // A command that can't be run proves no health.
                    seen.healthy = Some(false);
                    cluster.trouble.push(Trouble::Unreadable { what: format!("health of {group}: {why}") });
                }
                (_, None) => {}
            }
        }
    }

    async fn is_healthy(&self, health: &Health) -> Result<bool, String> {
        let command =
            Command::new(health.command.clone()).timeout(Duration::from_secs(health.timeout_seconds.into()));
        match self.controller.run(&command).await {
            Ok(output) => Ok(output.exit.is_success()),
            // One that hangs says no: users would hang as well.
            Err(kaketsugi_transport::Error::TimedOut { .. }) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn asked<'a>(payload: &'a Payload, id: &ServerId) -> Option<Asked<'a>> {
    match &payload.content {
        Content::Packages(_) => Some(Asked { release: &payload.id, packages: payload.packages(id) }),
        Content::Media(_) => None,
    }
}

/// The script's parameters.
fn header(mark: &str, asked: Option<&Asked<'_>>) -> String {
    let mut header = format!(
        "MARK={mark}\nUNITS={}\nDPKG_FORMAT={}\n",
        quote(&QUIET_UNITS.join(" ")),
        quote(QUERY_FORMAT)
    );
    if let Some(asked) = asked.filter(|asked| !asked.packages.is_empty()) {
        let digest = list_digest(asked.packages);
        let sums: String =
            asked.packages.iter().map(|p| format!("{}  {}\n", p.sha256, file_name(p))).collect();
        for (name, value) in
            [("STAGE", paths::stage(&digest)), ("RECORD", paths::record(&digest)), ("SUMS", sums)]
        {
            header.push_str(&format!("{name}={}\n", quote(&value)));
        }
    }
    header
}

fn unreached(why: String) -> ServerSeen {
    ServerSeen { reached: false, unreached_why: Some(why), ..ServerSeen::default() }
}

fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
