//! known_hosts files: which key a host must show.
//!
//! Read are plain, hashed (`|1|salt|hash`), wildcard and negated host patterns, `[host]:port`, and the marks
//! `@revoked` and `@cert-authority`, as `SSH_KNOWN_HOSTS FILE FORMAT` in sshd(8) describes them. Nothing is ever
//! written: keys are not learned on first sight.
//!
//! As OpenSSH does it, a host on another port than 22 that has no line of its own (`[host]:port`) is also known by a
//! line for the bare host, if the key is the same. Stricter than OpenSSH: a `@revoked` line that can't be read is an
//! error rather than a warning.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey, parse_public_key_base64};
use sha1::Sha1;

use super::pattern;
use crate::HostKeyProblem;

/// What the known_hosts files say, read once.
#[derive(Debug, Default)]
pub(super) struct KnownHosts {
    entries: Vec<Entry>,
    files: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Key,
    Authority,
    Revoked,
}

#[derive(Debug)]
struct Entry {
    mark: Mark,
    hosts: String,
    key: PublicKey,
    file: PathBuf,
    line: usize,
}

/// The names under which a host may stand in the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// What is looked up: `host`, `[host]:port`, or the HostKeyAlias. Lower case.
    pub(super) lookup: String,
    /// The host without its port, as certificates name it. Lower case.
    pub(super) bare: String,
}

impl Names {
    pub(super) fn new(host: &str, port: u16, alias: Option<&str>) -> Self {
        let bare = alias.unwrap_or(host).to_lowercase();
        let lookup = if alias.is_some() || port == 22 { bare.clone() } else { format!("[{bare}]:{port}") };
        Self { lookup, bare }
    }
}

/// A file that can't be used, and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub(super) place: String,
    pub(super) why: String,
}

impl KnownHosts {
    /// Reads the files; one that isn't there is no mistake.
    pub(super) fn read(files: &[PathBuf]) -> Result<Self, Unreadable> {
        let mut known = Self::default();
        for file in files {
            match fs::read(file) {
                Ok(bytes) => known.parse(file, &String::from_utf8_lossy(&bytes))?,
                Err(why) if why.kind() == ErrorKind::NotFound => {}
                Err(why) => {
                    return Err(Unreadable { place: file.display().to_string(), why: why.to_string() });
                }
            }
        }
        Ok(known)
    }

    fn parse(&mut self, file: &Path, text: &str) -> Result<(), Unreadable> {
        self.files.push(file.to_owned());
        for (index, line) in text.lines().enumerate() {
            let mut words = line.split_ascii_whitespace();
            let mark = match words.clone().next() {
                None => continue,
                Some(word) if word.starts_with('#') => continue,
                Some("@cert-authority") => Mark::Authority,
                Some("@revoked") => Mark::Revoked,
                Some(_) => Mark::Key,
            };
            if mark != Mark::Key {
                words.next();
            }
            let (hosts, _algorithm, key) = (words.next(), words.next(), words.next());
            let key = key.and_then(|key| parse_public_key_base64(key).ok());
            match (hosts, key) {
                (Some(hosts), Some(key)) => self.entries.push(Entry {
                    mark,
                    hosts: hosts.to_owned(),
                    key,
                    file: file.to_owned(),
                    line: index + 1,
                }),
                _ if mark == Mark::Revoked => {
                    return Err(Unreadable {
                        place: format!("{}:{}", file.display(), index + 1),
                        why: "a @revoked line can't be read, so a revoked key might be trusted".to_owned(),
                    });
                }
                // A key type of tomorrow, or a broken line: it can only make us know less.
                _ => {
                    tracing::warn!(file = %file.display(), line = index + 1, "unreadable known_hosts line passed over")
                }
            }
        }
        Ok(())
    }

