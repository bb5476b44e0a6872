//! Numbers as papers print them.

/// Three significant digits, in scientific notation where plain digits would be unreadable.
pub fn number(v: f64) -> String {
    let size = v.abs();
    if v == 0.0 {
        "0".into()
    } else if (1e-4..1e6).contains(&size) {
        let decimals = (2.0 - size.log10().floor()).max(0.0) as usize;
        format!("{v:.decimals$}")
    } else {
        format!("{v:.2e}")
    }
}

/// `p = 0.011`, or `p < 0.001`.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".into() } else { format!("p = {p:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count_from_the_first_that_is_not_zero() {
        let printed = [0.0, 0.5, -12.345, 1234.5, 0.00123456, 1.5e-7].map(number);
        assert_eq!(printed, ["0", "0.500", "-12.3", "1234", "0.00123", "1.50e-7"]);
        assert_eq!([0.0112, 0.0004, 1.0].map(p_value), ["p = 0.011", "p < 0.001", "p = 1.000"]);
    }
}
