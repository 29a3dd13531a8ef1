//! The directory on the controller where sheets wait for their answers.
//!
//! A sheet is `<server>-<number>.cmd`, its answer `<server>-<number>.txt` beside it. Numbers are never given twice, and
//! a tag in both files names number, time and commands. A sheet that only looks and was not answered when the program
//! ended is found again by the next one, for as long as it is young: whoever carries it already needs no new one.
//! What it says can't be older than the sheet. A sheet that changes something is never found again.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::sheet::{self, Answered, Runs, Unanswered};
use crate::{Command, Error};

/// For how long the next program may take up a sheet that only looks.
const YOUNG: Duration = Duration::from_secs(30 * 60);

/// Bytes of an answer file that are read; more is no answer.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

/// So much of a file is read for its tag.
const HEAD_BYTES: u64 = 400;

/// The directory.
#[derive(Debug)]
pub(super) struct Drawer {
    dir: PathBuf,
    /// Held from the first sheet on: two processes would take each other's sheets and answers away.
    ours: OnceLock<fs::File>,
}

/// A sheet that lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sheet {
    pub(super) host: String,
    pub(super) file: PathBuf,
    tag: String,
    count: usize,
}

impl Sheet {
    /// Where its answer belongs.
    pub(super) fn answer_file(&self) -> PathBuf {
        self.file.with_extension("txt")
    }

    /// What was brought back; in words why it is no answer.
    pub(super) fn answer(&self) -> Result<Vec<Answered>, String> {
        let path = self.answer_file();
        let bytes = match read(&path, ANSWER_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(why) if why.kind() == ErrorKind::NotFound => return Err("it isn't there yet".into()),
            Err(why) => return Err(why.to_string()),
        };
        sheet::read(&self.tag, self.count, &bytes).map_err(|why: Unanswered| why.to_string())
    }

    /// Takes both files away: what they say is old from now on.
    pub(super) fn remove(&self) {
        for file in [self.file.clone(), self.answer_file()] {
            // One that can't be removed is too old soon, and has its tag.
            let _ = fs::remove_file(file);
        }
    }
}

impl Drawer {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, ours: OnceLock::new() }
    }

    /// A sheet with these commands: one that waits for its answer already, else a new one.
    /// Only a question with the same `why` finds its sheet again.
    pub(super) fn sheet(
        &self,
        host: &str,
        runs: Runs,
        commands: &[Command],
        why: &[String],
    ) -> Result<Sheet, Error> {
        self.try_sheet(host, runs, commands, why).map_err(|source| match source {
            Trouble::Files(source) => Error::NotSent {
                host: host.into(),
                why: format!("the sheet can't be written in {}: {source}", self.dir.display()),
                remedy: "Make room there, or let the account write there".into(),
            },
            Trouble::Busy => Error::NotSent {
                host: host.into(),
                why: format!("another process hands out sheets in {}", self.dir.display()),
                remedy: "Let it come to its end first".into(),
            },
            Trouble::Unwritable(line, why) => Error::NotSent {
                host: host.into(),
                why: format!("`{}` can't be put on a sheet: {}", crate::sanitize(&line), why),
                remedy: "Rename what has such a name, or give the server another transport".into(),
            },
        })
    }

    fn try_sheet(
        &self,
        host: &str,
        runs: Runs,
        commands: &[Command],
        why: &[String],
    ) -> Result<Sheet, Trouble> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        self.take()?;
        let stem = stem(host);
        let digest = digest(host, commands, why);
        let mut last = self.counted();
        for entry in fs::read_dir(&self.dir)? {
            let file = entry?.path();
            let Some(number) = number(&file, &stem) else { continue };
            last = last.max(number);
            let Some(tag) = tag(&file).filter(|tag| runs == Runs::Again && tag.ends_with(&digest)) else {
                continue;
            };
            let sheet = Sheet { host: host.into(), file, tag, count: commands.len() };
            if young(&sheet.file) {
                return Ok(sheet);
            }
            sheet.remove();
        }
        loop {
            last += 1;
            let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            let kind = if runs == Runs::Again { "look" } else { "once" };
            let tag = format!("{last}-{seconds:x}-{kind}{digest}");
            let text = sheet::write(host, &tag, runs, commands).map_err(|(index, why)| {
                Trouble::Unwritable(commands.get(index).map(|c| c.line.clone()).unwrap_or_default(), why)
            })?;
            let file = self.dir.join(format!("{stem}-{last}.cmd"));
            let mut new = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file) {
                Ok(new) => new,
                Err(why) if why.kind() == ErrorKind::AlreadyExists => continue,
                Err(why) => return Err(why.into()),
            };
            new.write_all(&text)?;
            new.sync_all()?;
            self.count(last)?;
            return Ok(Sheet { host: host.into(), file, tag, count: commands.len() });
        }
    }

    /// Takes the directory for this process.
    fn take(&self) -> Result<(), Trouble> {
        if self.ours.get().is_some() {
            return Ok(());
        }
        let path = self.dir.join("in-use");
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match file.try_lock() {
            Ok(()) => {
                self.ours.get_or_init(|| file);
                Ok(())
            }
            Err(fs::TryLockError::WouldBlock) => Err(Trouble::Busy),
            Err(fs::TryLockError::Error(why)) => Err(why.into()),
        }
    }

    /// The last number that was given, also to sheets that are gone.
    fn counted(&self) -> u64 {
        let text = fs::read_to_string(self.dir.join("last-number")).unwrap_or_default();
        text.trim().parse().unwrap_or(0)
    }

    fn count(&self, number: u64) -> std::io::Result<()> {
        let file = self.dir.join("last-number");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
        writeln!(file, "{number}")
    }
}

