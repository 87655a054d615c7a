//! Decimal numbers as people write them, read exactly.

/// A decimal number as written: digits ÷ 10^scale.
pub(super) struct Decimal {
    pub(super) digits: u128,
    scale: u32,
    pub(super) negative: bool,
}

/// Why a text is not a decimal number.
pub(super) enum DecimalRefusal {
    Malformed,
    TooLong,
}

impl Decimal {
    pub(super) const ONE: Decimal = Decimal {
        digits: 1,
        scale: 0,
        negative: false,
    };

    /// The number at the start of `text`, and what follows it without the space between.
    ///
    /// Underscores may stand between digits and an exponent may follow, as in TOML.
    pub(super) fn split(text: &str) -> Result<(Decimal, &str), DecimalRefusal> {
        use DecimalRefusal::{Malformed, TooLong};

        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let length = unsigned
            .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'))
            .unwrap_or(unsigned.len());
        let (number, mut rest) = unsigned.split_at(length);
        let (whole, fraction) = match number.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (number, None),
        };
        let well_formed = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_digit())
                && part.ends_with(|c: char| c.is_ascii_digit())
                && !part.contains("__")
                && !part.contains('.')
        };
        if !well_formed(whole) || !fraction.is_none_or(well_formed) {
            return Err(Malformed);
        }
        let fraction = fraction.unwrap_or("");
        let mut scale = i64::try_from(fraction.bytes().filter(u8::is_ascii_digit).count())
            .map_err(|_| TooLong)?;
        let mut digits: u128 = 0;
        for digit in whole.chars().chain(fraction.chars()) {
            if let Some(digit) = digit.to_digit(10) {
                digits = digits
                    .checked_mul(10)
                    .and_then(|d| d.checked_add(u128::from(digit)))
                    .ok_or(TooLong)?;
            }
        }
        if let Some(after) = rest.strip_prefix(['e', 'E']) {
            let unsigned = after.strip_prefix(['-', '+']).unwrap_or(after);
            let length = unsigned
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(unsigned.len());
            let length = length + (after.len() - unsigned.len());
            if let Ok(exponent) = after[..length].parse::<i16>() {
                scale -= i64::from(exponent);
                rest = &after[length..];
            }
        }
        while scale > 0 && digits.is_multiple_of(10) && digits > 0 {
            digits /= 10;
            scale -= 1;
        }
        if digits == 0 {
            scale = 0;
        }
        if scale < 0 {
            digits = u32::try_from(-scale)
                .ok()
                .and_then(|tens| 10u128.checked_pow(tens))
                .and_then(|tens| digits.checked_mul(tens))
                .ok_or(TooLong)?;
            scale = 0;
        }
        let scale = u32::try_from(scale).map_err(|_| TooLong)?;
        if 10u128.checked_pow(scale).is_none() {
            return Err(TooLong);
        }
        let decimal = Decimal {
            digits,
            scale,
            negative: negative && digits > 0,
        };
        Ok((decimal, rest.trim_start()))
    }

    /// 10^scale, which [`Decimal::split`] has checked to fit.
    pub(super) fn tens(&self) -> u128 {
        10u128.pow(self.scale)
    }

    /// digits × factors × more, if it fits.
    pub(super) fn product(&self, factors: &[u64], more: u128) -> Option<u128> {
        let digits = self.digits.checked_mul(more)?;
        factors.iter().try_fold(digits, |product, factor| {
            product.checked_mul(u128::from(*factor))
        })
    }
}
