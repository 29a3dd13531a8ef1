//! What a run changes beside the patch: services that stand in the way, failback.

use std::collections::BTreeMap;

use kaketsugi_estate::{ServerId, Setting, SettingValue};

use super::super::cluster::WindowsCluster;
use super::super::probe::ServiceState;
use super::super::script::Lines;
use super::Work;
use crate::{Error, Order, Question};

impl WindowsCluster {
    pub(super) async fn quiet(&self, order: &Order<'_>, node: &ServerId) -> Result<Work, Error> {
        let now = self.settings_now(order, node).await?;
        let tools = self.shell(node)?.tools;
        let mut lines = Lines::default();
        for (setting, value) in &now {
            match (setting, value.as_deref()) {
                (Setting::Service(name), Some(value)) => {
                    let Some(state) = ServiceState::read(value) else { continue };
                    let name = self.name(node, name)?;
                    // A restart in the middle of the run must not bring it back.
                    if state.start == 2 {
                        lines.must(tools.set_start(&name, "disabled"));
                    }
                    if state.running {
                        lines.must(format!("net stop {name}"));
                    }
                }
                (Setting::Failback(group), Some(value)) if value != "0" => {
                    lines.must(self.failback(order, node, group.as_str(), "0").await?);
                }
                _ => {}
            }
        }
        Ok(Work { node: node.clone(), lines })
    }

    /// Exactly what was captured when the run began, and only where it differs now.
    pub(super) async fn put_back(&self, order: &Order<'_>, node: &ServerId) -> Result<Work, Error> {
        let now = self.settings_now(order, node).await?;
        let tools = self.shell(node)?.tools;
        let captured = order.start.settings.get(node).cloned().unwrap_or_default();
        let mut lines = Lines::default();
        for (setting, was) in captured.iter().filter(|(setting, was)| now.get(*setting) != Some(*was)) {
            match (setting, was.as_deref()) {
                (Setting::Service(name), Some(was)) => {
                    let is = now.get(setting).and_then(|v| ServiceState::read(v.as_deref()?));
                    let (Some(was), Some(is)) = (ServiceState::read(was), is) else { continue };
                    let name = self.name(node, name)?;
                    if let Some(word) = was.start_word().filter(|_| was.start != is.start) {
                        lines.must(tools.set_start(&name, word));
                    }
                    match (was.running, is.running) {
                        (true, false) => lines.must(format!("net start {name}")),
                        (false, true) => lines.must(format!("net stop {name}")),
                        _ => {}
                    }
                }
                (Setting::Failback(group), Some(was)) => {
                    lines.must(self.failback(order, node, group.as_str(), was).await?);
                }
                _ => {}
            }
        }
        Ok(Work { node: node.clone(), lines })
    }

    pub(super) async fn settings_now(
        &self,
        order: &Order<'_>,
        node: &ServerId,
    ) -> Result<BTreeMap<Setting, SettingValue>, Error> {
        let places = self.places(order.step);
        let question = Question { servers: places.into_iter().collect(), ..Question::default() };
        let mut seen = self.look(&question).await;
        match seen.servers.remove(node) {
            Some(server) if server.reached => Ok(server.settings),
            other => Err(Error::Failed {
                host: node.clone(),
                what: "reading its settings".into(),
                why: other.and_then(|s| s.unreached_why).unwrap_or_else(|| "it gave no answer".into()),
            }),
        }
    }

    /// Failback is the group's; a node whose cluster service is stopped asks through one whose runs.
    pub(super) async fn failback(
        &self,
        order: &Order<'_>,
        node: &ServerId,
        group: &str,
        to: &str,
    ) -> Result<String, Error> {
        let speaker = self.speaker(order, node, false).await?;
        let through = if speaker == *node { String::new() } else { format!("/cluster:{speaker} ") };
        let group = self.name(node, group)?;
        let number: u32 = to.parse().map_err(|_| Error::Failed {
            host: node.clone(),
            what: "putting failback back".into(),
            why: format!("`{to}` is no number"),
        })?;
        Ok(format!("cluster {through}group {group} /prop AutoFailbackType={number}:DWORD"))
    }
}
