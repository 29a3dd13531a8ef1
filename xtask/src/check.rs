//! `cargo xtask test`: all tests, quick ones first; the same command that decides in CI.

use std::error::Error;
use std::process::{Command, ExitCode};
use std::time::Instant;

use crate::tidy;

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave the real cluster out (refused when CI=true)
    #[arg(long)]
    quick: bool,
}

/// Debian packages that tests use, with a program that shows whether each is there.
const PACKAGES: [(&str, &str); 9] = [
    ("sshd", "openssh-server"),
    ("crm_simulate", "pacemaker-cli-utils"),
    ("systemd-nspawn", "systemd-container"),
    ("mmdebstrap", "mmdebstrap"),
    ("dpkg-scanpackages", "dpkg-dev"),
    ("ip", "iproute2"),
    ("ssh", "openssh-client"),
    ("slapd", "slapd"),
    ("wine", "wine"),
];

/// Runs everything in order; the first that fails ends it.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Box<dyn Error>> {
    let ci = std::env::var("CI").is_ok_and(|v| v == "true");
    if args.quick && ci {
        return Err("with CI=true nothing may be left out".into());
    }
    let left_out = prepare(ci)?;
    if tidy::run()? != ExitCode::SUCCESS {
        return Ok(ExitCode::FAILURE);
    }
    let stages: &[(&str, &[&str])] = &[
        ("format", &["fmt", "--all", "--check"]),
        ("lints", &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]),
        ("documentation", &["doc", "--workspace", "--no-deps", "--quiet"]),
    ];
    for (name, arguments) in stages {
        if !stage(name, "cargo", arguments)? {
            return Ok(ExitCode::FAILURE);
        }
    }
    if !stage("tests", "cargo", &["nextest", "run", "--workspace", "-E", "not binary(/^real_/)"])? {
        return Ok(ExitCode::FAILURE);
    }
    let real = root() && !args.quick && left_out.is_empty();
    if real {
        if !stage(
            "the real cluster",
            "cargo",
            &["nextest", "run", "--workspace", "--profile", "real", "-E", "binary(/^real_/)"],
        )? {
            return Ok(ExitCode::FAILURE);
        }
    } else {
        let why =
            if args.quick { "--quick was given".into() } else { format!("missing: {}", left_out.join(", ")) };
        println!("LEFT OUT: the tests on the real cluster ({why}). They need root on Debian.");
    }
    Ok(ExitCode::SUCCESS)
}

/// Installs what tests need, where that is possible; gives back what is missing.
fn prepare(ci: bool) -> Result<Vec<String>, Box<dyn Error>> {
    if !there("cargo-nextest") && !stage("nextest", "cargo", &["install", "--locked", "cargo-nextest"])? {
        return Err("cargo-nextest can't be installed".into());
    }
    let missing =
        || PACKAGES.iter().filter(|(program, _)| !there(program)).map(|(_, p)| *p).collect::<Vec<_>>();
    let packages = missing();
    if !packages.is_empty() && root() && std::path::Path::new("/etc/debian_version").is_file() {
        println!("installing from Debian's packages: {}", packages.join(" "));
        let _ = quiet(Command::new("apt-get").args(["update", "-qq"]));
        // A server that tests start themselves must not be started by its package.
        let mut install = Command::new("apt-get");
        install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(&packages);
        install.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
        quiet(&mut install)?;
    }
    let left: Vec<String> = missing().into_iter().map(str::to_owned).collect();
    if !root() || !left.is_empty() {
        let what = if left.is_empty() { "root".to_owned() } else { left.join(", ") };
        if ci {
            return Err(format!("with CI=true nothing may be left out, and this is missing: {what}").into());
        }
        println!("note: tests that need these are left out: {what}");
        return Ok(vec![what]);
    }
    Ok(left)
}

fn stage(name: &str, program: &str, arguments: &[&str]) -> Result<bool, Box<dyn Error>> {
    println!("── {name}");
    let begun = Instant::now();
    let status = Command::new(program).args(arguments).current_dir(tidy::root()).status()?;
    println!(
        "── {name}: {} in {} s",
        if status.success() { "good" } else { "FAILED" },
        begun.elapsed().as_secs()
    );
    Ok(status.success())
}

fn quiet(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr)).into())
}

fn there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/lib/openldap"].map(std::path::PathBuf::from);
    std::env::split_paths(&path).chain(system).any(|folder| folder.join(program).is_file())
}

fn root() -> bool {
    // The owner of /proc/self is the effective user.
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}