    fn of<'a>(&'a self, mark: Mark, name: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| entry.mark == mark && names_host(&entry.hosts, name))
    }

    fn of_either<'a>(&'a self, mark: Mark, names: &'a Names) -> impl Iterator<Item = &'a Entry> {
        self.entries.iter().filter(move |entry| {
            entry.mark == mark
                && (names_host(&entry.hosts, &names.lookup) || names_host(&entry.hosts, &names.bare))
        })
    }

    /// The algorithms of the keys by which the host is known: it has to be asked for these first, or it may show
    /// another of its keys, which nobody knows.
    pub(super) fn algorithms(&self, names: &Names) -> Vec<Algorithm> {
        let exact: Vec<_> = self.of(Mark::Key, &names.lookup).map(|entry| entry.key.algorithm()).collect();
        if exact.is_empty() {
            self.of(Mark::Key, &names.bare).map(|entry| entry.key.algorithm()).collect()
        } else {
            exact
        }
    }

    /// Whether a certificate authority stands for this host, so that it is worth asking for a host certificate.
    pub(super) fn has_authority(&self, names: &Names) -> bool {
        self.of_either(Mark::Authority, names).next().is_some()
    }

    /// Judges a bare key that the host showed.
    pub(super) fn check(&self, names: &Names, key: &PublicKey) -> Result<(), HostKeyProblem> {
        self.not_revoked(names, key)?;
        let same = |entry: &Entry| entry.key.key_data() == key.key_data();
        let known: Vec<_> = self.of(Mark::Key, &names.lookup).collect();
        if known.iter().any(|entry| same(entry)) {
            return Ok(());
        }
        let fingerprint = key.fingerprint(HashAlg::Sha256).to_string();
        let (name, algorithm) = (names.lookup.clone(), key.algorithm().to_string());
        if let Some(entry) = known.first() {
            let (file, line) = (entry.file.clone(), entry.line);
            return Err(HostKeyProblem::Changed { name, algorithm, fingerprint, file, line });
        }
        let mut note = None;
        if names.lookup != names.bare {
            let bare: Vec<_> = self.of(Mark::Key, &names.bare).collect();
            if bare.iter().any(|entry| same(entry)) {
                return Ok(());
            }
            note = bare.first().map(|entry| {
                format!("{}:{} knows {} by another key", entry.file.display(), entry.line, names.bare)
            });
        }
        if let Some(entry) = self.of_either(Mark::Authority, names).next() {
            note = Some(format!(
                "{}:{} trusts a certificate authority for it, but the host showed a bare key",
                entry.file.display(),
                entry.line
            ));
        }
        Err(HostKeyProblem::Unknown { name, algorithm, fingerprint, files: self.files.clone(), note })
    }

    /// Judges a host certificate: signed by an authority that stands for this host, for this host by name, in its
    /// time, a host certificate without critical options (none are defined for hosts).
    pub(super) fn check_certificate(
        &self,
        names: &Names,
        certificate: &Certificate,
        unix_seconds: u64,
    ) -> Result<(), HostKeyProblem> {
        let subject = PublicKey::new(certificate.public_key().clone(), "");
        let authority = PublicKey::new(certificate.signature_key().clone(), "");
        self.not_revoked(names, &subject)?;
        self.not_revoked(names, &authority)?;
        let trusted: Vec<_> = self
            .of_either(Mark::Authority, names)
            .map(|entry| entry.key.fingerprint(HashAlg::Sha256))
            .collect();
        let authority_fingerprint = authority.fingerprint(HashAlg::Sha256);
        let why_not = if !trusted.contains(&authority_fingerprint) {
            Some("is signed by an authority that no @cert-authority line trusts for this host".to_owned())
        } else if certificate.cert_type() != CertType::Host {
            Some("is for users, not for hosts".to_owned())
        } else if !certificate
            .valid_principals()
            .iter()
            .any(|principal| principal.to_lowercase() == names.bare)
        {
            Some(format!("is for {:?}, not for {}", certificate.valid_principals(), names.bare))
        } else if !certificate.critical_options().is_empty() {
            Some("has critical options, and none are known for hosts".to_owned())
        } else if certificate.validate_at(unix_seconds, &trusted).is_err() {
            Some("is outside its time, or its signature is wrong".to_owned())
        } else {
            None
        };
        match why_not {
            None => Ok(()),
            Some(why) => Err(HostKeyProblem::Unknown {
                name: names.lookup.clone(),
                algorithm: certificate.algorithm().to_certificate_type(),
                fingerprint: subject.fingerprint(HashAlg::Sha256).to_string(),
                files: self.files.clone(),
                note: Some(format!("its certificate, by {authority_fingerprint}, {why}")),
            }),
        }
    }

    fn not_revoked(&self, names: &Names, key: &PublicKey) -> Result<(), HostKeyProblem> {
        match self.of_either(Mark::Revoked, names).find(|entry| entry.key.key_data() == key.key_data()) {
            None => Ok(()),
            Some(entry) => Err(HostKeyProblem::Revoked {
                name: names.lookup.clone(),
                fingerprint: key.fingerprint(HashAlg::Sha256).to_string(),
                file: entry.file.clone(),
                line: entry.line,
            }),
        }
    }
}

