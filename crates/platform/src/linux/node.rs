//! What one node says of itself.

use std::collections::{BTreeMap, BTreeSet};

use kaketsugi_estate::{BootId, LockSeen, ReleaseState, ServerSeen, Setting, SettingValue, Trouble};
use kaketsugi_plan::Package;

use super::sections::Sections;
use super::token;
use crate::debian::dpkg::Dpkg;
use crate::pacemaker::cib::Cib;
use crate::pacemaker::corosync::Votes;
use crate::pacemaker::monitor::Monitor;
use crate::pacemaker::units::enabled_and_managed;
use crate::pacemaker::view::View;

/// Units that would touch packages while a run does: stopped on all nodes for its time.
pub(crate) const QUIET_UNITS: [&str; 3] =
    ["apt-daily.timer", "apt-daily-upgrade.timer", "unattended-upgrades.service"];

/// The account isn't root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotRoot {
    pub(crate) uid: String,
}

impl std::fmt::Display for NotRoot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "commands run as the account number {}, not as root: set `become = true` for this server and give the \
             account a sudo rule without password, or log in as root",
            self.uid
        )
    }
}

/// The lists that a release has for a node, and what is known of them there.
pub(crate) struct Asked<'a> {
    pub(crate) release: &'a kaketsugi_estate::ReleaseId,
    pub(crate) packages: &'a [Package],
}

/// Reads what the probe script printed on a node; the cluster's part comes back as a view.
pub(crate) fn read(sections: &Sections, asked: Option<&Asked<'_>>) -> Result<(ServerSeen, View), NotRoot> {
    if let Some(uid) = sections.line("uid").filter(|uid| *uid != "0") {
        return Err(NotRoot { uid: uid.to_owned() });
    }
    let mut seen = ServerSeen {
        reached: true,
        boot: sections.line("boot").map(|id| BootId(id.to_owned())),
        version: sections.line("debian").map(|version| format!("Debian {version}")),
        cluster_service: service(sections),
        restart_pending: sections.line("restart").and_then(|answer| match answer {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        }),
        settings: settings(sections),
        lock: lock(sections),
        ..ServerSeen::default()
    };
    read_packages(sections, asked, &mut seen);
    for (part, read) in
        [("boot identity", seen.boot.is_some()), ("settings", sections.text("settings").is_some())]
    {
        if !read {
            seen.trouble.push(Trouble::Unreadable { what: part.into() });
        }
    }
    let view = view(sections, seen.cluster_service);
    Ok((seen, view))
}

/// Units that start at boot, by the node's word; None: it could not be asked.
pub(crate) fn enabled_units(sections: &Sections) -> Option<BTreeSet<String>> {
    let list = sections.text("enabled")?;
    Some(list.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

/// What is to be said of units that the cluster manages as well.
pub(crate) fn unit_troubles(sections: &Sections, managed: &BTreeSet<String>) -> Vec<Trouble> {
    match enabled_units(sections) {
        Some(enabled) => enabled_and_managed(&enabled, managed)
            .into_iter()
            .map(|unit| Trouble::UnitEnabled { unit })
            .collect(),
        None => vec![Trouble::Unreadable { what: "enabled units".into() }],
    }
}

fn read_packages(sections: &Sections, asked: Option<&Asked<'_>>, seen: &mut ServerSeen) {
    match sections.text("dpkg").ok_or_else(|| "no answer".to_owned()).and_then(Dpkg::parse) {
        Ok(dpkg) => {
            seen.trouble.extend(dpkg.troubles());
            if let Some(asked) = asked {
                let state = dpkg.release_state(asked.packages, sections.text("record"));
                seen.releases.insert(asked.release.clone(), state);
            }
        }
        Err(why) => seen.trouble.push(Trouble::Unreadable { what: format!("package database: {why}") }),
    }
    if let Some(asked) = asked {
        let nothing_to_do =
            seen.releases.get(asked.release) == Some(&ReleaseState::Installed) && asked.packages.is_empty();
        if nothing_to_do || sections.text("staged").is_some() {
            seen.staged.insert(asked.release.clone());
        }
    }
    match sections.text("package-locks") {
        Some(text) => {
            let foreign: Vec<String> = text.lines().filter_map(foreign_holder).collect();
            seen.installer_running = Some(!foreign.is_empty());
            if !foreign.is_empty() {
                seen.trouble.push(Trouble::PackageLockHeld { by: foreign.join(", ") });
            }
        }
        None => seen.trouble.push(Trouble::Unreadable { what: "locks of the package manager".into() }),
    }
}

/// `PID\tcomm\tcgroup`: who holds a lock, unless it is the work of a run, which has a unit of its own.
fn foreign_holder(line: &str) -> Option<String> {
    let mut fields = line.split('\t');
    let (pid, comm, cgroup) = (fields.next()?, fields.next().unwrap_or("?"), fields.next().unwrap_or(""));
    (!cgroup.contains("/kaketsugi-")).then(|| format!("{} (process {pid})", comm.trim()))
}

/// Whether corosync and pacemaker both run or are both stopped; anything between is unknown.
fn service(sections: &Sections) -> Option<bool> {
    let states: Vec<&str> = sections.text("active")?.lines().map(str::trim).collect();
    match states.as_slice() {
        ["active", "active"] => Some(true),
        ["inactive" | "failed", "inactive" | "failed"] => Some(false),
        _ => None,
    }
}

fn settings(sections: &Sections) -> BTreeMap<Setting, SettingValue> {
    let mut settings = BTreeMap::new();
    for line in sections.text("settings").into_iter().flat_map(str::lines) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let value = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)).unwrap_or("");
        let [unit, held, ..] = words.as_slice() else { continue };
        let value = match value("LoadState=") {
            "not-found" => None,
            _ => {
                let held = if *held == "held" { " held" } else { "" };
                Some(format!("active={} enabled={}{held}", value("ActiveState="), value("UnitFileState=")))
            }
        };
        settings.insert(Setting::Unit((*unit).to_owned()), value);
    }
    if let Some(policy) = sections.line("policy") {
        settings.insert(Setting::PolicyRcD, (policy != "absent").then(|| policy.to_owned()));
    }
    settings
}

