//! Commands with the rights of another account, by way of `sudo -n`.
//!
//! [`Sudo`] wraps any Unix host. Whether sudo let the command begin is not guessed from sudo's words, which are
//! translated: the wrapped command first writes a mark to its standard error, and without the mark it never began.
//! The mark is taken out again.

use crate::text::one_line;
use crate::{Command, Error, Exit, Host, Output, RunFuture, quote};

/// The line that says: past sudo, the command begins.
const MARK: &[u8] = b"kaketsugi: past sudo\n";
/// Room for what sudo itself may say before.
const SUDO_WORDS_BYTES_MAX: usize = 8 << 10;

/// A host whose commands run with the rights of another account.
///
/// The account that logs in needs a sudo rule without password for `/bin/sh`. Standard input goes through. When the time
/// is over, a process of the other account may well survive: only its own account could end it.
#[derive(Debug, Clone)]
pub struct Sudo<H> {
    host: H,
    target: String,
}

impl<H: Host> Sudo<H> {
    /// Commands as root.
    pub fn root(host: H) -> Self {
        Self::new(host, "root")
    }

    /// Commands as this account.
    pub fn new(host: H, target: impl Into<String>) -> Self {
        Self { host, target: target.into() }
    }

    fn wrap(&self, command: &Command) -> Command {
        let mut wrapped = command.clone();
        wrapped.line = sudo_line(&self.target, &command.line);
        wrapped.output_bytes_max = command.output_bytes_max.saturating_add(MARK.len() + SUDO_WORDS_BYTES_MAX);
        wrapped
    }

    fn unwrap(&self, command: &Command, mut output: Output) -> Result<Output, Error> {
        let marks = |at: &usize| {
            output.stderr[*at..].starts_with(MARK) && (*at == 0 || output.stderr[at - 1] == b'\n')
        };
        let Some(at) = (0..output.stderr.len()).find(marks) else {
            return Err(self.refused(&output));
        };
        output.stderr.drain(at..at + MARK.len());
        for stream in [&mut output.stdout, &mut output.stderr] {
            output.truncated |= stream.len() > command.output_bytes_max;
            stream.truncate(command.output_bytes_max);
        }
        Ok(output)
    }

    fn refused(&self, output: &Output) -> Error {
        let host = self.host.name().to_owned();
        let said = one_line(&output.stderr_text());
        if output.exit.is_success() {
            // sudo that succeeds has run the command: only the mark is missing, and we don't know why.
            return Error::ConnectionLost {
                host,
                why: format!("sudo ended well, but without the command's mark: {said}"),
            };
        }
        let rule = format!("`ACCOUNT ALL=({}) NOPASSWD: ALL`", self.target);
        let remedy = if said.contains("password") {
            format!("Give the account a sudo rule without password: {rule}, written with visudo")
        } else if said.contains("tty") {
            "Take `requiretty` away for this account, with visudo".to_owned()
        } else if output.exit == Exit::Code(127) {
            "Install sudo, or log in as the account itself".to_owned()
        } else {
            format!("Give the account this sudo rule, written with visudo: {rule}")
        };
        let why = if said.is_empty() { format!("sudo ended with {}", output.exit) } else { said };
        Error::NoPrivilege { host, target: self.target.clone(), why, remedy }
    }
}

impl<H: Host> Host for Sudo<H> {
    fn name(&self) -> &str {
        self.host.name()
    }

    fn run<'a>(&'a self, command: &'a Command) -> RunFuture<'a> {
        Box::pin(async move {
            let wrapped = self.wrap(command);
            let output = self.host.run(&wrapped).await?;
            self.unwrap(command, output)
        })
    }
}

/// The line that runs another line as this account.
///
/// The inner line is an argument of its own, so that a mistake in its syntax is found past sudo, not before.
fn sudo_line(target: &str, line: &str) -> String {
    let mark = String::from_utf8_lossy(MARK);
    let begin = format!("echo {} >&2; exec /bin/sh -c \"$1\"", quote(mark.trim_end()));
    format!("sudo -n -u {} -- /bin/sh -c {} sh {}", quote(target), quote(&begin), quote(line))
}

