//! The directory that knows the versions of Exchange virtual servers, as the command line or the estate file names it.

use std::sync::Arc;

use kaketsugi_estate::{Account, ClusterKind, DirectoryAccess, Estate, GroupSeen, Product, Snapshot};
use kaketsugi_knowledge::profiles;
use kaketsugi_plan::{Action, Payload, Plan};
use kaketsugi_platform::windows::{Directory, LdapDirectory};

use crate::access;
use crate::args::{DirectoryArgs, Global};
use crate::exit::Failure;

const HELP: &str = "The upgrade of a virtual server shows in its directory object alone. Name a domain controller in \
    the estate file ([directory]) or with --directory ldap://HOST, and an account that may read there with --directory-user and --directory-password-file.";

/// The directory that is named, if one is. The command line's word goes before the estate file's.
pub(crate) fn named(args: &DirectoryArgs, estate: &Estate) -> Result<Option<Arc<dyn Directory>>, Failure> {
    Ok(ldap(args, estate)?.map(|directory| Arc::new(directory) as Arc<dyn Directory>))
}

/// The same, as what it is.
pub(crate) fn ldap(args: &DirectoryArgs, estate: &Estate) -> Result<Option<LdapDirectory>, Failure> {
    let Some(url) = args.url.clone() else {
        return estate.access.directory.as_ref().map(access::directory).transpose();
    };
    let account = match (&args.user, &args.password_file) {
        (None, None) => None,
        (Some(user), Some(file)) => Some(Account {
            user: user.clone(),
            password_file: Some(file.display().to_string()),
            password_env: None,
        }),
        _ => {
            return Err(Failure::cannot(
                "an account for the directory has a name and a password",
                "Give both --directory-user and --directory-password-file, or neither.",
            ));
        }
    };
    access::directory(&DirectoryAccess { url, start_tls: args.start_tls, account }).map(Some)
}

/// Refuses to carry out a plan that upgrades virtual servers while no directory is named: the run would stop in the
/// middle of the upgrade, with users cut off.
pub(crate) fn needed(plan: &Plan, global: &Global) -> Result<(), Failure> {
    let named = global.directory.url.is_some() || plan.estate.access.directory.is_some();
    let upgrades = plan.steps.iter().any(|step| matches!(step.action, Action::UpgradeGroup { .. }));
    if upgrades && !named {
        return Err(Failure::cannot("this plan upgrades virtual servers, and no directory is named", HELP));
    }
    Ok(())
}

/// Refuses to plan such an upgrade where the version of a virtual server can't be read.
pub(crate) fn versions_known(payload: &Payload, snapshot: &Snapshot) -> Result<(), Failure> {
    if !payload.group_upgrade {
        return Ok(());
    }
    let groups = snapshot.clusters.values().flat_map(|cluster| &cluster.groups);
    let unknown: Vec<&str> =
        groups.filter(|(_, g)| g.version.is_none() && is_evs(g)).map(|(id, _)| id.as_str()).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Failure::cannot(
        format!("the version of {} can't be read in the directory", unknown.join(", ")),
        HELP,
    ))
}

fn is_evs(group: &GroupSeen) -> bool {
    profiles()
        .get(Product::Exchange2003.as_str(), ClusterKind::Windows)
        .is_some_and(|profile| group.resources.iter().any(|r| profile.is_product_type(&r.kind)))
}
