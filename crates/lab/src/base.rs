//! The base tree: the part that all nodes have in common, built once and kept in the machine's cache.
//!
//! It holds the release as it was published, without its updates; those are the service pack, which comes from
//! [`crate::repository`]. The cache is named by a hash of the recipe: whoever changes the recipe gets a new tree.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::archive::{Archives, SUITE};
use crate::error::{LabError, Result};
use crate::shell::{self, command};

/// Where base trees and service packs are kept between runs.
pub const CACHE_DIR: &str = "/var/cache/kaketsugi-lab";

/// Why no `libpam-systemd`: each ssh login would start a user manager, half a second of processor time.
const PACKAGES: &[&str] = &[
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "sudo",
    "procps",
    "psmisc",
    "kmod",
    "iproute2",
    "iputils-ping",
    "iputils-arping",
    "netcat-openbsd",
    "ca-certificates",
    "apt-utils",
    // The cluster.
    "pacemaker",
    "pacemaker-cli-utils",
    "corosync",
    "crmsh",
    "resource-agents",
    // What it carries.
    "dovecot-imapd",
    "postfix",
    // What a patched server has.
    "needrestart",
    "unattended-upgrades",
];

const CUSTOMIZE: &str = include_str!("../base/customize.sh");

/// Files of the base tree: path, mode, content.
const FILES: &[(&str, u32, &str)] = &[
    ("usr/local/sbin/lab-network", 0o755, include_str!("../base/files/lab-network")),
    ("etc/systemd/system/lab-network.service", 0o644, include_str!("../base/files/lab-network.service")),
    ("usr/sbin/fence_lab", 0o755, include_str!("../base/files/fence_lab")),
    ("usr/lib/ocf/resource.d/lab/sentinel", 0o755, include_str!("../base/files/sentinel")),
    ("usr/local/bin/mail-health", 0o755, include_str!("../base/files/mail-health")),
    ("etc/dovecot/dovecot.conf", 0o644, include_str!("../base/files/dovecot.conf")),
    ("etc/postfix/main.cf", 0o644, include_str!("../base/files/main.cf")),
    ("etc/ssh/sshd_config.d/lab.conf", 0o644, include_str!("../base/files/sshd.conf")),
    ("etc/systemd/system/apt-daily.timer.d/lab.conf", 0o644, include_str!("../base/files/apt-timer.conf")),
    (
        "etc/systemd/system/apt-daily-upgrade.timer.d/lab.conf",
        0o644,
        include_str!("../base/files/apt-timer.conf"),
    ),
    ("etc/systemd/journald.conf.d/lab.conf", 0o644, "[Journal]\nStorage=persistent\nSystemMaxUse=64M\n"),
    ("etc/apt/sources.list.d/lab.list", 0o644, "deb [trusted=yes] file:/srv/repo ./\n"),
    ("etc/sudoers.d/lab", 0o440, "admin ALL=(ALL) NOPASSWD: ALL\n"),
];

/// A base tree on this machine.
#[derive(Debug, Clone)]
pub struct Base {
    dir: PathBuf,
}

impl Base {
    /// The base tree of the present recipe, built now if the cache lacks it (two to three minutes).
    ///
    /// # Errors
    /// An archive that isn't configured or can't be reached; whatever `mmdebstrap` said.
    pub fn ensure() -> Result<Base> {
        let base = Base { dir: Path::new(CACHE_DIR).join(recipe_hash()) };
        std::fs::create_dir_all(&base.dir).map_err(LabError::io("create", &base.dir))?;
        // Two processes may want it at once; the second waits for the first.
        let lock = cache_lock(&base.dir)?;
        if !base.tree().exists() {
            base.build()?;
        }
        drop(lock);
        Ok(base)
    }

