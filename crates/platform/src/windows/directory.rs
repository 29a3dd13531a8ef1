//! The directory: what a virtual server's object says of it. It is only read; this program never writes there.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, ldap_escape};

use super::ldif::Object;

/// A server's object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerObject {
    /// `serialNumber`: `Version 6.5 (Build 7638.2: Service Pack 2)`.
    pub serial_number: Option<String>,
    /// How many storage groups stand below it, recovery storage groups not counted. None where none is seen: every
    /// server has one, so whoever asks may not see them.
    pub storage_groups: Option<u32>,
}

/// Why the directory gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the directory says nothing of {server}: {why}")]
pub struct DirectoryError {
    /// Which virtual server.
    pub server: String,
    /// Why.
    pub why: String,
}

/// Something that knows virtual servers, as Active Directory does.
#[async_trait]
pub trait Directory: Send + Sync + fmt::Debug {
    /// The server object with this name. None: there is no such object.
    ///
    /// # Errors
    /// When the directory can't be asked.
    async fn server(&self, name: &str) -> Result<Option<ServerObject>, DirectoryError>;
}

/// Connecting, and each question.
const TIMEOUT: Duration = Duration::from_secs(10);
/// In Active Directory the root names the partition with Exchange's objects; other servers name what they have.
const CONFIGURATION: &str = "configurationNamingContext";
const CONTEXTS: &str = "namingContexts";
/// TRUE on a recovery storage group. A schema older than that of Exchange 2003 has no such attribute, so it is looked at
/// here and not in a filter.
const RECOVERY: &str = "msExchRestore";

/// What the connector maps between the directories by: Remote.map (to 5.5) and Local.map (from it) (KB253834).
const MAPS: [&str; 2] = ["msExchServer1SchemaMap", "msExchServer2SchemaMap"];

/// An attribute with more values than Active Directory gives at once, which it calls `NAME;range=0-1499` (MS-ADTS
/// 3.1.1.3.1.3.3): what was read is not all.
fn cut_off(objects: &[Object]) -> Option<&str> {
    let names = objects.iter().flat_map(|object| &object.attributes).map(|(name, _)| name.as_str());
    names.into_iter().find(|name| name.to_lowercase().contains(";range="))
}

fn is_recovery(group: &SearchEntry) -> bool {
    let values =
        group.attrs.iter().find(|(name, _)| name.eq_ignore_ascii_case(RECOVERY)).map(|(_, values)| values);
    values.is_some_and(|values| values.iter().any(|value| value.eq_ignore_ascii_case("true")))
}

/// Active Directory, or a copy of its configuration partition, over LDAP. Each question has a connection of its own.
#[derive(Clone)]
pub struct LdapDirectory {
    /// `ldap://dc1.example.com`, `ldaps://dc1.example.com`.
    pub url: String,
    /// Whether an `ldap://` connection is encrypted before anything else is said.
    pub start_tls: bool,
    /// Who asks, and with what password. None: anonymously, which Active Directory refuses.
    pub bind: Option<(String, String)>,
}

impl fmt::Debug for LdapDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = self.bind.as_ref().map_or("anonymous", |(user, _)| user);
        write!(f, "LdapDirectory({} as {who})", self.url)
    }
}

impl LdapDirectory {
    /// What the directory holds of the Active Directory Connector's schema maps, on its policy and on its agreements
    /// (E03-ADC-MAPS). Only reads.
    ///
    /// # Errors
    /// When the directory can't be asked.
    pub async fn schema_maps(&self) -> Result<Vec<Object>, DirectoryError> {
        let filter: String = MAPS.iter().map(|name| format!("({name}=*)")).collect();
        let filter = format!("(|{filter})");
        let wanted: Vec<&str> = MAPS.iter().copied().chain(["objectClass", "versionNumber"]).collect();
        let asked = self.asking(async |ldap: &mut Ldap, base: &str| {
            let found = ldap.with_timeout(TIMEOUT).search(base, Scope::Subtree, &filter, wanted).await?;
            let (found, _) = found.success()?;
            let mut objects: Vec<Object> =
                found.into_iter().map(|entry| Object::from(SearchEntry::construct(entry))).collect();
            objects.sort();
            Ok(objects)
        });
        let failed = |why: String| DirectoryError { server: "schema maps".into(), why };
        let objects = asked.await.map_err(|why| failed(why.to_string()))?;
        if let Some(name) = cut_off(&objects) {
            return Err(failed(format!("it gives only a part of the values ({name})")));
        }
        let found = |name: &&str| {
            let mut held = objects.iter().flat_map(|object| &object.attributes);
            held.any(|(is, _)| is.eq_ignore_ascii_case(name))
        };
        match MAPS.iter().find(|name| !objects.is_empty() && !found(name)) {
            None => Ok(objects),
            Some(name) => Err(failed(format!(
                "no object shows {name}: of the two maps only one would be saved; the account may not read the rest"
            ))),
        }
    }

