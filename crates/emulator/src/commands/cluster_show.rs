//! What `cluster.exe` prints. Columns are padded, never cut: long names push what follows.

use std::fmt::Write as _;

use crate::cluster::{GroupState, ResourceState};
use crate::node::Member;
use crate::state::State;

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String can't fail.
    let _ = write!(text, "{line}\r\n");
}

pub(super) fn nodes(state: &State, one: Option<&str>) -> String {
    let mut text = String::new();
    match one {
        Some(name) => line(&mut text, format_args!("Listing status for node '{name}':\r\n")),
        None => line(&mut text, format_args!("Listing status for all available nodes:\r\n")),
    }
    line(&mut text, format_args!("Node           Node ID Status"));
    line(&mut text, format_args!("-------------- ------- ---------------------"));
    for (index, node) in state.nodes.iter().filter(|node| node.clustered).enumerate() {
        if one.is_none_or(|name| node.name.eq_ignore_ascii_case(name)) {
            let status = match node.member() {
                Member::Up if node.durable.paused => "Paused",
                Member::Up => "Up",
                Member::Joining => "Joining",
                Member::Down => "Down",
            };
            line(&mut text, format_args!("{:<14} {:>7} {status}", node.name, index + 1));
        }
    }
    text
}

pub(super) fn groups(state: &State, one: Option<&str>) -> String {
    let mut text = String::new();
    match one {
        Some(name) => line(&mut text, format_args!("Listing status for resource group '{name}':\r\n")),
        None => line(&mut text, format_args!("Listing status for all available resource groups:\r\n")),
    }
    line(&mut text, format_args!("Group                Node            Status"));
    line(&mut text, format_args!("-------------------- --------------- ------"));
    for group in state.cluster.groups.iter().filter(|g| one.is_none_or(|name| g.name == name)) {
        let status = match state.cluster.group_state(&group.name) {
            GroupState::Online => "Online",
            GroupState::Partial => "Partially Online",
            GroupState::Offline => "Offline",
            GroupState::Failed => "Failed",
            GroupState::Pending => "Pending",
        };
        line(&mut text, format_args!("{:<20} {:<15} {status}", group.name, group.owner));
    }
    text
}

fn status(state: ResourceState) -> &'static str {
    match state {
        ResourceState::Online => "Online",
        ResourceState::Offline => "Offline",
        ResourceState::Failed => "Failed",
        ResourceState::OnlinePending => "Online Pending",
        ResourceState::OfflinePending => "Offline Pending",
    }
}

fn resource_table(text: &mut String, state: &State, shown: impl Fn(&str) -> bool) {
    line(text, format_args!("Resource             Group                Node            Status"));
    line(text, format_args!("-------------------- -------------------- --------------- ------"));
    for resource in state.cluster.resources.iter().filter(|r| shown(&r.name)) {
        let owner = state.cluster.group(&resource.group).map_or("", |g| g.owner.as_str());
        line(
            text,
            format_args!(
                "{:<20} {:<20} {owner:<15} {}",
                resource.name,
                resource.group,
                status(resource.state)
            ),
        );
    }
}

pub(super) fn resources(state: &State, shown: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let names: Vec<_> = state.cluster.resources.iter().filter(|r| shown(&r.name)).collect();
    match names.as_slice() {
        [one] => line(&mut text, format_args!("Listing status for resource '{}':\r\n", one.name)),
        _ => line(&mut text, format_args!("Listing status for all available resources:\r\n")),
    }
    resource_table(&mut text, state, shown);
    text
}

pub(super) fn dependencies(state: &State, name: &str) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("Listing all dependencies for '{name}':\r\n"));
    let depends = state.cluster.resource(name).map(|r| r.depends.clone()).unwrap_or_default();
    resource_table(&mut text, state, |shown| depends.iter().any(|d| d == shown));
    text
}

pub(super) fn preferred(state: &State, group: &str) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("Listing preferred owners for resource group '{group}':\r\n"));
    line(&mut text, format_args!("Preferred Owner Nodes"));
    line(&mut text, format_args!("---------------------"));
    for owner in state.cluster.group(group).map(|g| g.preferred.as_slice()).unwrap_or_default() {
        line(&mut text, format_args!("{owner}"));
    }
    text
}

pub(super) fn possible(state: &State, resource: &str) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("Listing possible owners for resource '{resource}':\r\n"));
    line(&mut text, format_args!("Possible Owner Nodes"));
    line(&mut text, format_args!("--------------------"));
    for node in &state.nodes {
        line(&mut text, format_args!("{}", node.name));
    }
    text
}

fn properties(heading: &str, what: &str, name: &str, rows: &[(&str, &str, String)]) -> String {
    let mut text = String::new();
    line(&mut text, format_args!("{heading}\r\n"));
    line(&mut text, format_args!("T  {what:<20} Name                           Value"));
    line(
        &mut text,
        format_args!("-- -------------------- ------------------------------ -----------------------"),
    );
    for (kind, property, value) in rows {
        line(&mut text, format_args!("{kind:<2} {name:<20} {property:<30} {value} "));
    }
    text
}

fn dword(number: u32) -> String {
    format!("{number} (0x{number:x})")
}

pub(super) fn group_properties(state: &State, name: &str) -> String {
    let failback = state.cluster.group(name).map_or(0, |g| g.failback);
    let rows = [("SR", "Name", name.to_owned()), ("D", "AutoFailbackType", dword(failback))];
    properties(&format!("Listing properties for '{name}':"), "Resource Group", name, &rows)
}

pub(super) fn resource_properties(state: &State, name: &str) -> String {
    let Some(resource) = state.cluster.resource(name) else { return String::new() };
    let rows = [
        ("SR", "Name", name.to_owned()),
        ("S", "Type", resource.kind.clone()),
        ("D", "PersistentState", dword(u32::from(resource.wanted))),
    ];
    properties(&format!("Listing properties for '{name}':"), "Resource", name, &rows)
}

pub(super) fn private_properties(state: &State, name: &str) -> String {
    let Some(resource) = state.cluster.resource(name) else { return String::new() };
    // A virtual server's network name is its group's here; the cluster group's is the cluster's.
    let evs = state.cluster.group(&resource.group).is_some_and(|g| g.is_evs);
    let network = if evs { &resource.group } else { &state.cluster.name };
    let rows: &[(&str, &str, String)] = match resource.kind.as_str() {
        "IP Address" => &[("S", "Address", "192.0.2.10".into())],
        "Network Name" => &[("S", "Name", network.clone())],
        _ => &[],
    };
    properties(&format!("Listing private properties for '{name}':"), "Resource", name, rows)
}
