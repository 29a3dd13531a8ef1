//! The lint against right plans, and against plans that are broken on purpose.

mod kit;
mod mutations;
mod right_plans;
