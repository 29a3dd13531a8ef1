//! Quiet, stage, install and put back on a real node; power cuts and broken packages in between.

use std::path::Path;
use std::time::Duration;

use kaketsugi_estate::{ReleaseState, Setting, Trouble};
use kaketsugi_plan::{Action, Answer, Condition, baseline, judge};
use kaketsugi_platform::{Platform, Progress};

use crate::kit::{self, Real, on, order, token};

/// The nodes that don't carry the mail group.
pub(crate) fn nodes_without_mail(real: &Real) -> Vec<String> {
    let carrier = real.lab.owner("mail").unwrap();
    real.lab.facts().config.node_names().into_iter().filter(|name| *name != carrier).collect()
}

pub(crate) async fn an_update_goes_on_and_all_else_is_as_before(real: &Real, name: &str) {
    let node = kit::server_id(name);
    // A policy of the administrator's own, with odd rights and an old time: it has to come back exactly so.
    on(
        &real.lab,
        name,
        "printf '#!/bin/sh\\n[ \"$1\" = ours ] && exit 101\\nexit 0\\n' > /usr/sbin/policy-rc.d; \
        chmod 750 /usr/sbin/policy-rc.d; touch -d 2001-02-03 /usr/sbin/policy-rc.d; systemctl start apt-daily.timer",
    );
    // Somebody lets every install restart what it replaces: it must not, while the run is at work.
    let conf = "/etc/needrestart/conf.d/restart.conf";
    on(&real.lab, name, &format!("echo \"\\$nrconf{{restart}} = 'a';\" > {conf}"));
    let file = a_new_default_for_a_changed_file(real, name);
    let listing = "ls -l --time-style=full-iso /usr/sbin/policy-rc.d; find /etc/systemd/system | sort; apt-mark showauto";
    let listed = on(&real.lab, name, listing);

    let before = real.probe().await;
    let payload = real.platform.freeze("debian-updates", &before).await.unwrap();
    let release = payload.id.clone();
    let actions = [
        Action::Quiet { node: node.clone() },
        Action::Stage { node: node.clone(), release: release.clone() },
        Action::Install { node: node.clone(), release: release.clone() },
        Action::PutBack { node: node.clone() },
    ];
    let plan = real.plan(&before, &payload, &actions);
    let start = baseline(&before);
    let token = token("run-p", 1);
    real.platform.lock(&token).await.unwrap();
    let step = |number: usize| order(&plan, number, &token, &start);
    let holds = async |condition: Condition| {
        let now = real.probe_for(&payload).await;
        judge(&condition, &now, &start, Some(&start))
    };
    let is_quiet = || Condition::IsQuiet { node: node.clone() };
    let is_staged = || Condition::Staged { node: node.clone(), release: release.clone() };
    let is_installed = || Condition::Installed { node: node.clone(), release: release.clone() };
    assert_eq!(holds(is_quiet()).await, Answer::No);

    let (code, output) = real.carry_out(&step(0)).await.unwrap();
    assert_eq!(code, 0, "{output}");
    assert_eq!(holds(is_quiet()).await, Answer::Yes);
    let policy = |words: &str| on(&real.lab, name, &format!("/usr/sbin/policy-rc.d {words}; echo $?"));
    assert_eq!(policy("dovecot.service restart").trim(), "101");
    assert_eq!(policy("postfix start").trim(), "101");
    assert_eq!(policy("pacemaker.service start").trim(), "101");
    assert_eq!(policy("dovecot.service stop").trim(), "0");
    assert_eq!(policy("ssh.service restart").trim(), "0");
    assert_eq!(policy("ours start").trim(), "101", "the administrator's own policy still counts");
    // A restart of the node wakes nothing up: the timers' condition is the lock.
    assert!(
        on(&real.lab, name, "systemctl start apt-daily.timer; systemctl is-active apt-daily.timer || true")
            .contains("inactive")
    );

    assert_eq!(holds(is_staged()).await, Answer::No);
    let (code, output) = real.carry_out(&step(1)).await.unwrap();
    assert_eq!(code, 0, "{output}");
    assert_eq!(holds(is_staged()).await, Answer::Yes);
    // A file that changes afterwards is seen, and nothing of it gets installed.
    on(
        &real.lab,
        name,
        "f=$(ls /var/lib/kaketsugi/stage/*/openssl_*.deb | head -n1); cp -p $f /root/kept.deb; echo x >> $f; echo $f > /root/kept",
    );
    assert_eq!(holds(is_staged()).await, Answer::No);
    let (code, output) = real.carry_out(&step(2)).await.unwrap();
    assert_ne!(code, 0, "{output}");
    assert!(output.contains("aren't those that were frozen"), "{output}");
    assert_eq!(holds(is_installed()).await, Answer::No);
    on(&real.lab, name, "mv /root/kept.deb $(cat /root/kept)");

    let mut again = step(2);
    again.attempt = 2;
    let daemons = "systemctl show --property MainPID ssh.service corosync.service pacemaker.service";
    let before_it = on(&real.lab, name, daemons);
    let (code, output) = real.carry_out(&again).await.unwrap();
    assert_eq!(code, 0, "{output}");
    assert_eq!(on(&real.lab, name, daemons), before_it, "nothing is restarted behind the cluster's back");
    assert_eq!(holds(is_installed()).await, Answer::Yes, "{output}");
    assert!(on(&real.lab, name, &format!("tail -n1 {file}")).contains("# ours"), "the old one is kept");
    let beside = format!("a new configuration file was left beside the old one: {file}.dpkg-dist");
    assert!(output.contains(&beside), "{beside}\n{output}");
    let seen = real.probe_for(&payload).await;
    assert_eq!(seen.servers[&node].trouble, []);
    assert_eq!(
        seen.servers[&node].restart_pending,
        Some(true),
        "the libraries of running daemons were replaced"
    );
    let others = seen.servers.iter().filter(|(id, _)| **id != node);
    assert!(
        others.clone().count() == 2
            && others.clone().all(|(_, s)| s.releases[&release] == ReleaseState::Absent)
    );
    let started = on(&real.lab, name, "systemctl is-active dovecot.service postfix.service || true");
    assert_eq!(started, "inactive\ninactive\n", "nothing was started beside the cluster");
    // Without its record the same versions count as half done.
    on(&real.lab, name, "mv /var/lib/kaketsugi/installed /root/");
    assert_eq!(real.probe_for(&payload).await.servers[&node].releases[&release], ReleaseState::Partial);
    on(&real.lab, name, "mv /root/installed /var/lib/kaketsugi/");

    let (code, output) = real.carry_out(&step(3)).await.unwrap();
    assert_eq!(code, 0, "{output}");
    let after = real.probe().await;
    assert_eq!(after.servers[&node].settings, before.servers[&node].settings);
    assert_eq!(holds(Condition::PutBack { node: node.clone() }).await, Answer::Yes);
    assert_eq!(on(&real.lab, name, "ls /var/lib/kaketsugi/stage"), "", "the staged files are gone");
    assert_eq!(holds(is_installed()).await, Answer::Yes, "the record isn't");
    real.platform.unlock(&token).await.unwrap();
    assert_eq!(on(&real.lab, name, listing), listed, "to the letter");
}

