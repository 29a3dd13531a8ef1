//! Locks on real nodes and in a real cluster: exclusive, all or none, and checked where the work is done.

use kaketsugi_estate::LockSeen;
use kaketsugi_plan::{Action, baseline};
use kaketsugi_platform::{Error, Platform, Progress};

use crate::kit::{self, Real, on, order, token};

pub(crate) async fn of_two_runs_one_gets_all_locks(real: &Real) {
    let configuration = |snapshot: &kaketsugi_estate::Snapshot| {
        snapshot.clusters[&kit::cluster_id(&real.lab)].configuration.clone().unwrap()
    };
    let before = configuration(&real.probe().await);
    let (first, second) = (token("run-a", 1), token("run-b", 1));
    let other = kit::platform(&real.lab, &real.estate, "root");
    let both = tokio::join!(real.platform.lock(&first), other.lock(&second));
    let holder = match both {
        (Ok(()), Err(Error::NotOurs { found, .. })) => {
            assert!(found.contains("run-a"), "{found}");
            first
        }
        (Err(Error::NotOurs { found, .. }), Ok(())) => {
            assert!(found.contains("run-b"), "{found}");
            second
        }
        other => panic!("{other:?}"),
    };
    let snapshot = real.probe().await;
    let cluster = &snapshot.clusters[&kit::cluster_id(&real.lab)];
    assert_eq!(cluster.lock.as_ref(), Some(&holder));
    assert!(snapshot.servers.values().all(|s| s.lock.as_ref() == Some(&holder)));
    assert_eq!(configuration(&snapshot), before, "our own lock is no change of the configuration");

    // Taken again and taken over by the same run; an older epoch is refused, and gives nothing back.
    real.platform.lock(&holder).await.unwrap();
    let raised = LockSeen { epoch: 2, ..holder.clone() };
    real.platform.lock(&raised).await.unwrap();
    assert!(matches!(real.platform.lock(&holder).await, Err(Error::NotOurs { .. })));
    assert!(matches!(real.platform.unlock(&holder).await, Err(Error::NotOurs { .. })));
    let snapshot = real.probe().await;
    assert_eq!(snapshot.clusters[&kit::cluster_id(&real.lab)].lock.as_ref(), Some(&raised));

    // Another run's `unlock` leaves it alone.
    real.platform.unlock(&token("run-c", 9)).await.unwrap();
    assert!(real.probe().await.servers.values().all(|s| s.lock.as_ref() == Some(&raised)));

    real.platform.unlock(&raised).await.unwrap();
    let after = real.probe().await;
    assert!(after.servers.values().all(|s| s.lock.is_none()));
    assert_eq!(after.clusters[&kit::cluster_id(&real.lab)].lock, None);
    assert_eq!(configuration(&after), before);
}

pub(crate) async fn a_lock_that_one_node_refuses_is_taken_nowhere(real: &Real) {
    let stale = token("stale", 7);
    let script =
        format!("mkdir -p /var/lib/kaketsugi/lock && echo '{} 7' > /var/lib/kaketsugi/lock/token", stale.run);
    on(&real.lab, "n3", &script);
    let refused = real.platform.lock(&token("run-a", 1)).await.unwrap_err();
    assert!(matches!(&refused, Error::NotOurs { found, .. } if found.contains("stale")), "{refused}");
    let snapshot = real.probe().await;
    let held: Vec<_> =
        snapshot.servers.iter().filter(|(_, s)| s.lock.is_some()).map(|(id, _)| id.as_str()).collect();
    assert_eq!(held, ["n3"]);
    assert_eq!(snapshot.clusters[&kit::cluster_id(&real.lab)].lock, None);
    // What `unlock RUN` does: the lock as it was seen is given back.
    real.platform.unlock(&stale).await.unwrap();
    assert!(real.probe().await.servers.values().all(|s| s.lock.is_none()));
}

pub(crate) async fn a_controller_that_slept_through_a_takeover_does_nothing(real: &Real) {
    let snapshot = real.probe().await;
    let start = baseline(&snapshot);
    let (cluster, node) = (kit::cluster_id(&real.lab), kit::server_id("n1"));
    let plan = real.plan(&snapshot, &kit::no_payload(), &[Action::Drain { cluster: cluster.clone(), node }]);
    let (slept, awake) = (token("run-t", 1), token("run-t", 2));
    let stale = order(&plan, 0, &slept, &start);
    let nobody = real.platform.begin(&stale).await.unwrap_err();
    assert!(matches!(&nobody, Error::NotOurs { found, .. } if found == "nobody"), "{nobody}");
    assert_eq!(real.platform.poll(&stale).await.unwrap(), Progress::NotBegun);

    real.platform.lock(&slept).await.unwrap();
    real.platform.lock(&awake).await.unwrap();
    let refused = real.platform.begin(&stale).await.unwrap_err();
    assert!(matches!(&refused, Error::NotOurs { found, .. } if found.contains("epoch 2")), "{refused}");
    real.platform.unlock(&awake).await.unwrap();
    real.platform.lock(&token("run-u", 1)).await.unwrap();
    let refused = real.platform.begin(&stale).await.unwrap_err();
    assert!(matches!(&refused, Error::NotOurs { found, .. } if found.contains("run-u")), "{refused}");
    assert_eq!(real.platform.poll(&stale).await.unwrap(), Progress::NotBegun);
    let after = real.probe().await;
    assert_eq!(after.clusters[&cluster].nodes, snapshot.clusters[&cluster].nodes);
    real.platform.unlock(&token("run-u", 1)).await.unwrap();

    // The cluster's lock is looked at inside the work as well: here it went to another run behind the node's back.
    real.platform.lock(&awake).await.unwrap();
    let other = token("run-v", 1);
    let pair = format!("<nvpair id=\"kaketsugi-lock-token\" value=\"{} 1\"/>", other.run);
    on(&real.lab, "n2", &format!("cibadmin --modify --xml-text '{pair}'"));
    let order = order(&plan, 0, &awake, &start);
    let refused = real.carry_out(&order).await.unwrap_err();
    assert!(matches!(&refused, Error::NotOurs { found, .. } if found.contains("run-v")), "{refused}");
    let after = real.probe().await;
    assert_eq!(after.clusters[&cluster].configuration, snapshot.clusters[&cluster].configuration);
    real.platform.unlock(&other).await.unwrap();
    real.platform.unlock(&awake).await.unwrap();
    let freed = real.probe().await;
    assert_eq!(freed.clusters[&cluster].lock, None);
    assert!(freed.servers.values().all(|s| s.lock.is_none()));
}
