//! The cluster's configuration as the nodes find it at their first start: corosync's, and Pacemaker's CIB.
//!
//! The CIB is seeded rather than entered into a running cluster: with a short `dc-deadtime` in it from the start, the
//! cluster forms in half the time.

use std::fmt::Write;

use crate::config::{Config, FENCE_PORT, GATEWAY, GroupKind, PREFIX};

/// The name of every lab's cluster.
pub(crate) const CLUSTER_NAME: &str = "lab";

/// `/etc/corosync/corosync.conf`.
pub(crate) fn corosync_conf(config: &Config) -> String {
    // Five seconds instead of three: a busy machine of two cores must not be taken for a dead node.
    let mut text = format!(
        "totem {{\n  version: 2\n  cluster_name: {CLUSTER_NAME}\n  transport: knet\n  crypto_cipher: none\n  \
         crypto_hash: none\n  token: 5000\n}}\n\nlogging {{\n  to_syslog: yes\n  to_stderr: no\n}}\n\nquorum {{\n  \
         provider: corosync_votequorum\n"
    );
    if config.nodes == 2 {
        text += "  two_node: 1\n  wait_for_all: 1\n";
    }
    text += "}\n\nnodelist {\n";
    for (i, name) in config.node_names().iter().enumerate() {
        let address = Config::node_address(i);
        let _ = write!(
            text,
            "  node {{\n    nodeid: {}\n    name: {name}\n    ring0_addr: {address}\n  }}\n",
            i + 1
        );
    }
    text + "}\n"
}

/// `/var/lib/pacemaker/cib/cib.xml`.
pub(crate) fn cib(config: &Config) -> String {
    let mut nodes = String::new();
    for (i, name) in config.node_names().iter().enumerate() {
        let _ = write!(nodes, "<node id=\"{}\" uname=\"{name}\"/>", i + 1);
    }
    let mut resources = fence_device(config);
    let mut constraints = String::new();
    for group in &config.groups {
        let mut members = String::new();
        let name = &group.name;
        match group.kind {
            GroupKind::Mail => {
                members += &primitive(
                    &format!("{name}-store"),
                    "heartbeat",
                    "Filesystem",
                    &[
                        ("device", "/shared/mail"),
                        ("directory", "/srv/mail"),
                        ("fstype", "none"),
                        ("options", "bind"),
                    ],
                );
                members +=
                    &primitive(&format!("{name}-sentinel"), "lab", "sentinel", &[("store", "/srv/mail")]);
                members += &primitive(&format!("{name}-imap"), "heartbeat", "dovecot", &[]);
                members += &primitive(&format!("{name}-smtp"), "heartbeat", "postfix", &[]);
            }
            GroupKind::Dummy => members += &primitive(&format!("{name}-app"), "pacemaker", "Dummy", &[]),
        }
        let (address, prefix) = (group.address.to_string(), PREFIX.to_string());
        members += &primitive(
            &format!("{name}-ip"),
            "heartbeat",
            "IPaddr2",
            &[("ip", &address), ("cidr_netmask", &prefix), ("nic", "host0")],
        );
        let _ = write!(resources, "<group id=\"{name}\">{members}</group>");
        if let Some(node) = &group.preferred {
            let _ = write!(
                constraints,
                "<rsc_location id=\"{name}-prefers-{node}\" rsc=\"{name}\" node=\"{node}\" score=\"50\"/>"
            );
        }
    }
    let properties = nvpairs(
        "cib-bootstrap-options",
        &[("stonith-enabled", "true"), ("dc-deadtime", "5s"), ("cluster-name", CLUSTER_NAME)],
    );
    // A group stays where it is; moving it back costs its users a second interruption.
    let defaults = nvpairs("rsc-defaults", &[("resource-stickiness", "100")]);
    format!(
        "<cib crm_feature_set=\"3.1.0\" validate-with=\"pacemaker-3.9\" epoch=\"1\" num_updates=\"0\" \
         admin_epoch=\"0\"><configuration><crm_config><cluster_property_set id=\"cib-bootstrap-options\">{properties}\
         </cluster_property_set></crm_config><nodes>{nodes}</nodes><resources>{resources}</resources><constraints>\
         {constraints}</constraints><rsc_defaults><meta_attributes id=\"rsc-defaults\">{defaults}</meta_attributes>\
         </rsc_defaults></configuration><status/></cib>\n"
    )
}

fn fence_device(config: &Config) -> String {
    let hosts = config.node_names().join(" ");
    let (address, port) = (GATEWAY.to_string(), FENCE_PORT.to_string());
    let mut parameters = vec![("ipaddr", &*address), ("ipport", &port), ("pcmk_host_list", &hosts)];
    if config.nodes == 2 {
        // Cut off from one another, both have quorum: the one that is shot at later wins, instead of both dying.
        parameters.push(("pcmk_delay_base", "n1:2s;n2:0s"));
    }
    format!(
        "<primitive id=\"fence\" class=\"stonith\" type=\"fence_lab\"><instance_attributes id=\"fence-params\">{}\
         </instance_attributes><operations><op id=\"fence-monitor\" name=\"monitor\" interval=\"60s\" timeout=\"30s\"/>\
         </operations></primitive>",
        nvpairs("fence-params", &parameters)
    )
}

fn primitive(id: &str, provider: &str, agent: &str, parameters: &[(&str, &str)]) -> String {
    let mut text = format!("<primitive id=\"{id}\" class=\"ocf\" provider=\"{provider}\" type=\"{agent}\">");
    if !parameters.is_empty() {
        let set = format!("{id}-params");
        let _ = write!(
            text,
            "<instance_attributes id=\"{set}\">{}</instance_attributes>",
            nvpairs(&set, parameters)
        );
    }
    text += "<operations>";
    for (op, interval, timeout) in [("start", "0s", "60s"), ("stop", "0s", "60s"), ("monitor", "10s", "40s")]
    {
        let _ = write!(
            text,
            "<op id=\"{id}-{op}\" name=\"{op}\" interval=\"{interval}\" timeout=\"{timeout}\"/>"
        );
    }
    text + "</operations></primitive>"
}

fn nvpairs(set: &str, pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        let _ = write!(text, "<nvpair id=\"{set}-{name}\" name=\"{name}\" value=\"{value}\"/>");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nodes_have_their_own_quorum_rules_and_a_fencing_delay() {
        assert!(corosync_conf(&Config::mail(2)).contains("two_node: 1"));
        assert!(!corosync_conf(&Config::mail(3)).contains("two_node"));
        assert!(cib(&Config::mail(2)).contains("pcmk_delay_base"));
        assert!(!cib(&Config::mail(3)).contains("pcmk_delay_base"));
    }

    #[test]
    fn the_address_is_the_last_member_of_each_group() {
        let xml = cib(&Config::mail(3).with_web());
        let order: Vec<usize> =
            ["mail-store", "mail-sentinel", "mail-imap", "mail-smtp", "mail-ip", "web-app", "web-ip"]
                .iter()
                .map(|id| xml.find(&format!("<primitive id=\"{id}\"")).unwrap())
                .collect();
        assert!(order.is_sorted(), "{order:?}");
    }
}
