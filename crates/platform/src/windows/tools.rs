//! By which tools a server is asked and told what `cluster`, `net` and the words of `cmd.exe` don't say.
//!
//! Windows Server 2003 has `reg`, `sc`, `wmic`, `tasklist`, `schtasks` and `shutdown`. Windows 2000 has none of them, and has
//! the Windows Script Host and WMI instead: a script of ours, `look.vbs`, gives the same answers in the same form, so that
//! whatever reads them needn't know which Windows it was. It is written onto the server by the first look. Windows NT 4.0 has
//! neither; both are there for it from Microsoft (Script Host 5.6, WMI 1.5), and without them its answers can't be had.

use std::sync::LazyLock;

use kaketsugi_estate::Os;
use sha2::{Digest, Sha256};

use super::lock::{FIND, HOME};

/// The script, with the ends of lines that Windows writes.
static SCRIPT: LazyLock<String> =
    LazyLock::new(|| include_str!("look.vbs").lines().map(|line| format!("{line}\r\n")).collect());

/// Where it lies: another version of it is another file.
static PLACE: LazyLock<String> = LazyLock::new(|| {
    let digest = hex::encode(Sha256::digest(SCRIPT.as_bytes()));
    format!("{HOME}\\look-{}.vbs", &digest[..8])
});

/// What its last line says.
const END: &str = "This line ends the script";

/// The tools of a server's Windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tools {
    /// Those that came with Windows Server 2003.
    Shipped,
    /// The script, on Windows 2000 and NT 4.0.
    Script,
}

impl Tools {
    pub(super) fn of(os: Os) -> Self {
        match os {
            Os::WindowsNt4 | Os::Windows2000 => Self::Script,
            Os::Windows2003 | Os::Debian => Self::Shipped,
        }
    }

    /// The command line that writes what the other lines need, and its input. None: nothing is needed.
    pub(super) fn prelude(self) -> Option<(String, &'static str)> {
        let place = PLACE.as_str();
        let line = format!(
            "(if not exist {HOME} mkdir {HOME}) & {FIND} \"{END}\" {place} >nul 2>nul || {FIND} /v \"\" >{place}"
        );
        (self == Self::Script).then_some((line, SCRIPT.as_str()))
    }

    fn choose(self, shipped: impl FnOnce() -> String, asked: impl FnOnce() -> String) -> String {
        match self {
            Self::Shipped => shipped(),
            Self::Script => format!("cscript //nologo {} {}", *PLACE, asked()),
        }
    }

    /// `LastBootUpTime=…`.
    pub(super) fn boot(self) -> String {
        // Without a console WMIC waits for input that never comes; nul gives it an end.
        self.choose(|| "wmic os get lastbootuptime /value <nul".into(), || "boot".into())
    }

    /// `Version=…` of a file, by its path without quotes.
    pub(super) fn file_version(self, path: &str) -> String {
        self.choose(
            || format!("wmic datafile where name=\"{}\" get version /value", path.replace('\\', "\\\\")),
            || format!("version \"{path}\""),
        )
    }

    /// `Newer=1` where the first file was written after the second, `Newer=0` where it wasn't or isn't there; nothing where the
    /// second isn't there. By their paths without quotes. None: its tools can't say.
    pub(super) fn newer(self, file: &str, than: &str) -> Option<String> {
        (self == Self::Script).then(|| self.choose(String::new, || format!("newer \"{file}\" \"{than}\"")))
    }

    /// A line for each process, which begins with its name in quotes.
    pub(super) fn processes(self) -> String {
        self.choose(|| "tasklist /fo csv /nh".into(), || "processes".into())
    }

    /// `START_TYPE : 2` of a service, by its quoted name.
    pub(super) fn service_configured(self, name: &str) -> String {
        self.choose(|| format!("sc qc {name}"), || format!("qc {name}"))
    }

    /// `STATE : 4` of a service.
    pub(super) fn service_state(self, name: &str) -> String {
        self.choose(|| format!("sc query {name}"), || format!("query {name}"))
    }

    /// A registry key's values and the keys below it, or one value. Exit code 1: there is none.
    pub(super) fn registry(self, key: &str, value: Option<&str>) -> String {
        let value = value.map(|name| format!(" /v {name}")).unwrap_or_default();
        self.choose(|| format!("reg query {key}{value}"), || format!("reg {key}{value}"))
    }

    /// Sets a service's start type: `auto`, `demand`, `disabled`.
    pub(super) fn set_start(self, name: &str, word: &str) -> String {
        self.choose(|| format!("sc config {name} start= {word}"), || format!("config {name} {word}"))
    }

    /// Restarts the server after so many seconds, and comes back before that.
    pub(super) fn restart(self, seconds: u32) -> String {
        self.choose(|| format!("shutdown -r -f -t {seconds}"), || format!("restart {seconds}"))
    }

    /// Starts a batch file that outlives whoever asked for it; each part that fails ends the line. `account` is what
    /// `schtasks` is told of it; a process that the script begins is its asker's.
    pub(super) fn begin(self, task: &str, batch: &str, account: &str) -> String {
        self.choose(
            || {
                format!(
                    "schtasks /create /tn {task} /tr {batch} /sc once /st 00:00:00 /ru {account} >nul || exit 74 & \
                     schtasks /run /tn {task} >nul"
                )
            },
            || format!("begin \"cmd /s /c {batch}\" >nul"),
        )
    }

    /// What a batch file does about its own task. None: there is none.
    pub(super) fn forget(self, task: &str) -> Option<String> {
        (self == Self::Shipped).then(|| format!("schtasks /delete /tn {task} /f >nul 2>nul"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_ends_with_the_line_that_is_looked_for() {
        assert!(SCRIPT.trim_end().lines().last().unwrap().contains(END));
        assert!(SCRIPT.is_ascii() && !SCRIPT.contains('%'), "it is carried by batch files, too");
        // What `cmd.exe` of Windows 2000 takes in a line, with every sign escaped and the line's own words around it.
        assert!(SCRIPT.lines().all(|line| line.len() < 200));
        assert!(
            PLACE.starts_with("C:\\kaketsugi\\look-")
                && PLACE.len() == "C:\\kaketsugi\\look-12345678.vbs".len()
        );
    }

    #[test]
    fn every_verb_that_is_asked_for_is_one_of_the_scripts() {
        let tools = Tools::Script;
        for line in [
            tools.boot(),
            tools.file_version("C:\\x"),
            tools.newer("C:\\x", "C:\\y").unwrap(),
            tools.processes(),
            tools.service_configured("x"),
            tools.service_state("x"),
            tools.registry("HKLM\\x", None),
            tools.set_start("x", "auto"),
            tools.restart(3),
            tools.begin("t", "C:\\x.cmd", "SYSTEM"),
        ] {
            let verb = line.split(' ').nth(3).unwrap();
            assert!(SCRIPT.contains(&format!(" {verb}\": Answer = ")), "{line}");
        }
        assert_eq!(tools.forget("t"), None);
        assert_eq!(Tools::Shipped.prelude(), None);
    }
}
