/// A 64-bit digest of data, by which a resumed run checks that its data are the same.
///
/// It is fast (several GB/s), equal on every machine, and depends on every bit, on the order and on
/// the lengths of what is added. It is not cryptographic: it detects mistakes, not attacks.
///
/// ```
/// use tinderbox_core::Digest;
///
/// let digest = |numbers: &[f32]| Digest::new().floats(numbers).value();
/// assert_eq!(digest(&[1.0, 2.0]), digest(&[1.0, 2.0]));
/// assert_ne!(digest(&[1.0, 2.0]), digest(&[2.0, 1.0]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Four, so that a core can process four words at a time.
    lanes: [u64; LANES],
}

const LANES: usize = 4;

impl Digest {
    /// The digest of nothing.
    pub const fn new() -> Self {
        // The first digits of pi.
        Self {
            lanes: [
                0x243f_6a88_85a3_08d3,
                0x1319_8a2e_0370_7344,
                0xa409_3822_299f_31d0,
                0x082e_fa98_ec4e_6c89,
            ],
        }
    }

    /// Adds a number.
    pub fn word(mut self, word: u64) -> Self {
        self.lanes[0] = step(self.lanes[0], word);
        self.lanes.rotate_left(1);
        self
    }

    /// Adds bytes and their number.
    pub fn bytes(self, bytes: &[u8]) -> Self {
        let (blocks, rest) = bytes.as_chunks::<{ 8 * LANES }>();
        let mut digest = self.word(bytes.len() as u64);
        for block in blocks {
            let (words, _) = block.as_chunks::<8>();
            for (lane, word) in digest.lanes.iter_mut().zip(words) {
                *lane = step(*lane, u64::from_le_bytes(*word));
            }
        }
        for part in rest.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            digest = digest.word(u64::from_le_bytes(word));
        }
        digest
    }

    /// Adds a string and its length.
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Adds numbers, by their bits, and how many there are: 0 and -0 differ, and so do NaNs with
    /// different bits.
    pub fn floats(self, numbers: &[f32]) -> Self {
        let (blocks, rest) = numbers.as_chunks::<{ 2 * LANES }>();
        let mut digest = self.word(numbers.len() as u64);
        for block in blocks {
            let (pairs, _) = block.as_chunks::<2>();
            for (lane, [low, high]) in digest.lanes.iter_mut().zip(pairs) {
                let word = u64::from(low.to_bits()) | u64::from(high.to_bits()) << 32;
                *lane = step(*lane, word);
            }
        }
        for number in rest {
            digest = digest.word(number.to_bits().into());
        }
        digest
    }

    /// The digest of all that was added.
    pub fn value(&self) -> u64 {
        let mixed = self.lanes.iter().fold(0, |all, &lane| step(all, lane));
        // The finalizer of SplitMix64, as in seeds: every bit of the lanes reaches every bit.
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

/// Both halves of the product, so that high bits reach low ones (as in wyhash).
fn step(lane: u64, word: u64) -> u64 {
    let product = u128::from(lane ^ word) * 0x9e37_79b9_7f4a_7c15;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_bit_the_order_and_the_length_count() {
        let whole: Vec<u8> = (0..100).collect();
        let mut seen = HashSet::from([Digest::new().bytes(&whole).value()]);
        for bit in 0..8 * whole.len() {
            let mut other = whole.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(Digest::new().bytes(&other).value()), "{bit}");
        }
        for length in 0..whole.len() {
            let cut = Digest::new().bytes(&whole[..length]).value();
            assert!(seen.insert(cut), "cut at {length}");
        }
        for place in 1..whole.len() {
            let mut other = whole.clone();
            other.swap(place - 1, place);
            assert!(seen.insert(Digest::new().bytes(&other).value()), "{place}");
        }
    }

    #[test]
    fn floats_count_by_their_bits() {
        let numbers: Vec<f32> = (0..50).map(|n| n as f32 / 7.0).collect();
        let mut seen = HashSet::from([Digest::new().floats(&numbers).value()]);
        for place in 0..numbers.len() {
            for bit in [0, 15, 31] {
                let mut other = numbers.clone();
                other[place] = f32::from_bits(other[place].to_bits() ^ 1 << bit);
                let value = Digest::new().floats(&other).value();
                assert!(seen.insert(value), "bit {bit} of {place}");
            }
        }
    }

    /// Checkpoints hold digests: if these changed, all saved checkpoints would be refused.
    #[test]
    fn digests_never_change() {
        let digest = Digest::new().text("rows").floats(&[0.5; 11]).word(7);
        assert_eq!(digest.value(), 0x62e9_ee39_3da3_2a11);
    }
}
