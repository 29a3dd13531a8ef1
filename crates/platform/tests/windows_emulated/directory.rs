//! The service pack once more, with the virtual server's version read from a real LDAP server.
//!
//! slapd stands for the configuration partition of Active Directory; what the emulated set-up writes is copied into it.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kaketsugi_emulator::Emulation;
use kaketsugi_platform::windows::{Directory, LdapDirectory};
use ldap3::{Ldap, LdapConnAsync, Mod};

use crate::kit::Site;
use crate::procedure::{carry_out, emulate, example, plan};

const ROOT: &str = "cn=admin,cn=Configuration,dc=example,dc=com";
const BASE: &str = "cn=Configuration,dc=example,dc=com";
const PASSWORD: &str = "only for this test";

struct Slapd {
    process: Child,
    url: String,
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
    fn start() -> Option<Self> {
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
             objectclass ( 1.1.2.2 NAME 'configuration' SUP top STRUCTURAL MUST cn )\n\
             pidfile {at}/pid\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
             database mdb\nsuffix \"{BASE}\"\nrootdn \"{ROOT}\"\nrootpw \"{PASSWORD}\"\ndirectory {at}/data\n",
            at = at.display()
        );
        std::fs::write(at.join("slapd.conf"), configuration).unwrap();
        // An address of its own: on 127.0.0.1 another test's server may take the port before slapd does.
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, high | 0x80, low, 1);
        let free = TcpListener::bind((address, 0)).unwrap().local_addr().unwrap();
        let url = format!("ldap://{free}");
        let process = Command::new("/usr/sbin/slapd")
            .args(["-d", "0", "-h", &url, "-f"])
            .arg(at.join("slapd.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        Some(Self { process, url, _files: files })
    }

    async fn administrator(&self) -> Ldap {
        for _ in 0..100 {
            if let Ok((connection, mut ldap)) = LdapConnAsync::new(&self.url).await {
                tokio::spawn(connection.drive());
                ldap.simple_bind(ROOT, PASSWORD).await.unwrap().success().unwrap();
                return ldap;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("slapd doesn't answer at {}", self.url)
    }

    fn directory(&self) -> LdapDirectory {
        let bind = Some((ROOT.to_owned(), PASSWORD.to_owned()));
        LdapDirectory { url: self.url.clone(), start_tls: false, bind }
    }
}

fn set(values: &[&str]) -> std::collections::HashSet<String> {
    values.iter().map(|v| (*v).to_owned()).collect()
}

async fn add(ldap: &mut Ldap, dn: &str, class: &str, cn: &str, serial: Option<&str>) {
    let mut attributes = vec![("objectClass".to_owned(), set(&[class])), ("cn".to_owned(), set(&[cn]))];
    attributes.extend(serial.map(|s| ("serialNumber".to_owned(), set(&[s]))));
    ldap.add(dn, attributes).await.unwrap().success().unwrap();
}

/// Copies the emulated directory into slapd as long as anybody holds the emulation.
async fn copy(mut ldap: Ldap, emulation: std::sync::Weak<Emulation>) {
    while let Some(emulation) = emulation.upgrade() {
        for (evs, serial) in emulation.directory().serial_numbers {
            let change = vec![Mod::Replace("serialNumber".to_owned(), set(&[&serial]))];
            ldap.modify(&format!("cn={evs},{BASE}"), change).await.unwrap().success().unwrap();
        }
        drop(emulation);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_version_is_verified_in_a_real_directory() {
    let Some(slapd) = Slapd::start() else { return };
    let mut ldap = slapd.administrator().await;
    let (emulation, estate) = emulate(&example(), "exchange-2003-sp2").await;
    let before = emulation.directory().serial_numbers["EVS1"].clone();
    assert_eq!(before, "Version 6.5 (Build 7226.6: Service Pack 1)");
    add(&mut ldap, BASE, "configuration", "Configuration", None).await;
    add(&mut ldap, &format!("cn=EVS1,{BASE}"), "msExchExchangeServer", "EVS1", Some(&before)).await;
    tokio::spawn(copy(ldap, Arc::downgrade(&emulation)));

    let directory = Arc::new(slapd.directory());
    assert_eq!(directory.serial_number("EVS1").await.unwrap(), Some(before));
    assert_eq!(directory.serial_number("EVS9").await.unwrap(), None);
    assert_eq!(directory.serial_number("*").await.unwrap(), None, "a name is no pattern");
    let wrong = LdapDirectory { bind: Some((ROOT.into(), "wrong".into())), ..slapd.directory() };
    assert!(wrong.serial_number("EVS1").await.is_err());

    let site = Site::asking(emulation, estate, "exchange-2003-sp2", directory.clone()).await;
    let plan = plan(&site, &site.look().await);
    carry_out(&site, &plan).await;
    let after = directory.serial_number("EVS1").await.unwrap();
    assert_eq!(after.as_deref(), Some("Version 6.5 (Build 7638.2: Service Pack 2)"));
}
