//! What ssh_config says, judged by OpenSSH's own `ssh -G`; and what is refused.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use russh::keys::Algorithm;

use super::config_file::Refusal;
use super::resolve::{Files, Hop, resolve};
use super::{Settings, Target};

struct Case {
    dir: tempfile::TempDir,
}

impl Case {
    fn new(text: &str) -> Self {
        let case = Self { dir: tempfile::tempdir().unwrap() };
        let text = text.replace("$DIR", &case.dir.path().display().to_string());
        std::fs::write(case.file(), text).unwrap();
        case
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    /// `ssh -G` takes the home from the user database, so that we have to as well.
    fn settings(&self) -> Settings {
        let mut settings = Settings::of_this_account().unwrap();
        settings.config_files = vec![self.file()];
        settings.system_config_files.clear();
        settings.agent = None;
        settings
    }

    fn target(&self, target: &Target) -> Result<Hop, Refusal> {
        let settings = self.settings();
        resolve(&settings, &Files::read(&settings)?, target)
    }

    fn host(&self, alias: &str) -> Result<Hop, Refusal> {
        self.target(&Target::new("n", alias))
    }
}

fn refusal(text: &str, alias: &str) -> Refusal {
    Case::new(text).host(alias).unwrap_err()
}

/// What `ssh -G` says, as `keyword value…` lines.
fn openssh(file: &Path, alias: &str) -> Option<Vec<String>> {
    let output = match Command::new("ssh").arg("-F").arg(file).arg("-G").arg(alias).output() {
        Ok(output) => output,
        Err(_) => {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "no ssh, and with CI=true nothing may be left out"
            );
            eprintln!("LEFT OUT: the comparison with `ssh -G` (Debian package openssh-client)");
            return None;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect())
}

#[test]
fn we_read_what_openssh_reads() {
    let text = r#"
# comments and
	Port 2200
Host db*.lab !db9.lab
  HostName=%h.example.com
  User "dba"
  IdentityFile ~/.ssh/one
  IdentityFile $DIR/%h-%r
Host db1.lab
  Port 99
  HostKeyAlias Shared
  ConnectTimeout 7
Host db1.lab other
  User never
  IdentityFile "~/.ssh/two words"
Host gate web
  HostName 10.0.0.1
Host web
  ProxyJump me@gate:2222,last
  UserKnownHostsFile $DIR/kh1 ~/kh2
  GlobalKnownHostsFile none
Include $DIR/more*.conf
Host db1.lab web db9.lab plain
  AddressFamily inet
Match all
  IdentitiesOnly yes
  User everyone
"#;
    let case = Case::new(text);
    let write = |name: &str, text: &str| std::fs::write(case.dir.path().join(name), text).unwrap();
    write("more1.conf", "Host web\nUser included\nHost plain\n HostName plain.example.com\n");
    write("more2.conf", "Host web\nUser late\n");
    for alias in ["db1.lab", "db9.lab", "other", "web", "plain", "gate", "nowhere"] {
        let hop = case.host(alias).unwrap();
        let Some(lines) = openssh(&case.file(), alias) else { return };
        let get = |keyword: &str| -> Vec<String> {
            lines
                .iter()
                .filter_map(|line| line.strip_prefix(&format!("{keyword} ")))
                .map(str::to_owned)
                .collect()
        };
        let one = |keyword: &str| get(keyword).into_iter().next();
        assert_eq!(Some(hop.host.as_str()), one("hostname").as_deref(), "{alias}");
        assert_eq!(Some(hop.user.as_str()), one("user").as_deref(), "{alias}");
        assert_eq!(Some(hop.port.to_string()), one("port"), "{alias}");
        assert_eq!(hop.identities_only, one("identitiesonly").as_deref() == Some("yes"), "{alias}");
        let alias_key = one("hostkeyalias");
        let expected = alias_key.unwrap_or(if hop.port == 22 {
            hop.host.clone()
        } else {
            format!("[{}]:{}", hop.host, hop.port)
        });
        assert_eq!(hop.names.lookup, expected.to_lowercase(), "{alias}");
        // `ssh -G` prints identity files with `~` and tokens as written; ours are paths.
        let home = case.settings().home.display().to_string();
        let identities: Vec<_> = get("identityfile")
            .iter()
            .map(|file| file.replace('~', &home).replace("%h", &hop.host).replace("%r", &hop.user))
            .filter(|file| !file.ends_with("id_xmss") && !file.ends_with("id_dsa"))
            .collect();
        let ours: Vec<_> = hop.identity_files.iter().map(|file| file.display().to_string()).collect();
        assert_eq!(ours, identities, "{alias}");
        let timeout = one("connecttimeout").filter(|text| text != "none").map(|text| text.parse().unwrap());
        assert_eq!(
            hop.connect_timeout,
            timeout.map_or(Duration::from_secs(10), Duration::from_secs),
            "{alias}"
        );
        let known: Vec<String> = ["userknownhostsfile", "globalknownhostsfile"]
            .iter()
            .filter_map(|keyword| one(keyword))
            .flat_map(|files| files.split(' ').map(|file| file.replace('~', &home)).collect::<Vec<_>>())
            .filter(|file| file != "none")
            .collect();
        let ours: Vec<_> = hop.known_hosts.iter().map(|file| file.display().to_string()).collect();
        assert_eq!(ours, known, "{alias}");
        let jump = hop.jump.as_ref().map(|jump| {
            (
                jump.name.clone(),
                jump.jump.as_ref().map(|first| (first.name.clone(), first.user.clone(), first.port)),
            )
        });
        match one("proxyjump") {
            None => assert_eq!(jump, None, "{alias}"),
            Some(text) => {
                assert_eq!(text, "me@gate:2222,last");
                assert_eq!(jump, Some(("last".into(), Some(("gate".into(), "me".into(), 2222)))), "{alias}");
            }
        }
    }
}

#[test]
fn what_the_estate_says_goes_before_ssh_config() {
    let case = Case::new(
        "Host *\n User conf\n Port 1\n ProxyJump gate\n IdentityFile ~/.ssh/conf\n HostKeyAlias conf\n",
    );
    let target = Target {
        user: Some("estate".into()),
        port: Some(2),
        identity_files: vec!["/key".into()],
        jump: Some(Vec::new()),
        known_hosts: vec!["/kh".into()],
        host_key_alias: Some("estate-key".into()),
        ..Target::new("n", "10.0.0.1")
    };
    let hop = case.target(&target).unwrap();
    assert_eq!((hop.user.as_str(), hop.port, hop.identities_only), ("estate", 2, true));
    assert_eq!(hop.identity_files, [PathBuf::from("/key")]);
    assert!(hop.jump.is_none());
    assert_eq!(hop.known_hosts[0], PathBuf::from("/kh"));
    assert_eq!(hop.names.lookup, "estate-key");
}

#[test]
fn what_would_change_whom_we_trust_is_refused_with_its_place() {
    for line in [
        "ProxyCommand nc %h %p",
        "KnownHostsCommand /bin/keys",
        "RevokedHostKeys /etc/ssh/revoked",
        "CanonicalizeHostname yes",
        "CheckHostIP yes",
        "PubkeyAuthentication no",
        "PreferredAuthentications password",
        "CertificateFile ~/.ssh/id-cert.pub",
        "RemoteCommand ls",
        "BindAddress 10.0.0.2",
        "KeywordOfTomorrow yes",
        "HostName %x",
        "IdentityAgent $AGENT",
        "Port http",
        "Port 70000",
        "Port",
        "AddressFamily ipx",
        "ProxyJump a:b:c@",
        "Ciphers 3des-cbc",
        "KexAlgorithms nothing",
        "RequiredRSASize many",
        "Match exec true\n User x",
        "Match host db\n User x",
    ] {
        let refusal = refusal(&format!("\nHost db\n{line}\n"), "db");
        let place = refusal.place.as_deref().unwrap_or_default();
        assert!(place.contains("config:3"), "{line}: {refusal:?}");
        assert!(!refusal.remedy.is_empty());
        if !line.starts_with("Match") {
            // Another host is none of that line's business.
            assert!(Case::new(&format!("\nHost db\n{line}\n")).host("web").is_ok(), "{line}");
        }
    }
}

#[test]
fn what_cannot_matter_is_passed_over() {
    let hop = Case::new(
        "Host db\n ForwardAgent yes\n StrictHostKeyChecking no\n ControlMaster auto\n ProxyCommand none\n\
         PubkeyAuthentication yes\n PreferredAuthentications password,publickey\n IgnoreUnknown Foo*\n FooBar x\n\
         LocalForward 1 a:2\n CheckHostIP no\n ServerAliveInterval 0\n User x\n",
    )
    .host("db")
    .unwrap();
    assert_eq!(hop.user, "x");
    assert_eq!(hop.alive_interval, Duration::from_secs(5), "the keep-alive can't be switched off");
}

#[test]
fn the_first_of_proxy_jump_and_proxy_command_wins() {
    assert!(Case::new("Host * !gate\nProxyJump gate\nHost db\nProxyCommand nc\n").host("db").is_ok());
    assert!(Case::new("Host db\nProxyCommand nc\nHost * !gate\nProxyJump gate\n").host("db").is_err());
}

#[test]
fn match_final_comes_last() {
    // As Red Hat's system file has it: the crypto policy fills in what nobody said before.
    let text = "Match final all\n User late\n Ciphers aes256-gcm@openssh.com,aes128-cbc\nHost db\n Port 5\n User early\n";
    let hop = Case::new(text).host("db").unwrap();
    assert_eq!((hop.user.as_str(), hop.port), ("early", 5));
    let preferred = hop.algorithms.preferred(&[], false).unwrap();
    let ciphers: Vec<&str> = preferred.cipher.iter().map(AsRef::as_ref).collect();
    assert_eq!(ciphers, ["aes256-gcm@openssh.com"]);
    assert_eq!(Case::new(text).host("web").unwrap().user, "late");
}

#[test]
fn jump_hosts_in_a_circle_are_refused() {
    let refusal = refusal("Host a\nProxyJump b\nHost b\nProxyJump a\n", "a");
    assert!(refusal.why.contains("circle"), "{refusal:?}");
}

#[test]
fn algorithms_are_only_taken_away_and_known_keys_asked_for_first() {
    let preferred = |text: &str, known: &[Algorithm]| {
        Case::new(text).host("db").unwrap().algorithms.preferred(known, false).unwrap()
    };
    let names = |list: &[Algorithm]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    let default = preferred("", &[]);
    assert_eq!(names(&default.key)[0], "ssh-ed25519");
    assert_eq!(
        names(&preferred("", &[Algorithm::Rsa { hash: None }]).key)[..2],
        ["rsa-sha2-512", "rsa-sha2-256"]
    );
    assert_eq!(names(&preferred("HostKeyAlgorithms +ssh-dss\n", &[]).key), names(&default.key));
    let left = names(&preferred("HostKeyAlgorithms -ssh-*,ecdsa-*\n", &[]).key);
    assert_eq!(left, ["rsa-sha2-512", "rsa-sha2-256"]);
    assert_eq!(default.compression.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["none"]);
    let kex: Vec<String> = preferred("KexAlgorithms curve25519-sha256\n", &[])
        .kex
        .iter()
        .map(|kex| kex.as_ref().to_owned())
        .collect();
    assert_eq!(kex[0], "curve25519-sha256");
    assert!(
        kex.iter().any(|kex| kex.starts_with("kex-strict-c")),
        "the guard against cut prefixes stays: {kex:?}"
    );
    assert!(!kex.iter().any(|kex| kex.starts_with("diffie")));
}
