//! A real OpenSSH server on a free port of the loopback, with keys and settings of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kaketsugi_transport::ssh::{Client, Settings, SshHost, Target};

const SSHD: &str = "/usr/sbin/sshd";

/// Whether there is an sshd to test against. It is installed where that may be done; elsewhere the test is left out
/// and says so, but never where CI is true.
pub(crate) fn available() -> bool {
    if Path::new(SSHD).exists() {
        return true;
    }
    if nix::unistd::getuid().is_root() && Path::new("/etc/debian_version").exists() {
        // One process at a time: each test runs in its own.
        let lock = fs::File::create("/tmp/kaketsugi-transport-apt.lock").unwrap();
        lock.lock().unwrap();
        for arguments in [&["update"][..], &["install", "--yes", "--no-install-recommends", "openssh-server"]]
        {
            if Path::new(SSHD).exists() {
                break;
            }
            let _ = Command::new("apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdout(Stdio::null())
                .status();
        }
    }
    if Path::new(SSHD).exists() {
        return true;
    }
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "no sshd, and with CI=true nothing may be left out"
    );
    eprintln!("LEFT OUT: {SSHD} is lacking (Debian package openssh-server) and can't be installed here");
    false
}

/// A directory with a home, keys, and known_hosts, and the servers that use them.
pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) user: String,
}

impl Site {
    /// A home with one key without passphrase, `~/.ssh/id_ed25519`.
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("kaketsugi-ssh-").tempdir().unwrap();
        fs::create_dir(dir.path().join(".ssh")).unwrap();
        let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
        let site = Self { dir, user };
        site.keygen(&site.key(), "");
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.path(".ssh/id_ed25519")
    }

    pub(crate) fn keygen(&self, file: &Path, passphrase: &str) {
        run(
            "ssh-keygen",
            &["-q", "-t", "ed25519", "-N", passphrase, "-C", "test", "-f", file.to_str().unwrap()],
        );
    }

    pub(crate) fn known_hosts(&self) -> PathBuf {
        self.path(".ssh/known_hosts")
    }

    pub(crate) fn know(&self, line: &str) {
        let old = fs::read_to_string(self.known_hosts()).unwrap_or_default();
        fs::write(self.known_hosts(), format!("{old}{line}\n")).unwrap();
    }

    pub(crate) fn write_config(&self, text: &str) {
        fs::write(self.path(".ssh/config"), text).unwrap();
    }

    /// Settings that know nothing but this site.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::new(self.dir.path(), &self.user, None);
        settings.system_config_files.clear();
        settings.system_known_hosts.clear();
        settings.connect_timeout = Duration::from_secs(5);
        settings
    }

    pub(crate) fn host(&self, server: &Sshd) -> SshHost {
        self.host_with(server, self.settings())
    }

    pub(crate) fn host_with(&self, server: &Sshd, settings: Settings) -> SshHost {
        Client::new(settings).unwrap().host(&server.target()).unwrap()
    }
}

/// A running server; ended when dropped.
pub(crate) struct Sshd {
    child: Child,
    pub(crate) port: u16,
    pub(crate) log: PathBuf,
    /// `ssh-ed25519 AAAA…` of its host key.
    pub(crate) host_key: String,
    pub(crate) host_key_file: PathBuf,
}

impl Sshd {
    /// Starts one that lets the site's key in and is known to the site.
    pub(crate) fn start(site: &Site, name: &str) -> Self {
        let server = Self::start_with(site, name, "");
        site.know(&server.known_line());
        server
    }

