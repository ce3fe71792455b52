//! Rules: bounds in order, patterns that compile, formats that do not exclude each other.

use std::cmp::Ordering;

use jiff::civil::{Date, DateTime, Time};

use super::{Checker, column::is_empty_text, hinted};
use crate::{
    definition::{Rules, Scalar},
    diagnostic::Place,
};

impl Checker<'_> {
    pub(super) fn rules(&mut self, rules: &Rules, place: &Place) {
        if let Some(pattern) = &rules.pattern {
            self.pattern(pattern, &place.key("pattern"));
        }
        if let (Some(least), Some(most)) = (rules.min_length, rules.max_length)
            && least > most
        {
            let message = "`min_length` is greater than `max_length`";
            self.report("definition.order", &place.key("min_length"), message);
        }
        self.bounds(rules, place);
        self.one_of(rules, &place.key("enum"));
        let forms =
            [("email", rules.email), ("url", rules.url), ("ip", rules.ip), ("phone", rules.phone)];
        let given: Vec<_> = forms.iter().filter(|(_, given)| *given).map(|(key, _)| key).collect();
        if let [first, others @ ..] = given.as_slice() {
            for other in others {
                let message = format!("no value is both `{first}` and `{other}`");
                self.report_key("definition.conflict", &place.key(**other), message);
            }
        }
    }

    fn bounds(&mut self, rules: &Rules, place: &Place) {
        for (key, bound) in [("minimum", &rules.minimum), ("maximum", &rules.maximum)] {
            if matches!(bound, Some(Scalar::Bool(_))) {
                let message = "`true` and `false` have no order";
                self.report("definition.type", &place.key(key), message);
            }
            if bound.as_ref().is_some_and(is_empty_text) {
                self.report("definition.empty", &place.key(key), format!("`{key}` is empty"));
            }
        }
        let (Some(least), Some(most)) = (&rules.minimum, &rules.maximum) else { return };
        match compare(least, most) {
            Some(Ordering::Greater) => {
                let message = "`minimum` is greater than `maximum`";
                self.report("definition.order", &place.key("minimum"), message);
            }
            None if is_number(least) != is_number(most) => {
                let message = "`minimum` and `maximum` are of different kinds";
                self.report("definition.conflict", &place.key("maximum"), message).hint =
                    hinted("both are numbers, or both are text (dates are written as text)");
            }
            _ => {}
        }
    }

    fn one_of(&mut self, rules: &Rules, place: &Place) {
        let Some(values) = &rules.one_of else { return };
        if values.is_empty() {
            let message = "the list of values is empty, so every value would be rejected";
            self.report("definition.empty", place, message);
        }
        for (index, value) in values.iter().enumerate() {
            if values[..index].contains(value) {
                let message = format!("`{value}` stands here twice");
                self.report("definition.duplicate", &place.index(index), message);
            }
        }
    }
}

fn is_number(value: &Scalar) -> bool {
    number(value).is_some()
}

/// The number of a constant; exact decimals are written as text.
fn number(value: &Scalar) -> Option<f64> {
    match value {
        Scalar::Int(number) => Some(*number as f64),
        Scalar::Float(number) => Some(*number),
        Scalar::Text(text) => text.trim().parse().ok(),
        Scalar::Bool(_) => None,
    }
}

/// The order of two bounds, `None` where only the column's type could tell.
fn compare(left: &Scalar, right: &Scalar) -> Option<Ordering> {
    if let (Scalar::Int(left), Scalar::Int(right)) = (left, right) {
        return Some(left.cmp(right));
    }
    if let (Some(left), Some(right)) = (number(left), number(right)) {
        return left.partial_cmp(&right);
    }
    let (Scalar::Text(left), Scalar::Text(right)) = (left, right) else { return None };
    let dates = left.parse::<Date>().ok().zip(right.parse::<Date>().ok());
    let date_times = left.parse::<DateTime>().ok().zip(right.parse::<DateTime>().ok());
    let times = left.parse::<Time>().ok().zip(right.parse::<Time>().ok());
    let order = date_times.map(|(left, right)| left.cmp(&right));
    let order = order.or_else(|| dates.map(|(left, right)| left.cmp(&right)));
    order.or_else(|| times.map(|(left, right)| left.cmp(&right)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_of_one_kind_have_an_order() {
        let text = |text: &str| Scalar::Text(text.to_owned());
        for (least, most, order) in [
            (Scalar::Int(1), Scalar::Int(2), Some(Ordering::Less)),
            (Scalar::Int(i64::MAX), Scalar::Int(i64::MAX - 1), Some(Ordering::Greater)),
            (Scalar::Float(1.5), Scalar::Int(1), Some(Ordering::Greater)),
            (text("0.10"), text("0.9"), Some(Ordering::Less)),
            (text("2020-02-01"), text("2020-01-31"), Some(Ordering::Greater)),
            (text("2020-01-01 10:00"), text("2020-01-01 09:00"), Some(Ordering::Greater)),
            (text("09:00"), text("17:30"), Some(Ordering::Less)),
            (text("2020-01-01"), text("today"), None),
            (Scalar::Int(1), text("today"), None),
        ] {
            assert_eq!(compare(&least, &most), order, "{least} {most}");
        }
    }
}
