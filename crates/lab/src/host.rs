//! Whether this machine can hold a lab, and the packages of its own that a lab needs.

use std::path::Path;
use std::process::Command;

use crate::base::{CACHE_DIR, cache_lock};
use crate::error::{LabError, Result};
use crate::shell;

/// A program that must be there, and the Debian package that brings it.
const TOOLS: [(&str, &str); 8] = [
    ("systemd-nspawn", "systemd-container"),
    ("mmdebstrap", "mmdebstrap"),
    ("dpkg-scanpackages", "dpkg-dev"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("ssh", "openssh-client"),
    ("nsenter", "util-linux"),
    ("cp", "coreutils"),
];

/// Checks that a lab can be held here, without changing anything.
///
/// # Errors
/// [`LabError::Unfit`] says what is missing.
pub fn check() -> Result<()> {
    let unfit = |why: &str| Err(LabError::Unfit { why: why.to_owned() });
    if !nix::unistd::geteuid().is_root() {
        return unfit("not running as root");
    }
    if !Path::new("/etc/debian_version").exists() {
        return unfit("not a Debian machine");
    }
    let filesystems = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !filesystems.contains("overlay") {
        return unfit("its kernel has no overlay file system");
    }
    crate::cgroup::unified_root()?;
    Ok(())
}

/// [`check`], then installs what the lab needs of the host's packages, if anything is missing.
///
/// # Errors
/// [`LabError::Unfit`], or the failed `apt-get`.
pub fn prepare() -> Result<()> {
    check()?;
    if missing().is_empty() {
        return Ok(());
    }
    // One process installs, the others wait; then they find that nothing is missing any more.
    std::fs::create_dir_all(CACHE_DIR).map_err(LabError::io("create", CACHE_DIR))?;
    let _lock = cache_lock(Path::new(CACHE_DIR))?;
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    tracing::info!(packages = ?missing, "installing packages of the host");
    // A source that can't be reached need not be the one that matters; the installation will tell.
    if let Err(error) = shell::run("apt-get update", &mut apt(&["update", "-qq"])) {
        tracing::warn!(%error, "some package lists are old");
    }
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(missing);
    shell::run("apt-get install", &mut apt(&install))?;
    Ok(())
}

fn missing() -> Vec<&'static str> {
    TOOLS.iter().filter(|(tool, _)| !on_path(tool)).map(|(_, package)| *package).collect()
}

fn apt(args: &[&str]) -> Command {
    let mut command = shell::command("apt-get", ["-o", "DPkg::Lock::Timeout=300"]);
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn on_path(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Root's shells of some services leave the administrators' directories out.
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(Into::into))
        .any(|dir| dir.join(tool).exists())
}

/// For tests: whether a lab can be held here. Where it can't, says plainly that `test` was left out.
///
/// # Panics
/// With `CI=true`, where nothing may be left out.
#[must_use]
pub fn possible_for(test: &str) -> bool {
    match check() {
        Ok(()) => true,
        Err(error) => {
            let ci = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!ci, "{test} may not be left out with CI=true, but {error}");
            eprintln!("LEFT OUT: {test}: {error}");
            false
        }
    }
}
