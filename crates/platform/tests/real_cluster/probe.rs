//! Probes of a real cluster: what the snapshot says is what is there.

use std::collections::BTreeSet;

use crate::kit::{Real, on, server_id};
use kaketsugi_estate::{
    GroupId, GroupRole, GroupState, NodeState, QuorumSeen, ResourceState, Setting, Trouble,
};
use kaketsugi_platform::{Platform, Question};

pub(crate) async fn a_probe_says_what_is_there(real: &Real) {
    let snapshot = real.platform.probe(&Question { health: true, ..Question::default() }).await;
    let cluster = &snapshot.clusters[&crate::kit::cluster_id(&real.lab)];
    println!("{snapshot:#?}");

    // The lab asks `crm_mon` in its own way; both must tell the same.
    let view = real.lab.cluster_view().unwrap();
    for resource in &view.resources {
        let seen = cluster
            .groups
            .values()
            .flat_map(|g| g.resources.iter().map(move |r| (g, r)))
            .find(|(_, r)| r.id.as_str() == resource.id);
        let (group, seen) = seen.unwrap_or_else(|| panic!("{} is missing", resource.id));
        assert_eq!(seen.state == ResourceState::Online, resource.role == "Started", "{}", resource.id);
        assert_eq!(
            group.owner.as_ref().map(|o| vec![o.to_string()]).unwrap_or_default(),
            resource.nodes,
            "{}",
            resource.id
        );
    }
    assert_eq!(cluster.nodes.len(), 3);
    assert!(cluster.nodes.values().all(|n| n.state == NodeState::Online));
    assert_eq!(cluster.quorum.has, Some(true));
    assert_eq!(cluster.trouble, []);
    assert_eq!(cluster.lock, None);
    let mail = &cluster.groups[&GroupId::new("mail").unwrap()];
    assert_eq!((mail.state, mail.healthy, mail.placement.scores.len()), (GroupState::Online, Some(true), 3));
    assert_eq!(mail.placement.stickiness, 100 * i32::try_from(mail.resources.len()).unwrap());
    assert!(cluster.groups.values().any(|g| g.role == GroupRole::Fencing));

    for (id, server) in &snapshot.servers {
        assert!(server.reached, "{id}");
        let boot = on(&real.lab, id.as_str(), "cat /proc/sys/kernel/random/boot_id");
        assert_eq!(server.boot.as_ref().map(|b| b.0.as_str()), Some(boot.trim()));
        assert_eq!(server.cluster_service, Some(true));
        assert_eq!(server.installer_running, Some(false));
        assert_eq!(server.restart_pending, Some(false));
        assert_eq!(server.trouble, []);
        assert_eq!(server.settings[&Setting::Standby], None);
        assert_eq!(server.settings[&Setting::PolicyRcD], None);
        assert_eq!(server.settings.len(), 5);
    }
}

