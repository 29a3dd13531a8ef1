//! The head of a runbook: what it is and rests on, what it costs users, why in this order.

use std::collections::BTreeMap;

use kaketsugi_estate::{ClusterKind, ServerId, TransportKind};

use super::page::{Field, Line, Page};
use super::{outages, risks, time, who, words};
use crate::{Actor, Plan, ReasonKind};

/// Title and identity.
pub(super) fn head(plan: &Plan) -> Page {
    let estate = &plan.estate;
    let mut page = Page::new(format!("Runbook: {} on {}", plan.payload.title, estate.name));
    let (alone, clusters): (Vec<_>, Vec<_>) =
        estate.clusters.iter().partition(|(_, cluster)| cluster.kind == ClusterKind::StandAlone);
    let of = |nodes: &[ServerId]| Line::default().codes(nodes.iter().map(ServerId::as_str));
    let clusters: Vec<Line> = clusters
        .into_iter()
        .map(|(id, cluster)| {
            let line = Line::default().code(id.as_str());
            line.then(format!(" ({}): ", words::cluster_kind(cluster.kind)))
                .codes(cluster.nodes.iter().map(ServerId::as_str))
        })
        .collect();
    let alone: Vec<Line> = alone.into_iter().map(|(_, server)| of(&server.nodes)).collect();
    let hash = plan.hash();
    page.fields(vec![
        Field::one(
            "Estate",
            Line::from(format!("{} ({})", estate.name, words::environment(estate.policy.environment))),
        ),
        Field::new("Clusters", clusters),
        Field::new("Stand-alone", alone),
        Field::one(
            "Release",
            Line::default().code(plan.payload.id.as_str()).then(format!(": {}", plan.payload.title)),
        ),
        Field::one("Procedure", plan.section.as_str()),
        Field::one("Plan", Line::default().strong(hash.short())),
        Field::one("Whole hash", Line::default().code(hash.as_str())),
        Field::new(
            "Follows on",
            plan.parent
                .iter()
                .map(|p| Line::from("plan ").code(p.short()).then(", within the same run"))
                .collect(),
        ),
        Field::one("Made from", format!("what was seen at {}", words::utc(plan.snapshot.taken_at))),
        Field::new("Rests on", rests_on(plan)),
    ]);
    page
}

/// Whose eyes and whose word the plan rests on.
fn rests_on(plan: &Plan) -> Vec<Line> {
    let mut by_transport: BTreeMap<TransportKind, Vec<&ServerId>> = BTreeMap::new();
    for (id, server) in &plan.estate.servers {
        by_transport.entry(server.transport).or_default().push(id);
    }
    let mut lines: Vec<Line> = by_transport
        .into_iter()
        .map(|(transport, servers)| {
            let line = Line::default().codes(servers.into_iter().map(ServerId::as_str));
            line.then(format!(": {}", words::seen_by(transport)))
        })
        .collect();
    let unreached = plan.snapshot.servers.iter().filter(|(_, s)| !s.reached);
    lines.extend(unreached.map(|(id, s)| {
        let why = s.unreached_why.as_deref().unwrap_or("no reason known");
        Line::default().strong(format!("{id} did not answer: {why}"))
    }));
    lines.extend(
        plan.snapshot
            .evidence
            .iter()
            .map(|e| format!("{}: {}, says {}", words::evidence(e.kind), words::utc(e.at), e.by).into()),
    );
    lines
}

/// How much, how long, who is cut off, what one failure would do, where there is no way back.
pub(super) fn summary(page: &mut Page, plan: &Plan) {
    page.heading("In short");
    let people: Vec<usize> = numbered(plan, |s| who(plan, s) == Actor::Operator);
    let asked: Vec<usize> = numbered(plan, |s| s.when.is_some());
    let no_return: Vec<usize> = numbered(plan, |s| s.point_of_no_return);
    let time = time(plan);
    let mut long = vec![Line::from(format!("about {}", words::duration(time.most)))];
    if time.people > 0 {
        let part = match time.people == time.most {
            true => "all of it".to_owned(),
            false => words::duration(time.people),
        };
        long.push(format!("people's work: {part}; a rough guess, and nobody is hurried").into());
    }
    if !asked.is_empty() {
        let least = words::duration(time.least);
        long.push(format!("about {least} if nothing asks for {}", words::steps(&asked)).into());
    }
    let all = words::count(plan.steps.len(), "step", "steps");
    let steps = match people.as_slice() {
        [] => format!("{all}, all by machine"),
        people if people.len() == plan.steps.len() => {
            format!("{all}, all by people: Kaketsugi says what to do, and nothing goes over the network")
        }
        people => format!(
            "{all}: {} by machine, {} by a person ({})",
            plan.steps.len() - people.len(),
            people.len(),
            words::steps(people)
        ),
    };
    let cut_off = outages(plan);
    let at_risk = risks(plan);
    page.fields(vec![
        Field::one("Work", steps),
        Field::new("Time", long),
        Field::new(
            "Cut off",
            if cut_off.is_empty() {
                vec!["no group's users, as far as can be planned".into()]
            } else {
                per_group(plan)
            },
        ),
        Field::one("At risk", risk(plan, at_risk.iter().map(|r| r.group.as_str()).collect())),
        Field::one(
            "No way back",
            match no_return.as_slice() {
                [] => "no step is a point of no return".into(),
                steps => format!("after {}", words::steps(steps)),
            },
        ),
    ]);
    interruptions(page, plan);
    exposures(page, plan);
    no_way_back(page, plan, &no_return);
}