/// Puts an update into the repository that brings a new default for a configuration file which is changed on the node.
fn a_new_default_for_a_changed_file(real: &Real, name: &str) -> String {
    let mut file = String::new();
    let edit = |tree: &Path| {
        let all = std::fs::read_to_string(tree.join("DEBIAN/conffiles")).unwrap();
        file = all.lines().next().unwrap().trim().to_owned();
        let path = tree.join(file.trim_start_matches('/'));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text + "# theirs, anew\n").unwrap();
        Ok(())
    };
    real.lab.repository().add_edited("postfix", "+conf1", edit).unwrap();
    on(&real.lab, name, &format!("echo '# ours' >> {file}"));
    file
}

pub(crate) async fn a_power_cut_amid_an_install_is_seen_and_mended(real: &Real, name: &str) {
    let node = kit::server_id(name);
    let before = real.probe().await;
    let payload = real.platform.freeze("debian-updates", &before).await.unwrap();
    let release = payload.id.clone();
    let actions = [
        Action::Stage { node: node.clone(), release: release.clone() },
        Action::Install { node: node.clone(), release: release.clone() },
    ];
    let plan = real.plan(&before, &payload, &actions);
    let (token, start) = (token("run-c", 1), baseline(&before));
    real.platform.lock(&token).await.unwrap();
    let (code, output) = real.carry_out(&order(&plan, 0, &token, &start)).await.unwrap();
    assert_eq!(code, 0, "{output}");

    let install = order(&plan, 1, &token, &start);
    assert_eq!(real.platform.poll(&install).await.unwrap(), Progress::NotBegun);
    real.platform.begin(&install).await.unwrap();
    loop {
        match real.platform.poll(&install).await.unwrap() {
            Progress::Running { tail } if tail.contains("Setting up ") || tail.contains("Unpacking ") => {
                break;
            }
            Progress::Running { .. } => tokio::time::sleep(Duration::from_millis(200)).await,
            other => panic!("{other:?}"),
        }
    }
    // Our own installer is no foreign one.
    assert_eq!(real.probe().await.servers[&node].installer_running, Some(false));
    real.platform.begin(&install).await.unwrap();
    real.lab.unplug(name).unwrap();
    real.lab.power_on(name).unwrap();
    let back = real.until("the node", 120, |s| s.servers[&node].reached).await;
    assert_ne!(back.servers[&node].boot, before.servers[&node].boot);
    assert!(
        matches!(real.platform.poll(&install).await.unwrap(), Progress::Vanished { output } if output.contains("Unpacking"))
    );
    let seen = real.probe_for(&payload).await;
    assert_eq!(seen.servers[&node].releases[&release], ReleaseState::Partial);

    let mut again = install;
    again.attempt = 2;
    let (code, output) = real.carry_out(&again).await.unwrap();
    assert_eq!(code, 0, "{output}");
    let seen = real.probe_for(&payload).await;
    assert_eq!(seen.servers[&node].releases[&release], ReleaseState::Installed);
    assert_eq!(seen.servers[&node].trouble, []);
    real.platform.unlock(&token).await.unwrap();
}