pub(crate) async fn what_stands_in_the_way_is_seen(real: &Real) {
    let lab = &real.lab;
    on(
        lab,
        "n1",
        "apt-mark hold tzdata >/dev/null; systemctl -q enable dovecot.service 2>/dev/null; touch /run/reboot-required",
    );
    // Somebody else's package manager holds dpkg's lock.
    on(
        lab,
        "n2",
        r#"cat > /root/hold.pl <<'E'
use Fcntl; open(my $f, ">>", "/var/lib/dpkg/lock-frontend");
my $l = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0); fcntl($f, F_SETLK, $l) or die; sleep 600
E
systemd-run -q --collect --unit=test-holder perl /root/hold.pl; sleep 1"#,
    );
    on(lab, "n3", "systemctl stop pacemaker corosync");
    on(lab, "n1", "crm_attribute -t crm_config -n maintenance-mode -v true");

    // No device can fence a node that isn't there: the attempt stays in the history as failed.
    on(lab, "n2", "stonith_admin --reboot nosuch --timeout 10 || true");

    let snapshot = real.probe().await;
    let cluster = &snapshot.clusters[&crate::kit::cluster_id(lab)];
    let server = |name: &str| &snapshot.servers[&server_id(name)];
    assert!(cluster.trouble.contains(&Trouble::MaintenanceMode), "{:?}", cluster.trouble);
    assert!(!cluster.trouble.iter().any(|t| matches!(t, Trouble::Unmanaged { .. })), "said once");
    assert!(
        cluster.trouble.contains(&Trouble::FencingFailed { target: "nosuch".into() }),
        "{:?}",
        cluster.trouble
    );
    assert_eq!(cluster.nodes[&server_id("n3")].state, NodeState::Offline);
    assert_eq!(server("n3").cluster_service, Some(false));
    let troubles: BTreeSet<&Trouble> = server("n1").trouble.iter().collect();
    assert!(troubles.contains(&Trouble::PackagesHeld { packages: vec!["tzdata".into()] }), "{troubles:?}");
    assert!(troubles.contains(&Trouble::UnitEnabled { unit: "dovecot.service".into() }), "{troubles:?}");
    assert_eq!(server("n1").restart_pending, Some(true));
    assert_eq!(server("n2").installer_running, Some(true));
    assert!(
        server("n2")
            .trouble
            .iter()
            .any(|t| matches!(t, Trouble::PackageLockHeld { by } if by.contains("perl")))
    );

    on(lab, "n3", "systemctl start corosync pacemaker");
    on(
        lab,
        "n1",
        "crm_attribute -t crm_config -n maintenance-mode -D; apt-mark unhold tzdata >/dev/null; \
        systemctl -q disable dovecot.service 2>/dev/null; rm /run/reboot-required",
    );
    on(lab, "n2", "systemctl stop test-holder; stonith_admin --cleanup --history nosuch");
    lab.wait_ready(std::time::Duration::from_secs(60)).unwrap();
}

pub(crate) async fn an_account_without_rights_is_told_what_to_do(real: &Real) {
    let guest = crate::kit::platform(&real.lab, &real.estate, "guest").probe(&Question::default()).await;
    let mut through_sudo = real.estate.clone();
    through_sudo.servers.values_mut().for_each(|server| server.r#become = true);
    let refused = crate::kit::platform(&real.lab, &through_sudo, "guest").probe(&Question::default()).await;
    let admin = crate::kit::platform(&real.lab, &through_sudo, "admin").probe(&Question::default()).await;
    for id in real.estate.servers.keys() {
        let why = guest.servers[id].unreached_why.as_deref().unwrap_or("");
        assert!(!guest.servers[id].reached && why.contains("become = true"), "{why}");
        let why = refused.servers[id].unreached_why.as_deref().unwrap_or("");
        assert!(!refused.servers[id].reached && why.contains("sudo"), "{why}");
        assert!(admin.servers[id].reached, "{:?}", admin.servers[id].unreached_why);
        assert_eq!(admin.servers[id].trouble, []);
    }
}

/// votequorum's special rules of two nodes.
pub(crate) async fn two_nodes_have_rules_of_their_own(real: &Real) {
    let cluster = &real.probe().await.clusters[&crate::kit::cluster_id(&real.lab)];
    assert_eq!(cluster.quorum, QuorumSeen { has: Some(true), two_node: true, wait_for_all: true });
    assert_eq!(cluster.trouble, []);
    // A stopped corosync says the same by its file.
    on(&real.lab, "n1", "systemctl stop pacemaker corosync");
    on(&real.lab, "n2", "systemctl stop pacemaker corosync");
    let stopped = &real.probe().await.clusters[&crate::kit::cluster_id(&real.lab)];
    assert_eq!(stopped.quorum, QuorumSeen { has: None, two_node: true, wait_for_all: true });
    assert!(stopped.nodes.values().all(|n| n.state == NodeState::Offline));
    assert!(stopped.groups.is_empty() && stopped.configuration.is_none());
}
