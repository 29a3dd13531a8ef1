//! The register says in which steps and findings each row acts (`in-force` in rules.toml): held to what the planner writes.

mod testkit;

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{NodeState, ReleaseState, Role};
use testkit::{Pacemaker, alone, exchange, id, pooled, together};

/// Where a row acts, by its id.
type Places = BTreeMap<String, BTreeSet<String>>;

/// Estates over which every row that a plan can cite is cited.
fn kits() -> Vec<Pacemaker> {
    let front: &[Role] = &[Role::FrontEnd];
    let small: &[Role] = &[Role::SmallBusinessServer];
    let mut kits = Vec::new();
    for release in ["exchange-2003-sp2", "exchange-2003-kb916803", "exchange-2003-kb889528"] {
        for fixed in [ReleaseState::Installed, ReleaseState::Absent] {
            let groups = [("EVS1", "NODE1"), ("EVS2", "NODE2")];
            let cluster = exchange(&["NODE1", "NODE2", "NODE3"], &groups, release);
            let servers = alone(&[("FE1", front), ("FE2", front), ("SBS1", small)], release);
            let mut kit = together(cluster, pooled(servers, "owa", &["FE1", "FE2"], &[]));
            for server in kit.snapshot.servers.values_mut() {
                server.connector = Some(true);
                let first: Vec<_> = kit.payload.first.iter().map(|first| first.id.clone()).collect();
                server.releases.extend(first.into_iter().map(|first| (first, fixed)));
            }
            kits.push(kit);
        }
    }
    for release in ["exchange-2000-sp3", "exchange-2000-kb870540"] {
        let mut servers = alone(&[("FE1", front), ("SBS1", small)], release);
        servers.snapshot.servers.values_mut().for_each(|server| server.connector = Some(true));
        kits.push(servers);
        kits.push(exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1")], release));
        kits.push(exchange(&["NODE1", "NODE2"], &[("EVS1", "NODE1"), ("EVS2", "NODE2")], release));
    }
    for release in ["exchange-5.5-sp4", "exchange-5.5-kb894689"] {
        kits.push(alone(&[("EX55", &[]), ("SBS1", small)], release));
    }
    kits.push(exchange(&["NODE1", "NODE2"], &[("EX", "NODE1")], "exchange-5.5-sp4"));
    kits
}

/// Estates for which no plan is made.
fn refused() -> Vec<Pacemaker> {
    let sp2 = |groups: &[(&str, &str)]| exchange(&["NODE1", "NODE2"], groups, "exchange-2003-sp2");
    let one = [("EVS1", "NODE1")];
    let mut full = sp2(&[("EVS1", "NODE1"), ("EVS2", "NODE2")]);
    let mut of_2000 = sp2(&one);
    let mut busy = sp2(&one);
    let mut nowhere = sp2(&one);
    for (kit, change) in [
        (&mut full, (|g| g.storage_groups = Some(4)) as fn(&mut kaketsugi_estate::GroupSeen)),
        (&mut of_2000, |g| g.version = Some("6.0.6249.4".into())),
        (&mut nowhere, |g| g.placement.scores.retain(|node, _| node.as_str() == "NODE1")),
    ] {
        let groups = kit.snapshot.clusters.values_mut().flat_map(|c| c.groups.iter_mut());
        groups.filter(|(id, _)| id.as_str() != "Cluster Group").for_each(|(_, group)| change(group));
    }
    busy.snapshot.servers.values_mut().for_each(|s| s.installer_running = Some(true));
    let cluster = nowhere.snapshot.clusters.get_mut(&id::<kaketsugi_estate::ClusterId>("CLUS1")).unwrap();
    cluster.nodes.get_mut(&id::<kaketsugi_estate::ServerId>("NODE2")).unwrap().state = NodeState::Online;
    let two = [("EX", "NODE1"), ("SHARE", "NODE2")];
    let two_active = exchange(&["NODE1", "NODE2"], &two, "exchange-5.5-sp4");
    let mut older = exchange(&["NODE1", "NODE2"], &one, "exchange-2003-sp1");
    for server in older.snapshot.servers.values_mut() {
        server.version = Some("Version 6.5 (Build 7638.2: Service Pack 2)".into());
    }
    let fix = exchange(&["NODE1", "NODE2"], &[("EX", "NODE1")], "exchange-5.5-kb894689");
    vec![full, of_2000, busy, nowhere, two_active, older, fix]
}

fn observed() -> Places {
    let mut places = Places::new();
    let mut note = |rule: &str, place: String| {
        if kaketsugi_knowledge::rules().get(rule).is_some() {
            places.entry(rule.to_owned()).or_default().insert(place);
        }
    };
    for kit in kits() {
        let plan = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap();
        for step in &plan.steps {
            step.cites.iter().for_each(|rule| note(rule, format!("step {}", step.action.name())));
        }
    }
    for kit in refused() {
        let refused = kaketsugi_planner::plan(&kit.estate, &kit.snapshot, &kit.payload).unwrap_err();
        for finding in &refused.findings {
            finding.cites.iter().for_each(|rule| note(rule, format!("finding {}", finding.code)));
        }
    }
    places
}

#[test]
fn rows_act_in_the_steps_and_findings_that_the_register_names() {
    let observed = observed();
    let mut wrong = Vec::new();
    for rule in kaketsugi_knowledge::rules().iter() {
        let said: BTreeSet<String> = rule
            .in_force
            .iter()
            .filter(|place| place.starts_with("step ") || place.starts_with("finding "))
            .cloned()
            .collect();
        let is = observed.get(&rule.id).cloned().unwrap_or_default();
        if said != is {
            wrong.push(format!("{}: the register says {said:?}, plans say {is:?}", rule.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
