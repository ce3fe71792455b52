//! Exact order of numbers: decimals are compared digit by digit, never through a float.

use std::cmp::Ordering;

use crate::value::{Decimal, Interval};

/// Which of two decimals is greater; `None` where one is not a number.
pub(in crate::transform) fn decimals(left: Decimal<'_>, right: Decimal<'_>) -> Option<Ordering> {
    let left = Normal::of(left)?;
    let right = Normal::of(right)?;
    Some(left.sign.cmp(&right.sign).then_with(|| {
        let magnitudes = left.magnitude().cmp(&right.magnitude());
        if left.sign < 0 { magnitudes.reverse() } else { magnitudes }
    }))
}

/// A decimal without needless zeros: `0.digits × 10^scale`.
struct Normal<'a> {
    /// -1, 0 or 1.
    sign: i8,
    /// The power of ten just above the first digit; `i64::MAX` for infinity.
    scale: i64,
    digits: &'a [u8],
}

impl<'a> Normal<'a> {
    fn of(decimal: Decimal<'a>) -> Option<Self> {
        let sign = if decimal.negative { -1 } else { 1 };
        if let Some(special) = decimal.special {
            let infinite = special == crate::value::DecimalSpecial::Infinity;
            return infinite.then_some(Self { sign, scale: i64::MAX, digits: &[] });
        }
        let all = decimal.digits;
        let Some(first) = all.iter().position(|digit| *digit != b'0') else {
            return Some(Self { sign: 0, scale: 0, digits: &[] });
        };
        let last = all.iter().rposition(|digit| *digit != b'0').unwrap_or(first);
        let scale = i64::from(decimal.exponent) + i64::try_from(all.len() - first).ok()?;
        Some(Self { sign, scale, digits: &all[first..=last] })
    }

    /// Orders numbers of one sign: digits without trailing zeros sort as text.
    fn magnitude(&self) -> (i64, &'a [u8]) {
        (self.scale, self.digits)
    }
}

/// A whole number's digits, to compare it with decimals.
pub(in crate::transform) fn with_integer<R>(
    number: i64,
    compare: impl FnOnce(Decimal<'_>) -> R,
) -> R {
    let mut digits = [b'0'; 20];
    let mut rest = number.unsigned_abs();
    for digit in digits.iter_mut().rev() {
        // A remainder of ten is a digit.
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    compare(Decimal { negative: number < 0, digits: &digits, exponent: 0, special: None })
}

/// An interval as PostgreSQL compares it: months of 30 days, days of 24 hours.
pub(super) fn interval_micros(interval: Interval) -> i128 {
    let days = i128::from(interval.months) * 30 + i128::from(interval.days);
    days * i128::from(crate::value::DAY_MICROS) + i128::from(interval.micros)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{transform::constant::OwnedDecimal, value::DecimalSpecial};

    fn order(left: &str, right: &str) -> Option<Ordering> {
        let number = |text| OwnedDecimal::parse(text).expect("a number");
        decimals(number(left).lend(), number(right).lend())
    }

    #[test]
    fn decimals_are_compared_exactly() {
        for (left, right, expected) in [
            ("0", "-0.00", Ordering::Equal),
            ("12.50", "0012.5", Ordering::Equal),
            ("0.1", "0.09", Ordering::Greater),
            ("-2", "-10", Ordering::Greater),
            ("-2", "0", Ordering::Less),
            ("100", "99.9999999999999999999999", Ordering::Greater),
            ("9007199254740993", "9007199254740992", Ordering::Greater),
        ] {
            assert_eq!(order(left, right), Some(expected), "{left} {right}");
            assert_eq!(order(right, left), Some(expected.reverse()), "{right} {left}");
        }
    }

    #[test]
    fn infinity_is_greatest_and_nan_has_no_place() {
        let special =
            |special| Decimal { negative: false, digits: &[], exponent: 0, special: Some(special) };
        let infinity = special(DecimalSpecial::Infinity);
        with_integer(i64::MAX, |most| {
            assert_eq!(decimals(infinity, most), Some(Ordering::Greater));
            assert_eq!(
                decimals(Decimal { negative: true, ..infinity }, most),
                Some(Ordering::Less)
            );
            assert_eq!(decimals(special(DecimalSpecial::Nan), most), None);
        });
    }

    proptest! {
        #[test]
        fn whole_numbers_keep_their_order(left in any::<i64>(), right in any::<i64>()) {
            let order = with_integer(left, |left| with_integer(right, |right| decimals(left, right)));
            prop_assert_eq!(order, Some(left.cmp(&right)));
        }

        #[test]
        fn scaled_numbers_keep_their_order(left in -9999i64..9999, right in -9999i64..9999, scale in 0usize..4) {
            let scaled = |n: i64| format!("{}{}.{:0scale$}", if n < 0 { "-" } else { "" },
                n.abs() / 10i64.pow(scale as u32), n.abs() % 10i64.pow(scale as u32));
            let text = |n| scaled(n).trim_end_matches('.').to_owned();
            prop_assert_eq!(order(&text(left), &text(right)), Some(left.cmp(&right)));
        }
    }
}
