//! A format on texts that keep to it and texts that do not.