/// Servers that stand alone in no pool: at no time does anybody take over what they carry.
pub(super) fn lone(plan: &Plan) -> Vec<&str> {
    let alone = plan.estate.servers.keys().filter(|id| plan.estate.stands_alone(id));
    alone.filter(|id| plan.estate.pool_of(id).is_none()).map(ServerId::as_str).collect()
}

/// Whose users one failure would cut off.
fn risk(plan: &Plan, mut groups: Vec<&str>) -> String {
    groups.dedup();
    let lone = lone(plan);
    let alone = match lone.len() {
        0 => None,
        all if all == plan.estate.servers.len() => Some(
            "every server: nobody takes over what one carries, so if it fails its users are cut off until it is back"
                .to_owned(),
        ),
        _ => Some(format!(
            "{}: nobody takes over what stands alone, so if it fails its users are cut off until it is back",
            words::and(&lone)
        )),
    };
    let listed =
        (!groups.is_empty()).then(|| format!("{}: see “If a node fails meanwhile”", words::and(&groups)));
    let said: Vec<String> = [alone, listed].into_iter().flatten().collect();
    match said.is_empty() {
        true => "no group: at every step any one node may fail, and another carries its groups".into(),
        false => said.join("; "),
    }
}

fn numbered(plan: &Plan, pick: impl Fn(&crate::Step) -> bool) -> Vec<usize> {
    plan.steps.iter().enumerate().filter(|(_, s)| pick(s)).map(|(index, _)| index + 1).collect()
}

/// A line for each group whose users are cut off: how often, and for how long in all.
fn per_group(plan: &Plan) -> Vec<Line> {
    let mut groups: BTreeMap<_, (usize, u64)> = BTreeMap::new();
    for outage in outages(plan) {
        let (count, seconds) = groups.entry((outage.cluster, outage.group)).or_default();
        *count += 1;
        *seconds += outage.expected_seconds;
    }
    let line = |((_, group), (count, seconds)): ((_, kaketsugi_estate::GroupId), (usize, u64))| {
        let all = if count > 1 { " in all" } else { "" };
        let often = words::times(count);
        Line::default()
            .strong(group.as_str())
            .then(format!(" {often}, about {}{all}", words::duration(seconds)))
    };
    groups.into_iter().map(line).collect()
}

fn interruptions(page: &mut Page, plan: &Plan) {
    let outages = outages(plan);
    if outages.is_empty() {
        return;
    }
    page.part("When users are cut off");
    let rows = outages.into_iter().map(|outage| {
        let steps: Vec<usize> = (outage.first..=outage.last).collect();
        let mut what = plan.steps.get(outage.first - 1).map(|s| s.title.clone()).unwrap_or_default();
        if !outage.ends {
            what.push_str("; this plan does not end it");
        }
        vec![
            Line::default().code(outage.group.as_str()),
            words::steps(&steps).into(),
            words::duration(outage.expected_seconds).into(),
            what.into(),
        ]
    });
    page.table(&["Group", "In", "About", "Begins with"], rows.collect());
}

fn exposures(page: &mut Page, plan: &Plan) {
    let risks = risks(plan);
    if risks.is_empty() {
        return;
    }
    page.part("If a node fails meanwhile");
    page.text(
        "During these steps no other node could carry the group. If the node named here failed then, the group would \
         be down until that node is back or the step is over.",
    );
    let rows = risks.into_iter().map(|risk| {
        vec![
            Line::default().code(risk.group.as_str()),
            Line::default().code(risk.node.as_str()),
            words::steps(&risk.steps).into(),
            words::duration(risk.expected_seconds).into(),
        ]
    });
    page.table(&["Group", "Node that must not fail", "During", "For about"], rows.collect());
}

fn no_way_back(page: &mut Page, plan: &Plan, numbers: &[usize]) {
    if numbers.is_empty() {
        return;
    }
    page.part("Where there is no way back");
    let lines = numbers.iter().filter_map(|number| {
        let step = plan.steps.get(number - 1)?;
        Some(Line::from(format!("Step {number}: {}", step.title)))
    });
    page.list(lines.collect());
    page.text(
        "After each of these, the only way back is a backup. Right before it the run looks again at what it requires, \
         the age of the backup among it, and stops if anything is missing.",
    );
}

/// Why each server has its place.
pub(super) fn order(page: &mut Page, plan: &Plan) {
    let mut order: Vec<&ServerId> = Vec::new();
    for reason in &plan.reasons {
        if !order.contains(&&reason.server) {
            order.push(&reason.server);
        }
    }
    if order.is_empty() {
        return;
    }
    page.heading("Why in this order");
    let of = |server: &ServerId| -> Vec<&ReasonKind> {
        plan.reasons.iter().filter(|r| r.server == *server).map(|r| &r.kind).collect()
    };
    // Servers where nothing is installed have no turn; they come last.
    let idle = |server: &ServerId| of(server).contains(&&ReasonKind::AlreadyInstalled);
    order.sort_by_key(|server| idle(server));
    let turns = order.iter().filter(|server| !idle(server)).count();
    let mut turn = 0;
    let rows = order.into_iter().map(|server| {
        let place = if idle(server) {
            "–".to_owned()
        } else {
            turn += 1;
            turn.to_string()
        };
        let last = turn == turns;
        let why: Vec<String> = of(server).into_iter().map(|kind| words::reason(kind, last)).collect();
        vec![place.into(), Line::default().code(server.as_str()), why.join(" ").into()]
    });
    page.table(&["Turn", "Server", "Why"], rows.collect());
}