    /// The tree itself, the lower layer of every node. Never written to.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.dir.join("tree")
    }

    /// The cache directory of this recipe.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The numeric user and group of an account of the tree.
    pub(crate) fn account(&self, name: &str) -> Result<(u32, u32)> {
        let path = self.tree().join("etc/passwd");
        let passwd = std::fs::read_to_string(&path).map_err(LabError::io("read", &path))?;
        passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|f| f.len() > 3 && f[0] == name)
            .and_then(|f| Some((f[2].parse().ok()?, f[3].parse().ok()?)))
            .ok_or_else(|| LabError::Unexpected {
                what: "the base tree".into(),
                detail: format!("no account {name}"),
            })
    }

    /// The numeric id of a group of the tree.
    pub(crate) fn group(&self, name: &str) -> Result<u32> {
        let path = self.tree().join("etc/group");
        let groups = std::fs::read_to_string(&path).map_err(LabError::io("read", &path))?;
        groups
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|f| f.len() > 2 && f[0] == name)
            .and_then(|f| f[2].parse().ok())
            .ok_or_else(|| LabError::Unexpected {
                what: "the base tree".into(),
                detail: format!("no group {name}"),
            })
    }

    /// The tree of a lab that is already there.
    pub(crate) fn at(dir: &Path) -> Base {
        Base { dir: dir.to_path_buf() }
    }

    fn build(&self) -> Result<()> {
        let archives = Archives::of_this_machine()?;
        tracing::info!(tree = %self.tree().display(), "building the base tree; this takes two to three minutes");
        let stage =
            tempfile::tempdir_in(&self.dir).map_err(LabError::io("create a directory in", &self.dir))?;
        let files = stage.path().join("files");
        for (path, mode, content) in FILES {
            put(&files.join(path), *mode, content)?;
        }
        let script = stage.path().join("customize.sh");
        put(&script, 0o755, CUSTOMIZE)?;
        let apt_conf = stage.path().join("apt.conf");
        put(&apt_conf, 0o644, &host_acquire_options()?)?;

        let tree = stage.path().join("tree");
        let mut mmdebstrap =
            command("mmdebstrap", ["--mode=root", "--variant=minbase", "--format=directory"]);
        mmdebstrap
            .args(["--components=main", "--quiet"])
            .arg(format!("--include={}", PACKAGES.join(",")))
            .arg(format!("--aptopt={}", apt_conf.display()))
            .arg("--aptopt=APT::Install-Recommends \"false\"")
            .args(archives.main.signed_by.iter().map(|key| format!("--keyring={key}")))
            .arg(format!("--customize-hook=cp -rT --preserve=mode '{}' \"$1\"", files.display()))
            .arg(format!("--customize-hook=cp '{}' \"$1/customize.sh\"", script.display()))
            .arg("--customize-hook=chroot \"$1\" /customize.sh && rm \"$1/customize.sh\"")
            .args([SUITE.as_ref(), tree.as_os_str()])
            .arg(&archives.main.uri);
        shell::run("building the base tree", &mut mmdebstrap)?;
        // The stage's directory is for its maker alone; the tree's root is everybody's.
        std::fs::set_permissions(&tree, PermissionsExt::from_mode(0o755))
            .map_err(LabError::io("open", &tree))?;
        std::fs::rename(&tree, self.tree()).map_err(LabError::io("put into the cache", self.tree()))
    }
}

/// An exclusive lock on a cache directory, held until the file is dropped.
pub(crate) fn cache_lock(dir: &Path) -> Result<std::fs::File> {
    let path = dir.join("lock");
    let file = std::fs::File::create(&path).map_err(LabError::io("create", &path))?;
    file.lock().map_err(LabError::io("lock", &path))?;
    Ok(file)
}

/// The host's own options for getting packages (proxy, clock checks): without them its archives may not answer.
pub(crate) fn host_acquire_options() -> Result<String> {
    let dump = shell::run("apt-config dump", &mut command("apt-config", ["dump"]))?;
    let wanted = |line: &&str| {
        ["Acquire::http", "Acquire::https", "Acquire::ftp", "Acquire::Check-", "Acquire::Retries"]
            .iter()
            .any(|option| line.starts_with(option))
    };
    Ok(dump.lines().filter(wanted).map(|line| format!("{line}\n")).collect())
}

fn recipe_hash() -> String {
    let mut hash = Sha256::new();
    hash.update(SUITE);
    hash.update(PACKAGES.join(","));
    hash.update(CUSTOMIZE);
    for (path, mode, content) in FILES {
        hash.update(format!("\0{path}\0{mode:o}\0{content}"));
    }
    hex::encode(&hash.finalize()[..8])
}

/// Writes a file with its mode, making its directories.
pub(crate) fn put(path: &Path, mode: u32, content: &str) -> Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(LabError::io("create", dir))?;
    }
    std::fs::write(path, content).map_err(LabError::io("write", path))?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode))
        .map_err(LabError::io("set the mode of", path))
}
