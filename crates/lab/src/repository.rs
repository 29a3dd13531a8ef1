//! The service pack: a local apt repository with newer versions of what the base tree has installed.
//!
//! Real security updates, as many as the archives have; the mail packages always have one, repacked if need be. The
//! old versions lie beside the new ones, so that a downgrade is possible. The cached repository is never changed; each
//! lab has a copy of its own, to which a test may add packages while the lab runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::archive::{Archives, SUITE, Source};
use crate::base::{Base, cache_lock, put};
use crate::deb::{self, PackageId};
use crate::error::{LabError, Result};
use crate::shell::{self, command, write_atomic};

/// Packages that must have an update whatever the archives hold; those of one group share their versions.
const ALWAYS_UPDATED: &[&[&str]] = &[&["postfix"], &["dovecot-core", "dovecot-imapd"]];

/// Packages that lie at hand as installed, without an update, for tests to repack: the cluster's own stack, and
/// `iputils-ping`, which is small and which nobody depends on.
const AT_HAND: &[&str] =
    &["corosync", "pacemaker", "libqb100", "libknet1", "resource-agents", "iputils-ping"];

/// An apt repository in a directory: package files and their index.
#[derive(Debug, Clone)]
pub struct Repository {
    dir: PathBuf,
}

impl Repository {
    /// The service pack for a base tree, made now if the cache lacks it (half a minute).
    ///
    /// # Errors
    /// An archive that can't be reached; whatever `apt-get` or `dpkg-deb` said.
    pub fn ensure(base: &Base) -> Result<Repository> {
        let mut recipe = Sha256::new();
        recipe.update(format!("{ALWAYS_UPDATED:?} {AT_HAND:?} {}", deb::VERSION_SUFFIX));
        let name = format!("repo-{}", hex::encode(&recipe.finalize()[..4]));
        let repository = Repository { dir: base.dir().join(name) };
        let _lock = cache_lock(base.dir())?;
        if !repository.dir.exists() {
            let stage = tempfile::tempdir_in(base.dir())
                .map_err(LabError::io("create a directory in", base.dir()))?;
            let staged = Repository { dir: stage.path().join("repo") };
            staged.fill(base)?;
            std::fs::rename(&staged.dir, &repository.dir)
                .map_err(LabError::io("put into the cache", &repository.dir))?;
        }
        Ok(repository)
    }

    /// A copy that may be changed, in `dir`.
    ///
    /// # Errors
    /// The directory can't be written.
    pub fn copy_to(&self, dir: &Path) -> Result<Repository> {
        shell::run("copying the repository", command("cp", ["-rT"]).arg(&self.dir).arg(dir))?;
        Ok(Repository { dir: dir.to_path_buf() })
    }

    /// The repository in `dir`, as it is.
    #[must_use]
    pub fn at(dir: &Path) -> Repository {
        Repository { dir: dir.to_path_buf() }
    }

    /// The directory; nodes see it as `/srv/repo`.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// All package files: those of one name with all their versions, oldest first.
    ///
    /// # Errors
    /// A file that is no package.
    pub fn packages(&self) -> Result<BTreeMap<String, Vec<(PackageId, PathBuf)>>> {
        let mut packages: BTreeMap<String, Vec<(PackageId, PathBuf)>> = BTreeMap::new();
        for path in debs_in(&self.dir)? {
            let id = deb::identify(&path)?;
            packages.entry(id.name.clone()).or_default().push((id, path));
        }
        for versions in packages.values_mut() {
            sort_versions(versions);
        }
        Ok(packages)
    }

    /// The file of a package's newest version.
    ///
    /// # Errors
    /// No such package here.
    pub fn newest(&self, name: &str) -> Result<(PackageId, PathBuf)> {
        let missing =
            || LabError::Unexpected { what: "the repository".into(), detail: format!("no package {name}") };
        self.packages()?.remove(name).and_then(|mut versions| versions.pop()).ok_or_else(missing)
    }

    /// Adds a deliberately broken update of `name`: above the newest version, its configuration fails with `message`.
    ///
    /// # Errors
    /// No such package here; whatever `dpkg-deb` said.
    pub fn add_broken(&self, name: &str, message: &str) -> Result<PackageId> {
        self.add_edited(name, "+broken1", |tree| deb::break_postinst(tree, message))
    }

