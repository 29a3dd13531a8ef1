//! Writes a case as a CIB, and asks `crm_simulate` what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use quick_xml::events::Event as Xml;

use crate::case::{Case, Event, INFINITY, Node};

/// How often the cluster may look again before it has to be quiet.
const TRANSITIONS_MAX: usize = 8;

/// The digest of a resource without parameters; without one the scheduler takes its definition for changed.
const NO_PARAMETERS: &str = "f2317cad3d54cec5d7d7aa7d0bf35cf8";

fn score(score: i32) -> String {
    if score >= INFINITY {
        "INFINITY".into()
    } else if score <= -INFINITY {
        "-INFINITY".into()
    } else {
        score.to_string()
    }
}

pub(crate) fn write(case: &Case) -> String {
    let ids: BTreeMap<&str, usize> = case.nodes.keys().map(String::as_str).zip(1..).collect();
    let in_standby = |name: &str| match &case.event {
        Event::Standby(n) | Event::StandbyAndStartFails { standby: n, .. } if n == name => true,
        Event::Unstandby(n) if n == name => false,
        _ => case.nodes[name] == Node::Standby,
    };
    let mut nodes = String::new();
    for (name, id) in &ids {
        let attributes = if in_standby(name) {
            format!(
                r#"<instance_attributes id="nodes-{id}"><nvpair id="nodes-{id}-standby" name="standby" value="on"/></instance_attributes>"#
            )
        } else {
            String::new()
        };
        write!(nodes, r#"<node id="{id}" uname="{name}">{attributes}</node>"#).unwrap();
    }
    let (mut resources, mut constraints) = (String::new(), String::new());
    for g in &case.groups {
        let name = &g.name;
        let mut meta = format!(
            r#"<nvpair id="{name}-stickiness" name="resource-stickiness" value="{}"/>"#,
            score(g.stickiness)
        );
        if g.owner.is_none() {
            write!(meta, r#"<nvpair id="{name}-role" name="target-role" value="Stopped"/>"#).unwrap();
        }
        let meta = format!(r#"<meta_attributes id="{name}-meta">{meta}</meta_attributes>"#);
        if g.fencing {
            write!(
                resources,
                r#"<primitive id="{name}" class="stonith" type="fence_none">{meta}</primitive>"#
            )
            .unwrap();
        } else {
            write!(resources, r#"<group id="{name}">{meta}"#).unwrap();
            for i in 0..g.members {
                write!(
                    resources,
                    r#"<primitive id="{}" class="ocf" provider="pacemaker" type="Dummy"/>"#,
                    g.member(i)
                )
                .unwrap();
            }
            resources.push_str("</group>");
        }
        for (n, s) in &g.scores {
            write!(
                constraints,
                r#"<rsc_location id="{name}-on-{n}" rsc="{name}" node="{n}" score="{}"/>"#,
                score(*s)
            )
            .unwrap();
        }
    }
    let mut status = String::new();
    for (name, id) in &ids {
        let up = case.nodes[*name] != Node::Offline;
        let (ccm, crmd, join) = if up { ("true", "online", "member") } else { ("false", "offline", "down") };
        let mut history = String::new();
        for g in &case.groups {
            for i in 0..g.members {
                let here = g.owner.as_deref() == Some(*name);
                history.push_str(&operation(&g.member(i), g.fencing, here));
            }
        }
        write!(
            status,
            r#"<node_state id="{id}" uname="{name}" in_ccm="{ccm}" crmd="{crmd}" join="{join}" expected="{join}"><lrm id="{id}"><lrm_resources>{}</lrm_resources></lrm></node_state>"#,
            if up { history } else { String::new() }
        )
        .unwrap();
    }
    format!(
        r#"<cib crm_feature_set="3.16.0" validate-with="pacemaker-3.0" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="1"><configuration><crm_config><cluster_property_set id="o"><nvpair id="o-fencing" name="stonith-enabled" value="true"/></cluster_property_set></crm_config><nodes>{nodes}</nodes><resources>{resources}</resources><constraints>{constraints}</constraints></configuration><status>{status}</status></cib>"#
    )
}

/// The last thing known of a resource on a node: started there, or found not to run.
fn operation(resource: &str, fencing: bool, started: bool) -> String {
    let class = if fencing {
        r#"class="stonith" type="fence_none""#
    } else {
        r#"class="ocf" provider="pacemaker" type="Dummy""#
    };
    let (task, expected) = if started { ("start", 0) } else { ("monitor", 7) };
    let key = format!("1:1:{expected}:00000000-0000-0000-0000-000000000000");
    format!(
        r#"<lrm_resource id="{resource}" {class}><lrm_rsc_op id="{resource}_last_0" operation_key="{resource}_{task}_0" operation="{task}" crm_feature_set="3.16.0" transition-key="{key}" transition-magic="0:{expected};{key}" call-id="1" rc-code="{expected}" op-status="0" interval="0" op-digest="{NO_PARAMETERS}"/></lrm_resource>"#
    )
}

/// Where each resource is once nothing more happens.
pub(crate) fn simulate(case: &Case, quorate: bool, directory: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let (from, to) = (directory.join("from.xml"), directory.join("to.xml"));
    std::fs::write(&from, write(case)).unwrap();
    let mut last = None;
    for round in 0..TRANSITIONS_MAX {
        let mut command = Command::new("crm_simulate");
        command
            .arg("--simulate")
            .arg("--output-as=xml")
            .arg("--xml-file")
            .arg(&from)
            .arg("--save-output")
            .arg(&to);
        if round == 0 {
            command.arg(format!("--quorum={}", u8::from(quorate)));
            match &case.event {
                Event::StopService(n) => _ = command.arg(format!("--node-down={n}")),
                Event::StartService(n) => _ = command.arg(format!("--node-up={n}")),
                Event::PowerLost(n) => _ = command.arg(format!("--node-fail={n}")),
                _ => {}
            }
        }
        if let Event::StandbyAndStartFails { group, member, on, .. } = &case.event {
            let g = case.groups.iter().find(|g| g.name == *group).unwrap();
            command.arg(format!("--op-fail={}_start_0@{on}=1", g.member(*member)));
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "crm_simulate failed ({}) for {case:#?}\n{}\n{text}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let now = locations(&text);
        if last.as_ref() == Some(&now) {
            return now;
        }
        last = Some(now);
        let saved = std::fs::read_to_string(&to).unwrap();
        std::fs::write(&from, as_the_controller_counts(case, &saved)).unwrap();
    }
    panic!("the simulated cluster isn't quiet after {TRANSITIONS_MAX} transitions: {case:#?}");
}

/// `crm_simulate` counts a failed start as one failure. The controller of a real cluster writes INFINITY, as
/// `start-failure-is-fatal` asks (failed_start_offset in daemons/controld, 2.1.5); the scheduler only reads it.
fn as_the_controller_counts(case: &Case, cib: &str) -> String {
    let mut cib = cib.to_owned();
    for member in case.groups.iter().flat_map(|g| (0..g.members).map(|i| g.member(i))) {
        let before = format!(r#"name="fail-count-{member}#start_0" value=""#);
        for count in 1..=TRANSITIONS_MAX {
            cib = cib.replace(&format!(r#"{before}{count}""#), &format!(r#"{before}INFINITY""#));
        }
    }
    cib
}

/// Reads the status after the transition; where nothing was to be done, the status before it.
fn locations(xml: &str) -> BTreeMap<String, BTreeSet<String>> {
    let part = match xml.split_once("<revised_cluster_status>") {
        Some((_, after)) => after.split_once("</revised_cluster_status>").unwrap().0,
        None => xml,
    };
    let mut reader = quick_xml::Reader::from_str(part);
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut resource: Option<String> = None;
    loop {
        let event = reader.read_event().unwrap();
        let attribute = |e: &quick_xml::events::BytesStart<'_>, name: &str| {
            let value = e.try_get_attribute(name).unwrap()?;
            Some(value.value.into_owned())
        };
        match &event {
            Xml::Start(e) | Xml::Empty(e) if e.name().as_ref() == "resource" => {
                let id = attribute(e, "id").unwrap();
                all.entry(id.clone()).or_default();
                resource = matches!(event, Xml::Start(_)).then_some(id);
            }
            Xml::Empty(e) if e.name().as_ref() == "node" => {
                if let Some(id) = &resource {
                    all.get_mut(id).unwrap().insert(attribute(e, "name").unwrap());
                }
            }
            Xml::End(e) if e.name().as_ref() == "resource" => resource = None,
            Xml::Eof => return all,
            _ => {}
        }
    }
}