enum Trouble {
    Files(std::io::Error),
    Busy,
    Unwritable(String, sheet::Unwritable),
}

impl From<std::io::Error> for Trouble {
    fn from(source: std::io::Error) -> Self {
        Self::Files(source)
    }
}

/// A name as Windows, Linux and a batch file take it in a file name; no two names share one.
#[must_use]
pub fn stem(name: &str) -> String {
    let plain = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '-' => c.to_string(),
        c => format!("_{:x}_", u32::from(c)),
    };
    name.chars().map(plain).collect()
}

/// The number of a sheet of this server.
fn number(file: &Path, stem: &str) -> Option<u64> {
    let name = file.file_name()?.to_str()?;
    name.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(".cmd")?.parse().ok()
}

fn digest(host: &str, commands: &[Command], why: &[String]) -> String {
    let mut hash = Sha256::new();
    for part in std::iter::once(host).chain(why.iter().map(String::as_str)) {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.update(commands.len().to_le_bytes());
    for command in commands {
        let input = command.stdin.as_deref().unwrap_or_default();
        for part in [command.line.as_bytes(), input] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
    }
    HEXLOWER.encode(&hash.finalize()[..6])
}

/// The tag in a sheet's second line.
fn tag(file: &Path) -> Option<String> {
    let mut head = String::new();
    fs::File::open(file).ok()?.take(HEAD_BYTES).read_to_string(&mut head).ok()?;
    let line = head.lines().nth(1)?.strip_prefix("rem kaketsugi-sheet ")?;
    let tag = line.split_once(':')?.0;
    tag.rsplit_once('-')?.1.starts_with("look").then(|| tag.to_owned())
}

fn young(file: &Path) -> bool {
    let written = fs::metadata(file).and_then(|m| m.modified());
    written.is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age < YOUNG))
}

fn read(path: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_sheet_that_looks_is_found_again_while_it_is_young() {
        let dir = tempfile::tempdir().unwrap();
        let drawer = Drawer::new(dir.path().join("by-hand"));
        let (ver, dirs) = ([Command::new("ver")], [Command::new("dir")]);
        let first = drawer.sheet("NODE1", Runs::Again, &ver, &[]).unwrap();
        assert_eq!(drawer.sheet("NODE1", Runs::Again, &ver, &[]).unwrap(), first);
        for other in [
            drawer.sheet("NODE1", Runs::Again, &dirs, &[]).unwrap(),
            drawer.sheet("NODE10", Runs::Again, &ver, &[]).unwrap(),
            drawer.sheet("NODE1", Runs::Once, &ver, &[]).unwrap(),
            drawer.sheet("NODE1", Runs::Again, &ver, &["for something else".into()]).unwrap(),
        ] {
            assert_ne!(other.file, first.file);
            assert_ne!(other.tag, first.tag);
        }
        let file = fs::File::options().write(true).open(&first.file).unwrap();
        file.set_modified(SystemTime::now() - YOUNG).unwrap();
        let anew = drawer.sheet("NODE1", Runs::Again, &ver, &[]).unwrap();
        assert_ne!(anew.tag, first.tag);
        assert!(!first.file.exists(), "what is too old lies around for nobody to carry");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&anew.file), mode(anew.file.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn two_processes_do_not_share_sheets() {
        let dir = tempfile::tempdir().unwrap();
        let drawer = || Drawer::new(dir.path().to_owned());
        let (first, second) = (drawer(), drawer());
        first.sheet("N1", Runs::Again, &[Command::new("ver")], &[]).unwrap();
        let why = second.sheet("N1", Runs::Again, &[Command::new("ver")], &[]).unwrap_err();
        assert!(why.to_string().contains("another process"), "{why}");
        drop(first);
        second.sheet("N1", Runs::Again, &[Command::new("ver")], &[]).unwrap();
    }

    #[test]
    fn a_sheet_that_changes_something_is_handed_out_once_and_no_number_twice() {
        let dir = tempfile::tempdir().unwrap();
        let drawer = Drawer::new(dir.path().to_owned());
        let commands = [Command::new("mkdir C:\\x")];
        let first = drawer.sheet("a/b", Runs::Once, &commands, &[]).unwrap();
        let second = drawer.sheet("a/b", Runs::Once, &commands, &[]).unwrap();
        assert_eq!(first.file.file_name().unwrap(), "a_2f_b-1.cmd");
        assert_eq!(second.file.file_name().unwrap(), "a_2f_b-2.cmd");
        second.remove();
        let third = drawer.sheet("a/b", Runs::Once, &commands, &[]).unwrap();
        assert_eq!(third.file.file_name().unwrap(), "a_2f_b-3.cmd");
        assert_eq!(third.answer().unwrap_err(), "it isn't there yet");
    }
}