    /// Adds an update of `name` above the newest version, its unpacked tree changed by `edit`.
    ///
    /// # Errors
    /// No such package here; whatever `edit` or `dpkg-deb` said.
    pub fn add_edited(
        &self,
        name: &str,
        suffix: &str,
        edit: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PackageId> {
        let (_, newest) = self.newest(name)?;
        let edited = deb::repack_edited(&newest, suffix, &self.dir, edit)?;
        self.publish()?;
        deb::identify(&edited)
    }

    /// Adds a working update of packages that belong together, above their newest versions.
    ///
    /// # Errors
    /// No such package here; whatever `dpkg-deb` said.
    pub fn add_repacked(&self, names: &[&str], suffix: &str) -> Result<Vec<PackageId>> {
        let newest = names.iter().map(|name| Ok(self.newest(name)?.1)).collect::<Result<Vec<_>>>()?;
        let repacked = deb::repack(&newest, suffix, &self.dir)?;
        self.publish()?;
        repacked.iter().map(|path| deb::identify(path)).collect()
    }

    /// Takes a package version out.
    ///
    /// # Errors
    /// The directory can't be written.
    pub fn remove(&self, id: &PackageId) -> Result<()> {
        for (found, path) in self.packages()?.remove(&id.name).unwrap_or_default() {
            if found == *id {
                std::fs::remove_file(&path).map_err(LabError::io("remove", &path))?;
            }
        }
        self.publish()
    }

    /// Writes the index anew, after files were added or removed by hand.
    ///
    /// # Errors
    /// Whatever `dpkg-scanpackages` said.
    pub fn publish(&self) -> Result<()> {
        let mut scan = command("dpkg-scanpackages", ["--multiversion", "."]);
        let index = shell::run("indexing the repository", scan.current_dir(&self.dir))?;
        let release = format!(
            "Origin: Kaketsugi Lab\nLabel: Kaketsugi Lab\nSuite: lab\nCodename: lab\nDate: {}\nSHA256:\n {} {} Packages\n",
            shell::run("date", &mut command("date", ["--utc", "--rfc-email"]))?.trim(),
            hex::encode(Sha256::digest(index.as_bytes())),
            index.len(),
        );
        write_atomic(&self.dir.join("Packages"), index.as_bytes())?;
        write_atomic(&self.dir.join("Release"), release.as_bytes())
    }

    fn fill(&self, base: &Base) -> Result<()> {
        std::fs::create_dir_all(&self.dir).map_err(LabError::io("create", &self.dir))?;
        let apt = PrivateApt::new(base, &Archives::of_this_machine()?)?;
        let installed = apt.installed()?;
        apt.upgrades_into(&self.dir)?;
        let mut updated: BTreeMap<String, PathBuf> = BTreeMap::new();
        for path in debs_in(&self.dir)? {
            updated.insert(deb::identify(&path)?.name, path);
        }

        // The versions that are installed now, of all that has an update or shall have one.
        let always = ALWAYS_UPDATED.iter().copied().flatten().chain(AT_HAND).copied();
        let mut old: Vec<PackageId> = Vec::new();
        for name in updated.keys().map(String::as_str).chain(always) {
            if let Some(version) = installed.get(name) {
                old.push(PackageId { name: name.to_owned(), version: version.clone() });
            }
        }
        old.sort();
        old.dedup();
        for id in &old {
            // An archive that has moved on no longer has it; then there's no downgrade for this package, that's all.
            if let Err(error) = apt.download(&format!("{}={}", id.name, id.version), &self.dir) {
                tracing::warn!(package = %id.name, %error, "the installed version can't be had any more");
            }
        }

        for group in ALWAYS_UPDATED {
            if group.iter().all(|name| !updated.contains_key(*name)) {
                for name in group.iter().filter(|name| self.newest(name).is_err()) {
                    apt.download(name, &self.dir)?;
                }
                self.add_repacked(group, deb::VERSION_SUFFIX)?;
            }
        }
        self.publish()
    }
}

fn debs_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).map_err(LabError::io("list", dir))?;
    let mut debs: Vec<PathBuf> =
        entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "deb")).collect();
    debs.sort();
    Ok(debs)
}

/// By Debian's own comparison; it is only ever asked about two or three versions of one package.
fn sort_versions(versions: &mut [(PackageId, PathBuf)]) {
    versions.sort_by(|(a, _), (b, _)| {
        let is = |relation: &str| {
            let mut compare = command("dpkg", ["--compare-versions", &a.version, relation, &b.version]);
            compare.status().is_ok_and(|status| status.success())
        };
        match (is("lt"), is("gt")) {
            (true, _) => std::cmp::Ordering::Less,
            (_, true) => std::cmp::Ordering::Greater,
            _ => std::cmp::Ordering::Equal,
        }
    });
}

