//! A node's disk: what is on it survives a power cut.

use std::collections::BTreeMap;

use crate::spec::Program;

/// A file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most entries are files, and there are few")]
pub(crate) enum Entry {
    Directory,
    File(File),
}

/// A file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    /// Version in its resources, as `wmic datafile` shows it.
    pub(crate) version: Option<String>,
    /// What it does when it is started.
    pub(crate) program: Option<Program>,
    /// When it was last written, as a number that grows.
    pub(crate) written: u64,
}

/// Files and directories of drive C:, by path; names keep their case, look-ups don't heed it.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    entries: BTreeMap<String, (String, Entry)>,
    /// How often anything was written.
    writes: u64,
}

/// Why something could not be done, as Windows numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiskError {
    /// ERROR_FILE_NOT_FOUND.
    NotFound,
    /// ERROR_PATH_NOT_FOUND.
    NoPath,
    /// ERROR_ALREADY_EXISTS.
    Exists,
    /// ERROR_DIR_NOT_EMPTY.
    NotEmpty,
    /// ERROR_ACCESS_DENIED: a directory where a file is meant.
    Denied,
}

impl Disk {
    pub(crate) fn new() -> Self {
        let mut disk = Self { entries: BTreeMap::new(), writes: 0 };
        disk.make_all("C:\\WINDOWS\\system32");
        disk
    }

