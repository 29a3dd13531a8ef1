//! What is known: rule register, releases and builds, product profiles, diagnoses
