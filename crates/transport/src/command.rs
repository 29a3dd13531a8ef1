//! What is asked of a host and what comes back.

use std::fmt;
use std::time::Duration;

/// A command for a host: one command line, and what it reads from its standard input.
///
/// The line is given to the host's own command interpreter as it is (on Unix the account's login shell, on Windows
/// `cmd.exe /c`); quoting is the caller's task, see [`quote`](crate::quote). For anything longer than a line on a
/// Unix host use [`Command::shell`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The command line, as the host's command interpreter reads it.
    pub line: String,
    /// What the command reads from its standard input; `None` is an empty input, never the controller's own.
    pub stdin: Option<Vec<u8>>,
    /// How long the command may take, waiting for a free session included. Connecting has its own bound.
    pub timeout: Duration,
    /// How many bytes of standard output, and as many of standard error, are kept. The rest is read and dropped.
    pub output_bytes_max: usize,
    /// How characters of the line beyond ASCII are written in the host's own code page: for a line that gets there in a
    /// file. Where it isn't known, such a line can't.
    pub spelled: Vec<(char, Vec<u8>)>,
}

impl Command {
    /// The time a command has when nothing else is said.
    pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(60);
    /// The bytes kept of each output stream when nothing else is said (4 MiB).
    pub const OUTPUT_BYTES_MAX_DEFAULT: usize = 4 << 20;

    /// A command line for the host's own command interpreter, without input.
    pub fn new(line: impl Into<String>) -> Self {
        Self {
            line: line.into(),
            stdin: None,
            timeout: Self::TIMEOUT_DEFAULT,
            output_bytes_max: Self::OUTPUT_BYTES_MAX_DEFAULT,
            spelled: Vec::new(),
        }
    }

    /// A script for `/bin/sh -s`, given on its standard input.
    ///
    /// The script stands in braces: a shell runs nothing of a brace group before it has read the closing brace, so of a
    /// script that arrived only in part nothing is run. Inside, the standard input is empty: no program of the script
    /// can swallow the lines after it.
    pub fn shell(script: impl AsRef<str>) -> Self {
        let script = script.as_ref();
        Self::new("/bin/sh -s").stdin(format!("{{\n{script}\n}} </dev/null\n"))
    }

    /// The same command with this on its standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// The same command with this much time.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same command with this many bytes kept of each output stream.
    #[must_use]
    pub fn output_bytes_max(mut self, bytes_max: usize) -> Self {
        self.output_bytes_max = bytes_max;
        self
    }
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// With this code, all 32 bits of it: installers answer 3010, and 256 is not 0. A Unix host cuts codes to 8 bits
    /// itself, before any transport sees them.
    Code(u32),
    /// By this signal, named without `SIG`, such as `KILL`.
    Signal(String),
}

impl Exit {
    /// Whether the command ended with code 0.
    pub fn is_success(&self) -> bool {
        *self == Exit::Code(0)
    }

    /// The code, if the command ended with one.
    pub fn code(&self) -> Option<u32> {
        match self {
            Exit::Code(code) => Some(*code),
            Exit::Signal(_) => None,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(name) => write!(f, "signal {name}"),
        }
    }
}

/// What a command that ended left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// What it wrote to its standard output, up to the command's bound.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error, up to the command's bound.
    pub stderr: Vec<u8>,
    /// Whether output is missing: there was more than the bound, or the stream was still open when the command had
    /// ended (a process that it left behind holds it) and was given up. The exit is certain all the same.
    pub truncated: bool,
    /// The time from sending the command to its end, as the controller saw it.
    pub duration: Duration,
}

impl Output {
    /// Standard output as text; bytes that aren't UTF-8 become U+FFFD. Not for terminals, see [`sanitize`](crate::sanitize).
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text; bytes that aren't UTF-8 become U+FFFD. Not for terminals, see [`sanitize`](crate::sanitize).
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_code_zero_is_success() {
        assert!(Exit::Code(0).is_success());
        assert!(!Exit::Code(256).is_success());
        assert!(!Exit::Signal("KILL".into()).is_success());
        assert_eq!(Exit::Code(3010).code(), Some(3010));
        assert_eq!(Exit::Signal("KILL".into()).code(), None);
    }
}