    /// Starts one with more settings, unknown to the site.
    pub(crate) fn start_with(site: &Site, name: &str, more: &str) -> Self {
        let dir = site.path(name);
        fs::create_dir(&dir).unwrap();
        let host_key_file = dir.join("host_key");
        site.keygen(&host_key_file, "");
        let authorized = dir.join("authorized_keys");
        fs::copy(site.key().with_extension("pub"), &authorized).unwrap();
        if nix::unistd::getuid().is_root() {
            // OpenSSH's directory for its unprivileged part.
            fs::create_dir_all("/run/sshd").unwrap();
            fs::set_permissions("/run/sshd", fs::Permissions::from_mode(0o755)).unwrap();
        }
        let config = dir.join("sshd_config");
        let text = format!(
            // The first value counts: what a test asks for stands before the defaults.
            "{more}\nListenAddress 127.0.0.1\nHostKey {}\nPidFile none\nStrictModes no\nUsePAM no\n\
             PermitRootLogin yes\nAuthorizedKeysFile {}\nSetEnv HOME={}\nPasswordAuthentication no\n\
             KbdInteractiveAuthentication no\nMaxStartups 200\nLogLevel DEBUG1\n",
            host_key_file.display(),
            authorized.display(),
            // The account's own start-up files are none of the tests' business, and can take their time.
            dir.display(),
        );
        // A port that was free a moment ago can be taken by another test.
        for _ in 0..10 {
            let port = free_port();
            fs::write(&config, format!("{text}Port {port}\n")).unwrap();
            if let Some(server) = Self::launch(&dir, port) {
                return server;
            }
        }
        panic!("no sshd started: {}", fs::read_to_string(dir.join("log")).unwrap_or_default());
    }

    /// Starts one again with the key and the settings that it had.
    pub(crate) fn restart(site: &Site, name: &str) -> Self {
        let dir = site.path(name);
        let text = fs::read_to_string(dir.join("sshd_config")).unwrap();
        let port = text.lines().find_map(|line| line.strip_prefix("Port ")).unwrap().parse().unwrap();
        Self::launch(&dir, port).expect("the port was ours a moment ago")
    }

    /// `None` when the server ended at once, as it does when its port is taken.
    fn launch(dir: &Path, port: u16) -> Option<Self> {
        let (config, log) = (dir.join("sshd_config"), dir.join("log"));
        let host_key_file = dir.join("host_key");
        let public = fs::read_to_string(dir.join("host_key.pub")).unwrap();
        let host_key = public.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let child = Command::new(SSHD)
            .args(["-D", "-f", config.to_str().unwrap(), "-E", log.to_str().unwrap()])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self { child, port, log, host_key, host_key_file };
        let begun = Instant::now();
        while !server.log().contains("Server listening on")
            || TcpStream::connect(("127.0.0.1", port)).is_err()
        {
            if server.child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "sshd didn't start: {}", server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }

    pub(crate) fn name(&self) -> String {
        format!("[127.0.0.1]:{}", self.port)
    }

    pub(crate) fn known_line(&self) -> String {
        format!("{} {}", self.name(), self.host_key)
    }

    pub(crate) fn target(&self) -> Target {
        Target { port: Some(self.port), ..Target::new("node", "127.0.0.1") }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // Only what was started here; sessions end with their connections.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An ssh-agent with a socket of its own; ended when dropped.
pub(crate) struct Agent {
    child: Child,
    pub(crate) socket: PathBuf,
}

impl Agent {
    pub(crate) fn start(site: &Site) -> Self {
        let socket = site.path("agent");
        let child = Command::new("ssh-agent")
            .args(["-D", "-a", socket.to_str().unwrap()])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < Duration::from_secs(10), "ssh-agent didn't start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, socket }
    }

    /// Loads a key; the passphrase is answered by a program, as without a terminal.
    pub(crate) fn add(&self, site: &Site, key: &Path, passphrase: &str) {
        let answer = site.path("askpass");
        fs::write(&answer, format!("#!/bin/sh\necho '{passphrase}'\n")).unwrap();
        fs::set_permissions(&answer, fs::Permissions::from_mode(0o700)).unwrap();
        let output = Command::new("ssh-add")
            .arg(key)
            .env("SSH_AUTH_SOCK", &self.socket)
            .env("SSH_ASKPASS", &answer)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
