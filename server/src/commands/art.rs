//! LOLWUT: a spinel crystal, an octahedron, in a light that is never quite the same.

use super::HostCall;
use spinel_storage::Error;
use spinel_storage::system::random_word;

/// Rows of half a crystal.
const HEIGHT: i64 = 8;
/// From dark to bright.
const SHADES: &[u8] = b" .:-=+*%#@";

pub(super) fn lolwut(call: &mut HostCall<'_>) -> Result<(), Error> {
    if call.args.remaining() > 1 && call.args.accept("version") {
        // Versions of Redis drew different things; here there is one drawing.
        let version = call.args.integer();
        // The two whose drawings took arguments, numbers all, refuse others.
        while matches!(version, 5 | 6) && call.args.remaining() > 0 {
            call.args.integer();
        }
        call.args.check()?;
    }

    let mut text = crystal(random_word());
    text.push_str(concat!("\nSpinelDB ver. ", env!("CARGO_PKG_VERSION"), "\n"));
    call.reply.verbatim("txt", text.as_bytes());
    Ok(())
}

/// Draws eight facets, four of them in sight, each in the shade that `light` gives it.
fn crystal(light: u64) -> String {
    let shade = |x: i64, y: i64| {
        let facet = 2 * u32::from(y > 0) + u32::from(x > 0);
        let brightness = (light >> (8 * facet)) as u8 % SHADES.len() as u8;
        char::from(SHADES[usize::from(brightness)])
    };
    let mut text = String::new();
    for y in -HEIGHT..=HEIGHT {
        let half = 2 * (HEIGHT - y.abs());
        let (left, right) = match y.signum() {
            -1 => ('/', '\\'),
            0 => ('<', '>'),
            _ => ('\\', '/'),
        };
        text.extend(std::iter::repeat_n(' ', (2 * HEIGHT - half) as usize));
        text.push(left);
        text.extend((-half..=half).map(|x| match (x, y) {
            (0, _) => '|',
            (_, 0) => '-',
            _ => shade(x, y),
        }));
        text.push(right);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crystal_is_symmetric_in_outline_and_differs_in_light() {
        let drawing = crystal(0x0708_0901);
        let lines: Vec<&str> = drawing.lines().collect();
        assert_eq!(lines.len(), 17);
        for (upper, lower) in lines.iter().zip(lines.iter().rev()) {
            assert_eq!(upper.len(), lower.len());
        }
        assert_eq!(lines[8].len(), 35);
        assert_ne!(drawing, crystal(0x0102_0304));
    }
}