/// An apt of the lab's own, which sees the base tree's packages and the host's archives; the host's apt is left alone.
struct PrivateApt {
    dir: tempfile::TempDir,
    status: PathBuf,
}

impl PrivateApt {
    fn new(base: &Base, archives: &Archives) -> Result<PrivateApt> {
        let dir =
            tempfile::tempdir_in(base.dir()).map_err(LabError::io("create a directory in", base.dir()))?;
        for sub in ["lists/partial", "archives/partial", "etc/parts"] {
            let sub = dir.path().join(sub);
            std::fs::create_dir_all(&sub).map_err(LabError::io("create", &sub))?;
        }
        // Downloads drop their rights to the `_apt` account, which must be able to get here.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(dir.path(), open).map_err(LabError::io("open", dir.path()))?;
        let line = |source: &Source, suite: &str| {
            let signed = source.signed_by.iter().map(|key| format!("[signed-by={key}] ")).collect::<String>();
            format!("deb {signed}{} {suite} main\n", source.uri)
        };
        let mut sources = line(&archives.main, SUITE);
        for (source, suite) in &archives.updates {
            sources += &line(source, suite);
        }
        put(&dir.path().join("etc/sources.list"), 0o644, &sources)?;
        let conf = format!(
            "{}Dir::State::Lists \"{d}/lists\";\nDir::Cache \"{d}\";\nDir::Cache::Archives \"{d}/archives\";\n\
             Dir::Etc::SourceList \"{d}/etc/sources.list\";\nDir::Etc::SourceParts \"{d}/etc/parts\";\n\
             Dir::State::Status \"{}\";\nDebug::NoLocking \"true\";\nAPT::Install-Recommends \"false\";\n\
             #clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n",
            crate::base::host_acquire_options()?,
            base.tree().join("var/lib/dpkg/status").display(),
            d = dir.path().display(),
        );
        put(&dir.path().join("apt.conf"), 0o644, &conf)?;
        let apt = PrivateApt { status: base.tree().join("var/lib/dpkg/status"), dir };
        shell::run("apt-get update (private)", apt.get().arg("update"))?;
        Ok(apt)
    }

    fn get(&self) -> std::process::Command {
        let mut get = command("apt-get", ["-qq", "-y", "-c"]);
        get.arg(self.dir.path().join("apt.conf"));
        get
    }

    /// Package → version, as the base tree has them.
    fn installed(&self) -> Result<BTreeMap<String, String>> {
        let admindir = self.status.parent().unwrap_or(Path::new("/"));
        let mut query = command("dpkg-query", ["-W", "-f=${Package} ${Version}\\n"]);
        let text = shell::run("dpkg-query", query.arg(format!("--admindir={}", admindir.display())))?;
        Ok(text
            .lines()
            .filter_map(|l| l.split_once(' '))
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect())
    }

    /// Downloads all that a `dist-upgrade` of the base tree would install.
    fn upgrades_into(&self, dir: &Path) -> Result<()> {
        shell::run("downloading updates", self.get().args(["--download-only", "dist-upgrade"]))?;
        move_debs(&self.dir.path().join("archives"), dir)
    }

    /// Downloads one package, as `NAME` or `NAME=VERSION`.
    fn download(&self, wanted: &str, dir: &Path) -> Result<()> {
        let stage =
            tempfile::tempdir_in(self.dir.path()).map_err(LabError::io("create a directory in", dir))?;
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(stage.path(), open).map_err(LabError::io("open", stage.path()))?;
        let mut download = self.get();
        shell::run("downloading a package", download.args(["download", wanted]).current_dir(stage.path()))?;
        move_debs(stage.path(), dir)
    }
}

/// apt writes the epoch's colon as `%3a`; in an index a file's name stands as it is, so that has to go.
fn move_debs(from: &Path, to: &Path) -> Result<()> {
    for deb in debs_in(from)? {
        let name = deb.file_name().map(|n| n.to_string_lossy().replace("%3a", ".")).unwrap_or_default();
        let target = to.join(name);
        std::fs::rename(&deb, &target).map_err(LabError::io("move", &target))?;
    }
    Ok(())
}
