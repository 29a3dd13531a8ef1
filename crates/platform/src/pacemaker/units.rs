//! Which systemd units belong to what a resource agent runs.
//!
//! A unit that systemd starts at boot, or that a package's script starts during an update, runs beside the cluster's
//! own instance: on the wrong node, or twice on one store.

use std::collections::BTreeSet;

use super::cib::Agent;

/// OCF agents and the units of Debian's packages for the same program. Units that a machine doesn't have do no harm.
const UNITS: &[(&str, &[&str])] = &[
    ("apache", &["apache2.service"]),
    ("asterisk", &["asterisk.service"]),
    ("dhcpd", &["isc-dhcp-server.service", "kea-dhcp4-server.service"]),
    ("dovecot", &["dovecot.service", "dovecot.socket"]),
    ("exportfs", &["nfs-server.service", "nfs-kernel-server.service"]),
    ("galera", &["mariadb.service", "mysql.service"]),
    ("haproxy", &["haproxy.service"]),
    ("iSCSITarget", &["iscsitarget.service", "tgt.service", "rtslib-fb-targetctl.service"]),
    ("mariadb", &["mariadb.service", "mysql.service"]),
    ("mysql", &["mariadb.service", "mysql.service"]),
    ("named", &["named.service", "bind9.service", "named-resolvconf.service"]),
    ("nfsserver", &["nfs-server.service", "nfs-kernel-server.service"]),
    ("nginx", &["nginx.service"]),
    ("pgsql", &["postgresql.service"]),
    ("postfix", &["postfix.service", "postfix@-.service"]),
    ("proftpd", &["proftpd.service"]),
    ("pureftpd", &["pure-ftpd.service"]),
    ("rabbitmq-cluster", &["rabbitmq-server.service"]),
    ("redis", &["redis-server.service", "redis.service"]),
    ("rsyncd", &["rsync.service"]),
    ("rsyslog", &["rsyslog.service"]),
    ("slapd", &["slapd.service"]),
    ("squid", &["squid.service"]),
    ("syslog-ng", &["syslog-ng.service"]),
    ("tomcat", &["tomcat10.service", "tomcat9.service"]),
    ("varnish", &["varnish.service"]),
    ("vsftpd", &["vsftpd.service"]),
    ("zabbixserver", &["zabbix-server.service"]),
];

/// The cluster's own units.
pub(crate) const STACK: [&str; 2] = ["corosync.service", "pacemaker.service"];

/// Units whose programs these agents run.
pub(crate) fn managed_units<'a>(agents: impl IntoIterator<Item = &'a Agent>) -> BTreeSet<String> {
    let mut units = BTreeSet::new();
    for agent in agents {
        match agent.class.as_str() {
            "systemd" if agent.kind.contains('.') => {
                units.insert(agent.kind.clone());
            }
            "systemd" | "lsb" | "service" => {
                units.insert(format!("{}.service", agent.kind));
            }
            "ocf" => {
                let known =
                    UNITS.iter().find(|(kind, _)| *kind == agent.kind).map_or(&[] as &[&str], |(_, u)| *u);
                units.extend(known.iter().map(|unit| (*unit).to_owned()));
            }
            _ => {}
        }
    }
    units
}

/// The same from the types that a snapshot names (`ocf:heartbeat:dovecot`, `systemd:nginx`).
pub(crate) fn managed_units_of_kinds<'a>(kinds: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let agents: Vec<Agent> = kinds.into_iter().filter_map(agent_of_kind).collect();
    managed_units(&agents)
}

fn agent_of_kind(kind: &str) -> Option<Agent> {
    let mut parts = kind.splitn(3, ':');
    let (class, second, third) = (parts.next()?, parts.next()?, parts.next());
    Some(match third {
        Some(kind) => Agent { class: class.into(), provider: Some(second.into()), kind: kind.into() },
        None => Agent { class: class.into(), provider: None, kind: second.into() },
    })
}

/// Those of `managed` that are enabled, an instance of an enabled template counting for the template.
pub(crate) fn enabled_and_managed(enabled: &BTreeSet<String>, managed: &BTreeSet<String>) -> Vec<String> {
    let template = |unit: &str| {
        unit.split_once('@').map(|(name, rest)| (name.to_owned(), rest.rsplit('.').next().map(str::to_owned)))
    };
    managed
        .iter()
        .filter(|unit| {
            enabled.contains(*unit)
                || template(unit).is_some_and(|(name, kind)| {
                    kind.is_some_and(|kind| enabled.contains(&format!("{name}@.{kind}")))
                })
        })
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_agents_of_every_class() {
        let units = managed_units_of_kinds([
            "ocf:heartbeat:dovecot",
            "ocf:heartbeat:postfix",
            "systemd:nginx",
            "systemd:backup.timer",
            "lsb:old",
            "stonith:fence_x",
            "ocf:heartbeat:IPaddr2",
        ]);
        let expected = [
            "backup.timer",
            "dovecot.service",
            "dovecot.socket",
            "nginx.service",
            "old.service",
            "postfix.service",
            "postfix@-.service",
        ];
        assert_eq!(units.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn only_enabled_ones_stand_in_the_way() {
        let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<BTreeSet<String>>();
        let managed = set(&["dovecot.service", "postfix.service", "postfix@-.service"]);
        assert_eq!(
            enabled_and_managed(&set(&["ssh.service", "dovecot.service"]), &managed),
            ["dovecot.service"]
        );
        assert_eq!(enabled_and_managed(&set(&["postfix@.service"]), &managed), ["postfix@-.service"]);
        assert!(enabled_and_managed(&set(&["ssh.service"]), &managed).is_empty());
    }

    #[test]
    fn the_table_is_sorted_so_that_a_reader_finds_an_agent() {
        let names: Vec<String> = UNITS.iter().map(|(name, _)| name.to_lowercase()).collect();
        assert!(names.is_sorted(), "{names:?}");
    }
}
