//! What is known: the rule register, releases and builds, product profiles, diagnoses, services to stop.
//!
//! Everything here is data: files below `data/`, embedded when the crate is built, parsed once, with typed access.
//! The crate decides nothing and does no I/O. Each fact names its source and how certain it is ([`Certainty`]);
//! what is only our own knowledge says so, and it is for policy to say whether a machine may act on it.
//!
//! | question | answer |
//! |---|---|
//! | what does KB 328839 ask, and how strongly? | [`rules()`] |
//! | what else is cited, and what does it say? | [`sources()`], [`cite`] |
//! | which build is that? | [`builds()`] |
//! | what is this release, does it fit, how is it installed and proven? | [`releases()`] |
//! | how does this product live on that kind of cluster? | [`profiles()`] |
//! | what does this log, this exit code mean? | [`diagnose`], [`diagnoses()`] |
//! | what stands in the way of a service pack on Windows? | [`services_to_stop()`] |

mod build;
mod builds;
mod certainty;
mod diagnose;
mod diagnoses;
mod embedded;
mod fit;
mod profiles;
mod release_parts;
mod releases;
mod rules;
mod services;
mod sources;

pub use build::{Build, ParseBuildError, VersionText};
pub use builds::{BuildRow, BuildTable, Neighbours, Precision, RowKind, builds};
pub use certainty::{Certainty, ParseCertaintyError};
pub use diagnose::{Match, diagnose};
pub use diagnoses::{Cause, Diagnoses, Diagnosis, Platform, Remedy, Symptom, diagnoses};
pub use fit::{Fit, Installed};
pub use kaketsugi_estate::ReleaseId;
pub use profiles::{
    ClusterByHand, Drain, ExpectedSeconds, HandCommands, Layer, Profile, Profiles, ResourceProfile, profiles,
};
pub use release_parts::{
    ClusterServiceState, CommandLine, ExitCode, ExitMeaning, FromBuilds, Installer, LogFile, Marked,
    MarkedBuild, MissingValue, Prerequisite, Proof, ProofKind, Restart,
};
pub use releases::{Catalogue, Release, ReleaseKind, releases};
pub use rules::{Force, HotfixReading, Kind, Register, Rule, Scope, rules};
pub use services::{Advice, RecognisedBy, ServiceEntry, ServicesToStop, services_to_stop};
pub use sources::{Citation, Source, SourceKind, Sources, cite, sources};
