//! What the cluster service does over a time: resources go on and off one after the other, groups move.
//!
//! The work belongs to the service, not to whoever asked: a command that is cut off leaves it running.

use std::sync::Arc;

use kaketsugi_knowledge::Build;

use super::{ResourceState, node_left};
use crate::spec::product_of;
use crate::state::{Shared, State};

/// The group is on its way already (ERROR_INVALID_STATE, 5023).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

/// Brings a group's resources where they are wanted.
///
/// # Errors
/// When something else is under way with the group.
pub(crate) fn settle_group(shared: &Arc<Shared>, group: &str) -> Result<tokio::task::JoinHandle<()>, Busy> {
    let generation = begin(&mut shared.lock(), group, false)?;
    Ok(spawn(shared, group, None, generation))
}

/// Moves a group and restores on the new owner what was online.
///
/// # Errors
/// When something else is under way with the group.
pub(crate) fn move_group(
    shared: &Arc<Shared>,
    group: &str,
    to: &str,
) -> Result<tokio::task::JoinHandle<()>, Busy> {
    let generation = begin(&mut shared.lock(), group, false)?;
    Ok(spawn(shared, group, Some(to.to_owned()), generation))
}

/// Takes a group over at once, whatever is under way: what a node's death makes necessary.
pub(super) fn take_over(shared: &Arc<Shared>, state: &mut State, group: &str, to: Option<String>) {
    for resource in state.cluster.resources.iter_mut().filter(|r| r.group.eq_ignore_ascii_case(group)) {
        resource.state = ResourceState::Offline;
    }
    let Ok(generation) = begin(state, group, true) else { return };
    match to {
        Some(to) => {
            if let Some(group) = state.cluster.group_mut(group) {
                group.owner = to;
            }
            spawn(shared, group, None, generation);
        }
        None => end(state, group, generation),
    }
}

fn begin(state: &mut State, group: &str, by_force: bool) -> Result<u64, Busy> {
    let group = state.cluster.group_mut(group).ok_or(Busy)?;
    if group.busy && !by_force {
        return Err(Busy);
    }
    group.generation += 1;
    group.busy = true;
    Ok(group.generation)
}

fn end(state: &mut State, group: &str, generation: u64) {
    if let Some(group) = state.cluster.group_mut(group).filter(|g| g.generation == generation) {
        group.busy = false;
    }
}

fn spawn(
    shared: &Arc<Shared>,
    group: &str,
    to: Option<String>,
    generation: u64,
) -> tokio::task::JoinHandle<()> {
    let (shared, group) = (shared.clone(), group.to_owned());
    let runtime = shared.runtime.clone();
    runtime.spawn(async move {
        let done = work(&shared, &group, to, generation).await;
        if done.is_some() {
            end(&mut shared.lock(), &group, generation);
        }
    })
}

/// None: something with more right has taken the group over.
async fn work(shared: &Arc<Shared>, group: &str, to: Option<String>, generation: u64) -> Option<()> {
    let mut tried = Vec::new();
    if let Some(to) = to {
        go(shared, group, &to, generation).await?;
    }
    loop {
        settle(shared, group, generation).await?;
        // A resource that can't go online affects its group: the cluster tries the other nodes once each.
        let next = {
            let state = shared.lock();
            let owner = state.cluster.group(group)?.owner.clone();
            tried.push(owner);
            let failed = state.cluster.of_group(group).any(|r| r.state == ResourceState::Failed);
            if failed { state.heir(group, &tried) } else { None }
        };
        match next {
            Some(next) => go(shared, group, &next, generation).await?,
            None => return Some(()),
        }
    }
}

/// Everything off, then the owner changes.
async fn go(shared: &Arc<Shared>, group: &str, to: &str, generation: u64) -> Option<()> {
    while let Some(name) = current(shared, group, generation)?.next(|s| s.cluster.next_offline(group, true)) {
        set(shared, group, generation, &name, ResourceState::OfflinePending)?;
        shared.pause(shared.timing.resource).await;
        set(shared, group, generation, &name, ResourceState::Offline)?;
    }
    let mut state = shared.lock();
    for resource in state.cluster.resources.iter_mut().filter(|r| r.group.eq_ignore_ascii_case(group)) {
        resource.state = ResourceState::Offline;
    }
    let group = state.cluster.group_mut(group).filter(|g| g.generation == generation)?;
    group.owner = to.to_owned();
    Some(())
}