    /// Absolute, without quotes, forward slashes or a trailing backslash.
    pub(crate) fn normal(cwd: &str, path: &str) -> String {
        let path = path.replace('"', "").replace('/', "\\");
        let absolute = path.get(1..2) == Some(":") || path.starts_with("\\\\");
        let full = match (absolute, path.strip_prefix('\\')) {
            (true, _) => path,
            (false, Some(rest)) => format!("{}\\{rest}", cwd.get(..2).unwrap_or("C:")),
            (false, None) => format!("{cwd}\\{path}"),
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in full.split('\\') {
            match part {
                "." => {}
                ".." => {
                    parts.pop();
                }
                other => parts.push(other),
            }
        }
        parts.join("\\").trim_end_matches('\\').to_owned()
    }

    fn key(path: &str) -> String {
        path.to_lowercase()
    }

    fn parent(path: &str) -> Option<&str> {
        path.rsplit_once('\\').map(|(parent, _)| parent)
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(&Self::key(path)).map(|(_, entry)| entry)
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        match self.get(path) {
            Some(Entry::File(file)) => Some(file),
            _ => None,
        }
    }

    pub(crate) fn is_directory(&self, path: &str) -> bool {
        // A drive or share is there without an entry of its own.
        path.len() <= 2 || matches!(self.get(path), Some(Entry::Directory))
    }

    fn parent_there(&self, path: &str) -> bool {
        Self::parent(path).is_some_and(|parent| self.is_directory(parent) || parent.starts_with("\\\\"))
    }

    /// Makes a directory and those above it, as `mkdir` does with command extensions.
    pub(crate) fn make(&mut self, path: &str) -> Result<(), DiskError> {
        if self.get(path).is_some() || path.len() <= 2 {
            return Err(DiskError::Exists);
        }
        self.make_all(path);
        Ok(())
    }

    fn make_all(&mut self, path: &str) {
        let mut at = String::new();
        for part in path.split('\\') {
            if !at.is_empty() {
                at.push('\\');
            }
            at.push_str(part);
            if at.len() > 2 {
                self.entries.entry(Self::key(&at)).or_insert((at.clone(), Entry::Directory));
            }
        }
    }

    pub(crate) fn remove_directory(&mut self, path: &str, with_contents: bool) -> Result<(), DiskError> {
        if !matches!(self.get(path), Some(Entry::Directory)) {
            return Err(DiskError::NotFound);
        }
        let below = format!("{}\\", Self::key(path));
        if !with_contents && self.entries.keys().any(|k| k.starts_with(&below)) {
            return Err(DiskError::NotEmpty);
        }
        self.entries.retain(|k, _| !k.starts_with(&below));
        self.entries.remove(&Self::key(path));
        Ok(())
    }

    /// Writes a file, or adds to it; what it is (version, program) is lost when it is written anew.
    pub(crate) fn write(&mut self, path: &str, bytes: &[u8], append: bool) -> Result<(), DiskError> {
        if self.is_directory(path) {
            return Err(DiskError::Denied);
        }
        if !self.parent_there(path) {
            return Err(DiskError::NoPath);
        }
        let key = Self::key(path);
        self.writes += 1;
        let written = self.writes;
        if append && let Some((_, Entry::File(file))) = self.entries.get_mut(&key) {
            file.bytes.extend_from_slice(bytes);
            file.written = written;
            return Ok(());
        }
        let file = File { bytes: bytes.to_vec(), written, ..File::default() };
        self.entries.insert(key, (path.to_owned(), Entry::File(file)));
        Ok(())
    }

    /// Puts a file there with all that it is, and the directories above it.
    pub(crate) fn place(&mut self, path: &str, file: File) {
        if let Some(parent) = Self::parent(path) {
            self.make_all(parent);
        }
        self.entries.insert(Self::key(path), (path.to_owned(), Entry::File(file)));
    }

    pub(crate) fn copy(&mut self, from: &str, to: &str) -> Result<(), DiskError> {
        let file = self.file(from).ok_or(DiskError::NotFound)?.clone();
        let to = if self.is_directory(to) {
            format!("{to}\\{}", from.rsplit('\\').next().unwrap_or(from))
        } else {
            to.to_owned()
        };
        if !self.parent_there(&to) {
            return Err(DiskError::NoPath);
        }
        self.entries.insert(Self::key(&to), (to, Entry::File(file)));
        Ok(())
    }

    pub(crate) fn delete(&mut self, path: &str) -> Result<(), DiskError> {
        match self.get(path) {
            Some(Entry::File(_)) => {
                self.entries.remove(&Self::key(path));
                Ok(())
            }
            Some(Entry::Directory) => Err(DiskError::Denied),
            None => Err(DiskError::NotFound),
        }
    }

    /// Names of what lies directly in a directory, in the order of their names.
    pub(crate) fn list(&self, path: &str) -> Option<Vec<&str>> {
        if !self.is_directory(path) {
            return None;
        }
        let below = format!("{}\\", Self::key(path));
        Some(
            self.entries
                .iter()
                .filter_map(|(k, (shown, _))| {
                    let rest = k.strip_prefix(&below)?;
                    (!rest.contains('\\')).then(|| shown.rsplit('\\').next().unwrap_or(shown))
                })
                .collect(),
        )
    }

    pub(crate) fn set_version(&mut self, path: &str, version: &str) {
        match self.entries.get_mut(&Self::key(path)) {
            Some((_, Entry::File(file))) => file.version = Some(version.to_owned()),
            _ => self.place(path, File { version: Some(version.to_owned()), ..File::default() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_made_once_whatever_the_case() {
        let mut disk = Disk::new();
        disk.make("C:\\lock").unwrap();
        assert_eq!(disk.make("c:\\LOCK"), Err(DiskError::Exists));
        assert_eq!(disk.remove_directory("C:\\lock", false), Ok(()));
        disk.make("C:\\lock").unwrap();
    }

    #[test]
    fn a_directory_with_contents_stays() {
        let mut disk = Disk::new();
        disk.make("C:\\a\\b").unwrap();
        assert_eq!(disk.remove_directory("C:\\a", false), Err(DiskError::NotEmpty));
        disk.write("C:\\a\\b\\f", b"x", false).unwrap();
        assert_eq!(disk.write("C:\\nowhere\\f", b"x", false), Err(DiskError::NoPath));
        disk.remove_directory("C:\\a", true).unwrap();
        assert_eq!(disk.get("C:\\a\\b\\f"), None);
    }

    #[test]
    fn paths_are_made_absolute() {
        assert_eq!(Disk::normal("C:\\x", "y\\..\\z"), "C:\\x\\z");
        assert_eq!(Disk::normal("C:\\x", "\\z\\"), "C:\\z");
        assert_eq!(Disk::normal("C:\\x", "\"C:\\a b\\c\""), "C:\\a b\\c");
    }
}
