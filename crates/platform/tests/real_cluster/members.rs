//! Drain, move, stop, restart, start, readmit on a real cluster; afterwards its configuration is what it was.

use kaketsugi_estate::{GroupId, GroupState, NodeState, Setting, Snapshot};
use kaketsugi_plan::{Action, baseline};
use kaketsugi_platform::Platform;

use crate::kit::{self, Real, on, order, token};

fn owner(snapshot: &Snapshot, real: &Real, group: &str) -> Option<String> {
    let cluster = &snapshot.clusters[&kit::cluster_id(&real.lab)];
    let group = &cluster.groups[&GroupId::new(group).unwrap()];
    group.owner.as_ref().filter(|_| group.state == GroupState::Online).map(ToString::to_string)
}

pub(crate) async fn a_node_goes_out_restarts_and_comes_back_without_a_trace(real: &Real) {
    let cluster = kit::cluster_id(&real.lab);
    let before = real.probe().await;
    let whole = on(&real.lab, "n1", "cibadmin --query --scope configuration");
    let carrier = kit::server_id(&owner(&before, real, "mail").unwrap());
    let node = || carrier.clone();
    let actions = [
        Action::Drain { cluster: cluster.clone(), node: node() },
        Action::StopService { cluster: cluster.clone(), node: node() },
        Action::Restart { node: node() },
        Action::StartService { cluster: cluster.clone(), node: node() },
        Action::Readmit { cluster: cluster.clone(), node: node() },
    ];
    let plan = real.plan(&before, &kit::no_payload(), &actions);
    let (token, start) = (token("run-m", 1), baseline(&before));
    real.platform.lock(&token).await.unwrap();
    let step = |number: usize| order(&plan, number, &token, &start);

    let (code, output) = real.carry_out(&step(0)).await.unwrap();
    assert_eq!(code, 0, "{output}");
    let drained = real.probe().await;
    assert_eq!(drained.clusters[&cluster].nodes[&carrier].state, NodeState::Standby);
    assert_ne!(owner(&drained, real, "mail"), Some(carrier.to_string()));
    assert!(owner(&drained, real, "mail").is_some(), "its groups are online elsewhere already");
    assert_eq!(drained.clusters[&cluster].trouble, []);
    assert_eq!(drained.servers[&carrier].settings[&Setting::Standby].as_deref(), Some("on"));

    let (code, output) = real.carry_out(&step(1)).await.unwrap();
    assert_eq!(code, 0, "{output}");
    let stopped = real.probe().await;
    assert_eq!(stopped.servers[&carrier].cluster_service, Some(false));
    assert_eq!(stopped.clusters[&cluster].nodes[&carrier].state, NodeState::Offline);

    let boot = stopped.servers[&carrier].boot.clone();
    real.platform.begin(&step(2)).await.unwrap();
    let back = real
        .until("the restart", 90, |s| s.servers[&carrier].reached && s.servers[&carrier].boot != boot)
        .await;
    assert_eq!(back.servers[&carrier].lock.as_ref(), Some(&token), "the lock outlives the restart");
    let (code, output) = real.carry_out(&step(2)).await.unwrap();
    assert_eq!(code, 0, "asked again, a restart that happened has ended well: {output}");
    let still = real.probe().await;
    assert_eq!(still.servers[&carrier].boot, back.servers[&carrier].boot, "and isn't begun again");

    let (code, output) = real.carry_out(&step(3)).await.unwrap();
    assert_eq!(code, 0, "{output}");
    let (code, output) = real.carry_out(&step(4)).await.unwrap();
    assert_eq!(code, 0, "{output}");
    real.platform.unlock(&token).await.unwrap();
    let after = real.probe().await;
    assert_eq!(after.clusters[&cluster].nodes, before.clusters[&cluster].nodes);
    assert_eq!(after.clusters[&cluster].configuration, before.clusters[&cluster].configuration);
    assert_eq!(after.clusters[&cluster].trouble, []);
    assert_eq!(after.servers[&carrier].settings[&Setting::Standby], None);
    assert_eq!(on(&real.lab, "n1", "cibadmin --query --scope configuration"), whole, "to the letter");
}

pub(crate) async fn what_was_there_before_a_drain_comes_back_as_it_was(real: &Real) {
    let cluster = kit::cluster_id(&real.lab);
    // n1 has an empty attribute set, n2 an attribute that says off.
    on(
        &real.lab,
        "n1",
        "crm_attribute -N n1 -n x -v 1 -l forever; crm_attribute -N n1 -n x -D -l forever; \
        crm_attribute -N n2 -n standby -v off -l forever",
    );
    let before = real.probe().await;
    let whole = on(&real.lab, "n1", "cibadmin --query --scope configuration");
    let (token, start) = (token("run-b", 1), baseline(&before));
    real.platform.lock(&token).await.unwrap();
    for name in ["n1", "n2"] {
        let node = kit::server_id(name);
        let actions = [
            Action::Drain { cluster: cluster.clone(), node: node.clone() },
            Action::Readmit { cluster: cluster.clone(), node },
        ];
        let plan = real.plan(&before, &kit::no_payload(), &actions);
        for number in 0..2 {
            let mut order = order(&plan, number, &token, &start);
            order.attempt = if name == "n1" { 1 } else { 2 };
            let (code, output) = real.carry_out(&order).await.unwrap();
            assert_eq!(code, 0, "{output}");
        }
    }
    real.platform.unlock(&token).await.unwrap();
    assert_eq!(on(&real.lab, "n1", "cibadmin --query --scope configuration"), whole);
    assert_eq!(real.probe().await.clusters[&cluster].configuration, before.clusters[&cluster].configuration);
    on(
        &real.lab,
        "n1",
        "crm_attribute -N n2 -n standby -D -l forever; \
        cibadmin --delete-all --force --xpath '//nodes/node/instance_attributes[not(*)]'",
    );
}

pub(crate) async fn a_move_leaves_no_constraint_and_touches_no_administrators(real: &Real) {
    let cluster = kit::cluster_id(&real.lab);
    let before = real.probe().await;
    let from = owner(&before, real, "web").unwrap();
    let to = ["n1", "n2", "n3"].into_iter().find(|n| *n != from).unwrap();
    let group = GroupId::new("web").unwrap();
    let action = Action::Move { cluster: cluster.clone(), group, to: kit::server_id(to), proof: false };
    let plan = real.plan(&before, &kit::no_payload(), &[action]);
    let (token, start) = (token("run-v", 1), baseline(&before));
    real.platform.lock(&token).await.unwrap();

    on(&real.lab, "n1", &format!("crm_resource --ban -r web -N {}", if to == "n1" { "n2" } else { "n1" }));
    real.lab.wait_ready(std::time::Duration::from_secs(60)).unwrap();
    let (code, output) = real.carry_out(&order(&plan, 0, &token, &start)).await.unwrap();
    assert_eq!(code, 1);
    assert!(output.contains("administrator"), "{output}");
    assert!(on(&real.lab, "n1", "cibadmin -Q -o constraints").contains("cli-ban-web"));
    on(&real.lab, "n1", "crm_resource --clear -r web");
    real.lab.wait_ready(std::time::Duration::from_secs(60)).unwrap();

    let mut again = order(&plan, 0, &token, &start);
    again.attempt = 2;
    let (code, output) = real.carry_out(&again).await.unwrap();
    assert_eq!(code, 0, "{output}");
    let after = real.probe().await;
    assert_eq!(owner(&after, real, "web").as_deref(), Some(to));
    assert_eq!(after.clusters[&cluster].configuration, before.clusters[&cluster].configuration);
    real.platform.unlock(&token).await.unwrap();
}
