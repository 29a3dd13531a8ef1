//! The published JSON schema of plans is up to date.

#[test]
fn the_published_schema_of_plans_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema/plan.schema.json");
    let schema = kaketsugi_plan::schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == schema,
        "docs/schema/plan.schema.json differs from the types; write it anew with\n\
         UPDATE_SCHEMA=1 cargo nextest run -p kaketsugi-plan the_published_schema_of_plans_is_up_to_date"
    );
}
