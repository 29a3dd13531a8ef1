//! Settings that a run may change on a node: services that stand in the way of an update.

use std::collections::BTreeMap;

use futures::future::join_all;
use futures::join;
use kaketsugi_estate::{Setting, SettingValue};
use kaketsugi_knowledge::{Advice, services_to_stop};

use super::super::names::quoted;
use super::super::shell::Shell;
use super::super::text::{registry_keys, sc_number};
use crate::Error;

const SERVICES_KEY: &str = r"SYSTEM\CurrentControlSet\Services";

/// How a service starts, as the registry numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServiceState {
    pub(crate) start: u32,
    pub(crate) running: bool,
}

impl ServiceState {
    /// `start=2 running`.
    pub(crate) fn write(self) -> String {
        format!("start={} {}", self.start, if self.running { "running" } else { "stopped" })
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        let (start, state) = text.strip_prefix("start=")?.split_once(' ')?;
        let running = match state {
            "running" => true,
            "stopped" => false,
            _ => return None,
        };
        Some(Self { start: start.parse().ok()?, running })
    }

    /// The word that `sc config start=` takes.
    pub(crate) fn start_word(self) -> Option<&'static str> {
        match self.start {
            2 => Some("auto"),
            3 => Some("demand"),
            4 => Some("disabled"),
            _ => None,
        }
    }
}

/// The services on a node that a run stops for its time. Names whose only source is our own knowledge count when
/// policy allows unverified commands; otherwise a person ends them (ALL-AV-OFF).
pub(super) async fn services(
    shell: &Shell,
    allow_unverified: bool,
) -> Result<BTreeMap<Setting, SettingValue>, Error> {
    let keys = shell.run(&shell.tools.registry(&format!("HKLM\\{SERVICES_KEY}"), None)).await?;
    let Some(text) = keys.good() else {
        return Err(Error::Unreadable {
            host: shell.id.clone(),
            what: "the list of services".into(),
            why: keys.all(),
        });
    };
    let wanted = registry_keys(text, SERVICES_KEY).into_iter().filter(|name| {
        services_to_stop().service(name, "").is_some_and(|(entry, _)| {
            entry.advice == Advice::Stop && (allow_unverified || entry.certainty.is_verified())
        })
    });
    let asked = join_all(wanted.map(|name| async move {
        let state = service(shell, &name).await?;
        Ok::<_, Error>((name, state))
    }));
    let mut settings = BTreeMap::new();
    for answer in asked.await {
        let (name, state) = answer?;
        settings.insert(Setting::Service(name), state.map(ServiceState::write));
    }
    Ok(settings)
}

/// One service's start type and state; None: it isn't there, or can't be told.
pub(crate) async fn service(shell: &Shell, name: &str) -> Result<Option<ServiceState>, Error> {
    Ok(match ask(shell, name).await? {
        // Everything between running and stopped counts as running: it still holds what it holds.
        Asked::There { start, state } => Some(ServiceState { start, running: state != STOPPED }),
        Asked::Missing | Asked::Unreadable(_) => None,
    })
}

/// SERVICE_STOPPED and SERVICE_RUNNING (winsvc.h); what lies between them is on its way.
pub(super) const STOPPED: u32 = 1;
pub(super) const RUNNING: u32 = 4;

/// ERROR_SERVICE_DOES_NOT_EXIST (Win32).
const NO_SUCH_SERVICE: u32 = 1060;

/// What was learned of a service.
pub(super) enum Asked {
    /// Its start type and state, as numbers.
    There {
        start: u32,
        state: u32,
    },
    Missing,
    /// What came instead.
    Unreadable(String),
}

/// Asks for one service.
pub(super) async fn ask(shell: &Shell, name: &str) -> Result<Asked, Error> {
    let Ok(name) = quoted(name) else { return Ok(Asked::Missing) };
    let (configured, state) = (shell.tools.service_configured(&name), shell.tools.service_state(&name));
    let (configured, state) = join!(shell.run(&configured), shell.run(&state));
    let (configured, state) = (configured?, state?);
    let start = configured.good().and_then(|text| sc_number(text, "START_TYPE"));
    let number = state.good().and_then(|text| sc_number(text, "STATE"));
    Ok(match (start, number) {
        (Some(start), Some(state)) => Asked::There { start, state },
        _ if configured.code == NO_SUCH_SERVICE && state.code == NO_SUCH_SERVICE => Asked::Missing,
        _ => Asked::Unreadable(format!("{} {}", configured.all(), state.all())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written() {
        for state in [ServiceState { start: 2, running: true }, ServiceState { start: 4, running: false }] {
            assert_eq!(ServiceState::read(&state.write()), Some(state));
        }
        assert_eq!(ServiceState::read("start=2"), None);
        assert_eq!(ServiceState::read("start=x running"), None);
    }
}
