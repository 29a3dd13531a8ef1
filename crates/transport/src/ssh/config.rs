//! What ssh_config says about one host.
//!
//! As in ssh_config(5) the first value of a keyword wins, `IdentityFile` adds up, `Host` patterns decide which lines
//! count, and `Match final` comes last. What isn't understood is never guessed at: a keyword that changes whom we trust
//! or which way we go, and that we don't do, is refused with its place; one that can't matter to us is passed over.

use std::collections::BTreeMap;

use super::config_file::{Line, Refusal};
use super::pattern;

/// What a keyword is to us.
enum Kind {
    /// We act on it.
    Known,
    /// It can't change whom we trust, who we are, or which way we go.
    Harmless,
    /// It is refused unless one of these (in lower case) stands in its value, with which it says nothing.
    RefusedUnless(&'static [&'static str]),
}

fn kind(keyword: &str) -> Option<Kind> {
    Some(match keyword {
        "hostname"
        | "user"
        | "port"
        | "identityfile"
        | "identitiesonly"
        | "identityagent"
        | "proxyjump"
        | "userknownhostsfile"
        | "globalknownhostsfile"
        | "hostkeyalias"
        | "connecttimeout"
        | "serveraliveinterval"
        | "serveralivecountmax"
        | "addressfamily"
        | "ciphers"
        | "macs"
        | "kexalgorithms"
        | "hostkeyalgorithms"
        | "pubkeyacceptedalgorithms"
        | "pubkeyacceptedkeytypes"
        | "casignaturealgorithms"
        | "requiredrsasize"
        | "ignoreunknown" => Kind::Known,
        // Other ways to log in and to forward, which we never take; displays, multiplexing, logs; and what would only
        // make us less strict or more talkative (StrictHostKeyChecking, UpdateHostKeys, VerifyHostKeyDNS).
        "addkeystoagent"
        | "batchmode"
        | "canonicaldomains"
        | "canonicalizefallbacklocal"
        | "canonicalizemaxdots"
        | "challengeresponseauthentication"
        | "clearallforwardings"
        | "compression"
        | "connectionattempts"
        | "controlmaster"
        | "controlpath"
        | "controlpersist"
        | "dynamicforward"
        | "enableescapecommandline"
        | "enablesshkeysign"
        | "escapechar"
        | "exitonforwardfailure"
        | "fingerprinthash"
        | "forkafterauthentication"
        | "forwardagent"
        | "forwardx11"
        | "forwardx11timeout"
        | "forwardx11trusted"
        | "gatewayports"
        | "gssapiauthentication"
        | "gssapiclientidentity"
        | "gssapidelegatecredentials"
        | "gssapikexalgorithms"
        | "gssapikeyexchange"
        | "gssapirenewalforcesrekey"
        | "gssapiserveridentity"
        | "gssapitrustdns"
        | "hashknownhosts"
        | "ipqos"
        | "kbdinteractiveauthentication"
        | "kbdinteractivedevices"
        | "localcommand"
        | "localforward"
        | "loglevel"
        | "logverbose"
        | "nohostauthenticationforlocalhost"
        | "numberofpasswordprompts"
        | "obscurekeystroketiming"
        | "passwordauthentication"
        | "permitlocalcommand"
        | "permitremoteopen"
        | "rekeylimit"
        | "remoteforward"
        | "requesttty"
        | "securitykeyprovider"
        | "sendenv"
        | "sessiontype"
        | "stdinnull"
        | "streamlocalbindmask"
        | "streamlocalbindunlink"
        | "stricthostkeychecking"
        | "syslogfacility"
        | "tag"
        | "tcpkeepalive"
        | "tunnel"
        | "tunneldevice"
        | "updatehostkeys"
        | "useblacklistedkeys"
        | "usekeychain"
        | "verifyhostkeydns"
        | "versionaddendum"
        | "visualhostkey"
        | "warnweakcrypto"
        | "xauthlocation"
        | "channeltimeout"
        | "hostbasedacceptedalgorithms"
        | "hostbasedkeytypes"
        | "setenv" => Kind::Harmless,
        "proxycommand" | "knownhostscommand" | "revokedhostkeys" | "pkcs11provider" | "certificatefile"
        | "remotecommand" | "bindaddress" | "bindinterface" => Kind::RefusedUnless(&["none"]),
        "proxyusefdpass" | "canonicalizehostname" | "checkhostip" | "hostbasedauthentication" => {
            Kind::RefusedUnless(&["no"])
        }
        "pubkeyauthentication" => Kind::RefusedUnless(&["yes", "unbound", "host-bound"]),
        "preferredauthentications" => Kind::RefusedUnless(&["publickey"]),
        "canonicalizepermittedcnames" => Kind::RefusedUnless(&["none"]),
        _ => return None,
    })
}

/// The values that count for one host, each with its place.
#[derive(Debug, Default, Clone)]
pub(super) struct Values {
    first: BTreeMap<String, (Vec<String>, String)>,
    /// All `IdentityFile` values, in their order.
    pub(super) identity_files: Vec<String>,
    ignored: Vec<String>,
}