pub(crate) async fn a_broken_package_ends_with_its_own_words(real: &Real, name: &str) {
    let node = kit::server_id(name);
    let broken =
        real.lab.repository().add_broken("postfix", "postfix-postinst: no room for the map").unwrap();
    let before = real.probe().await;
    let payload = real.platform.freeze("debian-updates", &before).await.unwrap();
    let release = payload.id.clone();
    let actions = [
        Action::Stage { node: node.clone(), release: release.clone() },
        Action::Install { node: node.clone(), release: release.clone() },
    ];
    let plan = real.plan(&before, &payload, &actions);
    let (token, start) = (token("run-x", 1), baseline(&before));
    real.platform.lock(&token).await.unwrap();
    let (code, output) = real.carry_out(&order(&plan, 0, &token, &start)).await.unwrap();
    assert_eq!(code, 0, "{output}");
    let (code, output) = real.carry_out(&order(&plan, 1, &token, &start)).await.unwrap();
    assert_eq!(code, 100, "{output}");
    assert!(output.contains("no room for the map"), "{output}");
    let seen = real.probe_for(&payload).await;
    assert_eq!(seen.servers[&node].releases[&release], ReleaseState::Partial);
    assert!(
        seen.servers[&node].trouble.contains(&Trouble::PackagesBroken { packages: vec!["postfix".into()] })
    );
    assert!(seen.servers[&node].settings.contains_key(&Setting::PolicyRcD));
    real.platform.unlock(&token).await.unwrap();
    real.lab.repository().remove(&broken).unwrap();
}