    async fn ask(&self, server: &str) -> Result<Option<ServerObject>, LdapError> {
        self.asking(async |ldap: &mut Ldap, base: &str| {
            let filter = format!("(&(objectClass=msExchExchangeServer)(cn={}))", ldap_escape(server));
            let found = ldap
                .with_timeout(TIMEOUT)
                .search(base, Scope::Subtree, &filter, vec!["serialNumber"])
                .await?;
            let (found, _) = found.success()?;
            let Some(entry) = found.into_iter().next().map(SearchEntry::construct) else { return Ok(None) };
            let below = ldap
                .with_timeout(TIMEOUT)
                .search(&entry.dn, Scope::Subtree, "(objectClass=msExchStorageGroup)", vec![RECOVERY])
                .await?;
            let (below, _) = below.success()?;
            let serving =
                below.into_iter().map(SearchEntry::construct).filter(|group| !is_recovery(group)).count();
            Ok(Some(ServerObject {
                serial_number: entry.attrs.get("serialNumber").and_then(|values| values.first().cloned()),
                storage_groups: u32::try_from(serving).ok().filter(|&count| count > 0),
            }))
        })
        .await
    }

    /// Asks something on a connection of its own, of the partition with Exchange's objects.
    async fn asking<T>(
        &self,
        question: impl AsyncFnOnce(&mut Ldap, &str) -> Result<T, LdapError>,
    ) -> Result<T, LdapError> {
        let settings = LdapConnSettings::new().set_conn_timeout(TIMEOUT).set_starttls(self.start_tls);
        let (connection, mut ldap) = LdapConnAsync::with_settings(settings, &self.url).await?;
        let driver = tokio::spawn(connection.drive());
        let answer = async {
            if let Some((user, password)) = &self.bind {
                ldap.with_timeout(TIMEOUT).simple_bind(user, password).await?.success()?;
            }
            let root = ldap.with_timeout(TIMEOUT).search(
                "",
                Scope::Base,
                "(objectClass=*)",
                vec![CONFIGURATION, CONTEXTS],
            );
            let (root, _) = root.await?.success()?;
            let root = root.into_iter().next().map(SearchEntry::construct);
            let named = |name: &str| root.as_ref().and_then(|e| e.attrs.get(name)?.first().cloned());
            let base = named(CONFIGURATION).or_else(|| named(CONTEXTS)).unwrap_or_default();
            question(&mut ldap, &base).await
        };
        let answer = answer.await;
        // The answer is here; how the connection ends changes nothing about it.
        let _ = ldap.unbind().await;
        driver.abort();
        answer
    }
}

#[async_trait]
impl Directory for LdapDirectory {
    async fn server(&self, name: &str) -> Result<Option<ServerObject>, DirectoryError> {
        self.ask(name).await.map_err(|why| DirectoryError { server: name.to_owned(), why: why.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_values_is_not_taken_for_all() {
        let object = |name: &str| {
            vec![Object { dn: "CN=a".into(), attributes: vec![(name.into(), vec![b"x".to_vec()])] }]
        };
        assert_eq!(cut_off(&object("msExchServer1SchemaMap")), None);
        let part = object("msExchServer1SchemaMap;range=0-1499");
        assert_eq!(cut_off(&part), Some("msExchServer1SchemaMap;range=0-1499"));
    }
}