fn lock(sections: &Sections) -> Option<LockSeen> {
    if sections.get("locked")?.code != 0 {
        return None;
    }
    // A lock that can't be read is held all the same, by nobody we know.
    let unknown = LockSeen { run: "unknown".into(), epoch: u64::MAX };
    Some(sections.text("lock").and_then(token::parse).unwrap_or(unknown))
}

fn view(sections: &Sections, service: Option<bool>) -> View {
    let name = sections.line("node").or_else(|| sections.line("uname")).map(str::to_owned);
    // While the service is stopped, its tools can't answer; that is no refusal.
    let answer = |name: &str| sections.text(name).filter(|_| service != Some(false));
    let running = sections.get("quorum").and_then(|s| Votes::of_tool(&s.text));
    View {
        name,
        service,
        monitor: answer("monitor").map(|text| Monitor::parse(text).map_err(|e| e.to_string())),
        cib: answer("cib").map(|text| Cib::parse(text).map_err(|e| e.to_string())),
        votes: running.or_else(|| sections.text("corosync").map(Votes::of_configuration)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(parts: &[(&str, &str, u32)]) -> Sections {
        let text: String =
            parts.iter().map(|(name, text, code)| format!("@@m {name}\n{text}\n@@m = {code}\n")).collect();
        Sections::parse(&text, "@@m")
    }

    const UNIT: &str = "apt-daily.timer free ActiveState=active LoadState=loaded UnitFileState=enabled\n\
                        other.timer held ActiveState=inactive LoadState=loaded UnitFileState=\n\
                        none.timer free ActiveState=inactive LoadState=not-found UnitFileState=\n";

    #[test]
    fn settings_tell_absent_from_unknown() {
        let seen = read(&sections(&[("settings", UNIT, 0), ("policy", "absent\n", 0)]), None).unwrap().0;
        let unit = |name: &str| seen.settings[&Setting::Unit(name.into())].as_deref();
        assert_eq!(unit("apt-daily.timer"), Some("active=active enabled=enabled"));
        assert_eq!(unit("other.timer"), Some("active=inactive enabled= held"));
        assert_eq!(unit("none.timer"), None);
        assert_eq!(seen.settings[&Setting::PolicyRcD], None);
        let unknown = read(&sections(&[]), None).unwrap().0;
        assert!(unknown.settings.is_empty());
    }

    #[test]
    fn a_service_that_runs_by_half_is_unknown() {
        let service =
            |states: &str| read(&sections(&[("active", states, 0)]), None).unwrap().0.cluster_service;
        assert_eq!(service("active\nactive\n"), Some(true));
        assert_eq!(service("inactive\nfailed\n"), Some(false));
        assert_eq!(service("active\ninactive\n"), None);
        assert_eq!(service("active\ndeactivating\n"), None);
        assert_eq!(service("active\n"), None);
    }

    #[test]
    fn a_lock_that_cannot_be_read_is_held_by_somebody() {
        let lock = |parts: &[(&str, &str, u32)]| read(&sections(parts), None).unwrap().0.lock;
        assert_eq!(lock(&[("locked", "", 1), ("lock", "", 1)]), None);
        assert_eq!(
            lock(&[("locked", "", 0), ("lock", "r-1 4\n", 0)]),
            Some(LockSeen { run: "r-1".into(), epoch: 4 })
        );
        assert_eq!(lock(&[("locked", "", 0), ("lock", "", 1)]).unwrap().run, "unknown");
    }

    #[test]
    fn our_own_installer_is_no_foreign_one() {
        let line = |cgroup: &str| format!("412\tapt-get\t{cgroup}\n");
        let running = |cgroup: &str| {
            let seen = read(&sections(&[("package-locks", &line(cgroup), 0)]), None).unwrap().0;
            (
                seen.installer_running,
                seen.trouble.iter().any(|t| matches!(t, Trouble::PackageLockHeld { .. })),
            )
        };
        assert_eq!(running("0::/system.slice/apt-daily-upgrade.service"), (Some(true), true));
        assert_eq!(running("0::/system.slice/kaketsugi-r1-install-n1-1.service"), (Some(false), false));
        let unknown = read(&sections(&[("package-locks", "", 255)]), None).unwrap().0;
        assert_eq!(unknown.installer_running, None);
    }

    #[test]
    fn another_account_than_root_is_refused_with_what_to_do() {
        let refused = read(&sections(&[("uid", "1000\n", 0)]), None).unwrap_err();
        assert!(refused.to_string().contains("become = true"));
    }
}
