//! What one node says of itself.

use futures::join;
use kaketsugi_estate::{BootId, Product, ServerSeen, Trouble};
use kaketsugi_plan::Payload;

use super::super::lock;
use super::super::shell::{Shell, waits};
use super::super::text::{RegValue, registry_values, sc_number, wmic_value};
use super::{releases, settings};
use crate::Error;

/// Where the Update.exe engine says that it wants a restart.
const VOLATILE_KEY: &str = r"HKLM\SOFTWARE\Microsoft\Updates\UpdateExeVolatile";
/// Where Windows keeps the files that are replaced at the next start.
const SESSION_KEY: &str = r#""HKLM\SYSTEM\CurrentControlSet\Control\Session Manager""#;

/// Image names of installers (ALL-ONE-INSTALLER). msiexec.exe is left out: it stays for minutes after its work.
const INSTALLERS: &[&str] = &["setup.exe", "update.exe", "exupdate.exe", "exsetup.exe", "xcopy.exe"];

/// Looks at a node.
pub(super) async fn look(
    shell: &Shell,
    payload: Option<&Payload>,
    allow_unverified: bool,
) -> Result<ServerSeen, Error> {
    // One question first: a node that is away is asked no other.
    let boot = match boot(shell).await {
        Err(why) if !waits(&why) => return Err(why),
        asked => asked,
    };
    // All that depends on no other answer is asked together: a person may be carrying it.
    let of_release = async {
        let set_up = releases::SetUp::ask(shell);
        let Some(payload) = payload else { return Ok((set_up.await?, None)) };
        let (set_up, staged) =
            join!(releases::states(shell, payload, set_up), releases::staged(shell, payload));
        let (set_up, states) = set_up?;
        Ok::<_, Error>((set_up, Some((states, staged?))))
    };
    let (set_up, service, pending, installer, lock, services, connector, optimized) = join!(
        of_release,
        cluster_service(shell),
        restart_pending(shell),
        installer_running(shell),
        lock::holder(shell),
        settings::services(shell, allow_unverified),
        connector(shell),
        optimized(shell)
    );
    let (set_up, release) = set_up?;
    let mut seen = ServerSeen {
        reached: true,
        boot: boot?,
        version: set_up.as_ref().and_then(releases::SetUp::version),
        cluster_service: service?,
        restart_pending: pending?,
        installer_running: installer?,
        lock: lock?,
        connector: connector?,
        optimized: optimized?,
        ..ServerSeen::default()
    };
    match services {
        Ok(settings) => seen.settings = settings,
        Err(Error::Unreadable { what, .. }) => seen.trouble.push(Trouble::Unreadable { what }),
        Err(why) => return Err(why),
    }
    if let Some((states, staged)) = release {
        seen.releases = states;
        seen.staged = staged;
    }
    if seen.boot.is_none() {
        seen.trouble.push(Trouble::Unreadable { what: "time of the last start".into() });
    }
    if set_up.is_none() {
        seen.trouble.push(Trouble::Unreadable { what: "Exchange's set-up key".into() });
    }
    Ok(seen)
}

/// Whether the service of the Active Directory Connector is registered. Exchange 5.5 came before Active Directory.
async fn connector(shell: &Shell) -> Result<Option<bool>, Error> {
    const SERVICE: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\MSADC";
    if shell.product == Product::Exchange55 {
        return Ok(None);
    }
    Ok(shell.run(&shell.tools.registry(SERVICE, Some("ImagePath"))).await?.is_registered())
}

/// Whether the Performance Optimizer's log (KB175283) is newer than that of set-up, which appends to it whenever it works
/// (KB158545).
async fn optimized(shell: &Shell) -> Result<Option<bool>, Error> {
    const OPTIMIZER: &str = r"%windir%\system32\perfopt.log";
    const SET_UP: &str = r"%SystemDrive%\Exchange Server Setup.log";
    let line = shell.tools.newer(OPTIMIZER, SET_UP).filter(|_| shell.product == Product::Exchange55);
    let Some(line) = line else { return Ok(None) };
    let said = shell.run(&line).await?;
    Ok(match said.good().and_then(|text| wmic_value(text, "Newer")).as_deref() {
        Some("1") => Some(true),
        Some("0") => Some(false),
        _ => None,
    })
}

pub(crate) async fn boot(shell: &Shell) -> Result<Option<BootId>, Error> {
    let said = shell.run(&shell.tools.boot()).await?;
    Ok(said.good().and_then(|text| wmic_value(text, "LastBootUpTime")).map(BootId))
}

/// 4 is running, 1 is stopped; anything between is unknown.
pub(crate) async fn cluster_service(shell: &Shell) -> Result<Option<bool>, Error> {
    let said = shell.run(&shell.tools.service_state("clussvc")).await?;
    Ok(match said.good().and_then(|text| sc_number(text, "STATE")) {
        Some(4) => Some(true),
        Some(1) => Some(false),
        _ => None,
    })
}

async fn restart_pending(shell: &Shell) -> Result<Option<bool>, Error> {
    let flags = shell.tools.registry(VOLATILE_KEY, Some("Flags"));
    let renames = shell.tools.registry(SESSION_KEY, Some("PendingFileRenameOperations"));
    let (flags, renames) = join!(shell.run(&flags), shell.run(&renames));
    let (flags, renames) = (flags?, renames?);
    let asked = match flags.good().map(registry_values).and_then(|v| v.get("flags").cloned()) {
        Some(RegValue::Dword(number)) => Some(number != 0),
        Some(RegValue::Text(_)) => None,
        None => flags.is_registered().filter(|there| !there),
    };
    let waiting = renames.is_registered();
    Ok(match (asked, waiting) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    })
}

async fn installer_running(shell: &Shell) -> Result<Option<bool>, Error> {
    let said = shell.run(&shell.tools.processes()).await?;
    Ok(said.good().and_then(any_installer))
}

/// None: it isn't a list of processes.
fn any_installer(text: &str) -> Option<bool> {
    let images: Vec<String> = text
        .lines()
        .filter_map(|line| Some(line.trim().strip_prefix('"')?.split_once('"')?.0.to_lowercase()))
        .collect();
    if images.is_empty() {
        return None;
    }
    let package = |image: &str| {
        ["exchange2003-kb", "exchange2000-kb", "exchange5.5-kb", "windowsserver2003-kb"]
            .iter()
            .any(|p| image.starts_with(p))
    };
    Some(images.iter().any(|image| INSTALLERS.contains(&image.as_str()) || package(image)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installers_are_found_among_processes() {
        let list = |image: &str| {
            format!(
                "\"System\",\"4\",\"Console\",\"0\",\"16 K\"\r\n\"{image}\",\"900\",\"Console\",\"0\",\"9,016 K\"\r\n"
            )
        };
        assert_eq!(any_installer(&list("UPDATE.EXE")), Some(true));
        assert_eq!(any_installer(&list("Exchange2003-KB916803-x86-ENU.exe")), Some(true));
        assert_eq!(any_installer(&list("store.exe")), Some(false));
        assert_eq!(any_installer("ERROR: access denied"), None, "no list is no answer");
    }
}