/// Whether the first field of a line names the host.
fn names_host(hosts: &str, name: &str) -> bool {
    match hosts.strip_prefix("|1|") {
        // A hashed field holds one name, and nothing else.
        Some(hashed) => {
            let Some((salt, hash)) = hashed.split_once('|') else { return false };
            let (Ok(salt), Ok(hash)) = (BASE64.decode(salt.as_bytes()), BASE64.decode(hash.as_bytes()))
            else {
                return false;
            };
            Hmac::<Sha1>::new_from_slice(&salt)
                .is_ok_and(|hmac| hmac.chain_update(name).verify_slice(&hash).is_ok())
        }
        None => pattern::list_matches(hosts.to_lowercase().split(','), name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const B: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIN+Wjn4+4Fcvl2JlKpggT+wCRxpSvtqqpVrQrKN1/A22";

    fn known(text: &str) -> KnownHosts {
        let mut known = KnownHosts::default();
        known.parse(Path::new("/kh"), &text.replace("$A", A).replace("$B", B)).unwrap();
        known
    }

    fn key(base64: &str) -> PublicKey {
        parse_public_key_base64(base64).unwrap()
    }

    fn check(text: &str, host: &str, port: u16) -> Result<(), HostKeyProblem> {
        known(text).check(&Names::new(host, port, None), &key(A))
    }

    #[test]
    fn a_key_is_known_by_name_port_wildcard_and_alias() {
        assert!(check("db,10.0.0.1 ssh-ed25519 $A comment", "10.0.0.1", 22).is_ok());
        assert!(check("DB ssh-ed25519 $A", "Db", 22).is_ok());
        assert!(check("[db]:2222 ssh-ed25519 $A", "db", 2222).is_ok());
        assert!(check("*.lab,!x.lab ssh-ed25519 $A", "db.lab", 22).is_ok());
        assert!(check("db ssh-ed25519 $A", "db", 2222).is_ok(), "the bare host, with the same key");
        let names = Names::new("10.0.0.9", 2222, Some("Mail"));
        assert!(known("mail ssh-ed25519 $A").check(&names, &key(A)).is_ok());
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for (text, host, port) in [
            ("", "db", 22),
            ("*.lab,!db.lab ssh-ed25519 $A", "db.lab", 22),
            ("[db]:2222 ssh-ed25519 $A", "db", 22),
            ("db ssh-ed25519 $B", "db", 2222),
            ("@cert-authority db ssh-ed25519 $A", "db", 22),
            ("# db ssh-ed25519 $A", "db", 22),
            ("db ssh-ed25519 AAAAbroken", "db", 22),
        ] {
            let problem = check(text, host, port).unwrap_err();
            assert!(matches!(problem, HostKeyProblem::Unknown { .. }), "{text}: {problem}");
        }
    }

    #[test]
    fn another_key_is_a_change_and_the_line_is_told() {
        let text = "# a comment\n\nweb ssh-ed25519 $A\ndb ssh-ed25519 $B";
        match check(text, "db", 22).unwrap_err() {
            HostKeyProblem::Changed { line, file, .. } => assert_eq!((line, file), (4, "/kh".into())),
            other => panic!("{other}"),
        }
        assert!(check("db ssh-ed25519 $B\ndb ssh-ed25519 $A", "db", 22).is_ok(), "several keys are fine");
    }

    #[test]
    fn a_revoked_key_is_refused_though_another_line_knows_it() {
        let problem = check("db ssh-ed25519 $A\n@revoked * ssh-ed25519 $A", "db", 22).unwrap_err();
        assert!(matches!(problem, HostKeyProblem::Revoked { line: 2, .. }), "{problem}");
        assert!(check("db ssh-ed25519 $A\n@revoked * ssh-ed25519 $B", "db", 22).is_ok());
        let mut known = KnownHosts::default();
        assert!(known.parse(Path::new("/kh"), "@revoked * ssh-ed25519 AAAAbroken").is_err());
    }

    #[test]
    fn hashed_names_hold_with_and_without_a_port() {
        let hashed = |name: &str| {
            let salt = [7u8; 20];
            let hash =
                Hmac::<Sha1>::new_from_slice(&salt).unwrap().chain_update(name).finalize().into_bytes();
            format!("|1|{}|{} ssh-ed25519 {A}", BASE64.encode(&salt), BASE64.encode(&hash))
        };
        assert!(check(&hashed("db.lab"), "DB.lab", 22).is_ok());
        assert!(check(&hashed("[db.lab]:2222"), "db.lab", 2222).is_ok());
        assert!(check(&hashed("db.lab"), "web.lab", 22).is_err());
        assert!(check(&format!("|1|!!|!! ssh-ed25519 {A}"), "db.lab", 22).is_err());
    }

    #[test]
    fn the_host_is_asked_for_the_keys_it_is_known_by() {
        let known = known("db ssh-ed25519 $A\n@revoked db ssh-ed25519 $B");
        assert_eq!(known.algorithms(&Names::new("db", 22, None)), [Algorithm::Ed25519]);
        assert_eq!(known.algorithms(&Names::new("db", 2222, None)), [Algorithm::Ed25519]);
        assert_eq!(known.algorithms(&Names::new("web", 22, None)), []);
    }
}
