//! The JSON schema of plans, as it is published.

use schemars::generate::SchemaSettings;

use crate::Plan;

/// The JSON schema of plan files, as it is published in `docs/schema/plan.schema.json`.
#[must_use]
pub fn schema() -> String {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Plan>();
    // Maps of strings, numbers and lists: writing them can't fail.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
