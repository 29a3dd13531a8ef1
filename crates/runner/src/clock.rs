//! The controller's clock: the only place that reads it.

use kaketsugi_estate::Millis;

/// Now, by the controller's clock.
#[must_use]
pub fn now() -> Millis {
    Millis(u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default())
}
