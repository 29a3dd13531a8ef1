//! Locks and tokens.

use kaketsugi_estate::LockSeen;
use kaketsugi_plan::Action;
use kaketsugi_platform::{Error, Platform};

use crate::kit::{SP2, Site, cluster, group, server, spec};

fn token(run: &str, epoch: u64) -> LockSeen {
    LockSeen { run: run.into(), epoch }
}

async fn held(site: &Site) -> Vec<Option<LockSeen>> {
    site.look().await.servers.values().map(|s| s.lock.clone()).collect()
}

#[tokio::test]
async fn one_run_has_the_locks_and_another_is_told_who() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    site.platform.lock(&token("r1", 1)).await.unwrap();
    site.platform.lock(&token("r1", 1)).await.unwrap();
    assert_eq!(held(&site).await, [Some(token("r1", 1)), Some(token("r1", 1))]);
    assert_eq!(site.look().await.clusters[&cluster()].lock, Some(token("r1", 1)));
    let refused = site.platform.lock(&token("r2", 1)).await.unwrap_err();
    assert!(matches!(&refused, Error::NotOurs { found, .. } if found == "r1 (epoch 1)"), "{refused:?}");
    site.platform.unlock(&token("r2", 1)).await.unwrap();
    assert_eq!(
        held(&site).await,
        [Some(token("r1", 1)), Some(token("r1", 1))],
        "another's lock is left alone"
    );
    site.platform.unlock(&token("r1", 1)).await.unwrap();
    assert_eq!(held(&site).await, [None, None]);
    site.platform.lock(&token("r2", 1)).await.unwrap();
}

#[tokio::test]
async fn locks_taken_before_a_refusal_are_given_back() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    let line = r"mkdir C:\kaketsugi\lock & >C:\kaketsugi\lock\token.txt echo token=r9:4;";
    site.emulation.run("NODE2", line, b"").await.unwrap();
    assert!(site.platform.lock(&token("r1", 1)).await.is_err());
    assert_eq!(held(&site).await, [None, Some(token("r9", 4))]);
}

#[tokio::test]
async fn an_empty_lock_is_nobody_s_and_an_unreadable_one_somebody_s() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    // The power failed between making the directory and writing the token.
    site.emulation.run("NODE1", r"mkdir C:\kaketsugi\lock", b"").await.unwrap();
    site.platform.lock(&token("r1", 1)).await.unwrap();
    assert_eq!(held(&site).await[0], Some(token("r1", 1)));
    site.emulation.run("NODE1", r"echo ?>C:\kaketsugi\lock\token.txt", b"").await.unwrap();
    assert_eq!(held(&site).await[0].as_ref().unwrap().run, "unknown");
    assert!(site.platform.lock(&token("r1", 2)).await.is_err());
}

#[tokio::test]
async fn a_controller_that_was_overtaken_does_nothing() {
    let mut site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    site.platform.lock(&token("r1", 1)).await.unwrap();
    site.platform.lock(&token("r1", 2)).await.unwrap();
    assert!(site.platform.lock(&token("r1", 1)).await.is_err(), "no way back");
    site.token = token("r1", 1);
    let moved = Action::Move { cluster: cluster(), group: group("EVS1"), to: server("NODE2"), proof: false };
    let refused = site.act(moved.clone(), vec![]).await.unwrap_err();
    assert!(matches!(&refused, Error::NotOurs { found, .. } if found == "r1 (epoch 2)"), "{refused:?}");
    // Epoch 20 isn't taken for epoch 2.
    site.platform.lock(&token("r1", 20)).await.unwrap();
    site.token = token("r1", 2);
    assert!(matches!(site.act(moved.clone(), vec![]).await, Err(Error::NotOurs { .. })));
    assert_eq!(site.emulation.transcript().of_consequence(), Vec::<String>::new());
    site.token = token("r1", 20);
    assert_eq!(site.act(moved, vec![]).await.unwrap().0, 0);
}

#[tokio::test]
async fn a_task_that_starts_after_its_run_was_overtaken_does_nothing() {
    let mut slow = spec(SP2);
    slow.timing.task = std::time::Duration::from_millis(300);
    let site = Site::new(&slow, "exchange-2003-kb916803").await;
    site.platform.lock(&site.token).await.unwrap();
    let moved = Action::Move { cluster: cluster(), group: group("EVS1"), to: server("NODE2"), proof: false };
    let plan = site.plan(moved, vec![]);
    let order = site.order(&plan, 1);
    site.platform.begin(&order).await.unwrap();
    // Frozen between `schtasks /run` and the scheduler's turn, and overtaken meanwhile.
    site.platform.lock(&token("r1", 2)).await.unwrap();
    let ended = site.end(&order).await;
    assert!(matches!(ended, Err(Error::NotOurs { .. })), "{ended:?}");
    assert_eq!(site.emulation.transcript().of_consequence(), Vec::<String>::new());
}

#[tokio::test]
async fn run_names_that_would_break_a_command_are_refused() {
    let site = Site::new(&spec(SP2), "exchange-2003-kb916803").await;
    let refused = site.platform.lock(&token("r1 & del x", 1)).await;
    assert!(matches!(refused, Err(Error::Failed { .. })));
    assert_eq!(site.emulation.transcript().entries, Vec::new());
}