impl Values {
    /// Collects what the files say about the host that was called by this name.
    pub(super) fn of(alias: &str, files: &[Vec<Line>]) -> Result<Self, Refusal> {
        let mut values = Self::default();
        let mut has_final = false;
        for lines in files {
            values.walk(alias, lines, true, false, &mut has_final)?;
        }
        if has_final {
            for lines in files {
                values.walk(alias, lines, true, true, &mut has_final)?;
            }
        }
        Ok(values)
    }

    /// The arguments of a keyword (in lower case), with their place.
    pub(super) fn get(&self, keyword: &str) -> Option<(&[String], &str)> {
        self.first.get(keyword).map(|(arguments, place)| (arguments.as_slice(), place.as_str()))
    }

    /// The only argument of a keyword, with its place.
    pub(super) fn one(&self, keyword: &str) -> Option<(&str, &str)> {
        self.get(keyword).and_then(|(arguments, place)| Some((arguments.first()?.as_str(), place)))
    }

    /// `final_pass`: only the blocks of `Match final` count; all else was taken before, and the first value wins.
    fn walk(
        &mut self,
        alias: &str,
        lines: &[Line],
        outer: bool,
        final_pass: bool,
        has_final: &mut bool,
    ) -> Result<(), Refusal> {
        let mut active = outer && !final_pass;
        for line in lines {
            match line.keyword.as_str() {
                "host" => {
                    let fits = pattern::list_matches(line.arguments.iter().map(String::as_str), alias);
                    active = outer && !final_pass && fits;
                }
                "match" => {
                    let criteria: Vec<_> = line.arguments.iter().map(|word| word.to_lowercase()).collect();
                    let is_final = criteria.iter().any(|word| word == "final");
                    let understood =
                        !criteria.is_empty() && criteria.iter().all(|word| word == "all" || word == "final");
                    if outer && !understood {
                        return Err(Refusal::at(
                            &line.place,
                            "`Match` is understood only as `Match all` and `Match final all`; it can't be told whether this block concerns the host",
                            "Write the block with `Host`, or give the host's settings in the estate file and name another ssh_config there",
                        ));
                    }
                    *has_final |= outer && is_final;
                    active = outer && (is_final == final_pass);
                }
                "include" => {
                    for file in &line.included {
                        // In the final pass a block inside the file decides for itself; see `Match` above.
                        self.walk(alias, file, active || (outer && final_pass), final_pass, has_final)?;
                    }
                }
                _ if active => self.take(line)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, line: &Line) -> Result<(), Refusal> {
        let keyword = line.keyword.as_str();
        let Some(kind) = kind(keyword) else {
            if pattern::list_matches(self.ignored.iter().map(String::as_str), keyword) {
                return Ok(());
            }
            return Err(Refusal::at(
                &line.place,
                format!("`{keyword}` isn't a keyword that is known here, and might matter"),
                "Correct it, or name it with IgnoreUnknown before this line",
            ));
        };
        let Some(first) = line.arguments.first() else {
            return Err(Refusal::at(&line.place, format!("`{keyword}` has no value"), "Give it one"));
        };
        match kind {
            Kind::Harmless => return Ok(()),
            Kind::RefusedUnless(values)
                if first.to_lowercase().split(',').any(|word| values.contains(&word)) => {}
            // Decided by an earlier line, with a value that says nothing.
            Kind::RefusedUnless(_) if self.first.contains_key(keyword) => {}
            // ProxyJump and ProxyCommand: whichever comes first wins, as in OpenSSH.
            Kind::RefusedUnless(_) if keyword == "proxycommand" && self.first.contains_key("proxyjump") => {}
            Kind::RefusedUnless(_) => return Err(refused(keyword, &line.place)),
            Kind::Known if keyword == "identityfile" => {
                if !self.identity_files.contains(first) {
                    self.identity_files.push(first.clone());
                }
                return Ok(());
            }
            Kind::Known if keyword == "ignoreunknown" => {
                self.ignored
                    .extend(line.arguments.iter().flat_map(|list| list.split(',')).map(str::to_lowercase));
            }
            Kind::Known => {}
        }
        let value = (line.arguments.clone(), line.place.clone());
        self.first.entry(keyword.to_owned()).or_insert(value);
        Ok(())
    }
}

fn refused(keyword: &str, place: &str) -> Refusal {
    let remedy = match keyword {
        "proxycommand" | "proxyusefdpass" => "Write the way as ProxyJump, which is done here",
        "knownhostscommand" => "Let the command write a file, and name it with UserKnownHostsFile",
        "revokedhostkeys" => "Put the revoked keys into a known_hosts file, as `@revoked * KEY`",
        "certificatefile" | "pkcs11provider" => {
            "Load the key or certificate into an ssh-agent, which is used here"
        }
        "pubkeyauthentication" | "hostbasedauthentication" | "preferredauthentications" => {
            "Only public keys are used to log in here: take the line out for this host"
        }
        _ => {
            "Take the line out for this host, or give the host's settings in the estate file and name another ssh_config there"
        }
    };
    Refusal::at(
        place,
        format!(
            "`{keyword}` isn't done here, and passing over it would change whom we trust or which way we go"
        ),
        remedy,
    )
}
