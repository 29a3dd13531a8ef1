//! Against the real sudo: the words of a stand-in prove nothing about it.

use std::path::Path;
use std::process::{Command as Process, Stdio};

use kaketsugi_transport::local::Local;
use kaketsugi_transport::privilege::{Sudo, check_privilege};
use kaketsugi_transport::{Command, Error, Exit, Host};

/// Whether sudo is there and we may become somebody else; see the ssh tests for what is done when it isn't.
fn available() -> bool {
    let root = nix::unistd::getuid().is_root();
    let there = || Path::new("/usr/bin/sudo").exists();
    if root && !there() && Path::new("/etc/debian_version").exists() {
        let lock = std::fs::File::create("/tmp/kaketsugi-transport-apt.lock").unwrap();
        lock.lock().unwrap();
        for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", "sudo"]] {
            let mut apt = Process::new("apt-get");
            let _ =
                apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()).status();
        }
    }
    if root && there() {
        return true;
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "no sudo or not root, and with CI=true nothing may be left out"
    );
    eprintln!("LEFT OUT: needs root and the Debian package sudo");
    false
}

#[tokio::test]
async fn commands_run_as_the_other_account() {
    if !available() {
        return;
    }
    let nobody = Sudo::new(Local::new("here"), "nobody");
    let command = Command::shell("id -un; echo 'it'\\''s' >&2; cat /etc/shadow 2>/dev/null; exit 9");
    let output = nobody.run(&command).await.unwrap();
    assert_eq!((output.stdout_text().as_str(), output.stderr_text().as_str()), ("nobody\n", "it's\n"));
    assert_eq!(output.exit, Exit::Code(9));
}

#[tokio::test]
async fn who_may_not_become_root_is_told() {
    if !available() {
        return;
    }
    assert!(check_privilege(&Local::new("here")).await.is_ok());
    assert!(check_privilege(&Sudo::root(Local::new("here"))).await.is_ok());
    let nobody = Sudo::new(Local::new("here"), "nobody");
    let error = check_privilege(&nobody).await.unwrap_err();
    assert!(matches!(&error, Error::NoPrivilege { why, .. } if why.contains("65534")), "{error}");
    // Root, by way of an account that has no rule for it.
    let error = check_privilege(&Sudo::root(nobody)).await.unwrap_err();
    assert!(error.certainly_not_begun());
    assert!(
        matches!(&error, Error::NoPrivilege { why, .. } if why.contains("a password is required")),
        "{error}"
    );
}
