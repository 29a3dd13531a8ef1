//! `maps`: saves the schema maps of the Active Directory Connector from the directory to a file (E03-ADC-MAPS).

use std::path::Path;

use kaketsugi_platform::windows::ldif;

use crate::args::Global;
use crate::exit::{Code, Failure};
use crate::output::Output;
use crate::{directory, files};

const HELP: &str = "Name a domain controller in the estate file ([directory]) or with --directory ldap://HOST, and an account \
    that may read there with --directory-user and --directory-password-file.";

pub(crate) async fn run(
    global: &Global,
    output: &Output,
    estate: &Path,
    out: &Path,
) -> Result<Code, Failure> {
    let estate = files::estate(estate)?;
    let Some(directory) = directory::ldap(&global.directory, &estate)? else {
        return Err(Failure::cannot("no directory is named", HELP));
    };
    let objects = directory
        .schema_maps()
        .await
        .map_err(|source| Failure::because("the schema maps can't be read", source, HELP))?;
    if objects.is_empty() {
        return Err(Failure::cannot(
            "the directory shows no object with msExchServer1SchemaMap or msExchServer2SchemaMap",
            "Either the Active Directory Connector was never installed there, or the account may not read its objects. \
             Nothing was written.",
        ));
    }
    let text = ldif::text(&objects);
    files::write_new(out, &text, "What was saved before is never overwritten: name another file.")?;
    let digest = ldif::digest(&text);
    let names: Vec<&str> = objects.iter().map(|object| object.dn.as_str()).collect();
    let said = serde_json::json!({
        "file": out.display().to_string(), "sha256": digest, "objects": names,
    });
    output.result(&said, || {
        let mut text = format!("{} holds the schema maps of:\n", out.display());
        for name in &names {
            text.push_str(&format!("  {}\n", kaketsugi_transport::sanitize(name)));
        }
        text.push_str(&format!(
            "SHA-256 {digest}\nKeep it with the backups. Nothing was changed in the directory, and this program never does."
        ));
        text
    });
    Ok(Code::Done)
}
