//! Names of time zones.

use super::{Checker, hinted};
use crate::diagnostic::{Place, did_you_mean};

impl Checker<'_> {
    pub(super) fn zone(&mut self, name: &str, place: &Place) {
        let zones = jiff::tz::db();
        if zones.get(name).is_ok() {
            return;
        }
        // Without a database of zones on this machine nothing can be said about names.
        let known: Vec<String> = zones.available().map(|zone| zone.to_string()).collect();
        if known.is_empty() {
            return;
        }
        // People write the city alone, or use a space for the underscore.
        let city = format!("/{}", name.replace(' ', "_").to_lowercase());
        let by_city = known.iter().find(|zone| zone.to_lowercase().ends_with(&city));
        // `CEST` is near to `CET` in letters only.
        let is_abbreviation = name.chars().all(|character| character.is_ascii_uppercase());
        let near = || did_you_mean(name, known.iter().map(String::as_str));
        let near = || near().filter(|_| !is_abbreviation);
        let hint = match by_city.map(String::as_str).or_else(near) {
            Some(zone) => format!("did you mean `{zone}`?"),
            None => "zones are named after a city, such as `Europe/Lisbon`, or `UTC`".to_owned(),
        };
        let message = format!("`{name}` is not a time zone");
        self.report("definition.zone", place, message).hint = hinted(hint);
    }
}
