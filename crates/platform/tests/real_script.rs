//! The script that stands for the tools of Windows Server 2003, run by a real Windows Script Host: Wine's, whose parts of WMI
//! are its own. What Wine lacks (a whole key of the registry, a start type, a restart) is not tried here, nor anywhere but
//! on emulated nodes.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that can't start Wine has failed")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCRIPT: &str = include_str!("../src/windows/look.vbs");

/// A Windows of its own, which ends with the test.
struct Wine {
    prefix: PathBuf,
}

impl Wine {
    fn start() -> Self {
        let prefix = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wine");
        let _ = std::fs::remove_dir_all(&prefix);
        std::fs::create_dir_all(&prefix).unwrap();
        let wine = Self { prefix };
        assert!(wine.run(&["wineboot", "-i"]).status.success());
        // The server that has just set all this up is slow; a new one stays between the questions.
        wine.end();
        let mut stay = Command::new("timeout");
        assert!(wine.own(stay.args(["20", "wineserver", "-p60"])).status().unwrap().success());
        // Lines end as Windows has it: so it is sent.
        let script: String = SCRIPT.lines().map(|line| format!("{line}\r\n")).collect();
        std::fs::write(wine.prefix.join("drive_c/look.vbs"), script).unwrap();
        wine
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new("timeout");
        command.args(["120", "wine"]).args(words).stdin(std::process::Stdio::null());
        self.own(&mut command).output().unwrap()
    }

    fn own<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let quiet = [("WINEDEBUG", "-all"), ("WINEDLLOVERRIDES", "mscoree,mshtml="), ("DISPLAY", "")];
        command.env("WINEPREFIX", &self.prefix).envs(quiet)
    }

    /// Exit code, of which Linux shows eight bits, and what was printed.
    fn ask(&self, words: &[&str]) -> (i32, String) {
        let mut all = vec!["cscript", "//nologo", r"C:\look.vbs"];
        all.extend(words);
        let output = self.run(&all);
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }
}

impl Wine {
    fn end(&self) {
        let mut end = Command::new("timeout");
        let _ = self.own(end.args(["20", "wineserver", "-k"])).output();
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        self.end();
        let _ = std::fs::remove_dir_all(&self.prefix);
    }
}

/// Exit code and output of each question: `…` stands for any characters, and a line must be one of those printed.
#[test]
fn the_script_answers_as_the_tools_do() {
    let wine = Wine::start();
    let key = r"HKLM\Software\Kaketsugi Test";
    for (name, kind, data) in [
        ("Number", "REG_DWORD", "65"),
        ("Big", "REG_DWORD", "4294967295"),
        ("Services", "REG_SZ", r"C:\Program Files\Exchsrvr"),
        ("Many", "REG_MULTI_SZ", r"one\0two"),
    ] {
        let added = wine.run(&["reg", "add", key, "/v", name, "/t", kind, "/d", data, "/f"]);
        assert!(added.status.success(), "{name}");
    }
    /// 1060, of which eight bits are left.
    const NO_SERVICE: i32 = 36;
    let questions: &[(&[&str], i32, &str)] = &[
        (&["boot"], 0, "LastBootUpTime=20…"),
        (&["version", r"C:\windows\system32\kernel32.dll"], 0, "Version=…"),
        (&["version", r"C:\none.dll"], 0, ""),
        (&["newer", r"C:\look.vbs", r"C:\windows\system32\kernel32.dll"], 0, "Newer=1"),
        (&["newer", r"C:\windows\system32\kernel32.dll", r"C:\look.vbs"], 0, "Newer=0"),
        (&["newer", r"C:\none.log", r"C:\look.vbs"], 0, "Newer=0"),
        (&["newer", r"C:\look.vbs", r"C:\none.log"], 0, ""),
        (&["processes"], 0, "\"cscript.exe\",\"…\""),
        (&["qc", "RpcSs"], 0, "        START_TYPE         : 3   DEMAND_START"),
        (&["query", "RpcSs"], 0, "        STATE              : 4  RUNNING"),
        (&["query", "None"], NO_SERVICE, "there is no service None"),
        (&["reg", key, "/v", "Number"], 0, "    Number    REG_DWORD    0x41"),
        (&["reg", key, "/v", "Big"], 0, "    Big    REG_DWORD    0xffffffff"),
        (&["reg", key, "/v", "Services"], 0, r"    Services    REG_SZ    C:\Program Files\Exchsrvr"),
        (&["reg", key, "/v", "Many"], 0, r"    Many    REG_MULTI_SZ    one\0two\0"),
        (&["reg", key, "/v", "Number"], 0, r"HKEY_LOCAL_MACHINE\Software\Kaketsugi Test"),
        (&["reg", key, "/v", "None"], 1, "…has no None"),
        (&["reg", r"HKLM\Software\None"], 1, "there is no key…"),
        (&["reg", r"HKLM\Software\None", "/v", "x"], 1, "there is no key…"),
        (&["config", "None", "auto"], NO_SERVICE, "there is no service None"),
        (&["config", "RpcSs", "sometimes"], 87, "not a way to start: sometimes"),
        (&["begin", "none.exe"], 70, "…answers 9"),
        (&["frobnicate"], 87, "…with so many words: frobnicate"),
        (&["qc"], 87, "…with so many words: qc"),
    ];
    for (words, code, wanted) in questions {
        let (is, text) = wine.ask(words);
        let fits = |line: &str| match wanted.split_once('…') {
            Some((head, tail)) => line.starts_with(head) && line.ends_with(tail),
            None => line == *wanted,
        };
        let said = if wanted.is_empty() { text.is_empty() } else { text.lines().any(fits) };
        assert!(is == *code && said, "{words:?}: {is}, {text}");
    }
    // What it begins goes on when whoever asked has ended.
    let (code, _) = wine.ask(&["begin", r"cmd /s /c ping -n 2 127.0.0.1 >nul & echo done>C:\late.txt"]);
    assert_eq!(code, 0);
    let late = wine.prefix.join("drive_c/late.txt");
    let waited = (0..60).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(500));
        late.exists()
    });
    assert!(waited, "what was begun came to no end");
}