/// Off what isn't wanted, then on what is, in the order of the dependencies.
async fn settle(shared: &Arc<Shared>, group: &str, generation: u64) -> Option<()> {
    loop {
        let here = current(shared, group, generation)?;
        if let Some(name) = here.next(|s| s.cluster.next_offline(group, false)) {
            set(shared, group, generation, &name, ResourceState::OfflinePending)?;
            shared.pause(shared.timing.resource).await;
            set(shared, group, generation, &name, ResourceState::Offline)?;
        } else if let Some(name) = here.next(|s| s.cluster.next_online(group)) {
            set(shared, group, generation, &name, ResourceState::OnlinePending)?;
            shared.pause(shared.timing.resource).await;
            bring_online(shared, group, generation, &name)?;
        } else {
            return Some(());
        }
    }
}

fn bring_online(shared: &Arc<Shared>, group: &str, generation: u64, name: &str) -> Option<()> {
    let mut state = shared.lock();
    state.cluster.group(group).filter(|g| g.generation == generation)?;
    let resource = state.cluster.resource(name)?;
    match state.can_go_online(resource) {
        Ok(()) => {
            let resource_kind = resource.kind.clone();
            let is_store = resource_kind == "Microsoft Exchange Information Store";
            state.cluster.resource_mut(name)?.state = ResourceState::Online;
            let root = resource_kind == "Microsoft Exchange System Attendant";
            if root {
                follow(&mut state, group);
            }
            if is_store {
                open_databases(&mut state, group);
                count_storage_groups(&mut state, group);
            }
        }
        Err(why) => {
            state.cluster.resource_mut(name)?.state = ResourceState::Failed;
            let owner = state.cluster.group(group)?.owner.clone();
            state.node_mut(&owner)?.log("MSExchangeCluster", 1025, why);
        }
    }
    Some(())
}

/// The directory object of a virtual server of Exchange 2000 takes the version of the node that it starts on (own
/// knowledge; nothing of ours asks for it).
fn follow(state: &mut State, group: &str) {
    let Some(owner) = state.cluster.group(group).map(|g| g.owner.clone()) else { return };
    let Some(build) = state.node(&owner).map(|n| n.durable.exsetdata) else { return };
    if product_of(build) == "exchange-2000" {
        state.directory.set(group, build);
    }
}

/// The store upgrades databases that it opens; an older store must never open them again.
fn open_databases(state: &mut State, group: &str) {
    let build: Option<Build> =
        state.cluster.group(group).and_then(|g| state.node(&g.owner)).map(|n| n.durable.store);
    let Some(group) = state.cluster.group_mut(group) else { return };
    let older = group.written_by.is_some_and(|written| build < Some(written));
    let harm =
        format!("databases of {} written by {:?} were opened by {build:?}", group.name, group.written_by);
    group.written_by = group.written_by.max(build);
    if older {
        state.harm.push(harm);
    }
}

/// A node has one store, whatever virtual servers it carries; it runs four storage groups (own knowledge).
fn count_storage_groups(state: &mut State, group: &str) {
    const MOST: u32 = 4;
    let Some(node) = state.cluster.group(group).map(|g| g.owner.clone()) else { return };
    let cluster = &state.cluster;
    let runs = |group: &str| {
        let mut stores = cluster.of_group(group).filter(|r| r.kind == "Microsoft Exchange Information Store");
        stores.any(|r| r.state == ResourceState::Online)
    };
    let here: Vec<&str> = cluster
        .groups
        .iter()
        .filter(|g| g.is_evs && g.owner.eq_ignore_ascii_case(&node) && runs(&g.name))
        .map(|g| g.name.as_str())
        .collect();
    let all: u32 = here.iter().filter_map(|evs| state.directory.storage_groups.get(*evs)).sum();
    if all > MOST {
        state
            .harm
            .push(format!("the store of {node} was to run {all} storage groups, of {}", here.join(" and ")));
    }
}

/// The state, as long as this work has the right to it.
struct Current<'a> {
    shared: &'a Shared,
}

impl Current<'_> {
    fn next<T>(&self, ask: impl Fn(&State) -> Option<T>) -> Option<T> {
        ask(&self.shared.lock())
    }
}

fn current<'a>(shared: &'a Arc<Shared>, group: &str, generation: u64) -> Option<Current<'a>> {
    let owner = {
        let state = shared.lock();
        let group = state.cluster.group(group).filter(|g| g.generation == generation)?;
        group.owner.clone()
    };
    // The owner may have left while nobody looked.
    let gone = shared.lock().node(&owner).is_none_or(|n| n.member() == crate::node::Member::Down);
    if gone {
        node_left(shared, &owner);
        return None;
    }
    Some(Current { shared })
}

fn set(shared: &Shared, group: &str, generation: u64, name: &str, to: ResourceState) -> Option<()> {
    let mut state = shared.lock();
    state.cluster.group(group).filter(|g| g.generation == generation)?;
    state.cluster.resource_mut(name)?.state = to;
    Some(())
}
