//! The amounts that a ledger can hold without losing a digit.
//!
//! There is no currency here: a user's balance has one, and whoever charges it knows which.

use processing::Rejection;
use rust_decimal::Decimal;

/// Decimal places of an amount at most.
pub const PLACES_MAX: u32 = 9;
/// The greatest balance, and the greatest amount of either sign: 10^18. With nine places that is 10^27 of the
/// 7.9 × 10^28 that a `Decimal` counts, so that every sum of two is exact.
pub const BALANCE_MAX: Decimal = Decimal::from_parts(2_808_348_672, 232_830_643, 0, false, 0);

/// Returns the amount without zeroes at its end, if it can be booked.
pub(crate) fn bookable(amount: Decimal) -> Result<Decimal, Rejection> {
    let amount = amount.normalize();
    if amount.scale() > PLACES_MAX || amount.abs() > BALANCE_MAX {
        let message =
            format!("the amount has more than {PLACES_MAX} places or is beyond {BALANCE_MAX}");
        return Err(Rejection::permanent("amount_out_of_range", message));
    }
    Ok(amount)
}

/// Returns the balance after a charge; it may be negative, which is for the caller to refuse.
pub(crate) fn charged(balance: Decimal, amount: Decimal) -> Result<Decimal, Rejection> {
    let after = balance.checked_add(amount);
    let after = after.filter(|after| *after <= BALANCE_MAX).ok_or_else(|| {
        let message = format!("the balance would be above {BALANCE_MAX}");
        Rejection::permanent("balance_out_of_range", message)
    })?;
    Ok(after.normalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn the_greatest_balance_is_ten_to_the_eighteenth_and_exact_to_nine_places() {
        assert_eq!(BALANCE_MAX, decimal("1000000000000000000"));
        let least = decimal("0.000000001");
        let greatest = decimal("999999999999999999.999999999");
        assert_eq!(charged(greatest, least).unwrap(), BALANCE_MAX);
        assert_eq!(charged(BALANCE_MAX, -least).unwrap(), greatest);
    }

    #[test]
    fn an_amount_is_booked_to_nine_places_and_ten_to_the_eighteenth() {
        for (amount, booked) in [
            ("1.50", "1.5"),
            ("-1.0000000000000", "-1"),
            ("0.000000001", "0.000000001"),
            ("1000000000000000000", "1000000000000000000"),
            ("-1000000000000000000", "-1000000000000000000"),
        ] {
            assert_eq!(bookable(decimal(amount)).unwrap().to_string(), booked);
        }
        for amount in [
            "0.0000000001",
            "1000000000000000000.000000001",
            "-1000000000000000001",
        ] {
            let refusal = bookable(decimal(amount)).unwrap_err();
            assert_eq!(refusal.code(), "amount_out_of_range");
        }
    }

    #[test]
    fn a_balance_above_the_greatest_is_refused() {
        let refusal = charged(BALANCE_MAX, decimal("0.000000001")).unwrap_err();
        assert_eq!(refusal.code(), "balance_out_of_range");
    }
}
