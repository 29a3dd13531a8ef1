//! An action as a batch file: what its directory holds, and how the file is built.
//!
//! | file | what it says |
//! |---|---|
//! | `run.cmd` | the action; its first line names the boot under which it was written |
//! | `started` | a directory, made once: the action begins once |
//! | `out.txt` | what it prints; open for as long as it runs, which is how *running* is told from *vanished* |
//! | `exit.txt` | `code=N;`, written while `out.txt` is still open |

use kaketsugi_estate::{BootId, LockSeen};

use super::lock::{self, FIND, HOME, TOKEN};
use super::names::short;
use super::tools::Tools;

/// The action was begun already.
pub(super) const ALREADY: u32 = 72;
/// The lock isn't ours.
pub(super) const NOT_OURS: u32 = 71;
/// A file isn't what it must be.
pub(super) const WRONG_DIGEST: u32 = 76;

/// The directory of an action on its node.
pub(super) fn directory(handle: &str) -> String {
    format!("{HOME}\\{}", short(handle))
}

/// The lines of an action; each must end with 0, or the action ends with its code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lines(Vec<String>);

impl Lines {
    /// A command; any other exit code than 0 ends the action.
    pub(super) fn must(&mut self, command: impl Into<String>) {
        self.0.push(command.into());
        self.0.push(r#"if not "%errorlevel%"=="0" exit /b %errorlevel%"#.into());
    }

    /// A command that may also end with this code, because what it is to bring about is so already.
    pub(super) fn must_or(&mut self, command: impl Into<String>, code: u32) {
        self.0.push(command.into());
        self.0.push(format!(
            r#"if not "%errorlevel%"=="0" if not "%errorlevel%"=="{code}" exit /b %errorlevel%"#
        ));
    }

    /// A line as it is.
    pub(super) fn raw(&mut self, line: impl Into<String>) {
        self.0.push(line.into());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The batch file.
pub(super) fn batch(tools: Tools, handle: &str, token: &LockSeen, boot: &BootId, lines: &Lines) -> String {
    let directory = directory(handle);
    let mut text = format!(
        "@echo off\r\n\
         rem boot={}\r\n\
         {FIND} \"{}\" {TOKEN} >nul || goto notours\r\n\
         call :guarded >{directory}\\out.txt 2>&1\r\n\
         {}\
         exit /b 0\r\n\
         :notours\r\n\
         >{directory}\\exit.txt echo code={NOT_OURS};\r\n\
         exit /b {NOT_OURS}\r\n\
         :guarded\r\n\
         mkdir {directory}\\started || exit /b {ALREADY}\r\n\
         call :work\r\n\
         >{directory}\\exit.txt echo code=%errorlevel%;\r\n\
         exit /b 0\r\n\
         :work\r\n",
        boot.0,
        lock::line(token),
        tools.forget(&short(handle)).map(|line| format!("{line}\r\n")).unwrap_or_default(),
    );
    for line in &lines.0 {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text.push_str("exit /b 0\r\n");
    text
}

/// The boot that a batch file names.
pub(super) fn boot_line(boot: &BootId) -> String {
    format!("boot={}", boot.0)
}

/// The code in `exit.txt`. HRESULTs are written as negative numbers; they come back as the 32 bits that they are.
pub(super) fn exit_code(text: &str) -> Option<u32> {
    let number = text.trim().strip_prefix("code=")?.split_once(';')?.0;
    match number.parse::<i64>().ok()? {
        code @ 0.. => u32::try_from(code).ok(),
        code => i32::try_from(code).ok().map(|code| code as u32),
    }
}

/// A percent sign in a batch file is written twice.
pub(super) fn literal(text: &str) -> String {
    text.replace('%', "%%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_come_back_whole() {
        assert_eq!(exit_code("code=3010;\r\n"), Some(3010));
        assert_eq!(exit_code("code=0; "), Some(0));
        assert_eq!(exit_code("code=-2147467259;\r\n"), Some(0x8000_4005));
        assert_eq!(exit_code("code=301"), None, "cut off while it was written");
        assert_eq!(exit_code(""), None);
    }

    #[test]
    fn a_batch_file_guards_its_work() {
        let mut lines = Lines::default();
        lines.must("cluster group \"EVS1\" /moveto:NODE2 /wait:300");
        let token = LockSeen { run: "r1".into(), epoch: 2 };
        let text = batch(Tools::Shipped, "kaketsugi-r1-move-1", &token, &BootId("20260101".into()), &lines);
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}"));
        assert!(at("token=r1:2;") < at("out.txt"), "the token is looked at before anything is done");
        assert!(at("out.txt") < at("mkdir") && at("mkdir") < at("call :work\r\n"));
        assert!(at("call :work\r\n") < at("echo code=%errorlevel%;"));
        assert!(text.lines().all(|l| text.contains(&format!("{l}\r\n"))), "lines end as Windows has it");
    }
}
