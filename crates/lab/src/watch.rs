//! Who has the shared store mounted, seen from outside the nodes: the second witness beside the sentinel in the group.
//!
//! It reads the mount tables of the nodes' init processes ten times a second. That misses what is shorter, which the
//! sentinel's lock catches; but it needs nothing inside the nodes to work.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::control::MountSpan;
use crate::power::Power;
use crate::shell::epoch_ms;

/// Where the nodes mount it.
const MOUNT_POINT: &str = " /srv/mail ";

/// What was seen so far.
#[derive(Debug, Default)]
pub(crate) struct StoreWatch {
    /// Node → (`systemd-nspawn`, init), so that init needs to be looked for only once a boot.
    leaders: BTreeMap<String, (u32, u32)>,
    spans: Vec<MountSpan>,
    doubles: Vec<(u64, Vec<String>)>,
}

impl StoreWatch {
    /// Looks once.
    pub(crate) fn look(&mut self, nodes: &[Arc<Power>]) {
        let mut mounted: Vec<String> = Vec::new();
        for node in nodes {
            if self.leader(node).is_some_and(has_mounted) {
                mounted.push(node.node.clone());
            }
        }
        if mounted.len() > 1 {
            // The first may have let go before the second was looked at. Still there now: both had it at that moment.
            mounted.retain(|name| self.leaders.get(name).is_some_and(|(_, leader)| has_mounted(*leader)));
        }
        let now = epoch_ms();
        if mounted.len() > 1 {
            self.doubles.push((now, mounted.clone()));
        }
        for span in self.spans.iter_mut().filter(|span| span.to_ms.is_none()) {
            if !mounted.contains(&span.node) {
                span.to_ms = Some(now);
            }
        }
        for node in mounted {
            if !self.spans.iter().any(|span| span.node == node && span.to_ms.is_none()) {
                self.spans.push(MountSpan { node, from_ms: now, to_ms: None });
            }
        }
    }

    pub(crate) fn spans(&self) -> &[MountSpan] {
        &self.spans
    }

    pub(crate) fn doubles(&self) -> &[(u64, Vec<String>)] {
        &self.doubles
    }

    fn leader(&mut self, node: &Power) -> Option<u32> {
        let nspawn = node.state().nspawn?;
        if let Some((known, leader)) = self.leaders.get(&node.node)
            && *known == nspawn
        {
            return Some(*leader);
        }
        let leader = leader_of(nspawn)?;
        self.leaders.insert(node.node.clone(), (nspawn, leader));
        Some(leader)
    }
}

fn has_mounted(leader: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{leader}/mountinfo"))
        .is_ok_and(|table| table.contains(MOUNT_POINT))
}

/// The init process of the machine that this `systemd-nspawn` runs: the child that is process 1 in its own namespace.
pub(crate) fn leader_of(nspawn: u32) -> Option<u32> {
    let parent = format!("PPid:\t{nspawn}");
    let is_leader = |status: &str| {
        let init = |line: &str| {
            line.starts_with("NSpid:") && line.ends_with("\t1") && line.matches('\t').count() > 1
        };
        status.lines().any(|l| l == parent) && status.lines().any(init)
    };
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
        is_leader(&status).then_some(pid)
    })
}
