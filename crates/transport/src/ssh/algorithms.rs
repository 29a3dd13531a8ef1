//! Which algorithms may be used: those of the SSH library, less what ssh_config takes away.
//!
//! `+` and `^` lists can't add what the library doesn't have, and the order stays ours: they take nothing away.
//! Compression is never asked for.

use std::borrow::Cow;

use russh::keys::ssh_key::public::KeyData;
use russh::keys::{Algorithm, HashAlg, PublicKey};
use russh::{Preferred, compression};

use super::config::Values;
use super::config_file::Refusal;
use super::pattern;

/// The smallest RSA key that is taken when ssh_config doesn't ask for more, as in OpenSSH.
const RSA_BITS_MIN: u32 = 1024;

/// What ssh_config allows.
#[derive(Debug, Clone)]
pub(super) struct Algorithms {
    ciphers: Rule,
    macs: Rule,
    kex: Rule,
    host_keys: Rule,
    user_keys: Rule,
    authorities: Rule,
    rsa_bits_min: u32,
}

/// One list of names, and where it stands.
#[derive(Debug, Clone, Default)]
struct Rule {
    place: Option<String>,
    patterns: Vec<String>,
    /// Whether the patterns are taken away rather than allowed alone.
    takes_away: bool,
}

impl Rule {
    fn of(values: &Values, keywords: &[&str]) -> Self {
        let Some((list, place)) = keywords.iter().find_map(|keyword| values.one(keyword)) else {
            return Self::default();
        };
        let (takes_away, list) = match list.chars().next() {
            Some('+' | '^') => return Self::default(),
            Some('-') => (true, &list[1..]),
            _ => (false, list),
        };
        Self {
            place: Some(place.to_owned()),
            patterns: list.split(',').map(str::to_owned).collect(),
            takes_away,
        }
    }

    fn allows(&self, name: &str) -> bool {
        self.place.is_none()
            || pattern::list_matches(self.patterns.iter().map(String::as_str), name) != self.takes_away
    }

    /// The names of the list that are allowed; a refusal when none is left.
    fn filter<T: Clone>(&self, all: &[T], name: impl Fn(&T) -> String) -> Result<Vec<T>, Refusal> {
        let left: Vec<T> = all.iter().filter(|item| self.allows(&name(item))).cloned().collect();
        match &self.place {
            Some(place) if left.is_empty() => Err(Refusal::at(
                place,
                format!("none of these algorithms is known here; known are {}", names(all, name)),
                "Allow one of them for this host",
            )),
            _ => Ok(left),
        }
    }
}

fn names<T>(all: &[T], name: impl Fn(&T) -> String) -> String {
    all.iter().map(name).collect::<Vec<_>>().join(",")
}

/// A name that only announces an extension, and is no way to exchange keys.
fn is_extension(name: &str) -> bool {
    name.starts_with("ext-info-") || name.starts_with("kex-strict-")
}

impl Algorithms {
    pub(super) fn of(values: &Values) -> Result<Self, Refusal> {
        let rsa_bits_min = match values.one("requiredrsasize") {
            None => RSA_BITS_MIN,
            Some((bits, place)) => {
                let why = || Refusal::at(place, format!("`{bits}` is no number of bits"), "Write a number");
                bits.parse::<u32>().map_err(|_| why())?.max(RSA_BITS_MIN)
            }
        };
        let algorithms = Self {
            ciphers: Rule::of(values, &["ciphers"]),
            macs: Rule::of(values, &["macs"]),
            kex: Rule::of(values, &["kexalgorithms"]),
            host_keys: Rule::of(values, &["hostkeyalgorithms"]),
            user_keys: Rule::of(values, &["pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes"]),
            authorities: Rule::of(values, &["casignaturealgorithms"]),
            rsa_bits_min,
        };
        // So that a list that leaves nothing is told before anything is connected.
        algorithms.preferred(&[], false)?;
        Ok(algorithms)
    }

    /// The lists for a connection to a host that is known by keys of these algorithms, which are asked for first.
    pub(super) fn preferred(&self, known: &[Algorithm], certificates: bool) -> Result<Preferred, Refusal> {
        let default = Preferred::DEFAULT;
        let name = |name: &dyn AsRef<str>| name.as_ref().to_owned();
        let (extensions, kex): (Vec<_>, Vec<_>) =
            default.kex.iter().copied().partition(|kex| is_extension(kex.as_ref()));
        let mut kex = self.kex.filter(&kex, |kex| name(kex))?;
        kex.extend(extensions);
        let mut key = self.host_keys.filter(&default.key, ToString::to_string)?;
        // RSA signs with several hashes: the key is the same.
        let plain = |algorithm: &Algorithm| match algorithm {
            Algorithm::Rsa { .. } => Algorithm::Rsa { hash: None },
            other => other.clone(),
        };
        let known: Vec<_> = known.iter().map(plain).collect();
        // A stable sort: among the known and among the unknown the order stays.
        key.sort_by_key(|algorithm| !known.contains(&plain(algorithm)));
        let host_key_certificates: Vec<_> = if certificates {
            default
                .key
                .iter()
                .filter(|key| self.host_keys.allows(&key.to_certificate_type()))
                .cloned()
                .collect()
        } else {
            Vec::new()
        };
        Ok(Preferred {
            kex: Cow::Owned(kex),
            key: Cow::Owned(key),
            host_key_certificates: Cow::Owned(host_key_certificates),
            cipher: Cow::Owned(self.ciphers.filter(&default.cipher, |cipher| name(cipher))?),
            mac: Cow::Owned(self.macs.filter(&default.mac, |mac| name(mac))?),
            compression: Cow::Borrowed(&[compression::NONE]),
        })
    }

    /// Why a key of a host or an authority is too weak, if it is.
    pub(super) fn too_weak(&self, key: &KeyData) -> Option<String> {
        match key {
            KeyData::Rsa(rsa) if rsa.key_size() < self.rsa_bits_min => Some(format!(
                "an RSA key of {} bits is too short; {} are asked for",
                rsa.key_size(),
                self.rsa_bits_min
            )),
            _ => None,
        }
    }

    /// Whether an authority may sign certificates with this algorithm.
    pub(super) fn authority_allowed(&self, algorithm: &Algorithm) -> bool {
        self.authorities.allows(algorithm.as_ref())
    }

    /// The hash to sign with for a log-in with this key: `None` means that the key may not be used, `Some(None)` that it needs no hash.
    ///
    /// `server` is what the server said it takes for RSA. SHA-1 is never used to log in.
    pub(super) fn user_key_hash(&self, key: &PublicKey, server: Option<HashAlg>) -> Option<Option<HashAlg>> {
        if self.too_weak(key.key_data()).is_some() {
            return None;
        }
        match key.algorithm() {
            Algorithm::Rsa { .. } => {
                let wanted = server.filter(|hash| matches!(hash, HashAlg::Sha256 | HashAlg::Sha512));
                let order = [wanted.unwrap_or(HashAlg::Sha256), HashAlg::Sha512, HashAlg::Sha256];
                let allowed =
                    |hash: &HashAlg| self.user_keys.allows(Algorithm::Rsa { hash: Some(*hash) }.as_ref());
                order.into_iter().find(allowed).map(Some)
            }
            other => self.user_keys.allows(other.as_ref()).then_some(None),
        }
    }
}
