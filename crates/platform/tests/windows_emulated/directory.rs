//! The service pack once more, with the virtual server's version read from a real LDAP server.
//!
//! slapd stands for the configuration partition of Active Directory; what the emulated set-up writes is copied into it.

use std::sync::Arc;

use kaketsugi_estate::GroupId;
use kaketsugi_platform::windows::{Directory, LdapDirectory, ServerObject};

use crate::kit::Site;
use crate::procedure::{carry_out, emulate, example, plan};
use crate::slapd::{READER, READER_PASSWORD, Slapd};

#[tokio::test]
async fn the_version_is_verified_in_a_real_directory() {
    let Some(slapd) = Slapd::start() else { return };
    let mut example = example();
    example.rehearsal.groups.get_mut(&GroupId::new("EVS1").unwrap()).unwrap().storage_groups = Some(3);
    let (emulation, estate) = emulate(&example, "exchange-2003-sp2").await;
    let before = emulation.directory().serial_numbers["EVS1"].clone();
    assert_eq!(before, "Version 6.5 (Build 7226.6: Service Pack 1)");
    slapd.follow(&emulation).await;
    let named = |password: &str| LdapDirectory {
        url: slapd.url.clone(),
        start_tls: false,
        bind: Some((READER.into(), password.into())),
    };

    let directory = Arc::new(named(READER_PASSWORD));
    // Three storage groups, and one beside them that a restore goes into.
    let object = ServerObject { serial_number: Some(before), storage_groups: Some(3) };
    assert_eq!(directory.server("EVS1").await.unwrap(), Some(object));
    assert_eq!(directory.server("EVS9").await.unwrap(), None);
    assert_eq!(directory.server("*").await.unwrap(), None, "a name is no pattern");
    assert!(named("wrong").server("EVS1").await.is_err());

    // The connector's policy has its maps; nothing else is read with it, and nothing is written by reading.
    assert_eq!(directory.schema_maps().await.unwrap(), []);
    // One of the two alone is less than all.
    slapd.half_a_map().await;
    assert!(directory.schema_maps().await.unwrap_err().to_string().contains("msExchServer2SchemaMap"));
    slapd.map("to 5.5", "from 5.5").await;
    let before = slapd.all().await;
    let [policy, _] = &directory.schema_maps().await.unwrap()[..] else { panic!("two objects") };
    assert!(policy.dn.starts_with("cn=Default ADC Policy,"), "{policy:?}");
    let names: Vec<&str> = policy.attributes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["msExchServer1SchemaMap", "msExchServer2SchemaMap", "objectClass"]);
    assert_eq!(policy.attributes[1].1, [b"from 5.5".to_vec()]);
    assert_eq!(slapd.all().await, before);

    let site = Site::asking(emulation, estate, "exchange-2003-sp2", directory.clone()).await;
    let plan = plan(&site, &site.look().await);
    carry_out(&site, &plan).await;
    let after = directory.server("EVS1").await.unwrap().unwrap().serial_number;
    assert_eq!(after.as_deref(), Some("Version 6.5 (Build 7638.2: Service Pack 2)"));
    assert_eq!(after, Some(slapd.serial("EVS1").await), "an administrator of the directory sees the same");
}
