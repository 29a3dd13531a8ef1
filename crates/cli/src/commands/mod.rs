//! One command a file.

pub(crate) mod apply;
pub(crate) mod backups;
pub(crate) mod catalogue;
pub(crate) mod check;
pub(crate) mod diagnose;
pub(crate) mod discover;
pub(crate) mod explain;
pub(crate) mod maps;
pub(crate) mod plan;
pub(crate) mod rehearse;
pub(crate) mod report;
pub(crate) mod resume;
pub(crate) mod status;
pub(crate) mod unlock;