/// Makes sure that commands run as root on this host, be it by log-in or by [`Sudo`].
///
/// # Errors
/// [`Error::NoPrivilege`] when they don't; any other when the host couldn't be asked.
pub async fn check_privilege(host: &dyn Host) -> Result<(), Error> {
    let output = host.run(&Command::new("id -u")).await?;
    let said = output.stdout_text();
    if output.exit.is_success() && said.trim() == "0" {
        return Ok(());
    }
    Err(Error::NoPrivilege {
        host: host.name().to_owned(),
        target: "root".to_owned(),
        why: if output.exit.is_success() {
            format!("commands run as the account with the number {}", one_line(&said))
        } else {
            format!("`id -u` ended with {}: {}", output.exit, one_line(&output.stderr_text()))
        },
        remedy: "Log in as root, or ask for sudo (`become`) in the estate file".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::Local;

    /// A stand-in for sudo on the path: what it does is the test's.
    fn with_sudo(script: &str) -> (tempfile::TempDir, impl Fn(&str) -> Command) {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sudo");
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
        let path = dir.path().display().to_string();
        (dir, move |line| Command::new(format!("PATH={path}:$PATH; {line}")))
    }

    /// Runs the wrapped line with the stand-in found first.
    async fn run(script: &str, line: &str) -> Result<Output, Error> {
        let (_dir, command) = with_sudo(script);
        let sudo = Sudo::root(Local::new("here"));
        let wrapped = command(&sudo.wrap(&Command::new(line)).line);
        let output = Local::new("here").run(&wrapped).await?;
        sudo.unwrap(&Command::new(line), output)
    }

    /// sudo that lets everything through: past `-n -u root --`.
    const WILLING: &str = "echo 'sudo: unable to resolve host' >&2; shift 4; exec \"$@\"";

    #[tokio::test]
    async fn output_input_quotes_and_exit_code_go_through() {
        let output = run(WILLING, r#"echo "it's" '$HOME' "a  b"; echo oops >&2; exit 7"#).await.unwrap();
        assert_eq!(output.stdout_text(), "it's $HOME a  b\n");
        assert_eq!(output.stderr_text(), "sudo: unable to resolve host\noops\n");
        assert_eq!(output.exit, Exit::Code(7));
    }

    #[tokio::test]
    async fn a_mistake_in_the_command_is_not_taken_for_a_refusal() {
        let output = run(WILLING, "if then").await.unwrap();
        assert_eq!(output.exit, Exit::Code(2));
        // Nor is a command that itself says what sudo says.
        let output = run(WILLING, "echo 'sudo: a password is required' >&2; exit 1").await.unwrap();
        assert_eq!(output.exit, Exit::Code(1));
    }

    #[tokio::test]
    async fn a_refusal_is_typed_in_any_language() {
        for (words, remedy) in [
            ("sudo: a password is required", "without password"),
            ("bob is not in the sudoers file.", "visudo"),
            ("sudo: パスワードが必要です", "visudo"),
            ("sudo: sorry, you must have a tty to run sudo", "requiretty"),
        ] {
            let error = run(&format!("echo '{words}' >&2; exit 1"), "touch /nowhere").await.unwrap_err();
            assert!(error.certainly_not_begun());
            assert!(error.to_string().contains(words), "{error}");
            assert!(
                matches!(&error, Error::NoPrivilege { remedy: said, .. } if said.contains(remedy)),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn a_success_without_the_mark_is_not_trusted() {
        let error = run("exit 0", "true").await.unwrap_err();
        assert!(!error.certainly_not_begun(), "{error}");
    }

    #[test]
    fn the_bound_of_the_command_holds() {
        let sudo = Sudo::root(Local::new("here"));
        let command = Command::new("x").output_bytes_max(3);
        let output = Output {
            exit: Exit::Code(0),
            stdout: b"abcdef".to_vec(),
            stderr: [MARK, b"xy"].concat(),
            truncated: false,
            duration: std::time::Duration::ZERO,
        };
        let output = sudo.unwrap(&command, output).unwrap();
        assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"abc"[..], &b"xy"[..]));
        assert!(output.truncated);
    }
}
