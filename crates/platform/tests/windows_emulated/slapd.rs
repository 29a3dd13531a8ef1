//! A real LDAP server in the place of a domain controller: what the emulated set-up writes into the emulated directory
//! is copied into it, and the program reads it there.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use kaketsugi_emulator::Emulation;
use ldap3::{Ldap, LdapConnAsync, Mod, Scope, SearchEntry};

const BASE: &str = "cn=Configuration,dc=example,dc=com";
const ROOT: &str = "cn=admin,cn=Configuration,dc=example,dc=com";
/// Who asks in the program's name; may read, and nothing else.
pub(crate) const READER: &str = "cn=reader,cn=Configuration,dc=example,dc=com";
pub(crate) const READER_PASSWORD: &str = "reads only";
const ROOT_PASSWORD: &str = "only for this test";

/// slapd, which ends with this value.
pub(crate) struct Slapd {
    process: Child,
    pub(crate) url: String,
    _files: tempfile::TempDir,
}

impl Drop for Slapd {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Slapd {
    /// None: it isn't installed, which only a machine that isn't CI may say.
    pub(crate) fn start() -> Option<Self> {
        if !Path::new("/usr/sbin/slapd").exists() {
            assert!(std::env::var("CI").is_err(), "slapd is missing: apt-get install slapd");
            eprintln!("left out: slapd isn't installed (apt-get install slapd)");
            return None;
        }
        let files = tempfile::tempdir().unwrap();
        let at = files.path();
        std::fs::create_dir(at.join("data")).unwrap();
        let configuration = format!(
            "include /etc/ldap/schema/core.schema\n\
             objectclass ( 1.1.2.1 NAME 'msExchExchangeServer' SUP top STRUCTURAL MUST cn MAY serialNumber )\n\
             attributetype ( 1.1.1.1 NAME 'msExchRestore' SYNTAX 1.3.6.1.4.1.1466.115.121.1.7 SINGLE-VALUE )\n\
             attributetype ( 1.1.1.2 NAME 'msExchServer1SchemaMap' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )\n\
             attributetype ( 1.1.1.3 NAME 'msExchServer2SchemaMap' SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )\n\
             objectclass ( 1.1.2.5 NAME 'msExchSchemaMapPolicy' SUP top STRUCTURAL MUST cn MAY \
             ( msExchServer1SchemaMap $ msExchServer2SchemaMap ) )\n\
             objectclass ( 1.1.2.2 NAME 'configuration' SUP top STRUCTURAL MUST cn )\n\
             objectclass ( 1.1.2.3 NAME 'msExchStorageGroup' SUP top STRUCTURAL MUST cn MAY msExchRestore )\n\
             objectclass ( 1.1.2.4 NAME 'msExchInformationStore' SUP top STRUCTURAL MUST cn )\n\
             pidfile {at}/pid\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
             database mdb\nsuffix \"{BASE}\"\nrootdn \"{ROOT}\"\nrootpw \"{ROOT_PASSWORD}\"\ndirectory {at}/data\n\
             access to attrs=userPassword by anonymous auth by * none\n\
             access to * by dn.exact=\"{READER}\" read by * none\n",
            at = at.display()
        );
        std::fs::write(at.join("slapd.conf"), configuration).unwrap();
        let url = format!("ldap://{}", free_address());
        let process = Command::new("/usr/sbin/slapd")
            .args(["-d", "0", "-h", &url, "-f"])
            .arg(at.join("slapd.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Some(Self { process, url, _files: files })
    }

    /// Fills it with what the emulated directory holds, and copies every change as long as the emulation lives.
    pub(crate) async fn follow(&self, emulation: &Arc<Emulation>) {
        let mut ldap = self.administrator().await;
        add(&mut ldap, BASE, &[("objectClass", "configuration"), ("cn", "Configuration")]).await;
        let reader = [
            ("objectClass", "person"),
            ("cn", "reader"),
            ("sn", "reader"),
            ("userPassword", READER_PASSWORD),
        ];
        add(&mut ldap, READER, &reader).await;
        let directory = emulation.directory();
        let copied = directory.serial_numbers;
        for (evs, serial) in &copied {
            let entry = [("objectClass", "msExchExchangeServer"), ("cn", evs), ("serialNumber", serial)];
            add(&mut ldap, &format!("cn={evs},{BASE}"), &entry).await;
            let store = format!("cn=InformationStore,cn={evs},{BASE}");
            add(&mut ldap, &store, &[("objectClass", "msExchInformationStore"), ("cn", "InformationStore")])
                .await;
            let groups =
                (1..=directory.storage_groups[evs]).map(|number| (format!("Group {number}"), "FALSE"));
            for (name, restore) in groups.chain([("Recovery Storage Group".to_owned(), "TRUE")]) {
                let entry =
                    [("objectClass", "msExchStorageGroup"), ("cn", &name), ("msExchRestore", restore)];
                add(&mut ldap, &format!("cn={name},{store}"), &entry).await;
            }
        }
        tokio::spawn(copy(ldap, Arc::downgrade(emulation), copied));
    }

    async fn administrator(&self) -> Ldap {
        for _ in 0..200 {
            if let Ok((connection, mut ldap)) = LdapConnAsync::new(&self.url).await {
                tokio::spawn(connection.drive());
                ldap.with_timeout(Duration::from_secs(20));
                ldap.simple_bind(ROOT, ROOT_PASSWORD).await.unwrap().success().unwrap();
                return ldap;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("slapd doesn't answer at {}", self.url)
    }

    /// Puts the policy of the Active Directory Connector there, with its two maps.
    pub(crate) async fn map(&self, to_55: &str, from_55: &str) {
        let policy = [
            ("objectClass", "msExchSchemaMapPolicy"),
            ("cn", "Default ADC Policy"),
            ("msExchServer1SchemaMap", to_55),
            ("msExchServer2SchemaMap", from_55),
        ];
        add(&mut self.administrator().await, &format!("cn=Default ADC Policy,{BASE}"), &policy).await;
    }

    /// Puts an agreement there that shows one of the maps.
    pub(crate) async fn half_a_map(&self) {
        let agreement = [
            ("objectClass", "msExchSchemaMapPolicy"),
            ("cn", "Half"),
            ("msExchServer1SchemaMap", "remote##"),
        ];
        add(&mut self.administrator().await, &format!("cn=Half,{BASE}"), &agreement).await;
    }

    /// All that it holds, stamps and sequence numbers among it.
    pub(crate) async fn all(&self) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
        let mut ldap = self.administrator().await;
        let search = ldap.search(BASE, Scope::Subtree, "(objectClass=*)", vec!["*", "+"]);
        let (found, _) = search.await.unwrap().success().unwrap();
        let entries = found.into_iter().map(SearchEntry::construct);
        entries.map(|entry| (entry.dn, entry.attrs.into_iter().collect())).collect()
    }

    /// What it says of a virtual server.
    pub(crate) async fn serial(&self, evs: &str) -> String {
        let mut ldap = self.administrator().await;
        let dn = format!("cn={evs},{BASE}");
        let search = ldap.search(&dn, Scope::Base, "(objectClass=*)", vec!["serialNumber"]);
        let (found, _) = search.await.unwrap().success().unwrap();
        SearchEntry::construct(found.into_iter().next().unwrap()).attrs["serialNumber"][0].clone()
    }
}

/// A free port of a loopback address of its own. On 127.0.0.1 another test's server may take the port before slapd
/// does, and an LDAP client waits for a word of it for ever.
fn free_address() -> SocketAddr {
    static COUNT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let address = Ipv4Addr::new(127, high | 0x80, low, COUNT.fetch_add(1, Ordering::Relaxed));
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap()
}

async fn add(ldap: &mut Ldap, dn: &str, attributes: &[(&str, &str)]) {
    let attributes = attributes.iter().map(|(name, value)| (*name, [*value].into())).collect();
    ldap.add(dn, attributes).await.unwrap().success().unwrap();
}

async fn copy(mut ldap: Ldap, emulation: Weak<Emulation>, mut copied: BTreeMap<String, String>) {
    while let Some(emulation) = emulation.upgrade() {
        for (evs, serial) in emulation.directory().serial_numbers {
            if copied.get(&evs) != Some(&serial) {
                let change = vec![Mod::Replace("serialNumber", [serial.as_str()].into())];
                ldap.modify(&format!("cn={evs},{BASE}"), change).await.unwrap().success().unwrap();
                copied.insert(evs, serial);
            }
        }
        drop(emulation);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
