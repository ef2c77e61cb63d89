//! How a measured value, which is binary floating point on the wire, becomes an exact number.
//!
//! The rule: the shortest decimal number that reads back as the same float, which is what a producer wrote,
//! rounded to nine decimal places (a tie goes to the even digit).

use processing::Rejection;
use rust_decimal::Decimal;

/// The greatest value, and the least below zero, that a rollup takes: 10^15.
pub const VALUE_MAX: f64 = 1e15;

/// Decimal places that are kept: nanoseconds of a second.
const PLACES: u32 = 9;

/// Returns the value as an exact number.
pub(crate) fn exact(value: f64) -> Result<Decimal, Rejection> {
    let out_of_range = || {
        let message = format!("the value is beyond {VALUE_MAX:e} of either sign");
        Rejection::permanent("value_out_of_range", message)
    };
    if value.is_nan() || value.abs() > VALUE_MAX {
        return Err(out_of_range());
    }
    // Written without an exponent. More digits than a decimal number has are rounded away by its reading.
    let read = value.to_string().parse::<Decimal>();
    let decimal = read.map_err(|error| out_of_range().caused_by(error))?;
    Ok(decimal.round_dp(PLACES).normalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_its_producer_wrote() {
        for (value, written) in [
            (85.2, "85.2"),
            (0.1, "0.1"),
            (-0.0, "0"),
            (1e15, "1000000000000000"),
            (-1e15, "-1000000000000000"),
            (123_456_789_012_345.67, "123456789012345.67"),
            (0.000_000_001, "0.000000001"),
        ] {
            assert_eq!(exact(value).unwrap().to_string(), written);
        }
    }

    #[test]
    fn digits_behind_the_ninth_are_rounded_and_a_tie_goes_to_the_even_one() {
        for (value, written) in [
            (0.123_456_789_12, "0.123456789"),
            (1.5e-9, "0.000000002"),
            (2.5e-9, "0.000000002"),
            (4e-10, "0"),
            (5e-324, "0"),
            (1.0 / 3.0, "0.333333333"),
        ] {
            assert_eq!(exact(value).unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_too_great_is_refused() {
        for value in [1.000_000_1e15, -2e15, f64::MAX, f64::INFINITY, f64::NAN] {
            assert_eq!(exact(value).unwrap_err().code(), "value_out_of_range");
        }
    }
}
