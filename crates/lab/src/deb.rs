//! Making packages out of packages: a higher version of a real one, and one that is broken on purpose.
//!
//! No test may hang on what Debian happens to publish this week. A repacked package is the real one, unpacked,
//! given a higher version (and, if asked, a maintainer script that fails), and packed again.

use std::path::{Path, PathBuf};

use crate::error::{LabError, Result};
use crate::shell::{self, command};

/// What a repacked version gets appended; it sorts above the original and below the next real update.
pub const VERSION_SUFFIX: &str = "+lab1";

/// Name and version of a package file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PackageId {
    /// The package's name.
    pub name: String,
    /// Its version, epoch included.
    pub version: String,
}

/// Reads name and version from a `.deb`.
///
/// # Errors
/// Not a package.
pub fn identify(deb: &Path) -> Result<PackageId> {
    let mut show = command("dpkg-deb", ["--show", "--showformat=${Package} ${Version}"]);
    let text = shell::run("reading a package", show.arg(deb))?;
    let (name, version) = text.trim().split_once(' ').ok_or_else(|| LabError::Unexpected {
        what: format!("dpkg-deb --show {}", deb.display()),
        detail: text.clone(),
    })?;
    Ok(PackageId { name: name.to_owned(), version: version.to_owned() })
}

/// Repacks packages that belong together with `suffix` appended to their versions, into `out`. Dependencies among
/// them that ask for exactly the old version are raised as well.
///
/// # Errors
/// Whatever `dpkg-deb` said.
pub fn repack(debs: &[PathBuf], suffix: &str, out: &Path) -> Result<Vec<PathBuf>> {
    let ids = debs.iter().map(|deb| identify(deb)).collect::<Result<Vec<_>>>()?;
    debs.iter().map(|deb| rebuild(deb, &ids, suffix, out, |_| Ok(()))).collect()
}

/// Repacks one package with a higher version, its unpacked tree (with `DEBIAN/` in it) changed by `edit`.
///
/// # Errors
/// Whatever `edit` or `dpkg-deb` said.
pub fn repack_edited(
    deb: &Path,
    suffix: &str,
    out: &Path,
    edit: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    rebuild(deb, &[identify(deb)?], suffix, out, edit)
}

/// For [`repack_edited`]: the package's `postinst configure` writes `message` to its error output and fails; unpacking
/// works, as with a real broken update.
///
/// # Errors
/// The tree can't be written.
pub fn break_postinst(tree: &Path, message: &str) -> Result<()> {
    let script = format!("#!/bin/sh\n[ \"$1\" = configure ] || exit 0\necho '{message}' >&2\nexit 1\n");
    crate::base::put(&tree.join("DEBIAN/postinst"), 0o755, &script)
}

fn rebuild(
    deb: &Path,
    ids: &[PackageId],
    suffix: &str,
    out: &Path,
    edit: impl FnOnce(&Path) -> Result<()>,
) -> Result<PathBuf> {
    std::fs::create_dir_all(out).map_err(LabError::io("create", out))?;
    let stage = tempfile::tempdir_in(out).map_err(LabError::io("create a directory in", out))?;
    let tree = stage.path().join("tree");
    shell::run("unpacking a package", command("dpkg-deb", ["-R"]).arg(deb).arg(&tree))?;
    let control = tree.join("DEBIAN/control");
    let text = std::fs::read_to_string(&control).map_err(LabError::io("read", &control))?;
    std::fs::write(&control, raise(&text, ids, suffix)).map_err(LabError::io("write", &control))?;
    edit(&tree)?;
    let packed = stage.path().join("packed.deb");
    // Packed fast rather than small: it travels over no network.
    shell::run("packing a package", command("dpkg-deb", ["-Zgzip", "-z1", "-b"]).arg(&tree).arg(&packed))?;
    let id = identify(&packed)?;
    let architecture =
        shell::run("reading a package", command("dpkg-deb", ["-f"]).arg(&packed).arg("Architecture"))?;
    // As Debian names its files: the epoch is left out.
    let version = id.version.split_once(':').map_or(id.version.as_str(), |(_, v)| v);
    let target = out.join(format!("{}_{version}_{}.deb", id.name, architecture.trim()));
    std::fs::rename(&packed, &target).map_err(LabError::io("move", &target))?;
    Ok(target)
}

/// The control file with this package's version raised, and exact dependencies on any of `ids` raised likewise.
fn raise(control: &str, ids: &[PackageId], suffix: &str) -> String {
    let mut lines = Vec::new();
    for line in control.lines() {
        let mut line = match line.strip_prefix("Version: ") {
            Some(version) => format!("Version: {version}{suffix}"),
            None => line.to_owned(),
        };
        for id in ids {
            let exact = |version: &str| format!("{} (= {version})", id.name);
            line = line.replace(&exact(&id.version), &exact(&format!("{}{suffix}", id.version)));
        }
        lines.push(line);
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_are_raised_together_and_others_are_left() {
        let id = |name: &str, version: &str| PackageId { name: name.into(), version: version.into() };
        let control =
            "Package: mail-imapd\nVersion: 1:2.3-1\nDepends: mail-core (= 1:2.3-1), libc6 (= 2.36)\n";
        let raised = raise(control, &[id("mail-core", "1:2.3-1"), id("mail-imapd", "1:2.3-1")], "+lab1");
        assert_eq!(
            raised,
            "Package: mail-imapd\nVersion: 1:2.3-1+lab1\nDepends: mail-core (= 1:2.3-1+lab1), libc6 (= 2.36)\n"
        );
    }
}
