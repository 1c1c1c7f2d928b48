use super::Extended;

fn number(text: &str) -> Extended {
    Extended::parse(text.as_bytes()).unwrap_or_else(|| panic!("{text}"))
}

/// Sums as Redis 8.0 prints them for INCRBYFLOAT.
#[test]
fn sums_are_printed_as_by_the_reference() {
    for (one, other, sum) in [
        ("0", "0.1", "0.1"),
        ("0.1", "0.2", "0.3"),
        ("10.5", "0.1", "10.6"),
        ("5.0e3", "200", "5200"),
        ("3.14", "-3.14", "0"),
        ("-0", "-0.0", "0"),
        ("0.3", "-0.00000000000000000000001", "0.3"),
        ("1", "1e-17", "1.00000000000000001"),
        ("1", "1e-18", "1"),
        ("8", "1e-4940", "8"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("18446744073709551615", "1", "18446744073709551616"),
        ("18446744073709551616", "1", "18446744073709551616"),
        ("18446744073709551616", "3", "18446744073709551620"),
        ("1e30", "0", "1000000000000000000024696061952"),
        ("-1.5", "0.25", "-1.25"),
    ] {
        assert_eq!(number(one).plus(number(other)).text(), sum, "{one} + {other}");
        assert_eq!(number(other).plus(number(one)).text(), sum, "{other} + {one}");
    }
}

#[test]
fn sums_of_integers_are_exact_while_they_fit() {
    let integers = [0, 1, -1, 2, 3, 10, -7, 1 << 52, (1 << 53) + 1, i64::MAX, i64::MIN, i64::MAX / 3];
    for one in integers {
        for other in integers {
            let sum = Extended::from(one).plus(Extended::from(other));
            let exact = i128::from(one) + i128::from(other);
            assert_eq!(sum.text(), exact.to_string(), "{one} + {other}");
            assert_eq!(Extended::from(one).partial_cmp(&Extended::from(other)), one.partial_cmp(&other));
        }
    }
}

#[test]
fn what_is_too_large_is_infinite() {
    let largest = number("0x1.fffffffffffffffep16383");
    assert!(largest.is_finite() && largest.text().len() == 4933);
    assert!(!largest.plus(largest).is_finite());
    assert!(!Extended::INFINITE.plus(Extended::ZERO).is_finite());
    assert_eq!(largest.plus(largest.negated()), Extended::ZERO);
    assert!(largest < Extended::INFINITE && Extended::INFINITE.negated() < largest.negated());
}

/// As Redis 8.0 prints them: digits beyond the 64 bits of a significand show.
#[test]
fn texts_have_17_decimals_at_most() {
    for (text, printed) in [
        ("0.7", "0.7"),
        ("12.34", "12.34"),
        ("3.14159265358979323", "3.14159265358979323"),
        ("-0.00000000000000001", "-0.00000000000000001"),
        ("1234.5678", "1234.56779999999999997"),
        ("99999999999.12345678", "99999999999.12345678359270096"),
    ] {
        assert_eq!(number(text).text(), printed);
    }
}
