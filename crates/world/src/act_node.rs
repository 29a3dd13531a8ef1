//! Commands to a node.

use std::collections::BTreeMap;

use kaketsugi_estate::{
    GroupId, GroupRole, ReleaseId, ReleaseState, ResourceState, ServerId, Setting, SettingValue,
};

use crate::{Harm, Refusal, World, settings};

impl World {
    /// Starts an installer. What makes this harmful is noted before anything is done.
    pub(crate) fn begin_install(
        &mut self,
        node: &ServerId,
        release: &ReleaseId,
        agreed: bool,
    ) -> Result<(), Refusal> {
        self.check_answers(node)?;
        let Some(facts) = self.facts.releases.get(release).cloned() else {
            return Err(Refusal::NoSuch { what: format!("release {release}") });
        };
        let Some(server) = self.server(node) else { return Ok(()) };
        let mut harm = Vec::new();
        if server.installing.is_some() || server.truth.installer_running == Some(true) {
            harm.push(Harm::TwoInstallers { node: node.clone() });
        }
        let before = server.truth.releases.get(release).copied().unwrap_or(ReleaseState::Absent);
        let begun_before = before != ReleaseState::Absent;
        if begun_before && !facts.resumable && !agreed {
            harm.push(Harm::InstallerTwice { node: node.clone(), release: release.clone() });
        }
        let in_place = self.stands_alone(node) || facts.in_place && self.has_groups(node);
        for group in self.carried_by(node).into_iter().filter(|_| !in_place) {
            harm.push(Harm::InstalledUnderGroup { node: node.clone(), group, release: release.clone() });
        }
        if !in_place && facts.service.is_some_and(|needed| needed != server.service) {
            harm.push(Harm::InstalledInWrongService {
                node: node.clone(),
                release: release.clone(),
                running: server.service,
            });
        }
        if facts.from_stage && !server.truth.staged.contains(release) {
            return Err(Refusal::NotStaged { node: node.clone(), release: release.clone() });
        }
        if facts.resumable && server.interrupted {
            return Err(Refusal::Interrupted { node: node.clone() });
        }
        self.harm.extend(harm);
        if let Some(server) = self.server_mut(node) {
            server.installing = Some(release.clone());
            server.truth.releases.insert(release.clone(), ReleaseState::Partial);
            // Set-up writes its log anew.
            if facts.optimizer && server.truth.optimized.is_some() {
                server.truth.optimized = Some(false);
            }
        }
        if in_place && facts.stops_product {
            self.stop_product(node);
            self.write_in_place(node, &facts, before == ReleaseState::Partial);
        }
        Ok(())
    }

    /// Starts the optimizer, which stops the product's services before it works.
    pub(crate) fn begin_optimizer(&mut self, node: &ServerId) -> Result<(), Refusal> {
        self.check_answers(node)?;
        self.stop_product(node);
        Ok(())
    }

    pub(crate) fn end_optimizer(&mut self, node: &ServerId) {
        if let Some(server) = self.server_mut(node) {
            server.truth.optimized = Some(true);
        }
    }

    /// Whether a node has groups of users, started or not.
    fn has_groups(&self, node: &ServerId) -> bool {
        let mut groups = self.clusters.values().flat_map(|c| c.truth.groups.values());
        groups.any(|g| g.role == GroupRole::Service && g.owner.as_ref() == Some(node))
    }

    /// Groups of users that are started, wholly or in part, on a node.
    pub(crate) fn carried_by(&self, node: &ServerId) -> Vec<GroupId> {
        self.clusters
            .values()
            .flat_map(|c| &c.truth.groups)
            .filter(|(_, g)| g.role == GroupRole::Service && g.owner.as_ref() == Some(node))
            .filter(|(_, g)| g.resources.iter().any(|r| r.state == ResourceState::Online))
            .map(|(id, _)| id.clone())
            .collect()
    }

    pub(crate) fn end_install(&mut self, node: &ServerId, release: &ReleaseId, restart_asked: bool) {
        let build = self.facts.releases.get(release).and_then(|r| r.build.clone());
        let Some(server) = self.server_mut(node) else { return };
        server.installing = None;
        server.truth.releases.insert(release.clone(), ReleaseState::Installed);
        if build.is_some() {
            server.truth.version = build;
        }
        if restart_asked || server.truth.restart_pending.is_none() {
            server.truth.restart_pending = Some(restart_asked);
        }
        self.upgrade_in_place(node, release);
    }

    /// Ends an installer before its time: what it unpacked stays.
    pub(crate) fn kill_installer(&mut self, node: &ServerId) {
        let resumable = self
            .server(node)
            .and_then(|s| s.installing.as_ref())
            .and_then(|r| self.facts.releases.get(r))
            .map(|r| r.resumable);
        if let (Some(resumable), Some(server)) = (resumable, self.server_mut(node)) {
            server.installing = None;
            server.interrupted |= resumable;
        }
    }

    /// A restart begins with a clean stop of the cluster service.
    pub(crate) fn begin_restart(&mut self, node: &ServerId) -> Result<(), Refusal> {
        self.check_answers(node)?;
        if let Some(release) = self.server(node).and_then(|s| s.installing.clone()) {
            self.harm.insert(Harm::RestartedAmidInstall { node: node.clone(), release });
            self.kill_installer(node);
        }
        self.stop_service(node);
        if let Some(server) = self.server_mut(node) {
            server.power = false;
        }
        self.settle();
        Ok(())
    }

    pub(crate) fn quiet(&mut self, node: &ServerId) {
        let Some(server) = self.server(node) else { return };
        let quiet: Vec<_> =
            server.truth.settings.iter().map(|(s, v)| (s.clone(), settings::quiet(s, v))).collect();
        for (setting, value) in quiet {
            if setting != Setting::Standby {
                self.write_setting(node, &setting, &value);
            }
        }
    }

    pub(crate) fn put_back(&mut self, node: &ServerId, values: &BTreeMap<Setting, SettingValue>) {
        for (setting, value) in values {
            let found = self.facts.settings.get(node).and_then(|found| found.get(setting));
            if found.is_some_and(|found| found != value) {
                self.harm.insert(Harm::SettingLost { node: node.clone(), setting: setting.clone() });
            }
            self.write_setting(node, setting, value);
        }
        // Packages are staged into a directory that the run made; media were there before it.
        let facts = std::sync::Arc::clone(&self.facts);
        if let Some(server) = self.server_mut(node) {
            server.truth.staged.retain(|release| !facts.releases.get(release).is_some_and(|r| r.resumable));
        }
    }
}
